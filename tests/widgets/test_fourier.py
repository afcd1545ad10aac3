"""Transforms: against numpy's, calibrated, of tiny and empty frames."""

from __future__ import annotations

import math

import numpy as np
import pytest

from matstudio.domain.frame import Axis
from matstudio.widgets.fourier import LARGEST, fourier, hann, middle, peak, pooled, reciprocal

RNG = np.random.default_rng(5)


def axes(rows: int, columns: int, units: str = "Å", scale: float = 0.1) -> tuple[Axis, Axis]:
    return Axis("y", units, scale, 3.0, rows), Axis("x", units, scale, -1.0, columns)


@pytest.mark.parametrize("shape", [(8, 8), (9, 7), (6, 11), (1, 9), (7, 1), (1, 2)])
def test_it_is_numpys_transform_with_the_zero_in_the_middle(shape: tuple[int, int]) -> None:
    data = RNG.random(shape)
    window = hann(shape[0])[:, None] * hann(shape[1])[None, :]
    expected = np.abs(np.fft.fftshift(np.fft.fft2((data - data.mean()) * window))) / window.sum()
    found = fourier(data, axes(*shape))
    assert found is not None
    assert found.magnitude.shape == shape
    floor = math.log10(expected.max()) - 5
    clipped = (np.maximum(a, floor) for a in (found.magnitude, np.log10(np.maximum(expected, 1e-30))))
    assert np.allclose(*clipped, atol=2e-2)


@pytest.mark.parametrize("dtype", ["?", "u1", "u2", "f4", "f8"])
def test_a_wave_stands_at_its_frequency_with_half_its_amplitude(dtype: str) -> None:
    y, x = np.mgrid[:128, :192] * 0.1
    wave = np.cos(2 * np.pi * (1.03 * x - 0.52 * y))
    data = (wave > 0) if dtype == "?" else (100 + 60 * wave).astype(dtype)
    found = fourier(data, axes(128, 192))
    assert found is not None
    row, column = found.axes
    assert (row.units, row.size, column.size) == ("1/Å", 128, 192)
    assert (row.values[64], column.values[96]) == pytest.approx((0, 0))
    at = (column.index(1.0), row.index(-0.5))
    place = peak(found, *at, reach=4)
    assert place is not None
    assert column.offset + column.scale * place[0] == pytest.approx(1.03, abs=0.2 * column.scale)
    assert row.offset + row.scale * place[1] == pytest.approx(-0.52, abs=0.2 * row.scale)
    if dtype != "?":
        assert 10 ** found.magnitude.max() == pytest.approx(30, rel=0.15)


def test_how_far_from_the_middle_there_is_more_than_noise() -> None:
    noise = RNG.normal(size=(128, 128))
    x = np.mgrid[:128, :128][1] * 0.1
    found = fourier(noise + np.cos(2 * np.pi * 1.25 * x), axes(128, 128))
    assert found is not None
    assert found.reach == pytest.approx(1.25 / 5, abs=0.03)
    alone = fourier(noise, axes(128, 128))
    assert alone is not None
    assert alone.reach == 1.0


def test_holes_count_as_the_mean_and_nothing_gives_nothing() -> None:
    _, x = np.mgrid[:64, :64] * 0.1
    data = 5 + np.cos(2 * np.pi * 1.25 * x)
    whole = fourier(data, axes(64, 64))
    data[10:14, 20:25] = math.nan
    data[40, 40] = math.inf
    found = fourier(data, axes(64, 64))
    assert whole is not None
    assert found is not None
    assert np.isfinite(found.magnitude).all()
    assert np.argmax(found.magnitude) == np.argmax(whole.magnitude)
    assert fourier(np.full((8, 8), math.nan), axes(8, 8)) is None
    assert fourier(np.full((8, 8), 7.0), axes(8, 8)) is None
    assert fourier(np.ones((1, 1)), axes(1, 1)) is None


def test_of_a_very_large_frame_the_middle_is_taken() -> None:
    data = np.zeros((6, LARGEST + 11), np.uint8)
    data[:, ::2] = 1
    found = fourier(data, axes(*data.shape))
    assert found is not None
    assert found.size == (6, LARGEST)
    assert middle(np.arange(10)[None, :], 4).tolist() == [[3, 4, 5, 6]]


def test_units_turn_over() -> None:
    assert [reciprocal(u) for u in ("Å", "1/Å", "px", "1/px", "1")] == ["1/Å", "Å", "1/px", "px", "1"]


@pytest.mark.parametrize("factor", [1, 2, 3, 7])
def test_the_greatest_of_each_block_is_kept(factor: int) -> None:
    data = RNG.random((10, 13)).astype(np.float32)
    small = pooled(data, factor)
    blocks = [[data[i : i + factor, j : j + factor].max() for j in range(0, 13, factor)] for i in range(0, 10, factor)]
    assert small.tolist() == np.array(blocks).tolist()


def test_beside_a_transform_there_is_no_peak() -> None:
    found = fourier(RNG.random((16, 16)), axes(16, 16))
    assert found is not None
    assert peak(found, 99, 0, 2) is None
    assert peak(found, 0, -3, 2) is None
    corner = peak(found, 0, 0, 2)
    assert corner is not None
    assert 0 <= corner[0] <= 2.5
