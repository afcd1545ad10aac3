"""From the instrument's text ("replay:PATH[:PATH...]") to what is played."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from matstudio.instruments.readers import ReaderError, Signal, open_file
from matstudio.instruments.readers.signal import STRUCTURE
from matstudio.instruments.replay.folder import FRAME_S, Times, files_in, has_pictures, read_folder, read_times
from matstudio.instruments.replay.recorded import Recorded
from matstudio.instruments.replay.sessions import read_session
from matstudio.instruments.replay.tracks import Log, Material, Shot, Track, facts
from matstudio.session.reader import is_session

ALIGNED_K = 10.0  # a log whose temperature fits the frames' within this (median) is put on their clock


def paths_of(instrument: str) -> list[Path]:
    """The paths of "replay:PATH" or of several joined with `os.pathsep`.

    Raises:
        ReaderError: none is named, or one does not exist.
    """
    text = instrument.partition(":")[2]
    if not text:
        raise ReaderError("replay", "no file is named: replay:FILE")
    paths = [Path(text)] if Path(text).exists() else [Path(p) for p in text.split(os.pathsep) if p]
    for path in paths:
        if not path.exists():
            raise ReaderError(path, "no such file or folder")
    return paths


def load(instrument: str) -> Material:
    """Open what is to be played. Pictures, large files and sessions are read frame by frame later.

    Raises:
        ReaderError: one line.
    """
    return load_paths(paths_of(instrument))


def load_paths(paths: Sequence[Path]) -> Material:
    """As `load`, for paths: files, folders of pictures, a session, heater logs, and a table of frame times.

    Raises:
        ReaderError: one line.
    """
    times, table_paths = _times(paths)
    tracks: list[Track] = []
    logs: list[Log] = []
    notes: list[str] = []
    closing: list[Callable[[], None]] = []
    recorded: list[Recorded] = []
    beside = paths[0]

    def name(kind: str) -> str:
        taken = sum(t.name == kind or t.name.startswith(f"{kind}_") for t in tracks)
        return kind if not taken else f"{kind}_{taken + 1}"

    try:
        for path in _opened(paths, notes):
            if path in table_paths:
                continue
            if path.is_dir():
                track, more = read_folder(path, name("image"), times)
                tracks.append(track)
                notes += more
            elif is_session(path):
                if any(path.name == part.name for r in recorded for part in r.parts):
                    continue
                new_tracks, new_logs, told, close = read_session(path, name, notes)
                closing.append(close)
                tracks += new_tracks
                logs += new_logs
                if not recorded:
                    beside = path.with_name(told.parts[0].name)
                recorded.append(told)
            else:
                signals = open_file(path)
                if all(signal.form == STRUCTURE for signal in signals):
                    raise ReaderError(
                        path, "a structure, which has no stream: see `matstudio info`, `matstudio simulate`"
                    )
                for signal in _usable(signals):
                    if signal.form == "series":
                        logs.append(_log(signal))
                    else:
                        track, note = _track(path, signal, name(str(signal.kind)))
                        tracks.append(track)
                        notes += note
        if not tracks and not logs:
            raise ReaderError(paths[0], "holds no frame and no process value that could be played")
        if times is not None and times.kelvin is not None and tracks:
            logs, note = _aligned(logs, times)
            notes += note
    except BaseException:
        _close_all(closing)
        raise
    starts = [t.times[0] for t in tracks] or [log.times[0] for log in logs]
    ends = [t.times[-1] for t in tracks] or [log.times[-1] for log in logs]
    if logs and all(len(t.times) == 1 for t in tracks):  # beside stills the logs are what plays
        ends = [log.times[-1] for log in logs]
    if recorded:  # what happened after the last frame is played, too
        ends += [log.times[-1] for log in logs] + [r.end for r in recorded]
    title = " + ".join(p.name for p in paths if p not in table_paths)
    return Material(
        title,
        tuple(tracks),
        tuple(logs),
        float(min(starts)),
        float(max(ends)),
        tuple(notes),
        lambda: _close_all(closing),
        recorded[0] if recorded else Recorded(),
        beside,
    )


def _opened(paths: Sequence[Path], notes: list[str]) -> list[Path]:
    """The paths, with the files that can be read in place of each folder without a picture."""
    out: list[Path] = []
    for path in paths:
        if not path.is_dir() or has_pictures(path):
            out.append(path)
            continue
        first = ""
        for file in files_in(path):
            try:
                playable = is_session(file) or _usable(open_file(file, load=False))
                problem = "" if playable else f"{file}: holds nothing that could be played"
            except ReaderError as error:
                problem = str(error)
            if problem:
                first = first or problem
                notes.append(f"left out: {problem}")
            elif read_times(file) is None:
                out.append(file)
        if not out:
            raise ReaderError(
                path, f"a folder without a picture; {first or 'its tables name frames that are not there'}"
            )
    return out


def _close_all(closing: Sequence[Callable[[], None]]) -> None:
    for close in closing:
        close()


def _times(paths: Sequence[Path]) -> tuple[Times | None, list[Path]]:
    """The table of frame times among the paths or in one of the folders, and which paths are such tables."""
    named = [p for p in paths if p.suffix.lower() == ".csv" and p.is_file() and read_times(p) is not None]
    inside = [c for p in paths if p.is_dir() for c in sorted(p.glob("*.csv"))]
    for path in (*named, *inside):
        times = read_times(path)
        if times is not None:
            return times, named
    return None, named


def _usable(signals: Sequence[Signal]) -> list[Signal]:
    """Every process value, and the first signal of each kind of frames."""
    out: list[Signal] = []
    for signal in signals:
        if signal.form == "series" or (
            signal.form == "frames" and signal.kind is not None and all(signal.kind != s.kind for s in out)
        ):
            out.append(signal)
    return out


def _log(signal: Signal) -> Log:
    times = signal.times if signal.times is not None else signal.axes[-1].values
    return Log(signal.title, signal.unit, np.asarray(times), np.asarray(signal.data, float))


def _track(path: Path, signal: Signal, name: str) -> tuple[Track, list[str]]:
    n = signal.n_frames
    notes = []
    if signal.times is not None and len(signal.times) == n:
        times = np.asarray(signal.times, float)
    elif len(signal.axes) - signal.signal_dims == 1 and signal.axes[0].units == "s" and signal.axes[0].scale > 0:
        times = signal.axes[0].values
    else:
        times = np.arange(n) * FRAME_S
        if n > 1:
            notes.append(f"no times of the frames in {path.name}: {FRAME_S:g} s between them assumed")
    known = facts(signal.metadata) | {"quantity": signal.quantity, "unit": signal.unit, "file": path.name}
    first = signal.array(0)

    def load(index: int) -> Shot:
        data = signal.array(index)
        return Shot(data.astype(data.dtype.newbyteorder("="), copy=False), signal.frame_axes, 0.0, known)

    assert signal.kind is not None
    return Track(name, signal.kind, signal.title, times, first.nbytes, load), notes


def _aligned(logs: list[Log], times: Times) -> tuple[list[Log], list[str]]:
    """The logs on the frames' clock: shifted so that the measured temperature is the one noted for each frame.

    The shift is the one with the least median difference; on a ramp of r K/s a difference of d K is d/r s.
    """
    heat = next((log for log in logs if log.name == "temperature" and log.unit == "K"), None)
    if heat is None or times.kelvin is None:
        return logs, []
    noted = times.kelvin

    def difference(shift: float) -> float:
        return float(np.median(np.abs(np.interp(times.seconds - shift, heat.times, heat.values) - noted)))

    span = float(heat.times[-1] - heat.times[0])
    coarse = np.unique(np.concatenate([[0.0], np.arange(-span, span, max(1.0, span / 2000))]))
    best = float(min(coarse, key=difference))
    step = max(1.0, span / 2000)
    fine = best + np.linspace(-step, step, 81)
    best = float(min([*fine, best], key=lambda s: (round(difference(s), 2), abs(s))))
    left = difference(best)
    if left > ALIGNED_K:
        return logs, [
            f"the log's temperature does not fit {times.path.name} (median difference {left:.0f} K): not shifted"
        ]
    shifted = [replace(log, times=log.times + best) for log in logs]
    return shifted, [f"log put on the frames' clock: {best:+.1f} s, median temperature difference {left:.1f} K"]
