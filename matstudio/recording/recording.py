"""One recording, from REC to stop: the files that it takes, and what goes into them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matstudio.bus.rundir import Run
from matstudio.domain.device import Description
from matstudio.domain.estimate import Estimate, MaterialState
from matstudio.domain.frame import Frame
from matstudio.domain.process import Reading
from matstudio.recording.filethread import FileThread
from matstudio.recording.sources import AuditTail, Sources
from matstudio.recording.writer import SessionWriter
from matstudio.session.layout import signature
from matstudio.session.recovery import clear_write_flag

log = logging.getLogger(__name__)
FIRST_FRAMES_S = 2.0  # how long a file waits for the first frame of every stream


def new_path(wanted: Path, taken: Sequence[Path] = ()) -> Path:
    """`wanted`, or the first of NAME-2, NAME-3, ... beside it that does not exist and is not `taken`."""
    path, n = wanted, 1
    while path.exists() or path in taken:
        n += 1
        path = wanted.with_name(f"{wanted.stem}-{n}{wanted.suffix}")
    return path


def note_path(run: Run) -> Path:
    """Where the run directory keeps what is being recorded, for the recorder that starts after a crash."""
    return run.path / "recording.json"


def left_behind(run: Run) -> tuple[Path, str] | None:
    """What a recorder of this run was recording when it died: the path that was asked for, and one line about the
    file it left, which opens plainly again; None where nothing was left."""
    try:
        note = json.loads(note_path(run).read_text())
        wanted, file = Path(note["wanted"]), Path(note["file"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        clear_write_flag(file)
    except ValueError as error:
        return wanted, f"the recorder had died, and its file could not be recovered: {error}"
    return wanted, f"the recorder had died; {file.name} was recovered up to its last flush"


class Recording:
    """Takes frames from the rings and hands them, with all else, to the thread that writes the file.

    A file has one layout. Where the device is restarted, a stream appears late or frames change their shape, the file
    is closed and the recording goes on in the next one (NAME-2.nxs). One thread calls everything; nothing waits.

    Args:
        run: whose recording it is.
        wanted: path of the first file; a file that exists is left alone and the next free name taken.
        describe: what the device answers to `describe`, or None as long as it has not; called again and again.
        readings: newest reading of each name, kept up to date by the caller.
        note: goes into the first file, if not empty.
    """

    def __init__(
        self,
        run: Run,
        wanted: Path,
        describe: Callable[[], Description | None],
        readings: Mapping[str, Reading],
        note: str = "",
    ) -> None:
        self.run = run
        self.since = run.clock.now()
        self.path = new_path(wanted)
        self._wanted = wanted
        self._note = note
        self._describe = describe
        self._readings = readings
        self._written: dict[str, Reading] = {}
        self._sources: Sources | None = None
        self._early: list[tuple[Frame, int]] = []  # came before the file's layout was known
        self._early_until = 0.0
        self._signatures: dict[str, tuple[object, ...]] = {}
        self._audit = AuditTail(run.audit_path)
        self._finished = False
        self._file: FileThread | None = None
        self._files: list[FileThread] = []
        self._before: dict[str, dict[str, int]] = {"received": {}, "dropped": {}}  # in the device's earlier lives

    @property
    def paths(self) -> list[Path]:
        """The files of this recording."""
        return [f.path for f in self._files]

    @property
    def bytes(self) -> int:
        """Size of its files."""
        return sum(p.stat().st_size for p in self.paths if p.exists())

    @property
    def error(self) -> str:
        """Why a file could not be written, or ""."""
        return next((f.error for f in self._files if f.error), "")

    def counts(self, what: str) -> dict[str, int]:
        """Frames by stream; `what` is "received" or "dropped"."""
        streams = self._sources.streams if self._sources else {}
        before = self._before[what]
        return {k: before.get(k, 0) + (getattr(streams[k], what) if k in streams else 0) for k in {**before, **streams}}

    def step(self) -> None:
        """Take what the rings and the audit log have."""
        if self._sources is None:
            self._find_device()
        if self._sources is not None:
            self._take(self._sources)
        if self._file is not None:
            for line in self._audit.lines():
                self._file.put(lambda w, line=line: w.add_event(line))  # type: ignore[misc]

    def check_device(self) -> None:
        """Where the device ended or was restarted, close the file; the next begins when the device answers."""
        if self._sources is not None and self._sources.replaced():
            log.info("the device ended or was restarted")
            self._take(self._sources)
            self._end_file()
            self._forget(self._sources)

    def add_readings(self, readings: tuple[Reading, ...]) -> None:
        """Process values as the device published them; one that has not changed since is left out."""
        new = [r for r in readings if self._written.get(r.name) != r]
        if self._file is not None and new:
            self._written.update({r.name: r for r in new})
            self._file.put(lambda w: w.add_readings(new))

    def add_estimate(self, estimate: Estimate) -> None:
        """What an inverse model said."""
        if self._file is not None:
            self._file.put(lambda w: w.add_estimate(estimate), sum(a.nbytes for a in estimate.arrays.values()))

    def add_state(self, state: MaterialState) -> None:
        """What fusion said."""
        if self._file is not None:
            self._file.put(lambda w: w.add_state(state))

    def finish(self, why: str) -> None:
        """Take what is left and have the file closed; returns at once."""
        if self._finished:
            return
        self.step()
        self._finished = True
        self._end_file(why)
        if self._sources is not None:
            self._forget(self._sources)

    def join(self, seconds: float | None = None) -> bool:
        """Wait until the files are closed; whether they are."""
        closed = all(f.join(seconds) for f in self._files)
        if closed:
            note_path(self.run).unlink(missing_ok=True)
        return closed

    def _leave_note(self, path: Path) -> None:
        note_path(self.run).write_text(json.dumps({"wanted": str(self._wanted), "file": str(path)}))

    def _find_device(self) -> None:
        description = self._describe()
        if description is not None:
            self._sources = Sources(description)
            self._early_until = time.monotonic() + FIRST_FRAMES_S

    def _take(self, sources: Sources) -> None:
        for frame, dropped in sources.take():
            if self._file is not None and self._signatures.get(frame.stream) != signature(frame):
                log.info("stream %s is new or has changed: next file", frame.stream)
                self._end_file()
                self._early_until = time.monotonic() + FIRST_FRAMES_S
            if self._file is None:
                self._early.append((frame, dropped))
            else:
                self._put_frame(self._file, sources, frame, dropped)
        if self._early:
            seen = {frame.stream for frame, _ in self._early}
            if seen == set(sources.streams) or time.monotonic() > self._early_until:
                self._begin_file(sources)

    def _begin_file(self, sources: Sources) -> None:
        last = {frame.stream: frame for frame, _ in self._early}
        self._signatures = {name: signature(frame) for name, frame in last.items()}
        early = [(f, n) for f, n in self._early if signature(f) == self._signatures[f.stream]]
        self._early = []
        first = {frame.stream: frame for frame, _ in reversed(early)}
        path = self.path if not self._files else new_path(self._wanted, self.paths)
        self.path = path
        self._written = dict(self._readings)
        facts = {"id": self.run.id, "instrument": self.run.instrument, "options": self.run.options}

        readings = tuple(self._written.values())

        def make() -> SessionWriter:
            return SessionWriter(
                path, sources.description, self.run.clock, tuple(first.values()), readings, facts | {"part": part}
            )

        part = len(self._files) + 1
        file = self._file = FileThread(path, make)
        self._files.append(file)
        self._leave_note(path)
        if self._note:
            note, self._note = self._note, ""
            file.put(lambda w: w.add_note("recording", note))
        self._audit = AuditTail(self.run.audit_path)
        for frame, dropped in early:
            if first[frame.stream] is not frame:
                self._put_frame(file, sources, frame, dropped)
        log.info("writing %s: %s", path, ", ".join(first))

    def _put_frame(self, file: FileThread, sources: Sources, frame: Frame, dropped: int) -> None:
        if not file.put(lambda w: w.add_frame(frame, dropped), frame.data.nbytes):
            sources.streams[frame.stream].lost += 1

    def _end_file(self, why: str = "the recording goes on in the next file") -> None:
        if self._file is None:
            return
        counts: dict[str, Any] = {what: self.counts(what) for what in self._before}
        self._file.put(lambda w: w.add_note("recording", why, counts))
        self._file.finish()
        self._file = None

    def _forget(self, sources: Sources) -> None:
        self._before = {what: self.counts(what) for what in self._before}
        sources.close()
        self._sources = None
        self._early = []
