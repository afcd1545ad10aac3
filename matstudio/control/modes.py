"""The modes as one state machine: one table of event x mode, and what must be true before a mode is entered.

| mode | who drives the heater | meaning |
|---|---|---|
| OFF | station | heater at its safe value, nothing else is touched; every start is here |
| MANUAL | operator | outputs are the operator's |
| PID | PID | temperature loop closed on the operator's setpoint |
| ADVISE | PID | as PID, and the policy says what it would do |
| POLICY | PID | as PID, and the policy moves the setpoints |
| HOLD | PID | loop closed, setpoints frozen |
| SAFE | station | the device's own safe state, latched until a person resets it |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from matstudio.domain.process import Mode

OFF, MANUAL, PID, ADVISE, POLICY, HOLD, SAFE = (
    Mode.OFF,
    Mode.MANUAL,
    Mode.PID,
    Mode.ADVISE,
    Mode.POLICY,
    Mode.HOLD,
    Mode.SAFE,
)
CLOSED = frozenset({PID, ADVISE, POLICY, HOLD})
DRIVING = CLOSED | {MANUAL}
MASTER: Mapping[Mode, str] = {
    OFF: "station",
    MANUAL: "operator",
    PID: "pid",
    ADVISE: "pid",
    POLICY: "policy",
    HOLD: "pid",
    SAFE: "station",
}

WINDOW_SILENT_S = 2.0
CLIENT_SILENT_S: Mapping[Mode, float] = {ADVISE: 10.0, POLICY: 10.0, MANUAL: 60.0}
ABANDONED_S = 600.0
STALL_S = 2.0


class Event(StrEnum):
    """What can change the mode."""

    WANT_OFF = "OFF asked for"
    WANT_MANUAL = "MANUAL asked for"
    WANT_PID = "PID asked for"
    WANT_ADVISE = "ADVISE asked for"
    WANT_POLICY = "POLICY asked for"
    WANT_HOLD = "HOLD asked for"
    TAKE_OVER = "taken over"
    OUTPUT = "output written"
    SETPOINT = "setpoint edited"
    HALT = "HALT"
    RESET = "reset"
    SENSOR_BAD = "sensor bad"
    WINDOW_SILENT = "window silent for 2 s"
    CLIENTS_GONE = "no client"
    ABANDONED = "no client for 10 min"
    STALL = "station stood still"
    POLICY_LOST = "policy cannot be followed"
    STOP = "station stops"


WANT: Mapping[Mode, Event] = {
    OFF: Event.WANT_OFF,
    MANUAL: Event.WANT_MANUAL,
    PID: Event.WANT_PID,
    ADVISE: Event.WANT_ADVISE,
    POLICY: Event.WANT_POLICY,
    HOLD: Event.WANT_HOLD,
    SAFE: Event.HALT,
}


@dataclass(frozen=True)
class Refusal:
    """Why an event does not change the mode; `reason` is one line."""

    reason: str


LATCHED = "SAFE is latched: reset it first"
_LATCHED = Refusal(LATCHED)
_FROZEN = Refusal("HOLD freezes the setpoints: choose PID or MANUAL first")
_NOT_SAFE = Refusal("there is nothing to reset: the mode is not SAFE")
_NOTHING = Refusal("OFF drives nothing that could be held")


def _row(
    off: Mode | Refusal,
    manual: Mode | Refusal,
    pid: Mode | Refusal,
    advise: Mode | Refusal,
    policy: Mode | Refusal,
    hold: Mode | Refusal,
    safe: Mode | Refusal,
) -> Mapping[Mode, Mode | Refusal]:
    return {OFF: off, MANUAL: manual, PID: pid, ADVISE: advise, POLICY: policy, HOLD: hold, SAFE: safe}


# fmt: off
TABLE: Mapping[Event, Mapping[Mode, Mode | Refusal]] = {
    #                          in OFF    MANUAL  PID     ADVISE  POLICY  HOLD     SAFE
    Event.WANT_OFF:      _row(OFF,      OFF,    OFF,    OFF,    OFF,    OFF,     _LATCHED),
    Event.WANT_MANUAL:   _row(MANUAL,   MANUAL, MANUAL, MANUAL, MANUAL, MANUAL,  _LATCHED),
    Event.WANT_PID:      _row(PID,      PID,    PID,    PID,    PID,    PID,     _LATCHED),
    Event.WANT_ADVISE:   _row(ADVISE,   ADVISE, ADVISE, ADVISE, ADVISE, ADVISE,  _LATCHED),
    Event.WANT_POLICY:   _row(POLICY,   POLICY, POLICY, POLICY, POLICY, POLICY,  _LATCHED),
    Event.WANT_HOLD:     _row(_NOTHING, HOLD,   HOLD,   HOLD,   HOLD,   HOLD,    _LATCHED),
    Event.TAKE_OVER:     _row(MANUAL,   MANUAL, MANUAL, MANUAL, MANUAL, MANUAL,  _LATCHED),
    Event.OUTPUT:        _row(MANUAL,   MANUAL, MANUAL, MANUAL, MANUAL, MANUAL,  _LATCHED),
    Event.SETPOINT:      _row(OFF,      MANUAL, PID,    PID,    PID,    _FROZEN, _LATCHED),
    Event.HALT:          _row(SAFE,     SAFE,   SAFE,   SAFE,   SAFE,   SAFE,    SAFE),
    Event.RESET:         _row(_NOT_SAFE, _NOT_SAFE, _NOT_SAFE, _NOT_SAFE, _NOT_SAFE, _NOT_SAFE, OFF),
    Event.SENSOR_BAD:    _row(OFF,      SAFE,   SAFE,   SAFE,   SAFE,   SAFE,    SAFE),
    Event.WINDOW_SILENT: _row(OFF,      MANUAL, PID,    ADVISE, HOLD,   HOLD,    SAFE),
    Event.CLIENTS_GONE:  _row(OFF,      HOLD,   PID,    HOLD,   HOLD,   HOLD,    SAFE),
    Event.ABANDONED:     _row(OFF,      SAFE,   SAFE,   SAFE,   SAFE,   SAFE,    SAFE),
    Event.STALL:         _row(OFF,      SAFE,   SAFE,   SAFE,   SAFE,   SAFE,    SAFE),
    Event.POLICY_LOST:   _row(OFF,      MANUAL, PID,    ADVISE, HOLD,   HOLD,    SAFE),
    Event.STOP:          _row(SAFE,     SAFE,   SAFE,   SAFE,   SAFE,   SAFE,    SAFE),
}
# fmt: on
_BY_ITSELF = frozenset({Event.WINDOW_SILENT, Event.CLIENTS_GONE, Event.POLICY_LOST})


@dataclass(frozen=True)
class Facts:
    """What the machine must know besides mode and event.

    Args:
        no_writes: why the device takes no setpoints ("replay takes no setpoints"), or "".
        no_sensor: why the controlled temperature cannot be trusted, or "".
        policy: whether a policy is loaded.
        no_policy: why it must not be followed now, or "".
    """

    no_writes: str = ""
    no_sensor: str = ""
    policy: bool = False
    no_policy: str = ""


def step(mode: Mode, event: Event, facts: Facts) -> Mode | Refusal:
    """The mode after `event`, or why it stays as it is.

    A driving mode is entered, or stayed in by a person's act, only with a device that takes setpoints and a good
    sensor; where the station itself would go to HOLD without them, it goes to SAFE.
    """
    new = TABLE[event][mode]
    if isinstance(new, Refusal):
        return new
    if new in (ADVISE, POLICY) and not facts.policy:
        return Refusal("no policy loaded")
    if new is POLICY and facts.no_policy:
        return Refusal(f"the policy cannot be followed: {facts.no_policy}")
    if facts.no_writes and (new in DRIVING or event is Event.SETPOINT):
        return SAFE if event in _BY_ITSELF else Refusal(facts.no_writes)
    if facts.no_sensor and new in DRIVING:
        return SAFE if event in _BY_ITSELF else Refusal(f"the temperature cannot be trusted: {facts.no_sensor}")
    return new


def silence(mode: Mode, client_s: float, window_s: float) -> Event | None:
    """The event that silence makes.

    Args:
        mode: the present one.
        client_s: real seconds since any client was heard.
        window_s: real seconds since a window was heard (infinite: never).
    """
    if mode in DRIVING and client_s >= ABANDONED_S:
        return Event.ABANDONED
    if client_s >= CLIENT_SILENT_S.get(mode, float("inf")):
        return Event.CLIENTS_GONE
    if mode is POLICY and window_s >= WINDOW_SILENT_S:
        return Event.WINDOW_SILENT
    return None
