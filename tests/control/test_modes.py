"""The state machine of the modes: every cell of its table, and what must be true before a mode is entered."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matstudio.control.modes import (
    ABANDONED_S,
    CLOSED,
    DRIVING,
    MASTER,
    TABLE,
    WANT,
    Event,
    Facts,
    Refusal,
    silence,
    step,
)
from matstudio.domain.process import Mode

GOOD = Facts(policy=True)


def test_table_is_complete():
    assert set(TABLE) == set(Event)
    for row in TABLE.values():
        assert set(row) == set(Mode)
    assert set(WANT) == set(MASTER) == set(Mode)


@pytest.mark.parametrize("mode", list(Mode))
def test_halt_is_never_refused(mode):
    for facts in (GOOD, Facts("replay takes no setpoints", "stale")):
        assert step(mode, Event.HALT, facts) is Mode.SAFE


@pytest.mark.parametrize("event", [e for e in Event if e is not Event.RESET])
def test_safe_is_left_by_reset_only(event):
    after = step(Mode.SAFE, event, GOOD)
    assert isinstance(after, Refusal) or after is Mode.SAFE
    assert step(Mode.SAFE, Event.RESET, GOOD) is Mode.OFF


@pytest.mark.parametrize("mode", [m for m in Mode if m is not Mode.SAFE])
def test_reset_elsewhere_is_refused(mode):
    assert isinstance(step(mode, Event.RESET, GOOD), Refusal)


@pytest.mark.parametrize("mode", [m for m in Mode if m is not Mode.SAFE])
@pytest.mark.parametrize("event", [Event.TAKE_OVER, Event.OUTPUT])
def test_take_over_and_writes_go_to_manual(mode, event):
    assert step(mode, event, GOOD) is Mode.MANUAL


def test_setpoint_edits():
    after = {mode: step(mode, Event.SETPOINT, GOOD) for mode in Mode}
    assert after[Mode.PID] is after[Mode.ADVISE] is after[Mode.POLICY] is Mode.PID
    assert after[Mode.OFF] is Mode.OFF
    assert after[Mode.MANUAL] is Mode.MANUAL
    assert isinstance(after[Mode.HOLD], Refusal)


@pytest.mark.parametrize("mode", [Mode.ADVISE, Mode.POLICY])
def test_no_policy(mode):
    for now in (Mode.OFF, Mode.MANUAL, Mode.PID, Mode.HOLD):
        assert step(now, WANT[mode], Facts()) == Refusal("no policy loaded")


def test_heating_is_never_resumed_by_itself():
    """No event that is not a person's act leads from a mode that does not heat to one that does."""
    persons = {*WANT.values(), Event.TAKE_OVER, Event.OUTPUT, Event.RESET, Event.SETPOINT}
    for event in set(Event) - persons | {Event.SETPOINT, Event.RESET}:
        for mode in (Mode.OFF, Mode.SAFE):
            assert TABLE[event][mode] not in DRIVING


@pytest.mark.parametrize("mode", sorted(DRIVING))
def test_bad_sensor(mode):
    bad = Facts(no_sensor="temperature is nan", policy=True)
    assert step(mode, Event.SENSOR_BAD, bad) is Mode.SAFE
    assert isinstance(step(Mode.OFF, WANT[mode], bad), Refusal)
    if mode in (Mode.POLICY, Mode.ADVISE, Mode.MANUAL):
        assert step(mode, Event.CLIENTS_GONE, bad) is Mode.SAFE


def test_replay_knows_off_only():
    replay = Facts("replay takes no setpoints", policy=True)
    for mode in DRIVING - {Mode.HOLD}:
        assert step(Mode.OFF, WANT[mode], replay) == Refusal("replay takes no setpoints")
    assert step(Mode.OFF, Event.SETPOINT, replay) == Refusal("replay takes no setpoints")


@given(st.lists(st.tuples(st.sampled_from(list(Event)), st.booleans(), st.booleans()), max_size=60))
def test_any_sequence(events):
    """SAFE is left to OFF only, by a reset only; a loop is closed only with a good sensor at its start."""
    mode = Mode.OFF
    for event, sensor, policy in events:
        facts = Facts(no_sensor="" if sensor else "stale", policy=policy)
        new = step(mode, event, facts)
        if isinstance(new, Refusal):
            assert new.reason
            assert "\n" not in new.reason
            continue
        if mode is Mode.SAFE and new is not Mode.SAFE:
            assert (event, new) == (Event.RESET, Mode.OFF)
        if new in CLOSED and mode not in CLOSED:
            assert sensor
        mode = new


@given(
    st.sampled_from(list(Event)), st.sampled_from(list(Mode)), st.text(max_size=3), st.text(max_size=3), st.booleans()
)
def test_the_station_itself_is_never_refused(event, mode, no_writes, no_sensor, policy):
    """What no person asked for cannot raise in the control cycle."""
    by_itself = {Event.SENSOR_BAD, Event.CLIENTS_GONE, Event.ABANDONED, Event.STALL, Event.STOP}
    of_policy = {Event.WINDOW_SILENT, Event.POLICY_LOST}
    if event in by_itself | of_policy and not (event in of_policy and mode is Mode.ADVISE):
        assert not isinstance(step(mode, event, Facts(no_writes, no_sensor, policy)), Refusal)


def test_silence():
    assert silence(Mode.POLICY, 1.9, 1.9) is None
    assert silence(Mode.POLICY, 1.0, 2.0) is Event.WINDOW_SILENT
    assert silence(Mode.ADVISE, 1.0, math.inf) is None
    assert silence(Mode.ADVISE, 10.0, math.inf) is Event.CLIENTS_GONE
    assert silence(Mode.MANUAL, 59.0, math.inf) is None
    assert silence(Mode.MANUAL, 60.0, math.inf) is Event.CLIENTS_GONE
    assert silence(Mode.PID, 599.0, math.inf) is None
    for mode in DRIVING:
        assert silence(mode, ABANDONED_S, math.inf) is Event.ABANDONED
    assert silence(Mode.OFF, 1e6, math.inf) is None
