"""Gain bands, cascade and feed-forward: bumpless, without windup, and true to the furnace."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matstudio.control import cascade, schedule
from matstudio.control.cascade import Cascade
from matstudio.control.feedforward import Led
from matstudio.control.observer import Furnace
from matstudio.control.pid import Tuning
from matstudio.control.schedule import Band
from matstudio.domain.process import Limits
from matstudio.station.loop import Loop

FURNACE = Furnace(650.0, 60.0, 2.0, 1.5, 0.0, 300.0)
HEATER, SETPOINT = Limits(0.0, 1.0, 0.5), Limits(250.0, 860.0, 5.0)
SLOW, QUICK = Tuning(0.01, 60.0, 1.5, 10.0), Tuning(0.03, 20.0, 1.5, 10.0)
BANDS = (Band(0.0, SLOW), Band(500.0, QUICK), Band(600.0, SLOW))


def test_bands_have_hysteresis():
    assert [schedule.band(BANDS, None, y) for y in (100.0, 500.0, 599.9, 700.0)] == [0, 1, 1, 2]
    assert schedule.band(BANDS, 0, 502.9) == 0
    assert schedule.band(BANDS, 0, 503.0) == 1
    assert schedule.band(BANDS, 1, 497.1) == 1
    assert schedule.band(BANDS, 1, 496.9) == 0
    assert schedule.band(BANDS, 1, math.nan) == 1
    assert schedule.band((), None, 500.0) is None
    assert "more than 6 K" in schedule.ordered((Band(0.0, SLOW), Band(5.0, QUICK)))


@settings(deadline=None)
@given(st.floats(-2.9, 2.9), st.sampled_from([(0, 500.0), (1, 500.0), (1, 600.0), (2, 600.0)]))
def test_noise_at_a_border_changes_no_band(noise, at):
    present, border = at
    assert schedule.band(BANDS, present, border + noise) == present


def test_the_loop_changes_bands_without_a_bump():
    loop = Loop(SLOW, BANDS)
    loop.close(490.0, 490.0, 0.0, 0.4, 0.0)
    outputs, gains, t, y = [], [], 0.0, 490.0
    while y < 510.0:
        t, y = t + 0.2, y + 0.01
        loop.move(y, t)
        loop.sample(y, t)
        loop.settle(loop.state.v)
        outputs.append(loop.state.v)
        gains.append(loop.tuning.gain)
    assert set(gains) == {SLOW.gain, QUICK.gain}
    at = gains.index(QUICK.gain)
    assert abs(outputs[at] - outputs[at - 1]) < 0.001


def test_a_tuning_that_is_given_holds_in_its_band():
    loop = Loop(SLOW, BANDS)
    loop.close(550.0, 550.0, 0.0, 0.4, 0.0)
    loop.retune(Tuning(0.05, 30.0, 0.0, 15.0))
    for t, y in ((1.0, 620.0), (2.0, 550.0)):
        loop.sample(y, t)
    assert loop.tuning.gain == 0.05


class Oven:
    """A heater (5 s) with a specimen (40 s) behind it; the actuator reaches 1,000 K above ambient."""

    def __init__(self, at=600.0):
        self.heater = self.specimen = at

    def step(self, u, dt=0.2):
        self.heater += dt * (300.0 + 1000.0 * u - self.heater) / 5.0
        self.specimen += dt * (self.heater - self.specimen) / 40.0


BOTH = Cascade(Tuning(3.0, 40.0, 0.0, 10.0, b=0.3), Tuning(0.01, 5.0, 0.0, 2.5), Limits(300.0, 900.0), HEATER)


def follow(oven, state, r, seconds, both=BOTH):
    rows = []
    for _ in range(round(seconds / 0.2)):
        state = cascade.step(both, state, r, oven.specimen, oven.heater, 0.2)
        oven.step(state.output)
        rows.append((oven.specimen, state.setpoint, state.output))
    return state, rows


def test_cascade_closes_and_opens_without_a_bump():
    oven, state = Oven(), cascade.begin(BOTH, 600.0, 600.0, 0.3)
    for _ in range(50):
        state = cascade.step(BOTH, state, 600.0, math.nan, oven.heater, 0.2)
        oven.step(state.output)
    closed = cascade.close(BOTH, state, 600.0, oven.specimen)
    after, _ = follow(oven, closed, 600.0, 0.2)
    assert after.output == pytest.approx(state.output, abs=1e-3)
    opened = cascade.open_outer(after)
    still = cascade.step(BOTH, opened, opened.setpoint, math.nan, oven.heater, 0.2)
    assert still.output == pytest.approx(after.output, abs=1e-3)


def test_cascade_holds_its_specimen_and_does_not_wind_up():
    """Ten minutes with the inner output at its end, then a setpoint within reach: at most 5 % too far."""
    weak = Cascade(BOTH.outer, BOTH.inner, BOTH.setpoint, Limits(0.0, 0.4, 0.5))
    oven = Oven()
    state = cascade.close(weak, cascade.begin(weak, 600.0, 600.0, 0.3), 600.0, 600.0)
    state, rows = follow(oven, state, 850.0, 600.0, weak)
    assert rows[-1][2] == 0.4
    assert rows[-1][0] == pytest.approx(700.0, abs=1.0)
    state, rows = follow(oven, state, 650.0, 300.0, weak)
    assert min(r[0] for r in rows) > 650.0 - 0.05 * 50.0
    assert rows[-1][0] == pytest.approx(650.0, abs=0.5)


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.floats() for _ in range(4)]), max_size=30))
def test_cascade_is_never_poisoned(steps):
    state = cascade.close(BOTH, cascade.begin(BOTH, 600.0, 600.0, 0.3), 600.0, 600.0)
    for r, y, inner, dt in steps:
        state = cascade.step(BOTH, state, r, y, inner, dt)
        assert 300.0 <= state.setpoint <= 900.0
        assert 0.0 <= state.output <= 1.0


def test_the_led_furnace_is_the_furnace():
    """Its feed-forward alone takes a furnace as described along a ramp, as late as it says, within rate."""
    led, u, true, sensor, queue = Led(FURNACE, HEATER, SETPOINT), 0.0, 300.0, 300.0, [0.0] * 10
    led.start(0.0, 300.0)
    for i in range(1, 1000):
        led.move(0.2 * i, min(620.0, 300.0 + i))
        assert abs(led.feed - u) <= 0.5 * 0.2 * 1.01
        u = led.feed
        queue.append(u)
        true += 0.2 * (300.0 + 650.0 * queue.pop(0) - true) / 60.0
        sensor += 0.2 * (true - sensor) / 1.5
        assert led.reference == pytest.approx(sensor, abs=1.5)
        assert true < 620.5
    assert led.reference == pytest.approx(620.0, abs=0.1)


def test_the_led_furnace_goes_no_faster_than_its_heater():
    led = Led(FURNACE, Limits(0.0, 0.4), Limits(250.0, 860.0))
    led.start(0.0, 300.0)
    for i in range(1, 3000):
        led.move(0.2 * i, 800.0)
        assert led.feed <= 0.4
    assert led.reference == pytest.approx(560.0, abs=0.5)
    led.move(700.0, math.nan)
    led.move(0.0, 400.0)
    assert led.reference == pytest.approx(560.0, abs=0.5)
