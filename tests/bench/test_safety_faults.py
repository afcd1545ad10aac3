"""A share of the safety table: each fault in one phase and mode, and the worst ones in others."""

import logging

import pytest

from matstudio.bench import safety_faults
from matstudio.bench.safety_faults import BY_NAME, FAULTS, Must, happens, healthy, passed, prepared
from matstudio.domain.process import Mode

QUICK = [f for f in FAULTS if f.must is Must.OFF]


@pytest.fixture(autouse=True)
def quiet():
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(safety_faults, "_LONG_S", 22.0)


@pytest.mark.parametrize(("mode", "phase"), [(Mode.POLICY, "heating"), (Mode.ADVISE, "cooling")])
def test_the_heater_is_off_within_three_periods(short, mode, phase):
    ready = prepared(mode, phase, 3)
    usual = healthy(ready, phase)
    for fault in QUICK:
        seen = happens(fault, mode, phase, ready, usual)
        assert passed(fault, seen), seen
        assert seen.tripped
        assert not ready.events[-1].startswith("SAFE")  # each fault came to a copy


def test_what_is_slower_in_holding(short):
    ready = prepared(Mode.PID, "holding", 3)
    usual = healthy(ready, "holding")
    for name in ("drift -1 K/s", "spikes of 200 K", "heater's switch welded, HALT"):
        seen = happens(BY_NAME[name], Mode.PID, "holding", ready, usual)
        assert passed(BY_NAME[name], seen), seen
        assert seen.tripped == (name.startswith(("drift", "heater's")))


def test_the_table_would_show_a_station_that_does_nothing(short, monkeypatch):
    ready = prepared(Mode.PID, "holding", 3)
    usual = healthy(ready, "holding")
    monkeypatch.setattr(type(ready.station), "_event", lambda *_: None)
    monkeypatch.setattr(type(ready.station), "watch", lambda *_: None)
    flipped = BY_NAME["sign flipped"]
    assert not passed(flipped, happens(flipped, Mode.PID, "holding", ready, usual))
