"""Audit entries as what a timeline shows: in which lane each stands and how grave it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from matstudio.domain.process import Mode


class Lane(StrEnum):
    """The rows of marks."""

    ALARM = "Alarms"
    OPERATOR = "Operator"
    NOTE = "Notes"
    SYSTEM = "System"


class Shape(StrEnum):
    """The shape of a mark tells what it is, without its colour."""

    TRIANGLE = "alarm, high"
    DIAMOND = "alarm, medium"
    DISC = "alarm, low"
    RING = "alarm returned to normal"
    SQUARE = "operator"
    NOTE = "note"
    FLAG = "bookmark"
    STROKE = "system"


LEVELS = ("", "caution", "bad")
MODES = frozenset(mode.value for mode in Mode)
_PRIORITIES = {
    "urgent": ("bad", Shape.TRIANGLE),
    "high": ("bad", Shape.TRIANGLE),
    "medium": ("caution", Shape.DIAMOND),
    "low": ("", Shape.DISC),
}


@dataclass(frozen=True)
class Happening:
    """One event.

    Args:
        t: run time that it is about, s.
        wall: seconds since 1970-01-01 UTC at which it was written; 0 where nobody knows.
        lane, shape: where and how it is drawn. level: "", "caution" or "bad".
        kind, who, text: of the audit entry; `who` without its role.
        n: number of the audit entry; 0 for what has none.
        facts: the entry's data.
        later: a note that was made in a replay.
    """

    t: float
    wall: float
    lane: Lane
    shape: Shape
    level: str
    kind: str
    who: str
    text: str
    n: int
    facts: Mapping[str, Any]
    later: bool = False


@dataclass(frozen=True)
class Band:
    """Something that lasted from `start` to `end` (run time, s; infinite: still lasts)."""

    start: float
    end: float
    text: str
    level: str = ""


def happening(entry: Mapping[str, Any]) -> Happening | None:
    """An audit entry as an event; None where it has no time."""
    data = entry.get("data")
    facts = data if isinstance(data, Mapping) else {}
    kind, who, text = (str(entry.get(k, "")) for k in ("kind", "who", "text"))
    t, wall = _number(entry.get("t")), _number(entry.get("wall"))
    if kind == "note":
        about = _number(facts.get("t"))
        t = t if math.isnan(about) else about
    if math.isnan(t):
        return None
    lane, shape, level = _place(kind, who, facts)
    number = entry.get("n")
    return Happening(
        t,
        0.0 if math.isnan(wall) else wall,
        lane,
        shape,
        level,
        "bookmark" if shape is Shape.FLAG else kind,
        who.rpartition("operator:")[2],
        " ".join(text.split()),
        number if isinstance(number, int) else 0,
        facts,
        facts.get("later") is True,
    )


def _place(kind: str, who: str, facts: Mapping[str, Any]) -> tuple[Lane, Shape, str]:
    if kind == "note":
        return Lane.NOTE, Shape.FLAG if facts.get("bookmark") is True else Shape.NOTE, ""
    if kind == "alarm":
        if facts.get("state") in ("NORM", "ACK", "RTN_UNACK", "LATCH_UNACK", "LATCH_ACK", "SHELVED"):
            return Lane.ALARM, Shape.RING, ""
        level, shape = raised(facts)
        return Lane.ALARM, shape, level
    if who.startswith("operator:"):
        return Lane.OPERATOR, Shape.SQUARE, ""
    return Lane.SYSTEM, Shape.STROKE, "bad" if kind == "damaged" else ""


def raised(facts: Mapping[str, Any]) -> tuple[str, Shape]:
    """Level and shape of an alarm when it is raised, by its priority."""
    return _PRIORITIES.get(str(facts.get("priority")), _PRIORITIES["low"])


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return math.nan
    return float(value) if math.isfinite(value) else math.nan
