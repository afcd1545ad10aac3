import numpy as np
import pytest

from matstudio.instruments.twin.specimen import STATIC_RMS_A, Specimen

ORDERS = np.linspace(0, 1, 21)


@pytest.fixture(scope="module")
def specimen():
    return Specimen()


@pytest.mark.parametrize("composition", [0.22, 0.25, 0.28])
def test_fractions_are_as_asked_within_one_atom(composition):
    specimen = Specimen()
    for order in ORDERS[: -4 if composition != 0.25 else None]:
        specimen.set_state(order, composition)
        assert specimen.order_parameter() == pytest.approx(order, abs=1 / 4096)
        assert specimen.composition() == pytest.approx(composition, abs=0.5 / 16384 + 1e-12)


def test_atoms(specimen):
    specimen.set_state(1.0)
    atoms = specimen.atoms(300.0)
    assert atoms.positions.shape == (16384, 3)
    gold = atoms.numbers == 79
    assert gold.sum() == 4096
    np.testing.assert_allclose(np.diag(atoms.cell), 16 * 3.748)
    corner = np.round(atoms.positions[gold] / 3.748) * 3.748
    assert np.abs(atoms.positions[gold] - corner).max() < 0.1
    assert atoms.u_iso[gold].mean() == pytest.approx(145.55 * 300 / (196.967 * 165**2), rel=1e-6)
    hot = specimen.atoms(900.0, (1.0, -2.0))
    assert hot.cell[0, 0] / atoms.cell[0, 0] == pytest.approx(1 + 1.75e-5 * 600)
    np.testing.assert_allclose(
        hot.positions.mean(0) - atoms.positions.mean(0) - [-2.0, 1.0, 0.0],
        atoms.cell[0, 0] * 1.75e-5 * 600 / 2,
        rtol=0.05,
    )


def test_static_displacement_is_frozen_and_as_large_as_stated(specimen):
    specimen.set_state(0.2)
    before = specimen.atoms(300.0).positions
    specimen.set_state(0.9)
    np.testing.assert_array_equal(specimen.atoms(300.0).positions, before)
    off = before - 3.748 * specimen._cell_units
    assert np.sqrt((off**2).sum(1).mean()) == pytest.approx(STATIC_RMS_A, rel=0.02)


def test_no_atom_flickers_while_the_order_rises(specimen):
    specimen.set_state(0.0)
    first = previous = specimen.atoms(300.0).numbers
    changes = np.zeros(len(previous), int)
    for order in np.linspace(0, 1, 201):
        specimen.set_state(order)
        now = specimen.atoms(300.0).numbers
        changes += now != previous
        previous = now
    assert changes.max() == 1
    assert changes.sum() == (first != previous).sum() > 5000
    specimen.set_state(0.0)
    np.testing.assert_array_equal(specimen.atoms(300.0).numbers, first)


def test_near_sites_are_uncorrelated(specimen):
    specimen.set_state(0.4)
    gold = (specimen.atoms(300.0).numbers == 79).reshape(16, 16, 16, 4).astype(float)
    for site in range(4):
        own = gold[..., site] - gold[..., site].mean()
        for axis in range(3):
            r = (own * np.roll(own, 1, axis)).mean() / own.var()
            assert abs(r) < 4 / 64  # four standard errors of 4,096 pairs
    columns = gold[..., 0].sum(2)
    expected = 16 * 0.55 * 0.45
    assert columns.var() == pytest.approx(expected, rel=0.35)


def test_seed():
    first, same, other = Specimen(seed=3), Specimen(seed=3), Specimen(seed=4)
    for specimen in (first, same, other):
        specimen.set_state(0.5)
    a, b, c = (s.atoms(300.0) for s in (first, same, other))
    np.testing.assert_array_equal(a.numbers, b.numbers)
    np.testing.assert_array_equal(a.positions, b.positions)
    assert (a.numbers != c.numbers).any()


def columns_along_beam(specimen):
    """Au fraction of each site of the cells, averaged along the beam, (16, 16, 4)."""
    return (specimen.atoms(300.0).numbers == 79).reshape(16, 16, 16, 4).mean(2)


def test_antiphase_boundary_is_seen_along_the_beam(specimen):
    specimen.set_state(1.0)
    single = columns_along_beam(specimen)
    specimen.antiphase = True
    both = columns_along_beam(specimen)
    atoms = specimen.atoms(300.0)
    assert specimen.order_parameter() == 1.0
    specimen.antiphase = False
    np.testing.assert_array_equal(single[..., 0], 1.0)
    assert both[..., 0].mean() == both[..., 3].mean() == 0.5
    assert set(np.unique(both)) == {0.0, 1.0}
    x, y = np.nonzero(both[..., 3])
    assert (np.mod(x - y, 16) >= 8).all()
    assert (atoms.numbers == 79).sum() == 4096
    np.testing.assert_array_equal(columns_along_beam(specimen), single)
