"""An L1_2 alloy seen along [001]: lattice constant and order parameter from one pattern."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from matstudio.domain.material import Prototype
from matstudio.modalities.diffraction.lattice import Net, fit_net
from matstudio.modalities.diffraction.scattering import electron_table
from matstudio.modalities.diffraction.spots import Found, Photometry, centroids, photometry

MODEL_ERROR = 0.003
"""Relative error of a spot's intensity that the kinematic model itself makes (factors, thermal motion)."""

SPECIMEN_ATOMS = 16384
"""The least number of atoms that a pattern comes from: what chance does to the order in them is part of the error."""


@dataclass(frozen=True)
class Reading:
    """What a pattern says of an L1_2 alloy.

    Args:
        net: fitted to the fundamental spots; indices are h, k.
        hk: (N, 2) of every spot measured.
        photometry: of the same spots.
        superlattice: (N,) whether the spot exists by order alone.
        square: S^2, may be negative, and its standard deviation `square_sigma`.
        split: whether the superlattice spots are wider than the fundamental ones (antiphase boundaries).
    """

    net: Net
    hk: np.ndarray
    photometry: Photometry
    superlattice: np.ndarray
    square: float
    square_sigma: float
    split: bool


def read(
    image: np.ndarray,
    found: Found,
    centre: np.ndarray,
    pixel: float,
    prototype: Prototype,
    temperature_K: float,
    composition: float,
) -> Reading | None:
    """Index the pattern and measure its order; None where the fundamental spots are not where they belong.

    Args:
        image: counts.
        found: spots of the pattern.
        centre: (2,) about where the direct beam is, pixels.
        pixel: 1/Å per pixel.
        prototype: the material.
        temperature_K: for its lattice constant and thermal motion.
        composition: minority fraction.
    """
    step = 1 / (prototype.a(temperature_K) * pixel)  # pixels from 000 to 100
    hk = _indices(image.shape, step)
    fundamental = (hk % 2 == 0).all(axis=1)
    guess = centre + hk[fundamental] @ _rotation(found, centre, 2 * step).T * step
    net = _index(image, guess, hk[fundamental])
    if net is None:
        return None
    spot = 1.5 if found.xy.size == 0 else _width(image, net, hk[fundamental])
    place = net.at(hk)
    small, large = (photometry(image, place, k * spot, (6 * spot, 9 * spot)) for k in (3.0, 5.5))
    keep = large.inside
    split = _wider(small, large, fundamental, keep)
    used = large if split else small
    radius = 5.5 * spot if split else 3.0 * spot
    used = _flat(used, np.hypot(*(place - net.centre).T), radius, (6 * spot, 9 * spot))
    square, sigma = _order(used, hk, fundamental, keep, prototype, temperature_K, composition)
    kept = Photometry(used.counts[keep], used.variance[keep], used.background[keep], used.inside[keep])
    return Reading(net, hk[keep], kept, ~fundamental[keep], square, sigma, split)


def _indices(shape: tuple[int, ...], step: float) -> np.ndarray:
    """All (h, k) but 0 0 whose spots can lie on the detector."""
    n = int(0.75 * max(shape) / step)
    h = np.arange(-n, n + 1)
    hk = np.stack(np.meshgrid(h, h, indexing="ij"), -1).reshape(-1, 2)
    reach = np.array([shape[1], shape[0]]) * 0.55
    return hk[(np.abs(hk) * step < reach).all(axis=1) & (hk != 0).any(axis=1)]


def _rotation(found: Found, centre: np.ndarray, radius: float) -> np.ndarray:
    """Rotation matrix of the pattern, from the azimuths of the spots at the radius of {200}; their period is 90°."""
    offset = found.xy - centre
    length = np.hypot(*offset.T)
    ring = np.abs(length / radius - 1) < 0.04
    if ring.sum() < 2:
        return np.eye(2)
    phase = 4 * np.arctan2(offset[ring, 1], offset[ring, 0])
    angle = math.atan2(float(found.counts[ring] @ np.sin(phase)), float(found.counts[ring] @ np.cos(phase))) / 4
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def _index(image: np.ndarray, guess: np.ndarray, hk: np.ndarray) -> Net | None:
    """Fit the net to the fundamental spots near their guessed places, the inner ones first."""
    for limit in (2, 99):
        near = (np.abs(hk) <= limit).all(axis=1) & _within(guess, image.shape, 8)
        xy, sigma, counts = centroids(image, guess[near])
        firm = (sigma.max(axis=1) < 0.25) & (np.hypot(*(xy - guess[near]).T) < 3.0) & (counts > 0)
        if firm.sum() < 4 or np.linalg.matrix_rank(hk[near][firm]) < 2:
            return None
        error = np.hypot(sigma[firm].mean(axis=1), 0.01)
        net = fit_net(xy[firm], error, hk[near][firm], np.flatnonzero(near)[firm])
        guess = net.at(hk)
    return net


def _within(xy: np.ndarray, shape: tuple[int, ...], margin: float) -> np.ndarray:
    return ((xy >= margin) & (xy < np.array([shape[1], shape[0]]) - margin)).all(axis=1)


def _width(image: np.ndarray, net: Net, hk: np.ndarray) -> float:
    """Standard deviation of the fundamental spots, pixels, from the counts within two radii."""
    place = net.at(hk[(np.abs(hk) <= 2).all(axis=1)])
    inner, outer = (photometry(image, place, r, (9.0, 13.0)) for r in (1.5, 6.0))
    share = float(inner.counts[outer.inside].sum() / max(1.0, outer.counts[outer.inside].sum()))
    return float(np.clip(1.5 / math.sqrt(-2 * math.log(1 - np.clip(share, 0.05, 0.95))), 0.8, 4.0))


def _wider(small: Photometry, large: Photometry, fundamental: np.ndarray, keep: np.ndarray) -> bool:
    """Whether the superlattice spots hold more of their counts far out than the fundamental ones do."""
    main, extra = keep & fundamental, keep & ~fundamental
    beyond = float(large.counts[main].sum() / small.counts[main].sum())
    excess = float((large.counts[extra] - beyond * small.counts[extra]).sum())
    return excess > 5 * math.sqrt(float(large.variance[extra].sum())) and excess > 0.05 * float(
        large.counts[extra].sum()
    )


def _flat(spots: Photometry, r: np.ndarray, radius: float, ring: tuple[float, float]) -> Photometry:
    """Counts corrected for the background's curvature: under a spot it lies below the mean of the ring around it.

    ln b is fitted as a parabola in ln r through all rings; a field's mean over a disc or ring differs from its value in
    the middle by laplacian x (mean square radius) / 4.
    """
    level = np.maximum(spots.background, 1e-3)
    x = np.log(r)
    bend, slope, _ = np.polyfit(x[spots.inside], np.log(level[spots.inside]), 2, w=np.sqrt(level[spots.inside]))
    tilt = slope + 2 * bend * x
    laplacian = level * (tilt**2 + 2 * bend) / r**2
    apart = 0.5 * (ring[0] ** 2 + ring[1] ** 2) - 0.5 * radius**2
    excess = np.pi * radius**2 * laplacian * apart / 4
    return Photometry(spots.counts + excess, spots.variance, spots.background, spots.inside)


def _order(
    spots: Photometry,
    hk: np.ndarray,
    fundamental: np.ndarray,
    keep: np.ndarray,
    prototype: Prototype,
    temperature_K: float,
    composition: float,
) -> tuple[float, float]:
    """S^2 and its standard deviation.

    For a cell of four atoms F = 4 (c f_B + (1 - c) f_A) of a fundamental and S (f_B - f_A) of a superlattice spot, each
    f with its own thermal factor exp(-2 pi^2 u g^2) (Warren, X-ray Diffraction, chapter 12). Scale and a thermal
    factor common to both kinds of spot are fitted to the fundamental ones; S^2 is then the weighted mean of the
    superlattice counts over those expected at S = 1.
    """
    g2 = (hk**2).sum(axis=1) / prototype.a(temperature_K) ** 2
    damped = []
    for element in (prototype.majority, prototype.minority):
        factor = np.interp(np.sqrt(g2), *electron_table(element.number))
        damped.append(factor * np.exp(-2 * math.pi**2 * element.u_iso(temperature_K) * g2))
    a, b = damped
    power = np.where(fundamental, (4 * ((1 - composition) * a + composition * b)) ** 2, (b - a) ** 2)

    main = keep & fundamental & (spots.counts > 5 * np.sqrt(spots.variance))
    log_ratio = np.log(spots.counts[main] / power[main])
    weight = 1 / (spots.variance[main] / spots.counts[main] ** 2 + MODEL_ERROR**2)
    design = np.column_stack([np.ones(main.sum()), g2[main]])
    normal = design.T @ (weight[:, None] * design) + np.diag([0.0, (4 * math.pi**2 * 0.005) ** -2])
    solution = np.linalg.solve(normal, design.T @ (weight * log_ratio))
    covariance = np.linalg.inv(normal)

    extra = keep & ~fundamental
    full = power[extra] * np.exp(solution[0] + solution[1] * g2[extra])
    counts = spots.counts[extra]
    noise = spots.variance[extra] - np.maximum(counts, 0)  # of the background alone, near enough
    noise = np.maximum(noise, 0.2 * spots.variance[extra])
    square = 0.0
    for _ in range(3):
        variance = noise + max(square, 0.0) * full + (MODEL_ERROR * max(square, 0.0) * full) ** 2
        weight = full / variance
        total = float(weight @ full)
        square = float(weight @ counts) / total
    centre = np.array([1.0, float(weight @ (full * g2[extra])) / total])
    scale_error = float(centre @ covariance @ centre)
    atoms = 4 * composition * (1 - composition) / SPECIMEN_ATOMS
    chance = (4 * atoms) ** 2 + 0.15 * max(square, 0.0) * atoms
    return square, math.sqrt(1 / total + square**2 * (scale_error + 0.003**2) + chance)
