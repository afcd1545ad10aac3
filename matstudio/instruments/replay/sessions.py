"""A recorded session, in one file or several, as tracks and logs on one time line."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from matstudio.domain.process import Quality
from matstudio.instruments.readers import ReaderError
from matstudio.instruments.readers.guard import read_guarded
from matstudio.instruments.replay.recorded import Lost, Part, Recorded, merged
from matstudio.instruments.replay.tracks import Log, Shot, Track
from matstudio.session import layout
from matstudio.session.parts import parts_of, run_id
from matstudio.session.reader import Session, StreamInfo


def read_session(
    path: Path, name: Callable[[str], str], notes: list[str]
) -> tuple[list[Track], list[Log], Recorded, Callable[[], None]]:
    """Open the session that `path` is a part of.

    Args:
        name: makes the name of a track from that of a stream.
        notes: takes one line for each part that is left out, and for each gap between two parts.

    Returns:
        tracks and logs, what else is told, and what lets go of the files.

    Raises:
        ReaderError: `path` cannot be read, or holds nothing that could be played; one line.
    """
    sound: set[Path] = set()

    def own_run(part: Path) -> str:
        try:
            if part not in sound:
                read_guarded(part, "session", load=False)  # a damaged file crashes a child, not the server
                sound.add(part)
        except ReaderError as error:
            if part == path:
                raise
            if f"left out: {error}" not in notes:
                notes.append(f"left out: {error}")
            return ""
        return run_id(part)

    opened = contextlib.ExitStack()
    try:
        own_run(path)
        sessions = [opened.enter_context(_open(part)) for part in parts_of(path, own_run)]
        tracks, lost = _tracks(sessions, name)
        logs = _logs(sessions)
        if not tracks and not logs:
            raise ReaderError(path, "a session without a frame or a reading")
        parts = tuple(Part(s.path.name, s.t0, _last(s), _ending(s)) for s in sessions)
        for one, other in itertools.pairwise(parts):
            if other.start > one.end:
                notes.append(f"nothing recorded for {other.start - one.end:.1f} s between {one.name} and {other.name}")
        clock = sessions[0].clock
        recorded = Recorded(
            str(sessions[0].run.get("id", "")),
            merged(s.events() for s in sessions),
            parts,
            tuple(lost),
            _order(sessions),
            clock.epoch,
            clock.speed,
        )
    except ReaderError:
        opened.close()
        raise
    except (ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        opened.close()
        raise ReaderError(path, f"damaged session: {error}") from None
    except BaseException:
        opened.close()
        raise
    return tracks, logs, recorded, opened.close


def _open(path: Path) -> Session:
    try:
        return Session.open(path)
    except ValueError as error:
        raise ReaderError(path, str(error).removeprefix(f"{path}: ")) from None


def _last(session: Session) -> float:
    """Time of the last frame or reading of a file, seconds."""
    ends = [float(t[-1]) for t, *_ in session.readings().values() if len(t)]
    return max([session.t1, *(t for t in ends if np.isfinite(t))])


def _ending(session: Session) -> str:
    if session.live:
        return "being written"
    return "closed" if layout.read_text(session.file[f"{layout.ENTRY}/end_time"]) else "broken off"


def _tracks(sessions: Sequence[Session], name: Callable[[str], str]) -> tuple[list[Track], list[Lost]]:
    tracks: list[Track] = []
    lost: list[Lost] = []
    for stream in dict.fromkeys(k for s in sessions for k, info in s.streams.items() if info.n):
        times: list[np.ndarray] = []
        places: list[tuple[Session, int, int]] = []  # session, its first frame that counts, its first place in `times`
        sizes, n, last, before = [0], 0, -np.inf, None
        for session in sessions:
            info = session.streams.get(stream)
            if info is None or not info.n:
                continue
            if not np.isfinite(info.t_end).all() or (np.diff(info.t_end) < 0).any():
                raise ReaderError(session.path, f"{stream}: the times of its frames go back, or are no numbers")
            first = int(np.searchsorted(info.t_end, last, side="right"))  # the next part may begin with the same frame
            lost += _lost(info, first, before)
            if first == info.n:
                continue
            places.append((session, first, n))
            times.append(info.t_end[first:])
            sizes.append(int(np.prod(info.shape)) * info.dtype.itemsize)
            n, last, before = n + info.n - first, info.t_end[-1], info
        described = next(s.streams[stream] for s in sessions if stream in s.streams and s.streams[stream].n)
        title = described.title or stream
        own = name(stream)
        tracks.append(Track(own, described.kind, title, np.concatenate(times), max(sizes), _shots(stream, places)))
    return tracks, lost


def _lost(info: StreamInfo, first: int, before: StreamInfo | None) -> list[Lost]:
    """The gaps in a stream's numbers from frame `first` on, and the one after `before`, the last part that has it."""
    seq, t = info.seq[first:], info.t_end[first:]
    if before is not None and len(seq) and seq[0] > before.seq[-1]:
        seq, t = np.append(before.seq[-1], seq), np.append(before.t_end[-1], t)
    gaps = np.flatnonzero(np.diff(seq) > 1)
    return [Lost(info.name, float(t[i]), float(t[i + 1]), int(seq[i + 1] - seq[i] - 1)) for i in gaps]


def _shots(stream: str, places: Sequence[tuple[Session, int, int]]) -> Callable[[int], Shot]:
    begins = [place[2] for place in places]

    def load(index: int) -> Shot:
        session, first, begin = places[int(np.searchsorted(begins, index, side="right")) - 1]
        try:
            frame = session.frame(stream, first + index - begin)
        except ValueError as error:
            raise ReaderError(session.path, str(error).removeprefix(f"{session.path}: ")) from None
        known = dict(frame.metadata)
        if "instrument" in known:
            known["recorded_instrument"] = known["instrument"]
        return Shot(frame.data, frame.axes, frame.t_end - frame.t_start, known)

    return load


def _logs(sessions: Sequence[Session]) -> list[Log]:
    words = tuple(Quality)
    parts: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
    units: dict[str, str] = {}
    limits: dict[str, tuple[float, float]] = {}
    for session in sessions:
        for key, (t, values, unit, quality) in session.readings().items():
            if key in session.description.readings:
                limits[key] = session.description.readings[key][1:3]
            known = parts.setdefault(key, [])
            last = known[-1][0][-1] if known else -np.inf
            new = np.isfinite(t) & (t > last)
            new &= t >= np.maximum.accumulate(np.where(new, t, -np.inf))
            if units.setdefault(key, unit) == unit and new.any():
                known.append((t[new], values[new], quality[new]))
    out = []
    for key, known in parts.items():
        if known:
            t, values, quality = (np.concatenate(column) for column in zip(*known, strict=True))
            qualities = tuple(words[min(max(int(q), 0), len(words) - 1)] for q in quality)
            out.append(Log(key, units[key], t, values, qualities, limits.get(key)))
    return out


def _order(sessions: Sequence[Session]) -> tuple[np.ndarray, np.ndarray] | None:
    """Times and values of the order parameter in the fused states."""
    times, values = [], []
    for session in sessions:
        group = session.file[f"{layout.ENTRY}/state"]
        n = min(group["time"].shape[0], group["order_parameter"].shape[0])
        times.append(group["time"][:n])
        values.append(group["order_parameter"][:n])
    t, value = np.concatenate(times), np.concatenate(values)
    good = np.isfinite(t) & np.isfinite(value)
    return (t[good], value[good]) if good.any() else None
