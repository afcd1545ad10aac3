"""The window's side of a run: its workers, and what they have brought."""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from matstudio.bus.rundir import Run
from matstudio.domain.device import Description
from matstudio.ui.live import Live
from matstudio.workers.commands import Commands
from matstudio.workers.frames import FrameWorker
from matstudio.workers.machine import Machine
from matstudio.workers.messages import MessageWorker


def operator() -> str:
    """Who gives commands in this window, for the audit log."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def sessions_folder() -> Path:
    """Where sessions are recorded to when nobody says otherwise."""
    import platformdirs

    return platformdirs.user_documents_path() / "MatStudio"


class Session(QObject):
    """Owns the workers of one window and keeps `live` up to date with what they bring."""

    changed = Signal(str)
    """A topic of which something new is in `live` ("status", "description", ...)."""
    machine = Signal(object)
    """`Machine`."""

    def __init__(self, run: Run, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.run = run
        self.live = Live(run)
        self.frames = FrameWorker(self)
        self.messages = MessageWorker(run, sessions_folder(), self)
        self.commands = Commands(run, operator(), self)
        self.last_machine: Machine | None = None
        for topic in ("status", "readings", "state", "models", "recording", "estimate", "advice"):
            getattr(self.messages, topic).connect(lambda value, topic=topic: self._take(topic, value))
        self.commands.description.connect(self._describe)
        self.commands.choices.connect(lambda value: self._take("choices", value))
        self.commands.recording.connect(lambda value: self._take("recording", value))
        self.messages.machine.connect(self._machine)

    def start(self) -> None:
        """Start the workers, but for the one of the frames, which waits until they can be shown."""
        self.messages.start()
        self.commands.start()

    def stop(self) -> None:
        """End the workers; returns when their threads have ended."""
        for worker in (self.frames, self.messages, self.commands):
            worker.stop()

    def record(self, path: Path | None = None) -> None:
        """Ask the recorder to record, to a new file in the sessions' folder where no path is given."""
        if path is None:
            path = sessions_folder() / time.strftime("%Y-%m-%d_%H%M%S.nxs")
            path.parent.mkdir(parents=True, exist_ok=True)
        self.commands.recorder("record", path=str(path))

    def _take(self, topic: str, value: Any) -> None:
        self.live.take(topic, value)
        self.changed.emit(topic)

    def _describe(self, description: Description) -> None:
        if description != self.live.description:
            self.frames.set_streams(description.streams)
        self._take("description", description)

    def _machine(self, machine: Machine) -> None:
        self.last_machine = machine
        self.machine.emit(machine)
