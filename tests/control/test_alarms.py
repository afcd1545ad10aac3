"""ISA-18.2 states of an alarm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matstudio.control import alarms
from matstudio.control.alarms import AlarmState, Board, Condition, Event, Priority

HOT = {"hot": Condition("too hot", Priority.HIGH)}


class Desk:
    """A board and the changes that were told of it."""

    def __init__(self):
        self.board, self.told = Board(), []

    def __getattr__(self, name):
        def do(*arguments):
            self.board, changed = getattr(alarms, name)(self.board, *arguments)
            self.told += [(c.alarm.id, c.old.value, c.alarm.state.value) for c in changed]
            return self.states()

        return do

    def states(self):
        return {k: a.state.value for k, a in self.board.alarms.items()}


@pytest.fixture
def desk():
    return Desk()


def test_acknowledged_then_normal(desk):
    assert desk.update(HOT, 1.0) == {"hot": "UNACK"}
    assert desk.acknowledge("hot", 2.0) == {"hot": "ACK"}
    assert desk.update(HOT, 3.0) == {"hot": "ACK"}
    assert desk.update({}, 4.0) == {}
    assert desk.told == [("hot", "NORM", "UNACK"), ("hot", "UNACK", "ACK"), ("hot", "ACK", "NORM")]


def test_returns_to_normal_unseen(desk):
    desk.update(HOT, 1.0)
    assert desk.update({}, 2.0) == {"hot": "RTN_UNACK"}
    assert desk.update({}, 3.0) == {"hot": "RTN_UNACK"}
    assert len(desk.told) == 2
    assert desk.acknowledge("hot", 3.0) == {}


def test_comes_again_before_it_is_seen(desk):
    desk.update(HOT, 1.0)
    desk.update({}, 2.0)
    assert desk.update(HOT, 3.0) == {"hot": "UNACK"}
    assert desk.board.alarms["hot"].t == 3.0


def test_text_follows_and_state_stays(desk):
    desk.update(HOT, 1.0)
    desk.acknowledge("hot", 2.0)
    told = len(desk.told)
    assert desk.update({"hot": Condition("hotter", Priority.HIGH)}, 3.0) == {"hot": "ACK"}
    assert (desk.board.alarms["hot"].text, len(desk.told)) == ("hotter", told)


def test_a_latched_alarm_needs_acknowledge_and_reset_in_either_order():
    latching = {"hot": Condition("too hot", Priority.HIGH, latch=True)}
    for acts, seen in (
        (("acknowledge", "reset"), ("LATCH_ACK", None)),
        (("reset", "acknowledge"), ("RTN_UNACK", None)),
    ):
        desk = Desk()
        desk.update(latching, 1.0)
        desk.reset(1.5)
        assert desk.states() == {"hot": "UNACK"}  # what is active is not reset
        assert desk.update({}, 2.0) == {"hot": "LATCH_UNACK"}
        for act, state in zip(acts, seen, strict=True):
            found = desk.acknowledge("hot", 3.0) if act == "acknowledge" else desk.reset(3.0)
            assert found == ({"hot": state} if state else {})
    desk.update(latching, 4.0)
    desk.acknowledge("hot", 4.0)
    desk.update({}, 5.0)
    assert desk.update(latching, 6.0) == {"hot": "UNACK"}


def test_the_first_of_a_group_is_marked_and_stays_until_the_reset(desk):
    one = {"cause": Condition("sensor", Priority.HIGH, group="trip")}
    both = one | {"then": Condition("SAFE", Priority.HIGH, group="trip")}
    desk.update(both, 1.0)
    first = lambda: [k for k, a in desk.board.alarms.items() if a.first]  # noqa: E731
    assert first() == ["cause"]
    desk.acknowledge("cause", 2.0)
    desk.acknowledge("then", 2.0)
    assert desk.update({}, 3.0) == {"cause": "LATCH_ACK"}
    desk.update({"then": both["then"]}, 4.0)
    assert first() == ["cause"]
    assert desk.reset(5.0) == {"then": "UNACK"}
    assert first() == []
    desk.update({}, 6.0)
    desk.acknowledge("then", 6.0)
    desk.update({"then": both["then"]}, 7.0)
    assert first() == ["then"]


def test_delays_keep_an_alarm_from_chattering(desk):
    slow = {"hot": Condition("too hot", Priority.LOW, on_s=1.0, off_s=2.0)}
    assert desk.update(slow, 0.0) == {}
    assert desk.update({}, 0.5) == {}
    assert desk.update(slow, 0.8) == {}
    assert desk.update(slow, 1.7) == {}
    assert desk.update(slow, 1.8) == {"hot": "UNACK"}
    for t in (2.0, 3.9):
        assert desk.update({}, t) == {"hot": "UNACK"}
        desk.update(slow, t + 0.1)
    desk.update({}, 5.0)
    assert desk.update({}, 7.0) == {"hot": "RTN_UNACK"}
    assert desk.told == [("hot", "NORM", "UNACK"), ("hot", "UNACK", "RTN_UNACK")]


def test_a_shelved_alarm_is_back_at_its_time_if_its_condition_holds(desk):
    desk.update(HOT | {"low": Condition("gas low", Priority.LOW)}, 0.0)
    for key in ("hot", "low"):
        desk.shelve(key, 1.0, 60.0, "ana", "known \n leak")
    assert desk.board.alarms["hot"].reason == "known leak"
    assert desk.update(HOT, 59.0) == {"hot": "SHELVED", "low": "SHELVED"}
    assert desk.update(HOT, 60.0) == {"hot": "UNACK"}
    assert desk.board.alarms["hot"].by == ""
    desk.shelve("hot", 61.0, 100.0, "ana", "again")
    assert desk.unshelve("hot", 62.0) == {"hot": "UNACK"}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (("acknowledge", "x", 1.0), "no alarm 'x'"),
        (("shelve", "x", 1.0, 2.0, "ana", "why"), "no alarm 'x'"),
        (("shelve", "hot", 1.0, 2.0, "ana", "  "), "hot: to be shelved an alarm needs a reason"),
        (("shelve", "fire", 1.0, 2.0, "ana", "why"), "fire: an urgent alarm cannot be shelved"),
        (("unshelve", "hot", 1.0), "hot: is not shelved"),
    ],
)
def test_refusals(desk, call, says):
    desk.update(HOT | {"fire": Condition("fire", Priority.URGENT)}, 0.0)
    before = desk.board
    with pytest.raises(ValueError, match=says):
        getattr(desk, call[0])(*call[1:])
    assert desk.board is before


def test_what_has_passed_stays_until_acknowledged(desk):
    assert desk.tell("restart", Condition("was started again", Priority.MEDIUM), 1.0) == {"restart": "RTN_UNACK"}
    assert desk.update({}, 2.0) == {"restart": "RTN_UNACK"}
    desk.tell("restart", Condition("again", Priority.MEDIUM), 3.0)
    assert [state for _, _, state in desk.told] == ["RTN_UNACK"] * 2  # each is told
    assert desk.acknowledge("restart", 4.0) == {}


ACTS = st.lists(st.sampled_from(["on", "off", "acknowledge", "reset", "shelve", "unshelve"]), max_size=30)


@given(ACTS, st.booleans(), st.booleans())
def test_whatever_happens_no_active_alarm_is_lost_and_none_stays_for_ever(acts, latch, group):
    desk, active = Desk(), {}
    condition = {"a": Condition("a", Priority.HIGH, latch=latch, group="g" if group else "")}
    for t, act in enumerate(acts):
        if act in ("on", "off"):
            active = condition if act == "on" else {}
        elif act == "reset":
            desk.reset(float(t))
        elif "a" in desk.board.alarms:
            more = (t + 5.0, "ana", "why") if act == "shelve" else ()
            if act != "unshelve" or desk.states()["a"] == "SHELVED":
                getattr(desk, act)("a", float(t), *more)
        desk.update(active, float(t))
        state = desk.states().get("a", "NORM")
        assert (state in ("UNACK", "ACK", "SHELVED")) if active else (state not in ("UNACK", "ACK"))
    desk.update({}, 100.0)
    desk.reset(101.0)
    if desk.board.alarms:
        desk.acknowledge("a", 102.0)
    assert desk.states() == {}


def test_the_table_names_states_only_once():
    assert set(alarms.TABLE) == set(Event)
    assert all(
        new is not old for row in alarms.TABLE.values() for old, new in row.items() if old is not AlarmState.SHELVED
    )
