"""Runs jobs as child processes in the background, watched by a thread each."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal

from matstudio.bus.processes import ONE_THREAD
from matstudio.workers.job import Event, Job, State, Work

log = logging.getLogger(__name__)
POLL_S = 0.1
CANCEL_S, CLOSE_S = 30.0, 5.0
"""How long a job that was interrupted may take to keep what it has done: when it is cancelled, and when the window is
closed."""
INTERRUPTED = 130
KEPT = 200
_LONGEST = 1 << 16
_BACKGROUND = ("-m", "matstudio.bus.background") if os.name == "posix" else ()


class Runner(QThread):
    """Runs one job; the thread ends with it.

    Attributes:
        trace: where an error of this program came from, or "". said: what the job wrote to stdout, its beginning.
    """

    progressed = Signal(int, str, int, int)
    """Its number, what it is at, steps done, and how many there are."""
    ended = Signal(int, object, str)
    """Its number, an `Event`, and one line: what it said at last, or why it failed."""

    def __init__(self, id: int, work: Work, folder: Path | None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"job {work.title}")
        self._id, self._work, self._folder = id, work, folder
        self._asked = threading.Event()
        self._until = float("inf")
        self.trace = self.said = ""

    def cancel(self, patience_s: float = CANCEL_S) -> None:
        """Interrupt the job, and kill it when it is not over within so many seconds."""
        self._until = min(self._until, time.monotonic() + patience_s)
        self._asked.set()

    def run(self) -> None:
        """Body of the thread."""
        try:
            with tempfile.TemporaryDirectory(prefix="job-", dir=self._folder, ignore_cleanup_errors=True) as folder:
                event, line = self._run(Path(folder))
        except (OSError, ValueError) as error:
            event, line = Event.FAIL, str(getattr(error, "strerror", None) or error)
        except Exception as error:  # noqa: BLE001  a job is a guest of the window: without it the rest goes on
            self.trace = traceback.format_exc()
            event, line = Event.FAIL, f"{type(error).__name__}: {error}"
        self.ended.emit(self._id, event, " ".join(line.split()))

    def _run(self, folder: Path) -> tuple[Event, str]:
        command = [sys.executable, *_BACKGROUND, *self._work.command(folder)]
        said = folder / "stderr"
        with open(folder / "stdout", "wb") as out, open(said, "wb") as err:
            child = _start(command, out.fileno(), err.fileno())
        give_up = time.monotonic() + self._work.limit_s
        late, interrupted = "", False
        with open(said, "rb") as file:
            tail = Tail()
            try:
                while not _over(child):
                    if self._asked.wait(0 if interrupted else POLL_S) and not interrupted:
                        interrupted = True
                        _interrupt(child)
                    elif interrupted:
                        time.sleep(POLL_S)
                    self._tell(tail, file.read(_LONGEST))
                    now = time.monotonic()
                    if now > give_up:
                        late = f"given up: not over within {self._work.limit_s:g} s"
                    elif now > self._until:
                        late = "killed before it had stopped by itself"
                    if late:
                        break
            finally:
                _kill(child)
                code = child.wait()
            while data := file.read(_LONGEST):
                self._tell(tail, data)
        with open(folder / "stdout", "rb") as file:
            self.said = file.read(_LONGEST).decode(errors="replace")
            self._tell(tail, b"\n")
        return _outcome(code, late, tail.line)

    def _tell(self, tail: Tail, data: bytes) -> None:
        progress = tail.take(data)
        if progress is not None:
            self.progressed.emit(self._id, *progress)


class Tail:
    """Reads what a job says, piece by piece: lines of JSON with its progress, and others.

    Attributes:
        line: the last other line that was not empty.
    """

    def __init__(self) -> None:
        self.line = ""
        self._rest = b""

    def take(self, data: bytes) -> tuple[str, int, int] | None:
        """The last progress (part, done, total) in a further piece, or None."""
        *lines, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        self._rest = self._rest[-_LONGEST:]
        found = None
        for raw in lines:
            text = raw.decode(errors="replace").strip()
            progress = _progress(text)
            if progress is not None:
                found = progress
            elif text:
                self.line = text[:500]
        return found


def _progress(text: str) -> tuple[str, int, int] | None:
    """Part, done, total of `{"progress": {"input": TITLE, "done": n, "total": m}}`; None where it is none."""
    if not text.startswith("{"):
        return None
    try:
        told = json.loads(text)["progress"]
        part, done, total = str(told.get("input", "")), int(told["done"]), int(told["total"])
    except (ValueError, OverflowError, RecursionError, KeyError, TypeError, AttributeError):
        return None
    return (part[:200], done, total) if 0 <= done <= total < 2**31 else None


def _outcome(code: int, late: str, line: str) -> tuple[Event, str]:
    if late:
        return Event.FAIL, late
    if code == 0:
        return Event.SUCCEED, line
    if code in (INTERRUPTED, -signal.SIGINT):
        return Event.INTERRUPT, ""
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return Event.FAIL, f"its process was ended from outside ({name})"
    return Event.FAIL, re.sub(r"^matstudio( \w+)?: ", "", line) or f"it ended with exit code {code} and said nothing"


def _start(command: list[str], out: int, err: int) -> subprocess.Popen[bytes]:
    env = os.environ | ONE_THREAD
    if os.name == "posix":
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, start_new_session=True
        )
    flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, creationflags=flags)


def _over(child: subprocess.Popen[bytes]) -> bool:
    """Whether a child has ended; its number is not free for others until `wait`."""
    if os.name == "posix":
        return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return child.poll() is not None


def _interrupt(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGINT if os.name == "posix" else getattr(signal, "CTRL_BREAK_EVENT", 1))


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End what is left of a child and of its own children."""
    if os.name == "posix":
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            child.kill()
    else:
        child.kill()


class Jobs(QObject):
    """All jobs of a window: the light ones run at once, the others one after another.

    Args:
        folder: where a running job has its files; default: the system's.
        now: real time in seconds; for tests.
    """

    changed = Signal(object)
    """A `Job` of which something is new."""

    def __init__(
        self, folder: Path | None = None, parent: QObject | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(parent)
        self._folder, self._now = folder, now
        self._jobs: dict[int, Job] = {}
        self._runners: dict[int, Runner] = {}
        self._then: dict[int, Callable[[Job], object]] = {}
        self._number = 0
        self._stopped = False

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Every job that is known, the newest first."""
        return tuple(reversed(self._jobs.values()))

    @property
    def active(self) -> tuple[Job, ...]:
        """Those that are not over."""
        return tuple(job for job in self.jobs if not job.over)

    def start(self, work: Work, then: Callable[[Job], object] | None = None) -> int:
        """Begin a job, now or when those before it are over; `then` is called with it when it is over. Returns its
        number."""
        self._number += 1
        job = Job(self._number, work)
        if then is not None:
            self._then[job.id] = then
        self._set(job)
        self._next()
        return job.id

    def job(self, id: int) -> Job | None:
        """A job by its number; None where it is not known any more."""
        return self._jobs.get(id)

    def own(self, id: int) -> bool:
        """Whether whoever started it tells of its end."""
        return id in self._then

    def cancel(self, id: int) -> None:
        """Cancel a job; one that runs is interrupted and keeps what it has done. One that was cancelled already is
        killed."""
        job = self._jobs.get(id)
        if job is None or job.over:
            return
        if job.state is State.STOPPING:
            self._runners[id].cancel(0.0)
            return
        self._set(job.after(Event.CANCEL, self._now(), ""))
        if id in self._runners:
            self._runners[id].cancel()

    def forget(self) -> None:
        """Forget those that are over."""
        self._jobs = {id: job for id, job in self._jobs.items() if not job.over}

    def stop(self) -> None:
        """Cancel all and wait until no process is left; tells nobody."""
        self._stopped = True
        for runner in self._runners.values():
            runner.cancel(CLOSE_S)
        for runner in self._runners.values():
            runner.wait()
        self._runners.clear()

    def _set(self, job: Job) -> None:
        self._jobs[job.id] = job
        if job.over:
            finished = [j.id for j in self._jobs.values() if j.over]
            for old in finished[:-KEPT]:
                del self._jobs[old]
        self.changed.emit(job)
        if job.over and (then := self._then.pop(job.id, None)) is not None and not self._stopped:
            then(job)

    def _next(self) -> None:
        """Start those whose turn it is."""
        heavy = any(not self._jobs[id].work.light for id in self._runners)
        for job in list(self._jobs.values()):
            if job.state is not State.WAITING or self._stopped or (heavy and not job.work.light):
                continue
            heavy = heavy or not job.work.light
            runner = self._runners[job.id] = Runner(job.id, job.work, self._folder, self)
            runner.progressed.connect(self._progressed)
            runner.ended.connect(self._ended)
            self._set(job.after(Event.START, self._now()))
            runner.start()

    def _progressed(self, id: int, part: str, done: int, total: int) -> None:
        job = self._jobs.get(id)
        if job is not None and not self._stopped:
            self._set(job.progressed(part, done, total, self._now()))

    def _ended(self, id: int, event: Event, line: str) -> None:
        runner = self._runners.pop(id, None)
        if runner is None or self._stopped:
            return
        runner.wait()
        runner.deleteLater()
        if runner.trace:
            log.error("%s: %s", self._jobs[id].work.title, runner.trace)
        job = replace(self._jobs[id].after(event, self._now(), line), said=runner.said)
        if job.state is State.DONE and job.work.summary is not None:
            with contextlib.suppress(ValueError):
                job = replace(job, line=job.work.summary(job.said))
        self._set(job)
        self._next()
