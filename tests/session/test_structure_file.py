"""Structures as CIF and extended XYZ, read back by programs that are not ours."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from matstudio.domain.structure import SiteModel
from matstudio.session.structure_file import pack, unpack, write

CELL = np.array([[9.0, 0.0, 0.0], [2.0, 8.0, 0.0], [1.0, 1.5, 10.0]])


def model(seed: int = 0) -> SiteModel:
    """Sites in a crooked box: pure, mixed, with vacancies, and with sums that rounding takes above 1."""
    rng = np.random.default_rng(seed)
    occupancy = rng.dirichlet((1, 1, 1), 20)[:, :2]
    occupancy[0], occupancy[1], occupancy[2] = (1, 0), (0, 1), (0.33335, 0.66665)
    return SiteModel(CELL, rng.uniform(0.05, 0.95, (20, 3)) @ CELL, ("Au", "Cu"), occupancy, rng.uniform(0, 0.2, 20))


def test_cif_keeps_partial_occupancies(tmp_path: Path) -> None:
    from pymatgen.core import Structure

    sites = model()
    write(sites, tmp_path / "s.cif")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = Structure.from_file(str(tmp_path / "s.cif"))
    assert len(found) == 20
    assert found.lattice.abc == pytest.approx(np.linalg.norm(CELL, axis=1), abs=1e-5)
    expected = sites.to_pymatgen()
    assert found.lattice.angles == pytest.approx(expected.lattice.angles, abs=1e-5)
    apart = found.lattice.get_all_distances(expected.frac_coords, found.frac_coords)
    same = apart.argmin(axis=1)
    assert apart.min(axis=1).max() < 1e-4
    assert sorted(same) == list(range(20))
    for n, k in enumerate(same):
        got = {str(s): p for s, p in found[int(k)].species.items()}
        for species, part in zip(("Au", "Cu"), sites.occupancy[n], strict=True):
            assert got.get(species, 0) == pytest.approx(part, abs=6e-4)


def test_ase_reads_the_cif_and_the_xyz(tmp_path: Path) -> None:
    from ase.io import read

    sites = model(1)
    write(sites, tmp_path / "s.cif")
    write(sites, tmp_path / "s.xyz")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        crystal = read(tmp_path / "s.cif")
    assert len(crystal) == 20
    assert crystal.cell.cellpar() == pytest.approx(read(tmp_path / "s.xyz").cell.cellpar(), abs=1e-5)
    atoms = read(tmp_path / "s.xyz")
    assert atoms.cell.array == pytest.approx(CELL)
    assert atoms.positions == pytest.approx(sites.positions, abs=1e-5)
    assert atoms.arrays["occ_Au"] == pytest.approx(sites.occupancy[:, 0], abs=1e-4)
    assert atoms.arrays["occ_Cu"] == pytest.approx(sites.occupancy[:, 1], abs=1e-4)
    assert atoms.arrays["sigma"] == pytest.approx(sites.sigma, abs=1e-4)
    assert atoms.get_chemical_symbols() == [("Au", "Cu")[k] for k in sites.occupancy.argmax(axis=1)]


def test_what_is_not_known_is_left_out_and_said(tmp_path: Path) -> None:
    sites = model()
    sites.occupancy[4] = np.nan
    write(sites, tmp_path / "s.cif")
    text = (tmp_path / "s.cif").read_text()
    assert "Au5 " not in text
    assert "Cu5 " not in text
    assert "# 1 sites are left out" in text
    write(sites, tmp_path / "s.xyz")
    assert (tmp_path / "s.xyz").read_text().splitlines()[6].startswith("X ")


def test_wrong_files_and_boxes_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="written as"):
        write(model(), tmp_path / "s.pdb")
    flat = SiteModel(np.diag([9.0, 9.0, 0.0]), np.zeros((1, 3)), ("Au",), np.ones((1, 1)), np.zeros(1))
    with pytest.raises(ValueError, match="no volume"):
        write(flat, tmp_path / "flat.cif")
    write(flat, tmp_path / "flat.xyz")
    assert [p.name for p in tmp_path.iterdir()] == ["flat.xyz"]


def test_the_process_writes_what_was_packed(tmp_path: Path) -> None:
    sites = model()
    pack(sites, tmp_path / "s.npz")
    again = unpack(tmp_path / "s.npz")
    assert again.species == sites.species
    assert (again.occupancy == sites.occupancy).all()
    command = [sys.executable, "-m", "matstudio.session.structure_file", str(tmp_path / "s.npz")]
    subprocess.run([*command, str(tmp_path / "s.cif")], check=True)
    assert (tmp_path / "s.cif").stat().st_size > 1000
    refused = subprocess.run([*command, str(tmp_path / "s.pdb")], capture_output=True, text=True)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
