"""The timeline: what happened when, which part of it is in view, and what is drawn there; knows no Qt."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from matstudio.ui.present.axis import day, run_time, step, ticks, wall_time
from matstudio.ui.present.events import Bands, Events
from matstudio.ui.present.happenings import Band, Happening, Lane, Shape, happening

FILTERS: dict[str, tuple[Lane, ...]] = {
    "all": tuple(Lane),
    "alarms": (Lane.ALARM,),
    "operator": (Lane.OPERATOR,),
    "notes": (Lane.NOTE,),
}
LEAST_SPAN_S = 0.05
_FIRST_SPAN_S = 60.0
_CURVE_POINTS = 2000
_SAME_S = 1e-3
CURVES = {"temperature": ("T", "K"), "order_parameter": ("S", "")}


@dataclass(frozen=True)
class Mark:
    """One mark, or several that stand too close to each other to be told apart.

    Args:
        t: run time, s. lane, shape, level: as those of the gravest. count: how many it stands for.
        first: index of the first of them in `Timeline.events`. text: of a single one.
    """

    t: float
    lane: Lane
    shape: Shape
    level: str
    count: int
    first: int
    text: str


@dataclass(frozen=True)
class Curve:
    """A curve over run time t (n,), with values between 0 and 1 (n,), and its range in words ("T 300 to 640 K")."""

    t: np.ndarray
    height: np.ndarray
    text: str


@dataclass(frozen=True)
class Picture:
    """What is drawn between `start` and `end` (run time, s).

    Args:
        ticks: times with run time and, where that is known, time of day. wall_name: what the times of day are.
        modes, alarms: what lasted. marks: of every lane.
        filled: where there are frames (or a recording), each with the share of the greatest density, 0 to 1.
        lost: where frames are missing. gaps: where nothing was recorded. breaks: where a file broke off.
        curves: at most two.
    """

    start: float
    end: float
    ticks: tuple[tuple[float, str, str], ...]
    wall_name: str
    modes: tuple[Band, ...]
    alarms: tuple[Band, ...]
    marks: tuple[Mark, ...]
    filled: tuple[tuple[float, float, float], ...]
    lost: tuple[Band, ...]
    gaps: tuple[Band, ...]
    breaks: tuple[Band, ...]
    curves: tuple[Curve, ...]


@dataclass
class Facts:
    """What is known besides the events; times are run time, s.

    Args:
        start, end: of what was recorded, or of the run so far.
        epoch: seconds since 1970 at run time 0, or None; `speed`: seconds of run time per second.
        filled, lost, gaps, breaks: as in `Picture`.
        curves: by name, times (n,) and values (n,).
    """

    start: float = 0.0
    end: float = 0.0
    epoch: float | None = None
    speed: float = 1.0
    filled: list[tuple[float, float, float]] = field(default_factory=list)
    lost: list[Band] = field(default_factory=list)
    gaps: list[Band] = field(default_factory=list)
    breaks: list[Band] = field(default_factory=list)
    curves: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


def recorded(told: Mapping[str, Any]) -> Facts:
    """The facts of a replay, as the device tells them (docs/messages.md, `timeline`)."""
    facts = Facts(float(told["start"]), float(told["end"]), told["epoch"], float(told["speed"]))
    counts = [np.asarray(n, float) for n in told["frames"].values()]
    if counts:
        share = np.mean([n / max(1.0, n.max()) for n in counts], axis=0)
        edges = np.linspace(facts.start, facts.end, len(share) + 1)
        facts.filled = [
            (float(edges[i]), float(edges[i + 1]), float(share[i]))
            for i in np.flatnonzero(share)
            if edges[-1] > edges[0]
        ]
    for x in told["lost"]:
        facts.lost.append(Band(x["start"], x["end"], f"{x['n']} frames of {x['stream']} lost"))
    parts = told["parts"]
    for i, part in enumerate(parts):
        if part["ending"] == "broken off":
            facts.breaks.append(Band(part["end"], part["end"], f"{part['name']} broke off here", "bad"))
        elif part["ending"] == "being written":
            facts.breaks.append(Band(part["end"], part["end"], f"{part['name']} was still being written"))
        if i + 1 < len(parts) and parts[i + 1]["start"] > part["end"]:
            seconds = parts[i + 1]["start"] - part["end"]
            facts.gaps.append(Band(part["end"], parts[i + 1]["start"], f"nothing recorded for {seconds:.1f} s"))
    for name, curve in told["curves"].items():
        if name in CURVES:
            facts.curves[name] = (np.asarray(curve["t"], float), np.asarray(curve["value"], float))
    return facts


class Timeline:
    """The timeline of a run (`live`) or of a replay.

    Args:
        live: its end moves on, and there is nothing to seek.
    """

    def __init__(self, live: bool) -> None:
        self.live = live
        self.facts = Facts()
        self.now = 0.0
        """Run time that is shown: of a replay its place in the recording."""
        self.filter = "all"
        self.chosen: Happening | None = None
        self.changes = 0
        """Grows with whatever a picture shows."""
        self._known = Events()
        self._fresh: list[Happening] = []
        self._numbers: set[int] = set()
        self._view: tuple[float, float] | None = None

    # ---- what is known

    def add(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """More audit entries; one whose number is known is left out."""
        for entry in entries:
            found = happening(entry)
            if found is None or (found.n and found.n in self._numbers):
                continue
            if found.n:
                self._numbers.add(found.n)
            self._fresh.append(found)
            self.changes += 1

    def clear(self) -> None:
        """Forget every event."""
        self._known.clear()
        self._fresh, self._numbers, self.chosen = [], set(), None
        self.changes += 1

    def set_facts(self, facts: Facts) -> None:
        """What is known besides the events."""
        self.facts = facts
        self.changes += 1

    @property
    def known(self) -> Events:
        """The events with what follows from them."""
        if self._fresh:
            self._known.add(self._fresh)
            self._fresh = []
        return self._known

    @property
    def events(self) -> list[Happening]:
        """Every event, by time."""
        return self.known.all

    # ---- the part in view

    @property
    def whole(self) -> tuple[float, float]:
        """From when to when there is something to see, run time, s."""
        start, end = self.facts.start, max(self.facts.end, self.now if self.live else -math.inf)
        least = _FIRST_SPAN_S if self.live else LEAST_SPAN_S
        return start, max(end, start + least)

    @property
    def view(self) -> tuple[float, float]:
        """From when to when is in view: all, unless a part was chosen."""
        if self._view is not None:
            return self._view
        start, end = self.whole
        margin = 0.01 * (end - start)
        return start - margin, end + margin

    def advance(self, now: float) -> None:
        """The run time that is shown is now `now`; the view goes along where it had the last one."""
        low, high = self.view
        if self._view is not None and low <= self.now <= high and not low <= now <= high:
            self._view = (now - 0.1 * (high - low), now + 0.9 * (high - low))
            self.changes += 1
        self.now = now

    def show_all(self) -> None:
        """Have everything in view again."""
        self._view = None
        self.changes += 1

    def zoom(self, factor: float, t: float) -> None:
        """Show `factor` times as much, with run time `t` at its place."""
        low, high = self.view
        span = (high - low) * factor
        start, end = self.whole
        if span >= 1.02 * (end - start) and not self._earlier():
            self.show_all()
            return
        span = min(max(span, LEAST_SPAN_S), 2 * (max(end, high) - min(start, low)))
        part = (t - low) / (high - low)
        self._view = (t - part * span, t + (1 - part) * span)
        self.changes += 1

    def pan(self, seconds: float) -> None:
        """Show what is so much later; not beyond what there is."""
        low, high = self.view
        start, end = self.whole
        start = min(start, self.events[0].t if self.events else start)
        seconds = min(max(seconds, start - 0.5 * (high - low) - low), end + 0.5 * (high - low) - high)
        self._view = (low + seconds, high + seconds)
        self.changes += 1

    def reveal(self, t: float) -> None:
        """Have run time `t` in view."""
        low, high = self.view
        if not low <= t <= high:
            self._view = (t - (high - low) / 2, t + (high - low) / 2)
            self.changes += 1

    def _earlier(self) -> bool:
        """Whether events precede what was recorded."""
        return bool(self.events) and self.events[0].t < self.facts.start

    # ---- going from event to event

    def following(self, t: float, forward: bool) -> Happening | None:
        """The first event after (or before) run time `t` that the filter lets through."""
        lanes = FILTERS[self.filter]
        events = self.events
        if forward:
            first = int(np.searchsorted(self.known.t, t + _SAME_S, side="right"))
            return next((e for e in events[first:] if e.lane in lanes), None)
        last = int(np.searchsorted(self.known.t, t - _SAME_S, side="left"))
        return next((e for e in reversed(events[:last]) if e.lane in lanes), None)

    def shown(self, first: int = 0) -> list[Happening]:
        """The events from the `first` on that the filter lets through, newest first."""
        lanes = FILTERS[self.filter]
        return [e for e in self.events[: first - 1 if first else None : -1] if e.lane in lanes]

    # ---- in words

    def wall(self, t: float) -> float | None:
        """Seconds since 1970 at run time `t`."""
        return None if self.facts.epoch is None else self.facts.epoch + t / self.facts.speed

    def time_text(self, t: float, by: float = 1.0) -> str:
        """ "1:02.3, 10:12:41" (run time, time of day)."""
        wall = self.wall(t)
        return run_time(t, by) + ("" if wall is None else f", {wall_time(wall, min(by, 1.0))}")

    def describe(self, e: Happening) -> str:
        """All of an event in one line."""
        who = f"{e.who}, " if e.who else ""
        later = " (noted in a replay)" if e.later else ""
        kind = e.shape.value if e.lane is Lane.ALARM else e.kind
        return f"{self.time_text(e.t, 0.1)}  {who}{kind}{later}: {e.text or '(no text)'}"

    def row(self, e: Happening) -> tuple[str, str, str, str]:
        """Time, who, what and text of an event, for a table."""
        wall = self.wall(e.t)
        kind = f"{e.kind}, later" if e.later else e.kind
        return run_time(e.t, 0.1), "" if wall is None else wall_time(wall, 1), kind, f"{e.who}: {e.text}".strip(": ")

    def at_now(self) -> str:
        """What held at the time that is shown: mode and alarms, as they were recorded."""
        mode = next((b.text for b in self.known.modes.at(self.now)), "")
        active = self.known.alarms.at(self.now)
        told = [f"mode {mode}"] if mode else []
        if active:
            told.append(f"{len(active)} alarm{'s' * (len(active) > 1)}: {active[-1].text}")
        return "  ".join(told)

    def under(self, t: float, slack: float, lane: Lane | None) -> list[str]:
        """What is at run time `t` (give or take `slack`), in lines: the events of a lane, or what lasted there."""
        events = self.events
        lines: list[str] = []
        if lane is not None:
            first, last = np.searchsorted(self.known.t, [t - slack, t + slack])
            lines += [self.describe(e) for e in events[first:last] if e.lane is lane]
            if lane is Lane.ALARM and not lines:
                lines += [f"active: {b.text}" for b in self.known.alarms.at(t)]
        else:
            lines += [f"mode {b.text}" for b in self.known.modes.at(t)]
        for bands in (self.facts.gaps, self.facts.lost, self.facts.breaks):
            lines += [b.text for b in bands if b.start - slack <= t <= b.end + slack]
        return [self.time_text(t, step(2 * slack, 1)), *lines] if len(lines) != 1 or lane is None else lines

    # ---- the picture

    def picture(self, apart: float, most_ticks: int) -> Picture:
        """What is drawn; marks closer than `apart` seconds are drawn as one."""
        start, end = self.view
        facts = self.facts
        by = step(end - start, most_ticks)
        told = []
        for t in ticks(start, end, most_ticks):
            wall = self.wall(t)
            told.append((t, run_time(t, by), "" if wall is None else wall_time(wall, by)))
        wall = self.wall(start)
        last = self.now if self.live else max(facts.end, self.events[-1].t if self.events else facts.end)
        return Picture(
            start,
            end,
            tuple(told),
            "" if wall is None else day(wall),
            self.known.modes.inside(start, end, apart / 3, last),
            self.known.alarms.inside(start, end, apart / 3, last),
            self._marks(start, end, apart),
            tuple(x for x in facts.filled if x[1] >= start and x[0] <= end),
            Bands(facts.lost).inside(start, end, apart / 3),
            Bands(facts.gaps).inside(start, end, 0.0),
            Bands(facts.breaks).inside(start, end, 0.0),
            tuple(c for c in (self._curve(name, start, end) for name in CURVES) if c is not None),
        )

    def _marks(self, start: float, end: float, apart: float) -> tuple[Mark, ...]:
        known = self.known
        first, last = np.searchsorted(known.t, [start - apart, end + apart])
        if first == last:
            return ()
        t, count = known.t[first:last], int(last - first)
        cell = np.floor(t / apart).astype(np.int64)
        cell = (cell - cell[0]) * len(Lane) + known.lane[first:last]
        order = np.argsort(cell, kind="stable")
        heads = np.flatnonzero(np.diff(cell[order], prepend=-1))
        many = np.diff(heads, append=count)
        middle = np.add.reduceat(t[order], heads) / many
        grave = (known.level[first:last] + 1) * count - np.arange(count)  # of equals the first
        worst = -np.maximum.reduceat(grave[order], heads) % count
        out = []
        for a, n, at, i in zip(heads, many, middle, worst, strict=True):
            e = known.all[first + i]
            text, when = (_short(e), e.t) if n == 1 else ("", float(at))
            out.append(Mark(when, e.lane, e.shape, e.level, int(n), int(first + order[a]), text))
        return tuple(sorted(out, key=lambda m: m.t))

    def _curve(self, name: str, start: float, end: float) -> Curve | None:
        if name not in self.facts.curves:
            return None
        t, value = self.facts.curves[name]
        first, last = np.searchsorted(t, [start, end])
        t, value = t[max(0, first - 1) : last + 1], value[max(0, first - 1) : last + 1]
        good = value[np.isfinite(value)]
        if not good.size:
            return None
        low, high = float(good.min()), float(good.max())
        least = 1.0 if name == "temperature" else 0.02
        middle, span = (low + high) / 2, max(high - low, least)
        symbol, unit = CURVES[name]
        digits = 0 if name == "temperature" else 3
        text = f"{symbol} {low:.{digits}f} to {high:.{digits}f} {unit}".rstrip()
        return Curve(t, (value - middle) / span + 0.5, text)


def _short(e: Happening) -> str:
    """The text beside a mark."""
    if e.lane is Lane.NOTE:
        return e.text
    if e.shape is Shape.RING:
        return "back to normal"
    if e.lane is Lane.ALARM:
        return e.text.partition(": ")[2] or e.text
    if e.kind == "mode":
        return str(e.facts.get("new", ""))
    return e.text


class Growing:
    """A curve that is sampled while a run goes on: over `_CURVE_POINTS` every second point is dropped."""

    def __init__(self) -> None:
        self._t: list[float] = []
        self._value: list[float] = []
        self._step = 0.5

    def add(self, t: float, value: float) -> None:
        """A value (NaN: a gap) at run time `t`, s; one that comes too soon after the last is left out."""
        if self._t and t - self._t[-1] < self._step:
            return
        self._t.append(t)
        self._value.append(value)
        if len(self._t) > _CURVE_POINTS:
            self._t, self._value, self._step = self._t[::2], self._value[::2], 2 * self._step

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Times (n,) and values (n,)."""
        return np.array(self._t), np.array(self._value)
