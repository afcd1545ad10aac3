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
from matstudio.instruments.frames import Job
from matstudio.instruments.replay.chronicle import Chronicle
from matstudio.instruments.replay.notes import Notebook, sidecar
from matstudio.instruments.replay.tracks import Material, Track
from matstudio.instruments.server import Output

SLOWEST, FASTEST = 0.1, 100.0
_POLL_HZ = (5.0, 30.0)
_BEHIND = 4  # so many frames are caught up one by one; further behind, the newest is taken
_NEAR_S = 5.0  # a step over more than this is a jump: estimates from before it say nothing of what is shown now
_STILL_S = 1.0  # a recording of one moment shows it again this often, in real time


class ReplaySource:
    """Plays a `Material`. Position 0 is its first frame; positions are seconds as recorded.

    It starts playing, and at the end pauses on the last frame, unless it loops.
    """

    frames_module = ""

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
        self._moments = np.unique(np.concatenate([np.array([material.start]), *(t.times for t in material.tracks)]))
        self._since = 0.0  # run time of the last seek
        self._notes = list(material.notes)
        self._notebook: Notebook | None = None
        self._chronicle = Chronicle(material.start, material.end, material.recorded, material.tracks, material.logs)
        self._chronicle.events += material.recorded.events
        if material.beside is not None:
            self._notebook = Notebook(sidecar(material.beside), material.recorded.run)
            kept, told = self._notebook.read()
            self._chronicle.events += kept
            self._notes += told

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
        """play, pause, seek, step, speed, timeline, note, and configure {"loop": bool}."""
        return {
            "play": self.play,
            "pause": self.pause,
            "seek": self.seek,
            "step": self.step_frames,
            "speed": self.set_speed,
            "timeline": self._chronicle.page,
            "note": self.note,
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

    def step_frames(self, frames: int) -> None:
        """Pause, and go on (or, negative, back) to the moment so many frames further, of whichever stream.

        Raises:
            ValueError: not within -1000 to 1000.
        """
        if not -1000 <= frames <= 1000:
            raise ValueError(f"step: {frames} frames is not within -1000 to 1000")
        self.playing = False
        now = self._material.start + self.position
        if frames >= 0:
            at = int(np.searchsorted(self._moments, now + 1e-6, side="right")) - 1 + frames
        else:
            at = int(np.searchsorted(self._moments, now - 1e-6, side="left")) + frames
        moment = float(self._moments[min(max(at, 0), len(self._moments) - 1)])
        if abs(moment - now) > _NEAR_S:
            self._jump(moment - self._material.start)
            return
        self.position = moment - self._material.start
        for name, track in self._tracks.items():
            self._fresh[name] = self._fresh[name] or self._index(track) < self._shown[name]

    def note(self, who: str, text: str, t: float | None = None, bookmark: bool = False) -> None:
        """Keep a note or bookmark about position `t` (default: the present one) beside the recording.

        Raises:
            ValueError: not within the recording, or it cannot be written.
        """
        at = self.position if t is None else float(t)
        if not 0 <= at <= self.duration:
            raise ValueError(f"note: {at:g} s is not within 0 to {self.duration:g} s")
        if self._notebook is None:
            raise ValueError("note: this replay has no file to keep it beside")
        self._chronicle.events.append(self._notebook.add(self._material.start + at, who, text, bookmark))

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
        before, self._t = t if self._t is None else self._t, t
        passed = max(0.0, t - before)
        if not self.playing or self.duration <= 0:
            return
        self.position += passed * self.speed
        if self.position < self.duration:
            return
        if self.loop:
            self._jump(self.position % self.duration)
            self._since = before
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
        """Duration and position in seconds, whether and how fast it plays, what it plays, the run time of the last
        seek ("since": frames from before it show another time), how many events the timeline has, notes."""
        return {
            "duration": self.duration,
            "position": self.position,
            "playing": self.playing,
            "speed": self.speed,
            "loop": self.loop,
            "source": self._material.title,
            "recorded_start": self._material.start,
            "since": self._since,
            "events": len(self._chronicle.events),
            "notes": self._notes[:20],
        }

    def expose(self, stream: str, seq: int, t_start: float, t_end: float) -> Job | None:
        """The next frame that is due, or None."""
        track = self._tracks[stream]
        index = self._due(track)
        if index is None:
            return None
        self._shown[stream], self._fresh[stream], self._last[stream] = index, False, time.monotonic()
        logged = next((log for log in self._material.logs if log.name == "temperature" and log.unit == "K"), None)
        clock, since, speed = self._clock_id, self._since, self.speed

        def job() -> Frame:
            shot = track.load(index)
            recorded = float(track.times[index])
            facts = {"quantity": "intensity", "unit": "1"} | dict(shot.metadata)
            if logged is not None and "stage_temperature_K" not in facts and np.isfinite(logged.at(recorded)[0]):
                facts["stage_temperature_K"] = logged.at(recorded)[0]
            facts |= {"instrument": "replay", "recorded_t": recorded, "recorded_index": index}
            facts |= {"replay_since": since, "replay_speed": speed}
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
        self._since = self._t or 0.0
        for name in self._fresh:
            self._fresh[name] = True

    def _index(self, track: Track) -> int:
        return int(np.searchsorted(track.times, self._material.start + self.position + 1e-9, side="right")) - 1

    def _due(self, track: Track) -> int | None:
        now = self._index(track)
        shown = self._shown[track.name]
        if self._fresh[track.name]:
            return now if now >= 0 else None
        if now == shown:
            still = len(track.times) == 1 and self.playing and time.monotonic() - self._last[track.name] >= _STILL_S
            return now if still and now >= 0 else None
        return shown + 1 if 0 < now - shown <= _BEHIND else now if now > shown else None
