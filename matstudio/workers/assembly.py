"""A thread that lets the particles of the model problem run, and works out landscapes."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, QThread, Signal

from matstudio.dynamics.landscape import landscape
from matstudio.dynamics.live import LiveProblem
from matstudio.dynamics.score import Score
from matstudio.dynamics.wells import Energy

NICE = 5
TURN_S, STEPS = 0.08, 40


class AssemblyWorker(QThread):
    """Begins with the first request and ends with `stop`.

    Signals:
        shown (Shown): what the particles do now; while they run every 0.08 s, and after each change.
        found (Landscape): as asked for with `find`.
        learned (Score): as asked for with `read_score`.
        refused (str): why a request was not done, one line.
    """

    shown = Signal(object)
    found = Signal(object)
    learned = Signal(object)
    refused = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("assembly")
        self._requests: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._going = self._stopped = False

    def set_going(self, going: bool) -> None:
        """Let the particles run, or stand still."""
        self._ask(lambda: setattr(self, "_going", going))

    def change(self, energy: Energy, diffusion: float) -> None:
        """Let them feel another energy and heat."""
        self._ask(lambda: self._problem.change(energy, diffusion))

    def restart(self, start: str) -> None:
        """Put them at their first positions."""
        self._ask(lambda: self._problem.restart(start))

    def find(self, values: np.ndarray, errors: np.ndarray, most: float) -> None:
        """Work out a landscape; see `landscape.landscape`."""
        self._ask(lambda: self.found.emit(landscape(values, errors, most)))

    def read_score(self, path: Path) -> None:
        """Read the score in a file that `matstudio selfassembly --score --out` wrote."""
        self._ask(lambda: self.learned.emit(_score(path)))

    def stop(self) -> None:
        """End the thread, for good; returns when it has ended."""
        self._stopped = True
        self._requests.put(None)
        self.wait()

    def run(self) -> None:
        """Body of the thread."""
        if sys.platform == "linux":  # control and window come first
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        self._problem = LiveProblem()  # here: what it needs takes long to import
        while True:
            try:
                request = self._requests.get(timeout=TURN_S if self._going else None)
            except queue.Empty:
                self._problem.advance(STEPS)
                self.shown.emit(self._problem.shown())
                continue
            if request is None:
                return
            try:
                request()
                self.shown.emit(self._problem.shown())
            except (ValueError, OSError, KeyError) as error:
                self.refused.emit(" ".join(str(error).split()))

    def _ask(self, request: Callable[[], object]) -> None:
        if self._stopped:
            return
        self._requests.put(request)
        if not self.isRunning():
            self.start()


def _score(path: Path) -> Score:
    import h5py

    with h5py.File(path) as file:
        group = file["entry/score"]
        return Score(group["t"][()], group["x"][()], group["score"][()])
