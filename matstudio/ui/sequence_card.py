"""The card below the controlled values: the program or the auto-tune that runs, and the way to both."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from matstudio.ui.parts import Bar, Elided, label
from matstudio.ui.present.sequence import BUTTONS, Sequence

_BEGIN = {
    "control.autotune": ("Auto-tune …", "Find settings of the PID by a relay experiment"),
    "control.program": ("Program …", "Edit, preview and start a ramp/soak program"),
}


class SequenceCard(QFrame):
    """Shows a `Sequence`; `wanted` names the action of the button that was pressed."""

    wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        self._title, self._bar = label("Program", "name"), Bar()
        self._lines = (Elided(), Elided())
        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addWidget(self._bar, 1)
        head.addStretch(0)
        self._begin = [self._button(id, text, tip) for id, (text, tip) in _BEGIN.items()]
        self._buttons = {id: self._button(id, text, "") for id, text in BUTTONS.items()}
        for button in (*self._begin, *self._buttons.values()):
            head.addWidget(button)
        box = QVBoxLayout(self)
        box.setContentsMargins(9, 5, 9, 6)
        box.setSpacing(2)
        box.addLayout(head)
        for line in self._lines:
            box.addWidget(line)
        self.show_sequence(Sequence("", "", math.nan, ()))

    def show_sequence(self, s: Sequence) -> None:
        """Show what the presenter says."""
        for line, text in zip(self._lines, (s.line, s.state), strict=True):
            line.set_text(text, dim=not s.buttons)
            line.setVisible(bool(text))
        self._title.setText(s.title)
        self._bar.set_fraction(s.fraction)
        for button in self._begin:
            button.setVisible(not s.buttons)
        for id, button in self._buttons.items():
            button.setVisible(id in s.buttons)

    def _button(self, id: str, text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # a key pressed by chance begins nothing
        button.setToolTip(tip)
        button.setAutoDefault(False)
        button.clicked.connect(lambda: self.wanted.emit(id))
        return button
