"""A lattice as prior knowledge of where its columns are: neighbours a translation away say it too.

The nearer to the noise the columns are, the more their neighbours count; where a column is not where they say, they do
not count at all. A place of the lattice where the image shows nothing stays empty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from matstudio.modalities.image.fit import Columns

_STEPS = np.array([(m, n) for m in range(-3, 4) for n in range(-3, 4) if (m, n) != (0, 0)])  # reversed: opposites
_ONE = np.abs(_STEPS).max(1) == 1
_NEAR = 0.22  # of the columns' least usual distance: how far from where a translation leads a column may lie
_ENOUGH = 5  # neighbours without which nothing is said
_APART = 3.0  # standard deviations from where the neighbours say, from which they do not count
_MEDIAN = 0.6745  # of the size of a normal number
_OF_MEDIAN = 2.33  # relative error of a variance from the median size of n normal numbers, times root n
_THERE, _FULL = 2.5, 0.35  # least amplitude of a place that only the lattice knows: in its sigma, of its neighbours'
_WEAKER = 0.2  # quantile of the amplitudes of neighbours
_GONE, _HALF = 2.0, 0.5  # a column is absent if so many sigma below half of its neighbours' amplitude
_WEAK = 3.0  # significance from which a column is no absent one, whatever its neighbours
_NEARLY, _BELONGS, _GRAIN = 0.85, 0.5, 8  # of the most that lead; of a column's translations; columns of a grain
_AROUND = 2  # pairs of opposite neighbours of a place in a crystal; beyond a surface that bulges there are none
_CLEAR = 2.0  # standard deviations from which neighbours scatter more than expected
_STRAY = 4.0  # least significance of a column that no translation leads to, where the lattice leads to most


@dataclass(frozen=True)
class Told:
    """What the neighbours of each column say.

    Args:
        xy: (N, 2) where it is; NaN where they are too few.
        variance: (N, 2) of that, pixels^2.
        misfit: (N, 2) by how much more than expected they scatter about a plane, pixels^2, where that is significant:
            as around the core of a dislocation, where they say little of a column.
        amplitude: (N,) theirs, as that of the weakest but a fifth: a lattice may lead to columns of several kinds.
        count: (N,) how many there are.
    """

    xy: np.ndarray
    variance: np.ndarray
    misfit: np.ndarray
    amplitude: np.ndarray
    count: np.ndarray


@dataclass(frozen=True)
class Placed:
    """Columns with the lattice taken into account.

    Args:
        columns: their places, and standard deviations.
        vacancies: (M, 2) x, y of the lattice's places where a column is absent.
        disorder: standard deviation of a column from where a perfect lattice has it, along an axis, pixels.
        led: share of the columns that translations lead to.
    """

    columns: Columns
    vacancies: np.ndarray
    disorder: float
    led: float


def placed(
    columns: Columns, basis: np.ndarray, shape: tuple[int, int], again: Callable[[np.ndarray], Columns]
) -> Placed:
    """Columns as image and lattice together have them.

    Args:
        columns: as the image alone has them.
        basis: (2, 2) rows are the lattice vectors, pixels.
        shape: of the image.
        again: fits columns at places (N, 2) to the image, amplitudes and places.
    """
    told, _ = _told(columns, columns.xy, basis)
    known = told.count >= _ENOUGH
    led = float(known.mean()) if len(known) else 0.0
    absent = known & (columns.significance < _WEAK) & _gone(columns, told)
    stray = ~known & (columns.significance < _STRAY) if led > 0.7 else np.zeros(len(known), bool)
    vacancies = [told.xy[absent]]
    kept = columns.take(~absent & ~stray)
    new, inner = _missing(kept, basis, shape)
    if len(new) and absent.any():
        apart = cKDTree(columns.xy[absent]).query(new)[0] > 0.3 * float(np.hypot(*basis.T).min())
        new, inner = new[apart], inner[apart]
    if len(new):
        both = again(np.concatenate([kept.xy, new]))
        added = both.take(np.arange(len(kept.xy), len(both.xy)))
        expected, _ = _told(kept, new, basis)
        sure = inner & (added.significance > _THERE) & (added.amplitude > _FULL * expected.amplitude)
        vacancies.append(new[~sure & _gone(added, expected)])
        kept = both.take(np.r_[np.ones(len(kept.xy), bool), sure])
    xy, sigma, disorder = shrunk(kept, basis)
    return Placed(replace(kept, xy=xy, sigma_xy=sigma), np.concatenate(vacancies), disorder, led)


def leads(columns: Columns, basis: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(N,) share of the eight nearest translations, of those that stay in the image, that lead from each column to
    one; NaN where none stays in it."""
    steps = _STEPS[_ONE] @ basis
    at = columns.xy[:, None] + steps
    inside = np.all((at > 0) & (at < np.array(shape[::-1]) - 1), axis=2)
    away = cKDTree(columns.xy).query(at)[0] if len(columns.xy) > 1 else np.full(at.shape[:2], np.inf)
    hit = (away < _near(columns, basis)) & inside
    count = inside.sum(1)
    return np.where(count > 0, hit.sum(1) / np.maximum(count, 1), np.nan)


def chosen(columns: Columns, bases: Sequence[np.ndarray], shape: tuple[int, int]) -> list[np.ndarray]:
    """Of lattices that may be, the ones that there are, the one of the most columns first.

    That is the one with the smallest cell of those that lead to nearly the most columns: a multiple of a cell leads to
    as many, a part of one to fewer. A further one must lead from columns that those before it do not.
    """
    if not bases or len(columns.xy) < _ENOUGH:
        return []
    share = [leads(columns, b, shape) for b in bases]
    mean = np.array([float(np.nanmean(s)) for s in share])
    area = np.array([abs(float(np.linalg.det(b))) for b in bases])
    good = np.flatnonzero(mean > _NEARLY * mean.max())
    order = [int(good[np.argmin(area[good])])]
    left = np.nan_to_num(share[order[0]]) < _BELONGS
    for i in np.argsort(-mean):
        own = left & (np.nan_to_num(share[i]) > _BELONGS)
        if own.sum() >= max(_GRAIN, 0.05 * len(left)):
            order.append(int(i))
            left &= ~own
    return [bases[i] for i in order]


def _near(columns: Columns, basis: np.ndarray) -> float:
    """How far from where a translation leads a column may lie, pixels."""
    spacing = cKDTree(columns.xy).query(columns.xy, k=2)[0][:, 1]
    return _NEAR * min(float(np.quantile(spacing, 0.2)) * 2, float(np.hypot(*basis.T).min()) * 1.5)


def _gone(columns: Columns, told: Told) -> np.ndarray:
    """Whether each has so much less than its neighbours that it is none."""
    return np.asarray(columns.amplitude + _GONE * columns.sigma_amplitude < _HALF * told.amplitude)


def shrunk(columns: Columns, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Places and standard deviations (N, 2) with what the neighbours say, and the disorder, pixels.

    A column lies off the place where the lattice has it by a normal error, the disorder, which is measured: it is what
    makes the columns' distances from what their neighbours say as large as they are. With it and both variances the
    mean is that of the posterior. Columns that lie `_APART` sigma off, and columns with few neighbours, stay.
    """
    disorder = 0.0
    variance = columns.sigma_xy**2
    good = np.ones(len(columns.xy), bool)
    for _ in range(3):
        told, _ = _told(columns, columns.xy, basis, disorder=disorder, good=good)
        known = told.count >= _ENOUGH
        if known.sum() < _ENOUGH:
            return columns.xy, columns.sigma_xy, disorder
        away = columns.xy - told.xy
        disorder = _disorder(away[known], (variance + told.variance)[known])
        prior = told.variance + disorder**2 + told.misfit
        far = np.abs(away) > _APART * np.sqrt(variance + prior)
        good = ~(known & far.any(1))
    use = (known & good)[:, None]
    prior = np.where(np.isfinite(prior), prior, 0.0)
    share = np.where(use, prior / np.maximum(prior + variance, 1e-30), 1.0)
    xy = np.where(use, told.xy + share * away, columns.xy)
    return xy, np.sqrt(share * variance), disorder


def unsure(disorder: float, columns: Columns) -> float:
    """Standard deviation of the disorder, pixels: that of a median of so many sizes, carried through the square."""
    whole = disorder**2 + float(np.median(columns.sigma_xy**2))
    of_square = whole * _OF_MEDIAN / math.sqrt(columns.sigma_xy.size)
    return of_square / (2 * max(disorder, math.sqrt(of_square)))


def _disorder(away: np.ndarray, variance: np.ndarray) -> float:
    """The additional standard deviation with which the distances are as large as normal ones."""
    low, high = 0.0, float(np.abs(away).max())
    for _ in range(40):
        middle = (low + high) / 2
        if np.median(np.abs(away) / np.sqrt(variance + middle**2)) > _MEDIAN:
            low = middle
        else:
            high = middle
    return low


def _told(
    columns: Columns,
    at: np.ndarray,
    basis: np.ndarray,
    *,
    disorder: float = 0.0,
    good: np.ndarray | None = None,
) -> tuple[Told, np.ndarray]:
    """What the columns around places `at` (N, 2) say of them; and (N, steps) which of the steps lead to one.

    A plane through the places of the neighbours, less their translations, is fitted with their weights: so that the
    lattice may be strained, and `basis` need not be exact.
    """
    count = len(at)
    nothing = Told(
        np.full((count, 2), np.nan),
        np.full((count, 2), np.inf),
        np.zeros((count, 2)),
        np.full(count, np.nan),
        np.zeros(count, int),
    )
    if len(columns.xy) < 2 or not count:
        return nothing, np.zeros((count, len(_STEPS)), bool)
    near = _near(columns, basis)
    away, other = cKDTree(columns.xy).query(at[:, None] + _STEPS @ basis, distance_upper_bound=near)
    there = np.isfinite(away)
    other = np.where(there, other, 0)
    if good is not None:
        there &= good[other]
    said = columns.xy[other] - _STEPS @ basis - at[:, None]
    variance = columns.sigma_xy[other] ** 2 + disorder**2
    weight = np.where(there[:, :, None], 1 / variance, 0.0)
    design = np.c_[np.ones(len(_STEPS)), _STEPS / 3]
    normal = np.einsum("nka,ki,kj->naij", weight, design, design)
    right = np.einsum("nka,nka,ki->nai", weight, said, design)
    number = there.sum(1)
    spread = np.einsum("nk,ki,kj->nij", there, design, design)
    enough = (number >= _ENOUGH) & (np.linalg.det(spread) > 1e-3 * number**3)
    normal[~enough] = np.eye(3)
    inverse = np.linalg.inv(normal)
    plane = np.einsum("naij,naj->nai", inverse, right)
    square = np.einsum("nka,nka->na", weight, (said - np.einsum("ki,nai->nka", design, plane)) ** 2)
    free = np.maximum(number - 3, 1)[:, None]
    beyond = square / free - 1
    beyond = np.where(enough[:, None] & (beyond > _CLEAR * np.sqrt(2 / free)), beyond, 0.0)
    amplitude = np.full(count, np.nan)
    if enough.any():
        values = np.where(there[enough], columns.amplitude[other[enough]], np.nan)
        amplitude[enough] = np.nanquantile(values, _WEAKER, axis=1)
    told = Told(
        np.where(enough[:, None], at + plane[:, :, 0], np.nan),
        np.where(enough[:, None], inverse[:, :, 0, 0], np.inf),
        beyond * number[:, None] / np.maximum(weight.sum(1), 1e-30),
        amplitude,
        np.where(enough, number, 0),
    )
    return told, there


def _missing(columns: Columns, basis: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(M, 2) places of the lattice in the crystal that have no column; and (M,) which of them have nearest neighbours
    all around, so that a weak column may be believed to be there."""
    at = (columns.xy[:, None] + _STEPS[_ONE] @ basis).reshape(-1, 2)
    inside = np.all((at > 0) & (at < np.array(shape[::-1]) - 1), axis=1)
    at = at[inside]
    spacing = float(np.quantile(cKDTree(columns.xy).query(columns.xy, k=2)[0][:, 1], 0.2)) if len(columns.xy) > 1 else 1
    at = at[cKDTree(columns.xy).query(at)[0] > 0.5 * spacing]
    places: list[np.ndarray] = []
    while len(at):  # those that several columns lead to become one
        here = np.hypot(*(at - at[0]).T) < 0.35 * spacing
        places.append(at[here].mean(0))
        at = at[~here]
    if not places:
        return np.zeros((0, 2)), np.zeros(0, bool)
    told, there = _told(columns, np.array(places), basis)
    to = np.array(places)[:, None] + _STEPS @ basis
    outside = np.any((to < 0) | (to > np.array(shape[::-1]) - 1), axis=2)
    across = there[:, ::-1]  # whether the opposite step leads to one
    both, perhaps = (there & across).sum(1) / 2, (outside & across).sum(1)
    inner = (there & across)[:, _ONE].sum(1) / 2 >= _AROUND
    good = (told.count >= _ENOUGH) & (both >= 1) & (both + perhaps / 2 >= _AROUND)
    return told.xy[good], inner[good]
