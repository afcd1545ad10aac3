"""How a column of atoms changes the probe that looks at it: a correction to the incoherent model. No torch.

A probe over a lone column sees, in the forward direction, the column's potential averaged along it: an axially
symmetric well. By reciprocity the amplitude at an atom at some depth, for a probe anywhere, is that of the probe whose
aperture is multiplied by T(k), the amplitude that a plane wave of transverse frequency k has at that atom. The well
changes the axially symmetric part of the plane wave; the other parts, which vanish on the axis, are taken as free. The
atom is somewhere in its thermal cloud, over which intensities are averaged. In a basis of Bessel functions within a
cylinder the wave is a sum over the well's states (the 1s state is the strongest: Van Dyck and Op de Beeck,
Ultramicroscopy 64 (1996) 99). Without the well, T is the propagation to that depth. The signal of a column first rises
faster than the number of its atoms, then saturates and oscillates. Absorption, neighbours and, for this correction,
astigmatism are left out.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import j0, j1, jn_zeros

from matstudio.modalities.image.forward import wavelength_A
from matstudio.modalities.image.potential import gamma, scattering_factor_A

_RADIUS_A = 8.0  # of the cylinder
_STATES = 80  # Bessel functions: up to 5 per Å
_POINTS = 400
_CLOUD, _TURNS = 3, 4  # places in the thermal cloud, and directions in which they are
_PUPIL = 64  # points over twice the aperture's diameter
_FLOOR = 0.02  # of the transfer at 0: below it the ratio is kept as it was

Composition = tuple[tuple[int, int], ...]
"""(atomic number, atoms) of each species of a column, mixed at random along it."""


@lru_cache(maxsize=256)
def scattered_wave(
    composition: Composition, spacing_A: float, u_iso_A2: float, energy_keV: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What the well adds to a plane wave of unit amplitude, in a column whose first atom is at depth 0.

    Args:
        composition: what the column is made of.
        spacing_A: between one atom and the next, Å.
        u_iso_A2: mean square displacement along one axis, which smears the potential.
        energy_keV: of the beam.

    Returns:
        Transverse frequencies (K,) in 1/Å; places off the axis (P,) in Å and the share of the thermal cloud that each
        stands for; the added amplitudes (atoms, P, K).
    """
    count = sum(n for _, n in composition)
    wavelength = wavelength_A(energy_keV)
    zeros = jn_zeros(0, _STATES)
    g = zeros / (2.0 * np.pi * _RADIUS_A)
    norm = np.sqrt(np.pi) * _RADIUS_A * np.abs(j1(zeros))
    r = (np.arange(_POINTS) + 0.5) * (_RADIUS_A / _POINTS)
    area = 2.0 * np.pi * r * (_RADIUS_A / _POINTS)
    basis = j0(2.0 * np.pi * np.outer(r, g)) / norm
    factor = sum((n * scattering_factor_A(z, g) for z, n in composition), np.zeros(_STATES)) / (count * spacing_A)
    factor = factor * np.exp(-2.0 * (np.pi * g) ** 2 * u_iso_A2)
    phase = gamma(energy_keV) * wavelength * (basis / norm) @ factor  # rad / Å: Fourier-Bessel series of the well
    kinetic = np.pi * wavelength * g**2
    levels, states = np.linalg.eigh(np.diag(kinetic) - basis.T @ ((phase * area)[:, None] * basis))
    depth = spacing_A * np.arange(count)[:, None]
    nodes, share = np.polynomial.laguerre.laggauss(_CLOUD)
    place = np.sqrt(2.0 * u_iso_A2 * nodes)
    at = j0(2.0 * np.pi * np.outer(place, g)) / norm
    inside = np.einsum("ps,ds,ks->dpk", at @ states, np.exp(-1j * depth * levels), states)
    free = at * np.exp(-1j * depth * kinetic)[:, None, :]
    return g, place, share, (inside - free) * norm


@lru_cache(maxsize=256)
def transfer_ratio(
    composition: Composition,
    spacing_A: float,
    u_iso_A2: float,
    energy_keV: float,
    aperture_mrad: float,
    defocus_A: float = 0.0,
    cs_A: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Transfer of the probe as the column's atoms see it, their mean, over that of the probe at the first atom.

    Args:
        composition, spacing_A, u_iso_A2, energy_keV: see `scattered_wave`.
        aperture_mrad, defocus_A, cs_A: the probe, focused at the first atom or (defocus_A > 0) below it.

    Returns:
        Frequencies (1/Å) up to where the probe's transfer becomes small, and the ratio, of atoms that vibrate to atoms
        that vibrate; at 0 it is by how much the column's whole signal is larger.
    """
    wavelength = wavelength_A(energy_keV)
    edge = aperture_mrad * 1e-3 / wavelength
    step = 4.0 * edge / _PUPIL
    axis = np.fft.fftfreq(_PUPIL, 1.0 / (_PUPIL * step))
    k = np.hypot(axis[:, None], axis)
    chi = -np.pi * wavelength * defocus_A * k**2 + 0.5 * np.pi * wavelength**3 * cs_A * k**4
    pupil = np.clip((edge - k) / step + 0.5, 0.0, 1.0) * np.exp(-1j * chi)
    g, places, share, added = scattered_wave(composition, spacing_A, u_iso_A2, energy_keV)
    seen = np.zeros(k.shape)
    for turn in np.pi * (np.arange(_TURNS) + 0.5) / _TURNS:
        along = axis * np.cos(turn) + axis[:, None] * np.sin(turn)
        for depth, waves in enumerate(added):
            travel = np.exp(-1j * np.pi * wavelength * spacing_A * depth * k**2)
            for place, part, wave in zip(places, share, waves, strict=True):
                plane = travel * np.exp(2j * np.pi * place * along)
                plane += np.interp(k, g, wave.real) + 1j * np.interp(k, g, wave.imag)
                seen += part * np.abs(np.fft.ifft2(pupil * plane)) ** 2
    half = _PUPIL // 2
    column = np.fft.fft2(seen / (len(added) * _TURNS)).real[0, :half]
    alone = np.fft.fft2(np.abs(np.fft.ifft2(pupil)) ** 2).real[0, :half]
    good = np.logical_and.accumulate(alone > _FLOOR * alone[0])
    still = np.exp(-2.0 * np.pi**2 * u_iso_A2 * axis[:half] ** 2)
    return axis[:half][good], (column / np.where(good, alone * still, 1.0))[good]
