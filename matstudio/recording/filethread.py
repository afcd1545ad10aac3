"""The thread that writes one session file, so that a slow disk holds up neither commands nor the rings."""

from __future__ import annotations

import errno
import logging
import os
import queue
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from matstudio.domain.frame import Frame
from matstudio.recording.tally import Tally
from matstudio.recording.writer import SessionWriter

log = logging.getLogger(__name__)
BACKLOG_BYTES = 256 * 1024 * 1024  # half a minute of the default streams
FLUSH_S = 0.25  # a recorder that is killed loses this and what a flush takes: on a busy machine less than a second
FIRST_FLUSH_S = 0.05  # what came while the file was made
SYNC_S = 10.0
unclosed: list[SessionWriter] = []
"""Writers of files that HDF5 could not close, or must not; it tries when the interpreter ends: see `__main__`."""
_NO_ROOM = (None, errno.ENOSPC, errno.EDQUOT)  # errors after which the reserve lets a file be closed in order
Job = Callable[[SessionWriter], None]


class FileThread:
    """Makes a session file, writes to it what `put` brings, flushes twice a second, syncs every ten and closes it.

    Args:
        make: makes the writer; called in the thread.
        tally: counts the file's frames; it counts those that the writer is made with as waiting.

    After the first error nothing more is written; `error` holds its one line and what comes is refused.
    """

    def __init__(self, path: Path, make: Callable[[], SessionWriter], tally: Tally) -> None:
        self.path = path
        self.error = ""
        self.tally = tally
        self.inode = 0  # of the file, once it is there
        self._make = make
        self._why = "file closed"
        self._jobs: queue.SimpleQueue[tuple[Job, int] | None] = queue.SimpleQueue()
        self._backlog = 0
        self._refused: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"write {path.name}")
        self._thread.start()

    def put(self, what: str, job: Job, nbytes: int = 0) -> bool:
        """Have `job` called with the writer; False where 256 MB wait already or writing has failed. How often `what`
        was refused stands in the file's last note."""
        with self._lock:
            if self.error or self._backlog + nbytes > BACKLOG_BYTES:
                self._refused[what] += 1
                return False
            self._backlog += nbytes
        self._jobs.put((job, nbytes))
        return True

    def put_frame(self, frame: Frame, missed: int) -> None:
        """Have a frame written that the tally counts as waiting; `missed` of its stream had been dropped before it."""

        def write(writer: SessionWriter) -> None:
            writer.add_frame(frame, missed)
            self.tally.written(frame.stream)

        if not self.put(f"frames {frame.stream}", write, frame.data.nbytes):
            self.tally.refused(frame.stream)

    def finish(self, why: str = "file closed") -> None:
        """Close the file once all that waits is written; returns at once."""
        self._why = why
        self._jobs.put(None)

    def join(self, seconds: float | None = None) -> bool:
        """Wait for the end; whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def size(self) -> int:
        """Bytes of the file; 0 while there is none."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    @property
    def removed(self) -> bool:
        """Whether the file was there and is gone, or is another one now."""
        try:
            return self.inode not in (0, self.path.stat().st_ino)
        except OSError:
            return self.inode != 0

    def _run(self) -> None:
        writer: SessionWriter | None = None
        try:
            writer = self._make()
            self.inode = writer.inode
            for stream, n in writer.frames.items():
                for _ in range(n):
                    self.tally.written(stream)
            self._write(writer)
        except Exception as error:  # noqa: BLE001  border: HDF5 raises OSError, RuntimeError, ValueError
            self._fail(error)
            if writer is not None and _number(error) not in _NO_ROOM:
                unclosed.append(writer)
                writer.abandon()
                self.tally.end(writer.flushed)
                return
        self.tally.end(writer.frames if writer else {})
        if writer is None:
            return
        try:
            why = f"recording failed: {self.error}" if self.error else self._why
            writer.close(why, {"counts": self.tally.counts(), "refused": dict(self._refused)})
        except Exception as error:  # noqa: BLE001
            self._fail(error)
            self.tally.end(writer.flushed)
            unclosed.append(writer)
        if self.removed:
            self._fail(FileNotFoundError("removed or renamed while it was recorded"))
            self.tally.end({})

    def _fail(self, error: Exception) -> None:
        with self._lock:
            self.error = self.error or brief(error)
        log.error("%s: %s", self.path, " ".join(str(error).split()))

    def _write(self, writer: SessionWriter) -> None:
        now = time.monotonic()
        flush_at, sync_at = now + FIRST_FLUSH_S, now + SYNC_S
        while True:
            now = time.monotonic()
            if now >= flush_at:
                writer.flush()
                flush_at = now + FLUSH_S
            if now >= sync_at:
                writer.sync()
                sync_at = now + SYNC_S
            if not self._next(writer, flush_at - time.monotonic()):
                return

    def _next(self, writer: SessionWriter, seconds: float) -> bool:
        """Do the next job that comes within `seconds`; False where it is the end."""
        try:
            job = self._jobs.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return True
        if job is not None:
            job[0](writer)
            with self._lock:
                self._backlog -= job[1]
        return job is not None


def _number(error: Exception) -> int | None:
    """The operating system's number of an error; HDF5 has it in its text."""
    number = getattr(error, "errno", None)
    return number or next((int(n) for n in re.findall(r"errno = (\d+)", str(error))), None)


def brief(error: Exception) -> str:
    """The one line of an error that matters to the operator; HDF5's go on for several."""
    number = _number(error)
    return os.strerror(number) if number else " ".join(str(error).split()) or type(error).__name__
