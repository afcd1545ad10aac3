"""Audit entries as what a timeline shows: in which lane each stands, how grave it is, and what lasts how long."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
_MODES = frozenset(mode.value for mode in Mode)
_PRIORITIES = {
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
        if facts.get("state") in ("NORM", "ACK"):
            return Lane.ALARM, Shape.RING, ""
        level, shape = _PRIORITIES.get(str(facts.get("priority")), _PRIORITIES["low"])
        if facts.get("state") == "RTN_UNACK":
            return Lane.ALARM, Shape.RING, ""
        return Lane.ALARM, shape, level
    if who.startswith("operator:"):
        return Lane.OPERATOR, Shape.SQUARE, ""
    return Lane.SYSTEM, Shape.STROKE, "bad" if kind == "damaged" else ""


def modes(events: Iterable[Happening]) -> tuple[Band, ...]:
    """The station's modes over time, from events in order. The last one still lasts."""
    changes: list[tuple[float, str]] = []
    for e in events:
        new = str(e.facts.get("new", "")) if e.kind == "mode" else "OFF" if e.kind == "start" else ""
        if new in _MODES and (not changes or changes[-1][1] != new):
            changes.append((e.t, new))
    following = [*changes, (math.inf, "")]
    return tuple(Band(t, end, mode) for (t, mode), (end, _) in itertools.pairwise(following))


def in_order(events: Iterable[Happening]) -> list[Happening]:
    """The events by time. An alarm that "returns" without having been raised tells of something that has passed (a
    restart): it is drawn as one that is raised."""
    out: list[Happening] = []
    active: set[str] = set()
    for e in sorted(events, key=lambda e: (e.t, e.n)):
        key, state = str(e.facts.get("id")), e.facts.get("state")
        if e.kind == "start":
            active.clear()
        elif e.kind == "alarm" and state == "UNACK":
            active.add(key)
        elif e.kind == "alarm" and state == "RTN_UNACK" and key not in active:
            level, shape = _PRIORITIES.get(str(e.facts.get("priority")), _PRIORITIES["low"])
            e = replace(e, level=level, shape=shape)
        elif e.kind == "alarm":
            active.discard(key)
        out.append(e)
    return out


def alarms(events: Sequence[Happening]) -> tuple[Band, ...]:
    """From when to when each alarm was active, from events in order. A start of the station ends them all."""
    out: list[Band] = []
    active: dict[str, Band] = {}
    for e in events:
        key = str(e.facts.get("id", e.text))
        if e.kind == "start":
            out += [Band(b.start, e.t, b.text, b.level) for b in active.values()]
            active = {}
        elif e.kind == "alarm" and e.shape is Shape.RING:
            if key in active:
                b = active.pop(key)
                out.append(Band(b.start, e.t, b.text, b.level))
        elif e.kind == "alarm" and e.facts.get("state") == "UNACK":
            active.setdefault(key, Band(e.t, math.inf, e.text, e.level))
    return tuple(sorted([*out, *active.values()], key=lambda b: b.start))


def at(bands: Iterable[Band], t: float) -> list[Band]:
    """Those of the bands that lasted at run time `t`."""
    return [b for b in bands if b.start <= t < b.end]


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return math.nan
    return float(value) if math.isfinite(value) else math.nan
