"""Alarms after ANSI/ISA-18.2-2016 (IEC 62682): states, latching, acknowledge, shelve, first-out. Pure functions.

An alarm's state follows from `TABLE`, one row an event. What holds now comes as a map of conditions; the list that is
kept (`Board`) holds every alarm that is not normal. The first alarm of a group is marked until a person resets, so that
it is seen which of many alarms was the cause; like one whose condition asks for it, it latches: when it has returned to
normal and was acknowledged, it stays until the reset.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

SHELVE_MOST_MIN = 480.0
"""The longest shelving, minutes: a shift."""


class Priority(StrEnum):
    """How soon the operator must act. URGENT: at once, because the software alone does not make it safe."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"


class AlarmState(StrEnum):
    """States of ISA-18.2; an alarm in NORM is not in the list, and tells only of its end."""

    NORM = "NORM"
    UNACK = "UNACK"  # active, not acknowledged
    ACK = "ACK"  # active, acknowledged
    RTN_UNACK = "RTN_UNACK"  # returned to normal, not acknowledged
    LATCH_UNACK = "LATCH_UNACK"  # returned to normal, latched, not acknowledged
    LATCH_ACK = "LATCH_ACK"  # the same, acknowledged: waits for the reset
    SHELVED = "SHELVED"  # put aside by a person for a time


class Event(StrEnum):
    """What changes an alarm's state."""

    COMES = "condition comes"
    GOES = "condition goes"
    GOES_LATCHED = "condition of a latching alarm goes"
    ACKNOWLEDGE = "acknowledged"
    RESET = "reset"
    SHELVE = "shelved"
    UNSHELVE = "taken from the shelf, active"
    UNSHELVE_NORMAL = "taken from the shelf, normal"


_S = AlarmState
# fmt: off
TABLE: Mapping[Event, Mapping[AlarmState, AlarmState]] = {  # what is not named stays as it is
    Event.COMES: {_S.NORM: _S.UNACK, _S.RTN_UNACK: _S.UNACK, _S.LATCH_UNACK: _S.UNACK, _S.LATCH_ACK: _S.UNACK},
    Event.GOES: {_S.UNACK: _S.RTN_UNACK, _S.ACK: _S.NORM},
    Event.GOES_LATCHED: {_S.UNACK: _S.LATCH_UNACK, _S.ACK: _S.LATCH_ACK},
    Event.ACKNOWLEDGE: {_S.UNACK: _S.ACK, _S.RTN_UNACK: _S.NORM, _S.LATCH_UNACK: _S.LATCH_ACK},
    Event.RESET: {_S.LATCH_UNACK: _S.RTN_UNACK, _S.LATCH_ACK: _S.NORM},
    Event.SHELVE: {state: _S.SHELVED for state in _S if state is not _S.NORM},
    Event.UNSHELVE: {_S.SHELVED: _S.UNACK},
    Event.UNSHELVE_NORMAL: {_S.SHELVED: _S.NORM},
}
# fmt: on


@dataclass(frozen=True)
class Condition:
    """Something abnormal that holds now.

    Args:
        text: one line.
        priority: see `Priority`.
        latch: whether its alarm stays until a reset.
        group: of which the first alarm is marked, or "".
        on_s, off_s: how long it must hold, or be gone, before the alarm comes or goes: against chattering.
    """

    text: str
    priority: Priority
    latch: bool = False
    group: str = ""
    on_s: float = 0.0
    off_s: float = 0.0


@dataclass(frozen=True)
class Alarm:
    """One alarm of the list.

    Args:
        id: "sensor.temperature", ...
        text: one line.
        priority: of the condition.
        state: see `AlarmState`.
        t: run time of the last change of state, s.
        latch, group, off_s: as the condition had them when it came.
        active: whether the condition holds.
        first: whether it came first of its group.
        quiet: run time at which the condition went, if `off_s` has not passed since, else infinite, s.
        until: run time at which a shelved one comes back, s; 0 if it is not shelved.
        by, reason: who shelved it, and why.
    """

    id: str
    text: str
    priority: Priority
    state: AlarmState
    t: float
    latch: bool = False
    group: str = ""
    off_s: float = 0.0
    active: bool = True
    first: bool = False
    quiet: float = math.inf
    until: float = 0.0
    by: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Board:
    """The alarms that are not normal, and since when conditions wait to become one.

    Args:
        alarms: by id.
        pending: id -> run time at which a condition with `on_s` came, s.
    """

    alarms: Mapping[str, Alarm] = field(default_factory=dict)
    pending: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """An alarm after a change of its state (NORM: it has left the list), and the state before."""

    alarm: Alarm
    old: AlarmState


def _moved(alarm: Alarm, event: Event, t: float) -> Alarm:
    state = TABLE[event].get(alarm.state, alarm.state)
    return alarm if state is alarm.state else replace(alarm, state=state, t=t)


def _with(board: Board, alarms: Iterable[Alarm]) -> tuple[Board, list[Change]]:
    """The board with these alarms in place of the old ones of the same id, and what that changes."""
    out, changed = dict(board.alarms), []
    for alarm in alarms:
        before = out.get(alarm.id)
        old = before.state if before is not None else AlarmState.NORM
        if alarm.state is AlarmState.NORM:
            out.pop(alarm.id, None)
        else:
            out[alarm.id] = alarm
        if alarm.state is not old:
            changed.append(Change(alarm, old))
    return replace(board, alarms=out), changed


def update(board: Board, active: Mapping[str, Condition], t: float) -> tuple[Board, list[Change]]:
    """The board after looking at what holds at run time `t`, and what changed.

    Conditions of one look that begin a group together: the one named first is its first.
    """
    pending = {k: board.pending.get(k, t) for k, c in active.items() if c.on_s > 0 and not _here(board, k)}
    due = {k: c for k, c in active.items() if k not in pending or t - pending[k] >= c.on_s}
    groups = {a.group for a in board.alarms.values() if a.first}
    looked: list[Alarm] = []
    for key, alarm in board.alarms.items():
        if key not in due:
            looked.append(_gone(alarm, t))
    for key, condition in due.items():
        old = board.alarms.get(key)
        looked.append(_come(old, key, condition, t, condition.group not in groups))
        if looked[-1].first:
            groups.add(condition.group)
    return _with(replace(board, pending={k: since for k, since in pending.items() if k not in due}), looked)


def _here(board: Board, key: str) -> bool:
    alarm = board.alarms.get(key)
    return alarm is not None and alarm.active


def _come(old: Alarm | None, key: str, c: Condition, t: float, first: bool) -> Alarm:
    if old is not None and old.active:
        return _back(replace(old, text=c.text, priority=c.priority, quiet=math.inf), t)
    base = old or Alarm(key, c.text, c.priority, AlarmState.NORM, t)
    base = replace(base, text=c.text, priority=c.priority, latch=c.latch, group=c.group, off_s=c.off_s)
    came = _moved(
        replace(base, active=True, quiet=math.inf, first=base.first or (bool(c.group) and first)), Event.COMES, t
    )
    return _back(came, t)


def _gone(alarm: Alarm, t: float) -> Alarm:
    if alarm.active:
        quiet = min(alarm.quiet, t)
        if t - quiet < alarm.off_s:
            return _back(replace(alarm, quiet=quiet), t)
        event = Event.GOES_LATCHED if alarm.latch or alarm.first else Event.GOES
        alarm = _moved(replace(alarm, active=False, quiet=math.inf), event, t)
    return _back(alarm, t)


def _back(alarm: Alarm, t: float) -> Alarm:
    """From the shelf, where its time is over."""
    return _unshelved(alarm, t) if alarm.state is AlarmState.SHELVED and t >= alarm.until else alarm


def _unshelved(alarm: Alarm, t: float) -> Alarm:
    event = Event.UNSHELVE if alarm.active else Event.UNSHELVE_NORMAL
    return replace(_moved(alarm, event, t), until=0.0, by="", reason="")


def _one(board: Board, key: str) -> Alarm:
    if key not in board.alarms:
        raise ValueError(f"no alarm {key!r}")
    return board.alarms[key]


def tell(board: Board, key: str, condition: Condition, t: float) -> tuple[Board, list[Change]]:
    """The board with an alarm of something that has passed: it stays until a person acknowledges it."""
    made = Alarm(key, condition.text, condition.priority, AlarmState.RTN_UNACK, t, active=False)
    board, changed = _with(board, [made])
    return board, changed or [Change(made, AlarmState.RTN_UNACK)]


def acknowledge(board: Board, key: str, t: float) -> tuple[Board, list[Change]]:
    """The board after a person acknowledged one alarm, and what changed.

    Raises:
        ValueError: no such alarm.
    """
    return _with(board, [_moved(_one(board, key), Event.ACKNOWLEDGE, t)])


def reset(board: Board, t: float) -> tuple[Board, list[Change]]:
    """The board after a person's reset, and what changed: latched alarms go, and no group has a first any more."""
    return _with(board, [_moved(replace(a, first=False), Event.RESET, t) for a in board.alarms.values()])


def shelve(board: Board, key: str, t: float, until: float, by: str, reason: str) -> tuple[Board, list[Change]]:
    """The board after a person put an alarm aside until run time `until`, and what changed.

    Raises:
        ValueError: no such alarm, it is urgent, or no reason is given.
    """
    alarm = _one(board, key)
    if alarm.priority is Priority.URGENT:
        raise ValueError(f"{key}: an urgent alarm cannot be shelved")
    if not reason.strip():
        raise ValueError(f"{key}: to be shelved an alarm needs a reason")
    return _with(board, [replace(_moved(alarm, Event.SHELVE, t), until=until, by=by, reason=" ".join(reason.split()))])


def unshelve(board: Board, key: str, t: float) -> tuple[Board, list[Change]]:
    """The board after a person took an alarm from the shelf, and what changed.

    Raises:
        ValueError: no such alarm, or it is not shelved.
    """
    alarm = _one(board, key)
    if alarm.state is not AlarmState.SHELVED:
        raise ValueError(f"{key}: is not shelved")
    return _with(board, [_unshelved(alarm, t)])
