"""The plane lattice in a map of translations: what a network says repeats, made into two vectors."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from matstudio.modalities.image.detect import refined

_LEAST = 0.3  # of the greatest value of the map, and
_SURE = 0.15  # of 1, from which a maximum may be a translation
_AREA = 0.25  # sine of the angle between two vectors that span a plane


def basis(repeats: np.ndarray, step: float) -> tuple[np.ndarray, float] | None:
    """The two shortest vectors of the lattice, (2, 2) rows x, y, and how sure the map is of it, 0 to 1; or None.

    Args:
        repeats: (rows, columns) how probable each translation is: y >= 0 downwards from the first row, x from the
            middle column to both sides.
        step: length of a cell of the map, in the unit that is wanted.
    """
    whole = np.vstack([repeats[:0:-1, ::-1], repeats])
    middle = (np.array(whole.shape) - 1) / 2
    top = (whole == ndimage.maximum_filter(whole, 3)) & (whole > max(_LEAST * float(whole.max()), _SURE))
    yx = np.argwhere(top)
    yx = yx[np.hypot(*(yx - middle).T) > 2]
    if len(yx) < 4:
        return None
    value = whole[tuple(yx.T)]
    points = (refined(whole, yx) - middle)[:, ::-1]
    points, value = points[np.argsort(np.hypot(*points.T))], value[np.argsort(np.hypot(*points.T))]
    best, found = 0.0, None
    for i in range(min(6, len(points))):
        for j in range(i + 1, min(14, len(points))):
            pair = points[[i, j]]
            if abs(float(np.linalg.det(pair))) < _AREA * float(np.prod(np.hypot(*pair.T))):
                continue
            score = _explained(whole, middle, pair)
            if score > best + 1e-6:
                best, found = score, pair
    if found is None:
        return None
    exact = _refined(points, value, found)
    return exact * step, best


def _explained(whole: np.ndarray, middle: np.ndarray, pair: np.ndarray) -> float:
    """How well a lattice fits: the mean of the map at its points, less that of what it leaves over."""
    index = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 2), -1).reshape(-1, 2)
    at = index[np.any(index != 0, axis=1)] @ pair
    inside = np.all(np.abs(at) <= middle[::-1], axis=1)
    if inside.sum() < 4:
        return 0.0
    values = ndimage.map_coordinates(whole, (at[inside] + middle[::-1]).T[::-1], order=1)
    near = np.rint(at[inside] + middle[::-1]).astype(int)
    mask = np.zeros(whole.shape, bool)
    mask[near[:, 1], near[:, 0]] = True
    mask[int(middle[0]), int(middle[1])] = True
    mask = ndimage.binary_dilation(mask, iterations=2)
    left = whole[~mask]
    return float(values.mean()) - float(np.quantile(left, 0.98) if left.size else 0.0)


def _refined(points: np.ndarray, value: np.ndarray, pair: np.ndarray) -> np.ndarray:
    """Least squares on all maxima that are near a lattice point, weighted with the map."""
    fraction = points @ np.linalg.inv(pair)
    index = np.rint(fraction)
    good = (np.abs(fraction - index).max(1) < 0.25) & np.any(index != 0, axis=1)
    weight = np.sqrt(value[good])[:, None]
    if good.sum() < 3:
        return pair
    return np.asarray(np.linalg.lstsq(index[good] * weight, points[good] * weight, rcond=None)[0])
