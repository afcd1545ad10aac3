"""The log: audit entries as rows of text."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NEWS_S = 5.0
_STATES = {
    "NORM": "normal",
    "UNACK": "new",
    "RTN_UNACK": "returned",
    "LATCH_UNACK": "returned, latched",
    "LATCH_ACK": "returned, latched",
}


@dataclass(frozen=True)
class Entry:
    """One line of the log."""

    n: int
    time: str
    who: str
    kind: str
    text: str


def entry(event: Mapping[str, Any]) -> Entry:
    """A row of an audit entry."""
    who = str(event.get("who", ""))
    return Entry(
        int(event.get("n", 0)),
        clock(event.get("wall")),
        who.rpartition("operator:")[2],
        str(event.get("kind", "")),
        _text(event),
    )


def _text(event: Mapping[str, Any]) -> str:
    """What it says; of an edit also what was there before and why, of an alarm its state."""
    text, data = str(event.get("text", "")).replace("\n", " "), event.get("data")
    if not isinstance(data, Mapping):
        return text
    kind, old, why = event.get("kind"), data.get("old"), data.get("why")
    if kind in ("setpoint", "output"):
        was = f"was {old:g}" if isinstance(old, (int, float)) else ""
        because = f"because: {why}" if why else ""
        more = "; ".join(filter(None, (was, because)))
        return f"{text} ({more})" if more else text
    if kind == "alarm" and data.get("state") in _STATES:
        return f"{text} ({_STATES[data['state']]})"
    return text


def is_news(event: Mapping[str, Any], now: float) -> bool:
    """Whether an event tells what has just become of a process; `now` and its time are seconds since 1970."""
    wall = event.get("wall")
    return event.get("kind") == "process" and isinstance(wall, (int, float)) and abs(now - wall) < NEWS_S


def clock(wall: Any) -> str:
    """Local time of day of seconds since 1970."""
    if not isinstance(wall, (int, float)):
        return ""
    return time.strftime("%H:%M:%S", time.localtime(wall))
