"""Peaks of a one-dimensional pattern."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, minimum_filter1d, uniform_filter1d
from scipy.signal import find_peaks, peak_widths


@dataclass(frozen=True)
class Peaks:
    """Peaks of a pattern.

    Args:
        index: (N,) position, in channels.
        sigma: (N,) its standard deviation, channels.
        height: (N,) above the background.
        area: (N,) above the background, counts x channels.
        width: (N,) full width at half maximum, channels.
        background: (M,) in the pattern's unit.
    """

    index: np.ndarray
    sigma: np.ndarray
    height: np.ndarray
    area: np.ndarray
    width: np.ndarray
    background: np.ndarray


def snip(counts: np.ndarray, width: int) -> np.ndarray:
    """Background by statistics-sensitive peak clipping over windows up to `width` channels (Ryan et al., Nucl. Instrum.
    Methods B 34, 396, 1988), on the double logarithm of the square root, windows shrinking."""
    floor = float(counts.min())
    v = np.log(np.log(np.sqrt(np.maximum(counts - floor, 0) + 1) + 1) + 1)
    p = width
    while p >= 1:
        padded = np.pad(v, p, mode="edge")
        v = np.minimum(v, 0.5 * (padded[: -2 * p] + padded[2 * p :]))
        p = min(p - 1, int(p / 1.25))
    return np.asarray((np.exp(np.exp(v) - 1) - 1) ** 2 - 1 + floor)


def find_powder_peaks(counts: np.ndarray, threshold: float = 5.0) -> Peaks:
    """Peaks that stand `threshold` standard deviations above the background, by rising position.

    The noise is taken from the pattern's own second differences, locally, so that scaled or smoothed patterns work as
    well as counts. Positions: parabola through the top of the smoothed pattern; their error: width / (2.355 x
    signal-to-noise of the whole peak).
    """
    counts = np.asarray(counts, dtype=float)
    background = snip(gaussian_filter1d(counts, 1.5), max(8, len(counts) // 25))
    second = np.diff(counts, 2, append=[counts[-1]] * 2) ** 2 / 6
    rough = np.sqrt(np.maximum(minimum_filter1d(uniform_filter1d(second, 31), 61), 0))
    whole = 1.4826 * np.median(np.sqrt(second))
    noise = np.maximum(rough, 0.2 * whole) + 1e-6 * float(np.ptp(counts)) + 1e-300
    smooth = gaussian_filter1d(counts, 1.2) - background
    top, _ = find_peaks(smooth / (noise / 2.06), height=threshold, prominence=threshold)
    if not len(top):
        empty = np.empty(0)
        return Peaks(empty, empty, empty, empty, empty, background)
    width = np.maximum(peak_widths(smooth, top, 0.5)[0], 1.0)
    left, here, right = smooth[top - 1], smooth[top], smooth[top + 1]
    bend = left - 2 * here + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, 1.0), 0.0)
    area = 1.0645 * here * width
    signal = np.maximum(here / noise[top] * np.sqrt(width), 1.0)
    return Peaks(top + np.clip(shift, -0.5, 0.5), width / 2.355 / signal, here, area, width, background)
