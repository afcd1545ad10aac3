"""Fast Poisson counts against the law."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

from matstudio.modalities.noise import poisson


@pytest.mark.parametrize("mean", [0.0, 0.3, 5.0, 9.99, 10.0, 25.0, 400.0])
def test_has_the_poisson_law(mean: float) -> None:
    n = 400_000
    counts = poisson(np.full(n, mean, np.float32), np.random.default_rng(3)).astype(int)
    assert counts.mean() == pytest.approx(mean, abs=5 * np.sqrt(mean / n) + 1e-3)
    if mean == 0:
        return
    assert counts.var() == pytest.approx(mean, rel=0.012)
    assert stats.skew(counts) == pytest.approx(mean**-0.5, abs=0.02)
    k = np.arange(counts.max() + 1)
    measured, law = np.bincount(counts) / n, stats.poisson.pmf(k, mean)
    assert np.abs(measured - law).max() < 1.5e-3
    assert np.abs(np.cumsum(measured) - np.cumsum(law)).max() < 3e-3


def test_shape_type_and_seed() -> None:
    expected = np.random.default_rng(0).uniform(0, 40, (30, 50)).astype(np.float32)
    first, again = (poisson(expected, np.random.default_rng(7)) for _ in range(2))
    assert first.dtype == np.uint16
    assert first.shape == (30, 50)
    assert np.array_equal(first, again)
    large = poisson(np.full(10, 1e6), np.random.default_rng(0))
    assert large.dtype == np.uint32
    assert np.abs(large - 1e6).max() < 6000


@pytest.mark.parametrize("bad", [np.nan, -1.0, np.inf])
def test_refuses_what_is_no_mean(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        poisson(np.array([1.0, bad]), np.random.default_rng(0))


def test_speed() -> None:
    expected = np.random.default_rng(0).uniform(0, 100, (512, 512)).astype(np.float32)
    rng = np.random.default_rng(1)
    start = time.process_time()
    for _ in range(4):
        poisson(expected, rng)
    assert (time.process_time() - start) / 4 < 0.04
