"""Scattering factors, what a detector sees of an atom, channelling."""

import numpy as np
import pytest
import xraydb

from matstudio.modalities.image.channelling import transfer_ratio
from matstudio.modalities.image.potential import (
    cross_section_A2,
    detector_object_A2,
    interaction_constant,
    scattering_factor_A,
    z_exponent,
)

MOTT_A = 0.0239337  # m e^2 / (8 pi eps0 h^2), 1/Å


@pytest.mark.parametrize("number", range(1, 93))
def test_factors_agree_with_mott_and_bethe(number: int) -> None:
    g = np.array([0.4, 1.0, 2.0, 3.0, 4.0])
    s = g / 2
    xray = np.array([xraydb.f0(xraydb.atomic_symbol(number), at)[0] for at in s])
    assert scattering_factor_A(number, g) == pytest.approx(MOTT_A * (number - xray) / s**2, rel=0.03)


def test_interaction_constant() -> None:  # Kirkland, table 5.1 of the constant: 0.00729 and 0.01009 rad / (V Å)
    assert interaction_constant(200.0) == pytest.approx(7.29e-4, rel=2e-3)
    assert interaction_constant(80.0) == pytest.approx(1.009e-3, rel=2e-3)


def test_cross_section_is_rutherfords_at_high_angles() -> None:
    """Beyond the screening f = 4 MOTT Z / g^2, whose square has a closed integral."""
    low, high = 150e-3 / 0.02508, 400e-3 / 0.02508
    bare = (1.3914 * 0.02508 * 4 * MOTT_A * 6) ** 2 * np.pi * (low**-2 - high**-2)
    assert cross_section_A2(6, 200.0, (150.0, 400.0)) == pytest.approx(bare, rel=0.03)


def test_exponent_of_z_falls_with_the_inner_angle() -> None:
    found = [z_exponent(200.0, (inner, 300.0)) for inner in (20.0, 40.0, 80.0)]
    assert found == sorted(found)
    assert 1.4 < found[0] < 1.75
    assert 1.8 < found[2] < 2.0


def test_a_detector_near_the_cone_sees_more_than_from_a_parallel_beam() -> None:
    parallel, convergent = (detector_object_A2(6, np.zeros(1), 60.0, (60.0, 180.0), a)[0] for a in (0.0, 30.0))
    assert 1.05 < convergent / parallel < 1.3


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="atomic number 0"):
        scattering_factor_A(0, np.ones(1))
    with pytest.raises(ValueError, match="smaller half angle first"):
        detector_object_A2(6, np.zeros(1), 200.0, (90.0, 60.0))


def test_a_well_of_nothing_only_moves_the_focus() -> None:
    """So weak a column is a probe at its depths: at its mean depth in focus it is sharper than at the first atom."""
    g, ratio = transfer_ratio(((1, 5),), 100.0, 0.005, 200.0, 25.0, 200.0)
    assert ratio[0] == pytest.approx(1.0, abs=0.02)
    assert ratio[g < 1.0].max() > 1.2


def test_channelling_saturates_with_depth() -> None:
    """Gold along [110]: each further atom at first adds more than the one before, then less."""
    total = [n * transfer_ratio(((79, n),), 2.884, 0.0073, 200.0, 22.0)[1][0] for n in range(2, 21, 2)]
    gain = np.diff(total)
    assert gain[1] > gain[0] > 2.0
    assert gain[gain.argmax() :].min() < 0.5 * gain.max()
