"""Columns that a model found against the true ones: matched one to one, errors against their bound and their sigma."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from matstudio.training.score import pairs

_FAR_A = 0.5
_OF_SPACING = 0.35
_BORDER_A = 1.0
_BOUND_SNR = 5.0  # below that the match radius cuts the errors off


@dataclass(frozen=True)
class Truth:
    """The columns of an image.

    Args:
        xy: (N, 2) x, y, pixels; pixel centres at integers.
        scored: (N,) False for those that are neither right nor wrong.
        bound: (N, 2) Cramer-Rao bound of x and y, pm.
        snr: (N,) of the matched filter.
        pixel_A: pixel size, Å.
        shape: rows, columns of the image.
        jitter: whether the scan trembled, so that the bound does not hold.
        floor: standard deviation of the true places themselves, x and y together, pm.
    """

    xy: np.ndarray
    scored: np.ndarray
    bound: np.ndarray
    snr: np.ndarray
    pixel_A: float
    shape: tuple[int, int]
    jitter: bool = False
    floor: float = 0.0


@dataclass(frozen=True)
class Tally:
    """What was found in some images.

    Args:
        right, wrong, missed: columns.
        square: (right,) squared distances of the columns found, pm^2.
        clear: squared distances of those that the ratio counts, pm^2.
        bound: their squared bounds, pm^2.
        z: errors of x and y over the reported standard deviation, of the columns found.
        z_floor: the same with the truth's own uncertainty added to it in quadrature.
    """

    right: int
    wrong: int
    missed: int
    square: np.ndarray
    clear: np.ndarray
    bound: np.ndarray
    z: np.ndarray
    z_floor: np.ndarray

    @property
    def precision(self) -> float:
        """Share of those found that are right."""
        return self.right / max(self.right + self.wrong, 1)

    @property
    def recall(self) -> float:
        """Share of the true ones that are found."""
        return self.right / max(self.right + self.missed, 1)

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        return 2 * self.right / max(2 * self.right + self.wrong + self.missed, 1)

    @property
    def rms_pm(self) -> float:
        """Root mean square distance, pm; NaN where nothing was found."""
        return _rms(self.square)

    @property
    def ratio(self) -> float:
        """Root mean square distance over that of the bound, of columns with SNR > 5 in images without jitter."""
        return _rms(self.clear) / _rms(self.bound)


def deviation(z: np.ndarray) -> float:
    """Standard deviation, NaN of nothing."""
    return float(z.std()) if len(z) else float("nan")


def robust_deviation(z: np.ndarray) -> float:
    """The same from the median of |z|, which a few large errors do not move: 1.4826 of it."""
    return 1.4826 * float(np.median(np.abs(z))) if len(z) else float("nan")


def tally(truth: Truth, found: np.ndarray, sigma: np.ndarray | None = None) -> Tally:
    """Columns found against the true ones.

    A match is closer than 0.5 Å and than 0.35 of the least distance of scored columns. What lies within that of a
    column that is not scored, or within 1 Å of the border, is not wrong.

    Args:
        truth: of the image.
        found: (N, 2) x, y in pixels.
        sigma: (N, 2) standard deviations reported, pixels.
    """
    true, hidden = truth.xy[truth.scored], truth.xy[~truth.scored]
    radius = _FAR_A / truth.pixel_A
    if len(true) > 1:
        radius = min(radius, _OF_SPACING * float(cKDTree(true).query(true, k=2)[0][:, 1].min()))
    of, at = pairs(true, found, radius).T
    rest = np.delete(found, at, axis=0)
    border, high = _BORDER_A / truth.pixel_A, np.array(truth.shape[::-1]) - 1.0
    rest = rest[np.all((rest >= border) & (rest <= high - border), axis=1)]
    if len(hidden) and len(rest):
        rest = rest[cKDTree(hidden).query(rest)[0] >= radius]
    error = found[at] - true[of]
    square = ((100 * truth.pixel_A * error) ** 2).sum(1)
    bound = (truth.bound[truth.scored][of] ** 2).sum(1)
    clear = (truth.snr[truth.scored][of] > _BOUND_SNR) & (not truth.jitter)
    z = z_floor = np.zeros(0)
    if sigma is not None:
        floor = truth.floor / 100 / truth.pixel_A / np.sqrt(2)
        z, z_floor = (error / sigma[at]).ravel(), (error / np.hypot(sigma[at], floor)).ravel()
    return Tally(len(of), len(rest), len(true) - len(of), square, square[clear], bound[clear], z, z_floor)


def tally_within(true: np.ndarray, found: np.ndarray, radius: float) -> Tally:
    """The same of points marked by people: a match is closer than `radius` pixels, and every point counts."""
    of = pairs(true, found, radius)
    nothing = np.zeros(0)
    square = ((found[of[:, 1]] - true[of[:, 0]]) ** 2).sum(1)
    return Tally(len(of), len(found) - len(of), len(true) - len(of), square, nothing, nothing, nothing, nothing)


def together(tallies: Iterable[Tally]) -> Tally:
    """Of several images."""
    all_ = list(tallies)
    counts = (sum(getattr(t, n) for t in all_) for n in ("right", "wrong", "missed"))
    names = ("square", "clear", "bound", "z", "z_floor")
    return Tally(*counts, *(np.concatenate([np.zeros(0), *(getattr(t, n) for t in all_)]) for n in names))


def _rms(squares: np.ndarray) -> float:
    return float(np.sqrt(squares.mean())) if len(squares) else float("nan")
