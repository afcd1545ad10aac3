"""No value outside range or rate, no NaN, no write while latched, one master: whatever is commanded or breaks."""

import logging
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matstudio.bench.safety_sequences import many, play
from matstudio.control import gate
from matstudio.control.gate import Verdict
from matstudio.domain.process import Mode

JUDGE = gate.judge


@pytest.fixture(autouse=True)
def quiet():
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@settings(max_examples=5000, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=4, max_size=16))
def test_five_thousand_sequences(code):
    assert play(code)[0] == ""


def passes_nan(asked, **more):
    return JUDGE(asked, **more) if math.isfinite(asked.value) else Verdict(asked.value)


def passes_any_value(asked, **more):
    return Verdict(asked.value) if math.isfinite(asked.value) and abs(asked.value) > 2 else JUDGE(asked, **more)


@pytest.mark.parametrize(
    ("broken", "says"),
    [(passes_nan, "nan was sent"), (passes_any_value, "is outside")],
)
def test_a_gate_that_lets_something_through_is_found(monkeypatch, broken, says):
    monkeypatch.setattr(gate, "judge", broken)
    assert says in "\n".join(many((150, 1))[2])


def test_a_second_master_is_found(monkeypatch):
    monkeypatch.setattr(gate, "master", lambda mode, name: "policy")
    assert "is the master" in "\n".join(many((50, 1))[2])


def test_a_gate_without_rates_is_found(monkeypatch):
    monkeypatch.setattr(gate, "toward", lambda last, wanted, limits, dt: min(max(wanted, limits.low), limits.high))
    assert "went from" in "\n".join(many((100, 1))[2])


def test_a_latch_that_leaks_is_found(monkeypatch):
    master = gate.master
    monkeypatch.setattr(gate, "master", lambda mode, name: "pid" if mode is Mode.SAFE else master(mode, name))
    assert "while latched" in "\n".join(many((150, 1))[2])


def test_sequences_do_heat():
    played, sent, wrong = many((100, 2))
    assert (played, wrong) == (100, [])
    assert sent > 200
