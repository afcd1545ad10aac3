"""The twin in the caller's own process, on a simulated clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matstudio.domain.clock import SimClock
from matstudio.domain.device import Description
from matstudio.domain.process import Reading, Setpoint
from matstudio.instruments.base import DeviceError
from matstudio.instruments.twin.device import TwinDevice
from matstudio.instruments.twin.plant import Plant


class LocalTwin:
    """The twin without its process, sockets and frames, as a `Device`: an anneal of 302 s takes about 0.3 s.

    The plant follows the clock: every call first brings it to the clock's time. It behaves as the twin behind its
    sockets does, with the same watchdog; frozen or gone it shows the old readings and does nothing that it is told.

    Args:
        clock: moved by `advance`, or by whoever else holds it.
        seed: of the noise.
        noise: sensor noise and thermal noise.
    """

    def __init__(self, clock: SimClock, *, seed: int = 0, noise: bool = True) -> None:
        self._clock = clock
        self.device = TwinDevice(clock, seed=seed, noise=noise)
        self._shown: dict[str, Reading] = {}
        self._state: dict[str, Any] = {}
        self.readings()

    @property
    def plant(self) -> Plant:
        """The process model itself, for the test to look at."""
        return self.device.plant

    @property
    def state(self) -> Mapping[str, Any]:
        """The device's facts, as last published."""
        self.readings()
        return self._state

    def advance(self, dt: float) -> None:
        """Move the clock on by `dt` seconds and the plant with it."""
        self._clock.advance(dt)
        self.device.advance()

    def fault(self, kind: str, on: bool = True, target: str = "temperature") -> None:
        """Put a fault in or take it out; `Fault` names them.

        Raises:
            ValueError: there is no such fault or reading.
        """
        self.device.advance()
        self.device.fault(kind, target, on)

    def describe(self) -> Description:
        """What the twin offers; no streams."""
        return self.device.describe()

    def readings(self) -> Mapping[str, Reading]:
        """The newest reading of each name."""
        self.device.advance()
        if self._reachable:
            self._shown = {r.name: r for r in self.device.readings()}
            self._state = self.device.state()
        return self._shown

    def write(self, setpoint: Setpoint) -> None:
        """Take a setpoint; a device that hangs says nothing.

        Raises:
            DeviceError: refused, or the device is gone.
        """
        self.device.advance()
        if self.device.gone:
            raise DeviceError("the device is gone")
        if self._reachable:
            self.device.set(setpoint)

    def safe(self) -> None:
        """Take the safe state, if the device still listens."""
        self.device.advance()
        if self._reachable:
            self.device.safe()

    def heartbeat(self, t: float) -> None:
        """The station lived at run time `t`."""
        self.device.advance()
        if self._reachable:
            self.device.heartbeat(t)

    def close(self) -> None:
        """Nothing to let go of."""

    @property
    def _reachable(self) -> bool:
        return not (self.device.frozen or self.device.gone)
