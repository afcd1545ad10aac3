"""What a device is and offers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matstudio.domain.frame import KIND
from matstudio.domain.process import Limits

_MOST, _LONGEST = 256, 100


@dataclass(frozen=True)
class Stream:
    """A stream of frames that a device server offers.

    Args:
        name: unique in the run.
        kind: what it shows.
        ring: path of its frame ring.
        rate: nominal frames per second.
        title: for people ("HAADF 512 x 512").
    """

    name: str
    kind: str
    ring: str
    rate: float
    title: str


@dataclass(frozen=True)
class Actuator:
    """Something of a device that takes setpoints.

    Args:
        name: "heater", "pressure", "composition"; the reading of the same name is its actual value.
        unit: of its value.
        limits: what the device itself allows; the gate's limits lie within.
        safe: the value it takes in SAFE, or None: it stays as it is.
    """

    name: str
    unit: str
    limits: Limits
    safe: float | None


@dataclass(frozen=True)
class Description:
    """What a device is and offers; the answer to `describe`.

    Args:
        name: for people ("Twin Cu3Au").
        kind: "twin", "replay" or "real"; the first two never look like an instrument.
        streams: frames that it yields.
        readings: name -> (unit, low, high): the range in which a reading can be true at all.
        actuators: what can be set; () for a replay.
        state: device-specific facts (a replay's duration, position, ...), JSON-able.

    Raises:
        ValueError: a name twice, a range or a rate that is none, or more than 256 of something.
    """

    name: str
    kind: str
    streams: tuple[Stream, ...]
    readings: Mapping[str, tuple[str, float, float]]
    actuators: tuple[Actuator, ...]
    state: Mapping[str, Any]

    def __post_init__(self) -> None:
        for what, names in (
            ("streams", [s.name for s in self.streams]),
            ("readings", list(self.readings)),
            ("actuators", [a.name for a in self.actuators]),
        ):
            if len(names) > _MOST or len(set(names)) != len(names) or any(len(n) > _LONGEST for n in names):
                raise ValueError(f"{len(names)} {what}: at most {_MOST}, each with a name of its own")
        for name, (_, low, high) in self.readings.items():
            if not low <= high:
                raise ValueError(f"reading {name}: range {low} to {high}")
        for stream in self.streams:
            if not KIND.fullmatch(stream.kind):
                raise ValueError(f"stream {stream.name}: {stream.kind[:40]!r} is no kind")
            if not 0 <= stream.rate < math.inf:
                raise ValueError(f"stream {stream.name}: {stream.rate} frames per second")
        for actuator in self.actuators:
            if actuator.safe is not None and not math.isfinite(actuator.safe):
                raise ValueError(f"actuator {actuator.name}: safe value {actuator.safe}")
