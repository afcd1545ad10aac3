"""What the models can be run over: the frames of a recorded session, or of whatever else the readers open."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from matstudio.domain.clock import RealClock
from matstudio.domain.device import Description, Stream
from matstudio.domain.estimate import Estimate, MaterialState
from matstudio.domain.frame import Frame
from matstudio.domain.process import Quality, Reading
from matstudio.instruments.readers.guard import read_guarded
from matstudio.instruments.replay.folder import has_pictures, is_listed
from matstudio.instruments.replay.material import load_paths, paths_of
from matstudio.instruments.replay.tracks import Log, Track
from matstudio.session.reader import Records, Session, is_session


@dataclass(frozen=True)
class Film:
    """The frames of one stream.

    Args:
        name, kind: of the stream.
        at: number of a frame -> its place in the file, in the order of time.
        t: middle of each exposure, run time in seconds, in the same order.
        load: the frame at a place; ValueError or OSError where it cannot be read.
        estimates: those that were recorded, or None.
    """

    name: str
    kind: str
    at: Mapping[int, int]
    t: np.ndarray
    load: Callable[[int], Frame]
    estimates: Records[Estimate] | None = None
    _records: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.estimates is not None:
            self._records.update({int(seq): i for i, seq in enumerate(self.estimates.seq)})

    def frame(self, seq: int) -> Frame:
        """Frame number `seq`."""
        return self.load(self.at[seq])

    def recorded(self, seq: int) -> Estimate | None:
        """The (last) recorded estimate of a frame."""
        i = self._records.get(seq)
        return None if i is None or self.estimates is None else self.estimates[i]


@dataclass(frozen=True)
class Input:
    """Films on one time line, and what was recorded beside them.

    Args:
        title: for people. description, clock, run: as a session has them.
        films: by stream.
        logs: process values.
        states: fused states that were recorded, or None.
        changed: library -> (version then, version now), of a session whose libraries were others.
        close: lets go of the files.
    """

    title: str
    description: Description
    clock: RealClock
    run: Mapping[str, Any]
    films: Mapping[str, Film]
    logs: Sequence[Log]
    states: Records[MaterialState] | None = None
    changed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    close: Callable[[], None] = field(default=lambda: None)

    def readings(self) -> Iterator[Reading]:
        """Every process value, by name, each in the order of time."""
        for log in self.logs:
            words = log.quality or (Quality.GOOD,) * len(log.times)
            for t, value, quality in zip(log.times.tolist(), log.values.tolist(), words, strict=True):
                yield Reading(log.name, value, log.unit, t, quality)

    def readings_at(self, t: float) -> dict[str, Reading]:
        """The process values at run time `t`, by name."""
        return {log.name: Reading(log.name, log.at(t)[0], log.unit, t, log.at(t)[1]) for log in self.logs}


@dataclass(frozen=True)
class RecordedClock(RealClock):
    """The clock of a run that is over: it stands at run time `end`."""

    end: float = 0.0

    def now(self) -> float:
        return self.end


def groups(arguments: Sequence[str]) -> list[tuple[Path, ...]]:
    """The paths of each input. Every argument is one: a file, a folder of pictures, or several joined with `os.pathsep`
    that are put on one clock, as a replay has them. A folder without a picture stands for each of its files.

    Raises:
        ReaderError: one does not exist.
    """
    out: list[tuple[Path, ...]] = []
    for argument in arguments:
        paths = paths_of(f"replay:{argument}")
        if len(paths) > 1 or not paths[0].is_dir() or has_pictures(paths[0]):
            out.append(tuple(paths))
        else:
            out += [(p,) for p in sorted(paths[0].iterdir()) if p.is_file() and is_listed(p)]
    return out


def open_input(paths: Sequence[Path]) -> Input:
    """What one input holds.

    Raises:
        ValueError: it cannot be read, or holds no frames; one line.
    """
    if len(paths) == 1 and paths[0].is_file() and is_session(paths[0]):
        return of_session(paths[0])
    return of_files(paths)


def of_session(path: Path) -> Input:
    """A recorded session."""
    read_guarded(path, "session", load=False)  # a damaged file crashes a child, not this process
    session = Session.open(path)
    try:
        films = {
            info.name: Film(
                info.name,
                info.kind,
                {int(seq): i for i, seq in enumerate(info.seq)},
                (info.t + info.t_end) / 2,
                lambda i, name=info.name: session.frame(name, i),  # type: ignore[misc]
                session.estimates(info.name),
            )
            for info in session.streams.values()
            if info.n
        }
        logs = [
            Log(name, unit, t, values, tuple(tuple(Quality)[min(int(q), len(Quality) - 1)] for q in quality))
            for name, (t, values, unit, quality) in session.readings().items()
            if len(t)
        ]
        clock = RecordedClock(**vars(session.clock), end=session.t1)
        return Input(
            path.name,
            session.description,
            clock,
            session.run,
            films,
            logs,
            session.states(),
            _changed(session.versions),
            session.close,
        )
    except BaseException:
        session.close()
        raise


def _changed(then: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Libraries that were recorded with another version than the one here."""
    now = {"python": platform.python_version(), "platform": platform.platform()}
    for name in then.keys() - {*now, "executable"}:
        with contextlib.suppress(metadata.PackageNotFoundError):
            now[name] = metadata.version(name)
    return {k: (v, now.get(k, "none")) for k, v in then.items() if k != "executable" and v != now.get(k)}


def of_files(paths: Sequence[Path]) -> Input:
    """Whatever a replay would play."""
    played = load_paths(paths)
    streams = tuple(Stream(t.name, t.kind, "", t.rate, t.title) for t in played.tracks)
    readings = {log.name: (log.unit, *log.range()) for log in played.logs}
    films = {t.name: _film(t, played.logs) for t in played.tracks}
    if not films:
        played.close()
        raise ValueError(f"{played.title}: holds no frames")
    clock = RecordedClock(0.0, 0.0, 1.0, "file", played.end)
    description = Description(f"Files {played.title}", "replay", streams, readings, (), {"notes": list(played.notes)})
    return Input(played.title, description, clock, {}, films, played.logs, close=played.close)


def _film(track: Track, logs: Sequence[Log]) -> Film:
    kelvin = next((log for log in logs if log.name == "temperature" and log.unit == "K"), None)

    def frame(index: int) -> Frame:
        shot, t = track.load(index), float(track.times[index])
        known = {"quantity": "intensity", "unit": "1", "instrument": "file"} | dict(shot.metadata)
        if kelvin is not None and "stage_temperature_K" not in known and np.isfinite(kelvin.at(t)[0]):
            known["stage_temperature_K"] = kelvin.at(t)[0]
        return Frame(track.name, track.kind, index, shot.data, shot.axes, t - shot.exposure_s, t, "file", known)

    at = {i: i for i in range(len(track.times))}
    return Film(track.name, track.kind, at, np.asarray(track.times, "f8"), frame)
