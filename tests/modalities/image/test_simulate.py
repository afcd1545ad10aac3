import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matstudio.modalities.image.reconstruct import Baseline
from matstudio.modalities.image.simulate import simulate


def test_columns_lie_where_the_structure_has_them(tmp_path):
    path = tmp_path / "Cu3Au.cif"
    Structure.from_spacegroup("Pm-3m", Lattice.cubic(3.748), ["Au", "Cu"], [[0, 0, 0], [0, 0.5, 0.5]]).to(str(path))
    frame = simulate(path, shape=(256, 256))
    assert [a.units for a in frame.axes] == ["Å", "Å"]
    period = 3.748 / 0.115
    corner, face = frame.data[0, 0], frame.data[round(period / 2), round(period / 2)]
    assert corner / face == pytest.approx((79 / 29) ** 1.7, rel=0.15)  # Au over Cu column, 16 atoms each, on Z^1.7
    noisy = np.random.default_rng(0).poisson(frame.data).astype(np.uint16)
    estimate = Baseline()(type(frame)(**{**vars(frame), "data": noisy}))
    assert estimate.quantities["lattice_a"].value == pytest.approx(3.748, rel=0.03)


def test_a_half_empty_site_scatters_half():
    cell = Lattice.cubic(4.0)
    full = simulate(Structure(cell, ["Au"], [[0, 0, 0]]), shape=(128, 128)).data.sum()
    half = simulate(Structure(cell, [{"Au": 0.5}], [[0, 0, 0]]), shape=(128, 128)).data.sum()
    empty = simulate(Structure(cell, [{"Au": 1e-9}], [[0, 0, 0]]), shape=(128, 128)).data.sum()
    assert (half - empty) / (full - empty) == pytest.approx(0.5, abs=0.06)
