"""`matstudio bench batch`: the models over a recorded session, on two workers against one (and none, in full)."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from matstudio.bench.rows import Row
from matstudio.domain.clock import RealClock, SimClock
from matstudio.domain.device import Stream
from matstudio.domain.frame import Frame, Kind
from matstudio.instruments.twin.frames import TwinFrames
from matstudio.instruments.twin.options import Options
from matstudio.instruments.twin.server import TwinSource
from matstudio.modelhost.compare import different
from matstudio.recording.writer import SessionWriter
from matstudio.session.reader import Session

EXPOSURES = 240  # of each stream: a minute of work for the models, beside which the start of workers counts less
LIMIT_S = 400


def bench(full: bool = False) -> list[Row]:
    """The command `matstudio reconstruct --all`, from its start to its end, and whether its outputs are the same."""
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="matstudio-bench-") as name:
        session = Path(name) / "session.nxs"
        record(session, EXPOSURES)
        outs = []
        for turn in range(3 if full else 1):
            for who in ("serial", "local:1", "local:2") if full else ("local:1", "local:2"):
                out = Path(name) / f"{who.replace(':', '')}-{turn}.nxs"
                took = _run(session, out, [] if who == "serial" else ["--scheduler", who])
                seconds[who] = min(took, seconds.get(who, took))
                outs.append(out)
        others = sum(unlike(outs[0], out) for out in outs[1:])
    one, two = seconds["local:1"], seconds["local:2"]
    rate = 3 * EXPOSURES / two
    rows = [
        Row(
            "two-workers", "frames on two workers", rate, "frames/s", f"one worker, {one:.1f} s", one / two, (">=", 1.5)
        ),
        Row("same-bits", "estimates and states that differ", others, "of all", "none", float(others), ("<=", 0.0)),
    ]
    if "serial" in seconds:
        serial = seconds["serial"]
        rows.append(
            Row("two-serial", "the same", rate, "frames/s", f"no worker, {serial:.1f} s", serial / two, (">=", 1.0))
        )
    return rows


def record(path: Path, exposures: int, kinds: Sequence[Kind] = tuple(Kind)) -> None:
    """A session of the twin's frames, so many of each stream, while it orders; without estimates."""
    clock, maker = SimClock(0.0), TwinFrames()
    source = TwinSource(clock, Options())
    writer: SessionWriter | None = None
    for seq in range(exposures):
        frames: list[Frame] = []
        source.device.plant.S = seq / exposures
        for kind in kinds:
            clock.advance(0.1)
            source.step(clock.now())
            frames.append(maker.make(source.expose(str(kind), seq, clock.now() - 0.1, clock.now())))
        if writer is None:
            streams = tuple(Stream(str(k), k, "", 5.0, k.title()) for k in kinds)
            writer = SessionWriter(path, source.describe(streams), RealClock.start(), frames, source.readings())
            continue
        for frame in frames:
            writer.add_frame(frame)
    assert writer is not None
    writer.close()


def _run(session: Path, out: Path, options: list[str]) -> float:
    command = [sys.executable, "-m", "matstudio", "reconstruct", str(session), "--out", str(out), "--all", *options]
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(options) or 'serial'}: {done.stderr.strip()[-300:]}")
    return time.perf_counter() - begun


def unlike(a: Path, b: Path) -> int:
    """How many estimates and states of two sessions are not the same bits, but for the time that a model took."""
    with Session.open(a) as left, Session.open(b) as right:
        tables = [(left.estimates(name), right.estimates(name)) for name in left.streams]
        count = sum(bool(different(x, y)) for p, q in tables for x, y in zip(p, q, strict=False))
        count += sum(bool(different(x, y)) for x, y in zip(left.states(), right.states(), strict=False))
        pairs = itertools.chain(tables, [(left.states(), right.states())])
        return count + sum(abs(len(p) - len(q)) for p, q in pairs)
