"""`matstudio bench window`: the studio's first paint, its event loop in a whole run, and how fast it shows images.

Each against a window that does nothing else, in the same run of the bench.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np

from matstudio.bench.rows import Row
from matstudio.bench.whole_run import WholeRun
from matstudio.bench.window_probe import BARE, ENDS, KIND, Seen, read, turning_path
from matstudio.bench.window_rate import rates
from matstudio.bus import processes
from matstudio.bus.rundir import MODELHOST, RECORDER, STUDIO, Run
from matstudio.modelhost.choices import Choices

PROBE = "matstudio.bench.window_probe"
TURNS = 3
FIRST, GAP_MS, P99_MS, RATE = 1.3, 60.0, 20.0, 0.8
SIZES, RATE_S = (1024, 2048), 0.3
SETTLE_S, LOOP_S = 3.0, 3.5
_START_S = 60.0


def bench(full: bool = False) -> list[Row]:
    """First paint, event loop and images; in the long form more turns of each, and longer ones."""
    turns, longer = (10, 5.0) if full else (TURNS, 1.0)
    rows = first_paint(turns) + event_loop(turns, longer * LOOP_S)
    return rows + [row for size in SIZES for row in display(size, turns, longer * RATE_S)]


# ---- first paint


def first_paint(turns: int) -> list[Row]:
    """From the start of the process to the first paint on the screen, best of some turns, and what was imported."""
    run = Run.create("twin", {"seed": 0})
    try:
        found = [(_start(run, STUDIO), _start(run, BARE)) for _ in range(turns)]
        heavy = read(run, STUDIO).heavy
    finally:
        run.remove()
    ours, theirs = (min(times) for times in zip(*found, strict=True))
    against = f"a bare PySide6, pyqtgraph and vispy window ({theirs:.2f} s)"
    told = f"heavy modules imported by then ({', '.join(heavy) or 'none'})"
    return [
        Row("first-paint", "first paint of the studio", ours, "s", against, ours / theirs, ("<=", FIRST)),
        Row("first-imports", told, len(heavy), "", "none", len(heavy), ("<=", 0)),
    ]


def _start(run: Run, kind: str) -> float:
    """Seconds from the start of a window's process to its first paint."""
    env = os.environ | {KIND: kind, ENDS: "1"}
    begun = time.monotonic()
    told = subprocess.run(
        [sys.executable, "-m", PROBE, str(run.path)], env=env, capture_output=True, text=True, timeout=_START_S
    )
    painted = read(run, kind).painted
    if painted is None:
        raise RuntimeError(f"the {kind} window was not painted: {told.stderr[-500:]}")
    return painted - begun


# ---- event loop


@dataclass(frozen=True)
class Stretch:
    """What became of a window's event loop within some seconds; ms.

    Args:
        longest, p99: of the times from one beat of a timer of 5 ms to the next.
        idle_longest, idle_p99: the same of a window that did nothing, in the same seconds.
        frames: frames shown a second, by stream.
        pictures: pictures of the 3D view a second.
    """

    longest: float
    p99: float
    idle_longest: float
    idle_p99: float
    frames: dict[str, float]
    pictures: float


def event_loop(turns: int, seconds: float) -> list[Row]:
    """The studio's event loop with three streams at 30 Hz, the network in the model host, a recording and the 3D view
    being turned, best of some turns; against a bare window that is idle in the same seconds."""
    stretches = measure_loop(turns, seconds)
    calm, even = min(stretches, key=lambda s: s.longest), min(stretches, key=lambda s: s.p99)
    shown = ", ".join(f"{name} {rate:.0f}" for name, rate in sorted(calm.frames.items()))
    seen = f"{shown} frames/s shown, 3D view {calm.pictures:.0f} pictures/s"
    return [
        Row(
            "gap-longest", f"event loop in a whole run, longest gap ({seen})", calm.longest, "ms",
            f"{GAP_MS:g} ms (idle window meanwhile {calm.idle_longest:.1f} ms)", calm.longest / GAP_MS, ("<=", 1.0),
        ),
        Row(
            "gap-p99", "event loop in a whole run, p99 of the gaps", even.p99, "ms",
            f"{P99_MS:g} ms (idle window meanwhile {even.idle_p99:.1f} ms)", even.p99 / P99_MS, ("<=", 1.0),
        ),
    ]  # fmt: skip


def measure_loop(turns: int, seconds: float) -> list[Stretch]:
    """Stretches of `seconds` of one whole run, one after another."""
    whole = WholeRun({"stress": True})
    idle: subprocess.Popen[bytes] | None = None
    try:
        Choices(whole.run).choose("image", "unet")
        idle = processes.spawn(whole.run, "idle", PROBE, {KIND: BARE})
        whole.start()
        whole.screen({KIND: STUDIO}, PROBE)
        if not processes.wait_for(turning_path(whole.run).exists, _START_S, 0.1):
            log = whole.run.log_path(STUDIO).read_text()
            raise RuntimeError(f"the 3D view showed nothing within a minute: {log[-500:]}")
        time.sleep(SETTLE_S)
        for name in (MODELHOST, RECORDER, STUDIO):
            whole.pid(name)
        begun = time.monotonic()
        time.sleep(turns * seconds + 0.1)
        for name in (MODELHOST, RECORDER):
            whole.pid(name)
        whole.end(STUDIO)
        idle.terminate()
        idle.wait(20)
        ours, theirs = read(whole.run, STUDIO), read(whole.run, BARE)
    finally:
        if idle is not None and idle.poll() is None:
            idle.kill()
            idle.wait()
        whole.close()
    return [stretch(ours, theirs, begun + n * seconds, seconds) for n in range(turns)]


def stretch(ours: Seen, theirs: Seen, start: float, seconds: float) -> Stretch:
    """What both windows saw from `start` on, for so many seconds."""
    end = start + seconds
    gaps, idle = gaps_ms(ours.beats, start, end), gaps_ms(theirs.beats, start, end)
    frames = Counter(name for t, name in ours.frames if start <= t < end)
    return Stretch(
        float(gaps.max()),
        float(np.percentile(gaps, 99)),
        float(idle.max()),
        float(np.percentile(idle, 99)),
        {name: n / seconds for name, n in frames.items()},
        sum(start <= t < end for t in ours.pictures) / seconds,
    )


def gaps_ms(beats: list[float], start: float, end: float) -> np.ndarray:
    """Times from beat to beat of those gaps that end, or go on, between two moments (s); ms."""
    times = np.array(beats)
    first, last = np.searchsorted(times, (start, end))
    inside = times[max(first - 1, 0) : last + 1]
    if len(inside) < 2:
        raise RuntimeError(f"the event loop was not served between {start:.3f} and {end:.3f} s")
    return 1e3 * np.diff(inside)


# ---- images


def display(size: int, turns: int, seconds: float) -> list[Row]:
    """Images a core-second that the viewer paints, against a bare image item, the median of some turns of each."""
    ours, theirs = rates(size, turns + 2, seconds)
    against = f"a bare ImageItem ({theirs:.0f} frames)"
    what = f"{size}² uint16 shown by the viewer, a core-second"
    return [Row(f"rate-{size}", what, ours, "frames", against, ours / theirs, (">=", RATE))]
