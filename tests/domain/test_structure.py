import numpy as np
import pytest

from matstudio.domain.structure import SiteModel


def test_sites_become_a_disordered_pymatgen_structure():
    occupancy = np.array([[0.9, 0.1], [0.0, 1.0], [0.25, 0.5]])
    positions = np.array([[0.0, 0.0, 0.0], [1.874, 1.874, 0.0], [1.874, 0.0, 1.874]])
    sites = SiteModel(np.eye(3) * 3.748, positions, ("Au", "Cu"), occupancy, np.full(3, 0.02))
    structure = sites.to_pymatgen()
    assert structure.lattice.abc == pytest.approx((3.748,) * 3)
    np.testing.assert_allclose(structure.cart_coords, positions, atol=1e-9)
    found = [{e.symbol: p for e, p in site.species.items()} for site in structure]
    assert found == [{"Au": 0.9, "Cu": 0.1}, {"Cu": 1.0}, {"Au": 0.25, "Cu": 0.5}]  # what is left of a site is vacant
