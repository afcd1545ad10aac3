"""A HAADF image of any crystal structure."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matstudio.domain.frame import Frame, Kind
from matstudio.domain.structure import AtomicModel
from matstudio.modalities.image.forward import HaadfForward

if TYPE_CHECKING:
    from pymatgen.core import Structure


def simulate(
    structure: Structure | str | Path,
    *,
    shape: tuple[int, int] = (512, 512),
    pixel_A: float = 0.115,
    thickness_A: float = 60.0,
    u_iso: float = 0.006,
    seed: int = 0,
) -> Frame:
    """The expected HAADF image of a film seen along the cell's third vector, without counting noise.

    Args:
        structure: pymatgen structure, or a file that pymatgen reads (CIF, POSCAR, ...); may be disordered.
        shape: rows and columns.
        pixel_A: pixel size, Å.
        thickness_A: of the film, rounded up to whole cells.
        u_iso: mean square displacement along one axis of every atom, Å^2.
        seed: of the species on sites that several share.
    """
    if isinstance(structure, str | Path):
        from pymatgen.core import Structure

        structure = Structure.from_file(str(structure))
    forward = HaadfForward(shape, pixel_A)
    facts = dict(forward.metadata()) | {
        "instrument": "simulation",
        "formula": structure.composition.reduced_formula,
        "thickness_A": thickness_A,
    }
    film = _film(structure, max(shape) * pixel_A, thickness_A, u_iso, seed)
    return Frame("image", Kind.IMAGE, 0, forward.expected(film), forward.axes(), 0.0, 0.0, "simulated", facts)


def _film(structure: Structure, view_A: float, thickness_A: float, u_iso: float, seed: int) -> AtomicModel:
    """Atoms of one species each, the beam along z. A disordered film is drawn as wide as the view, up to 8 cells."""
    a, b, c = structure.lattice.matrix
    layers = max(1, math.ceil(thickness_A / float(np.linalg.norm(c))))
    wide = [1, 1] if structure.is_ordered else [min(8, math.ceil(view_A / float(np.linalg.norm(v)))) for v in (a, b)]
    cells = np.stack(np.meshgrid(*(np.arange(n) for n in (*wide, layers)), indexing="ij"), axis=-1).reshape(-1, 3)
    draw = np.random.default_rng(seed).random((len(structure), len(cells)))
    numbers, places = [], []
    for site, chance in zip(structure, draw, strict=True):
        species = list(site.species.items())
        which = np.searchsorted(np.cumsum([amount for _, amount in species]), chance)
        there = which < len(species)  # what is left of a partly occupied site is vacant
        numbers.append(np.array([specie.Z for specie, _ in species])[which[there]])
        places.append((site.frac_coords + cells[there]) @ structure.lattice.matrix)
    turn = _upright(a, c)
    box = np.array([a * wide[0], b * wide[1], c * layers]) @ turn
    number = np.concatenate(numbers)
    return AtomicModel(np.concatenate(places) @ turn, number, box, np.full(len(number), u_iso))


def _upright(a: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Rotation (to be applied from the right) that brings `c` to z and `a` into the plane of x and z."""
    z = c / np.linalg.norm(c)
    x = a - (a @ z) * z
    x = x / np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], axis=1)
