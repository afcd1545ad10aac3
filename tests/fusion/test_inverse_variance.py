import math
from dataclasses import replace

import numpy as np
import pytest

from matstudio.domain.estimate import Estimate, FrameRef, Model, Quantity
from matstudio.domain.process import Quality, Reading
from matstudio.fusion.inverse_variance import combine, free_energy, fuse
from matstudio.fusion.order import with_boundaries

MODEL = Model("baseline", "1", "0")


def estimate(stream: str, t: float, s: float, sigma: float) -> Estimate:
    return Estimate(stream, 1, t, MODEL, {"order_parameter": Quantity(s, sigma, "1")})


def test_combine_weights_by_inverse_variance():
    mean, factor = combine([Quantity(1.0, 1.0, "1"), Quantity(2.0, 0.5, "1")])
    assert mean.value == pytest.approx((1 + 4 * 2) / 5)
    assert mean.sigma == pytest.approx(1 / math.sqrt(5))
    assert factor == 1.0


def test_combine_widens_what_disagrees():
    mean, factor = combine([Quantity(0.0, 0.01, "1"), Quantity(1.0, 0.01, "1")])
    assert mean.value == pytest.approx(0.5)
    assert mean.sigma == pytest.approx(0.5)  # half of the distance, not 0.007
    assert factor == pytest.approx(0.5 / 0.0070711, rel=1e-4)


@pytest.mark.parametrize("bad", [Quantity(math.nan, 0.1, "1"), Quantity(0.5, 0.0, "1"), Quantity(0.5, math.inf, "1")])
def test_combine_leaves_out_what_is_no_measurement(bad):
    assert combine([bad]) is None
    assert combine([bad, Quantity(0.3, 0.1, "1")]) == (Quantity(0.3, pytest.approx(0.1), "1"), 1.0)


def test_old_estimates_do_not_count():
    state = fuse(
        {"image": estimate("image", 0.0, 0.1, 0.01), "spectrum": estimate("spectrum", 9.0, 0.9, 0.1)}, {}, 10.0
    )
    assert state.quantities["order_parameter"].value == pytest.approx(0.9)
    assert [r.stream for r in state.sources["order_parameter"]] == ["spectrum"]


def squared(stream: str, square: float, sigma: float) -> Estimate:
    quantities = {"order_parameter": Quantity(0.1, 0.1, "1"), "order_square": Quantity(square, sigma, "1")}
    return Estimate(stream, 1, 10.0, MODEL, quantities)


def test_what_disagrees_is_said():
    state = fuse({"image": estimate("image", 10.0, 0.5, 0.01), "spectrum": squared("spectrum", 0.6, 0.01)}, {}, 10.0)
    assert state.quantities["order_parameter"].sigma > 0.1
    assert len(state.notes) == 1
    assert "image, spectrum disagree on order parameter" in state.notes[0]
    agreed = fuse({"image": estimate("image", 10.0, 0.5, 0.01), "spectrum": squared("spectrum", 0.25, 0.01)}, {}, 10.0)
    assert agreed.notes == ()


def test_no_order_leans_to_neither_side():
    rng = np.random.default_rng(0)
    z = []
    for _ in range(400):
        two = {n: squared(n, rng.normal(0, s), s) for n, s in (("diffraction", 0.0005), ("spectrum", 0.01))}
        order = fuse(two, {}, 10.0).quantities["order_parameter"]
        z.append(order.value / order.sigma)
    assert abs(np.mean(z)) < 0.15
    assert 0.75 < np.std(z) < 1.1


def test_a_spectrum_learns_of_boundaries():
    lowered = squared("spectrum", 0.92, 0.005)
    lowered = replace(lowered, quantities={**lowered.quantities, "au_neighbours": Quantity(3.9, 0.01, "1")})
    mapped = {"antiphase": Quantity(1.0, 0.0, "1"), "boundary_density": Quantity(0.048, 0.01, "1/Å")}
    image = replace(estimate("image", 10.0, 1.0, 0.01), quantities=mapped)
    told = with_boundaries(lowered, [image, lowered])
    order = told.quantities["order_parameter"]
    assert abs(order.value - 1.0) < order.sigma < 0.05
    assert "antiphase boundaries in the image" in told.notes[-1]
    assert told.sources == (FrameRef("image", 1),)
    assert with_boundaries(lowered, [lowered]) is lowered
    assert with_boundaries(image, [image, lowered]) is image


def test_free_energy_carries_the_error_of_s():
    readings = {"temperature": Reading("temperature", 600.0, "K", 10.0)}
    narrow = fuse({"image": estimate("image", 10.0, 0.8, 0.01)}, readings, 10.0).quantities["free_energy"]
    wide = fuse({"image": estimate("image", 10.0, 0.8, 0.1)}, readings, 10.0).quantities["free_energy"]
    assert narrow.unit == "meV/atom"
    assert narrow.value == pytest.approx(wide.value, rel=0.1)
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
