"""Alarms after ANSI/ISA-18.2-2016: unacknowledged, acknowledged, returned to normal unacknowledged. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class Priority(StrEnum):
    """How soon the operator must act."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class AlarmState(StrEnum):
    """ISA-18.2 states B, C and D; an alarm in state A (normal) is not in the list."""

    UNACK = "UNACK"
    ACK = "ACK"
    RTN_UNACK = "RTN_UNACK"


@dataclass(frozen=True)
class Condition:
    """Something abnormal that holds now."""

    text: str
    priority: Priority


@dataclass(frozen=True)
class Alarm:
    """One alarm of the list.

    Args:
        id: "sensor.temperature", ...
        text: one line.
        priority: of the condition.
        state: see `AlarmState`.
        t: run time of the last change of state, s.
    """

    id: str
    text: str
    priority: Priority
    state: AlarmState
    t: float


Alarms = Mapping[str, Alarm]


def update(alarms: Alarms, active: Mapping[str, Condition], t: float) -> tuple[dict[str, Alarm], list[Alarm]]:
    """The list after looking at what holds at run time `t`, and the alarms whose state changed.

    A condition that comes (back) makes its alarm UNACK; one that goes leaves RTN_UNACK, or nothing where it was
    acknowledged (that change is told as an alarm in state ACK that is no longer in the list).
    """
    out: dict[str, Alarm] = {}
    changed: list[Alarm] = []
    for key, alarm in alarms.items():
        if key in active:
            continue
        if alarm.state is AlarmState.ACK:
            changed.append(replace(alarm, t=t))
        elif alarm.state is AlarmState.UNACK:
            out[key] = replace(alarm, state=AlarmState.RTN_UNACK, t=t)
            changed.append(out[key])
        else:
            out[key] = alarm
    for key, condition in active.items():
        old = alarms.get(key)
        if old is None or old.state is AlarmState.RTN_UNACK:
            out[key] = Alarm(key, condition.text, condition.priority, AlarmState.UNACK, t)
            changed.append(out[key])
        else:
            out[key] = replace(old, text=condition.text, priority=condition.priority)
    return out, changed


def acknowledge(alarms: Alarms, key: str, t: float) -> dict[str, Alarm]:
    """The list after a person acknowledged one alarm.

    Raises:
        ValueError: no such alarm.
    """
    if key not in alarms:
        raise ValueError(f"no alarm {key!r}")
    alarm = alarms[key]
    out = dict(alarms)
    if alarm.state is AlarmState.RTN_UNACK:
        del out[key]
    elif alarm.state is AlarmState.UNACK:
        out[key] = replace(alarm, state=AlarmState.ACK, t=t)
    return out
