"""Order parameter of an L1_2 alloy from the intensities of its columns along [001].

Along [001] the columns form a square lattice of spacing a/2; one in four is alpha. Which of the four is not known
beforehand, nor whether it is the same everywhere (antiphase domains), so both are inferred.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import ndimage

from matstudio.modalities.image.forward import Z_EXPONENT

_SPECIMEN = 1024  # columns of the specimen (16 x 16 cells), of which a view of 512 pixels of 0.115 Å shows 31 x 31
_MODEL = 5e-4  # error of the forward model's Gaussians, in units of the fraction
_COMPOSITION = 5e-4  # error of the composition that is given
_BOUNDARY = 0.02  # error of S for each unit of the part of the columns that lies at a domain boundary
_DOMAIN = 30  # least columns of a domain
_CLEAR = 3.5  # order, in standard deviations of one column's fraction, from which the domain of a column is seen
_WINDOW = 3.0  # standard deviation of the window in which domains are told apart, columns


@dataclass(frozen=True)
class Sample:
    """What is known of an alloy film.

    Args:
        numbers: atomic numbers of majority and minority.
        composition: minority fraction.
        atoms: in a column.
    """

    numbers: tuple[int, int]
    composition: float
    atoms: int


@dataclass(frozen=True)
class Order:
    """What the columns say of the alloy.

    Args:
        s: order parameter, the minority's fraction on alpha less that on beta.
        sigma: its standard deviation.
        fraction: (N,) minority fraction of each column, unbounded.
        fraction_sigma: (N,) standard deviation of it.
        phases: (N,) 0..3, the place of alpha in the domain of each column: parities (i, j) = divmod(phase, 2).
        local: (N,) order parameter around each column.
        mean: intensity of a column of average composition.
        antiphase: how probable it is that there is more than one domain; where order is weak they cannot be mapped.
        boundary: length of domain boundaries per area, in units of 1 / spacing of the columns.
    """

    s: float
    sigma: float
    fraction: np.ndarray
    fraction_sigma: np.ndarray
    phases: np.ndarray
    local: np.ndarray
    mean: float
    antiphase: float
    boundary: float


def cross_section_ratio(numbers: tuple[int, int]) -> float:
    """Cross section of the minority (second) over that of the majority (first)."""
    return float((numbers[1] / numbers[0]) ** Z_EXPONENT)


def measure(index: np.ndarray, seen: np.ndarray, intensity: np.ndarray, sigma: np.ndarray, sample: Sample) -> Order:
    """Order parameter from column intensities.

    Intensity is linear in the minority fraction, I = k (1 + (r - 1) x), with r the ratio of cross sections; k follows
    from the mean intensity and the known composition, so that neither dose nor thickness need be known.

    Where the order is strong enough to see each column's domain, alpha is taken from there; otherwise S is averaged
    over the places that alpha may have, which takes away the bias of the largest of four, and sigma holds its spread.
    sigma also holds the counting noise, the finite number of atoms, seen and unseen, and their composition.

    Args:
        index: (N, 2) places in the square lattice.
        seen: (N,) columns that count.
        intensity: (N,) above background, and `sigma`, its standard deviation.
        sample: what is known of the alloy.

    Raises:
        ValueError: fewer than four columns of a sublattice, or none with intensity.
    """
    ratio = cross_section_ratio(sample.numbers)
    composition, atoms = sample.composition, sample.atoms
    place = (index % 2) @ np.array([2, 1])
    members = [seen & (place == k) for k in range(4)]
    if min(m.sum() for m in members) < 4:
        raise ValueError("too few columns to tell the sublattices apart")
    mean = float(np.mean([intensity[m].mean() for m in members]))
    if not mean > 0:
        raise ValueError("the columns have no intensity above background")
    slope = (1 + composition * (ratio - 1)) / (ratio - 1)
    fraction = slope * intensity / mean - 1 / (ratio - 1)
    fraction_sigma = slope * sigma / mean
    phases, contrasts = _domains(index, place, seen, fraction, fraction_sigma, atoms)
    kinds = len(np.unique(phases[seen]))
    s, variance, best, several = _over_places(members, seen, fraction, fraction_sigma, composition, atoms)
    scatter = np.sqrt(composition * (1 - composition) / atoms + float((fraction_sigma[seen] ** 2).mean()))
    if kinds > 2 or (kinds == 2 and s > _CLEAR * scatter):
        s, variance = _contrast(fraction, fraction_sigma, seen & (place == phases), seen & (place != phases))
        edge = _at_boundary(index, phases)[seen].mean()
        variance += (_BOUNDARY * edge) ** 2
    elif kinds == 1:
        phases = np.full(len(place), best)
    variance += _finite(s, composition, slope, int(seen.sum()), atoms) + _MODEL**2
    local = contrasts[phases, np.arange(len(phases))]
    antiphase = 1.0 if kinds > 1 else several if s > 3 * np.sqrt(variance) else 0.0
    boundary = _boundary(index, phases, seen)
    return Order(float(s), float(np.sqrt(variance)), fraction, fraction_sigma, phases, local, mean, antiphase, boundary)


def _contrast(x: np.ndarray, sigma: np.ndarray, alpha: np.ndarray, beta: np.ndarray) -> tuple[float, float]:
    """Mean fraction on alpha less that on beta, and the variance that counting gives it."""
    variance = (sigma[alpha] ** 2).sum() / alpha.sum() ** 2 + (sigma[beta] ** 2).sum() / beta.sum() ** 2
    return float(x[alpha].mean() - x[beta].mean()), float(variance)


def _over_places(
    members: list[np.ndarray], seen: np.ndarray, x: np.ndarray, sigma: np.ndarray, composition: float, atoms: int
) -> tuple[float, float, int, float]:
    """S, its variance, the most probable place of alpha, and how probable more than one place is.

    Places that are alpha nowhere hold c - 0.25 S on the mean, so S = 4 (c - their mean), wherever domains end and
    however their boundaries lie to the beam. Which they are is inferred: three of the four (one domain), two (domains
    of two kinds), or all (no order, and S that of any place), each set as probable as its members agree within the
    scatter of a random alloy. Any S in 0..1 is as probable beforehand as any other, any share of two kinds too, and the
    three hypotheses go as 19 : 2 : 19.
    """
    means = np.array([x[m].mean() for m in members])
    size = min(int(m.sum()) for m in members)
    counting = float((sigma[seen] ** 2).mean()) / size

    def log_likelihood(some: np.ndarray) -> float:
        p = min(max(float(some.mean()), 0.02), 0.98)
        spread = p * (1 - p) / (atoms * size) + counting
        return float(-0.5 * ((some - some.mean()) ** 2).sum() / spread - 0.5 * (len(some) - 1) * np.log(6.28 * spread))

    values, variances, logs = [], [], []
    none = log_likelihood(means) + np.log(19 / 4)
    for k in range(4):
        value, variance = _contrast(x, sigma, members[k], seen & ~members[k])
        values += [value, value]
        variances += [variance, variance]
        logs += [log_likelihood(np.delete(means, k)) + np.log(19 / 3), none]
    for pair in combinations(range(4), 2):
        low = np.delete(means, pair)
        value = 4 * (float(means.mean()) - float(low.mean()))
        beta = min(max(composition - 0.25 * value, 0.0), 1.0)
        chance = beta * (1 - beta) / (2 * size * atoms) / 3  # two thirds of beta are drawn from all of it
        values.append(value)
        variances.append(4 * counting + 16 * chance)
        both = means[list(pair)].min() > low.mean()
        logs.append(log_likelihood(low) + np.log(2 / 6 / max(value, 0.02)) if both else -np.inf)
    weight = np.exp(np.array(logs) - max(logs))
    weight /= weight.sum()
    s = float(weight @ values)
    variance = float(weight @ (np.array(variances) + (np.array(values) - s) ** 2))
    return s, variance, int(np.argmax(weight[0:8:2])), float(weight[8:].sum())


def _finite(s: float, composition: float, slope: float, columns: int, atoms: int) -> float:
    """Variance of S from atoms outside the view: of S itself, and of the composition of those in the view."""
    on_alpha, on_beta = composition + 0.75 * s, composition - 0.25 * s
    alpha, beta = (min(max(p, 0.0), 1.0) * (1 - min(max(p, 0.0), 1.0)) for p in (on_alpha, on_beta))
    part = max(1 - columns / _SPECIMEN, 0.02) / (columns * atoms)
    unseen = part * (alpha / 0.25 + beta / 0.75)
    drawn = part * (0.25 * alpha + 0.75 * beta)
    return unseen + (s / slope) ** 2 * (drawn + _COMPOSITION**2)


def _domains(
    index: np.ndarray, place: np.ndarray, seen: np.ndarray, x: np.ndarray, sigma: np.ndarray, atoms: int
) -> tuple[np.ndarray, np.ndarray]:
    """Phase of the domain of each column (N,), and the local contrast of each of the four phases (4, N)."""
    cell = index - index.min(0)
    shape = tuple(cell.max(0) + 1)
    at = (cell[:, 0], cell[:, 1])
    grid = np.zeros((4, 2, *shape))
    for k in range(4):
        here = seen & (place == k)
        grid[k, 0][cell[here, 0], cell[here, 1]] = x[here]
        grid[k, 1][cell[here, 0], cell[here, 1]] = 1.0
    wide = _local(grid, _WINDOW)
    everywhere = grid[:, 0].sum((1, 2)) / grid[:, 1].sum((1, 2))
    main = int(np.argmax(everywhere))
    columns = 4 * np.pi * _WINDOW**2 / 4
    p = min(max(float(x[seen].mean()), 0.02), 0.98)
    noise = np.sqrt((p * (1 - p) / atoms + float((sigma[seen] ** 2).mean())) * 2 / columns) * 4 / 3
    covered = ndimage.gaussian_filter(grid[:, 1].sum(0), _WINDOW, mode="constant", truncate=3)
    other = wide.max(0) - wide[main] > 5 * noise / np.sqrt(np.maximum(covered, 0.05))
    parts, count = ndimage.label(other)
    large = np.r_[False, np.bincount(parts.ravel(), minlength=count + 1)[1:] >= _DOMAIN]
    phase = np.where(large[parts], wide.argmax(0), main)
    if (phase == main).all():
        return phase[at], wide[:, at[0], at[1]]
    near = np.array([ndimage.maximum_filter(phase == k, 7) for k in range(4)])
    phase = np.where(near, _local(grid, 1.0), -np.inf).argmax(0)
    return phase[at], wide[:, at[0], at[1]]


def _local(grid: np.ndarray, window: float) -> np.ndarray:
    """Contrast of each phase within a Gaussian window, (4, ...)."""
    smooth = ndimage.gaussian_filter(grid, (0, 0, window, window), mode="constant", truncate=3)
    mean = smooth[:, 0] / np.maximum(smooth[:, 1], 1e-6)
    return np.asarray(mean - (mean.sum(0) - mean) / 3)


def _boundary(index: np.ndarray, phases: np.ndarray, seen: np.ndarray) -> float:
    """Length of the boundaries between domains per area, in units of 1 / spacing.

    Of a boundary at the angle t to a row of columns each spacing of its length separates |cos t| + |sin t| pairs of
    neighbours, 4 / pi on the mean.
    """
    cell = index - index.min(0)
    grid = np.full(tuple(cell.max(0) + 1), -1)
    grid[cell[seen, 0], cell[seen, 1]] = phases[seen]
    apart = sum(
        int(((a != b) & (a >= 0) & (b >= 0)).sum()) for a, b in ((grid[1:], grid[:-1]), (grid[:, 1:], grid[:, :-1]))
    )
    return apart * np.pi / 4 / max(int(seen.sum()), 1)


def _at_boundary(index: np.ndarray, phases: np.ndarray) -> np.ndarray:
    """Which columns have a neighbour in another domain, (N,)."""
    cell = index - index.min(0)
    grid = np.full(tuple(cell.max(0) + 1), -1)
    grid[cell[:, 0], cell[:, 1]] = phases
    low = ndimage.minimum_filter(np.where(grid < 0, 9, grid), 3, mode="nearest")
    high = ndimage.maximum_filter(grid, 3, mode="nearest")
    return np.asarray((low != high)[cell[:, 0], cell[:, 1]])
