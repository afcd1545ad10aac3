"""The card of the policy's advice: what it proposes and why, to be accepted, changed or rejected."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from matstudio.ui.parts import Elided, NumberEdit, label, restyle
from matstudio.ui.present import process
from matstudio.ui.present.advice import Advised
from matstudio.ui.session import Session


class AdviceCard(QFrame):
    """Draws an `Advised`."""

    accepted = Signal(str)
    """The temperature as typed, or "" where the proposal is taken as it is."""
    rejected = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        box = QVBoxLayout(self)
        box.setContentsMargins(9, 6, 9, 6)
        box.setSpacing(3)
        head = QHBoxLayout()
        self._state = Elided("", Qt.AlignmentFlag.AlignRight)
        head.addWidget(label("Advice", "name"))
        head.addWidget(self._state, 1)
        box.addLayout(head)
        self._body = QWidget()
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(3)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(8)
        self._grid.setColumnStretch(1, 1)
        body.addLayout(self._grid)
        self._edit = NumberEdit("advised temperature in K, which you may change")
        self._edit.setFixedWidth(self.fontMetrics().horizontalAdvance("00000.00") + 16)
        self._edit.sent.connect(self.accepted)
        self._lines = [Elided() for _ in range(3)]
        buttons = QHBoxLayout()
        self.accept, self.reject = QPushButton("Accept"), QPushButton("Reject")
        self.accept.setToolTip("These become the setpoints; ADVISE goes on")
        self.reject.setToolTip("Not proposed again for a minute, unless it changes")
        self.accept.clicked.connect(self.take)
        self.reject.clicked.connect(self.rejected)
        buttons.addStretch(1)
        for button in (self.accept, self.reject):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            buttons.addWidget(button)
        for line in self._lines:
            body.addWidget(line)
        self._buttons = QWidget()
        buttons.setContentsMargins(0, 0, 0, 0)
        self._buttons.setLayout(buttons)
        body.addWidget(self._buttons)
        box.addWidget(self._body)
        self._rows: list[tuple[QLabel, QLabel, QLabel | NumberEdit, QLabel]] = []
        self._body.hide()

    def take(self) -> None:
        """Accept the advice, with what was typed if anything was."""
        self.accepted.emit(self._edit.text() if self._edit.edited() else "")

    def taken(self) -> None:
        """What was typed was taken."""
        self._edit.take_back()

    def show_advice(self, a: Advised) -> None:
        """Show what the presenter says."""
        self._state.set_text(a.state, dim=a.level == "dim")
        restyle(self, "abnormal", "true" if a.level == "caution" else "false")
        while len(self._rows) < len(a.rows):
            self._add_row(first=not self._rows)
        for i, cells in enumerate(self._rows):
            there = i < len(a.rows)
            for cell in cells:
                cell.setVisible(there)
            if not there:
                continue
            title, now, value, unit = a.rows[i]
            cells[0].setText(title)
            cells[1].setText(now)
            cells[3].setText(unit)
            if isinstance(cells[2], NumberEdit):
                cells[2].show_value(value)
                cells[2].setEnabled(a.open)
            else:
                cells[2].setText(value)
        for i, line in enumerate(self._lines):
            line.setVisible(i < len(a.lines))
            line.set_text(a.lines[i] if i < len(a.lines) else "", dim=i > 0)
        self._buttons.setVisible(a.open)
        self._body.setVisible(bool(a.lines))

    def _add_row(self, *, first: bool) -> None:
        row = len(self._rows)
        value: QLabel | NumberEdit = self._edit if first else label("", "name")
        if isinstance(value, QLabel):
            value.setAlignment(Qt.AlignmentFlag.AlignRight)
        cells = (label(), label("", "dim"), value, label("", "dim"))
        cells[3].setMinimumWidth(self.fontMetrics().horizontalAdvance("GPa") + 2)
        for column, cell in enumerate(cells):
            self._grid.addWidget(cell, row, column)
        self._rows.append(cells)


def connect(card: AdviceCard, session: Session, tell: Callable[[str], object]) -> None:
    """Send what a person answers to the station; a temperature that cannot be set is told."""

    def accept(text: str) -> None:
        fields = {}
        if text:
            try:
                fields["value"] = process.parse(text, "temperature", "K", session.live.limits("temperature"))
            except ValueError as error:
                tell(str(error))
                return
        card.taken()
        session.commands.station("accept", **fields)

    card.accepted.connect(accept)
    card.rejected.connect(lambda: session.commands.station("reject"))
