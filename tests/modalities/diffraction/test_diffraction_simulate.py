"""Patterns of structures, read back by the baseline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matstudio.domain.frame import Kind
from matstudio.domain.material import PROTOTYPES
from matstudio.modalities.diffraction.kinematic import powder_lines
from matstudio.modalities.diffraction.reconstruct import Baseline
from matstudio.modalities.diffraction.simulate import simulate


def cu3au(order: float = 1.0) -> Structure:
    alpha, beta = 0.25 + 0.75 * order, 0.25 - 0.25 * order
    species = [{"Au": a, "Cu": 1 - a} for a in (alpha, beta, beta, beta)]
    sites = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    return Structure(Lattice.cubic(3.748), [{k: v for k, v in s.items() if v > 0} for s in species], sites)


@pytest.mark.parametrize("order", [1.0, 0.6])
def test_pattern_of_a_partly_ordered_crystal_gives_its_order(order: float) -> None:
    material = PROTOTYPES["Cu3Au"]
    motion = {e.symbol: e.u_iso(300.0) for e in (material.majority, material.minority)}
    frame = simulate(cu3au(order), u_iso=motion)
    assert frame.kind is Kind.DIFFRACTION
    assert frame.data.dtype == np.float32
    assert frame.metadata["mode"] == "SAED"
    counted = np.random.default_rng(0).poisson(frame.data).astype(np.uint16)
    facts = dict(frame.metadata) | {"material": "Cu3Au", "stage_temperature_K": 300.0}
    estimate = Baseline()(replace(frame, data=counted, metadata=facts))
    assert estimate.quantities["order_parameter"].value == pytest.approx(order, abs=0.005)
    assert estimate.quantities["lattice_a"].value == pytest.approx(3.748, rel=3e-4)


def test_zone_axis_sets_the_net() -> None:
    silicon = Structure.from_spacegroup("Fd-3m", Lattice.cubic(5.4307), ["Si"], [[0, 0, 0]])
    estimate = Baseline()(simulate(silicon, zone=(1, 1, 0)))
    assert estimate.quantities["g1"].value == pytest.approx(np.sqrt(3) / 5.4307, rel=2e-3)  # 111
    assert estimate.quantities["gamma"].value == pytest.approx(70.53, abs=0.2)


def test_powder_pattern_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "Cu3Au.cif"
    cu3au().to(filename=str(path))
    frame = simulate(path, mode="XRD", two_theta=(20.0, 100.0))
    assert (frame.axes[0].units, frame.axes[0].offset, frame.axes[0].values[-1]) == ("°", 20.0, pytest.approx(100.0))
    assert frame.metadata["formula"] == "Cu3Au"
    counted = np.random.default_rng(1).poisson(20 * frame.data + 5)
    peaks = Baseline()(replace(frame, data=counted)).arrays["peaks"]
    strong = [line.two_theta for line in powder_lines(cu3au(), two_theta=(20.0, 100.0)) if line.intensity > 8]
    for place in strong:
        assert np.abs(peaks - place).min() < 0.03


def test_refusals() -> None:
    with pytest.raises(ValueError, match="mode"):
        simulate(cu3au(), mode="LEED")
    with pytest.raises(ValueError, match="zone"):
        simulate(cu3au(), zone=(0, 0, 0))
