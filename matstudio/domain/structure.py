"""Atoms as arrays: what the forward models see and what the inverse models reconstruct."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass(frozen=True)
class AtomicModel:
    """Atoms at one instant, each with a definite species; what a forward model images.

    Args:
        positions: (N, 3) Cartesian, Å; the beam runs along z.
        numbers: (N,) atomic numbers.
        cell: (3, 3) rows are the box vectors, Å.
        u_iso: (N,) mean square displacement of each atom along one axis that is not in `positions` already, Å^2
            (thermal blur of the exposure).
    """

    positions: np.ndarray
    numbers: np.ndarray
    cell: np.ndarray
    u_iso: np.ndarray


@dataclass(frozen=True)
class SiteModel:
    """Reconstructed sites with a probability of each species.

    Args:
        cell: (3, 3) rows are the box vectors, Å.
        positions: (N, 3) Cartesian, Å.
        species: element symbols, length K.
        occupancy: (N, K) in 0..1; a row sums to <= 1, the rest is vacancy.
        sigma: (N,) one standard deviation of the first species' occupancy.
    """

    cell: np.ndarray
    positions: np.ndarray
    species: tuple[str, ...]
    occupancy: np.ndarray
    sigma: np.ndarray

    def to_pymatgen(self) -> Structure:
        """The same sites as a disordered `pymatgen.core.Structure`."""
        from pymatgen.core import Lattice, Structure

        occupied = [
            {s: float(p) for s, p in zip(self.species, row, strict=True) if p > 1e-6}
            for row in np.round(self.occupancy, 6)
        ]
        return Structure(Lattice(self.cell), occupied, self.positions, coords_are_cartesian=True)
