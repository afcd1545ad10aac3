"""The self-assembly dock: what stands between its pages, their thread, and the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from matstudio.dynamics.landscape import Landscape, Verdict, model_landscape
from matstudio.dynamics.live import Shown
from matstudio.dynamics.score import Score
from matstudio.recording.selfassembly import curves
from matstudio.recording.single import put
from matstudio.ui import dialogs
from matstudio.ui.actions import Action
from matstudio.ui.present import landscape as live_landscape
from matstudio.ui.present import selfassembly as present
from matstudio.ui.session import Session, sessions_folder
from matstudio.widgets.shot import photograph
from matstudio.workers.assembly import AssemblyWorker
from matstudio.workers.job import Job, State, Work
from matstudio.workers.snapshots import Snapshots

MENU = "View/Self-assembly"
LOOK_MS = 3000
_TITLES = ("Model problem", "Live landscape")


class SelfAssemblyDock(QWidget):
    """Two pages, made when the dock is first seen; the live order parameter is kept from the start.

    Args:
        session: of the window. tell: shows (text, level) for some seconds. start: begins a job, and calls its second
            argument when it is over.
    """

    def __init__(
        self,
        session: Session,
        tell: Callable[[str, str], object],
        start: Callable[[Work, Callable[[Job], object]], object],
    ) -> None:
        super().__init__()
        self._session, self._tell, self._start = session, tell, start
        self.trajectory = live_landscape.Trajectory()
        self.worker, self._files = AssemblyWorker(self), Snapshots(self)
        self.pages: QTabWidget | None = None
        self.shown: Shown | None = None
        self.found: Landscape | None = None
        self._waiting = False
        QVBoxLayout(self).setContentsMargins(0, 0, 0, 0)
        session.changed.connect(self._heard)
        self._files.written.connect(self._written)
        self.worker.shown.connect(self._show)
        self.worker.found.connect(self._found)
        self.worker.learned.connect(self._learned)
        self.worker.refused.connect(self._refused)
        self._look = QTimer(self, interval=LOOK_MS)
        self._look.timeout.connect(self.look)

    def actions(self) -> list[Action]:
        """What can be done with the dock."""

        def made() -> bool:
            return self.pages is not None

        here = "the dock Self-assembly, open"
        return [
            Action(
                "assembly.run",
                "Run or pause the particles",
                MENU,
                lambda: self.model.run.toggle(),
                when=made,
                needs=here,
                checked=lambda: made() and self.model.run.isChecked(),
            ),
            Action(
                "assembly.learn", "Learn the score", MENU, self.learn, when=made, needs=here, tip="In the background"
            ),
            Action("assembly.picture", "Save the picture …", MENU, self.ask_picture, when=made, needs=here, tip="PNG"),
            Action("assembly.data", "Save the data …", MENU, self.ask_data, when=made, needs=here, tip="CSV or NeXus"),
        ]

    def stop(self) -> None:
        """End the threads."""
        self._look.stop()
        self.worker.stop()
        self._files.stop()

    def learn(self) -> None:
        """Begin the job that learns the score."""
        values = self.model.values()
        out = self._session.run.path / "score.nxs"

        def then(job: Job) -> None:
            self._tell(f"{job.work.title}: {job.line or job.state}", "" if job.state is State.DONE else "caution")
            if job.state is State.DONE and values == self.model.values():
                self.worker.read_score(out)

        self._start(present.score_work(values, out), then)

    def look(self) -> None:
        """Work out the landscape anew, where the last one is done."""
        if self.pages is None or self._waiting:
            return
        t = self.trajectory
        self._waiting = True
        self.worker.find(*t.values())

    def ask_picture(self) -> None:
        """Ask for a file and save a picture of the page that is seen."""
        pages = self._pages()
        title = _TITLES[pages.currentIndex()]
        image = photograph(pages.currentWidget(), f"MatStudio, {title.lower()}; {self._session.live.simulated}")
        start = sessions_folder() / f"{title.lower().replace(' ', '_')}.png"
        dialogs.save_as(self, "Save the picture", start, "PNG (*.png)", lambda path: self._files.picture(path, image))

    def ask_data(self) -> None:
        """Ask for a file and save the numbers of the page that is seen."""
        title = _TITLES[self._pages().currentIndex()]
        start = sessions_folder() / f"{title.lower().replace(' ', '_')}.csv"
        dialogs.save_as(self, "Save the data", start, "CSV (*.csv);;NeXus (*.nxs)", self.save_data)

    def save_data(self, path: Path) -> None:
        """Write the numbers of the page that is seen, as CSV or NeXus."""
        columns = self.columns()
        if path.suffix.lower() not in (".csv", ".nxs"):
            self._tell(f"{path.name}: the data are written as .csv or .nxs", "caution")
        elif not columns:
            self._tell("nothing is shown yet", "caution")
        else:
            self._files.file(path, lambda: put(path, curves(columns, nexus=path.suffix.lower() == ".nxs")))

    def columns(self) -> dict[str, np.ndarray]:
        """The numbers of the page that is seen, by name with unit; {} where there are none."""
        if self._pages().currentIndex() == 1:
            f = self.found
            if f is None or not f.F.size:
                return {}
            told = {"S": f.S, "F_kT": f.F, "F_kT_errors": f.error}
            model = self._model(f.S)
            return told if model is None else told | {"F_model_kT": model[1]}
        s = self.shown
        if s is None or not len(s.curve_t):
            return {}
        (e, de), (free, df) = s.mean_energy.T, s.free_energy.T
        return {
            "t": s.curve_t,
            "mean_energy": e,
            "mean_energy_errors": de,
            "free_energy": free,
            "free_energy_errors": df,
        }

    def showEvent(self, event: QShowEvent) -> None:
        self._pages()
        self._look.start()
        QTimer.singleShot(0, self, self.look)
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        self._look.stop()
        if self.pages is not None:
            self.model.run.setChecked(False)
        super().hideEvent(event)

    def _pages(self) -> QTabWidget:
        """The pages; they are made at first."""
        if self.pages is None:
            from matstudio.ui.selfassembly_view import LandscapePage, ModelPage

            self.model, self.live = ModelPage(), LandscapePage()
            self.pages = QTabWidget()
            for title, page in zip(_TITLES, (self.model, self.live), strict=True):
                self.pages.addTab(page, title)
            layout = self.layout()
            if layout is not None:
                layout.addWidget(self.pages)
            self.model.going.connect(self.worker.set_going)
            self.model.restart.connect(self.worker.restart)
            self.model.changed.connect(lambda v: self.worker.change(present.energy(v), v["diffusion"]))
            self.model.learn.connect(self.learn)
            self.worker.restart("normal")
        return self.pages

    def _heard(self, topic: str) -> None:
        live = self._session.live
        if topic == "state" and live.state is not None:
            self.trajectory.add(live.state, live.device_state)

    def _refused(self, line: str) -> None:
        self._waiting = False
        self._tell(f"self-assembly: {line}", "caution")

    def _show(self, shown: Shown) -> None:
        self.shown = shown
        if self.pages is not None and self.model.isVisible():
            self.model.show_problem(shown)

    def _found(self, found: Landscape) -> None:
        self._waiting, self.found = False, found
        if self.pages is None:
            return
        t = self.trajectory
        atoms = live_landscape.atoms_of(self._session.live.device_state)
        self.live.show_landscape(found, self._model(found.S if found.F.size else np.linspace(0.0, 1.0, 201)))
        domain = "" if atoms is None else f"; {atoms:,.0f} atoms in a domain of the twin"
        text = found.text if found.verdict is not Verdict.SHOWN or found.F.size else ""
        energy = live_landscape.energy_line(found, t.temperature, atoms)
        self.live.show_lines(t.held + domain, text, energy)

    def _model(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        t, atoms = self.trajectory, live_landscape.atoms_of(self._session.live.device_state)
        if atoms is None or not t.size:
            return None
        return s, model_landscape(s, t.temperature, atoms, t.pressure, t.composition)

    def _learned(self, score: Score) -> None:
        if self.pages is not None:
            self.model.show_score(score)

    def _written(self, path: Path, error: str) -> None:
        text = f"{path.name}: saved in {path.parent}"
        self._tell(text if not error else f"{path.name}: not saved: {error}", "caution" if error else "")
