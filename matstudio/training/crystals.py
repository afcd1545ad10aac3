"""Random arrangements of columns seen along the beam: lattices, defects, boundaries, surfaces."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

_SPECIAL = np.array(
    [(0, 0), (1, 1), (1, 0), (0, 1), (2 / 3, 4 / 3), (4 / 3, 2 / 3), (0.5, 0.5), (1.5, 1.5), (0.5, 1.5), (1.5, 0.5)]
)  # in halves of the cell
_CLOSEST_A = 0.8


@dataclass(frozen=True)
class Crystal:
    """A two-dimensional crystal.

    Args:
        cell: (2, 2) rows are the cell vectors, Å.
        sites: (K, 2) fractional.
        weight: (K,) strength of each column, the strongest 1.
        kind: (K,) 0 or 1, which of two thermal motions.
    """

    cell: np.ndarray
    sites: np.ndarray
    weight: np.ndarray
    kind: np.ndarray


@dataclass(frozen=True)
class Columns:
    """Columns of a scene.

    Args:
        xy: (N, 2) Å.
        weight: (N,) strength, that of a whole strong column being 1.
        kind: (N,) as in `Crystal`.
    """

    xy: np.ndarray
    weight: np.ndarray
    kind: np.ndarray

    def take(self, keep: np.ndarray) -> Columns:
        """Those that a mask or indices name."""
        return Columns(self.xy[keep], self.weight[keep], self.kind[keep])

    def and_(self, other: Columns) -> Columns:
        """These and others."""
        pairs = zip((self.xy, self.weight, self.kind), (other.xy, other.weight, other.kind), strict=True)
        return Columns(*(np.concatenate(p) for p in pairs))


def crystal(rng: np.random.Generator) -> Crystal:
    """A random crystal: any plane lattice, 1 to 6 sites (more in a superlattice), up to three strengths."""
    count = int(rng.choice([1, 2, 3, 4, 5, 6], p=[0.22, 0.26, 0.18, 0.16, 0.09, 0.09]))
    area = count * math.exp(rng.uniform(math.log(1.7), math.log(11.0)))
    cell = _cell(rng, area)
    sites = _sites(rng, count, cell)
    levels = np.array([1.0, *np.exp(-rng.uniform(0, math.log(15.0), 2) * rng.random() ** 0.5)])
    species = rng.integers(0, int(rng.integers(1, 4)), len(sites))
    species[0] = 0
    weight, kind = levels[species], (species > 0).astype(np.int64)
    if rng.random() < 0.2:
        cell, sites, weight, kind = _superlattice(rng, cell, sites, weight, kind)
    keep = _apart(cell, sites)
    return Crystal(cell, sites[keep], weight[keep] / weight[keep].max(), kind[keep])


def _cell(rng: np.random.Generator, area: float) -> np.ndarray:
    shape = rng.random()
    ratio, angle = math.exp(rng.uniform(0, 0.9)), 90.0
    if shape < 0.25:
        ratio = 1.0
    elif shape < 0.5:
        ratio, angle = 1.0, 120.0
    elif shape > 0.75:
        angle = rng.uniform(60.0, 120.0)
    angle = math.radians(angle)
    a = math.sqrt(area / (ratio * math.sin(angle)))
    return np.array([[a, 0.0], [a * ratio * math.cos(angle), a * ratio * math.sin(angle)]])


def _sites(rng: np.random.Generator, count: int, cell: np.ndarray) -> np.ndarray:
    how = rng.random()
    if how < 0.4:  # special positions
        rest = rng.permutation(_SPECIAL[1:])[: count - 1] / 2
        return np.concatenate([np.zeros((1, 2)), rest])
    if how < 0.6 and count > 1:  # dumbbells
        base = _sites_spread(rng, (count + 1) // 2, cell)
        along = rng.choice([0.0, 0.25, 0.5, rng.uniform(0, 1)]) * math.pi
        half = rng.uniform(0.4, 0.85) * np.array([math.cos(along), math.sin(along)]) @ np.linalg.inv(cell)
        return np.concatenate([base + half, base - half])
    if how < 0.75:  # pairs about a centre
        some = _sites_spread(rng, (count + 1) // 2, cell)
        return np.concatenate([some, -some])[:count] if count > 1 else some
    return _sites_spread(rng, count, cell)


def _sites_spread(rng: np.random.Generator, count: int, cell: np.ndarray) -> np.ndarray:
    """Sites as far from each other as the best of some random choices."""
    best, score = rng.random((count, 2)), -1.0
    for _ in range(6):
        trial = rng.random((count, 2))
        d = (trial[:, None] - trial[None] + 0.5) % 1 - 0.5
        far = np.linalg.norm(d @ cell, axis=2) + 1e3 * np.eye(count)
        if far.min() > score:
            best, score = trial, float(far.min())
    return best


def _superlattice(
    rng: np.random.Generator, cell: np.ndarray, sites: np.ndarray, weight: np.ndarray, kind: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    times = rng.choice([(2, 1), (1, 2), (2, 2), (3, 1)])
    shift = np.stack(np.meshgrid(np.arange(times[0]), np.arange(times[1])), -1).reshape(-1, 2)
    many = ((sites[None] + shift[:, None]) / times).reshape(-1, 2)
    change = np.exp(-rng.uniform(0, 1.0) * rng.random((len(shift), len(sites)))).ravel()
    move = rng.normal(0, rng.uniform(0, 0.12), many.shape) @ np.linalg.inv(cell * times[:, None])
    return cell * times[:, None], many + move, np.tile(weight, len(shift)) * change, np.tile(kind, len(shift))


def _apart(cell: np.ndarray, sites: np.ndarray) -> np.ndarray:
    """Sites that are no closer than 0.8 Å to one before them."""
    images = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    keep: list[int] = []
    for i, site in enumerate(sites):
        near = ((site - sites[keep] + 0.5) % 1 - 0.5)[:, None] + images
        if not keep or np.linalg.norm(near @ cell, axis=2).min() > _CLOSEST_A:
            keep.append(i)
    return np.array(keep)


def fill(what: Crystal, rng: np.random.Generator, size_A: float, margin_A: float) -> Columns:
    """The columns of a crystal, anyhow turned and shifted, that a square view and a margin around it hold."""
    return place(what, rng.uniform(0, 2 * math.pi), rng.random(2), size_A, margin_A)


def place(what: Crystal, angle: float, shift: np.ndarray, size_A: float, margin_A: float) -> Columns:
    """As `fill`, turned by `angle` (radians) about the view's middle and shifted by a part of the cell."""
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    cell = what.cell @ turn
    inverse = np.linalg.inv(cell)
    low, high = -margin_A, size_A + margin_A
    corners = (np.array([[low, low], [low, high], [high, low], [high, high]]) - size_A / 2) @ inverse
    first, last = np.floor(corners.min(0)).astype(int) - 1, np.ceil(corners.max(0)).astype(int) + 1
    steps = np.stack(np.meshgrid(np.arange(first[0], last[0]), np.arange(first[1], last[1])), -1).reshape(-1, 1, 2)
    xy = ((steps + what.sites + shift).reshape(-1, 2)) @ cell + size_A / 2
    many = len(steps)
    inside = np.all((xy > low) & (xy < high), axis=1)
    return Columns(xy, np.tile(what.weight, many), np.tile(what.kind, many)).take(inside)


def specimen(rng: np.random.Generator, size_A: float, margin_A: float) -> Columns:
    """A random specimen: a crystal, or two with a boundary, with defects and perhaps a surface; or single atoms."""
    if rng.random() < 0.06:
        return single(rng, size_A, margin_A)
    one = crystal(rng)
    columns = fill(one, rng, size_A, margin_A)
    if rng.random() < 0.25:
        columns = _boundary(rng, one, columns, size_A, margin_A)
    columns = distorted(rng, columns, size_A)
    columns = defects(rng, columns)
    if rng.random() < 0.22:
        columns = surface(rng, columns, size_A)
    return columns


def single(rng: np.random.Generator, size_A: float, margin_A: float) -> Columns:
    area = (size_A + 2 * margin_A) ** 2
    count = int(rng.poisson(area / math.exp(rng.uniform(math.log(8), math.log(150)))))
    xy = rng.uniform(-margin_A, size_A + margin_A, (count, 2))
    if count > 1:
        close = cKDTree(xy).query_pairs(rng.uniform(1.2, 2.2), output_type="ndarray")
        xy = np.delete(xy, np.unique(close[:, 1]), axis=0)
    weight = rng.choice([1.0, rng.uniform(0.3, 1)], len(xy))
    return Columns(xy, weight, np.zeros(len(xy), np.int64))


def _line(rng: np.random.Generator, xy: np.ndarray, size_A: float) -> np.ndarray:
    """Signed distance of points from a random line, or from a circle, or from a stepped line; Å."""
    middle = rng.uniform(0.25, 0.75, 2) * size_A
    angle = rng.uniform(0, 2 * math.pi)
    across = (xy - middle) @ np.array([math.cos(angle), math.sin(angle)])
    along = (xy - middle) @ np.array([-math.sin(angle), math.cos(angle)])
    how = rng.random()
    if how < 0.25:
        return np.asarray(np.linalg.norm(xy - middle, axis=1) - rng.uniform(0.3, 0.65) * size_A)
    if how < 0.6:
        return np.asarray(across + rng.uniform(0, 2.5) * np.sin(along / rng.uniform(1.5, 8) + rng.uniform(0, 6)))
    return np.asarray(across)


def _boundary(rng: np.random.Generator, one: Crystal, columns: Columns, size_A: float, margin_A: float) -> Columns:
    how = rng.random()
    if how < 0.4:  # antiphase, stacking fault: shifted
        shift = rng.choice([0.0, 0.5, 1 / 3, rng.random()], 2) @ one.cell
        other = Columns(columns.xy + shift, columns.weight, columns.kind)
    else:
        other = fill(one if how < 0.75 else crystal(rng), rng, size_A, margin_A)
        other = Columns(other.xy, other.weight * math.exp(-rng.uniform(0, 0.7)), other.kind)
    state = rng.bit_generator.state
    here = _line(rng, columns.xy, size_A)
    rng.bit_generator.state = state
    there = _line(rng, other.xy, size_A)
    left, right = columns.take(here < 0), other.take(there >= 0)
    if len(left.xy) and len(right.xy):
        far = cKDTree(left.xy).query(right.xy)[0] > rng.uniform(0.8, 1.6)
        right = right.take(far)
    return left.and_(right)


def distorted(rng: np.random.Generator, columns: Columns, size_A: float) -> Columns:
    xy = columns.xy
    if rng.random() < 0.3:  # a smooth strain
        wave = rng.normal(0, 0.02, (2, 2)) * rng.random()
        phase = xy / size_A * rng.uniform(1, 5) + rng.uniform(0, 6, 2)
        xy = xy + (np.sin(phase) @ wave) * size_A / 4
    spread = rng.choice([0.0, 0.03, rng.uniform(0, 0.12)])
    return Columns(xy + rng.normal(0, 1, xy.shape) * spread, columns.weight, columns.kind)


def defects(rng: np.random.Generator, columns: Columns) -> Columns:
    weight = columns.weight * np.exp(rng.normal(0, rng.choice([0.0, 0.05, rng.uniform(0, 0.3)]), len(columns.xy)))
    keep = np.ones(len(weight), bool)
    if rng.random() < 0.4:
        keep = rng.random(len(weight)) > rng.choice([0.01, 0.05, 0.15])
    if rng.random() < 0.15:  # partly empty columns
        weight = weight * np.where(rng.random(len(weight)) < 0.1, rng.uniform(0.3, 0.8, len(weight)), 1)
    return Columns(columns.xy, weight, columns.kind).take(keep)


def surface(rng: np.random.Generator, columns: Columns, size_A: float) -> Columns:
    depth = -_line(rng, columns.xy, size_A)
    thick = np.clip(depth / rng.uniform(2, 25), 0, 1) if rng.random() < 0.4 else 1.0  # a wedge, or a step
    return Columns(columns.xy, columns.weight * thick, columns.kind).take((depth > 0) & (columns.weight * thick > 0.03))
