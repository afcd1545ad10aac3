"""The alarms: rows of the list, the box in the header, the line above the docks (ISA-18.2, ISA-101)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matstudio.domain.process import Mode
from matstudio.ui.live import Live
from matstudio.ui.present.log import clock

STATES = {
    "UNACK": "new",
    "ACK": "acknowledged",
    "RTN_UNACK": "returned",
    "LATCH_UNACK": "latched, new",
    "LATCH_ACK": "latched",
    "SHELVED": "shelved",
}
MARKS = {"urgent": "▲▲ urgent", "high": "▲ high", "medium": "◆ medium", "low": "● low"}
"""Priority by shape and word; colour comes on top."""
FIRST = "► first"
HEADS = ("Time", "Priority", "State", "First", "Alarm")
SHELVES_MIN = (5, 15, 30, 60, 240, 480)
"""For how long an alarm can be shelved, minutes."""
_ORDER = {"urgent": 0, "high": 1, "medium": 2, "low": 3}
_PLACE = {"UNACK": 0, "ACK": 1, "SHELVED": 3}
_OPEN = ("UNACK", "RTN_UNACK", "LATCH_UNACK")
_LATCHED = ("LATCH_UNACK", "LATCH_ACK")


@dataclass(frozen=True)
class AlarmRow:
    """One alarm.

    Args:
        id, time, priority, state, text: as shown; `state` names the time that a shelved one has left.
        mark: priority by shape and word.
        first: `FIRST` where it came first of its group, else "".
        open: it still waits to be acknowledged. shelved, latched: what can be done with it.
        level: "bad" or "caution" while it is active and not shelved, else "".
        t: run time of its last change, s.
        tip: who shelved it and why, or "".
    """

    id: str
    time: str
    priority: str
    state: str
    text: str
    mark: str
    first: str
    open: bool
    shelved: bool
    latched: bool
    level: str
    t: float
    tip: str

    def cells(self) -> tuple[str, ...]:
        """Its text under `HEADS`."""
        return (self.time, self.mark, self.state, self.first, self.text)


def rows(live: Live) -> tuple[AlarmRow, ...]:
    """The alarms: new ones first, then those acknowledged, returned, shelved; by priority, the newest first."""
    found = sorted(
        live.status.get("alarms") or (),
        key=lambda a: (_PLACE.get(a["state"], 2), _ORDER.get(a["priority"], 4), -a["t"]),
    )
    return tuple(_row(a, live) for a in found)


def _row(a: Mapping[str, Any], live: Live) -> AlarmRow:
    state, priority = a["state"], a["priority"]
    word = STATES.get(state, state)
    if state == "SHELVED":
        run = live.run.clock
        word = f"{word}, {_left((a.get('until', 0.0) - run.now()) / run.speed)} left"
    active = state in ("UNACK", "ACK")
    level = "bad" if priority in ("urgent", "high") else "caution"
    by = f"shelved by {a.get('by')}: {a.get('reason')}" if state == "SHELVED" else ""
    return AlarmRow(
        id=a["id"],
        time=clock(live.run.clock.wall(a["t"])),
        priority=priority,
        state=word,
        text=f"{a['text']} ({by})" if by else a["text"],
        mark=MARKS.get(priority, priority),
        first=FIRST if a.get("first") else "",
        open=state in _OPEN,
        shelved=state == "SHELVED",
        latched=state in _LATCHED,
        level=level if active else "",
        t=a["t"],
        tip=by,
    )


def _left(seconds: float) -> str:
    seconds = max(0.0, seconds)
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"


_KEYS: Sequence[Callable[[AlarmRow], Any]] = (
    lambda r: -r.t,
    lambda r: _ORDER.get(r.priority, 4),
    lambda r: r.state,
    lambda r: not r.first,
    lambda r: r.text.casefold(),
)


def by_column(found: Sequence[AlarmRow], column: int | None, down: bool) -> tuple[AlarmRow, ...]:
    """The rows sorted by one of `HEADS`, the other way round where `down`; as they are for None."""
    return tuple(found) if column is None else tuple(sorted(found, key=_KEYS[column], reverse=down))


def box(live: Live) -> dict[str, str]:
    """Number of alarms, what they wait for, and a level (ISA-18.2).

    "bad" or "caution": a new one is active; "steady": all that are active were acknowledged, or all have returned to
    normal and wait to be acknowledged or reset. Shelved ones are counted apart.
    """
    alarms = live.status.get("alarms") or ()
    if not live.status:
        return {"alarms": "– alarms", "alarms_line": "not known", "alarms_level": ""}
    listed = [a for a in alarms if a["state"] != "SHELVED"]
    shelved = f"{len(alarms) - len(listed)} shelved" if len(listed) < len(alarms) else ""
    if not listed:
        return {"alarms": "0 alarms", "alarms_line": shelved or "normal", "alarms_level": "steady" if shelved else ""}
    new = [a for a in listed if a["state"] in _OPEN]
    here = [a for a in listed if a["state"] in ("UNACK", "ACK")]
    text = "1 alarm" if len(listed) == 1 else f"{len(listed)} alarms"
    if here:
        line = f"{len(new)} to acknowledge" if new else "active, acknowledged"
    else:
        line = f"returned, {len(new)} to acknowledge" if new else "latched, to reset"
    fresh = [a["priority"] for a in here if a["state"] == "UNACK"]
    level = "bad" if {"urgent", "high"} & set(fresh) else "caution" if fresh else "steady"
    return {"alarms": text, "alarms_line": f"{line}, {shelved}" if shelved else line, "alarms_level": level}


@dataclass(frozen=True)
class Line:
    """The line above the docks: its text ("": none), and the action of its button with the button's word."""

    text: str = ""
    action: str = "control.acknowledge"
    button: str = "Acknowledge"


def line(live: Live) -> Line:
    """Why everything was made safe; in other modes the alarm that is most urgent of those high and new."""
    if live.mode is Mode.SAFE:
        why = str(live.status.get("why", "")).strip()
        return Line(f"SAFE: {why}" if why else "SAFE", "control.reset", "Reset")
    pressing = [r for r in rows(live) if r.open and r.level == "bad"]
    if not pressing or not live.attached:
        return Line()
    more = f" (and {len(pressing) - 1} more)" if len(pressing) > 1 else ""
    return Line(f"{pressing[0].mark}: {pressing[0].text}{more}")
