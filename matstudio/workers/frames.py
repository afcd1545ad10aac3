"""Frames from the rings to the window: newest wins, and never more than one waits."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QThread, Signal

from matstudio.bus.ring import RingError, RingReader
from matstudio.domain.device import Stream
from matstudio.domain.frame import Frame

PERIOD_S = 1 / 30
LAG_S, REST, LONGEST_REST_S = 0.05, 4.0, 0.5  # a window that took longer than this to take a frame is left in peace


@dataclass(frozen=True)
class StreamStats:
    """What became of a stream's frames since the window attached to it: `received` = `shown` + `skipped`.

    Args:
        received: frames that the device wrote, from the newest one at the time on; one that waits for the window,
            because it has not drawn the one before, counts when it is taken.
        shown: frames handed to the view.
        skipped: frames passed over, because a newer one was there or the views were paused.
        rate_received, rate_shown: frames per second of real time, over the last seconds.
    """

    received: int = 0
    shown: int = 0
    skipped: int = 0
    rate_received: float = 0.0
    rate_shown: float = 0.0


class Tap:
    """One stream's ring as the window sees it. Belongs to one thread."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._ring: RingReader | None = None
        self._before = 0
        self._first = 0
        self.shown = 0
        self._marks: list[tuple[float, int, int]] = []

    def newest(self) -> Frame | None:
        """The newest frame, or None where nothing new came. Attaches again to a ring that was replaced."""
        if self._ring is not None and self._ring.replaced():
            self.close()
        if self._ring is None:
            with contextlib.suppress(FileNotFoundError, RingError):
                self._ring = RingReader(Path(self.stream.ring))
                self._first = max(self._ring.written - 1, 0)
                self._ring.position = self._first
            if self._ring is None:
                return None
        frame = self._ring.newest()
        if frame is not None:
            self.shown += 1
        return frame

    def skip(self) -> None:
        """Pass over all frames but the newest, which stays there to be taken later."""
        if self._ring is not None and not self._ring.replaced():
            self._ring.position = max(self._ring.position, self._ring.written - 1)

    def stats(self, now: float) -> StreamStats:
        """Counts, and rates over the last 3 s; `now` is real time in seconds."""
        written = self._before + (self._ring.written - self._first if self._ring is not None else 0)
        self._marks = [m for m in self._marks if now - m[0] <= 3.0][-60:]
        self._marks.append((now, written, self.shown))
        start, got, shown = self._marks[0]
        span = now - start
        rates = ((written - got) / span, (self.shown - shown) / span) if span > 0.2 else (0.0, 0.0)
        received = self._received()
        return StreamStats(received, self.shown, received - self.shown, *rates)

    def close(self) -> None:
        """Let go of the ring; the counts stay."""
        if self._ring is not None:
            self._ring.position = self._ring.written  # what was not taken until now never will be
            self._before = self._received()
            self._ring.close()
            self._ring = None

    def _received(self) -> int:
        return self._before + (self._ring.position - self._first if self._ring is not None else 0)


class FrameWorker(QThread):
    """Drains the rings of all streams in one thread, at most 30 times a second.

    `frame` is emitted in the thread that made the worker, one in each turn of its event loop, so that what the operator
    does comes in between. A stream's next frame is read only after its last one was delivered, so that a window that is
    late skips frames and never queues them; one that is later than `LAG_S` gets none for a while.
    """

    frame = Signal(object)
    """A `Frame`."""
    stats = Signal(object)
    """Twice a second: stream name -> `StreamStats`."""
    _ready = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("frames")
        self._lock = threading.Lock()
        self._halt = threading.Event()
        self._streams: tuple[Stream, ...] = ()
        self._paused = False
        self._waiting: dict[str, Frame] = {}
        self._told_at, self._rests_until = 0.0, 0.0
        self._ready.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def set_streams(self, streams: tuple[Stream, ...]) -> None:
        """Which streams to read, from now on."""
        with self._lock:
            self._streams = streams

    def set_paused(self, paused: bool) -> None:
        """Let the frames pass, but for the newest, which is shown when the views go on."""
        with self._lock:
            self._paused = paused

    def run(self) -> None:
        """Body of the thread."""
        taps: dict[str, Tap] = {}
        told = 0.0
        try:
            while not self._halt.is_set():
                start = time.monotonic()
                with self._lock:
                    streams = self._streams
                    busy = set(taps) if start < self._rests_until else set(self._waiting)
                    paused = self._paused
                _follow(taps, streams)
                if paused:
                    for tap in taps.values():
                        tap.skip()
                    busy = set(taps)
                fresh = {name: f for name, tap in taps.items() if name not in busy and (f := tap.newest()) is not None}
                if fresh:
                    with self._lock:
                        quiet = not self._waiting
                        self._waiting |= fresh
                        if quiet:
                            self._told_at = time.monotonic()
                    if quiet:
                        self._ready.emit()
                if start - told >= 0.5:
                    told = start
                    self.stats.emit({name: tap.stats(start) for name, tap in taps.items()})
                self._halt.wait(max(0.001, PERIOD_S - (time.monotonic() - start)))
        finally:
            for tap in taps.values():
                tap.close()

    def stop(self) -> None:
        """End the thread; returns when it has ended."""
        self._halt.set()
        self.wait()
        self._waiting.clear()

    def _deliver(self) -> None:
        with self._lock:
            name = next(iter(self._waiting), None)
            frame = None if name is None else self._waiting[name]
            now = time.monotonic()
            if (lag := now - self._told_at) > LAG_S:
                self._rests_until = now + min(REST * lag, LONGEST_REST_S)
        if name is None:
            return
        if not self._halt.is_set():
            self.frame.emit(frame)
        with self._lock:
            self._waiting.pop(name, None)
            more = bool(self._waiting)
            self._told_at = time.monotonic()
        if more:
            self._ready.emit()


def _follow(taps: dict[str, Tap], streams: tuple[Stream, ...]) -> None:
    """Make `taps` hold exactly `streams`."""
    wanted = {s.name: s for s in streams}
    for name in [n for n, tap in taps.items() if wanted.get(n) is None or wanted[n].ring != tap.stream.ring]:
        taps.pop(name).close()
    for name, stream in wanted.items():
        if name in taps:
            taps[name].stream = stream
        else:
            taps[name] = Tap(stream)
