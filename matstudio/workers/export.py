"""Writes structures to files in a process of their own, watched by a thread."""

from __future__ import annotations

import queue
import subprocess
import sys
import tempfile
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal

from matstudio.domain.structure import SiteModel
from matstudio.session.structure_file import pack

LONGEST_S = 300.0
COMMAND = ("-m", "matstudio.session.structure_file")


class StructureExport(QThread):
    """One file after another; the thread begins with the first and ends with `stop`.

    Signals:
        written (path, error): `error` is one line, or "".
    """

    written = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("structure export")
        self._jobs: queue.SimpleQueue[tuple[SiteModel, Path] | None] = queue.SimpleQueue()
        self._stopped = False

    def write(self, model: SiteModel, path: Path) -> None:
        """Write CIF or extended XYZ, by the suffix of the path."""
        self._jobs.put((model, path))
        if not self.isRunning():
            self.start()

    def stop(self) -> None:
        """End the thread; a file that is not finished does not appear."""
        self._stopped = True
        self._jobs.put(None)
        self.wait()

    def run(self) -> None:
        """Body of the thread."""
        while (job := self._jobs.get()) is not None and not self._stopped:
            model, path = job
            try:
                error = self._one(model, path)
            except OSError as failure:
                error = failure.strerror or str(failure)
            self.written.emit(path, error)

    def _one(self, model: SiteModel, path: Path) -> str:
        with tempfile.TemporaryDirectory(prefix="matstudio-") as folder:
            source = Path(folder) / "sites.npz"
            pack(model, source)
            command = [sys.executable, *COMMAND, str(source), str(path)]
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            left = LONGEST_S
            while True:
                try:
                    _, told = child.communicate(timeout=0.2)
                except subprocess.TimeoutExpired:
                    left -= 0.2
                    if self._stopped or left <= 0:
                        child.kill()
                        child.communicate()
                        return "stopped" if self._stopped else f"not written within {LONGEST_S:g} s"
                    continue
                return "" if child.returncode == 0 else (told.strip().splitlines() or ["it was not written"])[-1]
