"""`python -m matstudio.instruments.epics.images PV HZ`: numbered pictures as NTNDArray, for the soft IOC and for tests.

Picture n, of 256 x 256 pixels (uint16), holds n in its first pixel and a moving gradient elsewhere.
"""

from __future__ import annotations

import signal
import sys
import threading
import time

import numpy as np

from matstudio.bus import processes

SIZE = 256


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    from p4p.nt import NTNDArray
    from p4p.server import Server, StaticProvider
    from p4p.server.thread import SharedPV

    processes.die_with_parent()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    name, rate = sys.argv[1], float(sys.argv[2])
    base = np.add.outer(np.arange(SIZE, dtype=np.uint16), np.arange(SIZE, dtype=np.uint16))
    kind = NTNDArray()
    pv = SharedPV(initial=kind.wrap(base))
    provider = StaticProvider("images")
    provider.add(name, pv)
    with Server(providers=[provider]):
        print("ready", flush=True)
        start, n = time.monotonic(), 0
        while not stop.wait(max(0.0, start + n / rate - time.monotonic())):
            n += 1
            data = base + np.uint16(n % 1000)
            data[0, 0] = n & 0xFFFF
            value = kind.wrap(data)
            value["uniqueId"] = n
            now = time.time()
            for stamp in ("timeStamp", "dataTimeStamp"):
                value[stamp] = {"secondsPastEpoch": int(now), "nanoseconds": int(now % 1 * 1e9)}
            pv.post(value)
    return 0


if __name__ == "__main__":
    sys.exit(main())
