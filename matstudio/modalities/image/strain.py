"""Local strain: how the vectors between columns a lattice vector apart differ from their mean over the view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

_STEPS = np.array([(1, 0), (0, 1), (1, 1), (1, -1), (-1, 0), (0, -1), (-1, -1), (-1, 1)])
_NEAR = 0.25  # of the shorter lattice vector: how far from its place a neighbour may lie
_ENOUGH = 12  # columns with neighbours, below which nothing is said


@dataclass(frozen=True)
class Strain:
    """Strain of the lattice around each column, relative to the mean lattice of the view.

    Args:
        values: (N, 4) e_xx, e_yy, e_xy and the rotation from x to y in radians; pure numbers, NaN where a column has
            too few neighbours.
        sigma: (N, 4) one standard deviation, from those of the positions.
        basis: (2, 2) rows are the mean lattice vectors x, y, pixels.
    """

    values: np.ndarray
    sigma: np.ndarray
    basis: np.ndarray


def strain(xy: np.ndarray, sigma_xy: np.ndarray, basis: np.ndarray) -> Strain | None:
    """Strain at columns of a crystal of any structure; None where hardly any column has neighbours.

    Around each column the gradient of the displacement is fitted by least squares to the vectors to those columns of
    the same kind that are one step of the lattice away (peak-pair analysis: Galindo et al., Ultramicroscopy 107 (2007)
    1186, with all eight neighbours instead of a pair along each vector).

    Args:
        xy: (N, 2) x, y, pixels.
        sigma_xy: (N, 2) standard deviations, pixels.
        basis: (2, 2) rows are the lattice vectors, within a few per cent, pixels.
    """
    if len(xy) < _ENOUGH:
        return None
    away, other = cKDTree(xy).query(xy[:, None] + _STEPS @ basis)
    there = away < _NEAR * np.hypot(*basis.T).min()
    vector = xy[other] - xy[:, None]
    if np.count_nonzero(there.sum(1) > 1) < _ENOUGH:
        return None
    mean = np.linalg.lstsq(np.broadcast_to(_STEPS, vector.shape)[there], vector[there], rcond=None)[0]
    step = (_STEPS @ mean)[None] * there[:, :, None]  # (N, 8, 2), zero where there is no neighbour
    normal = np.einsum("nka,nkb->nab", step, step)
    size = float(np.abs(np.linalg.det(mean)))
    known = np.linalg.det(normal) > 0.5 * size**2
    normal[~known] = np.eye(2)
    weight = np.einsum("nab,nkb->nka", np.linalg.inv(normal), step)
    gradient = np.einsum("nka,nkc->nac", weight, vector) - np.eye(2)  # [a, c]: of displacement c along a
    own = weight.sum(1) ** 2
    variance = np.einsum("nka,nkc->nac", weight**2, sigma_xy[other] ** 2) + own[:, :, None] * sigma_xy[:, None] ** 2
    shear = (gradient[:, 0, 1] + gradient[:, 1, 0]) / 2
    turn = (gradient[:, 0, 1] - gradient[:, 1, 0]) / 2
    values = np.stack([gradient[:, 0, 0], gradient[:, 1, 1], shear, turn], axis=1)
    mixed = (variance[:, 0, 1] + variance[:, 1, 0]) / 4
    sigma = np.sqrt(np.stack([variance[:, 0, 0], variance[:, 1, 1], mixed, mixed], axis=1))
    values[~known], sigma[~known] = np.nan, np.nan
    return Strain(values, sigma, mean)
