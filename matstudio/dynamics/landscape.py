"""The free energy of one domain from the fluctuations of its order parameter: F(S) = -k_B T ln p(S).

Measurement noise is taken out of p(S) by maximum likelihood, not by subtraction: p(S) = exp(-f(S)) on a grid, f smooth,
so that the measured values, each with its own error, are as likely as they can be (g-modelling: B. Efron, Biometrika
103 (2016) 1). The band is that of the likelihood, with as many independent values as the autocorrelation leaves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from matstudio.dynamics.ordering import K_B_EV, OrderingModel, greatest_order

BINS = 64
LEAST_VALUES, LEAST_INDEPENDENT = 60, 8.0
HIDDEN = 0.3
_SMOOTH = (1e-1, 1.0, 1e1, 1e2, 1e3, 1e4, 1e5)
_REACH, _FEW = 4.0, 1.0
_GROUPS = 200
_NEWTON = 25


class Verdict(StrEnum):
    """What the fluctuations tell."""

    SHOWN = "shown"
    TOO_FEW = "no samples yet"
    HIDDEN = "noise hides the fluctuations"


@dataclass(frozen=True)
class Landscape:
    """F(S) of one domain in units of k_B T, its least value 0.

    Args:
        verdict: whether there is one; the arrays are empty where there is none.
        S: order parameter (n,). F: F/kT (n,), NaN where no sample was. error: one standard error of F (n,).
        samples: measured values. independent: how many of them count, after their autocorrelation.
        fluctuation: standard deviation of S without the noise. noise: root mean square of the values' own errors.
    """

    verdict: Verdict
    S: np.ndarray
    F: np.ndarray
    error: np.ndarray
    samples: int
    independent: float
    fluctuation: float
    noise: float

    @property
    def text(self) -> str:
        """What there is to be said of it, one line."""
        match self.verdict:
            case Verdict.TOO_FEW:
                return (
                    f"no samples yet: {self.samples} values of {LEAST_VALUES}, {self.independent:.0f} of "
                    f"{LEAST_INDEPENDENT:.0f} independent ones"
                )
            case Verdict.HIDDEN:
                return f"noise hides the fluctuations: noise {self.noise:.4f}, fluctuation {self.fluctuation:.4f} of S"
        return (
            f"{self.samples} values, {self.independent:.0f} independent; fluctuation {self.fluctuation:.4f}, "
            f"noise {self.noise:.4f} of S"
        )


def landscape(values: np.ndarray, errors: np.ndarray, most: float = 1.0) -> Landscape:
    """The landscape from measured values of S (n,), in the order of time, and their standard errors (n,), at one
    temperature.

    The noise hides the fluctuations where their variance is less than two of its standard errors, or than 0.3 of the
    noise's variance, which is not known better than that. Where fewer than about one independent sample would lie
    within a smooth stretch of S, there is no F.

    Args:
        values, errors: measured; those that are not finite are left out.
        most: greatest S that there is.
    """
    good = np.isfinite(values) & np.isfinite(errors) & (errors > 0)
    y, e = np.asarray(values, float)[good], np.asarray(errors, float)[good]
    n = y.size
    independent = n / correlation(y) if n >= LEAST_VALUES else 0.0
    noise = math.sqrt(float(np.mean(e**2))) if n else math.nan
    spread = float(np.var(y)) if n else math.nan
    inner = math.sqrt(max(spread - noise**2, 0.0)) if n else math.nan
    none = np.empty(0)

    def without(verdict: Verdict) -> Landscape:
        return Landscape(verdict, none, none, none, n, independent, inner, noise)

    if n < LEAST_VALUES or independent < LEAST_INDEPENDENT:
        return without(Verdict.TOO_FEW)
    if inner**2 < max(HIDDEN * noise**2, 2 * spread * math.sqrt(2 / independent)):
        return without(Verdict.HIDDEN)
    s, f, error, count = _deconvolve(y, e, independent, most)
    shown = count >= _FEW
    f = np.where(shown, f - f[shown].min(), np.nan)
    return Landscape(Verdict.SHOWN, s, f, np.where(shown, error, np.nan), n, independent, inner, noise)


def correlation(y: np.ndarray) -> float:
    """Values that count as one: 1 + 2 times the sum of the autocorrelation of y (n,), up to a lag of five times that
    (A. Sokal, in Functional Integration, Plenum 1997, 131)."""
    z = y - y.mean()
    size = 1 << (2 * z.size - 1).bit_length()
    power = np.abs(np.fft.rfft(z, size)) ** 2
    c = np.fft.irfft(power, size)[: z.size]
    if c[0] <= 0:
        return 1.0
    total = 2 * np.cumsum(c / c[0]) - 1
    enough = np.flatnonzero(np.arange(z.size) >= 5 * total)
    return max(1.0, float(total[enough[0]] if enough.size else total.max()))


def model_landscape(
    S: np.ndarray, T: float, atoms: float, P: float = 0.0, c: float = 0.25, model: OrderingModel | None = None
) -> np.ndarray:
    """F/kT of a domain of so many atoms at S (n,) by the twin's own model; its least value 0.

    Args:
        S: order parameter. T: K. atoms: in the domain. P: GPa. c: Au fraction.
    """
    s = np.minimum(S, 0.9999 * greatest_order(c))
    f = atoms * np.asarray((model or OrderingModel()).free_energy(s, T, P, c)) / (1e3 * K_B_EV * T)
    return np.asarray(f - f.min())


def _deconvolve(
    y: np.ndarray, e: np.ndarray, independent: float, most: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """S (m,), F/kT, its standard error, and how many independent samples lie within reach of each."""
    wide = _REACH * float(np.median(e))
    low, high = max(0.0, float(y.min()) - wide / 2), min(most, float(y.max()) + wide / 2)
    edges = np.linspace(low, high, BINS + 1)
    s, h = (edges[:-1] + edges[1:]) / 2, (high - low) / BINS
    y, e, times = _grouped(y, e)
    kernel = np.exp(-0.5 * ((y[:, None] - s) / e[:, None]) ** 2) / e[:, None] + 1e-30
    weight = times * (independent / times.sum())
    difference = np.diff(np.eye(BINS), 3, axis=0)
    penalty = difference.T @ difference * (BINS / 10) ** 5
    best: tuple[float, np.ndarray, np.ndarray, np.ndarray] | None = None
    f = np.zeros(BINS)
    for smooth in reversed(_SMOOTH):
        f, p, curvature, likelihood = _fit(f, kernel, weight, smooth * penalty)
        sign, size = np.linalg.slogdet(curvature)
        evidence = likelihood - 0.5 * size + 0.5 * (BINS - 3) * math.log(smooth)
        if sign > 0 and (best is None or evidence > best[0]):
            best = evidence, f, p, curvature
    assert best is not None
    _, f, p, curvature = best
    covariance = np.linalg.inv(curvature)
    apart = np.eye(BINS) - p  # F is known up to a constant: its error is that of the difference from its average
    error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", apart, covariance, apart), 0.0))
    near = max(float(np.median(e)), (high - low) / 20)
    count = independent * p @ (np.abs(s[:, None] - s) <= near + h / 2)
    return s, f, error, count


def _grouped(y: np.ndarray, e: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values that are nearly the same taken together: their means, root mean square errors, and how many they are."""
    edges = np.linspace(y.min(), y.max(), _GROUPS + 1)
    group = np.clip(np.searchsorted(edges, y, side="right") - 1, 0, _GROUPS - 1)
    times = np.bincount(group, minlength=_GROUPS).astype(float)
    full = times > 0
    mean = np.bincount(group, y, _GROUPS)[full] / times[full]
    square = np.bincount(group, e**2, _GROUPS)[full] / times[full]
    return mean, np.sqrt(square), times[full]


def _fit(
    f: np.ndarray, kernel: np.ndarray, weight: np.ndarray, penalty: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Newton's method for the f that makes the values likeliest: f, p, curvature of minus the logarithm, its value."""
    n = float(weight.sum())
    anchor = 1e-6 * np.eye(len(f))

    def value(f: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        p = np.exp(-(f - f.min()))
        p /= p.sum()
        seen = kernel @ p
        return float(weight @ np.log(seen)) - 0.5 * float(f @ penalty @ f), p, seen

    def curvature(p: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        share = kernel * p / seen[:, None]
        total = weight @ share
        outer = np.outer(p, total)
        return total, (share.T * weight) @ share - outer - outer.T + n * np.outer(p, p) + penalty + anchor

    now, p, seen = value(f)
    for _ in range(_NEWTON):
        total, bend = curvature(p, seen)
        step = np.linalg.solve(bend, n * p - total - penalty @ f)
        size = 1.0
        while size > 1e-4:
            tried, p_new, seen_new = value(f + size * step)
            if tried > now:
                break
            size /= 2
        else:
            break
        f = f + size * step
        f, p, seen, gain, now = f - f.mean(), p_new, seen_new, tried - now, tried
        if gain < 1e-4:
            break
    return f, p, curvature(p, seen)[1], now
