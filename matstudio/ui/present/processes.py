"""Whether the run's processes live, for the status bar: told by shape and by text."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, STATION
from matstudio.ui.live import MODELS_SILENT_S, SILENT_S, Live

PROCESSES = (
    # process, name in the window, topic that it publishes, seconds of silence that are too long
    (DEVICE, "device", "readings", SILENT_S),
    (STATION, "station", "status", SILENT_S),
    (MODELHOST, "models", "models", MODELS_SILENT_S),
    (RECORDER, "recorder", "recording", 5.0),
)


@dataclass(frozen=True)
class State:
    """One process: its text begins with a shape; `level` is "", "caution" or "bad"."""

    text: str
    level: str = ""


def states(live: Live, alive: Collection[str] | None) -> list[State]:
    """A state for each of `PROCESSES`; `alive`: names of the processes that live, None while that is not known."""
    return [_state(live, alive, *row) for row in PROCESSES]


def _state(live: Live, alive: Collection[str] | None, process: str, name: str, topic: str, silent_s: float) -> State:
    silence = live.silence(topic)
    if silence <= silent_s and topic in live.heard:
        if topic == "recording" and live.recording.get("state") == "failed":
            return State(f"▲ {name} failed", "caution")
        return State(f"● {name}")
    if alive is not None and process not in alive:
        return State(f"✕ {name} gone", "bad")
    if topic not in live.heard:
        return State(f"○ {name} starting" + (f" for {silence:.0f} s" if silence > 5 else ""))
    return State(f"▲ {name} silent {silence:.0f} s", "caution")
