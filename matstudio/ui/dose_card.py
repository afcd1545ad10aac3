"""The card of the electron dose, with the switch of the beam."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QPushButton

from matstudio.ui.parts import Bar, Elided, label, restyle
from matstudio.ui.present.dose import Dose
from matstudio.widgets.text import scaled


class DoseCard(QFrame):
    """Draws a `Dose`."""

    beam = Signal(bool)
    """The operator wants the beam on, or blanked."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        grid = QGridLayout(self)
        grid.setContentsMargins(9, 6, 9, 7)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(2)
        head = QHBoxLayout()
        self._budget = Elided("", Qt.AlignmentFlag.AlignRight)
        head.addWidget(label("Electron dose", "name"))
        head.addWidget(self._budget, 1)
        grid.addLayout(head, 0, 0, 1, 4)
        for column, text in ((0, "rate"), (1, "total"), (2, "beam")):
            grid.addWidget(label(text, "dim"), 1, column)
        self._rate, self._total, self._beam = label("–"), label("–", "name"), label("")
        self._total.setFont(scaled(self._total.font(), 1.15, True))
        self._rate.setMinimumWidth(self.fontMetrics().horizontalAdvance("000,000 e/Å²/s") + 4)
        grid.addWidget(self._rate, 2, 0)
        grid.addWidget(self._total, 2, 1)
        grid.addWidget(self._beam, 2, 2)
        self._button = QPushButton("Blank")
        self._button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # a key pressed by chance moves no beam
        self._button.setAutoDefault(False)
        self._button.clicked.connect(lambda: self.beam.emit(self._on))
        self._on = False
        grid.addWidget(self._button, 1, 3, 2, 1)
        grid.setColumnStretch(1, 1)
        self._bar = Bar()
        grid.addWidget(self._bar, 3, 0, 1, 4)

    def show_dose(self, dose: Dose | None) -> None:
        """Show what the presenter says; None hides the card."""
        self.setVisible(dose is not None)
        if dose is None:
            return
        self._rate.setText(dose.rate)
        self._total.setText(dose.total)
        self._budget.set_text(dose.budget)
        self._bar.set_fraction(dose.fraction)
        self._bar.setVisible(dose.fraction == dose.fraction)
        restyle(self, "abnormal", "true" if dose.level == "bad" else "false")
        restyle(self._total, "role", dose.level or "name")
        self._beam.setText(dose.beam or "–")
        restyle(self._beam, "role", "caution" if dose.beam == "blanked" else "")
        self._on = dose.on
        self._button.setText(dose.button)
        self._button.setVisible(bool(dose.button))
        self._button.setEnabled(not dose.locked)
        self._button.setToolTip(dose.locked or "Leaves the mode as it is")
