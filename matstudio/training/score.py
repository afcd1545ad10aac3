"""How well columns are found: matched one to one with the true ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

_FAR_A = 0.5
_BORDER_A = 1.0


@dataclass(frozen=True)
class Score:
    """Counts of columns, and the sum of squared distances (Å^2) of those found."""

    found: int
    wrong: int
    missed: int
    square: float

    def __add__(self, other: Score) -> Score:
        pairs = zip((self.found, self.wrong, self.missed), (other.found, other.wrong, other.missed), strict=True)
        return Score(*(a + b for a, b in pairs), self.square + other.square)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.found / max(2 * self.found + self.wrong + self.missed, 1)

    @property
    def rms_pm(self) -> float:
        """Root mean square distance of the columns found, pm."""
        return 100 * float(np.sqrt(self.square / max(self.found, 1)))


NOTHING = Score(0, 0, 0, 0.0)


def score(true: np.ndarray, hidden: np.ndarray, found: np.ndarray, size_A: float) -> Score:
    """Columns found against true ones, all in Å.

    A match is closer than 0.5 Å and than 0.35 of the least distance of true columns. Hidden columns, and what lies
    within 1 Å of the border, are neither right nor wrong.
    """
    inside = np.all((true > _BORDER_A) & (true < size_A - _BORDER_A), axis=1)
    hidden, true = np.concatenate([hidden, true[~inside]]), true[inside]
    radius = _FAR_A
    if len(true) > 1:
        radius = min(radius, 0.35 * float(cKDTree(true).query(true, k=2)[0][:, 1].min()))
    of, at = pairs(true, found, radius).T
    rest = np.delete(found, at, axis=0)
    rest = rest[np.all((rest > _BORDER_A) & (rest < size_A - _BORDER_A), axis=1)]
    if len(hidden) and len(rest):
        rest = rest[cKDTree(hidden).query(rest)[0] > radius]
    square = float(((true[of] - found[at]) ** 2).sum())
    return Score(len(of), len(rest), len(true) - len(of), square)


def pairs(true: np.ndarray, found: np.ndarray, radius: float) -> np.ndarray:
    """(M, 2) indices of true and found points closer than `radius`, each at most once, of least total distance."""
    if not len(true) or not len(found):
        return np.zeros((0, 2), int)
    distance = np.linalg.norm(true[:, None] - found[None], axis=2)
    i, j = linear_sum_assignment(np.where(distance < radius, distance, 1e3))
    near = distance[i, j] < radius
    return np.stack([i[near], j[near]], axis=1)
