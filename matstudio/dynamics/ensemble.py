"""What many particles say of their law: energies, free energy with its error, populations, agreement with Boltzmann."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from matstudio.dynamics.wells import Boltzmann

_WIDTH = 5.3
_FEW = 20


@dataclass(frozen=True)
class Value:
    """A number with one standard error; NaN: there is none."""

    value: float
    error: float


def mean_energy(x: np.ndarray, law: Boltzmann) -> Value:
    """<E> of particles at x (n,)."""
    e = law.energy.energy(x)
    return Value(float(e.mean()), float(e.std(ddof=1)) / math.sqrt(e.size))


def free_energy(x: np.ndarray, law: Boltzmann) -> Value:
    """F[p] = <E> + D <ln p> of particles at x (n,); NaN where they sit at a few points, where it is infinite.

    <ln p> is that of a histogram, with G. A. Miller's and W. G. Madow's term for the number of bins (bins - 1) / 2n and
    extrapolated from bins of h and 2 h to none (what bins smear out is of order h^2). h = 5.3 n^(-1/3) / sqrt(<E''>/D),
    half a well's width at n = 1024. For the model problem at rest it lies 2e-4 too high at n = 1024, 1e-5 at 20,000 and
    less than 1e-6 at 200,000. The error is that of the mean of E + D ln p, in which most of <E> cancels, and
    D sqrt(bins / 2) / n of the counts themselves; the particles are taken as independent.
    """
    n = x.size
    if n < _FEW or float(np.ptp(x)) == 0.0:
        return Value(math.nan, math.nan)
    bend = float(np.trapezoid(law.score(law.x) ** 2 * law.density, law.x))
    h = _WIDTH * n ** (-1 / 3) / math.sqrt(bend)
    cell = np.floor((x - x.min()) / h + 0.5).astype(np.int64)
    if 2.5 * len(np.unique(x[:1000])) < min(n, 1000):
        return Value(math.nan, math.nan)
    fine, log_p = _negentropy(cell, h)
    coarse, _ = _negentropy(cell // 2, 2 * h)
    energy = law.energy.energy(x)
    d = law.diffusion
    value = float(energy.mean()) + d * (4 * fine - coarse) / 3
    spread = float(np.std(energy + d * log_p[cell])) / math.sqrt(n)
    return Value(value, math.hypot(spread, d * math.sqrt(np.isfinite(log_p).sum() / 2) / n))


def _negentropy(cell: np.ndarray, h: float) -> tuple[float, np.ndarray]:
    """<ln p> of a histogram with the Miller-Madow term, and ln p of each bin (-inf: empty)."""
    counts = np.bincount(cell)
    n = cell.size
    with np.errstate(divide="ignore"):
        log_p = np.log(counts / (n * h))
    full = counts > 0
    return float((counts[full] / n) @ log_p[full]) - (int(full.sum()) - 1) / (2 * n), log_p


def populations(x: np.ndarray, law: Boltzmann) -> np.ndarray:
    """Part of the particles in each well, (k,), from left to right; wells end at the tops of the barriers."""
    return np.bincount(np.searchsorted(law.extrema[1], x), minlength=len(law.extrema[0])) / x.size


def law_p_value(x: np.ndarray, law: Boltzmann) -> float:
    """Probability of a law at least as far from Boltzmann's within each well, were it that (Kolmogorov-Smirnov).

    Hops are rare, so that the populations of the wells may be anything: where E is even |x| is compared, which hops do
    not change; elsewhere the law of each well by itself, the least p of k wells as 1 - (1 - p)^k. 1 where no well has
    enough particles.
    """
    from scipy.stats import kstest

    if law.energy.even:
        return float(kstest(np.abs(x), lambda r: law.cdf(r) - law.cdf(-r)).pvalue)
    edges = [-math.inf, *law.extrema[1], math.inf]
    found = []
    for low, high in pairwise(edges):
        own = x[(x >= low) & (x < high)]
        below, above = (float(law.cdf(np.array(v))) for v in (low, high))
        if own.size >= _FEW and above > below:
            p = kstest(own, lambda r, b=below, a=above: np.clip((law.cdf(r) - b) / (a - b), 0.0, 1.0)).pvalue
            found.append(float(p))
    return 1 - (1 - min(found)) ** len(found) if found else 1.0
