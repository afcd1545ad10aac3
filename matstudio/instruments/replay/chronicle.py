"""All that a timeline shows of a replay, in pages for the window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from matstudio.instruments.replay.recorded import Recorded
from matstudio.instruments.replay.tracks import Log, Track

_MOST_BINS, _FRAMES_A_BIN = 500, 10
_MOST_LOST = 2000
_CURVE_POINTS = 1000


@dataclass
class Chronicle:
    """All that a timeline shows of a replay; notes that are made while it plays are added.

    Args:
        start, end: of what is played, seconds.
        recorded: what the recording tells.
        tracks, logs: what is played.
    """

    start: float
    end: float
    recorded: Recorded
    tracks: tuple[Track, ...]
    logs: tuple[Log, ...]
    events: list[Mapping[str, Any]] = field(default_factory=list)

    def page(self, start: int, most: int = 500) -> dict[str, Any]:
        """Events from number `start` on, at most `most`, and how many there are; with the first page all the rest.

        Raises:
            ValueError: no such number.
        """
        if not 0 <= start <= len(self.events):
            raise ValueError(f"timeline: {start} is not within 0 to {len(self.events)}")
        told: dict[str, Any] = {"events": tuple(self.events[start : start + most]), "total": len(self.events)}
        return told | {"facts": self._facts()} if start == 0 else told

    def _facts(self) -> dict[str, Any]:
        recorded = self.recorded
        bins = min(max(sum(len(t.times) for t in self.tracks) // _FRAMES_A_BIN, 1), _MOST_BINS)
        edges = np.linspace(self.start, max(self.end, self.start + 1e-9), bins + 1)
        curves = {log.name: (_thin(log.times, log.values), log.unit) for log in self.logs if log.name == "temperature"}
        if recorded.order is not None:
            curves["order_parameter"] = (_thin(*recorded.order), "1")
        return {
            "start": self.start,
            "end": self.end,
            "epoch": recorded.epoch,
            "speed": recorded.speed,
            "parts": tuple(
                {"name": p.name, "start": p.start, "end": p.end, "ending": p.ending} for p in recorded.parts
            ),
            "lost": tuple(
                {"stream": x.stream, "start": x.start, "end": x.end, "n": x.n} for x in recorded.lost[:_MOST_LOST]
            ),
            "frames": {t.name: np.histogram(t.times, edges)[0].astype("u4") for t in self.tracks},
            "curves": {name: {"t": t, "value": v, "unit": unit} for name, ((t, v), unit) in curves.items()},
        }


def _thin(t: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most 1,000 points of a curve: evenly chosen ones, so that no value is invented."""
    index = np.unique(np.linspace(0, max(len(t) - 1, 0), min(len(t), _CURVE_POINTS)).round().astype(int))
    return np.asarray(t, "f8")[index], np.asarray(value, "f8")[index]
