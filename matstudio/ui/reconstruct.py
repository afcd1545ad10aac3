"""File > Reconstruct: which files, which models, and where the estimates go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from matstudio.ui import dialogs
from matstudio.ui.parts import label
from matstudio.ui.present.reconstruct import DEFAULT, SUFFIX, Choice, Stream, free, streams
from matstudio.workers.job import Job, State, Work
from matstudio.workers.jobs import Jobs

LOOK_S = 60.0


class ReconstructDialog(QDialog):
    """Asks what is to be reconstructed; blocks nothing.

    Args:
        parent: the window. folder: where files are looked for.
        looks: run what looks into the files.
        done: is called with the job.
    """

    def __init__(self, parent: QWidget, folder: Path, looks: Jobs, done: Callable[[Work], object]) -> None:
        super().__init__(parent)
        self.setWindowTitle("Reconstruct files or a session")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.NonModal)
        self._folder, self._begun = folder, done
        self._looks = looks
        self._looking = 0
        self._proposed = ""
        self._models: dict[str, QComboBox] = {}
        self._files = QListWidget()
        self._files.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._files.setAccessibleName("Files to be read")
        self._files.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        add, remove = QPushButton("Add …"), QPushButton("Remove")
        add.clicked.connect(lambda: dialogs.open_files(self, "Reconstruct", self._folder, self.add))
        remove.clicked.connect(self._remove)
        buttons = QVBoxLayout()
        buttons.addWidget(add)
        buttons.addWidget(remove)
        buttons.addStretch(1)
        files = QHBoxLayout()
        files.addWidget(self._files, 1)
        files.addLayout(buttons)
        self._rows = QGridLayout()
        self._rows.setColumnStretch(1, 1)
        self._note = label("The models that can be chosen stand here when the files were read", "dim")
        self._note.setWordWrap(True)
        self._out = QLineEdit()
        self._out.setAccessibleName("File of the estimates")
        self._out.textChanged.connect(self._check)
        choose = QPushButton("Choose …")
        choose.clicked.connect(self._choose)
        out = QHBoxLayout()
        out.addWidget(self._out, 1)
        out.addWidget(choose)
        self._every = QCheckBox("every frame, not only those that were analysed live")
        self._resume = QCheckBox("go on with what was begun there and cut short")
        self._resume.toggled.connect(self._check)
        self._why = label("", "dim")
        self._why.setWordWrap(True)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        box.button(QDialogButtonBox.StandardButton.Cancel).setIcon(QIcon())
        self._start = box.addButton("Start", QDialogButtonBox.ButtonRole.AcceptRole)
        box.accepted.connect(self._begin)
        box.rejected.connect(self.reject)
        whole = QVBoxLayout(self)
        whole.setSpacing(6)
        whole.addWidget(label("Files (each recorded session, and each other file, by itself)", "name"))
        whole.addLayout(files, 1)
        whole.addWidget(label("Models", "name"))
        whole.addLayout(self._rows)
        whole.addWidget(self._note)
        whole.addWidget(self._every)
        whole.addWidget(label(f"Estimates to (a session {SUFFIX}; the frames stay where they are)", "name"))
        whole.addLayout(out)
        whole.addWidget(self._resume)
        whole.addWidget(self._why)
        whole.addWidget(box)
        self.resize(self.fontMetrics().averageCharWidth() * 95, self.fontMetrics().height() * 30)
        self._check()

    def add(self, paths: list[str]) -> None:
        """Put files on the list, and look what they hold."""
        known = {str(p) for p in self._paths()}
        self._files.addItems([str(Path(p).absolute()) for p in paths if str(Path(p).absolute()) not in known])
        self._changed()

    def choice(self) -> Choice:
        """What is chosen now."""
        text = self._out.text().strip()
        models = {stream: str(box.currentData()) for stream, box in self._models.items()}
        out = Path(text).absolute() if text else None
        return Choice(self._paths(), out, models, self._every.isChecked(), self._resume.isChecked())

    def done(self, result: int) -> None:
        """Close it."""
        self._looks.cancel(self._looking)
        self._looking = 0
        super().done(result)

    def _paths(self) -> tuple[Path, ...]:
        return tuple(Path(self._files.item(i).text()) for i in range(self._files.count()))

    def _remove(self) -> None:
        for item in self._files.selectedItems():
            self._files.takeItem(self._files.row(item))
        self._changed()

    def _changed(self) -> None:
        paths = self._paths()
        if self._out.text() in ("", self._proposed):
            self._proposed = str(free(paths) or "")
            self._out.setText(self._proposed)
        self._looks.cancel(self._looking)
        self._show_models(())
        if paths:
            self._note.setText("reading the files …")
            command = ("-m", "matstudio.modelhost.streams", *map(str, paths))
            look = Work("look", lambda _: command, light=True, limit_s=LOOK_S)
            self._looking = self._looks.start(look, self._looked)
        self._check()

    def _looked(self, job: Job) -> None:
        if job.id != self._looking:
            return
        if job.state is not State.DONE:
            self._note.setText(f"not read: {job.line}")
            return
        try:
            self._show_models(streams(job.said))
        except ValueError as error:
            self._note.setText(str(error))

    def _show_models(self, found: tuple[Stream, ...]) -> None:
        """A row for each stream, with a choice where there is one."""
        while (item := self._rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._models = {}
        for i, stream in enumerate(found):
            self._rows.addWidget(label(stream.text), i, 0)
            if len(stream.models) < 2:
                self._rows.addWidget(label(stream.models[0] if stream.models else "no model for it", "dim"), i, 1)
                continue
            box = QComboBox()
            box.setAccessibleName(f"Model of {stream.name}")
            box.addItem(f"as recorded, else {stream.models[0]}", DEFAULT)
            for name in stream.models:
                box.addItem(name, name)
            self._rows.addWidget(box, i, 1)
            self._models[stream.name] = box
        self._note.setVisible(not found)
        self._note.setText("The models that can be chosen stand here when the files were read")

    def _choose(self) -> None:
        start = self.choice().out or self._folder / f"again{SUFFIX}"
        dialogs.save_as(self, "Estimates to", start, f"NeXus (*{SUFFIX})", lambda path: self._out.setText(str(path)))

    def _check(self) -> None:
        choice = self.choice()
        self._resume.setEnabled(choice.begun)
        if not choice.begun:
            self._resume.setChecked(False)
        why = choice.refusal()
        self._why.setText(why)
        self._start.setEnabled(not why)

    def _begin(self) -> None:
        choice = self.choice()
        if choice.refusal():  # what was true when it was typed need not be so any more
            self._check()
            return
        self._begun(choice.work())
        self.accept()
