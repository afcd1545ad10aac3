"""The window's end of a plugin's process: starts it, hears it, and starts it again or leaves it out."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

from matstudio.bus.rundir import Run
from matstudio.domain.device import Stream

log = logging.getLogger(__name__)
HOST = "matstudio.ui.guests.host"
LOOK_MS = 500
SILENT_S, MAKING_S, START_S = 5.0, 20.0, 60.0
"""How long a process may say nothing: at work, while it imports and makes a widget, while it starts."""
DEATHS, WITHIN_S = 3, 120.0
MOST_BYTES = 1 << 20
"""That a process may tell within a second."""
BUSY, BUSY_S = 0.8, 20.0
"""A process that uses more than this share of a core for so long is told of."""


class Guest(QObject):
    """A plugin's process. It is started when the first widget is asked of it.

    Signals:
        told (str): what became of it, one line.
        said (int, object): what it says of a widget, a map.
        restarted (): it is there again, and knows nothing.
        left_out (str): it died three times within two minutes, and is not started again; why.
    """

    told = Signal(str)
    said = Signal(int, object)
    restarted = Signal()
    left_out = Signal(str)

    def __init__(self, run: Run, plugin: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.run, self.plugin = run, plugin
        self.cpu = 0.0
        """Share of a core that it used in the last second."""
        self.state = "not started"
        self._process: QProcess | None = None
        self._deaths: deque[float] = deque(maxlen=DEATHS)
        self._limit, self._heard, self._why = START_S, 0.0, ""
        self._told_cpu, self._calm, self._busy_told = (0.0, 0.0), 0.0, False
        self._window, self._bytes = 0.0, 0
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self._look)

    @property
    def running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None

    def start(self) -> None:
        """Start the process."""
        process = QProcess(self)
        process.setStandardErrorFile(str(self.run.log_path(f"plugin-{self.plugin}")), QProcess.OpenModeFlag.Append)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._error)
        self._process, self.state, self._why = process, "starts", ""
        self._limit, self._heard = START_S, time.monotonic()
        self._calm, self._told_cpu, self._busy_told = time.monotonic(), (0.0, 0.0), False
        process.start(sys.executable, ["-m", HOST, str(self.run.path), self.plugin])
        self._timer.start()

    def send(self, do: str, **more: object) -> None:
        """Write an order; to a process that is not there it goes nowhere."""
        if self._process is not None and self._process.state() != QProcess.ProcessState.NotRunning:
            self._process.write(json.dumps({"do": do, **more}).encode() + b"\n")

    def send_streams(self, streams: Sequence[Stream]) -> None:
        """Tell which streams there are."""
        self.send("streams", streams=[vars(s) for s in streams])

    def stop(self) -> None:
        """End the process; returns when it has ended."""
        self._timer.stop()
        process, self._process = self._process, None
        self.state = "ended"
        if process is None:
            return
        process.finished.disconnect(self._finished)
        process.errorOccurred.disconnect(self._error)
        process.closeWriteChannel()
        if not process.waitForFinished(300):
            process.kill()
            process.waitForFinished(2000)
        process.deleteLater()

    def _read(self) -> None:
        process = self._process
        if process is None:
            return
        now = time.monotonic()
        if now - self._window > 1.0:
            self._window, self._bytes = now, 0
        self._bytes += process.bytesAvailable()
        if self._bytes > MOST_BYTES:
            self._kill("told more than could be heard")
            return
        while process.canReadLine():
            self._heard = now
            try:
                line = json.loads(bytes(process.readLine().data()))
                self._take(line["say"], line, now)
            except (ValueError, KeyError, TypeError):
                log.warning("plugin %s: a line that cannot be understood", self.plugin)

    def _take(self, say: str, line: Mapping[str, Any], now: float) -> None:
        if say == "making":
            self._limit = MAKING_S
        elif say == "alive":
            self._limit = SILENT_S
            self._measure(float(line["cpu"]), now)
        elif say == "ready":
            self.state, self._limit = "runs", SILENT_S
            self.restarted.emit()
        else:
            self._limit = SILENT_S
            self.said.emit(int(line["view"]), line)

    def _measure(self, cpu: float, now: float) -> None:
        before, at = self._told_cpu
        self._told_cpu = (cpu, now)
        if not at or now <= at:
            return
        self.cpu = max(0.0, (cpu - before) / (now - at))
        if self.cpu < BUSY:
            self._calm, self._busy_told = now, False
        elif now - self._calm > BUSY_S and not self._busy_told:
            self._busy_told = True
            self.told.emit(f"plugin {self.plugin} has used {100 * self.cpu:.0f} % of a core for {BUSY_S:.0f} s")

    def _look(self) -> None:
        silence = time.monotonic() - self._heard
        if self._process is not None and not self._why and silence > self._limit:
            self._kill(f"gave no sign of life for {silence:.0f} s")

    def _kill(self, why: str) -> None:
        self._why = why
        if self._process is not None:
            self._process.kill()

    def _error(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            self._finished(-1)

    def _finished(self, code: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.deleteLater()
        what = self._why or f"ended its process with {code}"
        self.cpu = 0.0
        now = time.monotonic()
        self._deaths.append(now)
        if len(self._deaths) == DEATHS and now - self._deaths[0] < WITHIN_S:
            self._timer.stop()
            self._deaths.clear()
            self.state = "left out"
            self.left_out.emit(f"it {what}, {DEATHS} times")
            return
        self.told.emit(f"plugin {self.plugin} {what}, and is started again")
        self.start()
