"""The diffraction baseline: order, lattice and spots with honest errors, and clear refusals."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import rotate, shift

from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.domain.material import PROTOTYPES
from matstudio.modalities.diffraction.reconstruct import Baseline

ORDERS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0)


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    return Baseline()


def pattern(data: np.ndarray, **facts: object) -> Frame:
    axes = tuple(Axis(n, "px", 1.0, 0.0, s) for n, s in zip("yx", data.shape, strict=True))
    return Frame("file", Kind.DIFFRACTION, 1, data, axes, 0.0, 0.0, "file", facts)


def test_order_is_precise_and_its_error_honest(film, exposed, baseline: Baseline) -> None:
    rng = np.random.default_rng(11)
    z, sigmas, lattice_z = [], [], []
    for order in ORDERS:
        for repeat in range(5):
            temperature = rng.uniform(300, 900)
            atoms, own = film(order, temperature, seed=int(rng.integers(1 << 30)), exact=repeat > 0)
            estimate = baseline(exposed(atoms, temperature, rng))
            s, a = (estimate.quantities[name] for name in ("order_parameter", "lattice_a"))
            z.append((s.value - own) / s.sigma)
            sigmas.append(s.sigma)
            lattice_z.append((a.value - PROTOTYPES["Cu3Au"].a(temperature)) / a.sigma)
    assert max(sigmas) <= 0.03
    assert 0.8 <= np.std(z) <= 1.25
    assert abs(np.mean(z)) < 0.5
    assert np.abs(z).max() < 4.5
    assert np.abs(lattice_z).max() < 4


def test_what_an_estimate_holds(film, exposed, baseline: Baseline) -> None:
    atoms, _ = film(0.8)
    frame = exposed(atoms, 600.0, np.random.default_rng(1))
    estimate = baseline(frame)
    assert (estimate.stream, estimate.seq, estimate.t) == ("diffraction", 7, pytest.approx(1.1))
    assert estimate.model.name == "baseline"
    assert len(estimate.model.checksum) == 64
    assert estimate.quantities["lattice_a"].unit == "Å"
    spots, hkl = estimate.arrays["spots"], estimate.arrays["spots_hkl"]
    assert len(spots) == len(hkl) == len(estimate.arrays["spots_intensity"]) == len(estimate.arrays["spots_sigma"]) > 40
    a = atoms.cell[0, 0] / 16
    expected = 256 + hkl[:, :2] / (a * frame.axes[0].scale)
    strong = estimate.arrays["spots_intensity"] > 2000
    np.testing.assert_allclose(spots[strong], expected[strong], atol=0.15)
    off = np.abs(spots - expected)[strong] / estimate.arrays["spots_sigma"][strong]
    assert np.sqrt(np.mean(off**2)) < 2
    assert {(1, 0, 0), (2, 0, 0), (0, -1, 0), (1, 1, 0)} <= {tuple(i) for i in hkl}


def test_no_superlattice_spot_is_said(film, exposed, baseline: Baseline) -> None:
    estimate = baseline(exposed(film(0.0)[0], 600.0, np.random.default_rng(2)))
    assert "no superlattice spot above noise" in estimate.notes
    assert all(h % 2 == 0 and k % 2 == 0 for h, k, _ in estimate.arrays["spots_hkl"])


@pytest.mark.parametrize("order", [0.4, 1.0])
def test_antiphase_boundary_does_not_hide_order(film, exposed, baseline: Baseline, order: float) -> None:
    atoms, own = film(order, antiphase=True)
    estimate = baseline(exposed(atoms, 600.0, np.random.default_rng(3)))
    s = estimate.quantities["order_parameter"]
    assert abs(s.value - own) < max(4 * s.sigma, 0.03)
    assert any("antiphase" in note for note in estimate.notes)


@pytest.mark.parametrize("angle", [0.0, 8.0, 33.0])
def test_turned_and_shifted_pattern(film, exposed, baseline: Baseline, angle: float) -> None:
    atoms, own = film(0.7)
    frame = exposed(atoms, 600.0, None)
    turned = shift(rotate(frame.data.astype(float), angle, reshape=False), (4.3, -6.6))
    counts = np.random.default_rng(4).poisson(np.clip(turned, 0.1, None)).astype(np.uint16)
    estimate = baseline(replace(frame, data=counts))
    assert estimate.quantities["order_parameter"].value == pytest.approx(own, abs=0.01)
    assert estimate.quantities["lattice_a"].value == pytest.approx(atoms.cell[0, 0] / 16, rel=3e-4)


def test_low_dose_widens_the_error_and_saturation_does_no_harm(film, exposed, baseline: Baseline) -> None:
    atoms, own = film(0.8)
    sigmas = []
    for dose in (1e-3, 1e-2, 1.0, 10.0):
        s = baseline(exposed(atoms, 600.0, np.random.default_rng(5), dose)).quantities["order_parameter"]
        assert abs(s.value - own) < 4 * s.sigma
        sigmas.append(s.sigma)
    assert sigmas[0] > 2 * sigmas[1] > 4 * sigmas[2]
    burnt = baseline(exposed(atoms, 600.0, np.random.default_rng(5), 1000.0))
    assert "order_parameter" not in burnt.quantities
    assert any("saturate" in note for note in burnt.notes)


def test_noise_gives_no_order(exposed, film, baseline: Baseline) -> None:
    frame = exposed(film(0.0, cells=4)[0], 600.0, np.random.default_rng(6))
    for data in (np.random.default_rng(7).poisson(5, (512, 512)), np.eye(512, dtype=np.int64)):
        estimate = baseline(replace(frame, data=data.astype(np.uint16)))
        assert "order_parameter" not in estimate.quantities
        assert estimate.notes


def test_unknown_net_is_found() -> None:
    rng = np.random.default_rng(8)
    y, x = np.mgrid[:300, :400]
    centre, basis = np.array([203.4, 151.7]), np.array([[31.0, 9.0], [-4.0, 27.5]])
    image = np.full((300, 400), 3.0)
    for h in range(-8, 9):
        for k in range(-8, 9):
            at = centre + basis @ [h, k]
            image += 400 * np.exp(-np.hypot(h, k) / 3) * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 4.5)
    frame = pattern(rng.poisson(image).astype(np.uint16))
    scale = 0.01
    axes = tuple(Axis(a.name, "1/Å", scale, -scale * c, a.size) for a, c in zip(frame.axes, (152, 203), strict=True))
    estimate = Baseline()(replace(frame, axes=axes))
    lengths = sorted(np.linalg.norm(basis, axis=0) * scale)
    for name, length in zip(("g1", "g2"), lengths, strict=True):
        q = estimate.quantities[name]
        assert q.unit == "1/Å"
        assert abs(q.value - length) < 4 * q.sigma + 1e-5
    cosine = basis[:, 0] @ basis[:, 1] / np.prod(np.linalg.norm(basis, axis=0))
    gamma = estimate.quantities["gamma"]
    assert abs(gamma.value - np.degrees(np.arccos(cosine))) < 4 * gamma.sigma + 0.01
    np.testing.assert_allclose(estimate.arrays["centre"], centre, atol=0.05)
    assert "order_parameter" not in estimate.quantities


def test_powder_peaks_with_positions_and_errors(baseline: Baseline) -> None:
    rng = np.random.default_rng(9)
    axis = Axis("2theta", "°", 0.02, 10.0, 4000)
    places, heights = np.array([22.113, 31.427, 45.006, 45.9, 62.37]), np.array([300.0, 5000.0, 900.0, 1200.0, 150.0])
    z = []
    for _ in range(10):
        expected = 80 + 60 * np.exp(-axis.values / 30)
        for place, height in zip(places, heights, strict=True):
            expected = expected + height * np.exp(-0.5 * ((axis.values - place) / 0.08) ** 2)
        frame = Frame("file", Kind.DIFFRACTION, 0, rng.poisson(expected), (axis,), 0.0, 0.0, "file", {})
        estimate = baseline(frame)
        assert len(estimate.arrays["peaks"]) == len(places)
        z.append((estimate.arrays["peaks"] - places) / estimate.arrays["peaks_sigma"])
        areas = heights * 0.08 * np.sqrt(2 * np.pi)
        np.testing.assert_allclose(estimate.arrays["peaks_intensity"][:4], areas[:4], rtol=0.15)
    assert 0.6 < np.std(z) < 1.5


def test_refusals(baseline: Baseline) -> None:
    good = pattern(np.random.default_rng(0).poisson(5, (64, 64)))
    bad = {
        "not finite": pattern(np.full((64, 64), np.nan)),
        "dimensions": pattern(np.ones((64, 2))),
        "every value": pattern(np.zeros((64, 64), dtype=np.uint16)),
        "not numbers": pattern(np.zeros((64, 64), dtype=complex)),
    }
    axes = tuple(Axis(n, "px", 1.0, 0.0, 20) for n in "zyx")
    cube = Frame("file", Kind.DIFFRACTION, 1, np.ones((20, 20, 20)), axes, 0, 0, "file", {})
    for text, frame in {**bad, "one or two dimensions": cube}.items():
        with pytest.raises(ValueError, match=text) as error:
            baseline(frame)
        assert "\n" not in str(error.value)
    assert baseline(good).notes


def test_real_patterns_do_not_upset_it(real_data: Path, baseline: Baseline) -> None:
    tifffile = pytest.importorskip("tifffile")
    for path in sorted((real_data / "diffraction" / "electron_sim").glob("*.tif")):
        image = tifffile.imread(path)
        image = image[..., :3].mean(axis=-1) if image.ndim == 3 else image.astype(float)
        estimate = baseline(pattern(image))
        assert len(estimate.arrays["spots"]) == len(estimate.arrays["spots_sigma"])
    merlin = np.load(real_data / "diffraction" / "electron" / "merlin_expected_data.npy")
    baseline(pattern(merlin[tuple(0 for _ in merlin.shape[:-2])] if merlin.ndim > 2 else merlin))


def test_real_powder_pattern(real_data: Path, baseline: Baseline) -> None:
    path = real_data / "diffraction" / "xrd_bifeo3" / "BiFeO3.xy"
    table = np.array(
        [[float(v) for v in line.split()[:2]] for line in path.read_text().splitlines() if line[:1].isdigit()]
    )
    step = (table[-1, 0] - table[0, 0]) / (len(table) - 1)
    axis = Axis("2theta", "°", step, table[0, 0], len(table))
    estimate = baseline(Frame("file", Kind.DIFFRACTION, 0, table[:, 1], (axis,), 0.0, 0.0, "file", {}))
    peaks = estimate.arrays["peaks"]
    strongest = peaks[np.argmax(estimate.arrays["peaks_intensity"])]
    assert abs(strongest - table[np.argmax(table[:, 1]), 0]) < 0.5
    assert 10 < len(peaks) < 200


def test_is_quick(film, exposed, baseline: Baseline) -> None:
    frame = exposed(film(0.6)[0], 600.0, np.random.default_rng(10))
    times = []
    for _ in range(5):
        start = time.process_time()
        baseline(frame)
        times.append(time.process_time() - start)
    assert min(times) < 0.06
