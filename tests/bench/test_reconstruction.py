"""What the baselines and their fusion say of the twin's atoms, short of `matstudio bench reconstruction`."""

from __future__ import annotations

import numpy as np
import pytest

from matstudio.bench.reconstruction import LARGEST_SIGMA, Microscope, Sample, cases, scores, told

ORDERS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)


@pytest.fixture(scope="module")
def microscope() -> Microscope:
    return Microscope()


@pytest.fixture(scope="module")
def plain(microscope: Microscope) -> list[Sample]:
    return [microscope.sample(c) for c in cases(3, ORDERS)]


@pytest.fixture(scope="module")
def domains(microscope: Microscope) -> list[Sample]:
    return [microscope.sample(c) for c in cases(1, (0.1, 0.3, 0.5, 0.7, 1.0), antiphase=True)]


@pytest.mark.parametrize("name", [*LARGEST_SIGMA, "free energy"])
def test_errors_are_what_they_are_said_to_be(plain: list[Sample], name: str) -> None:
    found = scores(plain, name)
    assert found.missing == 0
    assert found.sigma <= LARGEST_SIGMA.get(name, 0.3)
    assert 0.6 < found.deviation < 1.4  # of 21 frames
    assert abs(found.mean) < 0.7
    assert found.worst < 4


def test_fusion_is_better_than_any_stream(plain: list[Sample]) -> None:
    error = {name: scores(plain, name).error for name in LARGEST_SIGMA}
    assert error["fused"] <= 1.1 * min(error["image"], error["diffraction"], error["spectrum"])
    assert error["fused"] < 0.003
    assert sum(bool(s.state.notes) for s in plain) <= 1


@pytest.mark.parametrize("name", [*LARGEST_SIGMA])
def test_antiphase_domains_keep_their_order(domains: list[Sample], name: str) -> None:
    found = scores(domains, name)
    assert found.missing == 0
    assert np.hypot(found.mean, found.deviation) < 1.8
    assert found.worst < 3.5


def test_antiphase_domains_are_said(domains: list[Sample]) -> None:
    for sample in domains:
        if sample.case.order >= 0.3:
            assert any("antiphase" in note for note in sample.estimates["image"].notes)
            assert any("antiphase" in note for note in sample.estimates["diffraction"].notes)
    ordered = domains[-1]
    alone = ordered.estimates["spectrum"].quantities["order_parameter"]
    informed = told(ordered, "spectrum")
    assert informed is not None
    assert abs(alone.value - ordered.order) > 4 * alone.sigma  # bonds across the boundaries
    assert abs(informed.value - ordered.order) < 2 * informed.sigma
