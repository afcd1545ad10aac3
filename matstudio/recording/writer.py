"""Writes a session: NeXus in HDF5, readable by others while it is being written (SWMR)."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import numpy as np

from matstudio import __version__
from matstudio.control import seal
from matstudio.domain.clock import RealClock
from matstudio.domain.device import Description
from matstudio.domain.estimate import Estimate, MaterialState
from matstudio.domain.frame import Frame
from matstudio.domain.process import Quality, Reading
from matstudio.recording.columns import Column, Columns, RecordRows, TextRows, structure_arrays
from matstudio.session import layout
from matstudio.session.recovery import clear_write_flag, hold

STRUCTURE_EVERY_S = 1.0  # a structure of 16,384 sites takes 0.4 MB
RESERVE = 32 * 1024 * 1024
_LIBRARIES = ("numpy", "h5py", "hdf5plugin", "scipy", "pyzmq", "msgpack", "pymatgen", "torch", "rosettasciio")


class _StreamRows:
    """The growing datasets of one stream."""

    def __init__(self, group: Any) -> None:
        self.group = group
        self.axes = layout.axes_of(group)
        self.clock = layout.get_text(group, "clock")
        self.data = Column(group["data"])
        self.columns = Columns(group, "t_start", "t_end", "seq", "missed", "metadata", "metadata_bytes")
        self.more = TextRows(group["metadata_more"])
        self.n = 0

    def add(self, frame: Frame, missed: int) -> None:
        facts = dict(frame.metadata)
        own: dict[str, Any] = {}
        if frame.axes != self.axes:
            own["axes"] = frame.axes
        if frame.clock != self.clock:
            own["clock"] = frame.clock
        text = layout.to_json({"": own, **facts} if own else facts).encode()
        self.data.append(frame.data[None])
        head, rest = text[: layout.METADATA_WIDTH], text[layout.METADATA_WIDTH :]
        if rest:
            self.more.add(self.n, rest)
        self.columns.add(
            t_start=frame.t_start,
            t_end=frame.t_end,
            seq=frame.seq,
            missed=missed,
            metadata=head,
            metadata_bytes=len(text),
        )
        self.n += 1

    def write(self) -> None:
        self.more.write()
        self.columns.write()


class SessionWriter:
    """Writes one session file. Not thread-safe: one thread makes, feeds and closes it.

    The whole layout is made here, before SWMR begins; what is added later goes to the disk at `flush`.

    Args:
        path: the file; must not exist.
        description: of the device, kept as JSON.
        clock: of the run; gives the wall-clock time of run time 0.
        first: a frame of each stream; gives the stream's layout and is its first row.
        readings: names and units beyond those that the description promises are taken from here.
        run: JSON-able facts about the run (id, instrument, options).
        missed: frames of each stream that were lost before its first one.

    Raises:
        FileExistsError: there is such a file. OSError: it cannot be written.
        ValueError: no frame, or two of one stream.
    """

    def __init__(
        self,
        path: Path,
        description: Description,
        clock: RealClock,
        first: Sequence[Frame],
        readings: Sequence[Reading] = (),
        run: Mapping[str, Any] | None = None,
        missed: Mapping[str, int] | None = None,
    ) -> None:
        import h5py

        if not first:
            raise ValueError("a session needs a frame of at least one stream")
        if len({layout.group_name(f.stream) for f in first}) != len(first):
            raise ValueError(f"streams are not different: {', '.join(f.stream for f in first)}")
        if path.exists():
            raise FileExistsError(f"{path}: exists already")
        self.path = path
        self.t_first = min(f.t_start for f in first)
        self._clock = clock
        self._signatures = {f.stream: layout.signature(f) for f in first}
        self.flushed: dict[str, int] = {}
        """Frames that a flush has handed to the operating system, by stream."""
        self._unknown: dict[str, int] = {}
        self._structure_at: dict[str, float] = {}
        new = path.with_name(f".{path.name}.new")  # until others can read it
        new.unlink(missing_ok=True)
        with contextlib.ExitStack() as undo:
            undo.callback(new.unlink, missing_ok=True)
            self._file = undo.enter_context(h5py.File(new, "x", libver=("v110", "v110"), rdcc_nbytes=0))
            self._make(description, first, readings, run or {}, missed or {})
            self._reserve = _reserve(path.parent)
            undo.callback(self._reserve.close)
            self._file.swmr_mode = True
            self._held = hold(new)
            self.inode = os.fstat(self._held).st_ino
            undo.callback(os.close, self._held)
            new.rename(path)
            undo.pop_all()

    def _make(
        self,
        description: Description,
        first: Sequence[Frame],
        readings: Sequence[Reading],
        run: Mapping[str, Any],
        missed: Mapping[str, int],
    ) -> None:
        now = _iso(self._clock.wall(self.t_first))
        self._file.attrs["format_version"] = layout.FORMAT_VERSION
        for key, value in (
            ("NX_class", "NXroot"),
            ("default", layout.ENTRY),
            ("format", layout.FORMAT),
            ("creator", "MatStudio"),
            ("creator_version", __version__),
            ("file_time", now),
        ):
            layout.set_text(self._file, key, value)
        entry = layout.make_group(self._file, layout.ENTRY, "NXentry")
        layout.set_text(entry, "default", layout.group_name(first[0].stream))
        layout.put_text(entry, "title", description.name)
        layout.put_text(entry, "start_time", now)
        self._end_time = layout.put_text(entry, "end_time", "", 40)
        layout.put_text(entry, "origin", description.kind)
        self._make_session(entry, description, run)

        titles = {s.name: s.title for s in description.streams}
        instrument = layout.make_group(entry, "instrument", "NXinstrument")
        layout.put_text(instrument, "name", description.name)
        self._streams = {
            f.stream: _StreamRows(layout.make_stream(entry, instrument, f, titles.get(f.stream, ""))) for f in first
        }
        units = {name: unit for name, (unit, _, _) in description.readings.items()} | {r.name: r.unit for r in readings}
        process = layout.make_group(entry, "process", "NXcollection")
        self._logs: dict[str, Columns] = {}
        for name, unit in units.items():
            group = layout.make_log(process, name, unit, _iso(self._clock.wall(0.0)))
            self._logs[name] = Columns(group, "value", "time", "quality")
        estimates = layout.make_group(entry, "estimates", "NXcollection")
        self._estimates = {}
        for name in self._streams:
            self._estimates[name] = RecordRows(layout.make_records(estimates, layout.estimates_name(name)))
        self._states = RecordRows(layout.make_records(entry, "state"))
        events = layout.make_group(entry, "events", "NXcollection")
        layout.text_table(events)
        self._events, self._event_rows = TextRows(events), 0
        self._audited = b"{}"  # the audit log's last line that was gathered

        self.add_note("recording", "recording started", {"program": __version__})
        for frame in first:
            self.add_frame(frame, missed.get(frame.stream, 0))
        given = {r.name: r for r in readings}
        none_yet = [Reading(k, np.nan, u, self.t_first, Quality.BAD) for k, u in units.items() if k not in given]
        self.add_readings([*given.values(), *none_yet])
        self.flush()

    def _make_session(self, entry: Any, description: Description, run: Mapping[str, Any]) -> None:
        group = layout.make_group(entry, "session", "NXprocess")
        layout.put_text(group, "program", "MatStudio")
        layout.put_text(group, "version", __version__)
        layout.put_text(group, "description", layout.to_json(description))
        layout.put_text(group, "run", layout.to_json(run))
        layout.put_text(group, "clock_id", self._clock.id)
        clock = (("clock_epoch", self._clock.epoch), ("clock_origin", self._clock.origin))
        for key, value in (*clock, ("clock_speed", self._clock.speed)):
            group.create_dataset(key, data=float(value))
        versions = {"python": platform.python_version(), "platform": platform.platform(), "executable": sys.version}
        for name in _LIBRARIES:
            with contextlib.suppress(metadata.PackageNotFoundError):
                versions[name] = metadata.version(name)
        layout.put_text(group, "versions", layout.to_json(versions))

    @property
    def frames(self) -> dict[str, int]:
        """Frames written so far, by stream."""
        return {name: s.n for name, s in self._streams.items()}

    def fits(self, frame: Frame) -> bool:
        """Whether the frame's stream is in this file with the same shape, dtype, axis names and units."""
        return self._signatures.get(frame.stream) == layout.signature(frame)

    def add_frame(self, frame: Frame, missed: int = 0) -> None:
        """Write a frame; `missed` counts the stream's frames lost before it was received, since the file began.

        Raises:
            ValueError: it does not fit the layout. OSError: it cannot be written.
        """
        if not self.fits(frame):
            raise ValueError(f"frame {frame.stream} #{frame.seq} does not fit the layout of {self.path.name}")
        self._streams[frame.stream].add(frame, missed)

    def add_estimate(self, estimate: Estimate) -> None:
        """Gather an estimate; its structure at most once a second of run time."""
        table = self._estimates.get(estimate.stream)
        if table is None:
            self._count_unknown(f"estimate of {estimate.stream}")
            return
        facts, arrays = self._structure(f"estimate {estimate.stream}", estimate.t, estimate)
        body = {
            "stream": estimate.stream,
            "seq": estimate.seq,
            "t": estimate.t,
            "model": estimate.model,
            "labels": estimate.labels,
            "notes": estimate.notes,
            "seconds": estimate.seconds,
            "sources": [(r.stream, r.seq) for r in estimate.sources],
            **facts,
        }
        table.add(estimate.t, estimate.seq, body, estimate.quantities, {**estimate.arrays, **arrays})

    def add_state(self, state: MaterialState) -> None:
        """Gather a fused state; its structure at most once a second of run time."""
        facts, arrays = self._structure("state", state.t, state)
        sources = {k: [(r.stream, r.seq) for r in refs] for k, refs in state.sources.items()}
        body = {"t": state.t, "sources": sources, "notes": state.notes, **facts}
        self._states.add(state.t, -1, body, state.quantities, arrays)

    def _structure(self, who: str, t: float, of: Estimate | MaterialState) -> tuple[dict[str, Any], dict[str, Any]]:
        if of.structure is None or t - self._structure_at.get(who, -np.inf) < STRUCTURE_EVERY_S:
            return {}, {}
        self._structure_at[who] = t
        return structure_arrays(of.structure)

    def add_readings(self, readings: Sequence[Reading]) -> None:
        """Gather process values. A name that the layout lacks is counted, and the count noted when the file ends."""
        for r in readings:
            log = self._logs.get(r.name)
            if log is None:
                self._count_unknown(f"reading {r.name}")
            else:
                value = float(r.value) if isinstance(r.value, (int, float)) else np.nan
                log.add(value=value, time=r.t, quality=layout.QUALITIES.index(r.quality))

    def add_event(self, entry: bytes | Mapping[str, Any]) -> None:
        """Gather an entry of the audit log: its line as it stands there (without the line feed), or a map."""
        line = entry if isinstance(entry, bytes) else layout.to_json(entry).encode()
        if isinstance(entry, bytes):
            self._audited = line
        self._events.add(self._event_rows, line)
        self._event_rows += 1

    def add_note(self, kind: str, text: str, data: Mapping[str, Any] | None = None) -> None:
        """Gather an entry of the recorder's own; it has no number and no hash, and is no part of the audit chain."""
        t = self._clock.now()
        wall = self._clock.wall(t)
        self.add_event({"t": t, "wall": wall, "kind": kind, "who": "recorder", "text": text, "data": data or {}})

    def _count_unknown(self, what: str) -> None:
        self._unknown[what] = self._unknown.get(what, 0) + 1

    def flush(self) -> None:
        """Hand what was gathered to the operating system; readers see it from now on.

        Raises:
            OSError: it cannot be written.
        """
        for s in self._streams.values():
            s.write()
        for log in self._logs.values():
            log.write()
        for table in (*self._estimates.values(), self._states):
            table.write()
        self._events.write()
        self._file.flush()
        self.flushed = self.frames

    def sync(self) -> None:
        """Wait until the disk has what was flushed. May be called from another thread."""
        os.fsync(self._held)

    def close(self, why: str = "recording stopped", facts: Mapping[str, Any] | None = None) -> None:
        """Note the end, write all and close the file; no harm in a second call. On a full disk the reserve makes room.

        Args:
            why: for the note.
            facts: more than the number of frames for it.

        Raises:
            OSError, RuntimeError: it cannot be written. HDF5 then keeps the file, and may end the process badly.
        """
        if self._held < 0:
            return
        self._reserve.close()
        try:
            if self._file:
                if self._unknown:
                    self.add_note("recording", "not in the layout, left out", self._unknown)
                sealed = seal.head_of_line(self._audited)
                self.add_note("recording", why, {"frames": self.frames, **(facts or {}), **sealed})
                self._end_time[()] = _iso(self._clock.wall(self._clock.now())).encode()
                self.flush()
        finally:
            try:
                self._file.close()
            finally:
                os.close(self._held)
                self._held = -1

    def abandon(self) -> None:
        """Leave a file that cannot be written any more as a kill would leave it, and make that open plainly if it can
        be. HDF5 keeps the file; were it to close it, or to end in order, it could leave it half written."""
        self._reserve.close()
        os.close(self._held)
        self._held = -1
        with contextlib.suppress(ValueError):  # `verify` may do it later
            clear_write_flag(self.path)


def _reserve(folder: Path) -> IO[bytes]:
    """A nameless file of `RESERVE` bytes. Given back when a disk is full, it lets HDF5 write what it still holds;
    without that HDF5 can neither close the file nor end the process in order."""
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  held for as long as the session
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, RESERVE)
    except OSError:
        file.close()
        raise
    return file


def _iso(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")
