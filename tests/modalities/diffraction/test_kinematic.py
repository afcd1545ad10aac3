"""Powder lines and zone-axis spots against independent codes, and against what symmetry demands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matstudio.modalities.diffraction.kinematic import powder_lines, powder_pattern, zone_spots

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pymatgen")


def rock_salt() -> Structure:
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.6402), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def test_lines_and_spots_agree_with_independent_codes(eval_data: Path) -> None:
    truth = json.loads((eval_data / "diffraction_truth.json").read_text())
    tolerance = truth["tolerance"]
    for name, crystal in truth["crystals"].items():
        structure = Structure.from_str(crystal["cif_P1"], fmt="cif")
        lines = powder_lines(structure, truth["wavelength_A"], tuple(truth["two_theta_range"]))
        for line in crystal["powder_top5"]:
            ours = min(lines, key=lambda x: abs(x.two_theta - line["two_theta_numpy"]))
            assert abs(ours.two_theta - line["two_theta_numpy"]) < tolerance["two_theta_deg"], name
            assert abs(ours.intensity - line["I_numpy_wk"]) < tolerance["powder_I_vs_numpy_wk"], (name, line)
            assert ours.multiplicity == line["mult"], (name, line)
        spots = zone_spots(structure, tuple(crystal["zone_axis"]))
        strongest = spots.intensity.max()
        for spot in crystal["saed"]:
            for hkl in spot["hkl"]:
                (i,) = np.flatnonzero((spots.hkl == hkl).all(axis=1))
                assert abs(spots.g[i] - spot["g"]) < 1e-5, (name, hkl)
                intensity = 100 * spots.intensity[i] / strongest
                assert abs(intensity - spot["I"]) < tolerance["saed_I_vs_numpy_mb"], (name, hkl)
                assert abs(intensity - spot["I_diffsims_lobato"]) < tolerance["saed_I_vs_lobato"], (name, hkl)


def test_face_centring_forbids_mixed_indices() -> None:
    lines = powder_lines(rock_salt())
    assert {line.hkl[0] for line in lines} >= {(1, 1, 1), (2, 0, 0), (2, 2, 0)}
    for line in lines:
        assert all(len({i % 2 for i in hkl}) == 1 for hkl in line.hkl)
    assert next(line for line in lines if line.hkl == ((2, 0, 0),)).d == pytest.approx(5.6402 / 2, rel=1e-6)


def test_pattern_holds_the_area_of_its_lines() -> None:
    two_theta = np.arange(10.0, 90.0, 0.01)
    pattern = powder_pattern(rock_salt(), two_theta, u_iso=0.0)
    lines = powder_lines(rock_salt(), two_theta=(10.0, 90.0))
    assert pattern.sum() * 0.01 == pytest.approx(sum(line.intensity for line in lines), rel=0.02)
    assert abs(two_theta[pattern.argmax()] - max(lines, key=lambda x: x.intensity).two_theta) < 0.011


def test_thermal_motion_weakens_high_angles_more() -> None:
    still, warm = (zone_spots(rock_salt(), (0, 0, 1), 1.5, u) for u in (0.0, 0.02))
    ratio = warm.intensity / np.maximum(still.intensity, 1e-12)
    strong = still.intensity > 1e-6 * still.intensity.max()
    np.testing.assert_allclose(ratio[strong], np.exp(-4 * np.pi**2 * 0.02 * still.g[strong] ** 2), rtol=1e-9)
