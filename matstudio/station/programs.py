"""The ramp/soak program of a station: started, paused and stopped by commands, moved on in the cycle."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from matstudio.bus.messages import CommandError
from matstudio.control import program
from matstudio.control.program import End, Event, Program, Progress, State
from matstudio.control.recipe import RecipeError, parse
from matstudio.domain.process import Limits


class Programs:
    """At most one program.

    Args:
        note: `Station.note`; every start, segment, wait, pause and end is noted.
    """

    def __init__(self, note: Callable[..., None]) -> None:
        self._note = note
        self._program: Program | None = None
        self._progress: Progress | None = None
        self._at = 0.0
        self._why = ""
        self._off = False
        self._after = 0.0  # s, of the segments after the present one

    @property
    def active(self) -> bool:
        """Whether one runs or is paused."""
        return self._progress is not None and self._progress.state in (State.RUNNING, State.PAUSED)

    def start(self, source: str, recipe: str, limits: Limits, setpoint: float, now: float) -> None:
        """Begin a recipe at a setpoint, K.

        Raises:
            CommandError: one is active, or the recipe cannot be used.
        """
        if self.active:
            raise self._refuse(source, "a program runs already: stop it first")
        try:
            found = parse(recipe, "recipe", limits)
        except RecipeError as error:
            raise self._refuse(source, str(error)) from None
        self._program, self._progress, self._at = found, program.begin(found, setpoint), now
        self._why, self._off = "", False
        text = f"{found.name}: started, {len(found.segments)} segments"
        self._note("program", source, text, state=State.RUNNING, recipe=recipe)
        self._tell_segment()

    def advance(self, now: float, measured: float, target: float) -> float:
        """Move it on to run time `now`; returns the setpoint that it wants, or `target` where none is active."""
        if self._program is None or self._progress is None or not self.active:
            return target
        old, dt = self._progress, max(0.0, now - self._at)
        self._progress, self._at = program.advance(self._program, old, dt, measured), now
        new = self._progress
        if new.waiting != old.waiting and new.state is State.RUNNING:
            text = f"holdback: waits for the temperature, {abs(new.setpoint - measured):.3g} K away"
            self._say("station", text if new.waiting else "holdback: goes on")
        if new.state is State.DONE:
            self._off = self._program.end is End.OFF
            self._say("station", "done" + (": OFF" if self._off else f": holds {new.setpoint:g} K"))
        elif new.segment != old.segment or new.passes != old.passes:
            self._tell_segment()
        return new.setpoint

    def wants_off(self) -> bool:
        """Whether it has ended since the last call, with OFF as its end."""
        wanted, self._off = self._off, False
        return wanted

    def pause(self, source: str, why: str, *, refuse: bool = False) -> None:
        """Let it stand still at its setpoint; `refuse`: an error where none runs."""
        self._do(Event.PAUSE, source, f"paused: {why}", why, refuse)

    def resume(self, source: str, now: float) -> None:
        """Go on; CommandError where none is paused."""
        self._at = now
        self._do(Event.RESUME, source, "goes on", "", True)

    def skip(self, source: str) -> None:
        """Go to the next segment; CommandError where none is active."""
        if self._do(Event.SKIP, source, "segment skipped", self._why, True) and self._program and self._progress:
            self._progress = program.skip(self._program, self._progress)
            if self._progress.segment < len(self._program.segments):
                self._tell_segment()

    def stop(self, source: str, why: str, *, refuse: bool = False) -> None:
        """End it where it is; `refuse`: an error where none is active."""
        self._do(Event.STOP, source, f"stopped: {why}", why, refuse)

    def status(self) -> dict[str, Any]:
        """The map `program` of the status; {} before the first."""
        if self._program is None or self._progress is None:
            return {}
        p, found = self._progress, self._program
        at = min(p.segment, len(found.segments) - 1)
        return {
            "name": found.name,
            "state": p.state,
            "why": self._why,
            "segment": at + 1,
            "segments": len(found.segments),
            "doing": program.describe(found.segments[at]),
            "setpoint": p.setpoint,
            "waiting": p.waiting,
            "elapsed": p.elapsed,
            "left": program.left_in_segment(found, p) + self._after if self.active else 0.0,
            "end": found.end,
        }

    def _do(self, event: Event, source: str, text: str, why: str, refuse: bool) -> bool:
        new = program.TABLE[event].get(self._progress.state) if self._progress is not None else None
        if new is None or self._progress is None:
            if refuse:
                raise self._refuse(source, f"no program that could {event}")
            return False
        self._progress, self._why = replace(self._progress, state=new), why
        self._say(source, text)
        return True

    def _tell_segment(self) -> None:
        if self._program is None or self._progress is None:
            return
        at = self._progress.segment
        p, now = self._progress, program.left_in_segment(self._program, self._progress)
        self._after = program.left(self._program, p) - now
        passes = [f"pass {n + 1}" for n in self._progress.passes if n]
        text = f"segment {at + 1} of {len(self._program.segments)}: {program.describe(self._program.segments[at])}"
        self._say("station", ", ".join([text, *passes]))

    def _say(self, source: str, text: str) -> None:
        if self._program is None or self._progress is None:
            return
        facts = {"state": self._progress.state, "segment": self._progress.segment + 1}
        if math.isfinite(self._progress.setpoint):
            facts["setpoint"] = self._progress.setpoint
        self._note("program", source, f"{self._program.name}: {text}", **facts)

    def _refuse(self, source: str, text: str) -> CommandError:
        self._note("refused", source, f"program: {text}")
        return CommandError(text)
