"""Writes pictures and frames to files in a thread of its own."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QBuffer, QObject, QThread, Signal
from PySide6.QtGui import QImage

from matstudio.domain.frame import Frame
from matstudio.recording import exports
from matstudio.recording.single import put

NICE = 5


class Snapshots(QThread):
    """One file after another; the thread begins with the first and ends with `stop`, which waits for all of them.

    Signals:
        written (path, error): `error` is one line, or "".
    """

    written = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("snapshots")
        self._jobs: queue.SimpleQueue[tuple[Path, Callable[[], None]] | None] = queue.SimpleQueue()

    def picture(self, path: Path, image: QImage) -> None:
        """Write a picture as PNG."""
        self._put(path, lambda: _png(path, image))

    def data(self, path: Path, frame: Frame) -> None:
        """Write a frame in the format that the ending of the path names; see `exports.write`."""
        self._put(path, lambda: exports.write(path, frame))

    def file(self, path: Path, write: Callable[[], None]) -> None:
        """Call what writes a file to that path; it raises OSError or ValueError where it cannot."""
        self._put(path, write)

    def stop(self) -> None:
        """End the thread once what was asked for is written; returns when it has ended."""
        self._jobs.put(None)
        self.wait()

    def run(self) -> None:
        """Body of the thread."""
        if sys.platform == "linux":  # control and window come first
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while (job := self._jobs.get()) is not None:
            path, write = job
            self.written.emit(path, _try(write))

    def _put(self, path: Path, write: Callable[[], None]) -> None:
        self._jobs.put((path, write))
        if not self.isRunning():
            self.start()


def _try(write: Callable[[], None]) -> str:
    """What went wrong, in one line, or ""."""
    try:
        write()
    except OSError as error:
        return error.strerror or " ".join(str(error).split())
    except Exception as error:  # noqa: BLE001  the border to the libraries that write files: one line instead
        return " ".join(f"{type(error).__name__}: {error}".split()) if not isinstance(error, ValueError) else str(error)
    return ""


def _png(path: Path, image: QImage) -> None:
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    if not image.save(buffer, "PNG"):  # type: ignore[call-overload]
        raise OSError("the picture cannot be written as PNG")
    put(path, bytes(buffer.data().data()))
