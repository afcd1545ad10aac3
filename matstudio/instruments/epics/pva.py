"""EPICS over PVAccess: monitors for readings and images, puts for actuators."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import Any

import numpy as np

from matstudio.domain.clock import RealClock
from matstudio.instruments.base import DeviceError
from matstudio.instruments.real.config import Configuration
from matstudio.instruments.real.link import Link, Picture, Sample, Severity

CONNECT_S, PUT_S = 2.0, 1.0


def run_time(clock: RealClock, seconds: float, nanoseconds: float = 0.0) -> float:
    """Run time of an EPICS time stamp, seconds since 1970."""
    return (seconds - clock.epoch + 1e-9 * nanoseconds) * clock.speed


class PvaLink(Link):
    """The PVs of a configuration. Its `connection` keys: `provider` ("pva" or "ca"), `addresses` (a list of HOST:PORT;
    left out: as the environment's EPICS_PVA_ADDR_LIST says).

    A monitor of an image stream asks the server for a queue as long as `queue`: with the usual one of four, frames that
    come while the client is busy are lost without a word.
    """

    def __init__(self, config: Configuration, clock: RealClock) -> None:
        super().__init__(config, clock)
        self._context: Any = None
        self._monitors: list[Any] = []
        self._down: set[str] = set()
        self._come = threading.Event()
        self._shots = 0

    def open(self) -> None:
        """Subscribe to everything and wait for the first value of each reading."""
        logging.getLogger("p4p").setLevel(logging.ERROR)
        from p4p.client.thread import Context

        addresses = self.config.connection.get("addresses")
        conf = {"EPICS_PVA_ADDR_LIST": " ".join(addresses), "EPICS_PVA_AUTO_ADDR_LIST": "NO"} if addresses else None
        self._context = Context("pva", conf=conf, useenv=addresses is None, nt=False)
        self._open_values()
        for name, stream in self.config.streams.items():
            self._watch(stream.address, lambda v, n=name: self._picture(n, v), stream.queue)

    def read(self) -> None:
        """Nothing to ask for: the values come by themselves."""
        if self._down:
            raise ConnectionError(f"{', '.join(sorted(self._down))}: disconnected")

    def put(self, address: str, value: float, unit: str) -> None:
        """Put without waiting for what the record does then."""
        from p4p.client.thread import RemoteError

        try:
            self._context.put(address, {"value": value}, timeout=PUT_S, get=False)
        except RemoteError as error:
            raise DeviceError(f"{address}: {error}") from None

    def shut(self) -> None:
        """Close monitors and context."""
        for monitor in self._monitors:
            with contextlib.suppress(Exception):
                monitor.close()
        self._monitors, context, self._context = [], self._context, None
        if context is not None:
            context.close()

    def _open_values(self) -> None:
        self._down = {r.address for r in self.config.readings.values()}
        for name, reading in self.config.readings.items():
            self._watch(reading.address, lambda v, n=name, a=reading.address: self._value(n, a, v))
        end = time.monotonic() + CONNECT_S
        while self._down and time.monotonic() < end and not self._stop.is_set():
            self._come.wait(0.05)
            self._come.clear()
        if self._down:
            raise ConnectionError(f"no answer from {', '.join(sorted(self._down))}")

    def _watch(self, address: str, callback: Any, queue: int = 16) -> None:
        request = f"record[queueSize={queue}]field()"
        self._monitors.append(self._context.monitor(address, callback, request=request, notify_disconnect=True))

    def _value(self, name: str, address: str, value: Any) -> None:
        if isinstance(value, Exception):
            self._down.add(address)
        else:
            self.told(name, self._sample(value))
            self._down.discard(address)
        self._come.set()

    def _sample(self, value: Any) -> Sample:
        number, stamp, alarm = value["value"], value["timeStamp"], value["alarm"]
        if hasattr(number, "index"):  # NTEnum: a bi or bo record
            number = number["index"]
        unit = value["display.units"] if value.has("display.units") else ""
        t = run_time(self.clock, stamp["secondsPastEpoch"], stamp["nanoseconds"])
        severity = Severity(min(max(alarm["severity"], 0), 3))
        return Sample(float(number), t, unit, severity, alarm["message"])

    def _picture(self, stream: str, value: Any) -> None:
        if isinstance(value, Exception):
            return
        data, stamp = value["value"], value["timeStamp"]
        shape = tuple(int(d["size"]) for d in value["dimension"])[::-1]  # the fastest axis comes first
        number = int(value["uniqueId"])
        array = np.array(data).reshape(shape)
        t = run_time(self.clock, stamp["secondsPastEpoch"], stamp["nanoseconds"])
        self.pictured(stream, Picture(number, t, array))
