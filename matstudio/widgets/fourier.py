"""Power of two-dimensional periods in a frame: its Fourier transform with calibrated axes. numpy only until used."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from matstudio.domain.frame import Axis

LARGEST = 2048
"""Of a frame that is larger the middle so many pixels are transformed."""
SMALLEST = 4


@dataclass(frozen=True)
class Fourier:
    """A transform with frequency 0 in the middle.

    Args:
        magnitude: (rows, columns) float32, log10 of the amplitude; a wave of amplitude a has a / 2.
        axes: frequencies, in the reciprocal of the units of the frame's axes.
        size: rows and columns that were transformed.
        reach: how far from the middle, as a part of each axis, there is something that stands out of the noise.
    """

    magnitude: np.ndarray
    axes: tuple[Axis, Axis]
    size: tuple[int, int]
    reach: float


def reciprocal(units: str) -> str:
    """The unit of one over a length: "1/Å" of "Å", and "Å" of "1/Å"; pure numbers ("1") stay so."""
    if units == "1":
        return units
    return units[2:] if units.startswith("1/") else f"1/{units}"


def middle(data: np.ndarray, largest: int = LARGEST) -> np.ndarray:
    """The middle (rows, columns) of a frame, `largest` pixels a side at most."""
    y, x = (max(0, (n - largest) // 2) for n in data.shape)
    return data[y : y + largest, x : x + largest]


def fourier(data: np.ndarray, axes: tuple[Axis, Axis]) -> Fourier | None:
    """The transform of a frame (rows, columns), less its mean, under a Hann window.

    Pixels that are not finite count as the mean. None where there is no finite pixel, or none differs from the others.
    """
    from scipy.fft import rfft2  # a third of numpy's time

    part = middle(data)
    values = part.astype(np.float32)
    good = np.isfinite(values)
    if not good.any():
        return None
    whole = bool(good.all())
    mean = float(values.mean(dtype=np.float64) if whole else values[good].mean(dtype=np.float64))
    values -= np.float32(mean)
    if not whole:
        values[~good] = 0.0
    rows, columns = (hann(n) for n in values.shape)
    values *= columns
    values *= rows[:, None]
    amplitude = np.abs(rfft2(values, overwrite_x=True))
    amplitude /= np.float32(rows.sum() * columns.sum())
    most = float(amplitude.max())
    if not most > 0:
        return None
    np.maximum(amplitude, most * 1e-7, out=amplitude)
    np.log10(amplitude, out=amplitude)
    row, column = (_frequencies(axis, n) for axis, n in zip(axes, values.shape, strict=True))
    whole_plane = _whole(amplitude, values.shape[1])
    return Fourier(whole_plane, (row, column), (row.size, column.size), _reach(whole_plane))


def _reach(magnitude: np.ndarray) -> float:
    """Part of each axis, at most 1, beyond which nothing is ten times as high as the median."""
    high = magnitude > np.median(magnitude[:: max(1, magnitude.shape[0] // 256)]) + 1.0
    parts = []
    for axis in (0, 1):
        at = np.flatnonzero(high.any(1 - axis))
        n = magnitude.shape[axis]
        parts.append(float(np.abs(at - n // 2).max()) / max(n // 2, 1) if at.size else 1.0)
    return min(max(parts), 1.0)


def hann(n: int) -> np.ndarray:
    """A Hann window of n points, float32, that is 1 in its middle; of one point 1."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n)).astype(np.float32)


def pooled(data: np.ndarray, factor: int) -> np.ndarray:
    """The greatest value of each `factor` x `factor` pixels (rows, columns): no spot is lost in a small view."""
    if factor <= 1:
        return data
    for axis in (1, 0):
        parts = [data[:, k::factor] if axis else data[k::factor] for k in range(factor)]
        data = parts[0].copy()
        for part in parts[1:]:
            here = data[:, : part.shape[1]] if axis else data[: part.shape[0]]
            np.maximum(here, part, out=here)
    return data


def peak(fourier: Fourier, x: float, y: float, reach: int) -> tuple[float, float] | None:
    """The maximum nearest to a place of a transform, x and y in its pixels, to a part of a pixel; None beside it.

    The greatest value within `reach` pixels, refined by a parabola through its neighbours in each direction.
    """
    rows, columns = fourier.magnitude.shape
    i, j = round(y), round(x)
    if not (0 <= i < rows and 0 <= j < columns):
        return None
    top, left = max(0, i - reach), max(0, j - reach)
    part = fourier.magnitude[top : i + reach + 1, left : j + reach + 1]
    at = np.unravel_index(np.argmax(part), part.shape)
    i, j = top + int(at[0]), left + int(at[1])
    return j + _vertex(fourier.magnitude[i], j), i + _vertex(fourier.magnitude[:, j], i)


def _vertex(values: np.ndarray, at: int) -> float:
    """Where the parabola through a maximum and its neighbours has its own, in pixels from it, within half a pixel."""
    if not 0 < at < len(values) - 1:
        return 0.0
    before, here, after = (float(v) for v in values[at - 1 : at + 2])
    bend = before - 2 * here + after
    return min(max(0.5 * (before - after) / bend, -0.5), 0.5) if bend < 0 else 0.0


def _frequencies(axis: Axis, n: int) -> Axis:
    step = 1.0 / (n * axis.scale)
    return Axis(axis.name, reciprocal(axis.units), step, -(n // 2) * step, n)


def _whole(half: np.ndarray, columns: int) -> np.ndarray:
    """The whole plane, 0 in the middle, of the half (rows, columns // 2 + 1) that a transform of real numbers gives."""
    rows = half.shape[0]
    full = np.empty((rows, columns), half.dtype)
    middle, up, right = columns // 2, rows // 2, (columns + 1) // 2
    shifted = np.roll(half, up, axis=0)
    full[:, middle:] = shifted[:, :right]
    index = (-np.arange(rows)) % rows
    full[:, :middle] = np.roll(half[index], up, axis=0)[:, middle:0:-1]
    return full


def spacing(frequency: float) -> float:
    """One over a frequency; infinite at 0."""
    return 1.0 / frequency if frequency else math.inf
