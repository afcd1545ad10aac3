"""The plugins, and a switch for each."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from matstudio.plugins import user_folder
from matstudio.ui.parts import label
from matstudio.ui.present.plugins import HEADS, Row
from matstudio.ui.table import Table, table_view

EVERY_MS = 1000


class PluginsDialog(QDialog):
    """Shows the plugins, anew every second; does not block the window.

    Args:
        rows: gives what is to be shown.
        switch: called with a plugin's name and whether it is to be used.
    """

    def __init__(
        self, rows: Callable[[], list[Row]], switch: Callable[[str, bool], object], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Plugins")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._rows, self._switch = rows, switch
        self._shown: list[Row] = []
        self._table = Table(HEADS, self)
        wide = ("matstudio-eds", "0.10.10", "modality diffraction", "matstudio-eds 0.10.10")
        self._view = table_view(self._table, wide)
        self._view.setAccessibleName("Plugins")
        self._view.selectionModel().currentRowChanged.connect(lambda *_: self._allow())
        self.off, self.on = QPushButton("Switch off"), QPushButton("Switch on")
        self.off.clicked.connect(lambda: self._chosen(False))
        self.on.clicked.connect(lambda: self._chosen(True))
        self.on.setToolTip("From the next start of MatStudio on")
        close = QPushButton("Close")
        close.clicked.connect(self.close)
        line = QHBoxLayout()
        line.addWidget(label(f"Your own: {user_folder()}", "dim"), 1)
        for button in (self.off, self.on, close):
            button.setAutoDefault(False)
            line.addWidget(button)
        box = QVBoxLayout(self)
        box.addWidget(self._view)
        box.addLayout(line)
        em = self.fontMetrics().averageCharWidth()
        self.resize(130 * em, 22 * self.fontMetrics().height())
        self._timer = QTimer(self, interval=EVERY_MS)
        self._timer.timeout.connect(self.refresh)
        self._timer.start()
        self.refresh()
        if self._shown:
            self._view.selectRow(0)

    def refresh(self) -> None:
        """Show how they fare now."""
        self._shown = self._rows()
        self._table.set_rows([r.cells for r in self._shown], [(r.level, False) for r in self._shown])
        self._allow()

    def select(self, name: str) -> None:
        """Choose the row of a plugin."""
        self._view.selectRow([r.name for r in self._shown].index(name))

    def _current(self) -> Row | None:
        row = self._view.currentIndex().row()
        return self._shown[row] if 0 <= row < len(self._shown) else None

    def _allow(self) -> None:
        row = self._current()
        self.off.setEnabled(row is not None and row.can_off)
        self.on.setEnabled(row is not None and row.can_on)

    def _chosen(self, on: bool) -> None:
        row = self._current()
        if row is not None:
            self._switch(row.name, on)
            self.refresh()
