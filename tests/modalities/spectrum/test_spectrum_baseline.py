"""The spectrum baseline: neighbours and order with honest errors, edges by name, clear refusals."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.domain.structure import AtomicModel
from matstudio.modalities.spectrum import edges
from matstudio.modalities.spectrum.background import power_law
from matstudio.modalities.spectrum.forward import EelsForward, NeighbourTable, neighbour_statistics
from matstudio.modalities.spectrum.reconstruct import Baseline

ORDERS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0)


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    return Baseline()


@pytest.fixture
def exposed(forward: EelsForward) -> Callable[..., Frame]:
    """A frame of the atoms as the instrument gives it; the energy axis is off by `error` eV."""

    def expose(atoms: AtomicModel, rng: np.random.Generator, error: float = 0.0, **facts: Any) -> Frame:
        (axis,) = forward.axes()
        counts = rng.poisson(forward.expected(atoms)).astype(np.uint32)
        known = dict(forward.metadata()) | {"material": "Cu3Au", "composition": 0.25} | facts
        axis = replace(axis, offset=axis.offset + error)
        return Frame("spectrum", Kind.SPECTRUM, 3, counts, (axis,), 2.0, 2.2, "test", known)

    return expose


def spectrum(data: np.ndarray, axis: Axis | None = None, **facts: Any) -> Frame:
    axis = axis or Axis("Energy loss", "eV", 0.5, 300.0, len(data))
    return Frame("file", Kind.SPECTRUM, 1, data, (axis,), 0.0, 0.0, "file", facts)


def test_order_is_precise_and_its_error_honest(alloy, exposed, baseline: Baseline) -> None:
    rng = np.random.default_rng(21)
    table = NeighbourTable()
    z, sigmas, neighbour_z, shift_z = [], [], [], []
    for order in ORDERS:
        for _ in range(6):
            atoms, own = alloy(order, seed=int(rng.integers(1 << 30)), temperature=rng.uniform(300, 900))
            error = rng.uniform(-0.4, 0.4)
            estimate = baseline(exposed(atoms, rng, error, composition=0.25 + rng.normal(0, 0.0005)))
            s, n, shift = (estimate.quantities[k] for k in ("order_parameter", "au_neighbours", "energy_shift"))
            z.append((s.value - own) / s.sigma)
            sigmas.append(s.sigma)
            neighbour_z.append((n.value - neighbour_statistics(atoms, table)[0]) / n.sigma)
            shift_z.append((shift.value - error) / shift.sigma)
    assert max(sigmas) <= 0.06
    assert 0.8 <= np.std(z) <= 1.25
    assert abs(np.mean(z)) < 0.5
    assert 0.75 <= np.std(neighbour_z) <= 1.3
    assert np.abs(shift_z).max() < 5


def test_what_an_estimate_holds(alloy, exposed, baseline: Baseline) -> None:
    frame = exposed(alloy(0.8)[0], np.random.default_rng(1))
    estimate = baseline(frame)
    assert (estimate.stream, estimate.seq, estimate.t) == ("spectrum", 3, pytest.approx(2.1))
    assert len(estimate.model.checksum) == 64
    assert estimate.labels["edges"][:2] == ("Cu L3", "Cu L2")
    np.testing.assert_allclose(estimate.arrays["edges_eV"][:2], [931, 951], atol=1.5)
    assert estimate.arrays["edges_p"][0] > 0.9
    energy = frame.axes[0].values
    expected = 1e5 * (energy / 931) ** -3
    np.testing.assert_allclose(estimate.arrays["background"], expected, rtol=0.02)
    step = estimate.quantities["cu_step"]
    assert step.value == pytest.approx(0.75 * 3e5, rel=0.02)


def test_another_material_gives_edges_only(alloy, exposed, baseline: Baseline) -> None:
    frame = exposed(alloy(0.5)[0], np.random.default_rng(2))
    facts = {k: v for k, v in frame.metadata.items() if k != "material"}
    estimate = baseline(replace(frame, metadata=facts))
    assert not estimate.quantities
    assert "Cu L3" in estimate.labels["edges"]
    assert len(estimate.arrays["background"]) == 2048


def test_wrong_near_edge_gives_no_order(exposed, alloy, baseline: Baseline) -> None:
    frame = exposed(alloy(0.5)[0], np.random.default_rng(3))
    energy = frame.axes[0].values
    spike = frame.data + (2e5 * np.exp(-0.5 * ((energy - 936) / 1.0) ** 2)).astype(np.uint32)
    estimate = baseline(replace(frame, data=spike))
    assert "order_parameter" not in estimate.quantities
    assert any("no order parameter" in note for note in estimate.notes)
    without = np.random.default_rng(4).poisson(1e5 * (energy / 931) ** -3).astype(np.uint32)
    estimate = baseline(replace(frame, data=without))
    assert not estimate.quantities
    assert estimate.labels["edges"] == ()


def test_power_law_is_recovered_and_not_bent_by_a_spike() -> None:
    rng = np.random.default_rng(5)
    energy = np.arange(300.0, 700.0, 0.5)
    true = 2000 * (energy / 300) ** -3.4
    z = []
    for _ in range(40):
        found = power_law(energy, rng.poisson(true), energy < 440)
        z.append(found[-1] / true[-1] - 1)
    assert abs(np.mean(z)) < 4 * np.std(z) / np.sqrt(40) + 2e-3
    counts = rng.poisson(true).astype(float)
    counts[100] += 3000
    spiked = power_law(energy, counts, energy < 440)
    assert spiked[-1] == pytest.approx(true[-1], rel=0.05)
    assert power_law(energy, np.zeros(len(energy)), energy < 440) is None


def test_edges_of_oxides_are_named(baseline: Baseline) -> None:
    energy = 350 + 0.25 * np.arange(2048)
    expected = 1e5 * (energy / 350) ** -3.0
    for onset, height, line in ((456, 1.0, 3.0), (462, 0.5, 3.0), (532, 0.6, 1.0)):
        step = 0.5 + np.arctan((energy - onset) / 0.4) / np.pi
        expected = expected + 2e4 * height * step * (
            (energy / onset) ** -3 + line * np.exp(-((energy - onset - 2) ** 2) / 4)
        )
    counts = np.random.default_rng(6).poisson(expected)
    estimate = baseline(spectrum(counts, Axis("Energy loss", "eV", 0.25, 350.0, 2048)))
    assert estimate.labels["edges"] == ("Ti L3", "Ti L2", "O K")
    np.testing.assert_allclose(estimate.arrays["edges_eV"], [456, 462, 532], atol=1.5)


def test_no_edge_in_a_bare_background(baseline: Baseline) -> None:
    energy = 300 + 0.5 * np.arange(1500)
    for seed in range(8):
        counts = np.random.default_rng(seed).poisson(5000 * (energy / 300) ** -3)
        estimate = baseline(spectrum(counts))
        assert estimate.labels["edges"] == ()
        assert estimate.notes == ("no edge above the noise",)


def test_company_names_an_edge() -> None:
    steps = [edges.Step(707.0, 50.0), edges.Step(720.0, 30.0), edges.Step(844.5, 20.0)]
    named = edges.name_steps(steps, 5.0, absorption=False)
    assert [s.name for s in named] == ["Fe L3", "Fe L2", "Fe L1"]
    nothing = edges.name_steps([edges.Step(1155.0, 50.0)], 3.0, absorption=False)[0]
    assert nothing.probability < 0.9


def test_absorption_edge(baseline: Baseline) -> None:
    axis = Axis("Energy", "eV", 2.0, 8800.0, 400)
    mu = 0.4 - 1e-4 * (axis.values - 8800) + 1.2 / (1 + np.exp(-(axis.values - 8982) / 2))
    mu += np.random.default_rng(7).normal(0, 0.003, 400)
    estimate = baseline(spectrum(mu, axis, mode="XAS", quantity="absorption", unit="1"))
    assert estimate.labels["edges"] == ("Cu K",)
    assert estimate.arrays["edges_eV"][0] == pytest.approx(8982, abs=4)
    flat = baseline(spectrum(np.random.default_rng(8).normal(1, 0.01, 400), axis, mode="XAS"))
    assert flat.notes == ("no absorption edge above the noise",)


def test_other_axes(baseline: Baseline) -> None:
    counts = np.random.default_rng(9).poisson(50, 400)
    assert "µs" in baseline(spectrum(counts, Axis("Time of flight", "µs", 1.0, 0.0, 400))).notes[0]
    assert "EDS" in baseline(spectrum(counts, Axis("Energy", "keV", 0.01, 0.0, 400), mode="EDS")).notes[0]
    powder = counts + (3000 * np.exp(-0.5 * ((np.arange(400) - 200) / 3.0) ** 2)).astype(int)
    peaks = baseline(spectrum(powder, Axis("2theta", "°", 0.1, 10.0, 400))).arrays["peaks"]
    assert peaks == pytest.approx([30.0], abs=0.1)


def test_refusals(baseline: Baseline) -> None:
    bad = {
        "not finite": spectrum(np.full(100, np.nan)),
        "channels": spectrum(np.ones(3)),
        "every value": spectrum(np.zeros(100, dtype=np.uint32)),
        "not numbers": spectrum(np.ones(100, dtype=complex)),
    }
    flat = tuple(Axis(n, "px", 1.0, 0.0, 20) for n in "yx")
    image = Frame("file", Kind.SPECTRUM, 1, np.ones((20, 20)), flat, 0, 0, "file", {})
    for text, frame in {**bad, "one dimension": image}.items():
        with pytest.raises(ValueError, match=text) as error:
            baseline(frame)
        assert "\n" not in str(error.value)


def test_real_strontium_titanate(real_data: Path, baseline: Baseline) -> None:
    from rsciio.digitalmicrograph import file_reader

    (signal,) = file_reader(str(real_data / "spectrum" / "eels" / "EELS_STO.dm3"))
    axis = signal["axes"][0]
    energy = Axis("Energy loss", axis["units"], float(axis["scale"]), float(axis["offset"]), axis["size"])
    estimate = baseline(spectrum(signal["data"], energy, mode="EELS"))
    found = dict(zip(estimate.labels["edges"], estimate.arrays["edges_eV"], strict=True))
    assert found["Ti L3"] == pytest.approx(456, abs=6)
    assert found["O K"] == pytest.approx(532, abs=10)
    before = energy.values < 445
    ratio = estimate.arrays["background"][before] / signal["data"][before]
    assert abs(np.median(ratio) - 1) < 0.03


def test_real_absorption_spectra(real_data: Path, baseline: Baseline) -> None:
    for name, expected in (("cu_metal_10K.xdi", "Cu K"), ("cu_metal_rt.xdi", "Cu K")):
        table = np.loadtxt(real_data / "spectrum" / "xdi_good" / name)
        grid = np.linspace(table[0, 0], table[-1, 0], len(table))
        axis = Axis("Energy", "eV", grid[1] - grid[0], grid[0], len(grid))
        estimate = baseline(spectrum(np.interp(grid, table[:, 0], table[:, -1]), axis, mode="XAS"))
        assert estimate.labels["edges"] == (expected,)


def test_is_quick(alloy, exposed, baseline: Baseline) -> None:
    frame = exposed(alloy(0.6)[0], np.random.default_rng(10))
    times = []
    for _ in range(5):
        start = time.process_time()
        baseline(frame)
        times.append(time.process_time() - start)
    assert min(times) < 0.03
