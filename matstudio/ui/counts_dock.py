"""The streams: what became of their frames in the window, the models and the recorder."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from matstudio.ui.present.counts import HEADS, Row
from matstudio.ui.table import Table, table_view

_REMARKS = len(HEADS) - 1


class CountsView(QWidget):
    """Draws the rows of `present.counts`."""

    def __init__(self) -> None:
        super().__init__()
        self._table = Table(HEADS, self, numbers=range(1, _REMARKS))
        self._view = table_view(self._table, ("diffraction", *("1,000,000" for _ in HEADS[1:-1])))
        self._view.setAccessibleName("What became of each stream's frames")
        box = QVBoxLayout(self)
        box.setContentsMargins(2, 0, 2, 2)
        box.addWidget(self._view)

    def show_counts(self, rows: Sequence[Row]) -> None:
        """Show one row a stream."""
        self._table.set_rows([r.cells for r in rows], [(r.level, False) for r in rows])

    def rows(self) -> list[tuple[str, ...]]:
        """What is shown."""
        return self._table.rows()
