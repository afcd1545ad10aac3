"""What happened in a run, for its report: curves, alarms, and pictures of the streams at its beginning and end."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matstudio.bus.ring import RingError, RingReader
from matstudio.bus.rundir import Run
from matstudio.domain.estimate import MaterialState
from matstudio.domain.frame import Frame

STEP_S = 1.0
_MOST = 20_000
CURVES = ("temperature", "setpoint", "order", "order_sigma", "free_energy", "free_energy_sigma", "true_order")


class Story:
    """Collects from what the processes publish.

    Args:
        run: the run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self.curves: dict[str, list[float]] = {name: [] for name in ("t", *CURVES)}
        """Run time (s) and values at it, one a second or more; NaN where there is none."""
        self.alarms: list[tuple[float, str]] = []
        self.modes: list[tuple[float, str]] = []
        self.first: dict[str, Frame] = {}
        self.last: dict[str, Frame] = {}
        self._now: dict[str, float] = {}
        self._every = STEP_S

    def take(self, topic: str, message: Any) -> None:
        """One publication."""
        if topic == "event":
            kind, t = message.get("kind"), float(message["t"])
            if kind == "alarm" and str(message.get("data", {}).get("state", "")).startswith("UNACK"):
                self.alarms.append((t, str(message["text"])))
            elif kind == "mode":
                self.modes.append((t, str(message["text"])))
        elif topic == "state" and isinstance(message, MaterialState):
            self._state(message)
        elif topic == "readings":
            truth = message["state"].get("truth") or {}
            self._now["true_order"] = float(truth.get("order_parameter", math.nan))
        elif topic == "status":
            self._status(message)

    def _state(self, state: MaterialState) -> None:
        for key, name in (("order_parameter", "order"), ("free_energy", "free_energy")):
            found = state.quantities.get(key)
            if found is not None:
                self._now[name], self._now[f"{name}_sigma"] = found.value, found.sigma

    def _status(self, status: Mapping[str, Any]) -> None:
        t = float(status["t"])
        if self.curves["t"] and t < self.curves["t"][-1] + self._every:
            return
        if len(self.curves["t"]) >= _MOST:  # of a long run every second point goes
            self.curves = {name: values[::2] for name, values in self.curves.items()}
            self._every *= 2
        reading = status["readings"].get("temperature")
        self._now["temperature"] = reading.value if reading is not None else math.nan
        self._now["setpoint"] = float(status["setpoints"].get("temperature", math.nan))
        self.curves["t"].append(t)
        for name in CURVES:
            self.curves[name].append(self._now.get(name, math.nan))

    def look(self, streams: tuple[str, ...]) -> None:
        """Take the newest frame of each stream: the first ones are kept as the beginning, the latest as the end."""
        for stream in streams:
            with contextlib.suppress(OSError, RingError):
                ring = RingReader(Path(self._run.ring(stream)))
                try:
                    frame = ring.newest()
                finally:
                    ring.close()
                if frame is not None:
                    self.first.setdefault(stream, frame)
                    self.last[stream] = frame

    def ordered_s(self, target: float, *, true: bool = False) -> tuple[float, float]:
        """Run time at which POLICY was entered first (the run's beginning where it never was), and the one at which S
        was `target` first, as the models say or, of a twin, in truth; NaN: never."""
        began = next(
            (t for t, text in self.modes if "-> POLICY" in text), self.curves["t"][0] if self.curves["t"] else 0.0
        )
        values = self.curves["true_order" if true else "order"]
        return began, next(
            (t for t, S in zip(self.curves["t"], values, strict=True) if t >= began and target <= S), math.nan
        )

    def at(self, t: float, name: str) -> float:
        """A curve's value at run time `t` or right after it, where it has one; NaN: none."""
        pairs = zip(self.curves["t"], self.curves[name], strict=True)
        return next((v for at, v in pairs if at >= t and math.isfinite(v)), math.nan)
