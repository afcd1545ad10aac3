"""What a loop does in time: exact discrete plants (zero-order hold, whole steps of dead time). Offline: most
uses scipy."""

from __future__ import annotations

from collections import deque

import numpy as np

from matstudio.control import pid
from matstudio.control.pid import Tuning
from matstudio.control.plants import Array, Plant

_STEPS, _STEPS_OF_MANY = 3000, 800  # a polynomial with many poles near 1 cannot bear a finer step


class Sampled:
    """A plant between a sampled controller's steps; exact at the samples.

    Args:
        plant: what is simulated, at rest.
        h: step, s; the dead time is rounded to whole steps.
    """

    def __init__(self, plant: Plant, h: float) -> None:
        from scipy.signal import cont2discrete, tf2ss

        a, b, c, d = tf2ss([plant.gain], _denominator(plant))
        found = cont2discrete((a, b, c, d), h, "zoh")
        self._a, self._b, self._c = found[0], found[1].ravel(), found[2].ravel()
        self._x = np.zeros(len(self._b))
        self._under_way = deque([0.0] * round(plant.delay / h))

    def step(self, u: float) -> float:
        """The measurement after a step under the output `u`."""
        self._under_way.append(u)
        self._x = self._a @ self._x + self._b * self._under_way.popleft()
        return float(self._c @ self._x)


def _denominator(plant: Plant) -> Array:
    parts = [[lag, 1.0] for lag in plant.lags] + ([[1.0, 0.0]] if plant.integrating else [])
    whole = np.ones(1)
    for part in parts:
        whole = np.convolve(whole, part)
    return whole


def after_load(plant: Plant, tuning: Tuning, load: float, horizon: float, n: int = 600) -> tuple[Array, Array]:
    """Times (s) and measurement after a step of load at the plant's input, each (n,), under `pid.step`. Quick, without
    scipy: lags in series, each exact for an input that stays as it is over the step; for a plot."""
    h = horizon / n
    shares = [-np.expm1(-h / lag) for lag in plant.lags]
    lags, level, y = [0.0] * len(shares), 0.0, 0.0
    state = pid.bumpless(tuning, 0.0, 0.0, 0.0)
    under_way = deque([0.0] * round(plant.delay / h))
    out = np.zeros(n)
    for i in range(n):
        state = pid.step(tuning, state, 0.0, y, h)
        under_way.append(state.v + load)
        value = plant.gain * under_way.popleft()
        for k, share in enumerate(shares):
            lags[k] += share * (value - lags[k])
            value = lags[k]
        level += h * value
        out[i] = y = min(max(level if plant.integrating else value, -1e9), 1e9)
    times: Array = h * np.arange(1, n + 1, dtype=float)
    return times, out


class LoadStep:
    """The answer of a closed loop with an ideal actuator to a unit step of load at the plant's input.

    The plant is exact at its samples; the controller is the ISA PID by the trapezoidal rule. One linear filter, so that
    an optimiser can ask it hundreds of times; `Sampled` under `pid.step` gives the same, slower.

    Args:
        plant: what is controlled.
        horizon: how long it is followed, s.
    """

    def __init__(self, plant: Plant, horizon: float) -> None:
        from scipy.signal import cont2discrete

        h = horizon / (_STEPS if len(plant.lags) < 3 else _STEPS_OF_MANY)
        if plant.delay > 0:
            h = plant.delay / max(1, round(plant.delay / h))
        b, a, _ = cont2discrete(([plant.gain], _denominator(plant)), h, "zoh")
        self.h, self.n = h, round(horizon / h)
        self._b, self._a = np.concatenate([np.zeros(round(plant.delay / h)), np.ravel(b)]), a

    def output(self, tuning: Tuning) -> Array:
        """The measurement at each step, (n,), in its unit."""
        from scipy.signal import lfilter

        up, down = _pid(tuning, self.h)
        numerator = np.convolve(self._b, down)
        closed = np.convolve(self._a, down)
        size = max(len(closed), len(self._b) + len(up) - 1)
        denominator = np.zeros(size)
        denominator[: len(closed)] += closed
        denominator[: len(self._b) + len(up) - 1] += np.convolve(self._b, up)
        with np.errstate(over="ignore", invalid="ignore"):
            found: Array = lfilter(numerator, denominator, np.ones(self.n))
        return np.nan_to_num(found, nan=1e9, posinf=1e9, neginf=-1e9)

    def iae(self, tuning: Tuning) -> float:
        """Integral of the error's magnitude, unit of the measurement x s."""
        return float(np.abs(self.output(tuning)).sum() * self.h)


def _pid(tuning: Tuning, h: float) -> tuple[Array, Array]:
    """Numerator and denominator of the PID in powers of 1/z."""
    integral, differs = np.array([1.0, 1.0]) * h / (2 * tuning.ti), np.array([1.0, -1.0])
    if tuning.td > 0:
        lag = tuning.td / tuning.n
        rate, filtered = 2 * tuning.td * np.array([1.0, -1.0]), np.array([2 * lag + h, h - 2 * lag])
    else:
        rate, filtered = np.zeros(2), np.array([1.0, 0.0])
    up = np.convolve(differs, filtered) + np.convolve(integral, filtered) + np.convolve(rate, differs)
    return tuning.gain * up, np.convolve(differs, filtered)
