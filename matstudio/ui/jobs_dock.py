"""The jobs' dock: a row for each piece of background work, with its progress and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from matstudio.ui.parts import Bar, Elided, label, restyle
from matstudio.ui.present.jobs import Row


class JobRow(QFrame):
    """One job."""

    cancel = Signal(int)
    again = Signal(int)
    open = Signal(int)
    folder = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._id = 0
        grid = QGridLayout(self)
        grid.setContentsMargins(9, 4, 9, 4)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(1)
        self._title, self._count, self._line = Elided(), Elided(), Elided()
        for part in (self._title, self._count):  # so that the columns of all rows stand below each other
            part.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._state = label("", "dim")
        self._state.setMinimumWidth(self.fontMetrics().horizontalAdvance("● cancelled") + 8)
        self._bar = Bar()
        end = QWidget()
        buttons = QHBoxLayout(end)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setSpacing(4)
        buttons.addStretch(1)
        self._buttons = {}
        for name, tip, signal in (
            ("Cancel", "Interrupt it; it keeps what it has done", self.cancel),
            ("Kill", "End it at once", self.cancel),
            ("Go on", "Begin it again where it was cut short", self.again),
            ("Open result", "Open the file that it has written", self.open),
            ("Show folder", "Show the folder of the file that it has written", self.folder),
        ):
            button = QPushButton(name)
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, s=signal: s.emit(self._id))
            buttons.addWidget(button)
            self._buttons[name] = button
        grid.addWidget(self._state, 0, 0)
        grid.addWidget(self._title, 0, 1)
        grid.addWidget(self._bar, 0, 2)
        grid.addWidget(self._count, 0, 3)
        end.setFixedWidth(sum(self._buttons[n].sizeHint().width() + 4 for n in ("Go on", "Open result", "Show folder")))
        grid.addWidget(end, 0, 4)
        grid.addWidget(self._line, 1, 1, 1, 3)
        for column, stretch in ((1, 5), (2, 2), (3, 4)):
            grid.setColumnStretch(column, stretch)

    def show_row(self, r: Row) -> None:
        """Show what the presenter says."""
        self._id = r.id
        self._title.set_text(r.title, dim=False)
        self._state.setText(r.state)
        restyle(self._state, "role", r.level or "dim")
        self._bar.set_fraction(r.fraction)
        self._count.set_text(",  ".join(part for part in (r.time, r.count) if part))
        self._line.set_text(r.line, dim=not r.level)
        self._line.setVisible(bool(r.line))
        for name, there in zip(self._buttons, (r.cancel, r.kill, r.again, r.open, r.folder), strict=True):
            self._buttons[name].setVisible(there)

    def button(self, name: str) -> QPushButton:
        """ "Cancel", "Kill", "Go on", "Open result" or "Show folder"."""
        return self._buttons[name]

    def texts(self) -> str:
        """What is shown."""
        parts = (self._state.text(), self._title.text(), self._count.text(), self._line.text())
        return "  ".join(p for p in parts if p)


class JobsView(QWidget):
    """Draws the rows; tells the number of the job of which a button was pressed."""

    cancel = Signal(int)
    again = Signal(int)
    open = Signal(int)
    folder = Signal(int)
    new = Signal()
    clear = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[JobRow] = []
        self._empty = label("", "dim")
        self._new, self._clear = QPushButton("Reconstruct …"), QPushButton("Clear")
        self._new.setToolTip("The models over files or a session")
        self._new.clicked.connect(self.new)
        self._clear.setToolTip("Take those that are over from the list; their files stay")
        self._clear.clicked.connect(self.clear)
        head = QHBoxLayout()
        head.setContentsMargins(4, 0, 0, 0)
        head.addWidget(self._empty, 1)
        head.addStretch(0)
        head.addWidget(self._new)
        head.addWidget(self._clear)
        inner = QWidget()
        self._list = QVBoxLayout(inner)
        self._list.setContentsMargins(0, 0, 4, 0)
        self._list.setSpacing(4)
        self._list.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inner)
        box = QVBoxLayout(self)
        box.setContentsMargins(2, 0, 2, 2)
        box.setSpacing(3)
        box.addLayout(head)
        box.addWidget(area, 1)

    def show_jobs(self, rows: Sequence[Row]) -> None:
        """Show a row for each job, in this order."""
        self._empty.setText("" if rows else "What runs in the background stands here: reconstructions, files written")
        self._clear.setEnabled(any(not (r.cancel or r.kill) for r in rows))
        while len(self._rows) < len(rows):
            made = JobRow()
            for name in ("cancel", "again", "open", "folder"):
                getattr(made, name).connect(getattr(self, name))
            self._list.insertWidget(len(self._rows), made)
            self._rows.append(made)
        while len(self._rows) > len(rows):
            gone = self._rows.pop()
            self._list.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        for widget, shown in zip(self._rows, rows, strict=True):
            widget.show_row(shown)

    def rows(self) -> list[JobRow]:
        """The rows, from top to bottom."""
        return list(self._rows)
