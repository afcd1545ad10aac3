"""What is known of the alloy's order: a filter that joins the process model with readings of S and of the temperature.

An extended Kalman filter with two states, S and the logarithm of the factor on the rate of ordering, which differs from
sample to sample. R. E. Kalman, J. Basic Eng. 82 (1960) 35; A. H. Jazwinski, Stochastic Processes and Filtering Theory
(Academic Press, 1970), chapter 8. Its step in S is that of the process (`OrderingModel.step`): time runs as many times
faster as the kinetics do. All for n alloys at once.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from copy import copy
from typing import TypeAlias

import numpy as np

from matstudio.dynamics.ordering import OrderingModel

Array: TypeAlias = np.ndarray

PRIOR_KINETICS = 0.3  # standard deviation of the factor's logarithm, before anything was seen
_WALK = 1e-5  # variance of that logarithm a second: kinetics that change slowly
_THERMAL = 1 / 2e5  # one over the atoms of a domain
_LEAST, _MOST = 1e-3, 0.9999
_REJECT = 5.0  # standard deviations from which a reading is left out
_LAST_S = 60.0  # over which the surprise is averaged

READ_EVERY_S = 1.0
SHARED_ERROR = 0.004
"""Standard deviation of what the errors of all readings of S may have in common, added to each one's own."""
_KEPT, _STEP_S, _LONGEST_S = 200, 1.0, 600.0


class Belief:
    """S and the kinetics' factor of n alloys, each with its standard deviation.

    Args:
        n: how many.
        model: of the alloy.
    """

    def __init__(self, n: int = 1, model: OrderingModel | None = None) -> None:
        self.n, self.model = n, model or OrderingModel()
        # every step puts new arrays in the place of these, so that a copy keeps what it had
        self.S, self.kinetics = np.full(n, 0.05), np.zeros(n)
        self.var_S, self.cov, self.var_k = np.full(n, np.inf), np.zeros(n), np.full(n, PRIOR_KINETICS**2)
        self.surprise = np.ones(n)
        """Mean square of the readings' distance from what was expected, in standard deviations, of the last minute."""

    @property
    def sigma_S(self) -> Array:
        """Standard deviation of S, (n,); infinite before the first reading."""
        return np.asarray(np.sqrt(self.var_S))

    def advance(self, dt: float, T: Array | float, P: Array | float = 0.0, c: Array | float = 0.25) -> None:
        """Let `dt` seconds pass at temperature `T` (K), pressure `P` (GPa) and composition `c`."""
        factor = np.exp(self.kinetics)
        after = np.clip(self.model.step(self.S, T, dt * factor, P, c), _LEAST, _MOST)
        a = dt * factor * self.model.gamma(T, P) / T
        curved = a * self.model.ddF(self.S, T, P, c)
        by_S = np.where(curved > 0, 1 / (1 + np.maximum(curved, 0.0)), 1 - np.minimum(curved, 0.0))
        by_k = after - self.S
        known = np.isfinite(self.var_S)
        var = np.where(known, self.var_S, 0.0)
        cov = by_S * self.cov + by_k * self.var_k
        var = by_S**2 * var + 2 * by_S * by_k * self.cov + by_k**2 * self.var_k + 2 * a * T * _THERMAL * by_S**2
        self.S = np.where(known, after, self.S)
        self.var_S, self.cov = np.where(known, var, np.inf), np.where(known, cov, 0.0)
        self.var_k = self.var_k + dt * _WALK

    def read(self, S: Array | float, sigma: Array | float, dt: float = 0.25) -> None:
        """Take a reading of S with its standard deviation; one that is not finite, or impossible, changes nothing.

        Args:
            dt: since the one before, s; for the mean of the surprise only.
        """
        S, sigma = np.broadcast_to(S, (self.n,)), np.broadcast_to(sigma, (self.n,))
        good = np.isfinite(S) & np.isfinite(sigma) & (sigma > 0)
        S, noise = np.where(good, S, 0.0), np.where(good, sigma, 1.0) ** 2
        first = good & ~np.isfinite(self.var_S)
        var = np.where(np.isfinite(self.var_S), self.var_S, 1.0)
        apart = S - self.S
        square = apart**2 / (var + noise)
        share = min(1.0, dt / _LAST_S)
        seen = good & ~first
        self.surprise = np.where(
            seen, self.surprise + share * (np.minimum(square, _REJECT**2) - self.surprise), self.surprise
        )
        use = seen & (square < _REJECT**2)
        gain_S, gain_k = var / (var + noise), self.cov / (var + noise)
        self.kinetics = np.where(use, self.kinetics + gain_k * apart, self.kinetics)
        self.S = np.where(use, np.clip(self.S + gain_S * apart, _LEAST, _MOST), self.S)
        self.var_k = np.where(use, self.var_k - gain_k * self.cov, self.var_k)
        self.cov = np.where(use, (1 - gain_S) * self.cov, self.cov)
        self.var_S = np.where(use, (1 - gain_S) * var, self.var_S)
        self.S = np.where(first, np.clip(S, _LEAST, _MOST), self.S)
        self.var_S = np.where(first, noise, self.var_S)
        self.kinetics = np.clip(self.kinetics, -math.log(5), math.log(5))


class Tracker:
    """The belief of one alloy in the course of time, with readings of S that come late.

    A reading belongs to the time of its frame, from which the model took a while: the filter is taken back to that
    time, takes the reading and goes on again with what was measured since.
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget everything: another specimen, or another device."""
        self.belief = Belief()
        self.read_at = -math.inf
        """Run time of the newest reading of S that was taken, s."""
        self._past: deque[tuple[float, Belief, Mapping[str, float]]] = deque(maxlen=_KEPT)

    def process(self, t: float, values: Mapping[str, float]) -> None:
        """The process values ("temperature" in K, "pressure" in GPa, "composition") at run time `t`."""
        if self._past and t <= self._past[-1][0]:
            return
        if self._past:
            self._go(self._past[-1][0], t, values)
        self._past.append((t, copy(self.belief), dict(values)))

    def order(self, t: float, S: float, sigma: float) -> None:
        """A reading of S from a frame of run time `t`; one from before what is remembered, or within a second of the
        one before, is left out: estimates of neighbouring frames share their errors."""
        if not self._past or t < self._past[0][0] or t < self.read_at + READ_EVERY_S:
            return
        since = self.read_at if math.isfinite(self.read_at) else t - READ_EVERY_S
        index = max(i for i, (at, _, _) in enumerate(self._past) if at <= t)
        later = list(self._past)[index + 1 :]
        at, self.belief, values = self._past[index]
        self.belief = copy(self.belief)
        self.belief.read(S, math.hypot(sigma, SHARED_ERROR), min(t - since, 10.0))
        self.read_at = t
        self._past = deque([*list(self._past)[:index], (at, copy(self.belief), values)], maxlen=_KEPT)
        for after, _, values in later:
            self._go(self._past[-1][0], after, values)
            self._past.append((after, copy(self.belief), values))

    def before(self, t: float) -> Mapping[str, float]:
        """The process values at run time `t`, or as near to it as is remembered."""
        return min(self._past, key=lambda entry: abs(entry[0] - t))[2]

    def _go(self, start: float, end: float, values: Mapping[str, float]) -> None:
        seconds = min(end - start, _LONGEST_S)
        parts = max(1, math.ceil(seconds / _STEP_S - 1e-9))
        for _ in range(parts):
            self.belief.advance(
                seconds / parts, values["temperature"], values.get("pressure", 0.0), values.get("composition", 0.25)
            )
