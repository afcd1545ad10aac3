"""Order from the near edge: how many gold neighbours the copper atoms have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import comb

from matstudio.domain.frame import Axis
from matstudio.modalities.spectrum.forward import COORDINATION, L3_EV, near_edge

SPECIMEN_ATOMS = 16384
"""The least number of atoms that a spectrum comes from: what chance does to their neighbours is part of the error."""

COMPOSITION_SIGMA = 0.0005
"""Error of the composition that a frame names."""


def neighbour_probabilities(order: float, composition: float) -> np.ndarray:
    """Probability that a Cu atom of an L1_2 crystal has 0..12 Au nearest neighbours, (13,).

    Bragg-Williams: sites are filled independently, Au fractions c + 0.75 S on alpha and c - 0.25 S on beta. An alpha
    site has 12 beta neighbours, a beta site 4 alpha and 8 beta ones.
    """
    alpha = min(max(composition + 0.75 * order, 0.0), 1.0)
    beta = min(max(composition - 0.25 * order, 0.0), 1.0)

    def binomial(n: int, p: float) -> np.ndarray:
        k = np.arange(n + 1)
        return np.asarray(comb(n, k) * p**k * (1 - p) ** (n - k))

    on_alpha = 0.25 * (1 - alpha) * binomial(COORDINATION, beta)
    on_beta = 0.75 * (1 - beta) * np.convolve(binomial(4, alpha), binomial(8, beta))
    total = on_alpha + on_beta
    return np.asarray(total / total.sum())


def mean_neighbours(square: float, composition: float) -> float:
    """Mean number of Au neighbours of a Cu atom: 12 c + 0.75 S^2 / (1 - c), from `neighbour_probabilities`."""
    return COORDINATION * composition + 0.75 * square / (1 - composition)


def square_from_mean(mean: float, composition: float) -> float:
    """S^2 of a mean number of Au neighbours; the inverse of `mean_neighbours`, negative for fewer than 12 c."""
    return (mean - COORDINATION * composition) * (1 - composition) / 0.75


@dataclass(frozen=True)
class NearEdge:
    """What the Cu L2,3 edge says.

    Args:
        neighbours: mean number of Au neighbours of the Cu atoms; `neighbours_sigma` is its standard deviation (counting
            and misfit; not what chance does to the specimen).
        square, square_sigma: S^2, with every known source of error.
        shift_eV: of the energy axis, and its standard deviation `shift_sigma`.
        height: counts a channel of the L3 step, and its standard deviation `height_sigma`.
        background: (M,) counts.
        misfit: chi^2 per degree of freedom.
    """

    neighbours: float
    neighbours_sigma: float
    square: float
    square_sigma: float
    shift_eV: float
    shift_sigma: float
    height: float
    height_sigma: float
    background: np.ndarray
    misfit: float


@lru_cache(maxsize=4)
def _templates(axis: Axis, resolution_eV: float) -> tuple[np.ndarray, np.ndarray]:
    """The energies of an axis with 4 eV more at each end, and `near_edge` of 0..12 neighbours on them."""
    margin = math.ceil(4 / axis.scale)
    energy = axis.offset + axis.scale * np.arange(-margin, axis.size + margin)
    return energy, near_edge(energy, np.arange(COORDINATION + 1), resolution_eV)


def fit_near_edge(
    axis: Axis, counts: np.ndarray, onset_eV: float, composition: float, resolution_eV: float
) -> NearEdge | None:
    """Fit background, edge height, energy shift and S^2 to a Cu L2,3 spectrum; None where that does not converge.

    counts = A (E/E0)^-r + h sum_n P(n; S^2, c) `near_edge`(E - shift, n), by iterated weighted least squares with the
    variances of counting. P depends on S^2 nearly linearly and is carried on as a straight line below zero and beyond
    full order, so that noise is free to take S^2 there. A misfit widens the errors.

    Args:
        axis: energy loss, eV.
        counts: (M,).
        onset_eV: where L3 was found, +-2 eV.
        composition: Au fraction.
        resolution_eV: full width at half maximum.
    """
    energy = axis.values
    wide, templates = _templates(axis, resolution_eV)
    log_energy = np.log(energy / L3_EV)
    before = energy < onset_eV - 5
    if before.sum() < 8 or (energy > onset_eV + 30).sum() < 8:
        return None

    most = 0.97 * min((1 - composition) / 0.75, composition / 0.25) ** 2  # beyond, a sublattice would be overfull

    def shape(square: float) -> np.ndarray:
        if square < 0:
            return shape(0.0) + square * (shape(1e-3) - shape(0.0)) / 1e-3
        if square > most:
            return shape(most) + (square - most) * (shape(most) - shape(most - 1e-3)) / 1e-3
        return np.asarray(neighbour_probabilities(math.sqrt(square), composition) @ templates)

    level = float(np.median(counts[before][-20:]))
    height = max(float(np.median(counts[(energy > onset_eV + 30)][:20])) - level, 0.02 * level, 1.0)
    theta = np.array([level, 3.0, height, 0.0, 0.3])
    theta[3] = np.clip(onset_eV - _steepest(wide, shape(0.3)), -3, 3)
    for _ in range(12):
        row = CubicSpline(wide, shape(theta[4]))
        more = shape(theta[4] + 0.01)
        less = shape(theta[4] - 0.01)
        turn = CubicSpline(wide, (more - less) / 0.02)
        at = energy - theta[3]
        background = theta[0] * np.exp(-theta[1] * log_energy)
        edge = row(at)
        model = background + theta[2] * edge
        jacobian = np.column_stack(
            [background / theta[0], -background * log_energy, edge, -theta[2] * row(at, 1), theta[2] * turn(at)]
        )
        weight = 1 / np.maximum(model, 1.0)
        normal = jacobian.T @ (weight[:, None] * jacobian)
        try:
            step = np.linalg.solve(normal, jacobian.T @ (weight * (counts - model)))
        except np.linalg.LinAlgError:
            return None
        step[3] = np.clip(step[3], -0.5, 0.5)
        step[4] = np.clip(step[4], -0.5, 0.5)
        theta = theta + step
        theta[3] = np.clip(theta[3], -4, 4)
        theta[4] = np.clip(theta[4], -1.0, 2.0)
        if not np.isfinite(theta).all() or theta[0] <= 0:
            return None
        if np.abs(step[3]) < 1e-5 and np.abs(step[4]) < 1e-5:
            break
    misfit = float((weight * (counts - model) ** 2).sum()) / (len(counts) - 5)
    covariance = np.linalg.inv(normal) * max(1.0, misfit)
    sigma = np.sqrt(np.diag(covariance))
    square = float(theta[4])
    chance = neighbour_variance(math.sqrt(min(max(square, 0.0), 1.0)), composition, SPECIMEN_ATOMS)
    per_mean = (1 - composition) / 0.75
    square_sigma = math.sqrt(sigma[4] ** 2 + per_mean**2 * (chance + (COORDINATION * COMPOSITION_SIGMA) ** 2))
    return NearEdge(
        neighbours=mean_neighbours(square, composition),
        neighbours_sigma=float(sigma[4]) / per_mean,
        square=square,
        square_sigma=square_sigma,
        shift_eV=float(theta[3]),
        shift_sigma=float(sigma[3]),
        height=float(theta[2]),
        height_sigma=float(sigma[2]),
        background=background,
        misfit=misfit,
    )


def neighbour_variance(order: float, composition: float, atoms: int) -> float:
    """Variance of the mean number of Au neighbours of the Cu atoms among specimens of N `atoms` at the same S and c.

    The number of Cu-Au bonds is a sum over 3 N alpha-beta and 3 N beta-beta bonds; with the number of Au atoms of each
    sublattice given, its variance is 4 x 3 N (v_alpha v_beta + v_beta^2), v = p (1 - p), and there are (1 - c) N Cu.
    """
    alpha = min(max(composition + 0.75 * order, 0.0), 1.0)
    beta = min(max(composition - 0.25 * order, 0.0), 1.0)
    v_alpha, v_beta = alpha * (1 - alpha), beta * (1 - beta)
    return 12 * v_beta * (v_alpha + v_beta) / ((1 - composition) ** 2 * atoms)


def _steepest(energy: np.ndarray, shape: np.ndarray) -> float:
    """Where the L3 edge of a template rises fastest, eV."""
    near = np.flatnonzero(np.abs(energy - L3_EV) < 6)
    return float(energy[near[int(np.argmax(np.gradient(shape)[near]))]])
