"""Atoms to a selected-area electron diffraction pattern."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.fft import rfft2

from matstudio.domain.frame import Axis
from matstudio.domain.structure import AtomicModel
from matstudio.modalities.diffraction.scattering import electron_table

STRENGTH = 0.004
"""Fraction of the dose in a beam for |F| of 1 Å per atom; nominal, that of a film thin enough to be kinematic."""

_WIDTH = 5  # grid points that an atom is spread over, in each direction
_STEPS = 4096  # sub-grid positions tabulated


class SaedForward:
    """Kinematic diffraction of a film seen along z, with the film's own diffuse scattering.

    The box is periodic in x and y, and its projected potential has Fourier coefficients F(h, k) on the box's reciprocal
    lattice, far finer than the crystal's: Bragg spots, the Laue monotonic and short-range-order scattering between
    them, and the satellites of antiphase boundaries all come from the same sum over atoms. Each point then gets the
    spot's profile. F is a non-uniform fast Fourier transform: atoms are spread over a grid with the kernel of Barnett,
    Magland & af Klinteberg, SIAM J. Sci. Comput. 41, C479 (2019), relative error below 1e-3 of the strongest spot.

    Intensity of a point: strength x |sum_j f_j exp(-2 pi^2 u_j g^2) exp(-2 pi i g.r_j)|^2 / N^2, plus the Einstein
    model's thermal diffuse scattering sum_j f_j^2 (1 - exp(-4 pi^2 u_j g^2)). Scattering factors: `electron_factor`.
    Left out: dynamical scattering, and the curvature of the Ewald sphere (s_g t = 0.7 at 300 keV, 60 Å, g = 1.1 1/Å).

    Args:
        shape: detector rows and columns.
        scale: 1/Å per pixel.
        dose: electrons of one exposure (4e6 in 0.2 s are 3.2 pA).
        strength: fraction of the dose in a beam for |F/N| = 1 Å.
        central: fraction of the dose in the central beam.
        inelastic: fraction of the dose in the background (1/(g^2 + w^2), the small-angle law of inelastic scattering:
            Egerton, Electron Energy-Loss Spectroscopy in the Electron Microscope, 3rd ed., section 3.2).
        spot_px: standard deviation of a spot, pixels; 0 < spot_px.
        beam_energy_keV: for the metadata.
    """

    def __init__(
        self,
        shape: tuple[int, int] = (512, 512),
        scale: float = 0.0045,
        dose: float = 4e6,
        strength: float = STRENGTH,
        central: float = 0.18,
        inelastic: float = 0.20,
        spot_px: float = 1.5,
        beam_energy_keV: float = 300.0,
    ) -> None:
        self._axes = tuple(
            Axis(name, "1/Å", scale, -scale * (n // 2), n) for name, n in zip(("ky", "kx"), shape, strict=True)
        )
        self._dose, self._strength, self._spot = dose, strength, spot_px * scale
        self._metadata = {
            "mode": "SAED",
            "quantity": "electrons",
            "unit": "counts",
            "beam_energy_keV": beam_energy_keV,
            "dose_electrons": dose,
        }
        ky, kx = (a.values for a in self._axes)
        g2 = ky[:, None] ** 2 + kx[None, :] ** 2
        halo = 1.0 / (g2 + 0.05**2)
        beam = np.exp(-g2 / (2 * self._spot**2))
        self._static = (dose * (inelastic * halo / halo.sum() + central * beam / beam.sum())).astype(np.float32)
        self._kernel: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
        self._profiles: dict[tuple[float, float], tuple[np.ndarray, np.ndarray]] = {}

    def axes(self) -> tuple[Axis, ...]:
        """ky and kx in 1/Å; zero at the pixel size // 2."""
        return self._axes

    def metadata(self) -> Mapping[str, Any]:
        """Mode, unit, beam energy (keV) and dose (electrons an exposure)."""
        return self._metadata

    def background(self) -> np.ndarray:
        """Expected counts of the central beam and of inelastic scattering, float32, `shape`: no specimen needed."""
        return self._static

    def expected(self, atoms: AtomicModel) -> np.ndarray:
        """Expected counts of one exposure, float32, `shape`.

        Raises:
            ValueError: the box is not orthorhombic along x, y, z.
        """
        ly, lx = self._box(atoms.cell)
        profile_y, profile_x = self._render(ly, lx)
        n_y, n_x = (profile_y.shape[1] - 1) // 2, (profile_x.shape[1] - 1) // 2
        intensity = self._intensity(atoms, ly, lx, n_y, n_x)
        return profile_y @ intensity @ profile_x.T + self._static

    @staticmethod
    def _box(cell: np.ndarray) -> tuple[float, float]:
        lengths = np.diag(cell)
        if np.abs(cell - np.diag(lengths)).max() > 1e-6 * np.abs(cell).max() or lengths.min() <= 0:
            raise ValueError("the diffraction pattern needs a box with its edges along x, y and z")
        return float(lengths[1]), float(lengths[0])

    def _render(self, ly: float, lx: float) -> tuple[np.ndarray, np.ndarray]:
        """Matrices (pixels, 2 n + 1) that put the spot profile at each point of the box's reciprocal lattice."""
        key = (round(ly, 5), round(lx, 5))
        if key not in self._profiles:
            if len(self._profiles) > 4:
                self._profiles.clear()
            out = []
            for axis, length in zip(self._axes, (ly, lx), strict=True):
                k = axis.values
                n = math.ceil((np.abs(k).max() + 3 * self._spot) * length)
                x = (k[:, None] - np.arange(-n, n + 1)[None, :] / length) / self._spot
                step = axis.scale / (self._spot * math.sqrt(2 * math.pi))
                out.append((step * np.exp(-0.5 * x**2)).astype(np.float32))
            self._profiles[key] = (out[0], out[1])
        return self._profiles[key]

    def _intensity(self, atoms: AtomicModel, ly: float, lx: float, n_y: int, n_x: int) -> np.ndarray:
        """Counts at each point of the box's reciprocal lattice, (2 n_y + 1, 2 n_x + 1) float32, without the centre."""
        amounts = np.bincount(atoms.numbers)
        species = np.flatnonzero(amounts)
        which = np.zeros(len(amounts), dtype=np.int64)
        which[species] = np.arange(len(species))
        sums = self._fourier(atoms.positions, which[atoms.numbers], len(species), (ly, lx), (n_y, n_x))
        h_y, h_x = np.arange(-n_y, n_y + 1) / ly, np.arange(n_x + 1) / lx
        g2 = h_y[:, None] ** 2 + h_x[None, :] ** 2
        g = np.sqrt(g2)
        amplitude: Any = 0.0
        diffuse: Any = 0.0
        for i, z in enumerate(species):
            f = np.interp(g, *electron_table(int(z)))
            u = float(atoms.u_iso[atoms.numbers == z].mean())
            damping = np.exp(-2 * math.pi**2 * u * g2)
            amplitude = amplitude + (f * damping).astype(np.float32) * sums[i]
            diffuse = diffuse + amounts[z] * f**2 * (1 - damping**2)
        scale = self._dose * self._strength / len(atoms.numbers) ** 2
        half = scale * (amplitude.real**2 + amplitude.imag**2 + diffuse)
        half[n_y, 0] = 0.0
        return np.concatenate([half[::-1, :0:-1], half], axis=1).astype(np.float32)

    def _fourier(
        self, positions: np.ndarray, which: np.ndarray, kinds: int, box: tuple[float, float], n: tuple[int, int]
    ) -> np.ndarray:
        """sum_j exp(-2 pi i (h y_j / ly + k x_j / lx)) of each species, (kinds, 2 n_y + 1, n_x + 1) complex64."""
        size, cells, weights, undo = [], [], [], []
        for axis, length, m in zip((1, 0), box, n, strict=True):
            grid = _good_size(math.ceil(1.75 * (2 * m + 1)))
            table, spectrum = self._spread(grid, m)
            u = positions[:, axis] * (grid / length) - 0.5 * (_WIDTH - 2)
            first = np.floor(u)
            weights.append(table[((u - first) * _STEPS).astype(np.int64)])
            cells.append((first.astype(np.int64)[:, None] + np.arange(_WIDTH)) % grid)
            size.append(grid)
            undo.append(spectrum)
        rows = cells[0] * size[1] + (which * (size[0] * size[1]))[:, None]
        index = (rows[:, :, None] + cells[1][:, None, :]).ravel()
        weight = (weights[0][:, :, None] * weights[1][:, None, :]).ravel()
        density = np.bincount(index, weight, kinds * size[0] * size[1]).astype(np.float32)
        sums = rfft2(density.reshape(kinds, *size))[:, :, : n[1] + 1]
        sums = np.concatenate([sums[:, -n[0] :], sums[:, : n[0] + 1]], axis=1)
        return sums * (undo[0][:, None] * undo[1][None, n[1] :])

    def _spread(self, grid: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        """The kernel at each sub-grid position, (_STEPS, _WIDTH), and what undoes it at -n .. n."""
        key = (grid, n)
        if key not in self._kernel:
            beta = 0.97 * math.pi * _WIDTH * (1 - (2 * n + 1) / (2 * grid))

            def kernel(x: np.ndarray) -> np.ndarray:
                z = np.clip(1 - (2 * x / _WIDTH) ** 2, 0, None)
                return np.exp(beta * (np.sqrt(z) - 1))

            sub = (np.arange(_STEPS) + 0.5) / _STEPS
            table = kernel(np.arange(_WIDTH)[None, :] - sub[:, None] - 0.5 * (_WIDTH - 2))
            x = (np.arange(2000) + 0.5) / 2000 * _WIDTH - 0.5 * _WIDTH
            h = np.arange(-n, n + 1)
            transform = (kernel(x)[None, :] * np.cos(2 * math.pi * h[:, None] * x / grid)).sum(1) * (_WIDTH / 2000)
            self._kernel[key] = (table, (1 / transform).astype(np.float32))
        return self._kernel[key]


def _good_size(n: int) -> int:
    """The next size at which the fast Fourier transform is quick and even."""
    from scipy.fft import next_fast_len

    size = int(next_fast_len(n, real=True))
    while size % 2:
        size = int(next_fast_len(size + 1, real=True))
    return size
