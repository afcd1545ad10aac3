"""The twin's process: furnace, pressure, composition and the order parameter of the specimen, at a fixed step."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from matstudio.dynamics.ordering import OrderingModel, greatest_order


@dataclass(frozen=True)
class Furnace:
    """A heater with a first-order lag, a dead time and a thermometer with a lag of its own.

    The values, like the noises of `Plant`, are nominal for a heating holder with a heavy crucible.

    Args:
        gain_K: rise above ambient at full power.
        tau_s: time constant.
        ambient_K: temperature without power.
        delay_s: dead time between power and specimen.
        sensor_lag_s: time constant of the thermometer.
        limit_K: above it the interlock takes the power off, whatever is asked.
    """

    gain_K: float = 650.0
    tau_s: float = 60.0
    ambient_K: float = 300.0
    delay_s: float = 2.0
    sensor_lag_s: float = 1.5
    limit_K: float = 900.0


@dataclass(frozen=True)
class Ramp:
    """A process value that follows its setpoint with a first-order lag and a greatest rate.

    Args:
        low, high: range.
        rate: greatest change, unit/s.
        tau_s: lag.
    """

    low: float
    high: float
    rate: float
    tau_s: float

    def step(self, value: float, setpoint: float, dt: float) -> float:
        """The value `dt` seconds later."""
        change = (setpoint - value) / self.tau_s
        return value + dt * min(max(change, -self.rate), self.rate)


PRESSURE = Ramp(0.0, 2.0, 0.02, 2.0)
COMPOSITION = Ramp(0.15, 0.35, 0.001, 30.0)
SENSOR_NOISE_K, PRESSURE_NOISE_GPA, COMPOSITION_NOISE = 0.3, 0.002, 0.0005
DOMAIN_ATOMS = 2e5
LEAST_ORDER = 1e-4
DRIFT_A_PER_SQRT_S, DRIFT_MOST_A = 0.15, 4.0


@dataclass
class Plant:
    """State of the process and its step. Not thread-safe.

    The order in which a step updates things, and the clip of S, are those of the reference model of the alloy, so that
    with `noise` and `lags` off both give the same numbers; power takes at least one step to act.

    Args:
        dt: step, s of run time.
        seed: of the noise.
        noise: thermal noise of S, sensor noise and stage drift.
        lags: the furnace's dead time and the thermometer's lag.
        steps: number of the step that the state belongs to; run time is `steps * dt`.
        S: order parameter. T: specimen temperature, K. P: pressure, GPa. c: Au fraction.
        heater: power asked of the supply, 0..1.
        dose_rate: electrons per Å^2 and second of run time while the beam is on the specimen.
        beam: 1 on the specimen, 0 blanked.
        domain_atoms: atoms of a domain; S of a domain at rest is found with probability exp(-domain_atoms F / kT).
    """

    dt: float = 0.05
    seed: int = 0
    noise: bool = True
    lags: bool = True
    steps: int = 0
    S: float = 0.05
    T: float = 300.0
    P: float = 0.0
    c: float = 0.25
    heater: float = 0.0
    pressure_setpoint: float = 0.0
    composition_setpoint: float = 0.25
    dose_rate: float = 0.0
    dose: float = 0.0
    beam: float = 1.0
    domain_atoms: float = DOMAIN_ATOMS
    furnace: Furnace = field(default_factory=Furnace)
    model: OrderingModel = field(default_factory=OrderingModel)

    def __post_init__(self) -> None:
        self.sensor_K = self.T
        self.measured_K, self.measured_P, self.measured_c = self.T, self.P, self.c
        self.drift_A = (0.0, 0.0)
        delay = round(self.furnace.delay_s / self.dt) if self.lags else 1
        self._underway = deque([0.0] * max(1, delay))
        self.reseed(self.seed, self.noise)

    def reseed(self, seed: int, noise: bool) -> None:
        """Begin another sequence of noise, or none."""
        self.seed, self.noise = seed, noise
        self._rng = np.random.default_rng([seed, 0])

    @property
    def t(self) -> float:
        """Run time of the state, s."""
        return self.steps * self.dt

    @property
    def interlocked(self) -> bool:
        """Whether the specimen is too hot for any power."""
        return self.furnace.limit_K < self.T

    @property
    def power(self) -> float:
        """The power that the supply gives now, 0..1."""
        return 0.0 if self.interlocked else self.heater

    @property
    def free_energy(self) -> float:
        """F relative to disorder, meV/atom."""
        return float(self.model.free_energy(self.S, self.T, self.P, self.c))

    def step(self) -> None:
        """Go on by `dt`."""
        f, dt = self.furnace, self.dt
        kick, *deviates = self._rng.standard_normal(6).tolist() if self.noise else [0.0] * 6
        self._underway.append(min(max(self.heater, 0.0), 1.0))
        power = self._underway.popleft()
        if self.interlocked:
            power = 0.0
        self.P = PRESSURE.step(self.P, self.pressure_setpoint, dt)
        self.c = COMPOSITION.step(self.c, self.composition_setpoint, dt)
        s = float(self.model.step(self.S, self.T, dt, self.P, self.c, kick / math.sqrt(self.domain_atoms)))
        self.S = min(max(abs(s), LEAST_ORDER), 0.9999 * greatest_order(self.c))
        self.T += dt * (f.ambient_K + f.gain_K * power - self.T) / f.tau_s
        self.sensor_K += dt / f.sensor_lag_s * (self.T - self.sensor_K) if self.lags else self.T - self.sensor_K
        self.dose += dt * self.dose_rate * self.beam
        self.steps += 1
        self._measure(*deviates)

    def _measure(self, temperature: float, pressure: float, composition: float, dy: float, dx: float) -> None:
        self.measured_K = self.sensor_K + SENSOR_NOISE_K * temperature
        self.measured_P = self.P + PRESSURE_NOISE_GPA * pressure
        self.measured_c = self.c + COMPOSITION_NOISE * composition
        walk = DRIFT_A_PER_SQRT_S * math.sqrt(self.dt)
        self.drift_A = (_reflect(self.drift_A[0] + walk * dy), _reflect(self.drift_A[1] + walk * dx))


def _reflect(x: float) -> float:
    """A random walk's position, sent back at the walls at +-`DRIFT_MOST_A`."""
    if x > DRIFT_MOST_A:
        return 2 * DRIFT_MOST_A - x
    if x < -DRIFT_MOST_A:
        return -2 * DRIFT_MOST_A - x
    return x
