"""What differentiable images are made of: microscope, columns, structure factors, probe. Needs torch.

`imaging` puts them together. Everything that is a `Scalar` in `Optics` and every tensor of `Columns` may require
gradients. Atoms enter by their exact structure factors: the phase factors of a plane wave are a product of one along x
and one along y, so that the sum over atoms is a product of two thin matrices, over the frequencies that the lens or
probe lets through and no others.

Conventions: x to the right, y down, (0, 0) Å the first pixel's centre; a positive defocus is underfocus; the
aberration function is chi(k) = pi wavelength (-defocus + astigmatism cos 2(phi - angle)) k^2 + pi/2 Cs wavelength^3
k^4, and the lens multiplies the wave by exp(-i chi).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from scipy import fft

from matstudio.modalities.image.forward import FWHM, wavelength_A

Scalar = float | torch.Tensor
Label = TypeVar("Label", bound=Hashable)


@dataclass(frozen=True)
class Optics:
    """The microscope.

    Args:
        energy_keV: of the beam.
        defocus_A: positive is underfocus.
        cs_A: spherical aberration, Å (1 mm is 1e7 Å).
        astigmatism_A: twofold, Å.
        astigmatism_rad: its angle, from x towards y.
        aperture_mrad: half angle of the probe (STEM) or of the objective aperture (HRTEM); none is infinity.
        source_fwhm_A: full width at half maximum of the Gaussian that blurs the intensity: source,
            camera, vibration.
        detector_mrad: inner and outer half angle of the annular detector.
        focal_spread_A: standard deviation of the defocus, for the temporal envelope.
        convergence_mrad: half angle of the illumination at 1/e, for the spatial envelope of HRTEM.
        drift_A: (x, y) by which the specimen moves while a scan goes from the first row to one past the last.
        row_shift_A: scan jitter, (rows,): by how much each row of a scan is displaced along x.
    """

    energy_keV: float = 200.0
    defocus_A: Scalar = 0.0
    cs_A: Scalar = 0.0
    astigmatism_A: Scalar = 0.0
    astigmatism_rad: Scalar = 0.0
    aperture_mrad: float = 22.0
    source_fwhm_A: Scalar = 0.0
    detector_mrad: tuple[float, float] = (70.0, 200.0)
    focal_spread_A: Scalar = 0.0
    convergence_mrad: Scalar = 0.0
    drift_A: tuple[Scalar, Scalar] = (0.0, 0.0)
    row_shift_A: torch.Tensor | None = None


@dataclass(frozen=True)
class Columns:
    """Columns of atoms, one entry for each species of each column; make them with `columns`.

    Args:
        x_A, y_A: places, (N,) Å.
        numbers: atomic numbers, N of them.
        strength: atoms of that number in the column, (N,); occupancies make fractions.
        u_iso_A2: mean square displacement along one axis, (N,) Å^2.
        place: which column each entry belongs to, (N,) integers from 0 on.
        spacing_A: from one atom of the column to the next, whatever its species, (N,) Å; 0: not known, and the atoms
            scatter as if each stood alone.
    """

    x_A: torch.Tensor
    y_A: torch.Tensor
    numbers: tuple[int, ...]
    strength: torch.Tensor
    u_iso_A2: torch.Tensor
    place: torch.Tensor
    spacing_A: torch.Tensor


def columns(
    x_A: torch.Tensor | Sequence[float] | np.ndarray,
    y_A: torch.Tensor | Sequence[float] | np.ndarray,
    numbers: Sequence[int] | np.ndarray,
    n_atoms: torch.Tensor | Sequence[float] | np.ndarray | float = 1.0,
    u_iso_A2: torch.Tensor | Sequence[float] | np.ndarray | float = 0.0,
    place: torch.Tensor | Sequence[int] | np.ndarray | None = None,
    spacing_A: torch.Tensor | Sequence[float] | np.ndarray | float = 0.0,
    dtype: torch.dtype = torch.float32,
) -> Columns:
    """Columns from arrays of length N, each of one species where `place` is left out; see `Columns`.

    Raises:
        ValueError: the lengths differ.
    """
    count = len(numbers)

    def vector(name: str, value: torch.Tensor | Sequence[float] | np.ndarray | float) -> torch.Tensor:
        out = value.to(dtype) if isinstance(value, torch.Tensor) else torch.as_tensor(np.asarray(value), dtype=dtype)
        if out.ndim and out.shape != (count,):
            raise ValueError(f"{name} has shape {tuple(out.shape)}, but there are {count} atomic numbers")
        return out.expand(count)

    where = torch.arange(count) if place is None else torch.as_tensor(np.asarray(place), dtype=torch.long)
    if where.shape != (count,):
        raise ValueError(f"place has shape {tuple(where.shape)}, but there are {count} atomic numbers")
    return Columns(
        vector("x_A", x_A),
        vector("y_A", y_A),
        tuple(int(z) for z in numbers),
        vector("n_atoms", n_atoms),
        vector("u_iso_A2", u_iso_A2),
        where,
        vector("spacing_A", spacing_A),
    )


@dataclass(frozen=True)
class Grid:
    """The image and the margin around it in which atoms still count; Fourier space is that of the whole.

    Args:
        shape: rows, columns of the image.
        pixel_A: pixel size, Å.
        margin_A: width of the margin, Å, on every side; opposite sides touch beyond it.
    """

    shape: tuple[int, int]
    pixel_A: float
    margin_A: float = 2.5

    @property
    def margin(self) -> int:
        """The margin in pixels."""
        return math.ceil(self.margin_A / self.pixel_A)

    @property
    def full(self) -> tuple[int, int]:
        """Rows, columns of the whole."""
        rows, width = (fft.next_fast_len(n + 2 * self.margin, True) for n in self.shape)
        return rows, width

    def frequencies(self, limit: float) -> tuple[np.ndarray, np.ndarray]:
        """Frequencies along y and along x in 1/Å, in the order of `rfft2`, up to `limit` (1/Å) or Nyquist's."""
        gy, gx = (f(n, self.pixel_A) for f, n in zip((np.fft.fftfreq, np.fft.rfftfreq), self.full, strict=True))
        return gy[np.abs(gy) <= limit], gx[gx <= limit]

    def inverse(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Real space, with the margin, of a spectrum on `frequencies`: per Å^2, its integral the value at 0."""
        rows, width = self.full
        high = (spectrum.shape[0] + 1) // 2
        low = spectrum.shape[0] - high
        half = spectrum.new_zeros((rows, width // 2 + 1))
        half[:high, : spectrum.shape[1]] = spectrum[:high]
        if low:
            half[-low:, : spectrum.shape[1]] = spectrum[high:]
        return torch.fft.irfft2(half, s=self.full) / self.pixel_A**2

    def cut(self, whole: torch.Tensor) -> torch.Tensor:
        """The image without its margin."""
        m = self.margin
        return whole[m : m + self.shape[0], m : m + self.shape[1]]


def structure_factors(
    atoms: Columns, labels: Sequence[Label], optics: Optics, grid: Grid, limit: float
) -> dict[Label, torch.Tensor]:
    """Sum of strength exp(-2 pi^2 u g^2 - 2 pi i g r) over the atoms of each label, on `grid.frequencies(limit)`."""
    gy, gx = (torch.as_tensor(g, dtype=atoms.x_A.dtype)[:, None] for g in grid.frequencies(limit))
    elapsed = atoms.y_A / (grid.pixel_A * grid.shape[0])  # share of the scan when it comes to the atom
    y = atoms.y_A + optics.drift_A[1] * elapsed + grid.margin * grid.pixel_A
    x = atoms.x_A + optics.drift_A[0] * elapsed + grid.margin * grid.pixel_A
    members: dict[Label, list[int]] = {}
    for i, label in enumerate(labels):
        members.setdefault(label, []).append(i)
    out = {}
    for label, which in members.items():
        at = torch.as_tensor(which)
        damp = -2.0 * math.pi**2 * atoms.u_iso_A2[at]
        rows = torch.polar(torch.exp(damp * gy**2), -2.0 * math.pi * gy * y[at]) * atoms.strength[at]
        across = torch.polar(torch.exp(damp * gx**2), -2.0 * math.pi * gx * x[at])
        out[label] = rows @ across.T
    return out


def aberration(optics: Optics, ky: torch.Tensor, kx: torch.Tensor) -> torch.Tensor:
    """The aberration function chi, rad, at frequencies (1/Å) along y and x that broadcast."""
    wavelength = wavelength_A(optics.energy_keV)
    square = kx**2 + ky**2
    angle = torch.as_tensor(optics.astigmatism_rad, dtype=square.dtype)
    twofold = torch.cos(2.0 * angle) * (kx**2 - ky**2) + torch.sin(2.0 * angle) * 2.0 * kx * ky
    focus = optics.astigmatism_A * twofold - optics.defocus_A * square
    return math.pi * wavelength * focus + 0.5 * math.pi * wavelength**3 * optics.cs_A * square**2


def probe_transfer(optics: Optics, grid: Grid, dtype: torch.dtype) -> torch.Tensor:
    """Optical transfer function of probe and source, 1 at 0, on `grid.frequencies` up to the aperture's diameter.

    The aperture's rim is one step of frequency wide, so that its area is right on any grid.

    Raises:
        ValueError: the pixels are too large for the probe, which must be sampled at twice its highest frequency.
    """
    edge = aperture_edge(optics)
    if 2.0 * edge > 0.5 / grid.pixel_A:
        most = 0.25 / edge
        raise ValueError(f"pixels of {grid.pixel_A:g} Å are too large: the probe needs {most:.3g} Å or less")
    ky, kx = (torch.as_tensor(np.fft.fftfreq(n, grid.pixel_A), dtype=dtype) for n in grid.full)
    step = 1.0 / (grid.pixel_A * max(grid.full))
    pupil = torch.clamp((edge - torch.hypot(ky[:, None], kx)) / step + 0.5, 0.0, 1.0)
    wave = torch.fft.ifft2(torch.polar(pupil, -aberration(optics, ky[:, None], kx)))
    spectrum = torch.fft.rfft2(wave.real**2 + wave.imag**2)
    gy, gx = grid.frequencies(2.0 * edge)
    high, low = (len(gy) + 1) // 2, len(gy) // 2
    spectrum = torch.cat([spectrum[:high, : len(gx)], spectrum[spectrum.shape[0] - low :, : len(gx)]])
    square = torch.as_tensor(gy[:, None] ** 2 + gx**2, dtype=dtype)
    return spectrum / spectrum[0, 0].real * source_transfer(optics, square)


def aperture_edge(optics: Optics) -> float:
    """Frequency of the aperture's rim, 1/Å."""
    return optics.aperture_mrad * 1e-3 / wavelength_A(optics.energy_keV)


def source_transfer(optics: Optics, square: torch.Tensor) -> torch.Tensor:
    """Transfer of the Gaussian source at squared frequencies, 1/Å^2."""
    return torch.exp(-2.0 * (math.pi / FWHM) ** 2 * optics.source_fwhm_A * optics.source_fwhm_A * square)
