"""ISA-18.2 states of an alarm."""

import pytest

from matstudio.control.alarms import AlarmState, Condition, Priority, acknowledge, update

HOT = {"hot": Condition("too hot", Priority.HIGH)}


def states(alarms):
    return {k: a.state for k, a in alarms.items()}


def test_acknowledged_then_normal():
    alarms, changed = update({}, HOT, 1.0)
    assert states(alarms) == {"hot": AlarmState.UNACK}
    assert [(a.id, a.t) for a in changed] == [("hot", 1.0)]
    alarms = acknowledge(alarms, "hot", 2.0)
    assert states(alarms) == {"hot": AlarmState.ACK}
    assert update(alarms, HOT, 3.0) == (alarms, [])
    alarms, changed = update(alarms, {}, 4.0)
    assert alarms == {}
    assert changed[0].id == "hot"


def test_returns_to_normal_unseen():
    alarms, _ = update({}, HOT, 1.0)
    alarms, changed = update(alarms, {}, 2.0)
    assert states(alarms) == {"hot": AlarmState.RTN_UNACK}
    assert len(changed) == 1
    assert update(alarms, {}, 3.0) == (alarms, [])
    assert acknowledge(alarms, "hot", 3.0) == {}


def test_comes_again_before_it_is_seen():
    alarms, _ = update({}, HOT, 1.0)
    alarms, _ = update(alarms, {}, 2.0)
    alarms, changed = update(alarms, HOT, 3.0)
    assert states(alarms) == {"hot": AlarmState.UNACK}
    assert changed[0].t == 3.0


def test_text_follows_and_state_stays():
    alarms, _ = update({}, HOT, 1.0)
    alarms = acknowledge(alarms, "hot", 2.0)
    alarms, changed = update(alarms, {"hot": Condition("hotter", Priority.HIGH)}, 3.0)
    assert (alarms["hot"].text, alarms["hot"].state, changed) == ("hotter", AlarmState.ACK, [])


def test_no_such_alarm():
    with pytest.raises(ValueError, match="no alarm 'x'"):
        acknowledge({}, "x", 1.0)
