"""The mean cell of a crystal in an image, and the point symmetry that it has within its noise."""

from __future__ import annotations

import math

import numpy as np
from scipy import fft, ndimage

_BINS = 24  # of a mean cell along each vector
_BLUR_A = 0.2  # standard deviation by which mean cells are blurred
_METRIC = 0.08  # how far a turned lattice vector may be from whole numbers of vectors
_ALIKE = 0.96  # of the likeness of the two halves of the image, from which a turned cell is the same
_SEEN = 0.5  # least likeness of the two halves


def symmetry(image: np.ndarray, basis: np.ndarray, pixel_A: float) -> tuple[str, float] | None:
    """The point symmetry of the mean cell, as the International Tables name it ("2mm"), and the likeness of the means
    of two halves of the cells, 0 to 1; None where that is below one half, or the view holds too few cells.

    A turn or a mirror counts where one half's mean cell, turned and shifted at will, is as like the other half's as
    that half's own is. Differences that the noise hides are not seen: columns of neighbouring elements are alike.

    Args:
        image: (H, W).
        basis: (2, 2) rows are the lattice vectors x, y in pixels.
        pixel_A: pixel size.
    """
    halves = _means(image, basis, _BLUR_A / pixel_A)
    if halves is None:
        return None
    own = _likeness(*halves, np.eye(2, dtype=int), shifted=False)
    if own < _SEEN:
        return None

    def has(matrix: np.ndarray) -> bool:
        steps = basis @ matrix @ np.linalg.inv(basis)
        whole = np.rint(steps).astype(int)
        return bool(np.abs(steps - whole).max() < _METRIC and _likeness(*halves, whole) > _ALIKE * own)

    turns = [n for n in (2, 3, 4, 6) if has(turn(2 * math.pi / n))]
    mirrors = any(has(mirror(angle)) for angle in mirror_angles(basis))
    return group_of(turns, mirror=mirrors), own


def group_of(turns: list[int], *, mirror: bool) -> str:
    """The point group of a plane crystal with these turns (2, 3, 4, 6), and a mirror or none."""
    order = 6 if 6 in turns or {2, 3} <= set(turns) else max(turns, default=1)
    if order == 1:
        return "m" if mirror else "1"
    return f"{order}{('m' if order == 3 else 'mm') if mirror else ''}"


def turn(angle: float) -> np.ndarray:
    """Matrix that turns rows x, y by an angle, radians."""
    return np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])


def mirror(angle: float) -> np.ndarray:
    """Matrix that mirrors rows x, y at a line through the origin at an angle, radians."""
    return np.array([[math.cos(2 * angle), math.sin(2 * angle)], [math.sin(2 * angle), -math.cos(2 * angle)]])


def mirror_angles(basis: np.ndarray) -> list[float]:
    """Angles of the lines that a plane lattice may have its mirrors along, radians."""
    ways = np.concatenate([basis, basis[:1] + basis[1:], basis[:1] - basis[1:]])
    return [math.atan2(y, x) + extra for x, y in ways.tolist() for extra in (0.0, math.pi / 2)]


def _means(image: np.ndarray, basis: np.ndarray, blur: float) -> tuple[np.ndarray, np.ndarray] | None:
    """The mean cell of the cells of each colour of a chessboard; None where a bin of one has no pixel."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    place = np.stack([x.ravel(), y.ravel()], 1) @ np.linalg.inv(basis)
    cell = np.floor(place)
    row, column = np.floor((place - cell) * _BINS).astype(int).T % _BINS
    colour = (cell.sum(1) % 2).astype(int)
    at = (colour * _BINS + row) * _BINS + column
    count = np.bincount(at, minlength=2 * _BINS**2)
    if count.min() == 0:
        return None
    local = image - ndimage.gaussian_filter(image, 3 * float(np.hypot(*basis.T).max()))
    means = (np.bincount(at, local.ravel(), 2 * _BINS**2) / count).reshape(2, _BINS, _BINS)
    widths = blur * _BINS / np.hypot(*basis.T)
    one, other = (ndimage.gaussian_filter(m, widths, mode="wrap") for m in means)
    return one - one.mean(), other - other.mean()


def _likeness(one: np.ndarray, other: np.ndarray, steps: np.ndarray, *, shifted: bool = True) -> float:
    """Correlation of a mean cell with another that is turned by whole `steps` of the lattice, at the best shift."""
    index = np.stack(np.meshgrid(np.arange(_BINS), np.arange(_BINS), indexing="ij"), -1)
    row, column = np.moveaxis((index @ steps) % _BINS, -1, 0)
    moved = other[row, column]
    size = math.sqrt(float((one**2).sum() * (moved**2).sum()))
    if size == 0:
        return 0.0
    if not shifted:
        return float((one * moved).sum()) / size
    return float(fft.ifft2(fft.fft2(one) * np.conj(fft.fft2(moved))).real.max()) / size
