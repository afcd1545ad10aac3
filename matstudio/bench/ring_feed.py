"""`python -m matstudio.bench.ring_feed RING SIZE SECONDS`: the writer's side of the ring's bench.

Makes the ring, fills it once, waits for a line on stdin, writes frames of SIZE x SIZE uint16 for SECONDS as fast as it
can, says the median seconds of one on stdout, and waits for another line, so that the ring stays for the reader.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from matstudio.bus.ring import RingWriter
from matstudio.domain.frame import Axis, Frame, Kind

SLOTS = 16


def frames(size: int, count: int = 8) -> list[Frame]:
    """Frames of noise, (size, size) uint16."""
    rng = np.random.default_rng(0)
    axes = (Axis("y", "Å", 0.1, 0.0, size), Axis("x", "Å", 0.1, 0.0, size))
    facts = {"instrument": "bench", "quantity": "counts", "unit": "1"}
    data = [rng.poisson(40.0, (size, size)).astype(np.uint16) for _ in range(count)]
    return [Frame("image", Kind.IMAGE, i, d, axes, 0.1 * i, 0.1 * i + 0.1, "bench", facts) for i, d in enumerate(data)]


def median_s(do: Callable[[int], object], seconds: float) -> float:
    """Median processor time of a call, of all those within `seconds` that did not return False.

    Processor time, because what another program takes of a shared core is not the ring's.
    """
    took = []
    end, n = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        begun = time.thread_time()
        done = do(n)
        if done is not False:
            took.append(time.thread_time() - begun)
        n += 1
    return float(np.median(took))


def main() -> None:
    """Write for a while."""
    path, size, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    given = frames(size)
    ring = RingWriter(path, given[0].data.nbytes, SLOTS)
    try:
        for n in range(2 * SLOTS):  # memory is given when it is first touched
            ring.write(replace(given[n % len(given)], seq=n))
        print("ready", flush=True)
        sys.stdin.readline()
        print(median_s(lambda n: ring.write(replace(given[n % len(given)], seq=n)), seconds), flush=True)
        sys.stdin.readline()
    finally:
        ring.close()


if __name__ == "__main__":
    main()
