"""What the network is to answer for a scene, and how wrong it is."""

from __future__ import annotations

import numpy as np

from matstudio.modalities.image.canonical import PIXEL_A
from matstudio.modalities.image.network import CELL

_SIGMA = 1.1  # of the heat map's spots, cells (0.22 Å)
_NEAR = 1.6  # cells within which the offset counts
_VOID = 0.5  # Å around a hidden column in which the heat map does not count
_REACH = 4


def targets(xy: np.ndarray, hidden: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Heat map and offsets, (3, size/2, size/2), and what each cell counts in their loss, (2, size/2, size/2)."""
    cells = size // CELL
    heat = np.zeros((cells, cells), np.float32)
    offset = np.zeros((2, cells, cells), np.float32)
    at, move = _around(xy, cells)
    square = (move**2).sum(1)
    np.maximum.at(heat, (at[:, 1], at[:, 0]), np.exp(-0.5 * square / _SIGMA**2).astype(np.float32))
    order = np.argsort(-square)  # the nearest column is written last
    order = order[square[order] < _NEAR**2]
    offset[:, at[order, 1], at[order, 0]] = move[order].T
    weight = np.ones((2, cells, cells), np.float32)
    weight[1] = 0
    weight[1, at[order, 1], at[order, 0]] = 1
    void, far = _around(hidden, cells)
    void = void[(far**2).sum(1) < (_VOID / PIXEL_A / CELL) ** 2]
    weight[0, void[:, 1], void[:, 0]] = 0
    weight[0][heat > 0.3] = 1
    return np.concatenate([heat[None], offset]), weight


def _around(xy: np.ndarray, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Cells (K, 2) near columns, and the way from its middle to the column, cells."""
    place = (xy - (CELL - 1) / 2) / CELL
    step = np.arange(-_REACH, _REACH + 1)
    steps = np.stack(np.meshgrid(step, step), -1).reshape(1, -1, 2)
    at = (np.rint(place).astype(int)[:, None] + steps).reshape(-1, 2)
    which = np.repeat(np.arange(len(xy)), steps.shape[1])
    inside = np.all((at >= 0) & (at < cells), axis=1)
    at, which = at[inside], which[inside]
    return at, place[which] - at
