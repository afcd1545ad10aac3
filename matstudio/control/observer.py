"""A furnace observer: what the temperature should do, given the heater's output.

Extended Kalman filter (R. E. Kalman, J. Basic Eng. 82 (1960) 35; A. H. Jazwinski, Stochastic Processes and Filtering
Theory, 1970, chapter 8) on the states furnace temperature T, sensor temperature M, and two factors near 1 that make up
for a furnace that is not quite as described:

    dT/dt = (alpha (Ta - T) + beta K u(t - delay)) / tau,      dM/dt = (T - M) / lag.

The factors are learnt within some seconds of heating and change slowly after; a sensor that drifts afterwards cannot be
explained by them, so that the filter has to pull T along. What it pulled within a window is the evidence of a drift.

A drift that begins with the heating itself could pass for a factor. Against it the furnace is also followed just as it
is described, with factors of 1 and drawn to the readings in minutes only (a Luenberger observer: D. G. Luenberger, IEEE
Trans. Autom. Control 16 (1971) 596); how far the readings may stray from it follows from how well a description is
trusted.

A furnace that is warm at the first reading (the station was started again, say) may be on its way up or down, and what
its heater did within its dead time is not known. Both are then begun when the dead time has passed, and nothing is
concluded before the sensor has had four lags to show where the furnace is.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

_STEP_S = 0.25
_PRIOR = (2.0, 2.0, 0.05, 0.05)  # one standard deviation of T, M (K), alpha, beta
_WALK = (1.0, 0.04, 0.0002, 0.0002)  # per square root of a second
_WALK_2 = np.diag(np.square(_WALK))
_FACTOR = (0.5, 1.6)
_FORGET_S = 120.0  # in which the furnace as described is drawn to the readings
_TRUST = 0.05  # of the described rise above ambient: the description's gain and time constant are true within 5 %
_LEAST_K, _LEAST_NOISES = 5.0, 4.0  # what is never a drift: ambient, and so many deviations of the noise
_WARM_K, _LAGS = 25.0, 4.0  # above ambient at the first reading; in which the sensor shows where the furnace is
DEFAULT_NOISE_K = 0.3  # of a device that says that its readings are noisy, but not how much


@dataclass(frozen=True)
class Furnace:
    """A furnace as its device describes it in `Description.state["furnace"]`.

    Args:
        gain_K: temperature above ambient at heater 1.
        tau_s: time constant.
        delay_s: dead time of the heater.
        lag_s: time constant of the sensor.
        noise_K: one standard deviation of the sensor's noise, 0 where a reading may well repeat itself.
        ambient_K: temperature at heater 0.
    """

    gain_K: float
    tau_s: float
    delay_s: float
    lag_s: float
    noise_K: float
    ambient_K: float

    @classmethod
    def described(cls, state: Mapping[str, Any]) -> Furnace | None:
        """The furnace in a device's state, or None where it gives none that can be used."""
        facts = state.get("furnace")
        if not isinstance(facts, Mapping):
            return None
        noise = facts.get("noise_K", DEFAULT_NOISE_K if state.get("noise") else 0.0)
        try:
            gain, tau, delay, lag, ambient = (
                float(facts[k]) for k in ("gain_K", "tau_s", "delay_s", "sensor_lag_s", "ambient_K")
            )
            found = cls(gain, tau, delay, lag, float(noise), ambient)
        except (KeyError, TypeError, ValueError):
            return None
        usable = all(math.isfinite(x) for x in (gain, tau, delay, lag, ambient, found.noise_K)) and min(gain, tau) > 0
        return found if usable and min(delay, lag, found.noise_K) >= 0 else None


class FurnaceObserver:
    """Follows the furnace; fed with heater outputs and good readings in the order of their times.

    Args:
        furnace: parameters.
        window_s: length over which `pulled` counts.
        timing_s: within which delay and lag are as described, and the heater's outputs come with their true times.
    """

    def __init__(self, furnace: Furnace, window_s: float = 30.0, timing_s: float = 0.4) -> None:
        self._f = furnace
        self._window, self._timing = window_s, timing_s
        self._u: deque[tuple[float, float]] = deque()
        self.restart()

    def restart(self) -> None:
        """Forget all but the heater's outputs."""
        self._pulls: deque[tuple[float, float]] = deque()
        self._x = np.zeros(4)
        self._p = np.zeros((4, 4))
        self._t: float | None = None
        self._pulled = 0.0
        self._described = (0.0, 0.0, 0.0)  # T, M (K) and dM/dt (K/s) as described
        self._strayed = 0.0
        self._read_at = 0.0
        self._begun: float | None = None
        self._warm = False

    @property
    def pulled(self) -> float:
        """Sum of the filter's corrections of the furnace temperature in the window, K."""
        return self._pulled

    @property
    def strayed(self) -> float:
        """Last reading less what the furnace as described makes, K."""
        return self._strayed

    @property
    def stray_limit(self) -> float:
        """How far a reading can stray from a furnace that is described well enough, K."""
        temperature, _, rate = self._described
        rise = abs(temperature - self._f.ambient_K)
        return _LEAST_K + _LEAST_NOISES * self._f.noise_K + _TRUST * rise + self._timing * abs(rate)

    def heater(self, t: float, u: float) -> None:
        """The heater's actual output is `u` from run time `t` on."""
        if not self._u or self._u[-1][1] != u:
            self._u.append((t, u))
        while len(self._u) > 1 and self._u[1][0] < t - self._f.delay_s - 30.0:
            self._u.popleft()

    def _heater_at(self, t: float) -> float:
        value = self._u[0][1] if self._u else 0.0
        for at, u in self._u:
            if at > t:
                break
            value = u
        return value

    def _predict(self, start: float, end: float) -> None:
        f = self._f
        lag = max(f.lag_s, _STEP_S)
        steps = max(1, math.ceil((end - start) / _STEP_S - 1e-9))
        h = (end - start) / steps
        for i in range(steps):
            u = self._heater_at(start + (i + 0.5) * h - f.delay_s)
            temperature, sensor, alpha, beta = self._x.tolist()
            cooling, heating = f.ambient_K - temperature, f.gain_K * u
            k, m = h / f.tau_s, h / lag
            jacobian = np.array(
                [
                    [1.0 - k * alpha, 0.0, k * cooling, k * heating],
                    [m, 1.0 - m, 0.0, 0.0],
                    [0.0, 0.0, 1.0, 0.0],
                    [0.0, 0.0, 0.0, 1.0],
                ]
            )
            rate = alpha * cooling + beta * heating
            self._x = self._x + np.array([k * rate, m * (temperature - sensor), 0.0, 0.0])
            self._p = jacobian @ self._p @ jacobian.T + _WALK_2 * h
            temperature, sensor, _ = self._described
            speed = (temperature - sensor) / lag
            self._described = (temperature + k * (f.ambient_K - temperature + heating), sensor + h * speed, speed)

    def advance(self, t: float) -> float:
        """What the sensor should show at run time `t`, K; NaN before the first reading."""
        if self._t is None:
            return math.nan
        if t > self._t:
            self._predict(self._t, t)
            self._t = t
        return float(self._x[1])

    def reading(self, t: float, y: float) -> None:
        """Take the reading `y` (K, finite) with source time `t`."""
        if self._begun is None:
            self._begun = t
            self._warm = abs(y - self._f.ambient_K) > _WARM_K
        known = self._begun + self._f.delay_s if self._warm else self._begun
        if self._t is None or t < known:
            self._x = np.array([y, y, 1.0, 1.0])
            self._p = np.diag(np.square(_PRIOR))
            if self._warm:
                self._p[0, 0] = max(_PRIOR[0], self._f.gain_K / self._f.tau_s * self._f.lag_s) ** 2
            self._described = (y, y, 0.0)
            self._t = self._read_at = t
            return
        innovation = y - self.advance(t)
        temperature, sensor, speed = self._described
        self._strayed = y - sensor
        drawn = min(1.0, (t - self._read_at) / _FORGET_S) * self._strayed
        self._read_at = t
        self._described = (temperature + drawn, sensor + drawn, speed)
        gain = self._p[:, 1] / (self._p[1, 1] + max(self._f.noise_K, 0.1) ** 2)
        self._x = self._x + gain * innovation
        self._x[2:] = np.minimum(np.maximum(self._x[2:], _FACTOR[0]), _FACTOR[1])
        p = self._p - np.outer(gain, self._p[1])
        self._p = (p + p.T) / 2
        if self._warm and t < known + _LAGS * self._f.lag_s:
            self._described, self._strayed = (float(self._x[0]), float(self._x[1]), speed), 0.0
            return
        pull = float(gain[0]) * innovation
        self._pulls.append((t, pull))
        self._pulled += pull
        while self._pulls and self._pulls[0][0] < t - self._window:
            self._pulled -= self._pulls.popleft()[1]
