"""The log: audit entries and alarms as rows of text."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matstudio.ui.live import Live

ALARM_STATES = {"UNACK": "new", "ACK": "acknowledged", "RTN_UNACK": "returned"}
NEWS_S = 5.0
_ORDER = {"high": 0, "medium": 1, "low": 2}


@dataclass(frozen=True)
class Entry:
    """One line of the log."""

    n: int
    time: str
    who: str
    kind: str
    text: str


@dataclass(frozen=True)
class AlarmRow:
    """One alarm.

    `open`: it still waits to be acknowledged; `level`: "bad" or "caution" while it is active, "" once the condition has
    returned to normal.
    """

    id: str
    time: str
    priority: str
    state: str
    text: str
    open: bool
    level: str


def entry(event: Mapping[str, Any]) -> Entry:
    """A row of an audit entry."""
    who = str(event.get("who", ""))
    return Entry(
        int(event.get("n", 0)),
        clock(event.get("wall")),
        who.rpartition("operator:")[2],
        str(event.get("kind", "")),
        str(event.get("text", "")).replace("\n", " "),
    )


def is_news(event: Mapping[str, Any], now: float) -> bool:
    """Whether an event tells what has just become of a process; `now` and its time are seconds since 1970."""
    wall = event.get("wall")
    return event.get("kind") == "process" and isinstance(wall, (int, float)) and abs(now - wall) < NEWS_S


def clock(wall: Any) -> str:
    """Local time of day of seconds since 1970."""
    if not isinstance(wall, (int, float)):
        return ""
    return time.strftime("%H:%M:%S", time.localtime(wall))


def alarms(live: Live) -> tuple[AlarmRow, ...]:
    """The alarms: new ones first, then those acknowledged, then those returned; by priority, the newest first."""
    place = {"UNACK": 0, "ACK": 1}
    found = sorted(
        live.status.get("alarms") or (),
        key=lambda a: (place.get(a["state"], 2), _ORDER.get(a["priority"], 3), -a["t"]),
    )
    return tuple(
        AlarmRow(
            a["id"],
            clock(live.run.clock.wall(a["t"])),
            a["priority"],
            ALARM_STATES.get(a["state"], a["state"]),
            a["text"],
            a["state"] != "ACK",
            "" if a["state"] == "RTN_UNACK" else "bad" if a["priority"] == "high" else "caution",
        )
        for a in found
    )
