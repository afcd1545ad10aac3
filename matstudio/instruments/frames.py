"""Where a device's frames are made: in a thread beside its loop, or in a process of their own.

The thread shares the interpreter with the loop, which waits when the system sets the thread aside while it holds it.
That delays a device that is only looked at; one that takes setpoints has a process make its frames. The loop, which
made the rings and holds their locks, writes one line of JSON for each frame that is due to the process' standard input,
and reads one from its standard output when the frame is in its ring; none of it waits.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from matstudio.bus import processes
from matstudio.bus.ring import JoinedRing, RingWriter
from matstudio.bus.rundir import Run
from matstudio.domain.frame import Frame

log = logging.getLogger(__name__)

Job = Callable[[], Frame | None]
Order = Mapping[str, Any]

START_S = 60.0  # so long the process may take until it is ready, on a machine that has much to do
HANG_S = 5.0  # so long for a frame
STARTS, WITHIN_S = 5, 60.0
_CLOSE_S = 2.0


class Frames(Protocol):
    """Makes frames and writes them into their rings. The loop's thread calls everything, nothing waits but `close`.

    `errors` holds one line for each way in which frames were lost.
    """

    errors: set[str]

    def look(self, wanted: bool = True) -> None:
        """To be called at every turn of the loop; `wanted`: whether any of its streams has a rate."""
        ...

    def busy(self, stream: str) -> bool:
        """Whether the stream's next frame cannot be begun yet."""
        ...

    def begin(self, stream: str, what: Any) -> None:
        """Begin a frame of a stream that is not busy; `what` is what the source gave for it."""
        ...

    def close(self) -> None:
        """Wait for the frame that is being made, and end."""
        ...


class FrameThread:
    """Makes frames in a thread; takes `Job`s, which touch nothing that the loop changes."""

    def __init__(self, rings: Mapping[str, RingWriter]) -> None:
        self.errors: set[str] = set()
        self._rings = rings
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="frames")
        self._jobs: dict[str, Future[None]] = {}

    def look(self, wanted: bool = True) -> None:
        """Nothing to look after."""

    def busy(self, stream: str) -> bool:
        """Whether the stream's last frame is still being made."""
        return stream in self._jobs and not self._jobs[stream].done()

    def begin(self, stream: str, what: Job) -> None:
        """Let the thread make a frame."""
        self._jobs[stream] = self._worker.submit(self._make, stream, what)

    def close(self) -> None:
        """Wait for the frame that is being made."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _make(self, stream: str, job: Job) -> None:
        _make(self._rings[stream], stream, job, self.errors)


class FrameProcess:
    """Has a process make the frames; takes `Order`s: what JSON can hold, at most 4 kB, with the stream as "stream".

    A process that ends, or takes more than 5 s for a frame, is ended and started again, five times a minute at most;
    the orders that it had are lost, which shows as a gap in `seq`. The rings stay.

    Args:
        module: calls `main` of this module; started as `python -m module RUN_DIRECTORY`.
        run: whose run directory.
        rings: by stream; the process joins them.
        name: of the process, in its messages.
    """

    def __init__(self, module: str, run: Run, rings: Mapping[str, RingWriter], name: str = "frames") -> None:
        self.errors: set[str] = set()
        self._module, self._run, self._name = module, run, name
        self._rings = {name: str(ring.path) for name, ring in rings.items()}
        self._child: subprocess.Popen[bytes] | None = None
        self._orders = self._answers = -1  # its pipes
        self._starts: deque[float] = deque(maxlen=STARTS)
        self._ready = self._hung = False
        self._since = 0.0  # of its last sign of life
        self._waiting: set[str] = set()
        self._read = b""

    def look(self, wanted: bool = True) -> None:
        """Take the answers that have come; start the process where there is none, end it where it hangs or where no
        frame is wanted of it."""
        now = time.monotonic()
        if not wanted:
            if self._child is not None:
                self._child.kill()
                self.close()
            return
        if self._child is None:
            if len(self._starts) < STARTS or now - self._starts[0] >= WITHIN_S:
                self._start(now)
            return
        self._take(now)
        if self._child.poll() is not None:
            self._lost(f"ended with {self._child.returncode}")
        elif not self._hung and (self._waiting or not self._ready):
            limit = HANG_S if self._ready else START_S
            if now - self._since > limit:
                self._hung = True
                self._child.kill()

    def busy(self, stream: str) -> bool:
        """Whether the process is not ready or has an order of this stream."""
        return not self._ready or stream in self._waiting

    def begin(self, stream: str, what: Order) -> None:
        """Send an order."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.add(stream)
        self._send(what)

    def close(self) -> None:
        """Let the process finish its frame, 2 s at most, and end."""
        if self._child is None:
            return
        try:
            self._child.communicate(timeout=_CLOSE_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.communicate()
        self._child, self._ready = None, False

    def _start(self, now: float) -> None:
        self._starts.append(now)
        try:
            self._child = start(self._module, self._run)
        except OSError as error:
            self.errors.add(f"{self._name}: their process cannot be started: {error.strerror}")
            return
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._orders, self._answers = self._child.stdin.fileno(), self._child.stdout.fileno()
        for pipe in (self._orders, self._answers):
            os.set_blocking(pipe, False)
        self._ready = self._hung = False
        self._since, self._read = now, b""
        self._waiting.clear()
        self._send(self._rings)

    def _send(self, message: Mapping[str, Any]) -> None:
        with contextlib.suppress(OSError):  # it has ended, or stands still, which `look` sees
            os.write(self._orders, json.dumps(message).encode() + b"\n")

    def _take(self, now: float) -> None:
        with contextlib.suppress(BlockingIOError):
            self._read += os.read(self._answers, 65536)
        *lines, self._read = self._read.split(b"\n")
        for stream, error in map(json.loads, lines):
            self._ready, self._since = True, now
            self._waiting.discard(stream)
            if error:
                self.errors.add(error)

    def _lost(self, how: str) -> None:
        limit = HANG_S if self._ready else START_S
        line = f"{self._name}: their process {f'gave none for {limit:g} s' if self._hung else how} and is started again"
        log.error("%s", line)
        self.errors.add(line)
        self.close()


def start(module: str, run: Run) -> subprocess.Popen[bytes]:
    """Start `python -m module RUN_DIRECTORY`, with pipes to and from it.

    It begins in the session of its device, which waits until the system has loaded it; in one of its own, of less
    weight, that could take long.
    """
    return subprocess.Popen(
        [sys.executable, "-m", module, str(run.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env=os.environ | processes.ONE_THREAD,
    )


def main(maker: Callable[[Sequence[str]], Callable[[Order], Frame | None]]) -> None:
    """Body of a process that makes frames, until its standard input ends or, on Linux, the device dies.

    Args:
        maker: called once with the names of the streams; returns what makes the frame of an order.
    """
    processes.die_with_parent()
    if hasattr(os, "setsid"):
        os.setsid()
    processes.limit_files()
    processes.set_priority(0)  # not the device's, which it has inherited
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    answers = os.dup(1)
    os.dup2(2, 1)  # what others print goes to the log
    rings = {name: JoinedRing(Path(path)) for name, path in json.loads(sys.stdin.readline() or "{}").items()}
    make = maker(tuple(rings))
    processes.settle()
    errors: set[str] = set()
    stream = line = ""
    with contextlib.suppress(BrokenPipeError):
        while True:
            os.write(answers, json.dumps((stream, line)).encode() + b"\n")
            order = sys.stdin.readline()
            if not order.endswith("\n"):
                break
            what = json.loads(order)
            stream = what["stream"]
            line = _make(rings[stream], stream, partial(make, what), errors)
    for ring in rings.values():
        ring.close()


def _make(ring: RingWriter, stream: str, job: Job, known: set[str]) -> str:
    """Make a frame and write it; why it is lost, in one line, or "". What is new is logged and noted in `known`."""
    try:
        frame = job()
        if frame is not None:
            ring.write(frame)
    except Exception as error:  # the border of the device: a lost frame is a gap, the loop goes on
        line = f"{stream}: {error}".splitlines()[0]
        if line not in known:
            known.add(line)
            log.exception("frame lost: %s", line)
        return line
    return ""
