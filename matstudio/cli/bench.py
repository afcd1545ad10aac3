"""`matstudio bench`."""

from __future__ import annotations

import argparse
import json
import os

from matstudio.bench.rows import Bench, report, table
from matstudio.cli.display import virtual_display
from matstudio.cli.main import CheckFailed, UsageError
from matstudio.modalities.base import load

BENCHES = {
    "twin": "matstudio.bench.twin:bench",
    "control": "matstudio.bench.control:bench",
    "batch": "matstudio.bench.batch:bench",
    "dynamics": "matstudio.bench.dynamics:bench",
    "image": "matstudio.bench.image:bench",
    "reconstruction": "matstudio.bench.reconstruction:bench",
    "safety": "matstudio.bench.safety:bench",
    "safety-latency": "matstudio.bench.safety_latency:bench",
    "stream": "matstudio.bench.stream:bench",
    "structure": "matstudio.bench.structure:bench",
    "window": "matstudio.bench.window:bench",
}


def bench(arguments: argparse.Namespace) -> None:
    """Run one bench, or all, and print its rows. Windows open on the display there is, or on a virtual one."""
    if arguments.name is not None and arguments.name not in BENCHES:
        raise UsageError(f"no bench {arguments.name!r}, only {', '.join(BENCHES)}")
    missed = []
    with virtual_display(wanted=True) as env:
        os.environ.update(env)
        for name in [arguments.name] if arguments.name else BENCHES:
            run: Bench = load(BENCHES[name])
            rows = run(arguments.full)
            print(json.dumps(report(name, rows)) if arguments.json else table(name, rows), flush=True)
            missed += [r.id for r in rows if not r.passed]
    if missed:
        raise CheckFailed(f"missed: {', '.join(missed)}")
