"""The order parameter of an L1_2 alloy from the counts of its superlattice spots along [001]."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from matstudio.domain.material import Prototype
from matstudio.modalities.diffraction.scattering import electron_table
from matstudio.modalities.diffraction.spots import Photometry, photometry

MODEL_ERROR = 0.002
"""Relative error of a spot's intensity that the kinematic model itself makes (factors, thermal motion)."""

SPLIT_ERROR = 0.04
"""Relative error of S^2 where every superlattice spot is split and its tails have to be extrapolated."""

ANTIPHASE = 0.05
"""How probable antiphase domains are before the pattern is looked at."""

SPECIMEN_ATOMS = 16384
"""The least number of atoms that a pattern comes from: what chance does to the order in them is part of the error."""

NARROW, WIDE, RING, FAR_RING = 3.0, 9.0, (6.0, 9.0), (15.0, 18.0)
"""Radii of the apertures and of the background's rings, in standard deviations of a spot."""


@dataclass(frozen=True)
class Alloy:
    """What the intensities depend on: the material, its temperature (K) and its minority fraction."""

    prototype: Prototype
    temperature_K: float
    composition: float


@dataclass(frozen=True)
class Order:
    """S^2 (may be negative), its standard deviation, the spots it came from, how probable it is that they are split."""

    square: float
    sigma: float
    spots: Photometry
    antiphase: float


def measure(
    image: np.ndarray,
    place: np.ndarray,
    centre: np.ndarray,
    hk: np.ndarray,
    spot: float,
    alloy: Alloy,
    ceiling: float = math.inf,
) -> Order | None:
    """S^2 from the superlattice spots, or None where fewer than 3 fundamental ones are left to compare with,
    or where it comes out beyond what a full sublattice can give (saturation; another material).

    The spots fall into three classes, (odd, even), (even, odd) and (odd, odd), each with an amplitude of its own, S but
    for chance. An antiphase boundary with a shift a/2<110> splits two of them and leaves the third sharp: S^2 is the
    mean over both readings, each as probable as it makes the classes, and sigma holds the difference. Where the chosen
    classes are wide, too, all are integrated out to a wide radius and the tails, which fall as 1/r for flat boundaries,
    are extrapolated.

    Args:
        image: counts.
        place: (N, 2) x, y of the spots, pixels.
        centre: (2,) of the direct beam, pixels.
        hk: (N, 2).
        spot: standard deviation of a spot, pixels.
        alloy: what it is.
        ceiling: value at which the detector saturates; spots that reach it are left out.
    """
    r = np.hypot(*(place - centre).T)
    narrow = _flat(photometry(image, place, NARROW * spot, _times(RING, spot)), r, NARROW * spot, _times(RING, spot))
    narrow = replace(narrow, inside=narrow.inside & (narrow.peak < ceiling))
    fundamental = (hk % 2 == 0).all(axis=1)
    if (narrow.inside & fundamental & (narrow.counts > 5 * np.sqrt(narrow.variance))).sum() < 3:
        return None
    kind = np.where(fundamental, 0, hk[:, 0] % 2 + 2 * (hk[:, 1] % 2))
    full, scale_error = _at_full_order(narrow, hk, fundamental, alloy)
    classes = [_mean_square(narrow, full, kind == c) for c in (1, 2, 3)]
    square, sigma, sharp, antiphase = _over_classes(narrow, full, kind, classes, alloy.composition)
    chosen = kind > 0 if sharp is None else kind == sharp
    rough = 0.0
    if square > 6 * sigma:
        inner = (np.abs(hk) <= 2).all(axis=1)
        wide, half = (
            photometry(image, place[inner], share * WIDE * spot, _times(FAR_RING, spot)) for share in (1.0, 0.5)
        )
        wide = replace(wide, inside=wide.inside & (wide.peak < ceiling))
        if _wider(half, wide, fundamental[inner] & wide.inside, chosen[inner] & wide.inside):
            tails = replace(wide, counts=2 * wide.counts - half.counts, variance=4 * wide.variance)
            full, scale_error = _at_full_order(wide, hk[inner], fundamental[inner], alloy)
            kind = kind[inner]
            chosen = kind > 0
            square, sigma = _mean_square(tails, full, chosen)
            sigma = math.hypot(sigma, math.sqrt(_chance(square, full, kind, chosen, alloy.composition)))
            antiphase, rough = 1.0, SPLIT_ERROR
    variance = sigma**2 + square**2 * (scale_error**2 + 0.0015**2 + rough**2)
    if square - 4 * math.sqrt(variance) > 1.3:
        return None
    return Order(square, math.sqrt(variance), narrow, antiphase)


def _times(radii: tuple[float, float], spot: float) -> tuple[float, float]:
    return radii[0] * spot, radii[1] * spot


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
    return replace(spots, counts=spots.counts + np.pi * radius**2 * laplacian * apart / 4)


def _at_full_order(
    spots: Photometry, hk: np.ndarray, fundamental: np.ndarray, alloy: Alloy
) -> tuple[np.ndarray, float]:
    """Counts that each spot would have at S = 1, (N,), and their common relative error.

    For a cell of four atoms F = 4 (c f_B + (1 - c) f_A) of a fundamental and S (f_B - f_A) of a superlattice spot, each
    f with its own thermal factor exp(-2 pi^2 u g^2) (Warren, X-ray Diffraction, chapter 12). Scale and a thermal factor
    common to both kinds of spot are fitted to the fundamental ones.
    """
    material, c = alloy.prototype, alloy.composition
    g2 = (hk**2).sum(axis=1) / material.a(alloy.temperature_K) ** 2
    a, b = (
        np.interp(np.sqrt(g2), *electron_table(e.number)) * np.exp(-2 * math.pi**2 * e.u_iso(alloy.temperature_K) * g2)
        for e in (material.majority, material.minority)
    )
    power = np.where(fundamental, (4 * ((1 - c) * a + c * b)) ** 2, (b - a) ** 2)
    main = spots.inside & fundamental & (spots.counts > 5 * np.sqrt(spots.variance))
    weight = 1 / (spots.variance[main] / spots.counts[main] ** 2 + MODEL_ERROR**2)
    design = np.column_stack([np.ones(main.sum()), g2[main]])
    normal = design.T @ (weight[:, None] * design) + np.diag([0.0, (4 * math.pi**2 * 0.005) ** -2])
    covariance = np.linalg.inv(normal)
    solution = covariance @ (design.T @ (weight * np.log(spots.counts[main] / power[main])))
    near = np.array([1.0, float(g2.min())])
    return power * np.exp(solution[0] + solution[1] * g2), math.sqrt(float(near @ covariance @ near))


def _mean_square(spots: Photometry, full: np.ndarray, which: np.ndarray) -> tuple[float, float]:
    """Weighted mean of counts over those at S = 1, and its standard deviation from counting and `MODEL_ERROR`."""
    which = which & spots.inside
    if not which.any():
        return 0.0, 1.0
    counts, expected = spots.counts[which], full[which]
    background = np.maximum(spots.variance[which] - np.maximum(counts, 0), 0.2 * spots.variance[which])
    square, total = 0.0, 1.0
    for _ in range(3):
        signal = max(square, 0.0) * expected
        weight = expected / (background + signal + (MODEL_ERROR * signal) ** 2)
        total = float(weight @ expected)
        square = float(weight @ counts) / total
    return square, 1 / math.sqrt(total)


def _over_classes(
    spots: Photometry, full: np.ndarray, kind: np.ndarray, classes: list[tuple[float, float]], composition: float
) -> tuple[float, float, int | None, float]:
    """S^2 and its standard deviation, the class (1..3) that alone is sharp or None, and how probable splitting is.

    One domain: the classes agree but for counting and chance. Antiphase domains: one class tells S^2, and each of the
    two others keeps some part of its counts in its spots, any part being equally probable beforehand.
    """
    square, sigma = _mean_square(spots, full, kind > 0)
    scatter = _sublattice_variance(square, composition)
    spread = [math.sqrt(e**2 + 4 * max(square, 0.0) * scatter + 3 * scatter**2) for _, e in classes]
    found = [(square, sigma**2 + _chance(square, full, kind, kind > 0, composition))]
    mean = sum(q / e**2 for (q, _), e in zip(classes, spread, strict=True)) / sum(e**-2 for e in spread)
    density = 0.0  # logarithm, over that of a flat mean
    for (q, _), e in zip(classes, spread, strict=True):
        density += -0.5 * ((q - mean) / e) ** 2 - math.log(e * math.sqrt(2 * math.pi))
    logs = [density + math.log(math.sqrt(2 * math.pi / sum(e**-2 for e in spread)) * (1 - ANTIPHASE))]
    for k in range(3):
        top = max(classes[k][0], 0.5 * spread[k])
        found.append((classes[k][0], classes[k][1] ** 2 + _chance(top, full, kind, kind == k + 1, composition)))
        part = 1.0
        for j in range(3):
            if j != k:
                q, e = classes[j][0], spread[j] * math.sqrt(2)
                part *= max(0.5 * (math.erf(q / e) - math.erf((q - top) / e)), 1e-30) / top
        logs.append(math.log(part * ANTIPHASE / 3))
    weight = np.exp(np.array(logs) - max(logs))
    weight /= weight.sum()
    best = int(np.argmax(weight))
    values, variances = np.array(found).T
    value = float(weight @ values)
    variance = float(weight @ (variances + (values - value) ** 2))
    return value, math.sqrt(variance), best or None, float(weight[1:].sum())


def _wider(inner: Photometry, outer: Photometry, main: np.ndarray, extra: np.ndarray) -> bool:
    """Whether the `extra` spots hold more of their counts outside the inner radius than the `main` ones do."""
    if main.sum() < 3 or not extra.any():
        return False
    usual = float(outer.counts[main].sum() / max(1.0, float(inner.counts[main].sum())))
    excess = float((outer.counts[extra] - usual * inner.counts[extra]).sum())
    noise = math.sqrt(float(outer.variance[extra].sum()))
    return excess > 5 * noise and excess > 0.04 * float(outer.counts[extra].sum())


def _sublattice_variance(square: float, composition: float) -> float:
    """Variance of a class' amplitude about S: 16 v / N, v = p (1 - p) of a beta site, from the number of minority
    atoms on each third of the beta sublattice."""
    s = math.sqrt(min(max(square, 0.0), 1.0))
    p = min(max(composition - 0.25 * s, 0.0), 1.0)
    return 16 * p * (1 - p) / SPECIMEN_ATOMS


def _chance(square: float, full: np.ndarray, kind: np.ndarray, chosen: np.ndarray, composition: float) -> float:
    """Variance of S^2 among specimens with the same S.

    The classes' amplitudes scatter about S and their mean is S, so what counts is how unevenly they are weighted; near
    S = 0 the diffuse scattering under the spots, of a few points of the specimen's own reciprocal lattice, remains.
    """
    share = np.array([float(full[chosen & (kind == c)].sum()) for c in (1, 2, 3)])
    share = share / max(1e-30, float(share.sum()))
    scatter = _sublattice_variance(square, composition)
    return 4 * max(square, 0.0) * scatter * max(0.0, float(share @ share) - 1 / 3) + 3 * scatter**2
