"""`matstudio bench twin`: what the twin and the models cost."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import psutil

from matstudio.bench.rows import Row
from matstudio.bus import processes
from matstudio.bus.messages import CommandClient, CommandError
from matstudio.bus.ring import RingReader
from matstudio.bus.rundir import DEVICE, Run
from matstudio.domain.frame import Frame
from matstudio.instruments.base import Description
from matstudio.modalities.base import modality

SECONDS = 20.0


def bench(_: bool = False) -> list[Row]:
    """CPU of the twin at its default rates, and each model's time for a frame."""
    run = Run.create("twin", {"seed": 0})
    child = processes.spawn(run, DEVICE, "matstudio.instruments.serve")
    client = CommandClient(run.socket(DEVICE, "cmd"))
    try:
        description = _describe(client)
        rings = {s.name: RingReader(Path(s.ring)) for s in description.streams}
        time.sleep(3.0)
        who = run.process(DEVICE)
        if who is None:
            raise CommandError("the twin died")
        before, wrote, start = _cpu_s(who), {n: r.written for n, r in rings.items()}, time.monotonic()
        time.sleep(SECONDS)
        after, seconds = _cpu_s(who), time.monotonic() - start
        cores = (after - before) / seconds
        rows = [Row("twin-cpu", "twin, both its processes", cores, "cores", "0.6 core", cores / 0.6, ("<=", 1.0))]
        for stream in description.streams:
            ring = rings[stream.name]
            rate = (ring.written - wrote[stream.name]) / seconds
            rows.append(
                Row(
                    f"rate-{stream.name}",
                    f"{stream.name} frames",
                    rate,
                    "Hz",
                    f"{stream.rate:g} Hz",
                    rate / stream.rate,
                    (">=", 0.97),
                )
            )
        frames = [f for r in rings.values() if (f := r.newest()) is not None]
        for ring in rings.values():
            ring.close()
    finally:
        client.close()
        processes.stop(run)
        child.wait()
        run.remove()
    return rows + [_model(frame, name) for frame in frames for name in modality(frame.kind).offered()]


def _cpu_s(device: psutil.Process) -> float:
    """CPU seconds of the device and of the process that makes its frames."""
    times = [p.cpu_times() for p in (device, *device.children())]
    return float(sum(t.user + t.system for t in times))


def _describe(client: CommandClient) -> Description:
    deadline = time.monotonic() + 20
    while True:
        try:
            found: Description = client.request("describe", timeout=1.0)["description"]
            return found
        except CommandError:
            if time.monotonic() > deadline:
                raise


def _model(frame: Frame, name: str) -> Row:
    model = modality(frame.kind).inverse(name)
    model(frame)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        model(frame)
        seconds.append(time.perf_counter() - start)
    best = float(np.min(seconds))
    return Row(f"{name}-{frame.kind}", f"{name}, {frame.kind}", best, "s", "0.5 s", best / 0.5, ("<=", 1.0))
