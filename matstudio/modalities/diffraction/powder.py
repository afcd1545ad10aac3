"""Peaks of a one-dimensional pattern."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, uniform_filter1d
from scipy.signal import find_peaks, peak_widths

from matstudio.domain.frame import Axis


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

    The noise goes with the root of the signal, by a factor taken from the pattern's own second differences, so that
    scaled or smoothed patterns work as well as counts. Strong peaks are found first; their width then sets the
    smoothing with which all are found. Positions: parabola through the top of the smoothed pattern; their error:
    width / (2.355 x signal-to-noise of the whole peak).
    """
    counts = np.asarray(counts, dtype=float)
    background = snip(gaussian_filter1d(counts, 1.5), max(8, len(counts) // 25))
    level = np.maximum(uniform_filter1d(counts, 15), 1e-3 * float(np.abs(counts).max()))
    factor = float(np.median(np.abs(np.diff(counts, 2)) / np.sqrt(6 * level[1:-1]))) / 0.6745
    noise = np.sqrt(level) * factor + 1e-6 * float(np.ptp(counts))
    background = background + noise * float(np.median((counts - background) / noise))  # clipping keeps to the minima
    smoothing, top = 1.2, np.empty(0, dtype=int)
    for limit in (4 * threshold, threshold):
        net = gaussian_filter1d(counts - background, smoothing)
        least = limit * noise / np.sqrt(2 * np.sqrt(np.pi) * smoothing)
        top, _ = find_peaks(net, height=least, prominence=least)
        if limit > threshold and len(top):
            smoothing = float(np.clip(0.3 * np.median(peak_widths(net, top, 0.5)[0]), 1.2, 12.0))
    top = top[(top > 0) & (top < len(counts) - 1)]
    if not len(top):
        empty = np.empty(0)
        return Peaks(empty, empty, empty, empty, empty, background)
    wide = np.maximum(peak_widths(net, top, 0.5)[0], 1.0)
    left, here, right = net[top - 1], net[top], net[top + 1]
    bend = left - 2 * here + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, 1.0), 0.0)
    area = 1.0645 * here * wide
    width = np.sqrt(np.maximum(wide**2 - (2.355 * smoothing) ** 2, 1.0))
    height = area / (1.0645 * width)
    signal = np.maximum(here * np.sqrt(wide) / noise[top], 1.0)
    return Peaks(top + np.clip(shift, -0.5, 0.5), wide / 2.355 / signal, height, area, width, background)


def peak_arrays(axis: Axis, data: np.ndarray) -> dict[str, np.ndarray]:
    """The peaks of a pattern as an estimate carries them: "peaks", "peaks_sigma", "peaks_width" in the axis' unit,
    "peaks_intensity" (area, value x axis' unit) and "background"."""
    peaks = find_powder_peaks(data)
    step = abs(axis.scale)
    return {
        "peaks": axis.offset + axis.scale * peaks.index,
        "peaks_sigma": step * peaks.sigma,
        "peaks_width": step * peaks.width,
        "peaks_intensity": step * peaks.area,
        "background": peaks.background.astype(np.float32),
    }
