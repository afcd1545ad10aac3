"""A connection to a control system, in a thread of its own: nothing that the device server calls here waits."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from matstudio.domain.clock import RealClock
from matstudio.instruments.base import DeviceError
from matstudio.instruments.real.config import Configuration

log = logging.getLogger(__name__)
RETRY_S = 0.5


class Severity(IntEnum):
    """How bad a control system calls a value; the numbers are those of EPICS."""

    NONE = 0
    MINOR = 1
    MAJOR = 2
    INVALID = 3


@dataclass(frozen=True)
class Sample:
    """A value as a control system told it.

    Args:
        value: in `unit`.
        t: source time, run time in seconds.
        unit: that it states; "" where it states none.
        severity: that it states.
        text: why, in its words.
    """

    value: float
    t: float
    unit: str = ""
    severity: Severity = Severity.NONE
    text: str = ""


@dataclass(frozen=True)
class Picture:
    """A frame as a control system sent it: its number there, run time of its exposure's end, and data."""

    number: int
    t: float
    data: np.ndarray


class Link(ABC):
    """Reads and writes in a thread; a link that fails is opened again every half second.

    A value that is to be written replaces the one before that has not been written yet. When the connection comes
    again, every actuator that has one is sent its safe value before anything else, and what was asked for while there
    was none is forgotten: nothing is resumed by itself. The end of the link leaves the safe values, too.

    Args:
        config: of the device.
        clock: run time.
        period: seconds between two readings.

    Attributes:
        watching: set before `start`, it never writes anything: for a test beside whoever controls the device.
    """

    def __init__(self, config: Configuration, clock: RealClock, period: float = 0.1) -> None:
        self.config, self.clock, self.period = config, clock, period
        self._lock = threading.Lock()
        self._samples: dict[str, Sample] = {}
        self._pending: dict[str, float] = {}
        self._refused: dict[str, str] = {}
        self._beat: int | None = None
        self._connected, self._why = False, "not connected yet"
        self._ever = self.watching = False
        self._stop, self._wake = threading.Event(), threading.Event()
        self._pictures: dict[str, deque[Picture]] = {name: deque() for name in config.streams}
        self._overrun: dict[str, int] = dict.fromkeys(config.streams, 0)
        self._thread = threading.Thread(target=self._work, name=f"{config.kind} link", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def close(self) -> None:
        """Have the safe values written, and end the connection."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    # ---- for the server's thread

    @property
    def trouble(self) -> str:
        """Why there is no connection, in one line; "" while there is one."""
        return "" if self._connected else self._why

    def samples(self) -> Mapping[str, Sample]:
        """The newest sample of each reading; none before values can be written, too."""
        with self._lock:
            return dict(self._samples) if self._ever else {}

    def write(self, name: str, value: float) -> None:
        """Have a value written to an actuator.

        Raises:
            DeviceError: there is no connection, or its last value could not be written (told once).
        """
        with self._lock:
            if not self._connected:
                raise DeviceError(f"{name} {value:g}: {self._why}")
            self._pending[name] = value
            refused = self._refused.pop(name, "")
        self._wake.set()
        if refused:
            raise DeviceError(refused)

    def safe(self) -> None:
        """Have every actuator's safe value written, in place of all that waits."""
        with self._lock:
            self._pending = self._safes()
        self._wake.set()

    def beat(self, number: int) -> None:
        """Have the device's heartbeat written."""
        self._beat = number
        self._wake.set()

    def picture(self, stream: str) -> Picture | None:
        """The oldest frame of a stream that waits, or None."""
        with self._lock:
            waiting = self._pictures[stream]
            return waiting.popleft() if waiting else None

    def overrun(self, stream: str) -> int:
        """Frames that found the queue full and were left out."""
        return self._overrun[stream]

    # ---- for the link's own threads

    def told(self, name: str, sample: Sample) -> None:
        """A sample has come."""
        with self._lock:
            self._samples[name] = sample

    def pictured(self, stream: str, picture: Picture) -> None:
        """A frame has come."""
        with self._lock:
            waiting = self._pictures[stream]
            if len(waiting) >= self.config.streams[stream].queue:
                self._overrun[stream] += 1
            else:
                waiting.append(picture)

    @abstractmethod
    def open(self) -> None:
        """Connect. Raises any `Exception` where that fails; `shut` is called then, too."""

    @abstractmethod
    def read(self) -> None:
        """Bring what is new by `told`; raises where the connection is lost."""

    @abstractmethod
    def put(self, address: str, value: float, unit: str) -> None:
        """Write a value; raises `DeviceError` where the device refuses it, anything else where it cannot be reached."""

    @abstractmethod
    def shut(self) -> None:
        """Let go; never raises."""

    def _safes(self) -> dict[str, float]:
        if self.watching:
            return {}
        return {name: a.safe for name, a in self.config.actuators.items() if a.safe is not None}

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self.open()
                self._serve()
            except Exception as error:  # noqa: BLE001  (the border to a control system)
                line = f"{self.config.name}: {type(error).__name__}: {error}"
                self._lost(" ".join(line.split())[:300])
            self.shut()
            self._stop.wait(RETRY_S)

    def _lost(self, why: str) -> None:
        with self._lock:
            if self._connected or why != self._why:
                log.warning("%s", why)
            self._connected, self._why = False, why
            self._pending = {}

    def _serve(self) -> None:
        due = 0.0
        while not self._stop.is_set():
            now = self.clock.now() / self.clock.speed
            if now >= due:
                self.read()
                due = now + self.period
                if not self._connected:
                    with self._lock:
                        self._connected, self._pending = True, self._safes() if self._ever else {}
                        self._ever = True
            self._flush()
            self._wake.wait(max(0.0, min(self.period, due - self.clock.now() / self.clock.speed)))
            self._wake.clear()
        self.safe()
        self._flush()

    def _flush(self) -> None:
        beat, self._beat = self._beat, None
        if beat is not None and self.config.heartbeat:
            self.put(self.config.heartbeat, beat, "1")
        while True:
            with self._lock:
                if not self._pending:
                    return
                name = next(iter(self._pending))
                value = self._pending.pop(name)
            actuator = self.config.actuators[name]
            try:
                self.put(actuator.address, value, actuator.unit)
            except DeviceError as error:
                with self._lock:
                    self._refused[name] = f"{name} {value:g}: {error}"
