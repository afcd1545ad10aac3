"""Differentiable images: what must hold of them, their gradients, and an independent simulator's images."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from matstudio.bench.forward import correlations
from matstudio.modalities.image.imaging import abf, adf, draw_counts, expected_counts, hrtem
from matstudio.modalities.image.optics import Columns, Grid, Optics, columns
from matstudio.modalities.image.potential import cross_section_A2

GRID = Grid((40, 48), 0.1)
PROBE = Optics(200.0, aperture_mrad=22.0, source_fwhm_A=0.7, detector_mrad=(70.0, 200.0))
LENS = Optics(80.0, -90.0, -150000.0, aperture_mrad=math.inf, focal_spread_A=20.0, convergence_mrad=0.2)


def one(x: float = 2.3, y: float = 1.9, number: int = 14, n: float = 1.0) -> Columns:
    return columns([x], [y], [number], n, 0.006, dtype=torch.float64)


def test_an_atom_scatters_its_cross_section_where_it_is() -> None:
    image = adf(one(number=79), replace(PROBE, aperture_mrad=10.0), Grid((120, 120), 0.2, 0.0)).numpy()
    assert image.sum() * 0.04 == pytest.approx(cross_section_A2(79, 200.0, (70.0, 200.0)), rel=0.03)
    rows, across = np.mgrid[: image.shape[0], : image.shape[1]] * 0.2
    near = np.hypot(rows - 1.9, across - 2.3) < 1.5
    assert (image * across)[near].sum() / image[near].sum() == pytest.approx(2.3, abs=0.01)
    assert (image * rows)[near].sum() / image[near].sum() == pytest.approx(1.9, abs=0.01)


def test_images_of_columns_add_up_but_channelling_does_not() -> None:
    both = columns([1.0, 3.0], [1.0, 2.0], [14, 31], [3, 4], 0.006, dtype=torch.float64)
    parts = adf(one(1.0, 1.0, 14, 3.0), PROBE, GRID) + adf(one(3.0, 2.0, 31, 4.0), PROBE, GRID)
    assert torch.allclose(adf(both, PROBE, GRID), parts)
    spaced = columns([1.0, 3.0], [1.0, 2.0], [14, 31], [3, 4], 0.006, spacing_A=3.2, dtype=torch.float64)
    assert adf(spaced, PROBE, GRID).max() > 1.2 * parts.max()


def test_astigmatism_stretches_along_its_angle_and_defocus_blurs() -> None:
    middle = one(2.3, 1.9, 14)
    sharp = adf(middle, PROBE, GRID)
    assert adf(middle, replace(PROBE, defocus_A=80.0), GRID).max() < 0.9 * sharp.max()
    flat, steep = (
        adf(middle, replace(PROBE, defocus_A=60.0, astigmatism_A=40.0, astigmatism_rad=a), GRID)
        for a in (0.0, math.pi / 2)
    )
    ratio = float(flat[19, 30] / flat[26, 23])
    assert ratio == pytest.approx(float(steep[26, 23] / steep[19, 30]), rel=0.05)
    assert abs(ratio - 1) > 0.1


def test_drift_and_jitter_move_what_they_should() -> None:
    still = adf(one(), PROBE, GRID)
    drifted = adf(one(), replace(PROBE, drift_A=(1.0, 0.0)), GRID)
    moved = adf(one(2.3 + 1.9 / 4.0), PROBE, GRID)
    assert torch.allclose(drifted, moved, atol=1e-9)
    shift = torch.zeros(40, dtype=torch.float64)
    shift[19] = 0.3
    rows = adf(one(), replace(PROBE, row_shift_A=shift), GRID)
    assert torch.allclose(rows[18], still[18], atol=1e-12)
    assert torch.allclose(rows[19, 3:], still[19, :-3], atol=1e-6)


def test_bright_field_is_the_cones_share_less_what_is_scattered() -> None:
    optics = replace(PROBE, detector_mrad=(11.0, 22.0))
    image = abf(one(n=20.0), optics, GRID)
    assert float(image.max()) == pytest.approx(0.75, rel=0.02)
    assert image.argmin() == 19 * 48 + 23
    with pytest.raises(ValueError, match="must lie within 22 mrad"):
        abf(one(), PROBE, GRID)


def test_hrtem_keeps_its_electrons_and_shows_atoms_bright_at_negative_cs() -> None:
    assert torch.equal(hrtem(columns([], [], []), LENS, GRID), torch.ones(GRID.shape))
    wide = Grid((96, 96), 0.1, 0.0)
    perfect = Optics(80.0, -90.0, -150000.0, aperture_mrad=math.inf)
    image = hrtem(one(4.8, 4.8, 42), perfect, wide)
    assert float(image.mean()) == pytest.approx(1.0, abs=1e-9)  # a phase object absorbs nothing, a perfect lens neither
    assert hrtem(one(4.8, 4.8, 42), LENS, wide)[48, 48] > 1.05
    weak, full = (hrtem(one(4.8, 4.8, 1), LENS, wide, weak=w) for w in (True, False))
    assert torch.allclose(weak, full, atol=2e-3)


def test_counts() -> None:
    expected = expected_counts(torch.full((200, 200), 0.02), 1e4, 0.1, background=0.01)
    assert expected[0, 0].item() == pytest.approx(3.0)
    drawn = draw_counts(expected, torch.Generator().manual_seed(1))
    assert drawn.mean().item() == pytest.approx(3.0, abs=0.05)
    assert drawn.var().item() == pytest.approx(3.0, abs=0.15)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"pixels of 0\.4 Å are too large"):
        adf(one(), PROBE, Grid((32, 32), 0.4))
    with pytest.raises(ValueError, match=r"y_A has shape \(1,\), but there are 2 atomic numbers"):
        columns([1.0, 2.0], [1.0], [6, 6])


@pytest.mark.parametrize("make", [adf, abf, hrtem])
def test_gradients(make: Callable[[Columns, Optics, Grid], torch.Tensor]) -> None:
    grid = Grid((10, 12), 0.2, 0.4)

    def image(*leaves: torch.Tensor) -> torch.Tensor:
        x, y, strength, u, defocus, cs, astigmatism, angle, source, spread, drift = leaves
        atoms = columns(x, y, [14, 31, 14], strength, u, dtype=torch.float64)
        optics = Optics(
            200.0,
            defocus,
            cs,
            astigmatism,
            angle,
            22.0,
            source,
            (11.0, 22.0) if make is abf else (70.0, 200.0),
            spread,
            0.3,
            (drift, 0.1),
        )
        return make(atoms, optics, grid)

    values = [[0.7, 1.2, 1.6], [0.8, 1.1, 0.5], [3.0, 2.0, 1.2], [0.006, 0.005, 0.007]]
    leaves = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in [*values, 40.0, 2e5, 15.0, 0.4, 0.7]]
    leaves += [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (25.0, 0.2)]
    assert torch.autograd.gradcheck(image, leaves, eps=1e-6, atol=1e-7, rtol=1e-4)


def test_clean_images_of_another_simulator(eval_data: Path) -> None:
    """Correlation with the scenes; the floors hold off regressions, the figures stand in docs/scores.md."""
    floors = {"HAADF": 0.97, "MAADF": 0.99, "ABF": 0.92, "HRTEM": 0.90}
    for name, mode, found, _ in correlations(eval_data / "img_public.h5"):
        assert found > floors[mode], name
