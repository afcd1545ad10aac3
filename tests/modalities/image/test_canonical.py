import numpy as np
import pytest

from matstudio.modalities.image.canonical import (
    PIXEL_A,
    binning,
    canonical,
    channels,
    from_canonical,
    smooth,
    to_canonical,
    white_noise,
)


def spots(xy_A: np.ndarray, pixel: float, size_A: float, counts: float = 1000.0, sigma_A: float = 0.45) -> np.ndarray:
    """Gaussian columns of `counts` each; the image's left edge lies at 0 Å."""
    at = (np.arange(round(size_A / pixel)) + 0.5) * pixel
    g = [np.exp(-0.5 * ((at[None] - c[:, None]) / sigma_A) ** 2) / (np.sqrt(2 * np.pi) * sigma_A) for c in xy_A.T]
    return counts * np.einsum("ny,nx->yx", g[1], g[0]) * pixel**2


@pytest.mark.parametrize("pixel", [0.02, 0.04, 0.05, 0.067, 0.1, 0.115, 0.25])
def test_an_image_at_any_pixel_size_becomes_the_same_canonical_one(pixel):
    xy = np.array([[4.03, 5.11], [6.5, 5.0], [8.27, 9.4]])
    seen = canonical(spots(xy, pixel, 13.0) + 50 * pixel**2, pixel)[5:120, 5:120]
    right = (spots(xy, PIXEL_A, 13.0) + 50 * PIXEL_A**2)[5:120, 5:120]
    assert np.abs(seen - right).max() < 0.01 * right.max()
    assert seen.sum() == pytest.approx(right.sum(), rel=2e-3)


@pytest.mark.parametrize("pixel", [0.04, 0.08, 0.2])
def test_noise_of_counts_has_the_density_of_their_mean(pixel):
    rng = np.random.default_rng(3)
    image = canonical(rng.poisson(40 * pixel**2 / 0.01, (round(40 / pixel),) * 2).astype(float), pixel)
    blocks = (
        image[: len(image) // 8 * 8, : len(image) // 8 * 8].reshape(len(image) // 8, 8, -1, 8).sum((1, 3))[2:-2, 2:-2]
    )
    assert blocks.mean() == pytest.approx(64 * 40, rel=0.01)
    assert blocks.var() == pytest.approx(64 * 40, rel=0.15)


def test_positions_go_there_and_back():
    xy = np.array([[0.0, 3.5], [100.2, 7.0]])
    assert np.allclose(from_canonical(to_canonical(xy, 0.13), 0.13), xy)
    assert to_canonical(np.array([[-0.5, 9.5]]), 0.2) == pytest.approx(np.array([[-0.5, 19.5]]))
    assert [binning(p) for p in (0.02, 0.04, 0.06, 0.07, 0.25)] == [5, 3, 2, 1, 1]


def test_white_noise_is_measured_below_columns_and_slopes():
    rng = np.random.default_rng(0)
    image = spots(rng.uniform(1, 12, (30, 2)), 0.1, 13.0) + np.arange(130)[None] * 0.5 + rng.normal(0, 2, (130, 130))
    assert white_noise(image) == pytest.approx(4, rel=0.12)


def test_the_local_mean_keeps_a_constant_and_a_slope_in_the_middle():
    slope = np.tile(np.arange(160.0, dtype=np.float32), (100, 1))
    assert np.allclose(smooth(slope)[:, 70:90], slope[:, 70:90], atol=0.2)
    assert np.allclose(smooth(np.full((50, 77), 3.0, np.float32)), 3.0, rtol=1e-5)


def test_channels_do_not_depend_on_gain_offset_or_polarity():
    rng = np.random.default_rng(1)
    image = canonical(rng.poisson(spots(rng.uniform(0, 13, (40, 2)), 0.1, 13.0) + 2).astype(float), 0.1)
    mean = float(image.mean())
    bright = channels(image, mean, 1)
    dark = channels(2 * mean - image, mean, -1)
    assert np.allclose(bright[1], dark[1], atol=1e-4)
    assert np.allclose(bright[2], dark[2], atol=1e-3)
    assert np.allclose(channels(7 * image, 49 * mean, 1)[2:], bright[2:], atol=1e-3)
    assert np.isfinite(bright).all()


def test_channels_of_pure_noise_hold_no_pattern_and_unit_noise():
    image = np.random.default_rng(2).poisson(3.0, (192, 192)).astype(np.float32)
    given = channels(image, 3.0, 1)
    assert not given[3:].any()
    assert np.sinh(given[0]).std() == pytest.approx(1, abs=0.05)
    assert np.sinh(given[2]).std() == pytest.approx(1, abs=0.15)
