"""HALT with the window blocked and every core loaded: from the station's receipt to the device having output 0."""

from __future__ import annotations

import bisect
import contextlib
import os
import random
import signal
import time
from collections.abc import Sequence

import numpy as np

from matstudio.bench.rows import Row
from matstudio.bench.safety_latency import STATION_MS, Stamps
from matstudio.bench.whole_run import WholeRun, busy
from matstudio.bus.messages import CommandClient, CommandError, NoAnswer
from matstudio.bus.rundir import DEVICE, STATION, STUDIO

CLIENTS = ("halt-a", "halt-b", "halt-c")


def measure(count: int, limit_s: float, *, window: bool = True) -> list[Row]:
    """So many HALTs of three clients in turn while PID heats, or fewer where they would take more than `limit_s`."""
    whole = WholeRun()
    try:
        whole.start()
        if window:
            whole.screen({})
        with busy() as cores:
            time.sleep(8.0 if window else 1.0)  # the window, and the first turn of every model
            if window:
                blocked = whole.pid(STUDIO)
                os.kill(blocked, signal.SIGSTOP)
            sent = _halts(whole, count, limit_s)
            if window:
                os.kill(blocked, signal.SIGCONT)
        whole.stop()
        delays = matched(sent, whole.stamps(STATION), whole.stamps(DEVICE))
    finally:
        whole.close()
    ms = 1e3 * np.array(delays)
    worst = float(np.percentile(ms, 99.9, method="higher"))
    seen = f"HALT of {len(ms)}, {cores} cores loaded" + (", window stopped" if window else "")
    what = f"{seen}: from receipt to output 0, p99.9 (median {np.median(ms):.2g} ms, worst {ms.max():.3g} ms)"
    made = len(ms) / count
    return [
        Row("halt", what, worst, "ms", f"{STATION_MS:g} ms", worst / STATION_MS, ("<=", 1.0)),
        Row("halts", "HALTs given", float(len(ms)), "", f"{count} wanted", made, (">=", 0.999)),
    ]


def _halts(whole: WholeRun, count: int, limit_s: float) -> list[tuple[str, float]]:
    clients = [CommandClient(whole.run.socket(STATION, "cmd")) for _ in CLIENTS]
    rng = random.Random(0)
    sent: list[tuple[str, float]] = []
    until = time.monotonic() + limit_s
    try:
        while len(sent) < count and time.monotonic() < until:
            i = len(sent) % len(CLIENTS)
            try:
                clients[i].request("mode", who=CLIENTS[i], mode="PID")
                time.sleep(rng.uniform(0.0, 0.02))
                sent.append((CLIENTS[i], time.monotonic()))
                clients[i].request("halt", who=CLIENTS[i])
                clients[i].request("reset", who=CLIENTS[i])
            except NoAnswer:
                raise
            except CommandError:  # SAFE by a reading that came late: such a turn does not count
                time.sleep(0.2)
                with contextlib.suppress(CommandError):
                    clients[i].request("reset", who=CLIENTS[i])
    finally:
        for client in clients:
            client.close()
    return sent


def matched(sent: Sequence[tuple[str, float]], station: Stamps, device: Stamps) -> list[float]:
    """Seconds from the station's receipt of each HALT to the device being done with the "safe" that followed; infinite
    where there was none."""
    safes = [s for s in device if s[0] == "safe"]
    delays = []
    for who, t in sent:
        start = bisect.bisect_left(station, t, key=lambda s: s[2])
        received = next((s[2] for s in station[start:] if s[0] == "halt" and s[1] == who), np.inf)
        after = bisect.bisect_right(safes, received, key=lambda s: s[2])
        delays.append(safes[after][3] - received if after < len(safes) else np.inf)
    return delays
