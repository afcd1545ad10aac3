"""The replay as a device server sees it: position, speed, and which frame and value are due."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from matstudio.bus.messages import Handler
from matstudio.domain.frame import Frame
from matstudio.domain.process import Reading
from matstudio.instruments.base import Description, Stream
from matstudio.instruments.replay.tracks import Material, Track
from matstudio.instruments.server import Job, Output

SLOWEST, FASTEST = 0.1, 100.0
_POLL_HZ = (5.0, 30.0)
_BEHIND = 4  # so many frames are caught up one by one; further behind, the newest is taken
_STILL_S = 1.0  # a recording of one moment shows it again this often, in real time


class ReplaySource:
    """Plays a `Material`. Position 0 is its first frame; positions are seconds as recorded.

    It starts playing, and at the end pauses on the last frame, unless it loops.
    """

    def __init__(self, material: Material, clock_id: str) -> None:
        self._material = material
        self._clock_id = clock_id
        self.duration = material.end - material.start
        self.position, self.speed, self.playing, self.loop = 0.0, 1.0, True, False
        self._t: float | None = None
        self._shown = {t.name: -1 for t in material.tracks}
        self._fresh = {t.name: True for t in material.tracks}  # show the frame at the position, whatever was shown
        self._last = {t.name: 0.0 for t in material.tracks}
        self._tracks = {t.name: t for t in material.tracks}

    def outputs(self) -> tuple[Output, ...]:
        """The streams; the rate is how often the server asks, twice the one at which frames come."""
        low, high = _POLL_HZ
        return tuple(
            Output(t.name, t.kind, min(high, max(low, 2 * t.rate * self.speed)), t.title, t.frame_bytes)
            for t in self._material.tracks
        )

    def describe(self, streams: tuple[Stream, ...]) -> Description:
        """The description; each stream with the rate at which its frames come."""
        rated = tuple(replace(s, rate=self._tracks[s.name].rate * self.speed) for s in streams)
        readings = {log.name: (log.unit, *log.range()) for log in self._material.logs}
        return Description(f"Replay {self._material.title}", "replay", rated, readings, (), dict(self.state()))

    def handlers(self) -> Mapping[str, Handler]:
        """play, pause, seek, speed, and configure {"loop": bool}."""
        return {
            "play": self.play,
            "pause": self.pause,
            "seek": self.seek,
            "speed": self.set_speed,
            "configure": self.configure,
        }

    def play(self) -> None:
        """Go on; from the beginning where the end was reached."""
        if self.duration > 0 and self.position >= self.duration:
            self._jump(0.0)
        self.playing = True

    def pause(self) -> None:
        """Stay on the frame that is shown."""
        self.playing = False

    def seek(self, t: float) -> None:
        """Go to position `t`, seconds from the first frame; the frame there is shown at once.

        Raises:
            ValueError: not within the recording.
        """
        if not 0 <= t <= self.duration:
            raise ValueError(f"seek: {t:g} s is not within 0 to {self.duration:g} s")
        self._jump(float(t))

    def set_speed(self, factor: float) -> None:
        """Play `factor` times as fast as recorded.

        Raises:
            ValueError: not within 0.1 to 100.
        """
        if not SLOWEST <= factor <= FASTEST:
            raise ValueError(f"speed: {factor:g} is not within {SLOWEST:g} to {FASTEST:g}")
        self.speed = float(factor)

    def configure(self, options: Mapping[str, Any]) -> None:
        """{"loop": bool}: whether it begins again at its end.

        Raises:
            ValueError: another option, or another type.
        """
        if set(options) != {"loop"} or not isinstance(options["loop"], bool):
            raise ValueError('a replay takes the option "loop", true or false')
        self.loop = options["loop"]

    def step(self, t: float) -> None:
        """Move on to run time `t`."""
        passed = 0.0 if self._t is None else max(0.0, t - self._t)
        self._t = t
        if not self.playing or self.duration <= 0:
            return
        self.position += passed * self.speed
        if self.position < self.duration:
            return
        if self.loop:
            self._jump(self.position % self.duration)
        elif all(shown == len(self._tracks[name].times) - 1 for name, shown in self._shown.items()):
            self.position, self.playing = self.duration, False
        else:  # the last frames are still to be shown
            self.position = self.duration

    def readings(self) -> tuple[Reading, ...]:
        """The process values at the position, with the time at which they are shown."""
        t = self._t or 0.0
        out = []
        for log in self._material.logs:
            value, quality = log.at(self._material.start + self.position)
            out.append(Reading(log.name, value, log.unit, t, quality))
        return tuple(out)

    def state(self) -> Mapping[str, Any]:
        """Duration and position in seconds, whether and how fast it plays, what it plays, and notes on the times."""
        return {
            "duration": self.duration,
            "position": self.position,
            "playing": self.playing,
            "speed": self.speed,
            "loop": self.loop,
            "source": self._material.title,
            "recorded_start": self._material.start,
            "notes": list(self._material.notes[:20]),
        }

    def expose(self, stream: str, seq: int, t_start: float, t_end: float) -> Job | None:
        """The next frame that is due, or None."""
        track = self._tracks[stream]
        index = self._due(track)
        if index is None:
            return None
        self._shown[stream], self._fresh[stream], self._last[stream] = index, False, time.monotonic()
        logged = next((log for log in self._material.logs if log.name == "temperature" and log.unit == "K"), None)
        clock = self._clock_id

        def job() -> Frame:
            shot = track.load(index)
            recorded = float(track.times[index])
            facts = {"quantity": "intensity", "unit": "1"} | dict(shot.metadata)
            if logged is not None and "stage_temperature_K" not in facts and np.isfinite(logged.at(recorded)[0]):
                facts["stage_temperature_K"] = logged.at(recorded)[0]
            facts |= {"instrument": "replay", "recorded_t": recorded, "recorded_index": index}
            begun = max(0.0, t_end - shot.exposure_s)
            return Frame(stream, track.kind, seq, shot.data, shot.axes, begun, t_end, clock, MappingProxyType(facts))

        return job

    def silent(self) -> bool:
        """Never: a replay has no faults but those that it recorded."""
        return False

    def gone(self) -> bool:
        """Never."""
        return False

    def _jump(self, position: float) -> None:
        self.position = position
        for name in self._fresh:
            self._fresh[name] = True

    def _due(self, track: Track) -> int | None:
        now = int(np.searchsorted(track.times, self._material.start + self.position + 1e-9, side="right")) - 1
        shown = self._shown[track.name]
        if self._fresh[track.name]:
            return now if now >= 0 else None
        if now == shown:
            still = len(track.times) == 1 and self.playing and time.monotonic() - self._last[track.name] >= _STILL_S
            return now if still and now >= 0 else None
        return shown + 1 if 0 < now - shown <= _BEHIND else now if now > shown else None
