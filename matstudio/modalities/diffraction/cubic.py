"""An L1_2 alloy seen along [001]: lattice constant and order parameter from one pattern."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from matstudio.domain.material import Prototype
from matstudio.modalities.diffraction.lattice import Net, fit_net
from matstudio.modalities.diffraction.spots import Found, centroids, photometry
from matstudio.modalities.diffraction.superlattice import Alloy, measure


@dataclass(frozen=True)
class Reading:
    """What a pattern says of an L1_2 alloy.

    Args:
        net: fitted to the fundamental spots; indices are h, k.
        hk: (N, 2) of every spot measured.
        counts, variance: of the same spots, above the background, and of those counts.
        superlattice: (N,) whether the spot exists by order alone.
        square: S^2, may be negative, and its standard deviation `square_sigma`.
        antiphase: how probable it is that superlattice spots are split or wider than the fundamental ones.
    """

    net: Net
    hk: np.ndarray
    counts: np.ndarray
    variance: np.ndarray
    superlattice: np.ndarray
    square: float
    square_sigma: float
    antiphase: float


def read(
    image: np.ndarray,
    found: Found,
    centre: np.ndarray,
    pixel: float,
    prototype: Prototype,
    temperature_K: float,
    composition: float,
    ceiling: float,
) -> Reading | None:
    """Index the pattern and measure its order; None where the fundamental spots are not where they belong,
    or saturate the detector.

    Args:
        image: counts.
        found: spots of the pattern.
        centre: (2,) about where the direct beam is, pixels.
        pixel: 1/Å per pixel.
        prototype: the material.
        temperature_K: for its lattice constant and thermal motion.
        composition: minority fraction.
        ceiling: value at which the detector saturates.
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
    order = measure(image, place, net.centre, hk, spot, Alloy(prototype, temperature_K, composition), ceiling)
    if order is None:
        return None
    keep = order.spots.inside
    return Reading(
        net, hk[keep], order.spots.counts[keep], order.spots.variance[keep], ~fundamental[keep], order.square,
        order.sigma, order.antiphase,
    )  # fmt: skip


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
