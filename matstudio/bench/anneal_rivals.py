"""What the policy is compared with: a constant temperature, a ramp, PID on S, and model-predictive control.

Each has the same readings and a decision as often as the policy, and the best settings that a seeded search finds for
it on anneals that are not those of the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from matstudio.control.policy import PERIOD_S
from matstudio.dynamics.annealing import TARGET
from matstudio.dynamics.optimum import Optimum
from matstudio.training.annealing import LATE_S, Anneals, Controller, anneal

Array: TypeAlias = np.ndarray
Settings: TypeAlias = Array | float
"""One for all anneals, or one for each, (n,)."""


def constant(kelvin: Settings) -> Controller:
    """A constant temperature."""
    return lambda a: a.decide({"temperature": kelvin * np.ones(a.n)})


def ramp(start: Settings, end: Settings, seconds: Settings) -> Controller:
    """To `start` (K), and from there to `end` in `seconds`."""
    return lambda a: a.decide(
        {"temperature": start + (end - start) * np.minimum(1.0, a.furnaces.t / seconds) * np.ones(a.n)}
    )


class OrderPID:
    """PID on S in ISA form with back-calculation, to the heater's power or, as a cascade, to the temperature.

    Args:
        gain: power (or 100 K) per unit of S. ti, td: s.
        start: of the integral part: power, or K above 500 in units of 100 K.
        cascade: whether it moves the setpoint of the temperature loop, 500 to 700 K, in place of the power.
    """

    def __init__(
        self, gain: Settings, ti: Settings, td: Settings, start: Settings = 0.0, *, cascade: bool = False
    ) -> None:
        self.gain, self.ti, self.td, self.start, self.cascade = gain, ti, td, start, cascade
        self._integral = self._last = np.zeros(0)

    def __call__(self, a: Anneals) -> None:
        S = a.belief.S  # filtered: the readings' own noise would be most of the derivative
        if a.furnaces.t == 0:
            self._integral, self._last = self.start * np.ones(a.n), S.copy()
        dt = PERIOD_S
        error = TARGET - S
        v = self.gain * (error - self.td * (S - self._last) / dt) + self._integral
        u = np.clip(v, 0.0, 2.0 if self.cascade else 1.0)
        self._integral = self._integral + self.gain * dt / self.ti * error + np.minimum(1.0, dt / self.ti) * (u - v)
        self._last = S.copy()
        if self.cascade:
            a.decide({"temperature": 500.0 + 100.0 * u})
        else:
            a.heat(u, dt)


class Predictive:
    """Model-predictive control: the power for the next 5 s after which the least time is left, by the optimum's table.

    S and the kinetics are the filter's, the temperature that of a Smith predictor: the model of the furnace run on with
    the powers that are still under way (O. J. M. Smith, Chem. Eng. Prog. 53 (1957) 217), corrected by the reading.
    """

    def __init__(self, optimum: Optimum, powers: int = 21) -> None:
        self.optimum, self.powers = optimum, np.linspace(0.0, 1.0, powers)
        self._sent: list[Array] = []

    def __call__(self, a: Anneals) -> None:
        if a.furnaces.t == 0:
            self._sent = [np.zeros(a.n)]
        f, dt = a.furnaces.furnace, PERIOD_S
        slope = (a.measured["temperature"] - a.before["temperature"]) / dt if a.furnaces.t else np.zeros(a.n)
        T = a.measured["temperature"] + slope * f.sensor_lag_s * (a.rng is not None)
        S, kinetics = a.belief.S, np.exp(a.belief.kinetics)
        delay = f.delay_s if a.rng is not None else a.dt
        S, T = _on(a, S, T, self._sent[-1], delay, kinetics)
        times = []
        for u in self.powers:
            s, t = _on(a, S, T, np.full(a.n, u), dt, kinetics)
            late = self.optimum.at(s, t)
            times.append(np.where(s >= self.optimum.S[-1], -1e3 * (s - self.optimum.S[-1]), late))
        best = self.powers[np.argmin(times, axis=0)]
        self._sent.append(best)
        a.heat(best, dt)


def _on(a: Anneals, S: Array, T: Array, power: Array, seconds: float, kinetics: Array) -> tuple[Array, Array]:
    f = a.furnaces.furnace
    end = f.ambient_K + f.gain_K * power
    parts = max(1, round(seconds))
    h = seconds / parts
    for _ in range(parts):
        then = end + (T - end) * np.exp(-h / f.tau_s)
        S = np.clip(a.furnaces.model.step(S, (T + then) / 2, h * kinetics), 1e-3, 0.9999)
        T = then
    return S, T


def searched(
    make: Callable[..., Controller],
    low: Array,
    high: Array,
    seed: int,
    *,
    rounds: int = 10,
    tries: int = 24,
    n: int = 40,
) -> tuple[Array, float]:
    """The settings with which a controller is quickest on n noisy anneals, and its mean time, s.

    Cross-entropy search: R. Y. Rubinstein, Methodol. Comput. Appl. Probab. 1 (1999) 127.

    Args:
        make: a controller from its settings, each an array of one value for each anneal.
        low, high: box of the settings.
    """
    rng = np.random.default_rng(seed)
    mean, width = (low + high) / 2, (high - low) / 2
    best, least = mean, np.inf
    for _ in range(rounds):
        settings = np.clip(mean + width * rng.standard_normal((tries, len(low))), low, high)
        made = anneal(make(*np.repeat(settings, n, axis=0).T), tries * n, seed)
        late = LATE_S * (1 + TARGET - made.S)  # so that of those which fail the more ordered are the better
        times = np.where(np.isnan(made.done_s), late, made.done_s).reshape(tries, n).mean(1)
        if times.min() < least:
            best, least = settings[times.argmin()], float(times.min())
        elite = settings[np.argsort(times)[: tries // 4]]
        mean, width = elite.mean(0), elite.std(0) + 0.01 * (high - low)
    return best, least
