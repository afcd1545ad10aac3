"""What is measured on a frame: the pixels of a region, the values along a line, a range of a curve. numpy only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from matstudio.domain.frame import Axis

WIDEST = 99
_LONGEST = 4096

Point = tuple[float, float]
"""x, y in the units of the axes."""


@dataclass(frozen=True)
class Statistics:
    """Of those of some values that are finite; NaN where none is.

    Args:
        number: how many values there are. finite: how many of them are finite numbers.
        mean, sigma: mean and standard deviation (of the population).
        least, most, total: least, greatest and sum.
    """

    number: int
    finite: int
    mean: float
    sigma: float
    least: float
    most: float
    total: float


def statistics(values: np.ndarray) -> Statistics:
    """The statistics of an array of any shape, worked out with 64 bits."""
    flat = values.ravel()
    number = flat.size
    if flat.dtype.kind == "f":
        flat = flat[np.isfinite(flat)]
    if not flat.size:
        return Statistics(number, 0, math.nan, math.nan, math.nan, math.nan, math.nan)
    total = float(flat.sum(dtype=np.float64 if flat.dtype.kind == "f" else np.int64))
    mean = total / flat.size
    sigma = math.sqrt(float(np.square(flat - mean, dtype=np.float64).mean()))
    return Statistics(number, flat.size, mean, sigma, float(flat.min()), float(flat.max()), total)


@dataclass(frozen=True)
class Region:
    """A rectangle of whole pixels.

    Args:
        rows, columns: how many.
        height, width: of it, in the units of the axes.
        values: what its pixels say.
    """

    rows: int
    columns: int
    height: float
    width: float
    values: Statistics


def pixels(axis: Axis, a: float, b: float) -> slice:
    """The pixels whose middles lie between two coordinates, at least one; empty where both lie beside the axis."""
    low, high = sorted((axis.index(a), axis.index(b)))
    if high <= -0.5 or low >= axis.size - 0.5:
        return slice(0, 0)
    first, last = max(math.ceil(low), 0), min(math.floor(high), axis.size - 1)
    if last < first:
        first = last = min(max(round((low + high) / 2), 0), axis.size - 1)
    return slice(first, last + 1)


def cut(data: np.ndarray, axes: tuple[Axis, Axis], a: Point, b: Point) -> tuple[np.ndarray, tuple[Axis, Axis]]:
    """The part of a frame (rows, columns) between two corners, and its axes; empty where they lie beside the frame."""
    parts = (pixels(axes[0], a[1], b[1]), pixels(axes[1], a[0], b[0]))
    row, column = (
        Axis(axis.name, axis.units, axis.scale, axis.offset + axis.scale * part.start, part.stop - part.start)
        for axis, part in zip(axes, parts, strict=True)
    )
    return data[parts], (row, column)


def region(data: np.ndarray, axes: tuple[Axis, Axis], a: Point, b: Point) -> Region | None:
    """What the pixels between two corners say; None where they lie beside the frame."""
    part, (row, column) = cut(data, axes, a, b)
    if not part.size:
        return None
    size = (abs(axis.scale) * axis.size for axis in (row, column))
    return Region(row.size, column.size, *size, statistics(part))


@dataclass(frozen=True)
class Profile:
    """Values along a line.

    Args:
        distance: (N,) from its first end, in `units`.
        values: (N,) means over its width; NaN beside the frame and where no pixel is finite.
        length: of the line, in `units`.
        width: over which the means are, in `units`.
        units: of both axes, or "px" where they differ.
    """

    distance: np.ndarray
    values: np.ndarray
    length: float
    width: float
    units: str


def profile(data: np.ndarray, axes: tuple[Axis, Axis], a: Point, b: Point, width: int = 1) -> Profile:
    """The values from one point to another, about a pixel apart, averaged over `width` pixels across the line.

    Each is read between the four pixels around it (bilinear); those that are not finite are left out.
    """
    row, column = axes
    same = row.units == column.units
    sx, sy = (column.scale, row.scale) if same else (1.0, 1.0)
    start = np.array([column.index(a[0]), row.index(a[1])])
    run = np.array([column.index(b[0]), row.index(b[1])]) - start
    length = math.hypot(run[0] * sx, run[1] * sy)
    steps = min(max(math.ceil(math.hypot(*run)), 1), _LONGEST)
    t = np.linspace(0.0, 1.0, steps + 1)
    step = math.sqrt(abs(sx * sy))
    across = np.array([-run[1] * sy / sx, run[0] * sx / sy]) * step / length if length else np.zeros(2)
    width = min(max(width, 1), WIDEST)
    beside = np.arange(width) - (width - 1) / 2
    x, y = (start[i] + run[i] * t[:, None] + across[i] * beside[None, :] for i in (0, 1))
    total, weight = _between(data, x, y)
    inside = weight.sum(1)
    values = np.divide(total.sum(1), inside, out=np.full(len(t), np.nan), where=inside > 0.5)
    return Profile(t * length, values, length, width * step, row.units if same else "px")


def _between(data: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted sums of the finite pixels around each place (in pixels), and the sums of the weights, at most 1."""
    rows, columns = data.shape
    inside = (x > -0.5) & (x < columns - 0.5) & (y > -0.5) & (y < rows - 0.5)
    x, y = np.clip(x, 0, columns - 1), np.clip(y, 0, rows - 1)
    j, i = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    total, weight = np.zeros(x.shape), np.zeros(x.shape)
    for dy in (0, 1):
        for dx in (0, 1):
            part = np.where(inside, abs(1 - dx - (x - j)) * abs(1 - dy - (y - i)), 0.0)
            value = data[np.minimum(i + dy, rows - 1), np.minimum(j + dx, columns - 1)].astype(float)
            good = np.isfinite(value)
            part[~good] = 0.0
            weight += part
            total += part * np.where(good, value, 0.0)
    return total, weight


@dataclass(frozen=True)
class Span:
    """A range of a curve.

    Args:
        low, high: its ends, in the unit of x.
        integral: of the curve over it by the trapezoid rule, in the unit of the values times that of x.
        at: where its greatest value is, in the unit of x.
        values: what its points say.
    """

    low: float
    high: float
    integral: float
    at: float
    values: Statistics


def span(x: np.ndarray, y: np.ndarray, a: float, b: float) -> Span:
    """What the points of a curve x (N,), y (N,) between two coordinates say; what is not finite is left out."""
    low, high = sorted((a, b))
    inside = (x >= low) & (x <= high)
    found = statistics(y[inside])
    x, y = x[inside].astype(float), y[inside].astype(float)
    good = np.isfinite(y)
    x, y = x[good], y[good]
    if not y.size:
        return Span(low, high, math.nan, math.nan, found)
    order = np.argsort(x)
    return Span(low, high, float(np.trapezoid(y[order], x[order])), float(x[np.argmax(y)]), found)
