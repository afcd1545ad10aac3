import math

import pytest

from matstudio.domain.estimate import Estimate, Model, Quantity
from matstudio.domain.process import Quality, Reading
from matstudio.fusion.inverse_variance import combine, free_energy, fuse

MODEL = Model("baseline", "1", "0")


def estimate(stream: str, t: float, s: float, sigma: float) -> Estimate:
    return Estimate(stream, 1, t, MODEL, {"order_parameter": Quantity(s, sigma, "1")})


def test_combine_weights_by_inverse_variance():
    mean = combine([Quantity(1.0, 1.0, "1"), Quantity(2.0, 0.5, "1")])
    assert mean.value == pytest.approx((1 + 4 * 2) / 5)
    assert mean.sigma == pytest.approx(1 / math.sqrt(5))


def test_combine_widens_what_disagrees():
    mean = combine([Quantity(0.0, 0.01, "1"), Quantity(1.0, 0.01, "1")])
    assert mean.value == pytest.approx(0.5)
    assert mean.sigma == pytest.approx(0.5)  # half of the distance, not 0.007


@pytest.mark.parametrize("bad", [Quantity(math.nan, 0.1, "1"), Quantity(0.5, 0.0, "1"), Quantity(0.5, math.inf, "1")])
def test_combine_leaves_out_what_is_no_measurement(bad):
    assert combine([bad]) is None
    assert combine([bad, Quantity(0.3, 0.1, "1")]) == Quantity(0.3, pytest.approx(0.1), "1")


def test_old_estimates_do_not_count():
    state = fuse(
        {"image": estimate("image", 0.0, 0.1, 0.01), "spectrum": estimate("spectrum", 9.0, 0.9, 0.1)}, {}, 10.0
    )
    assert state.quantities["order_parameter"].value == pytest.approx(0.9)
    assert [r.stream for r in state.sources["order_parameter"]] == ["spectrum"]


def test_free_energy_carries_the_error_of_s():
    readings = {"temperature": Reading("temperature", 600.0, "K", 10.0)}
    narrow = fuse({"image": estimate("image", 10.0, 0.8, 0.01)}, readings, 10.0).quantities["free_energy"]
    wide = fuse({"image": estimate("image", 10.0, 0.8, 0.1)}, readings, 10.0).quantities["free_energy"]
    assert narrow.unit == "meV/atom"
    assert narrow.value == pytest.approx(wide.value)
    assert narrow.value < 0  # ordered below the transition: lower than disorder
    assert wide.sigma > 3 * narrow.sigma > 0


def test_a_bad_temperature_gives_no_free_energy():
    readings = {"temperature": Reading("temperature", math.nan, "K", 10.0, Quality.BAD)}
    state = fuse({"image": estimate("image", 10.0, 0.8, 0.01)}, readings, 10.0)
    assert "free_energy" not in state.quantities
    assert "temperature" not in state.quantities


def test_free_energy_is_finite_at_the_ends():
    for s in (-0.05, 0.0, 1.0, 1.05):
        q = free_energy({"order_parameter": Quantity(s, 0.05, "1"), "temperature": Quantity(600.0, 0.5, "K")})
        assert math.isfinite(q.value)
        assert math.isfinite(q.sigma)
