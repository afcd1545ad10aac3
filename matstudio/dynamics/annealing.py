"""Many furnaces with an ordering alloy at once: what policies are trained on, compared on and look ahead with.

The process is that of the twin (`instruments/twin/plant.py`), for arrays of n furnaces that may each differ in
kinetics, gain, dead time and lags. A step updates things in the twin's order, so that one furnace without noise gives
its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from matstudio.dynamics.ordering import OrderingModel
from matstudio.instruments.twin.plant import COMPOSITION, DOMAIN_ATOMS, LEAST_ORDER, PRESSURE, Furnace, Ramp

Array: TypeAlias = np.ndarray
ORDER_NOISE = 0.01  # nominal error of one reading of S
TARGET = 0.9
AMBIENT_K = 300.0
"""Temperature at which what an anneal is worth is told by F: that of the specimen once it is cold; decision 0078."""


@dataclass(frozen=True)
class Kinds:
    """How n furnaces differ from the nominal one; each an (n,) array, or a number for all of them.

    Args:
        kinetics: factor on the rate of ordering.
        gain: factor on the heater's power.
        delay_s: dead time between power and specimen.
        lag_s: of the thermometer.
        noise_K: of the thermometer.
        order_noise: of a reading of S.
        S, T: order and temperature (K) at the start.
        c: composition at the start, Au fraction.
    """

    kinetics: Array | float = 1.0
    gain: Array | float = 1.0
    delay_s: Array | float = Furnace.delay_s
    lag_s: Array | float = Furnace.sensor_lag_s
    noise_K: Array | float = 0.3
    order_noise: Array | float = ORDER_NOISE
    S: Array | float = 0.05
    T: Array | float = 300.0
    c: Array | float = 0.25


def uncertain(rng: np.random.Generator, n: int, spread: float) -> Kinds:
    """n furnaces whose kinetics are off by `spread` (log-normal) and whose gain by a tenth of that (normal)."""
    return Kinds(kinetics=np.exp(spread * rng.standard_normal(n)), gain=1 + 0.1 * spread * rng.standard_normal(n))


class Furnaces:
    """n furnaces at run time `t`, all with the same step.

    Args:
        n: how many.
        kinds: how they differ.
        dt: step, s.
        rng: of all noise; None: no noise, and neither dead time nor lag (power takes one step to act).
        furnace: the nominal one.
        power: of the heater until now, 0..1.
    """

    def __init__(
        self,
        n: int,
        kinds: Kinds | None = None,
        *,
        dt: float = 0.25,
        rng: np.random.Generator | None = None,
        furnace: Furnace | None = None,
        power: float = 0.0,
    ) -> None:
        self.n, self.dt, self.rng = n, dt, rng
        self.furnace, self.model = furnace or Furnace(), OrderingModel()
        self.kinds = kinds or Kinds()
        self.t, self._steps = 0.0, 0
        whole = np.ones(n)
        self._delay = np.maximum(1, np.round(self.kinds.delay_s * whole / dt).astype(int)) if rng else whole.astype(int)
        self._underway = np.full((int(self._delay.max()) + 1, n), power)
        self.S, self.T, self.c = self.kinds.S * whole, self.kinds.T * whole, self.kinds.c * whole
        self.P, self.sensor_K = np.zeros(n), self.T.copy()
        self.pressure_setpoint, self.composition_setpoint = self.P.copy(), self.c.copy()
        self.hottest_K = self.T.copy()
        self.done_s = np.full(n, np.nan)
        """When S first was `TARGET` or more, s; NaN: not yet."""

    @property
    def free_energy(self) -> Array:
        """F relative to disorder, meV/atom, (n,)."""
        return np.asarray(self.model.free_energy(self.S, self.T, self.P, self.c))

    def measured(self) -> tuple[Array, Array]:
        """One reading of S and one of the temperature, K; (n,) each. Every call reads anew."""
        if self.rng is None:
            return self.S.copy(), self.sensor_K.copy()
        S = self.S + self.kinds.order_noise * self.rng.standard_normal(self.n)
        return S, self.sensor_K + self.kinds.noise_K * self.rng.standard_normal(self.n)

    def step(self, heater: Array | float) -> None:
        """Go on by `dt` with power `heater`, 0..1."""
        f, dt, rng = self.furnace, self.dt, self.rng
        slots = len(self._underway)
        self._underway[self._steps % slots] = np.clip(heater, 0.0, 1.0)
        power = self._underway[(self._steps - self._delay) % slots, np.arange(self.n)]
        power = np.where(f.limit_K < self.T, 0.0, power)
        self._steps += 1
        self.P = _ramped(PRESSURE, self.P, self.pressure_setpoint, dt)
        self.c = _ramped(COMPOSITION, self.c, self.composition_setpoint, dt)
        kick = rng.standard_normal(self.n) / np.sqrt(DOMAIN_ATOMS) if rng else 0.0
        S = self.model.step(self.S, self.T, dt * self.kinds.kinetics, self.P, self.c, kick)
        self.S = np.clip(np.abs(S), LEAST_ORDER, 0.9999 * _greatest(self.c))
        self.T = self.T + dt * (f.ambient_K + f.gain_K * self.kinds.gain * power - self.T) / f.tau_s
        lag = np.maximum(self.kinds.lag_s, dt) if rng else dt
        self.sensor_K = self.sensor_K + dt / lag * (self.T - self.sensor_K)
        self.t += dt
        self.hottest_K = np.maximum(self.hottest_K, self.T)
        self.done_s = np.where(np.isnan(self.done_s) & (self.S >= TARGET), self.t, self.done_s)


def _ramped(ramp: Ramp, value: Array, setpoint: Array, dt: float) -> Array:
    return value + dt * np.clip((setpoint - value) / ramp.tau_s, -ramp.rate, ramp.rate)


def _greatest(c: Array) -> Array:
    """`ordering.greatest_order` of an array."""
    return np.minimum(1.0, np.minimum(4 * c, (1 - c) / 0.75))
