"""Atoms to a core-loss electron energy-loss spectrum at the Cu L2,3 edges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import erf, voigt_profile

from matstudio.domain.frame import Axis
from matstudio.domain.structure import AtomicModel

CENTRE, PARTNER, COORDINATION = 29, 79, 12
L3_EV, L2_EV, L1_EV = 931.0, 951.0, 1096.7
"""Onsets of Cu: L2,3 as in the EELS Atlas (Ahn & Krivanek, 1983), L1 as tabulated by xraydb."""

SHIFT_EV = 0.08
"""Shift of a Cu atom's edges for each Au neighbour, eV; nominal."""

WHITE_LINE_EV = (1.0, 0.4)
"""White-line area of a Cu atom without Au neighbours and its change for each, eV (in units of the step); nominal."""


def near_edge(energy: np.ndarray, neighbours: np.ndarray, resolution_eV: float, shift_eV: float = 0.0) -> np.ndarray:
    """Cu L1,2,3 of a Cu atom by its number of Au neighbours; the L3 continuum is a step of 1.

    Each of L3 and L2 is a step (the core hole's Lorentzian, integrated), falling as E^-3, and a white
    line on it; L2 has half of L3's height (their 2j + 1) and L1 is a step of a tenth. Core-hole widths: Krause &
    Oliver, J. Phys. Chem. Ref. Data 8, 329 (1979), as tabulated by xraydb.

    How it depends on the neighbours: a core level's shift linear in the number of unlike nearest neighbours is the
    linear charge model of disordered alloys (Underwood, Lane, Miller, Stoker & Cole, Phys. Rev. B 79, 024203, 2009);
    that copper's d count and with it its L2,3 near edge change when it is alloyed with gold: Kuhn & Sham, Phys. Rev. B
    49, 1647 (1994). Their sizes here, `SHIFT_EV` and `WHITE_LINE_EV`, are nominal: fit them to reference spectra of a
    real instrument.

    Args:
        energy: (M,) energy loss, eV.
        neighbours: (K,) numbers of Au neighbours, may be fractional.
        resolution_eV: full width at half maximum of the instrument, eV.
        shift_eV: error of the energy axis: how much higher than tabulated the edges appear, eV.

    Returns:
        (K, M), relative to the L3 continuum at its onset.
    """
    n = np.asarray(neighbours, dtype=float)[:, None]
    sigma = resolution_eV / math.sqrt(8 * math.log(2))
    area = WHITE_LINE_EV[0] + WHITE_LINE_EV[1] * n
    out = np.zeros((n.size, energy.size))
    for onset, hole, height in ((L3_EV, 0.56, 1.0), (L2_EV, 0.62, 0.5)):
        x = energy[None, :] - (onset + shift_eV + SHIFT_EV * n)
        out += height * (_step(x, hole, sigma) * (energy / onset) ** -3 + area * _line(x, hole, sigma))
    x = energy[None, :] - (L1_EV + shift_eV + SHIFT_EV * n)
    return out + 0.1 * _step(x, 3.06, sigma) * (energy / L1_EV) ** -3


def _step(x: np.ndarray, hole: float, sigma: float) -> np.ndarray:
    """An absorption step at 0: the integral of the hole's Lorentzian after the instrument's Gaussian, as a pseudo-Voigt
    (Thompson, Cox & Hastings, J. Appl. Cryst. 20, 79, 1987)."""
    gauss = sigma * math.sqrt(8 * math.log(2))
    width = 0.5346 * hole + math.sqrt(0.2166 * hole**2 + gauss**2)
    part = hole / width
    share = 1.36603 * part - 0.47719 * part**2 + 0.11116 * part**3
    lorentz = 0.5 + np.arctan(2 * x / width) / math.pi
    normal = 0.5 * (1 + erf(2 * math.sqrt(math.log(2)) * x / width))
    return np.asarray(share * lorentz + (1 - share) * normal)


def _line(x: np.ndarray, hole: float, sigma: float) -> np.ndarray:
    """A white line of area 1, 1.5 eV above the onset; its intrinsic width is the hole's and 1.2 eV of the band's."""
    return np.asarray(voigt_profile(x - 1.5, sigma, (hole + 1.2) / 2))


class EelsForward:
    """Core-loss EELS whose near edge is the sum of what each Cu atom shows with its own Au neighbours.

    expected = background(E) + height x sum over Cu atoms of `near_edge`(E, its Au neighbours) / number of atoms.
    Single scattering only: plural scattering counts as removed by deconvolution with the low-loss spectrum. Takes less
    than 1 ms once the neighbours are known.

    Args:
        channels: of the spectrometer.
        dispersion: eV per channel.
        onset: energy loss of the first channel, eV.
        resolution_eV: full width at half maximum.
        height: counts a channel of the L3 step for a film all of Cu atoms. The default is far more than a 60 Å film
            gives in 0.2 s (about 1,000 at 10 nA); it stands for the same atoms repeated through a thicker film and a
            longer exposure, and was chosen so that the order parameter shows in every spectrum.
        background: counts a channel at 931 eV, A (E / 931)^-r.
        exponent: r.
        beam_energy_keV: for the metadata.
    """

    def __init__(
        self,
        channels: int = 2048,
        dispersion: float = 0.15,
        onset: float = 820.0,
        resolution_eV: float = 0.8,
        height: float = 300000.0,
        background: float = 100000.0,
        exponent: float = 3.0,
        beam_energy_keV: float = 300.0,
    ) -> None:
        self._axis = Axis("Energy loss", "eV", dispersion, onset, channels)
        energy = self._axis.values
        self._background = background * (energy / L3_EV) ** -exponent
        self._templates = height * near_edge(energy, np.arange(COORDINATION + 1), resolution_eV)
        self._neighbours = NeighbourTable()
        self._metadata = {
            "mode": "EELS",
            "quantity": "electrons",
            "unit": "counts",
            "beam_energy_keV": beam_energy_keV,
            "energy_resolution_eV": resolution_eV,
        }

    def axes(self) -> tuple[Axis, ...]:
        """Energy loss in eV."""
        return (self._axis,)

    def metadata(self) -> Mapping[str, Any]:
        """Mode, unit, beam energy (keV) and energy resolution (eV, FWHM)."""
        return self._metadata

    def expected(self, atoms: AtomicModel) -> np.ndarray:
        """Expected counts of one exposure, float32, (channels,)."""
        counts = self._neighbours.counts(atoms)
        having = np.bincount(counts[atoms.numbers == CENTRE], minlength=COORDINATION + 1) / len(atoms.numbers)
        return (self._background + having @ self._templates).astype(np.float32)


class NeighbourTable:
    """Numbers of Au nearest neighbours; who neighbours whom is kept from call to call while it holds."""

    def __init__(self) -> None:
        self._table: np.ndarray | None = None
        self._sample = np.empty((0, COORDINATION), dtype=np.int64)
        self._atoms = np.empty(0, dtype=np.int64)
        self._cut = 0.0

    def counts(self, atoms: AtomicModel) -> np.ndarray:
        """Au atoms among the nearest neighbours of each atom, (N,) in 0..12; periodic in all three directions.

        Raises:
            ValueError: the box is not orthorhombic along x, y, z.
        """
        if self._table is None or not self._holds(atoms):
            self._build(atoms)
        assert self._table is not None
        partner = np.append(atoms.numbers == PARTNER, False)
        return partner.view(np.uint8)[self._table].sum(axis=1, dtype=np.int64)

    def _holds(self, atoms: AtomicModel) -> bool:
        """Whether a sample of the neighbours are still neighbours."""
        assert self._table is not None
        if len(self._table) != len(atoms.numbers):
            return False
        lengths = np.diag(atoms.cell)
        real = self._sample < len(atoms.numbers)
        apart = atoms.positions[np.where(real, self._sample, 0)] - atoms.positions[self._atoms][:, None, :]
        apart -= lengths * np.round(apart / lengths)
        return bool((np.linalg.norm(apart, axis=-1) < self._cut)[real].all())

    def _build(self, atoms: AtomicModel) -> None:
        lengths = np.diag(atoms.cell)
        if np.abs(atoms.cell - np.diag(lengths)).max() > 1e-6 * np.abs(atoms.cell).max() or lengths.min() <= 0:
            raise ValueError("the spectrum needs a box with its edges along x, y and z")
        tree = cKDTree(np.mod(atoms.positions, lengths), boxsize=lengths)
        distance, index = tree.query(tree.data, k=COORDINATION + 1)
        # a/sqrt(2) is the nearest, a the second nearest distance of an fcc crystal: cut half-way
        self._cut = 1.2 * float(np.median(distance[:, 1:5]))
        table = np.where(distance[:, 1:] < self._cut, index[:, 1:], len(atoms.numbers))
        self._table = table
        self._atoms = np.arange(0, len(table), max(1, len(table) // 64))
        self._sample = table[self._atoms]


def neighbour_statistics(atoms: AtomicModel, table: NeighbourTable | None = None) -> tuple[float, np.ndarray]:
    """How many Au nearest neighbours the Cu atoms have: their mean, and the number of Cu atoms with 0..12, (13,).

    Raises:
        ValueError: no Cu atom, or a box that is not orthorhombic along x, y, z.
    """
    counts = (table or NeighbourTable()).counts(atoms)[atoms.numbers == CENTRE]
    if counts.size == 0:
        raise ValueError("no Cu atom")
    return float(counts.mean()), np.bincount(counts, minlength=COORDINATION + 1)
