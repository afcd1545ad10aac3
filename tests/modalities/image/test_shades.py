"""What columns are coloured by."""

from __future__ import annotations

import numpy as np
import pytest

from matstudio.domain.estimate import Estimate, Model
from matstudio.modalities.image.shades import BY, choices, shades
from matstudio.widgets.overlays import SCALES

N = 50
RNG = np.random.default_rng(0)


def estimate(**arrays: np.ndarray) -> Estimate:
    columns = RNG.uniform(0, 63, (N, 2))
    return Estimate("image", 0, 0.0, Model("m", "1", "0"), {}, {"columns": columns, **arrays})


FULL = estimate(
    columns_au=np.linspace(0, 1, N),
    order_map=np.full((4, 4), -0.7),
    columns_order=np.linspace(0, 1, N),
    columns_sigma=np.full((N, 2), 0.03),
    columns_strain=np.tile(np.array([0.02, -0.02, 0.0, np.nan], np.float32), (N, 1)),
)


def test_only_what_there_are_values_for_is_offered_and_all_of_that_is_shown():
    assert choices(FULL) == BY
    assert choices(estimate()) == ()
    assert choices(estimate(columns_sigma=np.ones((N, 2)))) == ("position σ",)
    assert {shades(FULL, by, 10.0).scale for by in BY} == set(SCALES)
    assert all(shades(estimate(), by, 10.0) is None for by in BY)


def test_the_ends_are_round_and_have_their_unit():
    assert [(s.low, s.high) for s in (shades(FULL, by, 11.5) for by in BY[3:6])] == [
        ("0 pm", "0.5 pm"),
        ("−2 %", "+2 %"),
        ("−2 %", "+2 %"),
    ]
    assert shades(FULL, "position σ", None).high == "0.05 px"
    assert shades(FULL, "rotation", 11.5).high == "+0.5°"


@pytest.mark.parametrize(("by", "value"), [("strain xx", 1.0), ("strain yy", 0.0), ("strain xy", 0.5), ("order", 0.7)])
def test_values_lie_where_the_scale_says(by: str, value: float):
    np.testing.assert_allclose(shades(FULL, by, 10.0).values, value, atol=1e-6)


def test_what_is_not_known_has_no_colour_and_arrays_of_another_length_are_left_out():
    assert np.isnan(shades(FULL, "rotation", 10.0).values).all()
    assert shades(estimate(columns_au=np.ones(N + 1)), "composition", 10.0) is None
    assert shades(estimate(columns_strain=np.ones((N, 3))), "strain xx", 10.0) is None


def test_an_end_that_roughly_fits_is_kept():
    first = shades(FULL, "strain xx", 10.0)
    weaker = estimate(columns_strain=np.full((N, 4), 0.012))
    assert shades(weaker, "strain xx", 10.0, first.end).end == 2.0
    faint = estimate(columns_strain=np.full((N, 4), 0.008))
    assert [shades(faint, "strain xx", 10.0, end).end for end in (first.end, 0.0)] == [2.0, 1.0]
    stronger = estimate(columns_strain=np.full((N, 4), 0.03))
    assert shades(stronger, "strain xx", 10.0, first.end).end == 5.0
