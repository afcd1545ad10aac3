"""All that the window knows of the run now; knows no Qt."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from matstudio.bus.rundir import Run
from matstudio.domain.device import Description
from matstudio.domain.estimate import Estimate, MaterialState, Quantity
from matstudio.domain.process import Limits, Mode, Quality, Reading

SILENT_S = 1.0
STALE_S = 1.0
STATE_STALE_S = 5.0
MODELS_SILENT_S = 5.0
CLOSED = (Mode.PID, Mode.ADVISE, Mode.POLICY, Mode.HOLD)


@dataclass(frozen=True)
class Value:
    """A number as the window shows it: missing is NaN; `quality` is "good", "stale" or "bad"; `age` in seconds."""

    value: float = math.nan
    sigma: float | None = None
    setpoint: float | None = None
    age: float | None = None
    quality: str = "good"


@dataclass
class Live:
    """The newest of everything the run's processes said, and when (real time, seconds).

    `choices` are the models that each stream is offered.

    Args:
        run: the run.
        now: real time; for tests.
    """

    run: Run
    now: Callable[[], float] = time.monotonic
    status: Mapping[str, Any] = field(default_factory=dict)
    description: Description | None = None
    device_state: Mapping[str, Any] = field(default_factory=dict)
    state: MaterialState | None = None
    advice: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    estimates: dict[str, Estimate] = field(default_factory=dict)
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    recording: Mapping[str, Any] = field(default_factory=dict)
    heard: dict[str, float] = field(default_factory=dict)
    began: float = field(default=0.0)

    def __post_init__(self) -> None:
        self.began = self.now()

    def take(self, topic: str, value: Any) -> None:
        """Keep what was published under a topic ("description" for the device's own)."""
        self.heard[topic] = self.now()
        if topic == "readings":
            self.device_state = value.get("state") or {}
        elif topic == "estimate":
            self.estimates[value.stream] = value
        else:
            setattr(self, topic, value)

    def silence(self, topic: str) -> float:
        """Real seconds since a topic was heard; since the window opened where it never was."""
        return self.now() - self.heard.get(topic, self.began)

    @property
    def attached(self) -> bool:
        """Whether the station was heard at all, and not more than a second ago."""
        return "status" in self.heard and self.silence("status") <= SILENT_S

    @property
    def mode(self) -> Mode | None:
        """The station's mode, or None while it is not known."""
        try:
            return Mode(self.status["mode"])
        except (KeyError, ValueError):
            return None

    @property
    def settable(self) -> bool:
        """Whether the device takes setpoints, as far as is known."""
        return self.description is None or bool(self.description.actuators)

    def limits(self, name: str) -> Limits | None:
        """The gate's limits of an actuator or controlled value."""
        found = self.status.get("limits", {}).get(name)
        return found if isinstance(found, Limits) else None

    def number(self, part: str, name: str) -> float | None:
        """A number in one of the status' maps ("setpoints", "outputs", "pid"), or None."""
        found = (self.status.get(part) or {}).get(name)
        return float(found) if isinstance(found, (int, float)) else None

    def setpoint(self, name: str) -> float | None:
        """What is wanted of a value; None where nobody wants anything and the station's setpoint tracks the value."""
        wanted = self.number("setpoints", name)
        found = (self.status.get("readings") or {}).get(name)
        if self.mode not in CLOSED and isinstance(found, Reading) and wanted == found.value:
            return None
        return wanted

    def has(self, name: str) -> bool:
        """Whether the device has a reading of that name, as far as is known."""
        if self.description is not None:
            return name in self.description.readings
        return True

    def reading(self, name: str, setpoint: str | None = None) -> Value:
        """A process value, stale where it is old or the station is silent."""
        found = self.status.get("readings", {}).get(name)
        wanted = self.setpoint(setpoint) if setpoint else None
        if not isinstance(found, Reading):
            return Value(setpoint=wanted)
        silence = self.silence("status")
        speed = self.run.clock.speed
        age = max(0.0, float(self.status.get("t", found.t)) - found.t) + silence * speed
        quality = found.quality.value
        if found.quality is Quality.GOOD and (silence > SILENT_S or age > STALE_S * max(1.0, speed)):
            quality = Quality.STALE.value
        return Value(found.value, None, wanted, age, quality)

    def fused(self, name: str) -> Value:
        """A number of the fused state of the material, stale where the model host is silent."""
        quantity: Quantity | None = self.state.quantities.get(name) if self.state is not None else None
        if quantity is None:
            return Value()
        age = self.silence("state")
        measured = self.reading("temperature") if name == "free_energy" else Value()
        if measured.quality != "good":  # it was worked out with that temperature
            return Value(quantity.value, quantity.sigma, None, measured.age, measured.quality)
        return Value(quantity.value, quantity.sigma, None, age, "stale" if age > STATE_STALE_S else "good")

    @property
    def simulated(self) -> str:
        """What the banner says, or "" for a real instrument."""
        kind = self.description.kind if self.description is not None else self.run.instrument.partition(":")[0]
        if kind == "twin":
            return "SIMULATED: digital twin"
        if kind == "replay":
            return f"REPLAY of {self._file()}"
        return ""

    def _file(self) -> str:
        import os
        from pathlib import PurePath

        names = [PurePath(p).name for p in self.run.instrument.partition(":")[2].split(os.pathsep) if p]
        if not names:
            return "a recording"
        return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
