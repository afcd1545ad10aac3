"""EPICS process values over Channel Access; images come over PVAccess."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from matstudio.instruments.base import DeviceError
from matstudio.instruments.epics.pva import CONNECT_S, PUT_S, PvaLink
from matstudio.instruments.real.link import Sample, Severity


class CaLink(PvaLink):
    """As `PvaLink`, with Channel Access for readings and actuators; `addresses` are those of EPICS_CA_ADDR_LIST.

    The library has one event loop, which runs in the link's thread whenever that reads or waits.
    """

    def open(self) -> None:
        """Subscribe to everything and wait for the first value of each reading."""
        self._units: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        if self.config.streams:
            super().open()
        else:
            self._open_values()

    def read(self) -> None:
        """Let the values come in."""
        self._loop.run_until_complete(asyncio.sleep(0.5 * self.period))
        super().read()

    def put(self, address: str, value: float, unit: str) -> None:
        """Put and wait until the record has taken it."""
        import aioca
        from epicscorelibs.ca import cadef

        try:
            self._loop.run_until_complete(aioca.caput(address, value, wait=True, timeout=PUT_S))
        except aioca.CANothing as error:
            if error.errorcode in (cadef.ECA_TIMEOUT, cadef.ECA_DISCONN):
                raise ConnectionError(str(error)) from None
            raise DeviceError(str(error)) from None

    def shut(self) -> None:
        """Close subscriptions and loop."""
        if hasattr(self, "_loop"):
            for one in self._subscriptions:
                one.close()
            self._subscriptions: list[Any] = []
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()
        super().shut()

    def _open_values(self) -> None:
        addresses = self.config.connection.get("addresses")
        if addresses:
            os.environ |= {"EPICS_CA_ADDR_LIST": " ".join(addresses), "EPICS_CA_AUTO_ADDR_LIST": "NO"}
        self._subscriptions = []
        self._loop.run_until_complete(self._subscribe())

    async def _subscribe(self) -> None:
        import aioca

        readings = self.config.readings
        self._down = {r.address for r in readings.values()}
        found = await aioca.caget(
            [r.address for r in readings.values()], format=aioca.FORMAT_CTRL, timeout=CONNECT_S, throw=False
        )
        missing = [r.address for r, value in zip(readings.values(), found, strict=True) if not value.ok]
        if missing:
            raise ConnectionError(f"no answer from {', '.join(missing)}")
        for (name, reading), value in zip(readings.items(), found, strict=True):
            self._units[name] = getattr(value, "units", "")
            self._subscriptions.append(
                aioca.camonitor(
                    reading.address,
                    lambda v, n=name, a=reading.address: self._value(n, a, v),
                    format=aioca.FORMAT_TIME,
                    notify_disconnect=True,
                    all_updates=True,
                )
            )
        for _ in range(round(CONNECT_S / 0.05)):
            if not self._down:
                return
            await asyncio.sleep(0.05)
        raise ConnectionError(f"no value from {', '.join(sorted(self._down))}")

    def _value(self, name: str, address: str, value: Any) -> None:
        if not value.ok:
            self._down.add(address)
            return
        severity = Severity(min(max(int(value.severity), 0), 3))
        t = (value.timestamp - self.clock.epoch) * self.clock.speed
        text = f"status {value.status}" if severity else ""
        self.told(name, Sample(float(value), t, self._units[name], severity, text))
        self._down.discard(address)
