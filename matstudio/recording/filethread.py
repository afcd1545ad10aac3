"""The thread that writes one session file, so that a slow disk holds up neither commands nor the rings."""

from __future__ import annotations

import logging
import os
import queue
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

from matstudio.recording.writer import SessionWriter

log = logging.getLogger(__name__)
BACKLOG_BYTES = 256 * 1024 * 1024  # half a minute of the default streams
FLUSH_S = 1.0
SYNC_S = 10.0
unclosed: list[Path] = []
"""Files that HDF5 could not close. It tries again when the interpreter ends, and crashes then (seen with HDF5 2.0)."""
Job = Callable[[SessionWriter], None]


class FileThread:
    """Makes a session file, writes to it what `put` brings, flushes every second, syncs every ten and closes it.

    Args:
        make: makes the writer; called in the thread.

    After the first error nothing more is written; `error` holds its one line and what comes is refused.
    """

    def __init__(self, path: Path, make: Callable[[], SessionWriter]) -> None:
        self.path = path
        self.error = ""
        self._make = make
        self._jobs: queue.SimpleQueue[tuple[Job, int] | None] = queue.SimpleQueue()
        self._backlog = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"write {path.name}")
        self._thread.start()

    def put(self, job: Job, nbytes: int = 0) -> bool:
        """Have `job` called with the writer; False where 256 MB wait already or writing has failed."""
        with self._lock:
            if self.error or self._backlog + nbytes > BACKLOG_BYTES:
                return False
            self._backlog += nbytes
        self._jobs.put((job, nbytes))
        return True

    def finish(self) -> None:
        """Close the file once all that waits is written; returns at once."""
        self._jobs.put(None)

    def join(self, seconds: float | None = None) -> bool:
        """Wait for the end; whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        """Whether the file is still open."""
        return self._thread.is_alive()

    def _run(self) -> None:
        writer: SessionWriter | None = None
        try:
            writer = self._make()
            self._write(writer)
        except Exception as error:  # noqa: BLE001  border: HDF5 raises OSError, RuntimeError, ValueError
            self._fail(error)
        if writer is None:
            return
        try:
            writer.close(f"recording failed: {self.error}" if self.error else "file closed")
        except Exception as error:  # noqa: BLE001
            self._fail(error)
            unclosed.append(self.path)

    def _fail(self, error: Exception) -> None:
        with self._lock:
            self.error = self.error or brief(error)
        log.error("%s: %s", self.path, " ".join(str(error).split()))

    def _write(self, writer: SessionWriter) -> None:
        flush_at, sync_at = time.monotonic() + FLUSH_S, time.monotonic() + SYNC_S
        while True:
            try:
                job = self._jobs.get(timeout=max(0.0, flush_at - time.monotonic()))
            except queue.Empty:
                pass
            else:
                if job is None:
                    return
                job[0](writer)
                with self._lock:
                    self._backlog -= job[1]
            now = time.monotonic()
            if now >= flush_at:
                writer.flush()
                flush_at = now + FLUSH_S
            if now >= sync_at:
                writer.sync()
                sync_at = now + SYNC_S


def brief(error: Exception) -> str:
    """The one line of an error that matters to the operator; HDF5's go on for several."""
    number = getattr(error, "errno", None) or next((int(n) for n in re.findall(r"errno = (\d+)", str(error))), None)
    if number:
        return os.strerror(number)
    return " ".join(str(error).split()) or type(error).__name__
