"""Opening files from the window: what is checked and asked before the present run ends for them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QMessageBox

from matstudio.domain.process import Mode
from matstudio.ui import dialogs
from matstudio.ui.actions import Action
from matstudio.ui.live import Live
from matstudio.workers.job import Job, State, Work

if TYPE_CHECKING:
    from matstudio.ui.main_window import MainWindow

CHECK_S = 60.0
NEXT = "open.json"
"""In the run directory: the paths that the launcher is to open when this run has ended."""


def in_the_way(live: Live) -> str:
    """Why this run must not be ended by opening a file, in one line, or ""."""
    if live.recording.get("state") == "recording":
        return "the run is being recorded: end the recording first"
    if live.settable and not live.attached:
        return "it is not known what the station does: the run goes on"
    if live.settable and live.mode is not Mode.OFF:
        return f"the run is in {live.mode}: choose OFF first"
    return ""


class Opener(QObject):
    """Opens files in place of the present run, if nothing is lost by that and the operator agrees.

    The files are read by a process of their own first, so that a bad one ends nothing.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._paths: tuple[str, ...] = ()
        self._checking = False
        self._question: QMessageBox | None = None

    def ask(self) -> None:
        """Let the operator choose files."""
        recent = self._window.settings.recent
        folder = Path(recent[0].partition(os.pathsep)[0]).parent if recent else Path.home()
        dialogs.open_files(self._window, "Open", folder, self.open)

    def open(self, paths: Sequence[str]) -> None:
        """Check files and ask whether they are to be opened in place of the run."""
        if not paths:
            return
        if self._checking or self._question is not None:
            self._window.tell("open: another file is being opened")
            return
        why = self._in_the_way()
        if why:
            self._window.tell(f"open {_names(paths)}: {why}")
            return
        self._paths = tuple(str(Path(p).absolute()) for p in paths)
        self._checking = True
        command = ("-m", "matstudio.instruments.replay", self.instrument())
        work = Work(f"read {_names(paths)}", lambda _: command, light=True, limit_s=CHECK_S)
        self._window.jobs.start(work, self._checked)

    def instrument(self) -> str:
        """The files as an instrument."""
        return "replay:" + os.pathsep.join(self._paths)

    def actions(self) -> list[Action]:
        """Opening files, and those that were opened before."""
        made = [
            Action("file.open", "Open …", "File", self.ask, "Ctrl+O", tip="Files or a session, in place of the run")
        ]
        for i, what in enumerate(self._window.settings.recent, 1):
            paths = what.split(os.pathsep)
            text = f"Open {_names(paths)}"
            made.append(Action(f"file.recent.{i}", text, "File/Open recent", partial(self.open, paths), tip=what))
        return made

    def _in_the_way(self) -> str:
        """Why the run must not be ended now, in one line, or "": nor is it while a job has work to lose."""
        if any(not job.work.light for job in self._window.jobs.jobs.active):
            return "a job is under way: wait for it, or cancel it first"
        return in_the_way(self._window.session.live)

    def _checked(self, job: Job) -> None:
        self._checking = False
        if job.state is State.CANCELLED:
            return
        if job.state is not State.DONE:
            self._window.tell(f"open {_names(self._paths)}: {job.line}")
            return
        self._question = dialogs.replacing(self._window, _names(self._paths), self._agreed)
        self._question.destroyed.connect(self._no_question)

    def _no_question(self) -> None:
        self._question = None

    def _agreed(self) -> None:
        why = self._in_the_way()
        if why:
            self._window.tell(f"open {_names(self._paths)}: {why}")
            return
        window = self._window
        try:
            (window.session.run.path / NEXT).write_text(json.dumps(self._paths))
        except (OSError, ValueError) as error:
            window.tell(f"open {_names(self._paths)}: {error}")
            return
        window.keep(window.settings.opened(os.pathsep.join(self._paths)))
        window.open_next = True
        QTimer.singleShot(0, window, window.leave)


def dropped(event: QDropEvent) -> list[str]:
    """The local files that are dragged over the window."""
    return [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]


def _names(paths: Sequence[str]) -> str:
    first = Path(paths[0]).name or paths[0]
    return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"
