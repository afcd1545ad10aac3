"""Process values, setpoints, limits and modes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

_MOST_NAMES = 256


class Quality(StrEnum):
    """How far a reading may be trusted."""

    GOOD = "good"
    STALE = "stale"
    BAD = "bad"


@dataclass(frozen=True)
class Limits:
    """Range and rate of a process value, in its unit and unit/s of run time.

    Args:
        low: least value allowed.
        high: greatest value allowed.
        rate: greatest change per second (`math.inf`: none).
    """

    low: float
    high: float
    rate: float = math.inf

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high and self.rate > 0):
            raise ValueError(f"limits {self.low} .. {self.high}, rate {self.rate}")


@dataclass(frozen=True)
class Reading:
    """A process value as a device gave it.

    Args:
        name: "temperature", "heater", "pressure", "composition", "dose_rate", "dose", ...
        value: in `unit`; may be NaN or infinite if the device sent that (`quality` is then BAD).
        unit: "K", "1", "GPa", "e/Å²/s", ...
        t: source time, run time in seconds.
        quality: of this value.
    """

    name: str
    value: float
    unit: str
    t: float
    quality: Quality = Quality.GOOD


def newest(known: Mapping[str, Reading], fresh: Iterable[Reading]) -> dict[str, Reading]:
    """The newest reading of each name; at most 256 names, however many a device makes up."""
    out = dict(known)
    for reading in fresh:
        if reading.name in out or len(out) < _MOST_NAMES:
            out[reading.name] = reading
    return out


@dataclass(frozen=True)
class Setpoint:
    """A value that someone wants a device to take.

    Args:
        name: of the actuator or controlled value ("heater", "temperature", "pressure", "composition").
        value: in `unit`.
        unit: as in the device's description.
        source: who wants it: "operator:NAME", "pid", "policy", "station".
        t: run time at which it was asked for, seconds.
    """

    name: str
    value: float
    unit: str
    source: str
    t: float


class Mode(StrEnum):
    """Who drives the actuators; see docs/architecture.md for the transitions."""

    OFF = "OFF"
    MANUAL = "MANUAL"
    PID = "PID"
    ADVISE = "ADVISE"
    POLICY = "POLICY"
    HOLD = "HOLD"
    SAFE = "SAFE"
