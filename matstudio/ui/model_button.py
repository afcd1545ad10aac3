"""The button in a stream's title that says which model reads it, and lets the operator choose another."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QMenu, QToolButton

from matstudio.ui.parts import restyle
from matstudio.ui.present.models import ModelLine


class ModelButton(QToolButton):
    """Draws a `ModelLine`; tells what was chosen."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("model")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self._fill)
        self.setMenu(self._menu)
        self._line = ModelLine("", "", "", ())
        self.hide()

    def show_model(self, line: ModelLine) -> None:
        """Show which model runs."""
        self._line = line
        self.setText(line.text)
        self.setAccessibleName(f"model: {line.text}")
        self.setToolTip(line.tip or "The model that reads this stream; press to choose another")
        restyle(self, "level", line.level)
        self.show()

    def _fill(self) -> None:
        self._menu.clear()
        if not self._line.offered:
            self._menu.addAction("the model host has not said which there are").setEnabled(False)
        for name in self._line.offered:
            action = self._menu.addAction(name)
            action.setCheckable(True)
            action.setChecked(name == self._line.running)
            action.triggered.connect(lambda _=False, n=name: self.chosen.emit(n))
