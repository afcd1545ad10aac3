"""PID in ISA form with filtered derivative on measurement, setpoint weight and back-calculation. Pure functions.

    u = K [ (b r - y) + (1/Ti) ∫ (r - y) dt - Td d(y_f)/dt ] + u_ff,   y_f = y / (1 + s Td/N)

Discretised with backward differences for the derivative and forward differences for the integral, and with tracking of
the actual actuator value: K. J. Åström, T. Hägglund, PID Controllers: Theory, Design and Tuning, 2nd ed. (ISA, 1995),
chapter 3. Tuning: D. E. Rivera, M. Morari, S. Skogestad, Ind. Eng. Chem. Process Des. Dev. 25 (1986) 252 (IMC-PID).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Tuning:
    """Parameters of the loop.

    Args:
        gain: K, output per K of error.
        ti: integral time, s.
        td: derivative time, s.
        tracking: time constant with which the integral follows the actual output, s.
        b: setpoint weight of the proportional part, 0..1.
        n: derivative filter, its time constant is td / n.
    """

    gain: float
    ti: float
    td: float
    tracking: float
    b: float = 1.0
    n: float = 10.0

    def __post_init__(self) -> None:
        numbers = (self.gain, self.ti, self.td, self.tracking, self.b, self.n)
        if not all(math.isfinite(x) for x in numbers) or self.gain == 0 or min(self.ti, self.tracking, self.n) <= 0:
            raise ValueError(f"PID tuning {numbers}: gain must not be 0, ti, tracking and n must be > 0, all finite")
        if self.td < 0 or not 0 <= self.b <= 1:
            raise ValueError(f"PID tuning: td {self.td} must be >= 0 and b {self.b} within 0..1")


def lambda_tuning(gain: float, tau: float, lag: float, delay: float, *, closed: float | None = None) -> Tuning:
    """Tuning for a process of gain `gain` with time constants `tau` > `lag` and `delay` (s): IMC, or lambda, tuning.

    Series form Kc = tau / (gain (closed + delay)), tI = tau, tD = lag, converted to the ISA form. The integral cancels
    the furnace's pole, and b = 1 - td/ti what the derivative, acting on the measurement only, adds to the integral
    during a ramp, so that the temperature does not overshoot its end: the alloy forgives being late, not too hot.
    `closed` is the closed loop's time constant, s; the default 2 x delay is robust and keeps the heater quiet; it is
    tau / 15 at least, so that a furnace without delay does not get an endless gain.
    """
    tc = max(2 * delay, tau / 15) if closed is None else closed
    f = 1 + lag / tau
    ti, td = tau * f, lag / f
    return Tuning(tau / (gain * (tc + delay)) * f, ti, td, math.sqrt(ti * td) if td > 0 else ti / 2, b=1 - td / ti)


@dataclass(frozen=True)
class State:
    """What the loop remembers; always finite.

    Args:
        integral: integral part of the output.
        derivative: derivative part of the output.
        y: last measurement.
        p: proportional part at the last step (for display).
        v: output asked for at the last step, before any limit.
        grown: what the last step added to the integral, for the next.
    """

    integral: float = 0.0
    derivative: float = 0.0
    y: float = 0.0
    p: float = 0.0
    v: float = 0.0
    grown: float = 0.0


def bumpless(tuning: Tuning, r: float, y: float, u: float, feed: float = 0.0) -> State:
    """The state from which the next output is `u`, whatever the error: taking over from MANUAL or another loop. `feed`
    is the feed-forward of then.

    Raises:
        ValueError: for numbers that are not finite.
    """
    if not all(math.isfinite(x) for x in (r, y, u, feed)):
        raise ValueError(f"PID: cannot start from r={r}, y={y}, u={u}")
    p = tuning.gain * (tuning.b * r - y)
    return State(u - p - feed, 0.0, y, p, u)


def retune(old: Tuning, new: Tuning, state: State, r: float) -> State:
    """The state with which `new` goes on where `old` was, bumpless, at the setpoint `r`: what the proportional and the
    derivative part change, the integral part takes back."""
    p = new.gain * (new.b * r - state.y)
    d = state.derivative * (new.gain * new.td) / (old.gain * old.td) if old.td > 0 else 0.0
    integral = state.integral + state.p - p + state.derivative - d
    return State(integral, d, state.y, p, state.v) if math.isfinite(integral) else state


def step(tuning: Tuning, state: State, r: float, y: float, dt: float, feed: float = 0.0) -> State:
    """One step with setpoint `r`, measurement `y` (K) and `dt` seconds since the last; the wish is `State.v`. `feed` is
    the feed-forward, added to it.

    Call `settle` after it with what the actuator really got. Numbers that are not finite, or dt <= 0, leave the state
    as it is: a bad reading never poisons the integral.
    """
    if not all(math.isfinite(x) for x in (r, y, dt, feed)) or dt <= 0:
        return state
    p = tuning.gain * (tuning.b * r - y)
    filtered = tuning.td / (tuning.td + tuning.n * dt)
    d = filtered * (state.derivative - tuning.gain * tuning.n * (y - state.y))
    v = p + state.integral + d + feed
    grown = tuning.gain * dt / tuning.ti * (r - y)
    integral = state.integral + grown
    if not (math.isfinite(v) and math.isfinite(integral)):
        return state
    return State(integral, d, y, p, v, grown)


def settle(tuning: Tuning, state: State, actual: float, dt: float) -> State:
    """Anti-windup: the integral follows the actuator's `actual` value with the tracking time constant, and what the
    last step added to it is taken back where that goes on in the direction in which the actuator does not follow."""
    if not (math.isfinite(actual) and math.isfinite(dt)) or dt <= 0:
        return state
    share = min(1.0, dt / tuning.tracking)
    taken = state.grown if state.grown * (state.v - actual) > 0 else 0.0
    integral = state.integral - taken + share * (actual - state.v)
    return replace(state, integral=integral, grown=0.0) if math.isfinite(integral) else state
