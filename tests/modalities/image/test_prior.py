"""A lattice as prior knowledge: nearer to the truth with honest errors, and no order where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from matstudio.bench.dislocation import edge
from matstudio.modalities.image.fit import Columns, fit
from matstudio.modalities.image.prior import placed, shrunk

CELL = np.array([[20.0, 1.0], [-2.0, 24.0]])
SHAPE = (400, 420)


def lattice(origin: tuple[float, float] = (11.0, 13.0)) -> np.ndarray:
    index = np.stack(np.meshgrid(np.arange(-5, 30), np.arange(-5, 30)), -1).reshape(-1, 2)
    xy = index @ CELL + origin
    return xy[np.all((xy > 4) & (xy < np.array(SHAPE[::-1]) - 5), axis=1)]


def columns(true: np.ndarray, sigma: float, rng: np.random.Generator, amplitude: float = 100.0) -> Columns:
    n = len(true)
    return Columns(
        true + rng.normal(0, sigma, true.shape),
        np.full(n, amplitude),
        np.full(n, 4.0),
        np.full((n, 2), sigma),
        np.full(n, amplitude / 8),
    )


def test_in_a_perfect_crystal_errors_fall_below_half_and_are_told_as_they_are():
    true = lattice()
    for sigma in (0.3, 1.0, 2.0):
        z, ratio = [], []
        for seed in range(4):
            found = columns(true, sigma, np.random.default_rng(seed))
            xy, said, disorder = shrunk(found, CELL * 1.004)
            assert disorder < 0.5 * sigma
            z.append(((xy - true) / said).ravel())
            ratio.append((xy - true).std() / sigma)
        assert np.mean(ratio) < 0.5
        assert 0.8 < np.concatenate(z).std() < 1.25


def test_columns_that_are_out_of_place_by_chance_are_left_there():
    rng = np.random.default_rng(1)
    true = lattice() + rng.normal(0, 1.0, lattice().shape)
    xy, said, disorder = shrunk(columns(true, 0.2, rng), CELL)
    assert disorder == pytest.approx(1.0, rel=0.2)
    assert (xy - true).std() < 0.22
    assert 0.85 < ((xy - true) / said).std() < 1.15


def test_a_strained_crystal_is_no_disorder():
    true = lattice()
    true = true + 0.00004 * (true - 200) ** 2 * (1.0, -0.5)
    xy, said, _ = shrunk(columns(true, 1.0, np.random.default_rng(2)), CELL)
    assert (xy - true).std() < 0.55
    assert ((xy - true) / said).std() < 1.3


def test_at_a_boundary_where_the_crystal_is_shifted_no_column_is_drawn_to_the_other_side():
    true = lattice()
    shifted = true[:, 0] > 210
    true = true + np.where(shifted[:, None], CELL[0] / 2, 0)
    z = []
    for seed in range(20):
        xy = shrunk(columns(true, 1.0, np.random.default_rng(seed)), CELL)[0]
        near = np.abs(true[:, 0] - 215) < 22
        z.append((xy - true)[near])
    bias = np.mean(z, axis=0)
    assert np.abs(bias).mean() < 0.5


def test_at_the_core_of_a_dislocation_columns_stay_where_the_image_has_them():
    perfect, core = lattice(), np.array([201.0, 199.0])
    true = perfect + edge(perfect, core, CELL[0])
    near = np.hypot(*(true - core).T) < 2.5 * np.hypot(*CELL[0])
    found = [shrunk(columns(true, 0.5, np.random.default_rng(seed)), CELL)[0] - true for seed in range(24)]
    bias = np.mean(found, axis=0)[near]
    chance = np.var(found, axis=0)[near] / 24
    assert np.sqrt((bias**2 - chance).mean()) < 0.7 * 0.5
    far = np.hypot(*(true - core).T) > 8 * np.hypot(*CELL[0])
    assert np.std(found, axis=(0, 2))[far].mean() < 0.6 * 0.5, "far away the lattice helps"


def image(true: np.ndarray, amplitude: np.ndarray, seed: int) -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    expected = np.full(SHAPE, 0.05)
    for (cx, cy), a in zip(true, amplitude, strict=True):
        near = (slice(max(0, int(cy) - 20), int(cy) + 21), slice(max(0, int(cx) - 20), int(cx) + 21))
        expected[near] += a / 100.5 * np.exp(-((x[near] - cx) ** 2 + (y[near] - cy) ** 2) / 32)
    return np.random.default_rng(seed).poisson(expected).astype(float)


def fitted(data: np.ndarray, xy: np.ndarray) -> Columns:
    return fit(data, xy, np.full(len(xy), 4.0), sign=1, counts=True, rounds=4, length=30.0, hold=2.4)


def test_vacancies_stay_empty_and_are_told_and_columns_that_were_missed_are_added():
    true = lattice()
    inner = np.flatnonzero(np.all(np.abs(true - 205) < 140, axis=1))
    gone, missed, invented = inner[::9], inner[4::9], inner[::18]
    amplitude = np.full(len(true), 60.0)
    amplitude[gone] = 0
    data = image(true, amplitude, 3)
    given = np.setdiff1d(np.arange(len(true)), np.concatenate([np.setdiff1d(gone, invented), missed]))
    made = placed(fitted(data, true[given]), CELL, SHAPE, lambda xy: fitted(data, xy))
    assert cKDTree(made.columns.xy).query(true[gone])[0].min() > 8
    assert (cKDTree(made.columns.xy).query(true[missed])[0] < 3).mean() > 0.9
    assert len(made.vacancies) == pytest.approx(len(gone), abs=1)
    assert (cKDTree(made.vacancies).query(true[gone])[0] < 3).mean() > 0.9
    assert made.led > 0.95


@pytest.mark.parametrize("count", [0, 1, 3, 30])
def test_where_nothing_repeats_nothing_changes(count):
    rng = np.random.default_rng(count)
    true = rng.uniform(10, 390, (count, 2))
    found = columns(true, 0.5, rng)
    made = placed(found, CELL, SHAPE, lambda xy: columns(xy, 0.5, rng))
    assert np.array_equal(made.columns.xy, found.xy)
    assert np.array_equal(made.columns.sigma_xy, found.sigma_xy)
    assert not len(made.vacancies)
