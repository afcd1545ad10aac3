"""A table of text, as the docks show it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont, QPalette
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from matstudio.widgets.colours import scheme

_NONE = QModelIndex()
AnyIndex = QModelIndex | QPersistentModelIndex


def _align(right: bool) -> Qt.AlignmentFlag:
    return (Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter


class Table(QAbstractTableModel):
    """Rows of text under fixed headings; columns of `numbers` stand at the right. `cells` makes the text of a row that
    is looked at; without it the rows are the text."""

    def __init__(
        self,
        heads: tuple[str, ...],
        parent: QWidget,
        numbers: Collection[int] = (),
        cells: Callable[[Any], tuple[str, ...]] = tuple,
    ) -> None:
        super().__init__(parent)
        self._heads = heads
        self._numbers = numbers
        self._cells = cells
        self._rows: list[Any] = []
        self._looks: list[tuple[str, bool]] = []

    def rowCount(self, parent: AnyIndex = _NONE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: AnyIndex = _NONE) -> int:
        return 0 if parent.isValid() else len(self._heads)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return self._cells(self._rows[index.row()])[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _align(index.column() in self._numbers)
        if index.row() < len(self._looks):
            level, bold = self._looks[index.row()]
            if role == Qt.ItemDataRole.ForegroundRole and level:
                view = self.parent()
                colours = scheme(view.palette() if isinstance(view, QWidget) else QPalette())
                return colours.bad if level == "bad" else colours.caution
            if role == Qt.ItemDataRole.FontRole and bold:
                font = QFont()
                font.setBold(True)
                return font
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return self._heads[section]
            if role == Qt.ItemDataRole.TextAlignmentRole:
                return _align(section in self._numbers)
        return None

    def set_rows(self, rows: list[Any], looks: Sequence[tuple[str, bool]] = ()) -> None:
        """Show these rows instead; `looks`: of each row its level ("", "caution", "bad") and whether it is bold."""
        if (rows, list(looks)) == (self._rows, self._looks):
            return
        if len(rows) == len(self._rows):  # whoever reads keeps his place
            self._rows, self._looks = rows, list(looks)
            if rows:
                self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(self._heads) - 1))
            return
        self.beginResetModel()
        self._rows, self._looks = rows, list(looks)
        self.endResetModel()

    def put_on_top(self, rows: list[Any], most: int, looks: Sequence[tuple[str, bool]] = ()) -> None:
        """Add rows, looks as in `set_rows`, before the first; beyond `most` the last go. Whoever reads further down
        keeps his place."""
        rows = rows[:most]
        if len(self._rows) + len(rows) > most:
            self.beginRemoveRows(_NONE, most - len(rows), len(self._rows) - 1)
            del self._rows[most - len(rows) :], self._looks[most - len(rows) :]
            self.endRemoveRows()
        if rows:
            self.beginInsertRows(_NONE, 0, len(rows) - 1)
            self._rows[:0] = rows
            if looks or self._looks:
                self._looks[:0] = list(looks[:most]) or [("", False)] * len(rows)
            self.endInsertRows()

    def rows(self) -> list[tuple[str, ...]]:
        """What is shown."""
        return [self._cells(row) for row in self._rows]

    def row(self, index: int) -> Any:
        """A row as it was given."""
        return self._rows[index]


def table_view(model: Table, widths: Sequence[str]) -> QTableView:
    """A view of a table; each column but the last is as wide as its sample of text."""
    view = QTableView()
    view.setModel(model)
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.verticalHeader().hide()
    view.verticalHeader().setDefaultSectionSize(view.fontMetrics().height() + 4)
    view.verticalHeader().setMinimumSectionSize(view.fontMetrics().height() + 2)
    view.horizontalHeader().setHighlightSections(False)
    for column, sample in enumerate(widths):
        view.setColumnWidth(column, view.fontMetrics().horizontalAdvance(sample) + 16)
    view.horizontalHeader().setStretchLastSection(True)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    return view
