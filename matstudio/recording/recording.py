"""One recording, from REC to stop: the files that it takes, and what goes into them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matstudio.bus.rundir import Run
from matstudio.domain.device import Description
from matstudio.domain.estimate import Estimate, MaterialState
from matstudio.domain.frame import Frame
from matstudio.domain.process import Reading
from matstudio.recording.filethread import FileThread
from matstudio.recording.sources import ALL, NEWEST, AuditTail, Sources
from matstudio.recording.tally import Tally, total
from matstudio.recording.writer import SessionWriter
from matstudio.session.layout import signature
from matstudio.session.reader import Session
from matstudio.session.recovery import clear_write_flag

log = logging.getLogger(__name__)
FIRST_FRAMES_S = 3.0  # how long a file waits for the first frame of every stream: a ring holds as many seconds
_NEXT = "the recording goes on in the next file"
_WHOLE_RING = 1 << 20  # frames; more than any ring holds


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


@dataclass(frozen=True)
class Left:
    """What an earlier recorder of a run left when it ended.

    Args:
        wanted: the path that it was recording to; None where the recording had been stopped.
        notes: one line about each file that was open.
        boot: of the device that it recorded last, as `Description.state` has it.
        last: number of the last frame in its files, by stream.
    """

    wanted: Path | None
    notes: tuple[str, ...] = ()
    boot: object = None
    last: Mapping[str, int] = field(default_factory=dict)


def left_behind(run: Run) -> Left | None:
    """What an earlier recorder of this run left, with its files opening plainly again; None: nothing was recorded."""
    try:
        note = json.loads(note_path(run).read_text())
        wanted = Path(note["wanted"]) if note["wanted"] else None
        files = [Path(f) for f in note["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    notes, boot, last = [], None, {}
    for file in files:
        if not file.exists():
            notes.append(f"the recorder had died before {file.name} was there")
            continue
        try:
            if clear_write_flag(file):
                notes.append(f"the recorder had died; {file.name} was recovered up to its last flush")
            with Session.open(file) as session:
                boot = session.description.state.get("boot")
                last = {name: int(s.seq[-1]) for name, s in session.streams.items() if s.n}
        except ValueError as error:
            notes.append(f"the recorder had died, and its file could not be recovered: {error}")
    return Left(wanted, tuple(notes), boot, last)


class Recording:
    """Takes frames from the rings and hands them, with all else, to the thread that writes the file.

    A file has one layout. Where the device is restarted, a stream appears late or frames change their shape, the file
    is closed and the recording goes on in the next one (NAME-2.nxs). One thread calls everything; nothing waits.

    Args:
        run: whose recording it is.
        wanted: path of the first file; a file that exists is left alone and the next free name taken.
        describe: what the device answers to `describe`, or None as long as it has not; called again and again.
        readings: newest reading of each name, kept up to date by the caller.
        begin: where the device's rings are taken up, one of `sources`' words; those of a device that takes its place
            are taken from their first frame on.
        left: by an earlier recorder, whose recording this one goes on with: from its last frame on, if it is the same
            life of the device.
    """

    def __init__(
        self,
        run: Run,
        wanted: Path,
        describe: Callable[[], Description | None],
        readings: Mapping[str, Reading],
        begin: str = NEWEST,
        left: Left | None = None,
    ) -> None:
        self.run = run
        self.since = run.clock.now()
        self.path = new_path(wanted)
        self._wanted = wanted
        self._left = left
        self._begin = begin
        self._notes = list(left.notes) if left else []
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
        self._tally = Tally()  # of the file that is written, or comes next
        self._tallies = [self._tally]
        self._leave_note(self._wanted)

    @property
    def paths(self) -> list[Path]:
        """The files of this recording."""
        return [f.path for f in self._files]

    @property
    def bytes(self) -> int:
        """Size of its files."""
        return sum(f.size for f in self._files)

    @property
    def error(self) -> str:
        """Why a file could not be written, or ""."""
        return next((f.error for f in self._files if f.error), "")

    @property
    def removed(self) -> Path | None:
        """The file that is being written, where somebody has removed or renamed it."""
        return self._file.path if self._file is not None and self._file.removed else None

    def counts(self) -> dict[str, dict[str, int]]:
        """What became of the frames of each stream; see `Tally`."""
        return total(tally.counts() for tally in self._tallies)

    def step(self) -> None:
        """Take what the rings and the audit log have."""
        if self._sources is None:
            self._find_device()
        if self._sources is not None:
            self._take(self._sources)
        if self._file is not None:
            for line in self._audit.lines():
                self._file.put("events", lambda w, line=line: w.add_event(line))  # type: ignore[misc]

    def check_device(self) -> None:
        """Where the device ended or was restarted, close the file; the next begins when the device answers."""
        if self._sources is not None and self._sources.replaced():
            log.info("the device ended or was restarted")
            self._end_sources(self._sources, _NEXT)

    def add_readings(self, readings: tuple[Reading, ...]) -> None:
        """Process values as the device published them; one that has not changed since is left out."""
        new = [r for r in readings if self._written.get(r.name) != r]
        if self._file is not None and new:
            self._written.update({r.name: r for r in new})
            self._file.put("readings", lambda w: w.add_readings(new))

    def add_estimate(self, estimate: Estimate) -> None:
        """What an inverse model said."""
        if self._file is not None:
            nbytes = sum(a.nbytes for a in estimate.arrays.values())
            self._file.put(f"estimates of {estimate.stream}", lambda w: w.add_estimate(estimate), nbytes)

    def add_state(self, state: MaterialState) -> None:
        """What fusion said."""
        if self._file is not None:
            self._file.put("states", lambda w: w.add_state(state))

    def finish(self, why: str, *, stopped: bool = True) -> None:
        """Take what is left and have the file closed; returns at once. A recording that was not `stopped` is gone on
        with by the next recorder of the run."""
        if self._finished:
            return
        self.step()
        self._finished = True
        if self._sources is not None:
            self._end_sources(self._sources, why)
        self._end_file(why)
        self._leave_note(None if stopped else self._wanted)

    def join(self, seconds: float | None = None) -> bool:
        """Wait until the files are closed; whether they are."""
        return all([f.join(seconds) for f in self._files])

    def _leave_note(self, wanted: Path | None) -> None:
        note = {"wanted": str(wanted) if wanted else None, "files": [str(p) for p in self.paths]}
        new = note_path(self.run).with_suffix(".new")
        try:
            new.write_text(json.dumps(note))
            new.replace(note_path(self.run))
        except OSError as error:
            log.error("%s: %s; after a crash the recording will not go on", new, error.strerror)

    def _find_device(self) -> None:
        description = self._describe()
        if description is not None:
            begin: str = self._begin
            last: Mapping[str, int] = {}
            if self._left is not None and self._left.last:
                boot = description.state.get("boot")
                if boot is None:  # nobody knows whether these are the same numbers
                    begin = NEWEST
                elif boot == self._left.boot:
                    last = self._left.last
                else:
                    begin = ALL
            self._begin, self._left = ALL, None
            self._sources = Sources(description, begin, last)
            self._tally.know(self._sources.streams)
            self._early_until = time.monotonic() + FIRST_FRAMES_S

    def _take(self, sources: Sources, most: int = 64) -> None:
        for frame, lost in sources.take(most):
            if self._file is not None and self._signatures.get(frame.stream) != signature(frame):
                log.info("stream %s is new or has changed: next file", frame.stream)
                self._end_file(_NEXT)
                self._early_until = time.monotonic() + FIRST_FRAMES_S
            if self._file is None:
                self._forget_others(frame)
            self._tally.came(frame.stream, lost)
            missed = self._tally.dropped(frame.stream)
            if self._file is None:
                self._early.append((frame, missed))
            else:
                self._file.put_frame(frame, missed)
        if self._early:
            seen = {frame.stream for frame, _ in self._early}
            if seen == set(sources.streams) or time.monotonic() > self._early_until:
                self._begin_file(sources)

    def _forget_others(self, frame: Frame) -> None:
        """Drop what waits for the next file and has another layout than a frame that came later."""
        own = signature(frame)
        for other in [f for f, _ in self._early if f.stream == frame.stream and signature(f) != own]:
            self._tally.refused(other.stream)
            self._early = [pair for pair in self._early if pair[0] is not other]

    def _begin_file(self, sources: Sources) -> None:
        early, self._early = self._early, []
        first = {frame.stream: (frame, missed) for frame, missed in reversed(early)}
        frames, missed = [f for f, _ in first.values()], {name: n for name, (_, n) in first.items()}
        self._signatures = {f.stream: signature(f) for f in frames}
        path = self.path if not self._files else new_path(self._wanted, self.paths)
        self.path = path
        self._written = dict(self._readings)
        part = len(self._files) + 1
        facts = {"id": self.run.id, "instrument": self.run.instrument, "options": self.run.options, "part": part}
        readings = tuple(self._written.values())

        def make() -> SessionWriter:
            return SessionWriter(path, sources.description, self.run.clock, frames, readings, facts, missed)

        file = self._file = FileThread(path, make, self._tally)
        self._files.append(file)
        self._leave_note(self._wanted)
        for note in self._notes:
            file.put("notes", lambda w, note=note: w.add_note("recording", note))  # type: ignore[misc]
        self._notes = []
        self._audit = AuditTail(self.run.audit_path)
        for frame, n in early:
            if first[frame.stream][0] is not frame:
                file.put_frame(frame, n)
        log.info("writing %s: %s", path, ", ".join(first))

    def _end_file(self, why: str) -> None:
        if self._file is not None:
            self._file.finish(why)
            self._file = None
            self._tally = Tally()
            self._tallies.append(self._tally)

    def _end_sources(self, sources: Sources, why: str) -> None:
        """Take all that the rings still hold, and let go of them."""
        self._take(sources, _WHOLE_RING)
        if self._early:
            self._begin_file(sources)
        self._end_file(why)
        sources.close()
        self._sources = None
