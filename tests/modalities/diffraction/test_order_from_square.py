"""S from a noisy S^2: right far from zero, honest near it."""

from __future__ import annotations

import numpy as np
import pytest

from matstudio.modalities.order import order_from_square


def z_scores(order: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    pairs = [order_from_square(q, sigma) for q in order**2 + rng.normal(0, sigma, order.size)]
    return np.array([(s - true) / e for (s, e), true in zip(pairs, order, strict=True)])


def test_far_from_zero_it_is_the_root() -> None:
    s, sigma = order_from_square(0.64, 0.002)
    assert s == pytest.approx(0.8, abs=1e-5)
    assert sigma == pytest.approx(0.002 / 1.6, rel=1e-3)


@pytest.mark.parametrize("sigma", [0.0005, 0.013])
def test_errors_are_honest_over_all_orders(sigma: float) -> None:
    rng = np.random.default_rng(0)
    assert 0.9 < np.sqrt(np.mean(z_scores(rng.uniform(0, 1, 2000), sigma, rng) ** 2)) < 1.1
    for times in (0.0, 0.5, 1.0, 2.0, 5.0):  # of the root of the noise
        z = z_scores(np.full(600, times * np.sqrt(sigma)), sigma, rng)
        assert 0.6 < np.sqrt(np.mean(z**2)) < 1.5


def test_a_square_far_below_zero_is_no_order() -> None:
    s, sigma = order_from_square(-0.05, 0.01)
    assert 0 < s < 0.06
    assert 0.01 < sigma < 0.06
    assert np.isfinite(order_from_square(-10.0, 1e-4)).all()
