"""Ramp/soak programs: segments that move a setpoint, with loops, holdback and an end action. Pure functions.

A program says what the setpoint is to be; the gate's limits and rate stand behind it as behind an operator.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from matstudio.control.gate import wrong
from matstudio.domain.process import Limits

MOST_SEGMENTS, MOST_TIMES = 64, 1000
MOST_STEPS = 2000
"""Segments that a program runs through, loops counted as often as they are passed: so many can be looked at at once."""


class Kind(StrEnum):
    """What a segment does."""

    RAMP = "ramp"
    SOAK = "soak"
    STEP = "step"
    LOOP = "loop"


class End(StrEnum):
    """What happens after the last segment."""

    HOLD = "hold"
    OFF = "off"


@dataclass(frozen=True)
class Segment:
    """One part of a program; of the numbers only those of its kind count.

    Args:
        kind: ramp (to, rate), soak (time), step (to), loop (back_to, times).
        to: setpoint at its end, K.
        rate: K/s, > 0; the direction follows from `to`.
        time: s, > 0.
        back_to: number of the segment, from 1 on, at which the loop begins; before this one.
        times: how often the segments from there on run altogether, 2 or more.
    """

    kind: Kind
    to: float = math.nan
    rate: float = math.nan
    time: float = math.nan
    back_to: int = 0
    times: int = 0


NEEDS: Mapping[Kind, tuple[str, ...]] = {
    Kind.RAMP: ("to", "rate"),
    Kind.SOAK: ("time",),
    Kind.STEP: ("to",),
    Kind.LOOP: ("back_to", "times"),
}
"""The fields of a segment of each kind."""


@dataclass(frozen=True)
class Program:
    """Segments in their order.

    Args:
        name: for people.
        segments: 1 to 64.
        holdback: ramps and soaks wait while |setpoint - measurement| is more than this, K; infinite: never.
        end: what happens after the last one.
    """

    name: str
    segments: tuple[Segment, ...]
    holdback: float = math.inf
    end: End = End.HOLD


def fault(number: int, segments: tuple[Segment, ...]) -> tuple[str, str]:
    """What is wrong with segment `number` (from 0 on), whatever the limits: the field and a line, both "" if none."""
    s = segments[number]
    for field in ("to", "rate", "time"):
        if field in NEEDS[s.kind] and not math.isfinite(getattr(s, field)):
            return field, "must be a finite number"
    for field in ("rate", "time"):
        if field in NEEDS[s.kind] and getattr(s, field) <= 0:
            return field, f"{getattr(s, field):g} must be > 0"
    if s.kind is Kind.LOOP:
        if not 1 <= s.back_to <= number:
            return "back_to", f"{s.back_to} is no segment before this one, 1 to {number}"
        if not 2 <= s.times <= MOST_TIMES:
            return "times", f"{s.times} must be 2 to {MOST_TIMES}"
        if all(x.kind in (Kind.STEP, Kind.LOOP) for x in segments[s.back_to - 1 : number]):
            return "back_to", "a loop needs a ramp or a soak"
    return "", ""


def beyond(program: Program, limits: Limits) -> tuple[int, str, str] | None:
    """The first segment that the limits of the setpoint do not allow: its number from 0 on, the field and a line."""
    for i, s in enumerate(program.segments):
        if "to" in NEEDS[s.kind]:
            line = wrong("to", s.to, "K", limits)
            if line:
                return i, "to", line.removeprefix("to: ")
        if s.kind is Kind.RAMP and s.rate > limits.rate:
            return i, "rate", f"{s.rate:g} K/s is above the limit {limits.rate:g} K/s"
    return None


class State(StrEnum):
    """Of a program that was started."""

    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    STOPPED = "stopped"


class Event(StrEnum):
    """What changes it."""

    PAUSE = "pause"
    RESUME = "resume"
    SKIP = "skip"
    STOP = "stop"
    END = "end"


TABLE: Mapping[Event, Mapping[State, State]] = {
    Event.PAUSE: {State.RUNNING: State.PAUSED},
    Event.RESUME: {State.PAUSED: State.RUNNING},
    Event.SKIP: {State.RUNNING: State.RUNNING, State.PAUSED: State.PAUSED},
    Event.STOP: {State.RUNNING: State.STOPPED, State.PAUSED: State.STOPPED},
    Event.END: {State.RUNNING: State.DONE, State.PAUSED: State.DONE},
}
"""What is not in it is refused."""


@dataclass(frozen=True)
class Progress:
    """How far a program is.

    Args:
        state: see `TABLE`.
        segment: number of the present one, from 0 on; that of all segments after the end.
        setpoint: now, K.
        soaked: s of the present soak.
        passes: how often each loop has been passed, one number a segment.
        waiting: whether holdback holds it now.
        elapsed: s since the start, with pauses and waiting.
    """

    state: State
    segment: int
    setpoint: float
    soaked: float
    passes: tuple[int, ...]
    waiting: bool = False
    elapsed: float = 0.0


def begin(program: Program, setpoint: float) -> Progress:
    """Before the first segment, at a setpoint, K."""
    return Progress(State.RUNNING, 0, setpoint, 0.0, (0,) * len(program.segments))


def advance(program: Program, progress: Progress, dt: float, measured: float) -> Progress:
    """`dt` seconds later, with the measurement, K (where it is not finite holdback holds). Only one that runs moves;
    after the last segment it is DONE."""
    if progress.state not in (State.RUNNING, State.PAUSED) or not dt >= 0:
        return progress
    p = replace(progress, elapsed=progress.elapsed + dt, waiting=False)
    if p.state is State.PAUSED:
        return p
    waits = math.isfinite(program.holdback) and not abs(p.setpoint - measured) <= program.holdback
    left = dt
    while p.segment < len(program.segments):
        s = program.segments[p.segment]
        if s.kind is Kind.STEP:
            p = _next(replace(p, setpoint=s.to))
            waits = waits or (math.isfinite(program.holdback) and not abs(p.setpoint - measured) <= program.holdback)
        elif s.kind is Kind.LOOP:
            p = _loop(p, s)
        elif waits:
            return replace(p, waiting=True)
        else:
            needs = abs(s.to - p.setpoint) / s.rate if s.kind is Kind.RAMP else s.time - p.soaked
            if needs > left:
                return _within(p, s, left)
            left -= needs
            p = _next(replace(p, setpoint=s.to) if s.kind is Kind.RAMP else p)
    return replace(p, state=TABLE[Event.END][p.state])


def skip(program: Program, progress: Progress) -> Progress:
    """At the next segment, with the setpoint as it is; a loop that is skipped is left."""
    return _next(progress) if progress.segment < len(program.segments) else progress


def _within(p: Progress, s: Segment, dt: float) -> Progress:
    if s.kind is Kind.SOAK:
        return replace(p, soaked=p.soaked + dt)
    return replace(p, setpoint=p.setpoint + math.copysign(s.rate * dt, s.to - p.setpoint))


def _next(p: Progress) -> Progress:
    return replace(p, segment=p.segment + 1, soaked=0.0)


def _loop(p: Progress, s: Segment) -> Progress:
    passed = p.passes[p.segment] + 1
    again = passed < s.times
    passes = list(p.passes)
    passes[p.segment] = passed if again else 0
    p = replace(p, passes=tuple(passes))
    return replace(p, segment=s.back_to - 1, soaked=0.0) if again else _next(p)


def too_long(segments: tuple[Segment, ...]) -> bool:
    """Whether they are more than 2,000 with all passes of all loops."""
    p = Progress(State.RUNNING, 0, 0.0, 0.0, (0,) * len(segments))
    for _ in range(MOST_STEPS):
        if p.segment >= len(segments):
            return False
        s = segments[p.segment]
        p = _loop(p, s) if s.kind is Kind.LOOP else _next(p)
    return p.segment < len(segments)


def left_in_segment(program: Program, progress: Progress) -> float:
    """Seconds to the end of the present segment, where nothing holds it back."""
    if progress.segment >= len(program.segments):
        return 0.0
    s = program.segments[progress.segment]
    if s.kind is Kind.SOAK:
        return s.time - progress.soaked
    return abs(s.to - progress.setpoint) / s.rate if s.kind is Kind.RAMP else 0.0


def left(program: Program, progress: Progress) -> float:
    """Seconds to the end of a program that nothing holds back from here on."""
    p, total = progress, 0.0
    while p.segment < len(program.segments):
        s = program.segments[p.segment]
        total += left_in_segment(program, p)
        after = p if s.kind in (Kind.SOAK, Kind.LOOP) else replace(p, setpoint=s.to)
        p = _loop(p, s) if s.kind is Kind.LOOP else _next(after)
    return total


def duration(program: Program, setpoint: float) -> float:
    """Seconds that it takes from a setpoint, K, where nothing holds it back."""
    return left(program, begin(program, setpoint))


def describe(segment: Segment) -> str:
    """ "ramp to 625 K at 0.5 K/s", as the audit log and the window have it."""
    match segment.kind:
        case Kind.RAMP:
            return f"ramp to {segment.to:g} K at {segment.rate:g} K/s"
        case Kind.SOAK:
            return f"soak for {segment.time:g} s"
        case Kind.STEP:
            return f"step to {segment.to:g} K"
        case Kind.LOOP:
            return f"back to segment {segment.back_to}, {segment.times} times in all"
