"""The PID: its law, bumpless both ways, no windup, and a state that no bad number poisons."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matstudio.control import pid
from matstudio.control.pid import State, Tuning

TUNING = pid.lambda_tuning(650.0, 60.0, 1.5, 2.1)
anything = st.one_of(st.floats(), st.sampled_from([math.nan, math.inf, -math.inf]))


def furnace(
    setpoint, seconds, *, state=None, tuning=TUNING, high=1.0, gain=650.0, dt=0.2, load=lambda t: 0.0, settle=pid.settle
):
    """Temperature and output of a furnace (tau 60 s, delay 2 s) under the loop, as two arrays."""
    temperature, u, queue = 300.0, 0.0, [0.0] * 10
    state = state or pid.bumpless(tuning, 300.0, 300.0, 0.0)
    out = []
    for i in range(round(seconds / dt)):
        state = pid.step(tuning, state, setpoint(i * dt), temperature, dt)
        u = min(max(state.v, 0.0), high)
        state = settle(tuning, state, u, dt)
        queue.append(u)
        temperature += dt * (300.0 + gain * queue.pop(0) + load(i * dt) - temperature) / 60.0
        out.append((temperature, u))
    return np.array(out).T


def test_steady_error_is_zero_also_under_load_and_with_a_wrong_gain():
    for gain in (520.0, 650.0, 780.0):
        temperature, _ = furnace(lambda t: min(600.0, 300 + 5 * t), 400, gain=gain, load=lambda t: -30.0 * (t > 150))
        assert temperature[-1] == pytest.approx(600.0, abs=0.2)


def test_arrives_without_overshoot():
    temperature, _ = furnace(lambda t: min(640.0, 300 + 5 * t), 200)
    assert temperature.max() < 641.0
    assert abs(temperature[500:] - 640.0).max() < 2.0  # 32 s after the ramp's end


def test_no_windup():
    """Held at its limit for 200 s by a setpoint out of reach, the loop comes off it as soon as the error turns."""
    _, u = furnace(lambda t: 800.0 if t < 200 else 400.0, 260, high=0.5)
    assert u[900] == 0.5
    assert u[1005] < 0.1
    _, u = furnace(lambda t: 800.0 if t < 200 else 400.0, 260, high=0.5, settle=lambda tuning, state, u, dt: state)
    assert u[1005] == 0.5  # the test can fail: without anti-windup it stays at the limit


def test_ten_minutes_at_the_limit_leave_no_overshoot():
    """From 625 K, the most that half the heater gives, down to 500 K: at most 5 % of the way too far."""
    temperature, u = furnace(lambda t: 800.0 if t < 600 else 500.0, 800, high=0.5)
    assert u[2999] == 0.5
    assert temperature[3000:].min() > 500.0 - 0.05 * 125.0


@settings(deadline=None)
@given(st.floats(0.001, 1), st.floats(1, 100), st.floats(0, 10), st.floats(300, 800))
def test_another_tuning_is_bumpless(gain, ti, td, y):
    state = pid.bumpless(TUNING, 600.0, y, 0.4, 0.1)
    for _ in range(3):
        state = pid.step(TUNING, state, 600.0, y, 0.2, 0.1)
    new = Tuning(gain, ti, td, ti)
    same = pid.step(TUNING, state, 600.0, y, 0.2, 0.1).v
    grown = new.gain * 0.2 / new.ti * (600.0 - y)
    turned = pid.retune(TUNING, new, state, 600.0)
    assert turned.v == state.v
    assert pid.step(new, turned, 600.0, y, 0.2, 0.1).v == pytest.approx(same, abs=abs(grown) + 1e-6)


def test_feed_forward_is_added_and_bumpless():
    state = pid.bumpless(TUNING, 600.0, 600.0, 0.4, feed=0.3)
    assert pid.step(TUNING, state, 600.0, 600.0, 0.2, feed=0.3).v == pytest.approx(0.4)
    assert pid.step(TUNING, state, 600.0, 600.0, 0.2, feed=0.5).v == pytest.approx(0.6)
    assert pid.step(TUNING, state, 600.0, 600.0, 0.2, feed=math.nan) == state


@given(st.floats(-1, 2), st.floats(200, 900), st.floats(200, 900))
def test_bumpless(u, r, y):
    state = pid.bumpless(TUNING, r, y, u)
    after = pid.step(TUNING, state, r, y, 0.2)
    assert after.v == pytest.approx(u, abs=1e-9)


def test_bumpless_refuses_what_is_not_finite():
    with pytest.raises(ValueError, match="cannot start"):
        pid.bumpless(TUNING, math.nan, 300.0, 0.0)


@given(st.lists(st.tuples(anything, anything, anything, anything), max_size=50))
def test_state_is_never_poisoned(steps):
    state = State()
    for r, y, dt, actual in steps:
        state = pid.settle(TUNING, pid.step(TUNING, state, r, y, dt), actual, dt)
        assert all(math.isfinite(x) for x in (state.integral, state.derivative, state.y, state.p, state.v))


def test_a_bad_sample_changes_nothing():
    state = pid.bumpless(TUNING, 600.0, 590.0, 0.4)
    for r, y, dt in ((math.nan, 590.0, 0.2), (600.0, math.inf, 0.2), (600.0, 590.0, 0.0), (600.0, 590.0, math.nan)):
        assert pid.step(TUNING, state, r, y, dt) == state
    assert pid.settle(TUNING, state, math.nan, 0.2) == state


def test_derivative_is_filtered_and_on_measurement_only():
    state = pid.bumpless(TUNING, 600.0, 600.0, 0.4)
    assert pid.step(TUNING, state, 650.0, 600.0, 0.2).derivative == 0.0
    jump = pid.step(TUNING, state, 600.0, 601.0, 0.2).derivative
    unfiltered = -TUNING.gain * TUNING.td / 0.2
    assert unfiltered < jump < 0
    assert jump == pytest.approx(-TUNING.gain * TUNING.td * 10 / (TUNING.td + 10 * 0.2))


def test_setpoint_weight():
    tuning = Tuning(0.02, 50.0, 0.0, 10.0, b=0.5)
    state = pid.bumpless(tuning, 600.0, 600.0, 0.4)
    assert pid.step(tuning, state, 610.0, 600.0, 0.2).v - 0.4 == pytest.approx(0.02 * 0.5 * 10)


def test_tuning_is_checked():
    for bad in ((0.0, 1, 1, 1), (math.nan, 1, 1, 1), (1, 0, 1, 1), (1, 1, -1, 1), (1, 1, 1, 0)):
        with pytest.raises(ValueError, match="PID tuning"):
            Tuning(*bad)
    with pytest.raises(ValueError, match="b 2"):
        Tuning(1, 1, 1, 1, b=2)
