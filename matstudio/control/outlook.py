"""Where the alloy is heading: the policy followed for five minutes, and the present setpoints held, side by side.

Sixteen pairs of anneals run on from what is believed now, each pair with another S, another speed of ordering and
another gain of the furnace, drawn from what is known of them. It is worked out a few steps at a time, because the
station has better things to do than to wait for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from matstudio.control.belief import Belief
from matstudio.control.heaters import Heaters
from matstudio.control.pid import Tuning
from matstudio.control.policy import PERIOD_S, Policy, Seen
from matstudio.domain.process import Limits
from matstudio.dynamics.annealing import AMBIENT_K, Furnaces, Kinds
from matstudio.instruments.twin.plant import Furnace

Array: TypeAlias = np.ndarray

HORIZON_S = 300.0
PAIRS = 16
_DT_S = 1.0
_READING = 0.005  # standard deviation of a reading of S, one a second
_GAIN = 0.02  # what the furnace's gain is known to
_BAND = (0.05, 0.5, 0.95)

Band: TypeAlias = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class Forecast:
    """What is expected; a band is (5 %, median, 95 %) at each time.

    Args:
        t: run times, s.
        S, T, F: with the policy; 1, K, meV/atom.
        held: the median of S with the setpoints held.
        ordered_s: seconds until S is 0.9 (5 %, median, 95 %); infinite: not within the horizon.
        held_s: the same with the setpoints held.
        gain_meV: by how much F, cold, is lower at the end of the horizon than with the setpoints held, per atom.
        sure: share of the pairs in which it is lower.
    """

    t: tuple[float, ...]
    S: Band
    T: Band
    F: Band
    held: tuple[float, ...]
    ordered_s: tuple[float, float, float]
    held_s: tuple[float, float, float]
    gain_meV: float
    sure: float


@dataclass(frozen=True)
class Loop:
    """The temperature loop as it is now.

    Args:
        furnace: as described.
        tuning: of the PID.
        limits: of the setpoint.
        setpoint: where it is on its ramp, K.
        power: of the heater, 0..1.
    """

    furnace: Furnace
    tuning: Tuning
    limits: Limits
    setpoint: float
    power: float


class Outlook:
    """A forecast that is being worked out; `work` until `forecast` is there.

    Args:
        policy: that is followed.
        now: what is known, of one alloy; its setpoints are those that the other one of each pair keeps.
        t: run time, s.
        loop: see `Loop`.
    """

    def __init__(self, policy: Policy, now: Seen, t: float, loop: Loop) -> None:
        rng = np.random.default_rng(round(t * 10))
        self.forecast: Forecast | None = None
        self._policy, self._began, self._n = policy, t, 2 * PAIRS
        b = now.belief
        S, kinetics = (np.tile(x, 2) for x in _drawn(b, rng))
        gain = np.tile(1 + _GAIN * rng.standard_normal(PAIRS), 2)
        measured = {k: np.full(self._n, float(v[0])) for k, v in now.measured.items()}
        kinds = Kinds(
            kinetics=np.exp(kinetics),
            gain=gain,
            delay_s=loop.furnace.delay_s,
            lag_s=loop.furnace.sensor_lag_s,
            S=S,
            T=measured["temperature"],
            c=measured["composition"],
            order_noise=_READING,
        )
        self._furnaces = Furnaces(self._n, kinds, dt=_DT_S, rng=rng, furnace=loop.furnace, power=loop.power)
        self._furnaces.P = measured["pressure"].copy()
        self._heaters = Heaters(loop.tuning, loop.limits, loop.furnace, measured["temperature"], _DT_S, loop.power)
        self._heaters.setpoint = np.full(self._n, loop.setpoint)
        self._setpoint = {k: np.full(self._n, float(v[0])) for k, v in now.setpoint.items()}
        self._belief = Belief(self._n)
        for name in ("S", "kinetics", "var_S", "cov", "var_k"):
            setattr(self._belief, name, np.full(self._n, float(getattr(b, name)[0])))
        self._measured, self._before = measured, {k: np.full(self._n, float(v[0])) for k, v in now.before.items()}
        self._steps = 0
        self._rows: list[tuple[Array, Array, Array]] = []

    def work(self, steps: int) -> bool:
        """Go on by some steps; whether it is done."""
        each = round(PERIOD_S / _DT_S)
        for _ in range(steps):
            if self.forecast is not None:
                return True
            if self._steps % each == 0:
                self._decide()
            f = self._furnaces
            S, T = f.measured()
            self._belief.read(S, _READING, _DT_S)
            f.step(self._heaters.step(self._setpoint["temperature"], T))
            self._belief.advance(_DT_S, T, f.P, f.c)
            self._steps += 1
            if self._steps * _DT_S >= HORIZON_S:
                self._note()
                self.forecast = self._told()
        return self.forecast is not None

    def _decide(self) -> None:
        self._note()
        f, first = self._furnaces, np.arange(self._n) < PAIRS
        self._measured = {"temperature": f.sensor_K.copy(), "pressure": f.P.copy(), "composition": f.c.copy()}
        asked = self._policy.decide(Seen(self._belief, self._measured, self._before, self._setpoint))
        self._setpoint = self._setpoint | {k: np.where(first, v, self._setpoint[k]) for k, v in asked.items()}
        self._before = self._measured
        f.pressure_setpoint, f.composition_setpoint = self._setpoint["pressure"], self._setpoint["composition"]

    def _note(self) -> None:
        f = self._furnaces
        self._rows.append((f.S.copy(), f.T.copy(), f.free_energy))

    def _told(self) -> Forecast:
        S, T, F = (np.stack(x) for x in zip(*self._rows, strict=True))
        done = np.where(np.isnan(self._furnaces.done_s), math.inf, self._furnaces.done_s)
        f = self._furnaces
        cold = np.asarray(f.model.free_energy(f.S, AMBIENT_K, 0.0, f.c))
        gain = cold[PAIRS:] - cold[:PAIRS]
        return Forecast(
            tuple(self._began + PERIOD_S * i for i in range(len(S))),
            _band(S[:, :PAIRS]),
            _band(T[:, :PAIRS]),
            _band(F[:, :PAIRS]),
            tuple(float(x) for x in np.median(S[:, PAIRS:], axis=1)),
            _three(done[:PAIRS]),
            _three(done[PAIRS:]),
            float(np.mean(gain)),
            float(np.mean(gain > 0)),
        )


def _drawn(b: Belief, rng: np.random.Generator) -> tuple[Array, Array]:
    """S and the logarithm of the speed's factor of each pair, as the filter believes them to go together."""
    S, kinetics = rng.standard_normal((2, PAIRS))
    slope = b.cov[0] / b.var_S[0]
    rest = max(0.0, b.var_k[0] - slope * b.cov[0])
    S = np.sqrt(b.var_S[0]) * S
    return np.clip(b.S[0] + S, 1e-3, 0.999), b.kinetics[0] + slope * S + np.sqrt(rest) * kinetics


def _band(x: Array) -> Band:
    low, mid, high = np.quantile(x, _BAND, axis=1)
    return tuple((float(a), float(b), float(c)) for a, b, c in zip(low, mid, high, strict=True))


def _three(done: Array) -> tuple[float, float, float]:
    ordered = np.sort(done)
    at = [min(len(done) - 1, math.floor(q * len(done))) for q in _BAND]
    return float(ordered[at[0]]), float(ordered[at[1]]), float(ordered[at[2]])
