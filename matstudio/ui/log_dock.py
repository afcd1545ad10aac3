"""The log: alarms to acknowledge at the left, the audit log's events at the right."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QFont, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from matstudio.ui.parts import Elided, label
from matstudio.ui.present.log import AlarmRow, Entry
from matstudio.widgets.colours import scheme

_ROWS = 1000
_NONE = QModelIndex()
AnyIndex = QModelIndex | QPersistentModelIndex


class Table(QAbstractTableModel):
    """Rows of text under fixed headings."""

    def __init__(self, heads: tuple[str, ...], parent: QWidget) -> None:
        super().__init__(parent)
        self._heads = heads
        self._rows: list[tuple[str, ...]] = []
        self._looks: list[tuple[str, bool]] = []

    def rowCount(self, parent: AnyIndex = _NONE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: AnyIndex = _NONE) -> int:
        return 0 if parent.isValid() else len(self._heads)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return self._rows[index.row()][index.column()]
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
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._heads[section]
        return None

    def set_rows(self, rows: list[tuple[str, ...]], looks: Sequence[tuple[str, bool]] = ()) -> None:
        """Show these rows instead; `looks`: of each row its level ("", "caution", "bad") and whether it is bold."""
        if (rows, list(looks)) == (self._rows, self._looks):
            return
        self.beginResetModel()
        self._rows, self._looks = rows, list(looks)
        self.endResetModel()

    def rows(self) -> list[tuple[str, ...]]:
        """What is shown."""
        return self._rows


def _view(model: Table, widths: Sequence[str]) -> QTableView:
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
    view.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    for column, sample in enumerate(widths):
        view.setColumnWidth(column, view.fontMetrics().horizontalAdvance(sample) + 16)
    view.horizontalHeader().setStretchLastSection(True)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    return view


class LogView(QWidget):
    """Alarms and events."""

    acknowledge = Signal(str)
    note = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._events = Table(("Time", "Who", "What", "Event"), self)
        self._events_view = _view(self._events, ("00:00:00", "operator", "setpoint"))
        self._alarm_rows: tuple[AlarmRow, ...] = ()
        self._alarms = Table(("Time", "Priority", "State", "Alarm"), self)
        self._alarms_view = _view(self._alarms, ("00:00:00", "medium", "acknowledged"))
        self._entries: deque[Entry] = deque(maxlen=_ROWS)
        self._count = Elided()
        self._button = QPushButton("Acknowledge")
        self._button.setToolTip("Acknowledge the alarm that is selected, or the first one")
        self._button.clicked.connect(self._acknowledge)
        self._button.setEnabled(False)
        note = QPushButton("Note …")
        note.setToolTip("Write a line into the audit log")
        note.clicked.connect(self.note)
        left, right = QWidget(), QWidget()
        for widget, name, extra, button, view in (
            (left, "Alarms", self._count, self._button, self._alarms_view),
            (
                right,
                "Events",
                Elided("from the audit log, newest first, without the loop's own writes"),
                note,
                self._events_view,
            ),
        ):
            box = QVBoxLayout(widget)
            box.setContentsMargins(0, 0, 0, 0)
            box.setSpacing(3)
            head = QHBoxLayout()
            head.setContentsMargins(4, 0, 0, 0)
            head.addWidget(label(name, "name"))
            head.addWidget(extra, 1)
            head.addWidget(button)
            box.addLayout(head)
            box.addWidget(view, 1)
        splitter = QSplitter()
        splitter.addWidget(left)
        splitter.addWidget(right)
        splitter.setStretchFactor(0, 1)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([1000, 1000])
        splitter.setChildrenCollapsible(False)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(2, 0, 2, 2)
        outer.addWidget(splitter)

    def add(self, entries: Sequence[Entry]) -> None:
        """Show more events; what is shown already (the same number) is left out."""
        known = {e.n for e in self._entries if e.n}
        fresh = [e for e in entries if not e.n or e.n not in known]
        if fresh:
            self._entries.extend(fresh)
            self._events.set_rows([(e.time, e.who, e.kind, e.text) for e in reversed(self._entries)])

    def show_alarms(self, rows: tuple[AlarmRow, ...]) -> None:
        """Show the alarms that there are now."""
        if rows == self._alarm_rows:
            return
        chosen = self._chosen()
        self._alarm_rows = rows
        table = [(r.time, r.priority, r.state, r.text) for r in rows]
        self._alarms.set_rows(table, [(r.level, r.open and bool(r.level)) for r in rows])
        for i, row in enumerate(rows):
            if chosen is not None and row.id == chosen.id:
                self._alarms_view.selectRow(i)
        waiting = sum(r.open for r in rows)
        self._button.setEnabled(waiting > 0)
        self._count.set_text(f"{len(rows)}, {waiting} to acknowledge" if rows else "none")

    def event_rows(self) -> list[tuple[str, ...]]:
        """The events as shown, newest first."""
        return self._events.rows()

    def _chosen(self) -> AlarmRow | None:
        selected = self._alarms_view.selectionModel().selectedRows()
        return self._alarm_rows[selected[0].row()] if selected else None

    def _acknowledge(self) -> None:
        chosen = self._chosen()
        if chosen is None or not chosen.open:
            chosen = next((r for r in self._alarm_rows if r.open), None)
        if chosen is not None:
            self.acknowledge.emit(chosen.id)
