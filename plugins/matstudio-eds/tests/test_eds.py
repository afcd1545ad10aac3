"""The plugin by itself: lines, forward model, and what is found in spectra whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from matstudio_eds.forward import EdsForward
from matstudio_eds.lines import cross_section, fwhm, lines, named
from matstudio_eds.reconstruct import Baseline

from matstudio.domain.frame import Axis, Frame
from matstudio.domain.structure import AtomicModel

FORWARD = EdsForward()


def frame(shares, seed=0, forward=FORWARD, **facts):
    counts = np.random.default_rng(seed).poisson(forward.of_shares(shares)).astype(np.uint32)
    return Frame("eds", "eds", seed, counts, forward.axes(), 0.0, 0.5, "c", {**forward.metadata(), **facts})


def test_lines_have_the_tabulated_energies():
    found = {one.name: one.energy for one in named("Cu", 300.0, 250.0, 20_000.0)}
    assert found["Kα"] == pytest.approx(8041, abs=3)
    assert found["Kβ"] == pytest.approx(8904, abs=3)
    assert {one.family for one in lines("Au", 300.0)} == {"K", "L", "M"}


def test_no_line_without_the_energy_to_excite_it():
    assert {one.family for one in lines("Cu", 5.0)} == {"L"}
    assert cross_section(29, "K", 8979.0, 8.0) == 0.0


def test_resolution_is_that_of_the_detector_at_manganese():
    assert fwhm(5895.0) == pytest.approx(130.0)
    assert fwhm(277.0) < 70.0


def test_the_film_counts_only_by_its_composition():
    numbers = np.repeat([29, 79], [75, 25])
    atoms = AtomicModel(np.zeros((100, 3)), numbers, np.eye(3), np.zeros(100))
    np.testing.assert_allclose(FORWARD.expected(atoms), FORWARD.of_shares({29: 0.75, 79: 0.25}), rtol=1e-6)


def test_fractions_are_right_within_their_errors():
    z = []
    for seed in range(40):
        share = (0.05, 0.2, 0.25, 0.3)[seed % 4]
        quantities = Baseline()(frame({29: 1 - share, 79: share}, seed)).quantities
        z.append((quantities["composition"].value - share) / quantities["composition"].sigma)
        assert set(quantities) >= {"fraction_Cu", "fraction_Au", "energy_shift"}
    assert abs(np.mean(z)) < 0.5
    assert 0.7 < np.std(z) < 1.3


def test_elements_that_nobody_named_are_found_and_no_others():
    estimate = Baseline()(frame({8: 0.6, 22: 0.2, 38: 0.2}))
    found = {n.removeprefix("fraction_") for n in estimate.quantities if n.startswith("fraction_")}
    assert found == {"O", "Ti", "Sr"}
    assert "Ti Kα" in estimate.labels["lines"]
    assert len(estimate.labels["lines"]) == len(estimate.arrays["lines_eV"]) == len(estimate.arrays["lines_p"])


def test_an_axis_that_is_off_is_measured():
    shifted = frame({29: 0.75, 79: 0.25})
    axis = shifted.axes[0]
    moved = Frame(
        "eds",
        "eds",
        0,
        shifted.data,
        (Axis("Energy", "eV", axis.scale, -12.0, axis.size),),
        0,
        1,
        "c",
        shifted.metadata,
    )
    quantity = Baseline()(moved).quantities["energy_shift"]
    assert quantity.value == pytest.approx(-12.0, abs=5 * quantity.sigma)


def test_k_factors_of_a_real_detector_are_part_of_the_error():
    exact = Baseline()(frame({29: 0.75, 79: 0.25})).quantities["composition"]
    real = Baseline()(frame({29: 0.75, 79: 0.25}, k_factor_sigma=0.1)).quantities["composition"]
    assert real.sigma == pytest.approx(np.sqrt(2) * 0.1 * 0.75 * 0.25, rel=0.1)
    assert exact.sigma < real.sigma / 5


@pytest.mark.parametrize("level", [0.0, 20.0])
def test_background_alone_has_no_element(level):
    background = FORWARD._height * FORWARD._background * 29.0**2 + level
    data = np.random.default_rng(1).poisson(background).astype(np.uint32)
    flat = Frame("eds", "eds", 0, data, FORWARD.axes(), 0.0, 0.5, "c", FORWARD.metadata())
    estimate = Baseline()(flat)
    assert [n for n in estimate.quantities if n.startswith("fraction")] == []
    assert estimate.notes == ("no line above the noise",)


@pytest.mark.parametrize(
    ("data", "axis", "line"),
    [
        (np.zeros((8, 8)), None, "needs one dimension"),
        (np.full(128, np.nan), Axis("Energy", "eV", 10.0, 0.0, 128), "not finite"),
        (np.ones(128), Axis("Energy", "eV", 10.0, 0.0, 128), "every value"),
        (np.arange(128.0), Axis("x", "px", 1.0, 0.0, 128), "no rising energy"),
    ],
)
def test_what_is_no_spectrum_is_refused_in_one_line(data, axis, line):
    axes = (axis,) if axis else tuple(Axis(n, "px", 1.0, 0.0, 8) for n in "yx")
    with pytest.raises(ValueError, match=f"^EDS frame eds #0[^\n]*{line}[^\n]*$"):
        Baseline()(Frame("eds", "eds", 0, data, axes, 0.0, 0.5, "c"))
