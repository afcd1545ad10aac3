"""The one gate before every actuator: finite, within range, within rate, no interlock, one master. Pure functions.

NaN never passes: it is refused by name, never clamped (`max(0, min(1, nan))` is 1.0 in Python).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from matstudio.domain.process import Limits, Mode, Setpoint

MAX_DT_S = 0.5  # a stall of the station earns no larger step than this


@dataclass(frozen=True)
class Interlock:
    """Forces an actuator to its safe value while a reading is too high.

    Args:
        name: "over_temperature".
        reading: name of the reading.
        above: trips above this value, in the reading's unit; also when the value is not finite.
        release: lets go below this value (hysteresis), < `above`.
        actuator: that is forced.
    """

    name: str
    reading: str
    above: float
    release: float
    actuator: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.above) and math.isfinite(self.release) and self.release < self.above):
            raise ValueError(f"interlock {self.name}: release {self.release} must lie below {self.above}")


def trip(interlock: Interlock, held: bool, value: float) -> bool:
    """Whether the interlock holds after `value`, given whether it held before."""
    if not math.isfinite(value):
        return True
    return value > (interlock.release if held else interlock.above)


def reason(interlock: Interlock, value: float) -> str:
    """Why it holds, in one line."""
    if not math.isfinite(value):
        return f"{interlock.name}: {interlock.reading} is unknown"
    return f"{interlock.name}: {interlock.reading} {value:.6g} (trips above {interlock.above:g}, lets go below " + (
        f"{interlock.release:g})"
    )


@dataclass(frozen=True)
class Verdict:
    """What the gate lets through.

    Args:
        value: to be sent, or None: nothing.
        reason: why it is not what was asked for ("" if it is).
    """

    value: float | None
    reason: str = ""


def both(a: Limits, b: Limits) -> Limits:
    """The limits that satisfy both.

    Raises:
        ValueError: no value satisfies both.
    """
    return Limits(max(a.low, b.low), min(a.high, b.high), min(a.rate, b.rate))


def wrong(name: str, value: float, unit: str, limits: Limits) -> str:
    """Why a value can never pass, in one line; "" if it can."""
    unit = "" if unit == "1" else f" {unit}"
    if not math.isfinite(value):
        return f"{name}: {value} is not a number that can be set"
    if value < limits.low:
        return f"{name}: {value:g}{unit} is below the limit {limits.low:g}{unit}"
    if value > limits.high:
        return f"{name}: {value:g}{unit} is above the limit {limits.high:g}{unit}"
    return ""


def toward(last: float, wanted: float, limits: Limits, dt: float) -> float:
    """`wanted`, or as near to it as the rate allows in `dt` seconds after `last`; always within the range.

    All arguments but `dt` must be finite; a `dt` that is not, or is negative, allows no step.
    """
    dt = min(dt, MAX_DT_S) if math.isfinite(dt) and dt > 0 else 0.0
    step = limits.rate * dt if dt else 0.0
    value = min(max(wanted, last - step), last + step)
    return min(max(value, limits.low), limits.high)


def master(mode: Mode, name: str) -> str:
    """Who alone may move `name` in `mode`: "operator", "pid", "policy" or "station" (which only makes safe)."""
    if name == "beam":  # off the beam path nothing heats: a person's, in every mode but SAFE
        return "station" if mode is Mode.SAFE else "operator"
    if mode in (Mode.OFF, Mode.SAFE):
        return "station"
    if name == "heater":
        return "operator" if mode is Mode.MANUAL else "pid"
    if mode is Mode.HOLD:
        return "station"
    return "policy" if mode is Mode.POLICY else "operator"


def judge(
    asked: Setpoint,
    *,
    limits: Limits,
    last: float,
    dt: float,
    master: str,
    safe: float | None = None,
    interlock: str = "",
) -> Verdict:
    """Let a setpoint pass, as far as it may.

    Args:
        asked: what is wanted; the part of its source before ":" is who wants it.
        limits: the gate's limits for it.
        last: value sent last.
        dt: seconds of run time since then.
        master: who alone may move it now (`master`).
        safe: its safe value, which the station, or an interlock, sets at once and without regard to the rate.
        interlock: why an interlock holds it, or "".
    """
    who = asked.source.partition(":")[0]
    if safe is not None and who == "station" and asked.value == safe:
        return Verdict(safe)
    if interlock:
        return Verdict(safe, interlock)
    if who != master:
        return Verdict(None, f"{asked.name}: {who} may not move it, {master} is the master")
    problem = wrong(asked.name, asked.value, asked.unit, limits)
    if problem:
        return Verdict(None, problem)
    if not math.isfinite(last):
        return Verdict(None, f"{asked.name}: its present value is unknown")
    value = toward(last, asked.value, limits, dt)
    return Verdict(value, "" if value == asked.value else f"{asked.name}: rate limited to {limits.rate:g} per s")
