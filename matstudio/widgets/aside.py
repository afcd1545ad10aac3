"""Work that the window does not wait for: one piece at a time, in a thread that ends with it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
NICE = 5


@dataclass(frozen=True)
class Done(Generic[T]):
    """What became of a piece of work: its value, or None and what went wrong in one line; and how much time of a
    processor it took, s."""

    value: T | None
    error: str
    seconds: float


class Aside(Generic[T]):
    """Belongs to one thread, which asks it what is done; nothing of Qt happens in the other."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._done: Done[T] | None = None

    @property
    def busy(self) -> bool:
        """Whether a piece of work goes on."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, work: Callable[[], T]) -> None:
        """Begin; not while busy."""
        if self.busy:
            raise RuntimeError("one piece of work at a time")
        self._done = None
        self._thread = threading.Thread(target=self._run, args=(work,), name="measures", daemon=True)
        self._thread.start()

    def take(self) -> Done[T] | None:
        """What was done since the last call, or None."""
        if self.busy:
            return None
        done, self._done = self._done, None
        return done

    def _run(self, work: Callable[[], T]) -> None:
        if sys.platform == "linux":  # control and window come first
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        start = time.thread_time()
        try:
            value, error = work(), ""
        except Exception as failure:  # noqa: BLE001  the border of the thread: what goes wrong is shown
            value, error = None, " ".join(f"{type(failure).__name__}: {failure}".split())
        self._done = Done(value, error, time.thread_time() - start)
