"""What a recording tells besides its frames and readings: its events, its files, and what is lost between them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_LONGEST = 4096
_NAMES = ("id", "state", "priority", "old", "new", "name")


@dataclass(frozen=True)
class Part:
    """One file of a recording.

    Args:
        name: of the file.
        start, end: what it covers, seconds on the recording's time line.
        ending: "closed", "broken off" (the recorder died) or "being written".
    """

    name: str
    start: float
    end: float
    ending: str = "closed"


@dataclass(frozen=True)
class Lost:
    """Frames of a stream that the recording lacks: `n` of them between two times, seconds."""

    stream: str
    start: float
    end: float
    n: int


@dataclass(frozen=True)
class Recorded:
    """What a recording tells besides frames and readings.

    Args:
        run: id of the recorded run; "" for other files.
        events: entries of its audit log and of its recorder in order of time, as `plain` makes them; `t` in seconds on
            the recording's time line.
        parts: its files, in order.
        lost: frames that are missing.
        order: order parameter as it was estimated: times (n,) and values (n,), or None.
        epoch: seconds since 1970-01-01 UTC at time 0; None where nobody knows.
        speed: seconds of the time line per second of real time.
    """

    run: str = ""
    events: tuple[Mapping[str, Any], ...] = ()
    parts: tuple[Part, ...] = ()
    lost: tuple[Lost, ...] = ()
    order: tuple[np.ndarray, np.ndarray] | None = None
    epoch: float | None = None
    speed: float = 1.0

    @property
    def end(self) -> float:
        """Time of the last thing that was recorded, seconds; -inf where nothing is told."""
        ends = [p.end for p in self.parts]
        return max([*ends, *(float(e["t"]) for e in self.events[-1:])], default=-math.inf)


def plain(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """An audit entry with only what a timeline shows, each of its one type; None where it has no time."""
    t, wall = _number(entry.get("t")), _number(entry.get("wall"))
    if t is None:
        return None
    data = entry.get("data")
    data = data if isinstance(data, Mapping) else {}
    facts: dict[str, Any] = {k: str(data[k])[:100] for k in _NAMES if k in data}
    about = _number(data.get("t"))
    if about is not None:
        facts["t"] = about
    if data.get("bookmark") is True:
        facts["bookmark"] = True
    number = entry.get("n")
    return {
        "n": number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**53 else 0,
        "t": t,
        "wall": 0.0 if wall is None else wall,
        "kind": str(entry.get("kind", ""))[:100],
        "who": str(entry.get("who", ""))[:200],
        "text": str(entry.get("text", ""))[:_LONGEST],
        "data": facts,
    }


def merged(parts: Iterable[Sequence[Mapping[str, Any]]]) -> tuple[dict[str, Any], ...]:
    """The entries of several files by time. Each file holds the audit log from the run's beginning: once is enough.
    The loop's own writes are left out."""
    known: set[tuple[object, ...]] = set()
    out = []
    for entries in parts:
        for entry in entries:
            if entry.get("kind") == "write" and entry.get("who") in ("pid", "policy"):
                continue
            found = plain(entry)
            if found is None:
                continue
            key = (found["n"], entry.get("hash")) if found["n"] else (found["t"], found["kind"], found["text"])
            if key not in known:
                known.add(key)
                out.append(found)
    return tuple(sorted(out, key=lambda e: (e["t"], e["n"])))


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
