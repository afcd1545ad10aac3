"""A core-loss spectrum of any crystal structure."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.domain.structure import AtomicModel
from matstudio.modalities.spectrum.edges import LOSS_ONSET_EV, table
from matstudio.modalities.spectrum.forward import EelsForward

if TYPE_CHECKING:
    from pymatgen.core import Structure


def simulate(
    structure: Structure | str | Path,
    *,
    channels: int = 2048,
    dispersion: float | None = None,
    onset: float | None = None,
    resolution_eV: float = 0.8,
    height: float = 1e5,
    seed: int = 0,
) -> Frame:
    """The expected energy-loss spectrum of a crystal, without counting noise.

    A copper-gold crystal in a cell along x, y, z gives the spectrum of `EelsForward`, with the near edge of its own
    neighbours. Every other crystal gives the atomic cross-sections of its elements: a core loss excited with little
    momentum goes as (optical oscillator strength) / E, and that as the photoabsorption (Egerton, Electron Energy-Loss
    Spectroscopy in the Electron Microscope, 3rd ed., sections 3.2 and 3.6), taken from Elam, Ravel & Sieber, Radiat.
    Phys. Chem. 63, 121 (2002) through xraydb; no near-edge structure, on the power law of the valence losses.

    Args:
        structure: pymatgen structure, or a file that pymatgen reads (CIF, POSCAR, ...); may be disordered.
        channels: of the spectrometer.
        dispersion: eV per channel; by default 0.15 for copper-gold and 0.5 otherwise.
        onset: energy loss of the first channel, eV; by default 820 for copper-gold, otherwise 60 eV below the lowest
            K, L3 or M5 edge that lies between 160 and 2,000 eV.
        resolution_eV: full width at half maximum.
        height: counts a channel at the first channel (not for copper-gold).
        seed: of the species on sites that several share (copper-gold only).

    Raises:
        ValueError: no element has an edge between 160 and 2,000 eV and no onset is given.
    """
    if isinstance(structure, str | Path):
        from pymatgen.core import Structure

        structure = Structure.from_file(str(structure))
    symbols = {specie.symbol for site in structure for specie in site.species}
    matrix = structure.lattice.matrix
    upright = np.abs(matrix - np.diag(np.diag(matrix))).max() < 1e-6 * np.abs(matrix).max()
    if symbols == {"Cu", "Au"} and upright:
        forward = EelsForward(channels, dispersion or 0.15, 820.0 if onset is None else onset, resolution_eV)
        counts = forward.expected(_supercell(structure, seed))
        return _frame(structure, counts, forward.axes()[0], dict(forward.metadata()))
    first = _first_edge(symbols) - 60.0 if onset is None else onset
    axis = Axis("Energy loss", "eV", dispersion or 0.5, first, channels)
    counts = _atomic(structure, axis, resolution_eV, height)
    facts = {"mode": "EELS", "quantity": "electrons", "unit": "counts", "energy_resolution_eV": resolution_eV}
    return _frame(structure, counts, axis, facts)


def _first_edge(symbols: set[str]) -> float:
    onsets = [e.onset for e in table(False) if e.element in symbols and e.shell != "L1" and 160 < e.onset < 2000]
    if not onsets:
        raise ValueError(f"no edge of {', '.join(sorted(symbols))} between 160 and 2,000 eV: give an onset")
    return min(onsets)


def _supercell(structure: Structure, seed: int) -> AtomicModel:
    """At least 4,000 atoms, each of one species, in a box along x, y, z."""
    times = max(3, math.ceil((4000 / len(structure)) ** (1 / 3)))
    box = structure.copy()
    box.make_supercell([times] * 3)
    draw = np.random.default_rng(seed).random(len(box))
    numbers = np.empty(len(box), dtype=np.int64)
    for i, site in enumerate(box):
        species = list(site.species.items())
        limits = np.cumsum([amount for _, amount in species])
        chosen = min(int(np.searchsorted(limits, draw[i])), len(species) - 1)
        numbers[i] = species[chosen][0].Z
    return AtomicModel(box.cart_coords, numbers, box.lattice.matrix, np.zeros(len(box)))


def _atomic(structure: Structure, axis: Axis, resolution_eV: float, height: float) -> np.ndarray:
    import xraydb

    energy = np.maximum(axis.values, 60.0)
    total = np.zeros(axis.size)
    for element, amount in structure.composition.element_composition.items():
        symbol = element.symbol
        # an onset that differs from the binding energy moves the element's curve
        moved = next((t - xraydb.xray_edge(s, k).energy for (s, k), t in LOSS_ONSET_EV.items() if s == symbol), 0.0)
        cross_section = xraydb.mu_elam(symbol, np.maximum(energy - moved, 60.0)) * xraydb.atomic_mass(symbol)
        total += amount * cross_section / energy
    sigma = resolution_eV / math.sqrt(8 * math.log(2)) / axis.scale
    total = gaussian_filter1d(total, max(sigma, 0.5))
    valence = total[0] * (energy / energy[0]) ** -3.5
    return np.asarray(height * (total + valence) / (total[0] + valence[0]), dtype=np.float32)


def _frame(structure: Structure, data: np.ndarray, axis: Axis, facts: dict[str, Any]) -> Frame:
    facts = facts | {"instrument": "simulation", "formula": structure.composition.reduced_formula}
    return Frame("spectrum", Kind.SPECTRUM, 0, data, (axis,), 0.0, 0.0, "simulated", facts)
