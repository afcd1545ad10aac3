"""Differentiable images of columns of atoms: annular dark field, annular bright field, HRTEM. Needs torch.

Gradients go to places, strengths, displacements, defocus, aberrations, source, drift and jitter. An image of 256 x 256
pixels and a few hundred columns takes some milliseconds; tables of an element are made once.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch

from matstudio.modalities.image.channelling import Composition, transfer_ratio
from matstudio.modalities.image.forward import wavelength_A
from matstudio.modalities.image.optics import (
    Columns,
    Grid,
    Optics,
    aberration,
    aperture_edge,
    probe_transfer,
    source_transfer,
    structure_factors,
)
from matstudio.modalities.image.potential import detector_object_A2, gamma, scattering_factor_A

_KNOTS = 24  # of a detector's table over spatial frequency
_BAND = 2.0 / 3.0  # of the Nyquist frequency: what is left of a phase object's products without aliasing
_WIDE_mrad = 300.0  # beyond it next to nothing is scattered


def adf(atoms: Columns, optics: Optics, grid: Grid) -> torch.Tensor:
    """Annular dark field: expected fraction of the beam's electrons that reach the detector, (rows, columns).

    Incoherent imaging: probe with its source, convolved with what the detector sees of each atom. The cross sections
    are Born's, so that the exponent of Z follows from the detector's angles (`potential.z_exponent`). Where columns
    have a spacing, the probe's channelling along them is taken into account (`channelling`).

    Raises:
        ValueError: pixels too large for the probe, an unknown element, or angles that are not in order.
    """
    return grid.cut(_jitter(_scattered(atoms, optics, grid, optics.detector_mrad), optics, grid))


def abf(atoms: Columns, optics: Optics, grid: Grid) -> torch.Tensor:
    """Annular bright field: expected fraction of the beam's electrons, (rows, columns); atoms are dark.

    The share of the beam's cone that the detector covers, times exp(-A): A is what is scattered out of the cone, in
    the incoherent model of `adf`. Interference within the cone is left out, and with it the reversal with defocus.

    Raises:
        ValueError: as `adf`; or the detector does not lie within the aperture.
    """
    inner, outer = optics.detector_mrad
    if not 0 <= inner < outer <= optics.aperture_mrad * 1.001:
        raise ValueError(f"detector from {inner} to {outer} mrad: it must lie within {optics.aperture_mrad:g} mrad")
    share = (outer**2 - inner**2) / optics.aperture_mrad**2
    lost = _scattered(atoms, optics, grid, (optics.aperture_mrad, _WIDE_mrad))
    return grid.cut(_jitter(share * torch.exp(-lost), optics, grid))


def hrtem(atoms: Columns, optics: Optics, grid: Grid, weak: bool = False) -> torch.Tensor:
    """Coherent image, |wave|^2 in the image plane, (rows, columns); vacuum is 1.

    The wave behind the specimen is exp(i sigma V), V the projected potential up to two thirds of the Nyquist frequency
    (`weak`: 1 + i sigma V), so that a specimen must be thin: its depth is left out. The lens multiplies it by
    exp(-i chi), by the envelopes of focal spread and convergence (Kirkland, Advanced Computing in Electron Microscopy,
    3.2), and cuts it at the aperture; the source's Gaussian then blurs the intensity.

    Raises:
        ValueError: an unknown element.
    """
    limit = _BAND * 0.5 / grid.pixel_A
    spectrum = sum(
        (_real(_phase(z, optics.energy_keV, grid, limit), atoms) * s)
        for z, s in structure_factors(atoms, atoms.numbers, optics, grid, limit).items()
    )
    if not isinstance(spectrum, torch.Tensor):
        return atoms.x_A.new_ones(grid.shape)
    phase = grid.inverse(spectrum)
    wave = torch.complex(torch.ones_like(phase), phase) if weak else torch.polar(torch.ones_like(phase), phase)
    ky, kx = (_real(np.fft.fftfreq(n, grid.pixel_A), atoms) for n in grid.full)
    half = len(ky) // 2 + 1
    upper = contrast_transfer(optics, ky[:half, None], kx)
    lower = upper[1 : len(ky) - half + 1].flip(0, 1).roll(1, 1)  # the lens treats k and -k alike
    focused = torch.fft.ifft2(torch.fft.fft2(wave) * torch.cat([upper, lower]))
    intensity = focused.real**2 + focused.imag**2
    if isinstance(optics.source_fwhm_A, int | float) and optics.source_fwhm_A == 0:
        return grid.cut(intensity)
    gx = _real(np.fft.rfftfreq(grid.full[1], grid.pixel_A), atoms)
    blur = source_transfer(optics, ky[:, None] ** 2 + gx**2)
    return grid.cut(torch.fft.irfft2(torch.fft.rfft2(intensity) * blur, s=grid.full))


def contrast_transfer(optics: Optics, ky: torch.Tensor, kx: torch.Tensor) -> torch.Tensor:
    """What the objective lens multiplies the wave by, complex, at frequencies (1/Å) along y and x that broadcast."""
    wavelength = wavelength_A(optics.energy_keV)
    square = kx**2 + ky**2
    spread = torch.exp(-0.5 * (math.pi * wavelength * optics.focal_spread_A * square) ** 2)
    slope = optics.cs_A * wavelength**2 * square - optics.defocus_A  # of chi over 2 pi wavelength k; round part
    incline = torch.exp(-((math.pi * 1e-3 * optics.convergence_mrad * slope) ** 2) * square)
    inside = torch.sqrt(square) <= aperture_edge(optics)
    return torch.polar(spread * incline * inside, -aberration(optics, ky, kx))


def expected_counts(
    fraction: torch.Tensor, dose_e_per_A2: float | torch.Tensor, pixel_A: float, background: float = 0.0
) -> torch.Tensor:
    """Expected counts of each pixel: (fraction + background) times the electrons that fall on a pixel."""
    return (fraction + background) * (dose_e_per_A2 * pixel_A**2)


def draw_counts(expected: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """Poisson counts of their expectation, which has no gradient; what is below 0 by rounding counts as 0."""
    return torch.poisson(expected.detach().clamp(min=0.0), generator=generator)


def _scattered(atoms: Columns, optics: Optics, grid: Grid, detector: tuple[float, float]) -> torch.Tensor:
    """Fraction that is scattered onto the detector, over the whole grid."""
    limit = 2.0 * aperture_edge(optics)
    probe = probe_transfer(optics, grid, atoms.x_A.dtype)
    total = torch.zeros_like(probe)
    labels = list(zip(atoms.numbers, _well(atoms), strict=True))
    for (number, well), factors in structure_factors(atoms, labels, optics, grid, limit).items():
        seen = _detector(number, optics.energy_keV, detector, optics.aperture_mrad, grid, limit)
        if well is not None:
            seen = seen * _channelled(well, optics, grid, limit)
        total = total + _real(seen, atoms) * factors
    return grid.inverse(total * probe)


def _well(atoms: Columns) -> list[tuple[Composition, float, float] | None]:
    """Composition in whole atoms, spacing and displacement of each entry's column; none where no spacing is known."""
    spacing = np.round(atoms.spacing_A.detach().numpy().astype(float), 3)
    if not np.any(spacing > 0):
        return [None] * len(spacing)
    count = np.rint(atoms.strength.detach().numpy()).astype(int)
    u = np.round(atoms.u_iso_A2.detach().numpy().astype(float), 4)
    made: dict[int, dict[int, int]] = {}
    for place, number, n in zip(atoms.place.tolist(), atoms.numbers, count.tolist(), strict=True):
        column = made.setdefault(place, {})
        column[number] = column.get(number, 0) + max(n, 0)
    kinds = {p: tuple((z, n) for z, n in sorted(column.items()) if n) for p, column in made.items()}
    return [
        (kinds[p], float(s), float(v)) if s > 0 and sum(n for _, n in kinds[p]) > 1 else None
        for p, s, v in zip(atoms.place.tolist(), spacing, u, strict=True)
    ]


def _channelled(well: tuple[Composition, float, float], optics: Optics, grid: Grid, limit: float) -> np.ndarray:
    """The channelling's ratio on the grid's frequencies; no gradient goes through it."""
    defocus, cs = (round(float(torch.as_tensor(v).detach()), 1) for v in (optics.defocus_A, optics.cs_A))
    g, ratio = transfer_ratio(*well, optics.energy_keV, optics.aperture_mrad, defocus, cs)
    return np.interp(_radius(grid, limit), g, ratio)


def _jitter(whole: torch.Tensor, optics: Optics, grid: Grid) -> torch.Tensor:
    """Rows displaced along x by the scan's jitter."""
    if optics.row_shift_A is None:
        return whole
    if optics.row_shift_A.shape != (grid.shape[0],):
        raise ValueError(f"row_shift_A has shape {tuple(optics.row_shift_A.shape)}, the image {grid.shape[0]} rows")
    after = grid.full[0] - grid.shape[0] - grid.margin
    shift = torch.nn.functional.pad(optics.row_shift_A.to(whole.dtype), (grid.margin, after))
    turn = (
        -2.0
        * math.pi
        * shift[:, None]
        * torch.as_tensor(np.fft.rfftfreq(grid.full[1], grid.pixel_A), dtype=whole.dtype)
    )
    return torch.fft.irfft(torch.fft.rfft(whole) * torch.polar(torch.ones_like(turn), turn), n=grid.full[1])


def _real(values: np.ndarray, atoms: Columns) -> torch.Tensor:
    return torch.as_tensor(values, dtype=atoms.x_A.dtype)


@lru_cache(maxsize=8)
def _radius(grid: Grid, limit: float) -> np.ndarray:
    gy, gx = grid.frequencies(limit)
    return np.asarray(np.hypot(gy[:, None], gx))


@lru_cache(maxsize=64)
def _detector(
    number: int, energy_keV: float, detector: tuple[float, float], aperture_mrad: float, grid: Grid, limit: float
) -> np.ndarray:
    """`detector_object_A2` on the grid's frequencies, interpolated."""
    knots = np.linspace(0.0, limit, _KNOTS)
    return np.interp(
        _radius(grid, limit), knots, detector_object_A2(number, knots, energy_keV, detector, aperture_mrad)
    )


@lru_cache(maxsize=64)
def _phase(number: int, energy_keV: float, grid: Grid, limit: float) -> np.ndarray:
    """Phase that an atom adds to the wave, rad Å^2, on the grid's frequencies; nothing beyond the limit."""
    g = _radius(grid, limit)
    return np.where(g <= limit, gamma(energy_keV) * wavelength_A(energy_keV) * scattering_factor_A(number, g), 0.0)
