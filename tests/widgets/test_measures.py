"""Regions, lines and ranges: against numpy, and at the borders."""

from __future__ import annotations

import math

import numpy as np
import pytest

from matstudio.domain.frame import Axis
from matstudio.widgets.measures import cut, pixels, profile, region, span, statistics
from matstudio.widgets.text import significant

RNG = np.random.default_rng(3)


def axes(rows: int, columns: int, scale: float = 0.5, units: str = "Å", offset: float = 0.0) -> tuple[Axis, Axis]:
    return Axis("y", units, scale, offset, rows), Axis("x", units, scale, offset, columns)


@pytest.mark.parametrize("dtype", ["?", "u1", "u2", "i4", "f4", "f8", ">u2"])
def test_statistics_agree_with_numpy(dtype: str) -> None:
    values = RNG.poisson(100, (31, 17)).astype(dtype)
    found, wide = statistics(values), values.astype(float)
    assert (found.number, found.finite) == (values.size, values.size)
    assert (found.least, found.most, found.total) == (wide.min(), wide.max(), wide.sum())
    assert (found.mean, found.sigma) == pytest.approx((wide.mean(), wide.std()))


def test_what_is_not_finite_is_left_out_and_counted() -> None:
    values = np.array([1.0, math.nan, 3.0, math.inf, -math.inf])
    found = statistics(values)
    assert (found.number, found.finite, found.mean, found.sigma, found.total) == (5, 2, 2.0, 1.0, 4.0)
    nothing = statistics(np.full((2, 2), math.nan))
    assert nothing.finite == 0
    assert math.isnan(nothing.mean)
    assert math.isnan(nothing.total)


def test_large_sums_are_exact() -> None:
    assert statistics(np.full((1000, 1000), 60_001, np.uint16)).total == 60_001_000_000
    assert statistics(np.full(10**6, 0.1, np.float32)).mean == pytest.approx(0.1, rel=1e-6)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1.0, 3.0, slice(1, 4)),
        (3.2, 0.8, slice(1, 4)),
        (-9.0, 99.0, slice(0, 10)),
        (4.3, 4.4, slice(4, 5)),
        (20, 30, slice(0, 0)),
    ],
)
def test_pixels_between_two_coordinates(a: float, b: float, expected: slice) -> None:
    assert pixels(Axis("x", "px", 1.0, 0.0, 10), a, b) == expected


def test_a_region_has_whole_pixels_and_real_units() -> None:
    data = np.arange(80).reshape(8, 10)
    found = region(data, axes(8, 10), (0.9, 0.4), (2.1, 1.6))
    assert found is not None
    assert (found.rows, found.columns, found.height, found.width) == (3, 3, 1.5, 1.5)
    assert found.values.total == data[1:4, 2:5].sum()
    assert region(data, axes(8, 10), (50, 50), (60, 60)) is None
    row, column = Axis("y", "Å", -0.5, 3.5, 8), Axis("x", "Å", 0.5, 0.0, 10)
    part, (top, left) = cut(data, (row, column), (0.9, 3.1), (2.1, 1.9))
    assert part.tolist() == data[1:4, 2:5].tolist()
    assert (top.values.tolist(), left.values.tolist()) == ([3.0, 2.5, 2.0], [1.0, 1.5, 2.0])


def test_a_region_of_one_row() -> None:
    found = region(np.arange(6.0)[None, :], axes(1, 6), (0.4, -0.2), (1.6, 0.2))
    assert found is not None
    assert (found.rows, found.columns) == (1, 3)


def test_a_profile_follows_a_slope_and_has_real_units() -> None:
    y, x = np.mgrid[:40, :60]
    data = (3.0 * x + 2.0 * y).astype(np.float32)
    found = profile(data, axes(40, 60, 0.2), (1.0, 2.0), (7.0, 4.0), 5)
    assert found.length == pytest.approx(math.hypot(6, 2))
    assert (found.distance[0], found.distance[-1]) == pytest.approx((0, found.length))
    assert found.width == pytest.approx(1.0)
    along = np.linspace(0, 1, len(found.distance))
    assert found.values == pytest.approx(3 * (5 + 30 * along) + 2 * (10 + 10 * along), rel=1e-6)


def test_the_width_averages_across_the_line() -> None:
    data = np.zeros((21, 21))
    data[10] = 5.0
    one, five = (profile(data, axes(21, 21, 1.0), (2, 10), (18, 10), n).values for n in (1, 5))
    assert one == pytest.approx(5.0)
    assert five == pytest.approx(1.0)
    upright = profile(data, axes(21, 21, 1.0), (10, 2), (10, 18), 5).values
    assert upright.max() == pytest.approx(5.0)


def test_pixels_that_are_not_square_are_averaged_across_in_real_units() -> None:
    y, x = np.mgrid[:50, :50]
    row, column = Axis("y", "Å", 0.1, 0.0, 50), Axis("x", "Å", 0.4, 0.0, 50)
    data = 0.4 * x + 0.1 * y  # the same along every line across (1, 1)
    found = profile(data, (row, column), (6.0, 1.0), (8.0, 3.0), 3)
    assert found.length == pytest.approx(math.hypot(2, 2))
    assert found.values == pytest.approx(7 + 2**0.5 * found.distance)


def test_a_profile_beside_the_frame_and_over_holes_is_nan_there() -> None:
    data = np.ones((10, 10))
    data[:, 4] = math.nan
    found = profile(data, axes(10, 10, 1.0, "px"), (-5, 5), (9, 5))
    assert np.isnan(found.values[:4]).all()
    assert np.isnan(found.values[9])
    assert np.nanmax(found.values) == np.nanmin(found.values) == 1.0
    assert np.isfinite(found.values[10:]).all()
    assert found.units == "px"


def test_a_profile_of_no_length_of_one_row_and_of_mixed_units() -> None:
    point = profile(np.ones((5, 5)), axes(5, 5), (1, 1), (1, 1), 7)
    assert point.length == 0
    assert point.values == pytest.approx(1.0)
    row = profile(np.arange(9.0)[None, :], axes(1, 9, 1.0), (0, 0), (8, 0), 3)
    assert row.values == pytest.approx(np.arange(9.0))
    mixed = profile(np.ones((5, 5)), (Axis("t", "s", 2.0, 0, 5), Axis("x", "Å", 0.1, 0, 5)), (0, 0), (0.4, 8.0))
    assert mixed.units == "px"
    assert mixed.length == pytest.approx(math.hypot(4, 4))


def test_a_range_of_a_curve() -> None:
    x = np.linspace(0, 10, 101)
    y = np.exp(-((x - 4) ** 2))
    found = span(x, y, 7.0, 1.0)
    assert (found.low, found.high) == (1.0, 7.0)
    assert found.integral == pytest.approx(math.sqrt(math.pi), rel=1e-3)
    assert found.at == pytest.approx(4.0)
    assert found.values.number == 61
    falling = span(x[::-1], y[::-1], 1.0, 7.0)
    assert falling.integral == pytest.approx(found.integral)
    y[40] = math.nan
    holes = span(x, y, 1.0, 7.0)
    assert holes.values.finite == 60
    assert math.isfinite(holes.integral)
    assert math.isnan(span(x, y, 20, 30).integral)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (52.3149, "52.31"),
        (4905123.0, "4,905,123"),
        (-0.01234567, "−0.01235"),
        (123456.78, "123,500"),
        (1.5e-9, "1.500e−09"),
        (2.34e15, "2.340e+15"),
        (math.nan, "–"),
        (math.inf, "∞"),
    ],
)
def test_numbers_have_so_many_digits_as_count(value: float, text: str) -> None:
    assert significant(value) == text
