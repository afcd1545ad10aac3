"""Spectra of structures, read back by the baseline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matstudio.domain.frame import Frame, Kind
from matstudio.modalities.spectrum.reconstruct import Baseline
from matstudio.modalities.spectrum.simulate import simulate


def counted(frame: Frame, **facts: object) -> Frame:
    data = np.random.default_rng(0).poisson(frame.data).astype(np.uint32)
    return replace(frame, data=data, metadata=dict(frame.metadata) | facts)


@pytest.mark.parametrize(("order", "tolerance"), [(1.0, 0.02), (0.5, 0.06)])
def test_copper_gold_shows_its_order(order: float, tolerance: float) -> None:
    alpha, beta = 0.25 + 0.75 * order, 0.25 - 0.25 * order
    species = [{k: v for k, v in (("Au", a), ("Cu", 1 - a)) if v > 0} for a in (alpha, beta, beta, beta)]
    sites = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    frame = simulate(Structure(Lattice.cubic(3.748), species, sites), seed=1)
    assert frame.kind is Kind.SPECTRUM
    estimate = Baseline()(counted(frame, material="Cu3Au", composition=0.25))
    assert estimate.quantities["order_parameter"].value == pytest.approx(order, abs=tolerance)


def test_oxide_shows_its_elements() -> None:
    rutile = Structure.from_spacegroup(
        "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]
    )
    frame = simulate(rutile)
    assert (frame.axes[0].units, frame.data.shape) == ("eV", (2048,))
    assert {"Ti L3", "O K"} <= set(Baseline()(counted(frame)).labels["edges"])


def test_no_edge_in_reach_is_said() -> None:
    hydrogen = Structure(Lattice.cubic(3.0), ["H"], [[0, 0, 0]])
    with pytest.raises(ValueError, match="no edge of H"):
        simulate(hydrogen)
