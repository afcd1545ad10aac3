"""Clocks. Every time in MatStudio is *run time*: seconds since the run began."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Protocol


class Clock(Protocol):
    """Source of run time in seconds. Control, twin, gate, alarms and recorder are given one.

    `now` never blocks and never goes back. `sleep` blocks the caller for `seconds` of run time.
    """

    @property
    def id(self) -> str:
        """Name of the clock; frames carry it, so that times of two clocks are never mixed."""
        ...

    def now(self) -> float:
        """Seconds of run time since the run began."""
        ...

    def sleep(self, seconds: float) -> None:
        """Block for `seconds` of run time."""
        ...


@dataclass(frozen=True)
class RealClock:
    """The computer's monotonic clock, counted from `origin` and running `speed` times as fast.

    Every process of a run builds the same clock from the run directory: CLOCK_MONOTONIC is one for the whole machine.

    Args:
        origin: value of `time.monotonic()` at run time 0, seconds.
        epoch: value of `time.time()` at run time 0, seconds since 1970-01-01 UTC.
        speed: seconds of run time per second of real time.
    """

    origin: float
    epoch: float
    speed: float = 1.0
    id: str = "monotonic"

    @classmethod
    def start(cls, speed: float = 1.0) -> RealClock:
        """A clock whose run time is 0 now."""
        return cls(time.monotonic(), time.time(), speed)

    def now(self) -> float:
        return (time.monotonic() - self.origin) * self.speed

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds / self.speed)

    def wall(self, t: float) -> float:
        """Seconds since 1970-01-01 UTC at run time `t`, which simulated speed does not stretch."""
        return self.epoch + t / self.speed


@dataclass
class SimClock:
    """A clock moved by hand, so that an anneal of 302 s is tested in a second."""

    t: float = 0.0
    id: str = "simulated"
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def now(self) -> float:
        return self.t

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move run time on by `seconds` (>= 0)."""
        if seconds < 0:
            raise ValueError(f"a clock never goes back: {seconds} s")
        with self._lock:
            self.t += seconds
