"""Kinematic diffraction of a crystal: powder lines, powder patterns and zone-axis spots."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matstudio.modalities.diffraction.scattering import electron_factor, xray_factor

if TYPE_CHECKING:
    from pymatgen.core import Structure

Motion = float | Mapping[str, float]
"""Mean square displacement along one axis, Å^2: of every atom, or by element (0 for an element that is not named)."""

CU_KA = 1.54184
"""Weighted mean of Cu K-alpha 1 and 2, Å."""


@dataclass(frozen=True)
class Line:
    """A line of a powder pattern.

    Args:
        two_theta: degrees.
        d: Å.
        hkl: one index of each family that falls on it.
        multiplicity: number of reflections that fall on it.
        intensity: relative to the strongest = 100.
    """

    two_theta: float
    d: float
    hkl: tuple[tuple[int, int, int], ...]
    multiplicity: int
    intensity: float


@dataclass(frozen=True)
class Spots:
    """Spots of a zone-axis pattern.

    Args:
        hkl: (N, 3).
        xy: (N, 2) position in the pattern, 1/Å.
        g: (N,) 1/d, 1/Å.
        intensity: (N,) |F|^2, Å^2 for the structure's cell (not scaled); 000 is not among them.
    """

    hkl: np.ndarray
    xy: np.ndarray
    g: np.ndarray
    intensity: np.ndarray


def reflections(structure: Structure, g_max: float) -> tuple[np.ndarray, np.ndarray]:
    """All hkl with 0 < |g| <= `g_max` (1/Å): (hkl (N, 3), g vectors (N, 3) Cartesian, 1/Å)."""
    reciprocal = np.linalg.inv(structure.lattice.matrix).T  # rows a*, b*, c* without 2 pi
    limit = np.floor(g_max * np.linalg.norm(structure.lattice.matrix, axis=1) + 1e-9).astype(int)
    if np.prod(2 * limit + 1.0) > 5e6:
        raise ValueError(f"a cell of {structure.volume:.0f} Å^3 has too many reflections up to {g_max:g} 1/Å")
    hkl = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in limit], indexing="ij"), -1).reshape(-1, 3)
    g = hkl @ reciprocal
    length = np.linalg.norm(g, axis=1)
    keep = (length > 1e-9) & (length <= g_max)
    return hkl[keep], g[keep]


def structure_factors(
    structure: Structure, hkl: np.ndarray, *, electrons: bool = False, u_iso: Motion = 0.0
) -> np.ndarray:
    """Structure factors F(hkl) of the cell, complex (N,), in electrons, or in Å for `electrons`.

    Args:
        structure: sites may be partly occupied or shared by species.
        hkl: (N, 3).
        electrons: electron scattering factors (Mott-Bethe) instead of X-ray form factors; no dispersion in either.
        u_iso: see `Motion`.
    """
    reciprocal = np.linalg.inv(structure.lattice.matrix).T
    length, inverse = np.unique(np.round(np.linalg.norm(hkl @ reciprocal, axis=1), 9), return_inverse=True)
    factor = electron_factor if electrons else xray_factor
    weights: dict[str, np.ndarray] = {}
    for i, site in enumerate(structure):
        for specie, amount in site.species.items():
            symbol = specie.symbol
            weights.setdefault(symbol, np.zeros(len(structure)))[i] += amount
    total = np.zeros(len(hkl), dtype=complex)
    for start in range(0, len(hkl), 20000):
        part = slice(start, start + 20000)
        phase = np.exp(2j * math.pi * (hkl[part] @ structure.frac_coords.T))
        for symbol, occupancy in weights.items():
            u = u_iso if isinstance(u_iso, float | int) else u_iso.get(symbol, 0.0)
            damped = factor(symbol, length) * np.exp(-2 * math.pi**2 * u * length**2)
            total[part] += damped[inverse[part]] * (phase @ occupancy)
    return total


def powder_lines(
    structure: Structure,
    wavelength: float = CU_KA,
    two_theta: tuple[float, float] = (10.0, 120.0),
    u_iso: Motion = 0.0,
) -> list[Line]:
    """Lines of an X-ray powder pattern within `two_theta` degrees, by rising angle.

    Intensity: multiplicity x |F|^2 x (1 + cos^2 2theta) / (sin^2 theta cos theta), for an unpolarised beam without
    monochromator (International Tables for Crystallography C, 6.2). Reflections within 1e-5 in 1/d fall on one line.
    """
    low, high = (2 * math.sin(math.radians(t / 2)) / wavelength for t in two_theta)
    hkl, g = reflections(structure, high)
    length = np.linalg.norm(g, axis=1)
    keep = length >= low
    hkl, length = hkl[keep], length[keep]
    if not len(hkl):
        return []
    power = np.abs(structure_factors(structure, hkl, u_iso=u_iso)) ** 2
    order = np.argsort(length, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(length[order]) > 1e-5) + 1)
    lines = []
    for group in groups:
        q = float(length[group].mean())
        theta = math.asin(min(1.0, q * wavelength / 2))
        lp = (1 + math.cos(2 * theta) ** 2) / (math.sin(theta) ** 2 * math.cos(theta))
        families = sorted({_family(hkl[j]) for j in group}, reverse=True)
        lines.append((2 * math.degrees(theta), 1 / q, tuple(families), len(group), float(power[group].sum() * lp)))
    strongest = max(line[4] for line in lines)
    return [Line(t, d, families, m, 100 * i / strongest) for t, d, families, m, i in lines if i > 1e-6 * strongest]


def _family(hkl: np.ndarray) -> tuple[int, int, int]:
    low, middle, high = sorted(abs(int(i)) for i in hkl)
    return high, middle, low


def powder_pattern(
    structure: Structure,
    two_theta: np.ndarray,
    wavelength: float = CU_KA,
    fwhm: float = 0.1,
    u_iso: Motion = 0.006,
) -> np.ndarray:
    """An X-ray powder pattern, (M,), strongest line's area = 100 degrees x units.

    Lines are pseudo-Voigt, half Lorentzian, of full width `fwhm` degrees at every angle.

    Args:
        two_theta: (M,) degrees.
        wavelength: Å.
        u_iso: see `Motion`.
    """
    out = np.zeros(len(two_theta))
    sigma = fwhm / math.sqrt(8 * math.log(2))
    reach = (max(1.0, float(two_theta.min()) - 1), min(179.0, float(two_theta.max()) + 1))
    for line in powder_lines(structure, wavelength, reach, u_iso):
        x = two_theta - line.two_theta
        gauss = np.exp(-0.5 * (x / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))
        lorentz = (fwhm / 2 / math.pi) / (x**2 + (fwhm / 2) ** 2)
        out += line.intensity * 0.5 * (gauss + lorentz)
    return out


def zone_spots(structure: Structure, zone: tuple[int, int, int], g_max: float = 2.0, u_iso: Motion = 0.0) -> Spots:
    """Kinematic spots of zone [uvw] with |g| <= `g_max` 1/Å, no excitation error; x of the pattern is along the
    shortest reflection of the zone."""
    hkl, g = reflections(structure, g_max)
    inside = hkl @ np.array(zone) == 0
    hkl, g = hkl[inside], g[inside]
    if not len(hkl):
        return Spots(hkl, np.empty((0, 2)), np.empty(0), np.empty(0))
    length = np.linalg.norm(g, axis=1)
    axis = np.array(zone) @ structure.lattice.matrix
    axis = axis / np.linalg.norm(axis)
    shortest = g[np.lexsort((-hkl[:, 2], -hkl[:, 1], -hkl[:, 0], np.round(length, 8)))[0]]
    x = shortest / np.linalg.norm(shortest)
    y = np.cross(axis, x)
    power = np.abs(structure_factors(structure, hkl, electrons=True, u_iso=u_iso)) ** 2
    return Spots(hkl, np.column_stack([g @ x, g @ y]), length, power)
