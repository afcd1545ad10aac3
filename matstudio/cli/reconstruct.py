"""`matstudio reconstruct`: the live models over files."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from matstudio.bus.processes import ONE_THREAD
from matstudio.cli.files import existing, writable
from matstudio.cli.main import CheckFailed, UsageError

if TYPE_CHECKING:
    from matstudio.modelhost.inputs import Input
    from matstudio.modelhost.rerun import Report

INTERRUPTED = 130


def reconstruct(arguments: argparse.Namespace) -> int:
    """Run the models over files, write the estimates, and hold them against those that were recorded."""
    os.environ.update(ONE_THREAD)  # as in the model host: sums over several threads end in other bits
    from matstudio.modelhost.inputs import inputs

    paths = [existing(p) for p in arguments.file]
    first = writable(arguments.out)
    reports: list[Report] = []
    for number, open_input in enumerate(inputs(paths), 1):
        out = first if number == 1 else first.with_name(f"{first.stem}-{number}{first.suffix}")
        if out.exists():
            raise UsageError(f"{out}: exists already")
        source = open_input()
        try:
            reports.append(_one(source, out, arguments))
        finally:
            source.close()
        if not arguments.json:
            print(reports[-1].text())
        if not reports[-1].complete:
            break
    if arguments.json:
        print(json.dumps({"inputs": [r.as_dict() for r in reports]}, ensure_ascii=False))
    if not reports[-1].complete:
        return INTERRUPTED
    broken = [f"{r.title}: {name}" for r in reports for name in r.broken]
    if broken:
        raise CheckFailed(f"the same models gave other estimates: {', '.join(broken)}")
    return 0


def _one(source: Input, out: Path, arguments: argparse.Namespace) -> Report:
    from matstudio.modelhost.rerun import Rerun

    rerun = Rerun(source, _models(arguments.model, source), every=arguments.all)
    begun = time.monotonic()
    told = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told < 0.5 and done < total:
            return
        told = now
        left = (now - begun) / done * (total - done)
        line = f"\r{source.title}: {done}/{total} frames, {left:.0f} s left "
        print(line, end="" if done < total else "\n", file=sys.stderr, flush=True)

    return rerun.run(out, progress)


def _models(wanted: list[str], source: Input) -> dict[str, str]:
    """Model by stream, from "STREAM=NAME", or "NAME" for every stream that has one of that name."""
    from matstudio.modalities.base import MODALITIES

    out: dict[str, str] = {}
    for text in wanted:
        stream, equals, name = text.rpartition("=")
        if equals and stream not in source.films:
            raise UsageError(f"--model {text}: {source.title} has no stream {stream!r}, only {', '.join(source.films)}")
        kinds = {n: film.kind for n, film in source.films.items() if not equals or n == stream}
        having = [n for n, kind in kinds.items() if name in MODALITIES[kind].offered()]
        if not having:
            known = sorted({m for kind in kinds.values() for m in MODALITIES[kind].offered()})
            raise UsageError(f"--model {text}: no such model, only {', '.join(known)}")
        out |= dict.fromkeys(having, name)
    return out
