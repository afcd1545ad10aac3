"""Strain from columns: exact fields, errors, defects."""

from __future__ import annotations

import numpy as np

from matstudio.modalities.image.strain import strain

BASIS = np.array([[30.0, 2.0], [-3.0, 28.0]])
SITES = np.array([[0.0, 0.0], [0.45, 0.5]])
RNG = np.random.default_rng(3)


def crystal(n: int = 14) -> np.ndarray:
    cells = np.stack(np.meshgrid(np.arange(n), np.arange(n)), -1).reshape(-1, 1, 2)
    return ((cells + SITES).reshape(-1, 2)) @ BASIS + 100.0


def sigma(xy: np.ndarray, value: float = 0.1) -> np.ndarray:
    return np.full(xy.shape, value)


def test_a_crystal_without_strain_has_none_and_gives_its_lattice():
    xy = crystal()
    found = strain(xy, sigma(xy), BASIS * 1.02)
    np.testing.assert_allclose(found.values, 0, atol=1e-10)
    np.testing.assert_allclose(found.basis, BASIS, rtol=1e-10)


def test_two_halves_strained_and_turned_against_each_other_show_it():
    xy = crystal()
    right = xy[:, 0] > np.median(xy[:, 0])
    change = np.array([[0.02, 0.011], [0.003, -0.01]])  # [a, c]: of displacement c along a
    moved = xy + np.where(right[:, None], (xy - np.median(xy[:, 0])) @ change, 0.0)
    found = strain(moved, sigma(xy), BASIS)
    middle = np.median(xy[:, 0])
    deep = [np.nanmedian(found.values[part], axis=0) for part in (xy[:, 0] > middle + 60, xy[:, 0] < middle - 60)]
    np.testing.assert_allclose(deep[0] - deep[1], (0.02, -0.01, 0.007, 0.004), atol=1e-3)


def test_errors_are_as_large_as_they_say():
    xy = crystal()
    error = sigma(xy) * (1, 2)
    z = []
    for _ in range(20):
        found = strain(xy + RNG.normal(size=xy.shape) * error, error, BASIS)
        z.append(found.values / found.sigma)
    np.testing.assert_allclose(np.nanstd(np.concatenate(z), axis=0), 1.0, atol=0.06)


def test_columns_without_neighbours_are_not_known_and_vacancies_do_no_harm():
    xy = np.concatenate([np.delete(crystal(), [100, 101, 102], axis=0), [[2000.0, 2000.0]]])
    found = strain(xy, sigma(xy), BASIS)
    assert np.isnan(found.values[-1]).all()
    assert np.isnan(found.sigma[-1]).all()
    assert np.isfinite(found.values[:-1]).mean() > 0.95
    np.testing.assert_allclose(found.values[np.isfinite(found.values)], 0, atol=1e-10)


def test_scattered_atoms_have_no_strain():
    xy = RNG.uniform(0, 3000, (40, 2))
    assert strain(xy, sigma(xy), BASIS) is None
    assert strain(xy[:3], sigma(xy[:3]), BASIS) is None
