"""The gate: whatever is asked, in whatever order, what passes is finite, in range and within rate."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matstudio.control import gate
from matstudio.control.gate import Interlock
from matstudio.domain.process import Limits, Mode, Setpoint

anything = st.one_of(st.floats(), st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 1e308, 5e-324]))
ranges = st.builds(
    lambda a, b, r: Limits(min(a, b), max(a, b), r),
    st.floats(-1e6, 1e6),
    st.floats(-1e6, 1e6),
    st.one_of(st.floats(1e-3, 1e3), st.just(math.inf)),
)
sources = st.sampled_from(["operator:ana", "pid", "policy", "station", "station:x", "nobody", ""])
masters = st.sampled_from(["operator", "pid", "policy", "station"])


@given(
    ranges,
    st.lists(st.tuples(anything, sources, masters, anything, st.sampled_from(["", "too hot"])), max_size=40),
    st.booleans(),
    st.floats(0, 1),
)
def test_nothing_wrong_ever_passes(limits, asks, has_safe, start):
    safe = limits.low if has_safe else None
    last = limits.low + start * (limits.high - limits.low)
    last = min(max(last, limits.low), limits.high)
    for value, source, master, dt, interlock in asks:
        verdict = gate.judge(
            Setpoint("x", value, "K", source, 0.0),
            limits=limits,
            last=last,
            dt=dt,
            master=master,
            safe=safe,
            interlock=interlock,
        )
        if verdict.value is None:
            assert verdict.reason
            continue
        sent = verdict.value
        assert math.isfinite(sent)
        assert limits.low <= sent <= limits.high
        if interlock:
            assert sent == safe
        if sent != safe:
            assert math.isfinite(value)
            assert source.partition(":")[0] == master
            allowed = limits.rate * min(max(dt, 0.0), gate.MAX_DT_S) if math.isfinite(dt) and dt > 0 else 0.0
            assert abs(sent - last) <= allowed + 1e-9 * max(1.0, abs(last))
        last = sent


@given(st.floats(allow_nan=True), st.floats(allow_nan=True))
def test_unknown_present_value_lets_only_the_safe_one_pass(value, last):
    asked = Setpoint("heater", value, "1", "pid", 0.0)
    verdict = gate.judge(asked, limits=Limits(0, 1), last=last, dt=0.2, master="pid", safe=0.0)
    if not math.isfinite(last):
        assert verdict.value is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_not_finite_is_refused_by_name(value):
    verdict = gate.judge(
        Setpoint("heater", value, "1", "pid", 0.0), limits=Limits(0, 1), last=0.5, dt=1.0, master="pid", safe=0.0
    )
    assert verdict.value is None
    assert "heater" in verdict.reason


def test_refusals_say_what_and_why():
    limits = Limits(250.0, 860.0, 5.0)
    assert gate.wrong("temperature", 1200.0, "K", limits) == "temperature: 1200 K is above the limit 860 K"
    assert gate.wrong("temperature", 860.0, "K", limits) == ""
    asked = Setpoint("heater", 0.5, "1", "pid", 0.0)
    verdict = gate.judge(asked, limits=Limits(0, 1), last=0.5, dt=1.0, master="operator")
    assert verdict == gate.Verdict(None, "heater: pid may not move it, operator is the master")


def test_the_rate_is_that_of_run_time_and_a_stall_earns_no_jump():
    limits = Limits(0.0, 1.0, 0.5)
    assert gate.toward(0.0, 1.0, limits, 0.2) == pytest.approx(0.1)
    assert gate.toward(0.0, 1.0, limits, 1000.0) == pytest.approx(0.5 * gate.MAX_DT_S)
    assert gate.toward(0.3, 1.0, limits, -1.0) == gate.toward(0.3, 1.0, limits, math.nan) == 0.3
    assert gate.toward(0.3, 1.0, Limits(0, 1), 0.0) == 0.3


def test_tightened_limits_win_over_the_rate():
    assert gate.toward(2.0, 2.0, Limits(0.0, 1.0, 0.1), 0.2) == 1.0


def test_interlock_has_hysteresis_and_trips_on_the_unknown():
    lock = Interlock("over_temperature", "temperature", 880.0, 860.0, "heater")
    held, seen = False, []
    for value in (879.0, 880.0, 880.1, 870.0, 860.1, 860.0, 875.0, math.nan):
        held = gate.trip(lock, held, value)
        seen.append(held)
    assert seen == [False, False, True, True, True, False, False, True]
    assert "over_temperature: temperature 881" in gate.reason(lock, 881.0)
    assert "unknown" in gate.reason(lock, math.nan)
    with pytest.raises(ValueError, match="release"):
        Interlock("x", "temperature", 860.0, 880.0, "heater")


def test_interlock_makes_safe_at_once_or_holds():
    asked = Setpoint("heater", 0.9, "1", "operator:ana", 0.0)
    arguments = {"limits": Limits(0, 1, 0.01), "last": 0.8, "dt": 0.2, "master": "operator", "interlock": "too hot"}
    assert gate.judge(asked, safe=0.0, **arguments) == gate.Verdict(0.0, "too hot")
    assert gate.judge(asked, safe=None, **arguments) == gate.Verdict(None, "too hot")


def test_one_master_for_each_mode_and_name():
    assert gate.master(Mode.MANUAL, "heater") == "operator"
    for mode in (Mode.PID, Mode.ADVISE, Mode.POLICY, Mode.HOLD):
        assert gate.master(mode, "heater") == "pid"
    assert gate.master(Mode.POLICY, "pressure") == "policy"
    assert gate.master(Mode.PID, "pressure") == gate.master(Mode.MANUAL, "pressure") == "operator"
    for name in ("heater", "pressure"):
        assert gate.master(Mode.OFF, name) == gate.master(Mode.SAFE, name) == "station"


def test_both_limits():
    assert gate.both(Limits(0, 2, 0.05), Limits(-1, 1.5, 0.02)) == Limits(0, 1.5, 0.02)
    with pytest.raises(ValueError, match="limits"):
        gate.both(Limits(0, 1), Limits(2, 3))
