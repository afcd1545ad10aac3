"""What an instrument is to the rest of the program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from matstudio.domain.frame import Frame, Kind
from matstudio.domain.process import Limits, Reading, Setpoint


class DeviceError(RuntimeError):
    """A device refused or cannot be reached; the text is one line."""


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
    kind: Kind
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
    """

    name: str
    kind: str
    streams: tuple[Stream, ...]
    readings: Mapping[str, tuple[str, float, float]]
    actuators: tuple[Actuator, ...]
    state: Mapping[str, Any]


class Device(Protocol):
    """A device as the station's control cycle sees it. The cycle's thread calls everything; nothing may block.

    A real device does its I/O in a thread of its own and shows here only what that thread has brought.
    """

    def describe(self) -> Description | None:
        """What the device offers, or None while it has not been reached yet."""
        ...

    def readings(self) -> Mapping[str, Reading]:
        """The newest reading of each name, with its source time; old ones stay, with the time they had."""
        ...

    def write(self, setpoint: Setpoint) -> None:
        """Ask an actuator to take a value. Only the gate's output comes here.

        Raises:
            DeviceError: it cannot be sent.
        """
        ...

    def safe(self) -> None:
        """Take the device's own safe state; never raises, may be called at any time and again and again."""
        ...

    def heartbeat(self, t: float) -> None:
        """Tell the device that the station lives (run time `t`); its watchdog makes it safe when this stops."""
        ...

    def close(self) -> None:
        """Let go of the device without changing what it does."""
        ...


class Detector(Protocol):
    """Yields frames of one stream; used inside a device server."""

    def expose(self, t: float) -> Frame:
        """One frame whose exposure ends at run time `t`. May take as long as the frame takes to make.

        Raises:
            DeviceError: no frame can be had.
        """
        ...
