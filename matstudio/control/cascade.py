"""Two loops in cascade: the outer one's output is the setpoint of the inner one. Pure functions.

For a slow value behind a quick one: the order parameter, or the specimen's temperature, behind the heater's. The outer
integral follows the inner setpoint that really holds (back-calculation), and does not go on in a direction in which the
inner loop's output has no room left, so that neither winds up (K. J. Åström, T. Hägglund, Advanced PID Control, ISA
2006, section 13.3). Give the outer loop a setpoint weight of 0.3 or less: with b = 1 a step of its setpoint
sends the inner one to its end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from matstudio.control import pid
from matstudio.control.gate import toward
from matstudio.control.pid import Tuning
from matstudio.domain.process import Limits


@dataclass(frozen=True)
class Cascade:
    """Tunings and limits of both loops.

    Args:
        outer: output is the inner setpoint, in the inner measurement's unit.
        inner: output is the actuator.
        setpoint: range and rate of the inner setpoint.
        output: range and rate of the actuator.
    """

    outer: Tuning
    inner: Tuning
    setpoint: Limits
    output: Limits


@dataclass(frozen=True)
class State:
    """What both loops remember.

    Args:
        outer: None while the cascade is open: the inner setpoint then is whoever's.
        inner: of the inner PID.
        setpoint: of the inner loop now.
        output: of the actuator now.
    """

    outer: pid.State | None
    inner: pid.State
    setpoint: float
    output: float


def begin(cascade: Cascade, setpoint: float, measured: float, output: float) -> State:
    """The inner loop alone, bumpless from an actuator at `output`; ValueError for numbers that are not finite."""
    return State(None, pid.bumpless(cascade.inner, setpoint, measured, output), setpoint, output)


def close(cascade: Cascade, state: State, r: float, y: float) -> State:
    """Close the outer loop with setpoint `r` at measurement `y`: the inner setpoint does not jump."""
    return replace(state, outer=pid.bumpless(cascade.outer, r, y, state.setpoint))


def open_outer(state: State) -> State:
    """Open the outer loop: the inner setpoint stays where it is."""
    return replace(state, outer=None)


def step(cascade: Cascade, state: State, r: float, y: float, inner: float, dt: float) -> State:
    """One step of both.

    Args:
        cascade, state: as they are.
        r, y: setpoint and measurement of the outer loop; while it is open, `r` is the inner setpoint, `y` is not used.
        inner: measurement of the inner loop.
        dt: s. Numbers that are not finite, or dt <= 0, leave everything as it is.
    """
    if (
        not all(math.isfinite(x) for x in (r, inner, dt))
        or dt <= 0
        or (state.outer is not None and not math.isfinite(y))
    ):
        return state
    outer, wanted = state.outer, r
    if outer is not None:
        outer = pid.step(cascade.outer, outer, r, y, dt)
        wanted = outer.v
    setpoint = toward(state.setpoint, wanted, cascade.setpoint, dt)
    loop = pid.step(cascade.inner, state.inner, setpoint, inner, dt)
    output = toward(state.output, loop.v, cascade.output, dt)
    if outer is not None and state.outer is not None:
        outer = pid.settle(cascade.outer, outer, setpoint, dt)
        pushed = (loop.v - output) * cascade.inner.gain  # in which direction the inner loop has no room left
        grown = outer.integral - state.outer.integral
        if pushed * grown > 0:
            outer = replace(outer, integral=state.outer.integral)
    return State(outer, pid.settle(cascade.inner, loop, output, dt), setpoint, output)
