"""HAADF images from atoms: the incoherent model.

A high-angle annular detector sees thermal diffuse scattering, which adds up atom by atom without interference, so that
an image of a thin film is the sum over its atoms of cross section times probe (Pennycook and Jesson, Ultramicroscopy 37
(1991) 14). Channelling along the columns is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy import fft

from matstudio.domain.frame import Axis
from matstudio.domain.structure import AtomicModel

Z_EXPONENT = 1.7  # between 1.64 (measured: Krivanek et al., Nature 464 (2010) 571) and 2 (bare Rutherford)
FWHM = 2.0 * math.sqrt(2.0 * math.log(2.0))  # of a Gaussian of unit standard deviation
_BOHR_A = 0.529177
_GOLD = 79
_TAIL = 4.3  # standard deviations beyond which an atom is not seen


def wavelength_A(energy_keV: float) -> float:
    """Relativistic wavelength of an electron, Å."""
    return 12.2643 / math.sqrt(energy_keV * 1e3 * (1.0 + 0.978476e-6 * energy_keV * 1e3))


def cross_section_A2(numbers: np.ndarray, energy_keV: float, collection_mrad: tuple[float, float]) -> np.ndarray:
    """Cross section for scattering into the annulus, Å^2, of each atomic number.

    Gold's comes from the screened (Wentzel) Rutherford formula, 4 gamma^2 Z^2 / a0^2 / (q^2 + 1/R^2)^2 per solid angle
    with R = 0.885 a0 Z^(-1/3) (Reimer, Transmission Electron Microscopy, 5th ed., section 5.1.3); the others from its
    ratio Z^1.7.
    """
    gamma = 1.0 + energy_keV / 510.999
    k = 2.0 * math.pi / wavelength_A(energy_keV)
    screen = (_GOLD ** (1 / 3) / (0.885 * _BOHR_A)) ** 2
    inner, outer = (2.0 * k * math.sin(0.5e-3 * angle) for angle in collection_mrad)
    gold = 4.0 * math.pi * (gamma * _GOLD / (_BOHR_A * k)) ** 2 * (1 / (inner**2 + screen) - 1 / (outer**2 + screen))
    return np.asarray(gold * (np.asarray(numbers, float) / _GOLD) ** Z_EXPONENT)


@dataclass(frozen=True)
class HaadfForward:
    """Expected HAADF counts of a film seen along z; x to the right, y down, (0, 0) Å the first pixel's centre.

    The film goes on as its box does: atoms are repeated along the first two box vectors. A count is an electron.

    Args:
        shape: rows, columns.
        pixel_A: pixel size, Å.
        dose_e_per_A2: electrons per Å^2 in one exposure (1e4: 56 pA at 10 Hz and 0.115 Å).
        beam_energy_keV: of the beam.
        probe_fwhm_A: full width at half maximum of the Gaussian probe, source size included, Å.
        collection_mrad: inner and outer half angle of the annular detector.
        background: fraction of the electrons that reach the detector where there is no film.
        zone_axis: crystal direction along the beam, for the metadata.
    """

    shape: tuple[int, int] = (512, 512)
    pixel_A: float = 0.115
    dose_e_per_A2: float = 1e4
    beam_energy_keV: float = 300.0
    probe_fwhm_A: float = 0.8
    collection_mrad: tuple[float, float] = (60.0, 200.0)
    background: float = 0.01
    zone_axis: tuple[int, int, int] = (0, 0, 1)

    def expected(self, atoms: AtomicModel) -> np.ndarray:
        """Expected counts, float32 of `shape`; within 1e-3 of the tallest peak of the exact sum of Gaussians.

        Atoms are spread over the pixels by a cubic B-spline, and the blur of probe and heat, divided by the spline's
        own, is applied in Fourier space (as particle-mesh Ewald does: Essmann et al., J. Chem. Phys. 103 (1995) 8577).
        """
        variance = (self.probe_fwhm_A / FWHM) ** 2 + atoms.u_iso
        weight = cross_section_A2(atoms.numbers, self.beam_energy_keV, self.collection_mrad)
        knots = _knots(variance)
        margin = math.ceil(_TAIL * math.sqrt(knots[-1]) / self.pixel_A)
        grid = (
            fft.next_fast_len(self.shape[0] + 2 * margin, True),
            fft.next_fast_len(self.shape[1] + 2 * margin, True),
        )
        index, x, y = self._visible(atoms, margin)
        weight, variance = weight[index], variance[index]
        total: np.ndarray | float = 0.0
        for k, knot in enumerate(knots):
            share = weight * np.interp(variance, knots, np.arange(len(knots)) == k)
            near = share > 0
            points = spread(x[near] + margin, y[near] + margin, share[near], grid)
            total = total + fft.rfft2(points) * transfer(grid, knot / self.pixel_A**2)
        blurred = fft.irfft2(total, s=grid)  # Å^2 that fall to each pixel; times dose, electrons
        signal = blurred[margin : margin + self.shape[0], margin : margin + self.shape[1]]
        dose = np.float32(self.dose_e_per_A2)
        vacuum = np.float32(self.background * self.pixel_A**2 * self.dose_e_per_A2)
        return np.maximum(signal * dose, 0, dtype=np.float32) + vacuum

    def axes(self) -> tuple[Axis, ...]:
        """y and x in Å."""
        return tuple(Axis(n, "Å", self.pixel_A, 0.0, s) for n, s in zip("yx", self.shape, strict=True))

    def metadata(self) -> Mapping[str, Any]:
        """What a frame of this signal carries."""
        return MappingProxyType(
            {
                "mode": "HAADF",
                "quantity": "counts",
                "unit": "counts",
                "polarity": 1,
                "beam_energy_keV": self.beam_energy_keV,
                "dose_e_per_A2": self.dose_e_per_A2,
                "pixel_size_A": self.pixel_A,
                "probe_fwhm_A": self.probe_fwhm_A,
                "collection_mrad": list(self.collection_mrad),
                "background_fraction": self.background,
                "zone_axis": list(self.zone_axis),
            }
        )

    def _visible(self, atoms: AtomicModel, margin: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Index, x and y (pixels) of every atom and repeat of it that the view and its margin hold."""
        box = np.asarray(atoms.cell[:2, :2], float) / self.pixel_A
        xy = atoms.positions[:, :2] / self.pixel_A
        low = -float(margin)
        high = np.array([self.shape[1], self.shape[0]]) - 1.0 + margin
        shifts = np.zeros((1, 2))
        if abs(np.linalg.det(box)) > 1e-9:
            inverse = np.linalg.inv(box)
            xy = xy - np.floor((xy - low) @ inverse) @ box  # into the box whose corner is the margin's
            corners = np.array([[0, 0], [high[0] - low, 0], [0, high[1] - low], high - low]) @ inverse
            first, last = np.floor(corners.min(0)).astype(int) - 1, np.ceil(corners.max(0)).astype(int)
            steps = np.mgrid[first[0] : last[0] + 1, first[1] : last[1] + 1].reshape(2, -1).T
            shifts = steps[_overlaps(steps, corners)] @ box
        index, xs, ys = [], [], []
        for shift in shifts:
            x, y = xy[:, 0] + shift[0], xy[:, 1] + shift[1]
            seen = np.flatnonzero((x >= low) & (x <= high[0]) & (y >= low) & (y <= high[1]))
            index.append(seen)
            xs.append(x[seen])
            ys.append(y[seen])
        return np.concatenate(index), np.concatenate(xs), np.concatenate(ys)


def _overlaps(steps: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Which boxes [i, i + 1) x [j, j + 1) can meet the bounding box of `corners` (fractional coordinates)."""
    return np.all((steps + 1 > corners.min(0)) & (steps <= corners.max(0)), axis=1)


def _knots(variance: np.ndarray) -> np.ndarray:
    """Variances whose transfers are computed; those between are interpolated, off by < 1e-4 of an atom's peak."""
    distinct = np.unique(variance) if len(variance) else np.ones(1)
    if len(distinct) <= 2:
        return distinct
    count = 2 + int((distinct[-1] - distinct[0]) / (0.025 * distinct[0]))
    return np.linspace(distinct[0], distinct[-1], min(count, 16))


def _spline(f: np.ndarray) -> np.ndarray:
    """The four weights of a cubic B-spline at fraction `f`, (4, N)."""
    g = 1.0 - f
    return np.stack([g**3, 3 * f**3 - 6 * f**2 + 4, 3 * g**3 - 6 * g**2 + 4, f**3]) / 6.0


def spread(x: np.ndarray, y: np.ndarray, weight: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Points spread over a periodic grid, float32."""
    ix, iy = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    wx, wy = _spline(x - ix), _spline(y - iy) * weight
    steps = np.arange(-1, 3)[:, None]
    row, column = (iy + steps) % grid[0] * grid[1], (ix + steps) % grid[1]
    flat = (row[:, None] + column[None]).ravel()
    out = np.bincount(flat, (wy[:, None] * wx[None]).ravel(), minlength=grid[0] * grid[1])
    return out.reshape(grid).astype(np.float32)


def transfer(grid: tuple[int, int], variance: float) -> np.ndarray:
    """Fourier transform of a Gaussian of `variance` (pixels^2) over that of the B-spline, for `rfft2`, float32."""
    fy, fx = fft.fftfreq(grid[0]), fft.rfftfreq(grid[1])
    rows, columns = (np.exp(-2.0 * (np.pi * f) ** 2 * variance) / np.sinc(f) ** 4 for f in (fy, fx))
    return np.outer(rows, columns).astype(np.float32)
