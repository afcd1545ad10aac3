"""Two-dimensional lattices: from columns, and from the autocorrelation of an image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft, ndimage
from scipy.spatial import cKDTree


@dataclass(frozen=True)
class Lattice:
    """Points `origin + i * basis[0] + j * basis[1]`, in pixels.

    Args:
        basis: (2, 2) rows are the vectors x, y.
        origin: (2,) x, y.
        sigma: relative standard deviation of the basis' length.
    """

    basis: np.ndarray
    origin: np.ndarray
    sigma: float

    def side(self) -> tuple[float, float]:
        """Length of the shorter vector of the reduced basis, and its standard deviation, pixels.

        Where the lattice is hexagonal or square but for a distortion (drift during a scan), the length is that of the
        undistorted cell of equal area, and the scatter of the vectors that should be equal counts as error.
        """
        a, b = self.basis[np.argsort(np.hypot(*self.basis.T))]
        b = b - np.rint(b @ a / (a @ a)) * a
        b = b if a @ b <= 0 else -b
        area = abs(float(a[0] * b[1] - a[1] * b[0]))
        lengths = np.hypot(*np.array([a, b, a + b]).T)
        if np.ptp(lengths) < 0.2 * lengths.min():
            return math.sqrt(2 * area / math.sqrt(3)), float(np.hypot(lengths.std(), self.sigma * lengths[0]))
        lengths[2] /= math.sqrt(2)
        if np.ptp(lengths) < 0.1 * lengths.min():
            return math.sqrt(area), float(np.hypot(lengths.std(), self.sigma * lengths[0]))
        return float(min(lengths[:2])), float(self.sigma * lengths[0])

    def index(self, xy: np.ndarray) -> np.ndarray:
        """Nearest lattice point of each position, (N, 2) integers."""
        return np.asarray(np.rint((xy - self.origin) @ np.linalg.inv(self.basis)), np.int64)

    def at(self, index: np.ndarray) -> np.ndarray:
        """Positions of lattice points, (N, 2)."""
        return np.asarray(self.origin + index @ self.basis)

    def within(self, shape: tuple[int, int], margin: float) -> np.ndarray:
        """Indices of the points in an image of `shape` and up to `margin` pixels outside it, (N, 2)."""
        high = np.array(shape[::-1]) - 1.0
        corners = np.array([[0, 0], [high[0], 0], [0, high[1]], high])
        around = self.index(corners + margin * np.sign(corners - high / 2))
        low, top = around.min(0) - 1, around.max(0) + 2
        index = np.mgrid[low[0] : top[0], low[1] : top[1]].reshape(2, -1).T
        xy = self.at(index)
        return index[np.all((xy >= -margin) & (xy <= high + margin), axis=1)]


def square(xy: np.ndarray, spacing: float) -> Lattice | None:
    """The square lattice of columns whose spacing is known to 15 %, or None where most columns do not lie on one.

    The angle is the mean of exp(4 i angle) over neighbours; origin and basis come from least squares on the indices.
    """
    if len(xy) < 16:
        return None
    pairs = cKDTree(xy).query_pairs(1.15 * spacing, output_type="ndarray")
    step = xy[pairs[:, 1]] - xy[pairs[:, 0]]
    step = step[np.hypot(*step.T) > 0.85 * spacing]
    if len(step) < len(xy) / 2:
        return None
    direction = np.mean(np.exp(4j * np.arctan2(step[:, 1], step[:, 0])))
    if abs(direction) < 0.5:
        return None
    angle = np.angle(direction) / 4
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    forward = np.abs(step @ along) > np.abs(step @ across)
    mean = [
        (part * np.sign(part @ axis)[:, None]).mean(0)
        for part, axis in ((step[forward], along), (step[~forward], across))
    ]
    return _refine(xy, np.array(mean), np.median(xy, axis=0))


def _refine(xy: np.ndarray, basis: np.ndarray, centre: np.ndarray) -> Lattice | None:
    """Least squares from the centre outwards, so that a small error of `basis` never miscounts a row."""
    size = float(np.abs(np.linalg.det(basis))) ** 0.5
    far = np.hypot(*(xy - centre).T)
    origin = xy[np.argmin(far)]
    reach = 4.0 * size
    good = np.zeros(len(xy), bool)
    while True:
        fraction = (xy - origin) @ np.linalg.inv(basis)
        index = np.rint(fraction)
        good = (np.abs(fraction - index).max(1) < 0.3) & (far < reach)
        if good.sum() < 8:
            return None
        design = np.c_[np.ones(good.sum()), index[good]]
        solution = np.linalg.lstsq(design, xy[good], rcond=None)[0]
        origin, basis = solution[0], solution[1:]
        if abs(np.linalg.det(basis)) < 0.25 * size**2:
            return None
        if reach > far.max():
            break
        reach *= 1.5
    if good.mean() < 0.6:
        return None
    residual = xy[good] - design @ solution
    error = np.sqrt((residual**2).mean() * np.trace(np.linalg.inv(design.T @ design)[1:, 1:]) / 2)
    return Lattice(basis, origin, float(error / size))


def correlated(image: np.ndarray, shortest: float) -> Lattice | None:
    """The shortest lattice vectors of a periodic image, from the peaks of its autocorrelation; None if there are none.

    Peaks count that reach 0.4 of the greatest beyond `shortest` pixels; the vectors are refined on their multiples.
    """
    data = image - image.mean()
    window, weight = _window(image.shape[0], image.shape[1])
    half = np.array(image.shape) // 3
    full = _autocorrelation((data * window).astype(np.float32), half)
    part = (slice(0, 2 * half[0] + 1), slice(0, 2 * half[1] + 1))
    correlation = full[part] / np.maximum(weight[part], 1e-3 * weight.max())
    top = correlation == ndimage.maximum_filter(correlation, size=max(3, 2 * int(0.4 * shortest) + 1))
    yx = np.argwhere(top) - half
    value = correlation[top]
    distance = np.hypot(*yx.T)
    outside = (distance >= shortest) & (distance < half.min() - 2)
    noise = float(np.median(np.abs(correlation)) / 0.6745)
    if not outside.any():
        return None
    strong = outside & (value > 0.5 * value[outside].max()) & (value > 0.1 * correlation[tuple(half)]) & (value > noise)
    if strong.sum() < 4:
        return None
    peaks = np.array([_parabola(correlation, p + half) - half for p in yx[strong]])[:, ::-1]
    peaks = peaks[np.argsort(np.hypot(*peaks.T))]
    first = peaks[0]
    turn = np.abs(np.cross(np.r_[first, 0], np.c_[peaks, np.zeros(len(peaks))])[:, 2])
    off = np.flatnonzero(turn > 0.4 * np.hypot(*first) * np.hypot(*peaks.T))
    if not len(off):
        return None
    basis = np.array([first, peaks[off[0]]])
    reach = 3 * np.hypot(*basis.T).max()
    for _ in range(4):
        near = peaks[np.hypot(*peaks.T) < reach]
        fraction = near @ np.linalg.inv(basis)
        index = np.rint(fraction)
        good = (np.abs(fraction - index).max(1) < 0.25) & np.any(index != 0, axis=1)
        if good.sum() < 4:
            return None
        basis, *_ = np.linalg.lstsq(index[good], near[good], rcond=None)
        reach *= 1.5
    residual = near[good] - index[good] @ basis
    error = np.sqrt((residual**2).mean() * np.trace(np.linalg.inv(index[good].T @ index[good])) / 2)
    return Lattice(basis, np.zeros(2), float(error / np.hypot(*basis[0])))


@lru_cache(maxsize=4)
def _window(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Hann window of an image, and its autocorrelation."""
    window = np.outer(np.hanning(rows), np.hanning(columns)).astype(np.float32)
    return window, _autocorrelation(window, np.array(window.shape) // 3)


def _autocorrelation(data: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Not periodic; the zero at `shift`."""
    size = tuple(fft.next_fast_len(2 * n, True) for n in data.shape)
    return np.roll(fft.irfft2(np.abs(fft.rfft2(data, s=size)) ** 2, s=size), shift, (0, 1))


def _parabola(image: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Sub-pixel place of a maximum, row and column."""
    out = at.astype(float)
    for axis in (0, 1):
        step = np.eye(2, dtype=int)[axis]
        if 0 < at[axis] < image.shape[axis] - 1:
            low, mid, high = (image[tuple(at + k * step)] for k in (-1, 0, 1))
            bend = low - 2 * mid + high
            out[axis] += 0.5 * (low - high) / bend if bend < 0 else 0.0
    return out
