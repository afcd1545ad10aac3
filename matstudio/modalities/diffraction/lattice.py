"""Lattices under spots: an affine fit of known indices, and a search for a net that nobody named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Net:
    """A two-dimensional net: position = centre + basis @ (h, k), in pixels.

    Args:
        centre: (2,) x, y.
        basis: (2, 2), columns are the two basis vectors.
        covariance: (3, 3) of (centre, first and second index) for one coordinate; x and y are alike and independent.
        indices: (N, 2) of the spots it was fitted to.
        used: (M,) which of the spots offered those are.
    """

    centre: np.ndarray
    basis: np.ndarray
    covariance: np.ndarray
    indices: np.ndarray
    used: np.ndarray

    def at(self, indices: np.ndarray) -> np.ndarray:
        """Positions (N, 2) x, y in pixels of (N, 2) indices."""
        return np.asarray(self.centre + indices @ self.basis.T)


def fit_net(xy: np.ndarray, sigma: np.ndarray, indices: np.ndarray, used: np.ndarray) -> Net:
    """Weighted least squares of positions (N, 2) with errors `sigma` (N,) pixels on their indices (N, 2), N >= 4."""
    design = np.column_stack([np.ones(len(xy)), indices])
    weight = 1 / sigma**2
    normal = design.T @ (weight[:, None] * design)
    solution = np.linalg.solve(normal, design.T @ (weight[:, None] * xy))
    residual = xy - design @ solution
    freedom = max(1, 2 * len(xy) - 6)
    inflate = max(1.0, float((weight[:, None] * residual**2).sum()) / freedom)
    return Net(solution[0], solution[1:].T, inflate * np.linalg.inv(normal), indices, used)


def find_net(
    xy: np.ndarray, sigma: np.ndarray, strength: np.ndarray, centre: np.ndarray, tolerance_px: float = 2.0
) -> Net | None:
    """The net through `centre` that indexes most of the spots, or None where no net indexes 6 spots and 60 %.

    Every pair of the 14 shortest differences from the centre is tried on the 60 strongest spots; of nets that do
    equally well the one with the largest cell wins. Its two shortest vectors are then refined by least squares.

    Args:
        xy: (N, 2) x, y in pixels.
        sigma: (N, 2) their errors, pixels.
        strength: (N,) counts.
        centre: (2,) about where the direct beam is.
    """
    offset = xy - centre
    length = np.hypot(*offset.T)
    away = np.flatnonzero(length > 6.0)
    if len(away) < 5:
        return None
    test = away[np.argsort(-strength[away])[:60]]
    short = away[np.argsort(length[away])[:14]]
    i, j = np.triu_indices(len(short), 1)
    first, second = offset[short[i]], offset[short[j]]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    good = np.abs(area) > 0.3 * length[short[i]] * length[short[j]]
    if not good.any():
        return None
    first, second, area = first[good], second[good], area[good]
    basis = np.stack([first, second], axis=2)  # (pairs, 2, 2), columns are vectors
    index = np.einsum("pij,nj->pni", np.linalg.inv(basis), offset[test])
    nearest = np.round(index)
    off = np.linalg.norm(np.einsum("pij,pnj->pni", basis, index - nearest), axis=2)
    share = (off < tolerance_px).mean(axis=1)
    chance = np.minimum(0.9, np.pi * tolerance_px**2 / np.abs(area))
    gain = (share - chance) / (1 - chance)
    best = int(np.lexsort((-np.abs(area), -np.round(gain, 2)))[0])
    if gain[best] < 0.6 or share[best] * len(test) < 5.5:
        return None
    inverse = np.linalg.inv(_reduced(basis[best]))
    found = None
    error = np.hypot(sigma.mean(axis=1), 0.05)
    for _ in range(3):
        index = offset[away] @ inverse.T
        nearest = np.round(index)
        off = np.linalg.norm((index - nearest) @ np.linalg.inv(inverse).T, axis=1)
        keep = off < tolerance_px
        if keep.sum() < 5:
            return found
        found = fit_net(xy[away[keep]], error[away[keep]], nearest[keep].astype(int), away[keep])
        offset = xy - found.centre
        inverse = np.linalg.inv(found.basis)
    return found


def _reduced(basis: np.ndarray) -> np.ndarray:
    """The two shortest vectors of a net, 60° to 90° apart (Gauss reduction)."""
    a, b = basis.T
    while True:
        if a @ a > b @ b:
            a, b = b, a
        n = round(float(a @ b) / float(a @ a))
        if n == 0:
            return np.column_stack([a, b if a @ b >= 0 else -b])
        b = b - n * a
