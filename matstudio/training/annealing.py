"""The environment that a policy is trained in: anneals of many kinds, and reward = -F."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from matstudio.control.belief import Belief
from matstudio.control.heaters import Heaters
from matstudio.control.pid import lambda_tuning
from matstudio.control.policy import PERIOD_S, Policy, Seen
from matstudio.domain.process import Limits
from matstudio.dynamics.annealing import AMBIENT_K, ORDER_NOISE, Furnaces, Kinds, uncertain

Array: TypeAlias = np.ndarray

HORIZON_S = 600.0
REWARD_MEV = 10.0  # of free energy below that of disorder are a reward of 1 a decision
LIMITS = Limits(250.0, 860.0, 10.0)
DT_S = 0.25


def varied(rng: np.random.Generator, n: int) -> Kinds:
    """n furnaces and alloys of all the kinds that a policy must cope with; half of them in the midst of an anneal."""
    midst = rng.uniform(size=n) < 0.5
    return Kinds(
        kinetics=np.exp(0.25 * rng.standard_normal(n)),
        gain=1 + 0.03 * rng.standard_normal(n),
        delay_s=rng.uniform(1.0, 4.0, n),
        lag_s=rng.uniform(0.5, 3.0, n),
        noise_K=rng.uniform(0.1, 1.0, n),
        order_noise=np.exp(rng.uniform(np.log(0.003), np.log(0.04), n)),
        S=np.where(midst, rng.uniform(0.02, 0.95, n), np.exp(rng.uniform(np.log(0.02), np.log(0.2), n))),
        T=np.where(midst, rng.uniform(300.0, 700.0, n), rng.uniform(290.0, 330.0, n)),
    )


LATE_S = 1200.0
"""An anneal that is not ordered by then has failed."""


class Anneals:
    """n anneals side by side over the temperature loop that the station closes; a decision every 5 s.

    The filter is told the true standard deviation of the readings of S, which in a run the models report.

    Args:
        kinds: how they differ.
        n: how many.
        rng: of all noise, or None: none, and neither dead time nor lag.
        dt: step, s; readings come as often.
    """

    def __init__(self, kinds: Kinds, n: int, rng: np.random.Generator | None, *, dt: float = DT_S) -> None:
        self.n, self.dt, self.rng = n, dt, rng
        self.furnaces, self.belief = Furnaces(n, kinds, dt=dt, rng=rng), Belief(n)
        f = self.furnaces.furnace
        tuning = lambda_tuning(f.gain_K, f.tau_s, f.sensor_lag_s, f.delay_s + dt / 2)
        self.order, temperature = self.furnaces.measured()
        described = f if rng is not None else replace(f, delay_s=dt, sensor_lag_s=0.0)
        self.heaters = Heaters(tuning, LIMITS, described, temperature, dt)
        self._read()
        self.measured = self.before = self._values(temperature)
        self.setpoint: dict[str, Array] = dict(self.measured)

    @property
    def seen(self) -> Seen:
        """What a policy knows now."""
        return Seen(self.belief, self.measured, self.before, self.setpoint)

    def decide(self, setpoint: Mapping[str, Array], seconds: float = PERIOD_S) -> Array:
        """Follow the setpoints, (n,) each, until the next decision; the mean of F, cold, meanwhile, meV/atom."""
        self.setpoint |= setpoint
        wanted = self.setpoint["temperature"]
        self.furnaces.pressure_setpoint = self.setpoint["pressure"]
        self.furnaces.composition_setpoint = self.setpoint["composition"]
        return self._go(seconds, lambda: self.heaters.step(wanted, self.measured["temperature"]))

    def heat(self, power: Array | float, seconds: float) -> Array:
        """The same with the heaters' power (0..1) given and the loop open."""
        return self._go(seconds, lambda: power)

    def _go(self, seconds: float, power: Callable[[], Array | float]) -> Array:
        f, before = self.furnaces, self.measured
        steps = round(seconds / self.dt)
        total = np.zeros(self.n)
        for _ in range(steps):
            f.step(power())
            self.order, temperature = f.measured()
            self.measured = self._values(temperature)
            self.belief.advance(self.dt, temperature, f.P, f.c)
            self._read()
            total += f.model.free_energy(f.S, AMBIENT_K, 0.0, f.c)
        self.before = before
        return total / steps

    def _values(self, temperature: Array) -> dict[str, Array]:
        return {"temperature": temperature, "pressure": self.furnaces.P, "composition": self.furnaces.c}

    def _read(self) -> None:
        self.belief.read(self.order, self.furnaces.kinds.order_noise if self.rng else 1e-3, self.dt)


Controller: TypeAlias = Callable[[Anneals], object]
"""Takes the anneals to the next decision."""


def anneal(
    controller: Controller,
    n: int,
    seed: int,
    *,
    spread: float = 0.0,
    noise: bool = True,
    dt: float = DT_S,
    order_noise: float = ORDER_NOISE,
) -> Furnaces:
    """n anneals from S = 0.05 at 300 K until all are ordered or it is late."""
    rng = np.random.default_rng(seed)
    kinds = replace(uncertain(rng, n, spread), order_noise=order_noise)
    anneals = Anneals(kinds, n, rng if noise else None, dt=dt)
    while anneals.furnaces.t < LATE_S and np.isnan(anneals.furnaces.done_s).any():
        controller(anneals)
    return anneals.furnaces


def following(policy: Policy) -> Controller:
    """The policy as a controller."""
    return lambda a: a.decide(policy.decide(a.seen))
