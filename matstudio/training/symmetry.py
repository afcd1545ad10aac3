"""The translations and the point symmetry of a plane crystal, from its sites."""

from __future__ import annotations

import math

import numpy as np

from matstudio.modalities.image.cell import group_of, mirror, mirror_angles, turn
from matstudio.training.crystals import Crystal

_NEAR_A, _ALIKE = 0.08, 0.08  # sites that are the same: no farther apart (Å), strengths no more different


def primitive(what: Crystal) -> np.ndarray:
    """(2, 2) rows are the shortest two vectors, Å, by which the crystal repeats itself, with an angle of 60 to 90°."""
    first = what.sites[0]
    moves = [m for m in ((what.sites - first + 0.5) % 1 - 0.5) if _maps(what, np.eye(2), m @ what.cell)]
    points = np.concatenate([np.array(moves) @ what.cell, what.cell])
    steps = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 2), -1).reshape(-1, 2)
    every = (points[:, None] + (steps @ what.cell)[None]).reshape(-1, 2)
    every = every[np.argsort(np.hypot(*every.T), kind="stable")]
    every = every[np.hypot(*every.T) > 0.3]
    a = every[0]
    across = np.abs(every @ np.array([-a[1], a[0]])) / (np.hypot(*a) * np.hypot(*every.T))
    return reduced(np.array([a, every[np.argmax(across > 0.2)]]))


def reduced(cell: np.ndarray) -> np.ndarray:
    """The shortest basis of a plane lattice (Gauss and Lagrange), rows, with an angle of 60 to 90°."""
    a, b = cell
    for _ in range(100):
        if np.hypot(*b) < np.hypot(*a):
            a, b = b, a
        times = round(float(a @ b) / float(a @ a))
        if not times:
            break
        b = b - times * a
    return np.array([a, b if a @ b >= 0 else -b])


def group(what: Crystal, cell: np.ndarray) -> str:
    """The crystal's point symmetry, as `cell.symmetry` names it.

    Args:
        what: the crystal.
        cell: its primitive one, in the same orientation.
    """
    turns = [n for n in (2, 3, 4, 6) if _symmetric(what, turn(2 * math.pi / n), cell)]
    return group_of(turns, mirror=any(_symmetric(what, mirror(angle), cell) for angle in mirror_angles(cell)))


def _symmetric(what: Crystal, matrix: np.ndarray, cell: np.ndarray) -> bool:
    """Whether the crystal, turned or mirrored about some point, is the same."""
    steps = cell @ matrix @ np.linalg.inv(cell)
    if np.abs((steps - np.rint(steps)) @ cell).max() > _NEAR_A:
        return False
    places = what.sites @ what.cell
    return any(_maps(what, matrix, place - places[0] @ matrix) for place in places)


def _maps(what: Crystal, matrix: np.ndarray, move: np.ndarray) -> bool:
    """Whether every site comes to lie on one of the same strength."""
    inverse = np.linalg.inv(what.cell)
    there = (what.sites @ what.cell) @ matrix + move
    away = ((there @ inverse)[:, None] - what.sites[None] + 0.5) % 1 - 0.5
    near = np.hypot(*(away @ what.cell).transpose(2, 0, 1)) < _NEAR_A
    alike = np.abs(np.log(what.weight[:, None] / what.weight[None])) < _ALIKE
    return bool((near & alike).any(1).all())
