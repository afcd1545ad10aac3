"""Levels and histograms of images, from a subsample, and lengths for scale bars. numpy only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_SAMPLE = 1 << 14


@dataclass(frozen=True)
class Measured:
    """What a look at an image gave, in the domain in which it is shown (counts, or log10 of them).

    Args:
        low: lower percentile.
        high: upper percentile, > low.
        edges: (B + 1,) bin edges.
        counts: (B,) pixels of the subsample in each bin.
    """

    low: float
    high: float
    edges: np.ndarray
    counts: np.ndarray


def subsample(data: np.ndarray, limit: int = _SAMPLE) -> np.ndarray:
    """About `limit` finite values of a 2D array, from a regular grid, float32, shape (n,); empty if none is."""
    step = max(1, math.ceil(math.sqrt(data.size / limit)))
    values = np.asarray(data[::step, ::step], np.float32).ravel()
    return values[np.isfinite(values)]


def measure(sample: np.ndarray, low: float = 1.0, high: float = 99.7, bins: int = 64) -> Measured:
    """Percentile levels (`low`, `high` in %) and histogram of a subsample of finite values, shape (n,).

    Bins of whole numbers are whole numbers wide, so that none catches more of them than its neighbour. An empty or
    constant sample gives levels one apart, so that an image can always be drawn with them.
    """
    if sample.size == 0:
        return Measured(0.0, 1.0, np.linspace(0.0, 1.0, bins + 1), np.zeros(bins, int))
    least, below, above, most = (float(v) for v in np.percentile(sample, (0.0, low, high, 100.0)))
    if not above > below:
        below, above = below - 0.5, below + 0.5
    span = above - below
    start, stop = max(least, below - 0.5 * span), min(most, above + 0.5 * span)
    if not stop > start:
        start, stop = below, above
    if np.array_equal(sample, np.rint(sample)):
        width = math.ceil((stop - start) / bins)
        start, stop = math.floor(start) - 0.5, math.floor(start) - 0.5 + width * bins
    counts, edges = np.histogram(sample, bins, (start, stop))
    return Measured(below, above, edges, counts)


def extremes(data: np.ndarray, otherwise: tuple[float, float]) -> tuple[float, float]:
    """Least and greatest finite value of an array; `otherwise` where there are none, or they are the same."""
    low, high = float(data.min()), float(data.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        finite = data[np.isfinite(data)]
        if not finite.size:
            return otherwise
        low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else otherwise


def moved(old: tuple[float, float], new: tuple[float, float], tolerance: float = 0.1) -> bool:
    """Whether levels differ by more than `tolerance` of their span; smaller changes are left alone (no flicker)."""
    span = max(old[1] - old[0], new[1] - new[0])
    return max(abs(old[0] - new[0]), abs(old[1] - new[1])) > tolerance * span


def nice_length(longest: float) -> float:
    """The greatest 1, 2 or 5 times a power of ten that is <= `longest` (> 0)."""
    power = 10.0 ** math.floor(math.log10(longest))
    for factor in (5.0, 2.0):
        if factor * power <= longest * (1 + 1e-9):
            return factor * power
    return power


def length_text(length: float, units: str) -> str:
    """A length with its unit: from 10 Å on in nm, from 1,000 nm on in µm."""
    if units == "Å" and length >= 10:
        length, units = length / 10, "nm"
    if units == "nm" and length >= 1000:
        length, units = length / 1000, "µm"
    return f"{length:g} {units}"
