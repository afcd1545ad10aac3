"""What a replay plays: tracks of frames and logs of process values on one time line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from matstudio.domain.frame import Axis
from matstudio.domain.process import Quality
from matstudio.instruments.replay.recorded import Recorded

_FACT_CHARS, _FACTS_CHARS = 2000, 16_000


@dataclass(frozen=True)
class Shot:
    """One recorded frame: what `domain.frame.Frame` needs but for its place in the run."""

    data: np.ndarray
    axes: tuple[Axis, ...]
    exposure_s: float
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Track:
    """Frames of one stream.

    Args:
        name: of the stream. kind, title: as a stream has them.
        times: when each frame was recorded, (n,) seconds, rising; the zero is the recording's own.
        frame_bytes: data bytes of the largest frame.
        load: the frame of an index; called by the worker thread, raises `OSError` or `ReaderError`.
    """

    name: str
    kind: str
    title: str
    times: np.ndarray
    frame_bytes: int
    load: Callable[[int], Shot]

    @property
    def rate(self) -> float:
        """Median frames per second as recorded; 1 for a still."""
        steps = np.diff(self.times)
        steps = steps[steps > 0]
        return float(1 / np.median(steps)) if len(steps) else 1.0


@dataclass(frozen=True)
class Log:
    """A process value over time: `times` (n,) seconds on the tracks' time line, rising; `quality` None: all good."""

    name: str
    unit: str
    times: np.ndarray
    values: np.ndarray
    quality: tuple[Quality, ...] | None = None
    limits: tuple[float, float] | None = None

    @cached_property
    def _step(self) -> float:
        return float(np.median(np.diff(self.times))) if len(self.times) > 1 else 0.0

    def range(self) -> tuple[float, float]:
        """The range in which a value can be true at all: stated by the recording, or three times the one seen."""
        if self.limits is not None:
            return self.limits
        seen = self.values[np.isfinite(self.values)]
        if not len(seen):
            return -1e300, 1e300
        low, high = float(seen.min()), float(seen.max())
        margin = max(high - low, abs(high), 1.0)
        return (max(0.0, low - margin) if self.unit == "K" else low - margin), high + margin

    def at(self, t: float) -> tuple[float, Quality]:
        """The value that was shown at time `t`: the last sample before it, or else the first one. It is stale where
        the sample is 20 sampling steps away, and 10 s."""
        i = max(0, int(np.searchsorted(self.times, t, side="right")) - 1)
        value = float(self.values[i])
        if not np.isfinite(value):
            return value, Quality.BAD
        if abs(t - self.times[i]) > max(10.0, 20 * self._step):
            return value, Quality.STALE
        return value, self.quality[i] if self.quality is not None else Quality.GOOD


@dataclass(frozen=True)
class Material:
    """Everything that one replay plays.

    Args:
        title: for people.
        start, end: of the time line, in the tracks' seconds.
        notes: one line each: what was assumed, aligned or left out.
        close: lets go of the files.
        recorded: what a session tells besides.
        beside: the file or folder beside which people's notes are kept; None: nowhere.
    """

    title: str
    tracks: tuple[Track, ...]
    logs: tuple[Log, ...]
    start: float
    end: float
    notes: tuple[str, ...] = ()
    close: Callable[[], None] = field(default=lambda: None)
    recorded: Recorded = field(default_factory=Recorded)
    beside: Path | None = None


def facts(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Those facts of a file that fit beside a frame: each of at most 2,000 characters as JSON, 16,000 together."""
    out: dict[str, Any] = {}
    left = _FACTS_CHARS
    for key, value in metadata.items():
        if key in ("original", "header", "fields", "axes_in_file", "comments", "attributes"):
            continue
        size = len(json.dumps(value, default=str))
        if size <= min(_FACT_CHARS, left):
            out[key] = value
            left -= size
    return out
