"""A recipe as it is edited: texts in a table, the program that they make or why they make none, and its preview."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matstudio.control.observer import Furnace
from matstudio.control.preview import Preview, preview
from matstudio.control.program import (
    MOST_SEGMENTS,
    MOST_STEPS,
    NEEDS,
    End,
    Kind,
    Program,
    Segment,
    beyond,
    duration,
    fault,
    too_long,
)
from matstudio.domain.process import Limits
from matstudio.ui.live import Live
from matstudio.widgets.text import duration as time_text

HEADS = ("Segment", "To / K", "Rate / K/s", "Time / s", "Back to", "Times in all")
FIELDS = ("to", "rate", "time", "back_to", "times")
"""The fields of a segment, in the order of the columns after the first."""
_TITLES = dict(zip(FIELDS, HEADS[1:], strict=True))
FIRST = (
    Segment(Kind.RAMP, to=700.0, rate=2.0),
    Segment(Kind.SOAK, time=60.0),
    Segment(Kind.RAMP, to=620.0, rate=0.5),
    Segment(Kind.SOAK, time=300.0),
)


@dataclass(frozen=True)
class Draft:
    """What is typed.

    Args:
        name, holdback: as typed; an empty holdback is none.
        end: what happens at the end.
        rows: of each segment its kind and the texts of `FIELDS`.
    """

    name: str
    holdback: str
    end: End
    rows: tuple[tuple[Kind, tuple[str, ...]], ...]


def draft(program: Program) -> Draft:
    """A program as texts."""
    rows = tuple(
        (s.kind, tuple(f"{getattr(s, f):g}" if f in NEEDS[s.kind] else "" for f in FIELDS)) for s in program.segments
    )
    return Draft(program.name, f"{program.holdback:g}" if math.isfinite(program.holdback) else "", program.end, rows)


def program(given: Draft, limits: Limits | None) -> Program:
    """The program of a draft.

    Raises:
        ValueError: it makes none, or one outside the limits of the setpoint; one line that names segment and field.
    """
    name = given.name.strip()
    if not 0 < len(name) <= 60 or not name.isprintable():
        raise ValueError("name: 1 to 60 characters")
    holdback = _number(given.holdback, "holdback") if given.holdback.strip() else math.inf
    if not holdback > 0:
        raise ValueError("holdback: must be above 0 K, or empty")
    if not 1 <= len(given.rows) <= MOST_SEGMENTS:
        raise ValueError(f"1 to {MOST_SEGMENTS} segments are needed")
    segments = tuple(_segment(kind, texts, f"segment {i}") for i, (kind, texts) in enumerate(given.rows, 1))
    for i in range(len(segments)):
        field, problem = fault(i, segments)
        if problem:
            raise ValueError(f"segment {i + 1}: {_title(field)}: {problem}")
    if too_long(segments):
        raise ValueError(f"more than {MOST_STEPS} segments with all passes of the loops")
    made = Program(name, segments, holdback, given.end)
    outside = beyond(made, limits) if limits is not None else None
    if outside is not None:
        raise ValueError(f"segment {outside[0] + 1}: {_title(outside[1])}: {outside[2]}")
    return made


def look(made: Program, live: Live) -> Preview | None:
    """What it will do from the present setpoint; None where the device does not describe its furnace."""
    facts = live.description.state if live.description is not None else {}
    furnace = Furnace.described(facts)
    setpoint, heater = live.limits("temperature"), live.limits("heater")
    if furnace is None or setpoint is None or heater is None:
        return None
    return preview(made, start(live), furnace, setpoint, heater)


def start(live: Live) -> float:
    """The setpoint from which a program would begin now, K."""
    found = live.number("pid", "setpoint")
    return found if found is not None and math.isfinite(found) else 300.0


def summary(made: Program, seen: Preview | None, live: Live) -> str:
    """ "4 segments, 12 min; then the last setpoint is held", and what the furnace cannot do."""
    seconds = float(seen.t[-1]) if seen is not None else duration(made, start(live))
    end = "then OFF" if made.end is End.OFF else "then the last setpoint is held"
    notes = seen.notes if seen is not None else ("the device describes no furnace: no temperature is predicted",)
    return "; ".join([f"{len(made.segments)} segments, {time_text(seconds)}, {end}", *notes])


def _segment(kind: Kind, texts: tuple[str, ...], where: str) -> Segment:
    values: dict[str, float | int] = {}
    for field, text in zip(FIELDS, texts, strict=True):
        if field in NEEDS[kind]:
            value = _number(text, f"{where}: {_title(field)}")
            if field in ("back_to", "times"):
                if value != int(value):
                    raise ValueError(f"{where}: {_title(field)}: must be a whole number")
                value = int(value)
            values[field] = value
    return Segment(kind, **values)  # type: ignore[arg-type]


def _title(field: str) -> str:
    return _TITLES[field].partition(" /")[0].lower()


def _number(text: str, what: str) -> float:
    try:
        value = float(text.strip().replace("−", "-"))
    except ValueError:
        raise ValueError(f"{what}: {text.strip()!r} is not a number") from None
    if not abs(value) <= 1e9:
        raise ValueError(f"{what}: must be a finite number")
    return value
