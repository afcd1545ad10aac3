"""The twin as a device without any I/O: readings, setpoints, faults and its own watchdog."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

from matstudio.domain.clock import Clock, RealClock
from matstudio.domain.device import Actuator, Description, Stream
from matstudio.domain.process import Limits, Reading, Setpoint
from matstudio.instruments.base import DeviceError
from matstudio.instruments.twin.faults import Fault, Faults
from matstudio.instruments.twin.plant import COMPOSITION, PRESSURE, SENSOR_NOISE_K, Plant

NAME = "Twin Cu3Au"
RANGES: dict[str, tuple[str, float, float]] = {
    "temperature": ("K", 250.0, 1000.0),
    "heater": ("1", 0.0, 1.0),
    "pressure": ("GPa", -0.1, 2.2),
    "composition": ("1", 0.1, 0.4),
    "beam": ("1", 0.0, 1.0),
    "dose_rate": ("e/Å²/s", 0.0, 1e9),
    "dose": ("e/Å²", 0.0, 1e15),
}
ACTUATORS = (
    Actuator("heater", "1", Limits(0.0, 1.0), safe=0.0),
    Actuator("pressure", "GPa", Limits(PRESSURE.low, PRESSURE.high, PRESSURE.rate), safe=None),
    Actuator("composition", "1", Limits(COMPOSITION.low, COMPOSITION.high, COMPOSITION.rate), safe=None),
    Actuator("beam", "1", Limits(0.0, 1.0), safe=0.0),
)
_LIMITS = {a.name: a.limits for a in ACTUATORS}
WATCHDOG_RUN_S, WATCHDOG_REAL_S = 1.5, 1.0
FREEZE_S = 0.4
_STEPS_AT_ONCE = 400
_SKIP_REAL_S = 10.0


class TwinDevice:
    """Plant, faults and watchdog. One thread.

    The heater is off and locked at the start. It takes a value only while heartbeats come; when the newest one is
    older than `timeout_s`, or the device has hung for 0.4 s (what a hardware watchdog would see), it goes to 0 and
    stays there until a heartbeat and then a new setpoint arrive. What was sent before, or too long ago, does not count:
    a device that comes back from a stop finds old commands waiting.

    Args:
        clock: run time; 1.5 s of it (and at least 1 s of real time) without a heartbeat lock the heater.
        seed: of all noise.
        noise: sensor noise, thermal noise and stage drift.
    """

    def __init__(self, clock: Clock, *, seed: int = 0, noise: bool = True) -> None:
        self._clock = clock
        self.speed = clock.speed if isinstance(clock, RealClock) else 1.0
        self.timeout_s = max(WATCHDOG_RUN_S, WATCHDOG_REAL_S * self.speed)
        self.plant = Plant(seed=seed, noise=noise)
        self.plant.steps = math.floor(clock.now() / self.plant.dt)
        self.faults = Faults(RANGES)
        self.locked, self.locked_at = "start", self.plant.t
        self._shut = clock.now()  # when that was done
        self.skipped_s = 0.0
        self._beat = -math.inf

    def advance(self, most: int | None = None) -> bool:
        """Bring the plant to the clock's time, by at most `most` steps; whether it got there."""
        behind = math.floor(self._clock.now() / self.plant.dt + 1e-6) - self.plant.steps
        for _ in range(behind if most is None else min(behind, most)):
            self._watch()
            self.plant.step()
        self._watch()
        return most is None or behind <= most

    def follow(self) -> None:
        """Bring the plant nearer to the clock's time, in 10 ms of work.

        A device that finds itself behind by more than `timeout_s` was stopped: its heater is cut, as a hardware
        watchdog would have done meanwhile. What it is behind by more than 10 s of real time is left out.
        """
        behind = self._clock.now() - self.plant.t
        if behind > self.timeout_s:
            self._lock("the device hung")
        if not self.advance(_STEPS_AT_ONCE) and behind > _SKIP_REAL_S * self.speed:
            steps = math.floor(self._clock.now() / self.plant.dt)
            self.skipped_s += (steps - self.plant.steps) * self.plant.dt
            self.plant.steps = steps

    def set(self, setpoint: Setpoint) -> None:
        """Take a setpoint of an actuator.

        Raises:
            DeviceError: unknown, not finite, out of range, too old, or the heater is locked; one line.
        """
        name, value = setpoint.name, setpoint.value
        if isinstance(value, bool) or not (isinstance(value, Real) and isinstance(setpoint.t, Real)):
            raise DeviceError(f"{name}: value {value!r} or time {setpoint.t!r} is no number")
        limits = _LIMITS.get(name) if isinstance(name, str) else None
        if limits is None:
            raise DeviceError(f"no actuator {name!r}: {', '.join(_LIMITS)}")
        if not (math.isfinite(value) and limits.low <= value <= limits.high):
            raise DeviceError(f"{name} {value}: not within {limits.low:g} .. {limits.high:g}")
        age = self._clock.now() - setpoint.t
        if not age <= self.timeout_s:
            raise DeviceError(f"{name} {value:g}: sent {age:.1f} s ago, more than {self.timeout_s:g} s")
        if name == "pressure":
            self.plant.pressure_setpoint = value
        elif name == "composition":
            self.plant.composition_setpoint = value
        elif name == "beam":
            self.plant.beam = float(value >= 0.5)
        else:
            if self._late(self._clock.now()):
                raise DeviceError(f"heater {value:g}: locked, no heartbeat from the station")
            if self.locked and setpoint.t < self._shut:
                raise DeviceError(f"heater {value:g}: sent before the heater was locked: {self.locked}")
            self.locked = ""
            self.plant.heater = value

    def safe(self) -> None:
        """Heater 0, beam blanked; pressure and composition stay as they are (letting go of it fast harms more)."""
        self.plant.heater = self.plant.beam = 0.0
        self.plant.pressure_setpoint = min(max(self.plant.P, PRESSURE.low), PRESSURE.high)
        self.plant.composition_setpoint = min(max(self.plant.c, COMPOSITION.low), COMPOSITION.high)

    def heartbeat(self, t: float) -> None:
        """The station lived at run time `t`."""
        if math.isfinite(t):
            self._beat = max(self._beat, min(t, self._clock.now()))

    def fault(self, kind: str, target: str = "temperature", on: bool = True) -> None:
        """Put a fault in or take it out.

        Raises:
            ValueError: there is no such fault or reading.
        """
        self.faults.set(kind, target, on, self.plant.t)

    @property
    def frozen(self) -> bool:
        """Whether the device hangs."""
        return self.faults.since(Fault.FROZEN) is not None

    @property
    def gone(self) -> bool:
        """Whether the device has ended."""
        return self.faults.since(Fault.GONE) is not None

    def readings(self) -> tuple[Reading, ...]:
        """Every process value at the plant's time, with the faults in it."""
        p = self.plant
        values = (p.measured_K, p.power, p.measured_P, p.measured_c, p.beam, p.dose_rate * p.beam, p.dose)
        return tuple(
            self.faults.apply(Reading(name, value, unit, p.t))
            for (name, (unit, _, _)), value in zip(RANGES.items(), values, strict=True)
        )

    def state(self) -> dict[str, Any]:
        """Facts about the twin; those under "truth" no instrument could know: for scoring and labelled display only."""
        p, f = self.plant, self.plant.furnace
        return {
            "furnace": {
                "gain_K": f.gain_K,
                "tau_s": f.tau_s,
                "ambient_K": f.ambient_K,
                "delay_s": f.delay_s,
                "sensor_lag_s": f.sensor_lag_s,
                "noise_K": SENSOR_NOISE_K if p.noise else 0.0,
                "limit_K": f.limit_K,
            },
            "speed": self.speed,
            "seed": p.seed,
            "noise": p.noise,
            "faults": self.faults.listed(),
            "locked": self.locked,
            "locked_at": self.locked_at,
            "interlock": p.interlocked,
            "watchdog_s": self.timeout_s,
            "skipped_s": self.skipped_s,
            "domain_atoms": p.domain_atoms,
            "truth": {"order_parameter": p.S, "free_energy": p.free_energy},
        }

    def describe(self, streams: tuple[Stream, ...] = ()) -> Description:
        """What the twin offers, with the streams that its server makes."""
        return Description(NAME, "twin", streams, RANGES, ACTUATORS, self.state())

    def commands(self) -> Mapping[str, Callable[..., None]]:
        """The commands that need nothing but this device."""
        return {"set": self._set, "safe": self.safe, "heartbeat": self.heartbeat, "fault": self.fault}

    def _set(self, setpoint: object) -> None:
        if not isinstance(setpoint, Setpoint):
            raise ValueError(f"set: {type(setpoint).__name__} is no setpoint")
        try:
            self.set(setpoint)
        except DeviceError as error:
            raise ValueError(str(error)) from None

    def _late(self, now: float) -> bool:
        return not now - self._beat <= self.timeout_s

    def _watch(self) -> None:
        frozen = self.faults.since(Fault.FROZEN)
        if self.gone:
            self._lock("gone")
        elif frozen is not None and self.plant.t - frozen >= FREEZE_S:
            self._lock("the device hung")
        elif not self.locked and self._late(self.plant.t):
            self._lock("no heartbeat from the station")

    def _lock(self, why: str) -> None:
        self.plant.heater = 0.0
        if why != self.locked:
            self.locked, self.locked_at, self._shut = why, self.plant.t, self._clock.now()
