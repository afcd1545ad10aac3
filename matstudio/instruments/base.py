"""What an instrument is to the rest of the program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from matstudio.domain.device import Actuator, Description, Stream
from matstudio.domain.frame import Frame
from matstudio.domain.process import Reading, Setpoint

__all__ = ["Actuator", "Description", "Detector", "Device", "DeviceError", "Stream"]


class DeviceError(RuntimeError):
    """A device refused or cannot be reached; the text is one line."""


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
