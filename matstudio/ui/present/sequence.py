"""What stands above the temperature loop now: a program or an auto-tune, in a line, with what can be done about it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matstudio.domain.process import Mode
from matstudio.ui.live import Live
from matstudio.widgets.text import duration, number

BUTTONS: Mapping[str, str] = {
    "control.program.pause": "Pause",
    "control.program.resume": "Resume",
    "control.program.skip": "Skip",
    "control.program.stop": "Stop",
    "control.autotune.abort": "Abort",
}
"""Action -> what its button says."""


@dataclass(frozen=True)
class Sequence:
    """What the card shows.

    Args:
        line: what runs, or what ran last; "" where there is nothing to say.
        state: one more line, or "".
        fraction: how much is done, 0..1; NaN where nothing runs or that is not known.
        buttons: actions that can be used now.
        title: of the card.
    """

    line: str
    state: str
    fraction: float
    buttons: tuple[str, ...]
    title: str = "Program"


def present(live: Live) -> Sequence:
    """The card now."""
    tuned = _map(live, "autotune")
    if tuned.get("state") in ("listening", "swinging"):
        return Sequence(*_autotune(tuned), math.nan, ("control.autotune.abort",), "Auto-tune")
    program = _map(live, "program")
    if program.get("state") in ("running", "paused"):
        elapsed, left = _number(program.get("elapsed")), _number(program.get("left"))
        first = "control.program.pause" if program.get("state") == "running" else "control.program.resume"
        buttons = (first,) if live.mode is Mode.PID else ()
        fraction = elapsed / (elapsed + left) if elapsed + left > 0 else math.nan
        return Sequence(*_program(program), fraction, (*buttons, "control.program.skip", "control.program.stop"))
    return Sequence(_last(program, tuned), "", math.nan, ())


def active(live: Live, *states: str) -> bool:
    """Whether a program is in one of these states."""
    return _map(live, "program").get("state") in states


def tuning(live: Live) -> bool:
    """Whether an auto-tune runs."""
    return _map(live, "autotune").get("state") in ("listening", "swinging")


def _program(p: Mapping[str, Any]) -> tuple[str, str]:
    state = f"{duration(_number(p.get('left')))} left"
    if p.get("state") == "paused":
        state = "PAUSED" + (f" ({p['why']})" if p.get("why") else "") + f", {state}"
    elif p.get("waiting"):
        state = f"WAITS for the temperature, {state}"
    return f"{p.get('name', '')}, {p.get('segment')} of {p.get('segments')}: {p.get('doing', '')}", state


def _autotune(a: Mapping[str, Any]) -> tuple[str, str]:
    if a.get("state") == "listening":
        return "listens to the noise; the output stands still", ""
    low, high = (number(100 * _number(a.get(k)), 0) for k in ("low", "high"))
    periods = a.get("periods") or 0
    period = f"{periods} periods, the last of {number(_number(a.get('period')), 1)} s" if periods else "first period"
    return f"heater {low} to {high} % about {number(_number(a.get('setpoint')), 1)} K", period


def _last(program: Mapping[str, Any], tuned: Mapping[str, Any]) -> str:
    """How the one that was last ended."""
    lines = []
    if program.get("state") in ("done", "stopped"):
        why = f": {program['why']}" if program.get("why") else ""
        lines.append(f"{program.get('name', 'program')}: {program['state']}{why}")
    if tuned.get("state") == "aborted":
        lines.append(f"auto-tune aborted: {tuned.get('why', '')}")
    elif tuned.get("state") == "done":
        lines.append("auto-tune done: its settings wait for a choice")
    return "; ".join(lines)


def _map(live: Live, name: str) -> Mapping[str, Any]:
    found = live.status.get(name)
    return found if isinstance(found, Mapping) else {}


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
