"""A reconstructed structure as a file that other programs read: CIF or extended XYZ.

    python -m matstudio.session.structure_file SITES.npz OUT.cif

writes in a process of its own what `pack` left: a million lines would hold up the window.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from matstudio import __version__
from matstudio.domain.structure import SiteModel

SUFFIXES = (".cif", ".xyz", ".extxyz")
_LEAST = 5e-4


def pack(model: SiteModel, path: Path) -> None:
    """Leave a structure where `main` finds it. Raises OSError."""
    np.savez(
        path,
        cell=model.cell,
        positions=model.positions,
        species=np.array(model.species, "U3"),
        occupancy=model.occupancy,
        sigma=model.sigma,
    )


def unpack(path: Path) -> SiteModel:
    """What `pack` left. Raises OSError, ValueError."""
    with np.load(path, allow_pickle=False) as found:
        species = tuple(str(s) for s in found["species"])
        return SiteModel(found["cell"], found["positions"], species, found["occupancy"], found["sigma"])


def write(model: SiteModel, path: Path) -> None:
    """Write CIF or extended XYZ, by the suffix; the file appears when it is whole.

    CIF: symmetry P1; a row for each species that is at a site, with its occupancy and for the first species one
    standard deviation (`_atom_site_occupancy_su`); what is missing to 1 is vacancy. Positions are fractions of the box,
    whose orientation is not kept. Extended XYZ: a row for each site, named by its likeliest species, then `occ_X` of
    every species and `sigma` of the first; box and positions as they are (the beam runs along z).

    Raises:
        ValueError: another suffix, or a box without volume.
        OSError: the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{path.name}: a structure is written as {', '.join(SUFFIXES)}")
    lines = cif(model) if suffix == ".cif" else extended_xyz(model)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def cif(model: SiteModel) -> Iterator[str]:
    """Lines of a CIF."""
    cell = np.asarray(model.cell, float)
    if not abs(np.linalg.det(cell)) > 1e-6:
        raise ValueError("the box has no volume: it cannot be written as CIF")
    lengths = np.linalg.norm(cell, axis=1)
    cosines = [cell[(k + 1) % 3] @ cell[(k + 2) % 3] / (lengths[(k + 1) % 3] * lengths[(k + 2) % 3]) for k in range(3)]
    yield "data_reconstruction\n"
    yield f"_audit_creation_method 'MatStudio {__version__}'\n"
    for name, length in zip("abc", lengths, strict=True):
        yield f"_cell_length_{name} {length:.6f}\n"
    for name, cosine in zip(("alpha", "beta", "gamma"), cosines, strict=True):
        yield f"_cell_angle_{name} {np.degrees(np.arccos(np.clip(cosine, -1, 1))):.6f}\n"
    yield "_symmetry_space_group_name_H-M 'P 1'\n_symmetry_Int_Tables_number 1\n"
    yield "loop_\n_symmetry_equiv_pos_as_xyz\n'x, y, z'\n"
    columns = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy", "occupancy_su")
    yield "loop_\n" + "".join(f"_atom_site_{name}\n" for name in columns)
    fractions = np.asarray(model.positions, float) @ np.linalg.inv(cell)
    occupancy, unknown = _rounded(model.occupancy)
    rows = zip(fractions.tolist(), occupancy.tolist(), np.asarray(model.sigma, float).tolist(), strict=True)
    for n, (place, row, sigma) in enumerate(rows, 1):
        at = f"{place[0]:.7f} {place[1]:.7f} {place[2]:.7f}"
        for k, (species, part) in enumerate(zip(model.species, row, strict=True)):
            if part >= _LEAST:
                doubt = f"{sigma:.4f}" if k == 0 and math.isfinite(sigma) else "."
                yield f"{species}{n} {species} {at} {part:.4f} {doubt}\n"
    if unknown:
        yield f"# {unknown} sites are left out: their occupancy is not known\n"


def extended_xyz(model: SiteModel) -> Iterator[str]:
    """Lines of an extended XYZ."""
    lattice = " ".join(f"{x:.8g}" for x in np.asarray(model.cell, float).ravel())
    columns = "".join(f":occ_{s}:R:1" for s in model.species)
    yield f"{len(model.positions)}\n"
    yield (
        f'Lattice="{lattice}" Properties=species:S:1:pos:R:3{columns}:sigma:R:1 pbc="T T T" '
        f'creator="MatStudio {__version__}"\n'
    )
    occupancy = np.nan_to_num(np.asarray(model.occupancy, float))
    best = np.argmax(occupancy, axis=1) if len(occupancy) else np.empty(0, int)
    there = occupancy.sum(axis=1) >= _LEAST
    table = np.c_[model.positions, model.occupancy, model.sigma].tolist()
    for k, known, row in zip(best.tolist(), there.tolist(), table, strict=True):
        x, y, z, *rest = row
        yield f"{model.species[k] if known else 'X'} {x:.6f} {y:.6f} {z:.6f} {' '.join(f'{v:.4f}' for v in rest)}\n"


def _rounded(occupancy: np.ndarray) -> tuple[np.ndarray, int]:
    """Occupancies with four decimals whose sum is at most 1 (a reader refuses more), and how many sites have none."""
    known = np.isfinite(occupancy).all(axis=1)
    rounded = np.round(np.clip(np.nan_to_num(np.asarray(occupancy, float)), 0, 1), 4)
    over = np.maximum(0.0, rounded.sum(axis=1) - 1)
    rounded[np.arange(len(rounded)), np.argmax(rounded, axis=1)] -= over
    return rounded, int(np.count_nonzero(~known))


def main(arguments: list[str]) -> int:
    """Write; what goes wrong is one line on stderr and the code 2."""
    source, target = (Path(a) for a in arguments)
    try:
        write(unpack(source), target)
    except (OSError, ValueError) as error:
        print(f"{target.name}: {error.strerror}" if isinstance(error, OSError) else error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
