"""What a real device adds to the control cycle: a person's confirmation, its own alarms, beam and dose, and whether
stations elsewhere may drive it."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping
from typing import Any

from matstudio.bus.messages import CommandError
from matstudio.control import arming, dose
from matstudio.control.alarms import Condition, Priority
from matstudio.control.dose import BEAM, DoseLimits
from matstudio.control.modes import Facts
from matstudio.domain.device import Description
from matstudio.domain.process import Reading
from matstudio.station.outputs import Outputs

_PRIORITY = {"MINOR": Priority.LOW, "MAJOR": Priority.MEDIUM, "INVALID": Priority.HIGH}
_MOST_ALARMS = 50


class Field:
    """Facts about the device that the station controls. One thread.

    Args:
        note: `Station.note`, the audit log.
        limits: of the dose.
        confirmed: digests of the devices that a person has confirmed, or None: none needs to be.
    """

    def __init__(self, note: Callable[..., None], limits: DoseLimits, confirmed: Container[str] | None) -> None:
        self._note, self._limits, self._confirmed = note, limits, confirmed
        self._told: set[str] = set()
        self.digest = ""
        """Of the device that is there now."""
        self._asks = False
        self.remote = False
        """Whether commands that move something are taken from another computer."""
        self._ages: dict[str, float] = {}

    def adopt(self, description: Description) -> None:
        """Take a device's description."""
        self.digest = arming.digest(description)
        self._asks = self._confirmed is not None and description.kind == "real"
        ages = description.state.get("max_age")
        pairs = ages.items() if isinstance(ages, Mapping) else ()
        self._ages = {str(name): float(age) for name, age in pairs if isinstance(age, int | float) and 0 < age <= 10}

    def max_age(self, name: str, usual: float) -> float:
        """Oldest source time of a reading that counts, s: the device's own, where it states a longer one."""
        return max(usual, self._ages.get(name, 0.0))

    @property
    def armed(self) -> bool:
        """Whether the device may be driven."""
        known = self._confirmed is None or self.digest in self._confirmed or self.digest in self._told
        return not self._asks or known

    @property
    def refusal(self) -> str:
        """Why the device must not be driven yet, or ""."""
        return "" if self.armed else "limits and holder of this device are not confirmed: Control, Device set-up"

    def confirm(self, who: str, digest: str) -> None:
        """A person has confirmed what the device says of itself.

        Raises:
            CommandError: it is not that device.
        """
        if digest != self.digest:
            self._note("refused", f"operator:{who}", "confirm: another device, or another configuration of it is there")
            raise CommandError("confirm: another device, or another configuration of it is there")
        self._told.add(digest)
        self._note("confirm", f"operator:{who}", "limits and holder confirmed", digest=digest)

    def beam(self, out: Outputs, facts: Facts, on: bool) -> str:
        """Why the beam cannot be put on, or blanked, or "": blanking is refused by nothing but a device without it."""
        if BEAM not in out.actuators:
            return "this device has no beam to blank"
        if not on:
            return ""
        return facts.no_writes or out.held(BEAM)

    def allow(self, who: str, allow: bool) -> None:
        """A person at this computer lets others drive it, or no longer."""
        self.remote = allow
        text = "may be driven from another computer" if allow else "is driven from this computer alone"
        self._note("remote", f"operator:{who}", text, allow=allow)

    def conditions(self, state: Mapping[str, Any], readings: Mapping[str, Reading]) -> dict[str, Condition]:
        """Alarms of the device itself, of its link, and of the dose.

        Args:
            state: the device's own facts.
            readings: as they came.
        """
        found = dose.conditions(self._limits, readings)
        severities = state.get("severities")
        for name, text in list(severities.items())[:_MOST_ALARMS] if isinstance(severities, Mapping) else ():
            priority = _PRIORITY.get(str(text).partition(":")[0], Priority.MEDIUM)
            found[f"device.{name}"] = Condition(f"{name}: {text}"[:200], priority)
        link = state.get("link")
        if isinstance(link, str) and link:
            found["link"] = Condition(link[:200], Priority.HIGH)
        if self.remote:
            found["remote"] = Condition("may be driven from another computer", Priority.LOW)
        return found

    def status(self) -> dict[str, Any]:
        """For the station's status map."""
        limits = {"budget": self._limits.budget, "rate": self._limits.rate}
        return {
            "armed": self.armed,
            "digest": self.digest,
            "remote": self.remote,
            "dose": {key: value for key, value in limits.items() if math.isfinite(value)},
        }


__all__ = ["BEAM", "Field"]
