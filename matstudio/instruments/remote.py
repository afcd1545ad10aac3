"""A device in another process, as the station sees it."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from matstudio.bus.messages import CommandClient, CommandError, NoAnswer, Subscriber
from matstudio.bus.rundir import DEVICE, Run
from matstudio.domain.process import Reading, Setpoint, newest
from matstudio.instruments.base import Description, DeviceError

_ASK_AGAIN_S = 0.5


class RemoteDevice:
    """The device server of a run as a `Device`. Nothing blocks; belongs to one thread.

    Each call takes what has come meanwhile. The description is asked for until it comes, and again whenever another
    device server has taken the place of the one that gave it; the old one stays until then.
    """

    def __init__(self, run: Run) -> None:
        self._subscriber = Subscriber(run.socket(DEVICE, "pub"), topics=("readings",))
        self._client = CommandClient(run.socket(DEVICE, "cmd"))
        self._readings: dict[str, Reading] = {}
        self._state: Mapping[str, Any] = {}
        self._description: Description | None = None
        self._asked: int | None = None
        self._asked_at = -1e9
        self._heard = -1e9
        self._refusals: deque[str] = deque(maxlen=100)

    def describe(self) -> Description | None:
        """What the device offers, or None while it has not been reached yet."""
        self._take()
        boot = self._state.get("boot")
        known = self._description is not None and boot in (None, self._description.state.get("boot"))
        now = time.monotonic()
        if not known and now - self._asked_at > _ASK_AGAIN_S:
            self._asked_at = now
            try:
                self._asked = self._client.ask("describe")
            except NoAnswer:
                self._asked = None
        return self._description

    def readings(self) -> Mapping[str, Reading]:
        """The newest reading of each name; old ones stay, with the source time they had."""
        self._take()
        return self._readings

    @property
    def state(self) -> Mapping[str, Any]:
        """The device's own facts as it last published them (faults, watchdog, ...)."""
        return self._state

    @property
    def silence(self) -> float:
        """Real seconds since the device published something (very many: never)."""
        return time.monotonic() - self._heard

    def refusals(self) -> tuple[str, ...]:
        """What the device refused since the last call, one line each."""
        self._take()
        lines = tuple(self._refusals)
        self._refusals.clear()
        return lines

    def write(self, setpoint: Setpoint) -> None:
        """Send a setpoint; a refusal shows later in `refusals`.

        Raises:
            DeviceError: it cannot be sent: the device is not there, or a hundred commands wait for it already.
        """
        try:
            self._client.ask("set", setpoint=setpoint)
        except NoAnswer as error:
            raise DeviceError(str(error)) from None

    def safe(self) -> None:
        """Ask the device to take its safe state; never raises."""
        with contextlib.suppress(NoAnswer):  # a device that is not there shows by its silence
            self._client.ask("safe")

    def heartbeat(self, t: float) -> None:
        """Tell the device that the station lives; never raises."""
        with contextlib.suppress(NoAnswer):  # as above
            self._client.send("heartbeat", t=t)

    def close(self) -> None:
        """Let go of the device without changing what it does."""
        self._client.close()
        self._subscriber.close()

    def _take(self) -> None:
        for _, message in self._subscriber.receive():
            self._heard = time.monotonic()
            self._readings = newest(self._readings, message["readings"])
            self._state = message["state"]
        for number, answer in self._client.answers().items():
            if isinstance(answer, CommandError):
                self._refusals.append(str(answer))
            elif number == self._asked and isinstance(answer.get("description"), Description):
                self._description = answer["description"]
