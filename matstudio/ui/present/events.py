"""Events by time and what lasted how long, kept so that one more costs the same however many there are."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from matstudio.ui.present.happenings import LEVELS, MODES, Band, Happening, Lane, Shape, raised

_LATE = 16  # events before the last one that are put in one by one; more are sorted in together
_COURSE = ("start", "mode", "alarm")
_LANES = {lane: i for i, lane in enumerate(Lane)}


class Column:
    """Numbers that more are added to."""

    def __init__(self, kind: type = float) -> None:
        self._room = np.empty(256, kind)
        self._size = 0

    @property
    def array(self) -> np.ndarray:
        """The numbers (n,), as they are until one is added."""
        return self._room[: self._size]

    def insert(self, index: int, value: float) -> None:
        """Put a number before the one at `index`."""
        if self._size == len(self._room):
            self._room = np.concatenate((self._room, np.empty_like(self._room)))
        self._room[index + 1 : self._size + 1] = self._room[index : self._size]
        self._room[index] = value
        self._size += 1


class Bands:
    """Bands by their start, which are added in that order."""

    def __init__(self, bands: Iterable[Band] = ()) -> None:
        self._start, self._end, self._level, self._text = Column(), Column(), Column(int), Column(int)
        self._texts: dict[str, int] = {}
        self._names: list[str] = []
        for band in sorted(bands, key=lambda b: b.start):
            self.add(band)

    def __len__(self) -> int:
        return len(self._start.array)

    def add(self, band: Band) -> None:
        """One more, which starts no earlier than the last."""
        if band.text not in self._texts:
            self._texts[band.text] = len(self._names)
            self._names.append(band.text)
        values = band.start, band.end, LEVELS.index(band.level), self._texts[band.text]
        for column, value in zip((self._start, self._end, self._level, self._text), values, strict=True):
            column.insert(len(column.array), value)

    def end(self, index: int, t: float) -> None:
        """The one at `index` lasted until run time `t`, s."""
        self._end.array[index] = t

    def last_text(self) -> str:
        """The text of the last one, "" where there is none."""
        return self._names[self._text.array[-1]] if len(self) else ""

    def at(self, t: float) -> list[Band]:
        """Those that lasted at run time `t`, s."""
        return [self._band(i) for i in np.flatnonzero((self._start.array <= t) & (t < self._end.array))]

    def inside(self, start: float, end: float, least: float, last: float = math.inf) -> tuple[Band, ...]:
        """Those in view; what still lasts ends at `last`. Neighbours that last less than `least` seconds and begin
        within as many are one, with the gravest level."""
        ends = np.where(np.isinf(self._end.array), last, self._end.array)
        seen = np.flatnonzero((ends >= start) & (self._start.array <= end))
        if not seen.size:
            return ()
        starts, ends = self._start.array[seen], ends[seen]
        alone = ends - starts >= least
        cell = np.floor(starts / least) if least > 0 else starts
        apart = alone[1:] | alone[:-1] | (cell[1:] != cell[:-1])
        heads = np.append(0, 1 + np.flatnonzero(apart))
        text = self._text.array[seen]
        same = np.minimum.reduceat(text, heads) == np.maximum.reduceat(text, heads)
        columns = starts[heads], np.maximum.reduceat(ends, heads), text[heads], same
        level = np.maximum.reduceat(self._level.array[seen], heads)
        return tuple(
            Band(a, b, self._names[name] if one else "several", LEVELS[grave])
            for a, b, name, one, grave in zip(*(c.tolist() for c in (*columns, level)), strict=True)
        )

    def _band(self, i: int) -> Band:
        columns = (self._start, self._end, self._text, self._level)
        start, end, text, level = (column.array[i] for column in columns)
        return Band(float(start), float(end), self._names[text], LEVELS[level])


class Events:
    """Events by time, the station's modes and the alarms' courses that follow from them.

    An alarm that "returns" without having been raised tells of something that has passed (a restart): it is kept as
    one that is raised.
    """

    def __init__(self) -> None:
        self.all: list[Happening] = []
        self.changed = 0
        """Grows when events were put elsewhere than at the end."""
        self.clear()

    def clear(self) -> None:
        """Forget every event."""
        self.all.clear()
        self.changed += 1
        self._t, self._lane, self._level = Column(), Column(int), Column(int)
        self.modes, self.alarms = Bands(), Bands()
        self._active: dict[str, int] = {}

    @property
    def t(self) -> np.ndarray:
        """Run time of each event (n,), s."""
        return self._t.array

    @property
    def lane(self) -> np.ndarray:
        """Place of each event's lane in `Lane` (n,)."""
        return self._lane.array

    @property
    def level(self) -> np.ndarray:
        """Place of each event's level in `LEVELS` (n,)."""
        return self._level.array

    def add(self, events: Iterable[Happening]) -> None:
        """More events, in any order."""
        fresh = sorted(events, key=_key)
        late = bisect.bisect_left(fresh, _key(self.all[-1]), key=_key) if self.all else 0
        if late > _LATE or any(e.kind in _COURSE for e in fresh[:late]):
            fresh, late = sorted([*self.all, *fresh], key=_key), 0
            self.clear()
        for e in fresh[:late]:
            self._put(bisect.bisect_right(self.all, _key(e), key=_key), e)
        self.changed += late > 0
        for e in fresh[late:]:
            self._put(len(self.all), self._follow(e))

    def _put(self, index: int, e: Happening) -> None:
        self.all.insert(index, e)
        self._t.insert(index, e.t)
        self._lane.insert(index, _LANES[e.lane])
        self._level.insert(index, LEVELS.index(e.level))

    def _follow(self, e: Happening) -> Happening:
        """What the next event does to mode and alarms; the event as it is kept."""
        mode = str(e.facts.get("new", "")) if e.kind == "mode" else "OFF" if e.kind == "start" else ""
        if mode in MODES and mode != self.modes.last_text():
            if len(self.modes):
                self.modes.end(len(self.modes) - 1, e.t)
            self.modes.add(Band(e.t, math.inf, mode))
        key, state = str(e.facts.get("id", e.text)), e.facts.get("state")
        if e.kind == "start":
            for index in self._active.values():
                self.alarms.end(index, e.t)
            self._active.clear()
        elif e.kind != "alarm":
            return e
        elif state == "UNACK" and key not in self._active:
            self._active[key] = len(self.alarms)
            self.alarms.add(Band(e.t, math.inf, e.text, e.level))
        elif state == "RTN_UNACK" and key not in self._active:
            level, shape = raised(e.facts)
            return replace(e, level=level, shape=shape)
        elif e.shape is Shape.RING and key in self._active:
            self.alarms.end(self._active.pop(key), e.t)
        return e


def _key(e: Happening) -> tuple[float, int]:
    return e.t, e.n
