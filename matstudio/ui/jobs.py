"""What stands between the jobs and the window: their dock, their notices, and what is done with their results."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from matstudio.ui.actions import Action
from matstudio.ui.jobs_dock import JobsView
from matstudio.ui.present import jobs as present
from matstudio.ui.reconstruct import ReconstructDialog
from matstudio.ui.session import sessions_folder
from matstudio.workers.job import Job, Work
from matstudio.workers.jobs import Jobs

if TYPE_CHECKING:
    from matstudio.ui.parts import Dock

MENU = "File/Jobs"
HERE = "view.jobs"


class JobsControl(QObject):
    """Keeps the jobs' dock up to date and does what its buttons ask.

    Args:
        tell: shows (text, level, id of the action that shows more) for some seconds.
        open_files: opens files in the window.
        parent: the window.
        folder: where running jobs have their files; default: the system's.
    """

    def __init__(
        self,
        tell: Callable[[str, str, str], object],
        open_files: Callable[[list[str]], object],
        parent: QWidget,
        folder: Path | None = None,
    ) -> None:
        super().__init__(parent)
        self.jobs, self.view = Jobs(folder, self), JobsView()
        self._looks = Jobs(folder, self)
        self._tell, self._open_files, self._window = tell, open_files, parent
        self._dock: Dock | None = None
        self._dialog: ReconstructDialog | None = None
        self.jobs.changed.connect(self._changed)
        self.view.cancel.connect(self.jobs.cancel)
        self.view.again.connect(self.again)
        self.view.open.connect(self.open)
        self.view.folder.connect(self.show_folder)
        self.view.clear.connect(self.clear)
        self.view.new.connect(self.ask)

    def put(self, dock: Dock) -> None:
        """The dock that the view stands in."""
        self._dock = dock
        self.refresh()

    def start(self, work: Work, then: Callable[[Job], object] | None = None) -> None:
        """Begin a job; `then` is called when it is over, and tells of it."""
        self._tell(f"{work.title} …", "", HERE)
        self.jobs.start(work, then)

    def ask(self) -> None:
        """Ask what is to be reconstructed."""
        if self._dialog is None:
            self._dialog = ReconstructDialog(self._window, sessions_folder(), self._looks, self.start)
            self._dialog.destroyed.connect(self._no_dialog)
        self._dialog.show()
        self._dialog.raise_()
        self._dialog.activateWindow()

    def stop(self) -> None:
        """Cancel all jobs and wait until no process is left."""
        if self._dialog is not None:
            self._dialog.close()
        for jobs in (self._looks, self.jobs):
            jobs.stop()

    def refresh(self) -> None:
        """Show what is known now."""
        all_jobs, now = self.jobs.jobs, time.monotonic()
        self.view.show_jobs([present.row(job, now) for job in present.ordered(all_jobs)])
        if self._dock is not None:
            self._dock.set_line(present.summary(all_jobs, now))
            if self._dock.windowTitle() != present.tab(all_jobs):
                self._dock.setWindowTitle(present.tab(all_jobs))

    def tick(self) -> None:
        """Show how time goes by, where a job runs."""
        if self.jobs.active:
            self.refresh()

    def clear(self) -> None:
        """Take those that are over from the list."""
        self.jobs.forget()
        self.refresh()

    def again(self, id: int) -> None:
        """Go on with a job that was cut short."""
        job = self.jobs.job(id)
        if job is not None and job.work.again is not None:
            self.start(job.work.again())

    def open(self, id: int) -> None:
        """Open the result of a job in the window."""
        path = self._result(id)
        if path is not None:
            self._open_files([str(path)])

    def show_folder(self, id: int) -> None:
        """Show the folder of a job's result in the system's file manager."""
        path = self._result(id)
        if path is not None and not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent))):
            self._tell(f"{path} (no program here shows folders)", "", "")

    def actions(self) -> list[Action]:
        """What begins a job, and what can be done with the newest one."""
        return [
            Action(
                "jobs.reconstruct",
                "Reconstruct files or a session …",
                "File",
                self.ask,
                tip="The models over recorded frames, in the background",
            ),
            Action(
                "jobs.cancel",
                "Cancel the job under way",
                MENU,
                lambda: self.jobs.cancel(self._active()),
                when=lambda: self._active() > 0,
                needs="a job under way",
                tip="It keeps what it has done",
            ),
            Action(
                "jobs.again",
                "Go on with the newest job that was cut short",
                MENU,
                lambda: self.again(self._cut_short()),
                when=lambda: self._cut_short() > 0,
                needs="a job that was cut short",
            ),
            Action(
                "jobs.open",
                "Open the newest result",
                MENU,
                lambda: self.open(self._newest(opens=True)),
                when=lambda: self._newest(opens=True) > 0,
                needs="a job that wrote a session",
            ),
            Action(
                "jobs.folder",
                "Show the folder of the newest result",
                MENU,
                lambda: self.show_folder(self._newest()),
                when=lambda: self._newest() > 0,
                needs="a job that wrote a file",
            ),
            Action(
                "jobs.clear",
                "Clear the list of jobs",
                MENU,
                self.clear,
                when=lambda: any(job.over for job in self.jobs.jobs),
                needs="a job that is over",
                tip="Their files stay",
            ),
        ]

    def _no_dialog(self) -> None:
        self._dialog = None

    def _changed(self, job: Job) -> None:
        self.refresh()
        if job.over and not self.jobs.own(job.id):
            self._tell(*present.ending(job), HERE)

    def _active(self) -> int:
        """Number of the job that was begun first of those not over; 0: none."""
        return next((job.id for job in reversed(self.jobs.active) if present.row(job, 0.0).cancel), 0)

    def _cut_short(self) -> int:
        """Number of the newest job that can be gone on with; 0: none."""
        return next((job.id for job in self.jobs.jobs if present.row(job, 0.0).again), 0)

    def _newest(self, *, opens: bool = False) -> int:
        """Number of the newest job with a result; 0: none."""
        return next((j.id for j in self.jobs.jobs if j.over and j.written and (j.work.opens or not opens)), 0)

    def _result(self, id: int) -> Path | None:
        job = self.jobs.job(id)
        if job is None or job.work.result is None:
            return None
        if not job.work.result.exists():
            self._tell(f"{job.work.result}: it is not there any more", "caution", "")
            return None
        return job.work.result
