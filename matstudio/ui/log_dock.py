"""The log: alarms to acknowledge at the left, the audit log's events at the right."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSplitter, QVBoxLayout, QWidget

from matstudio.ui import shelve_dialog
from matstudio.ui.parts import Elided, label
from matstudio.ui.present.alarms import FIRST, HEADS, MARKS, AlarmRow, by_column
from matstudio.ui.present.log import Entry
from matstudio.ui.table import Table, table_view

_ROWS = 1000


class LogView(QWidget):
    """Alarms and events of the run that goes on now; where it `replays` something, they are not the recorded ones."""

    wanted = Signal(str, dict)
    """A command to the station, and its fields."""
    note = Signal()

    def __init__(self, replays: bool = False) -> None:
        super().__init__()
        self._events = Table(("Time", "Who", "What", "Event"), self)
        self._events_view = table_view(self._events, ("00:00:00", "operator", "acknowledge"))
        self._alarm_rows: tuple[AlarmRow, ...] = ()
        self._alarms = Table(HEADS, self)
        self._alarms_view = table_view(self._alarms, ("00:00:00", MARKS["medium"], "shelved, 480 min left", FIRST))
        self._sort: tuple[int | None, bool] = (None, False)
        heads = self._alarms_view.horizontalHeader()
        heads.setSectionsClickable(True)
        heads.sectionClicked.connect(self._sort_by)
        self._alarms_view.selectionModel().selectionChanged.connect(lambda *_: self._tell_buttons())
        self._entries: deque[Entry] = deque(maxlen=_ROWS)
        self._count = Elided()
        self._button, self._all, self._shelve, self._reset = (
            QPushButton(text) for text in ("Acknowledge", "All", "Shelve …", "Reset")
        )
        for made, tip, do in (
            (self._button, "Acknowledge the alarm that is selected, or the first one (F4)", self.acknowledge_next),
            (self._all, "Acknowledge all alarms of the list (Shift+F4)", self.acknowledge_all),
            (
                self._shelve,
                "Put the selected alarm aside for some minutes, or take it back (Ctrl+Shift+S)",
                self.shelve,
            ),
            (self._reset, "Let go of latched alarms; from SAFE to OFF", lambda: self.wanted.emit("reset", {})),
        ):
            made.setToolTip(tip)
            made.clicked.connect(do)
            made.setEnabled(False)
        note = QPushButton("Note …")
        note.setToolTip("Write a line into the audit log")
        note.clicked.connect(self.note)
        left, right = QWidget(), QWidget()
        for widget, name, extra, buttons, view in (
            (
                left,
                "Alarms",
                self._count,
                (self._button, self._all, self._shelve, self._reset),
                self._alarms_view,
            ),
            (
                right,
                "Events",
                Elided(
                    "of this replay, newest first; those that were recorded are in the timeline"
                    if replays
                    else "from the audit log, newest first, without the loop's own writes"
                ),
                (note,),
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
            for button in buttons:
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
        self._entries.extend(fresh)
        self._events.put_on_top([(e.time, e.who, e.kind, e.text) for e in reversed(fresh)], _ROWS)

    def show_alarms(self, rows: tuple[AlarmRow, ...]) -> None:
        """Show the alarms that there are now."""
        rows = by_column(rows, *self._sort)
        if rows == self._alarm_rows:
            return
        chosen = self._chosen()
        self._alarm_rows = rows
        self._alarms.set_rows([r.cells() for r in rows], [(r.level, r.open and bool(r.level)) for r in rows])
        for i, row in enumerate(rows):
            if chosen is not None and row.id == chosen.id:
                self._alarms_view.selectRow(i)
        waiting = sum(r.open for r in rows)
        self._count.set_text(f"{len(rows)}, {waiting} to acknowledge" if rows else "none")
        self._tell_buttons()

    def _sort_by(self, column: int) -> None:
        """By a column, the other way round, and as at first."""
        before, down = self._sort
        self._sort = (column, False) if before != column else (None, False) if down else (column, True)
        heads = self._alarms_view.horizontalHeader()
        heads.setSortIndicatorShown(self._sort[0] is not None)
        order = Qt.SortOrder.DescendingOrder if self._sort[1] else Qt.SortOrder.AscendingOrder
        heads.setSortIndicator(column, order)
        self.show_alarms(self._alarm_rows)

    def _tell_buttons(self) -> None:
        chosen = self._chosen()
        for button in (self._button, self._all):
            button.setEnabled(self.waiting())
        self._shelve.setText("Take back" if chosen is not None and chosen.shelved else "Shelve …")
        self._shelve.setEnabled(self.chosen())
        self._reset.setEnabled(self.latched())

    def event_rows(self) -> list[tuple[str, ...]]:
        """The events as shown, newest first."""
        return self._events.rows()

    def _chosen(self) -> AlarmRow | None:
        selected = self._alarms_view.selectionModel().selectedRows()
        return self._alarm_rows[selected[0].row()] if selected and selected[0].row() < len(self._alarm_rows) else None

    def waiting(self) -> bool:
        """Whether an alarm waits to be acknowledged."""
        return any(r.open for r in self._alarm_rows)

    def latched(self) -> bool:
        """Whether an alarm waits for a reset."""
        return any(r.latched for r in self._alarm_rows)

    def chosen(self) -> bool:
        """Whether an alarm is selected that can be shelved, or is."""
        chosen = self._chosen()
        return chosen is not None and chosen.priority != "urgent"

    def acknowledge_next(self) -> None:
        """Acknowledge the alarm that is selected, or the first that waits for it."""
        chosen = self._chosen()
        if chosen is None or not chosen.open:
            chosen = next((r for r in self._alarm_rows if r.open), None)
        if chosen is not None:
            self.wanted.emit("acknowledge", {"alarm": chosen.id})

    def acknowledge_all(self) -> None:
        """Acknowledge every alarm of the list that waits for it."""
        for row in self._alarm_rows:
            if row.open:
                self.wanted.emit("acknowledge", {"alarm": row.id})

    def shelve(self) -> None:
        """Ask for how long the selected alarm is to be put aside, or take it back."""
        row = self._chosen()
        if row is None:
            return
        if row.shelved:
            self.wanted.emit("unshelve", {"alarm": row.id})
            return
        shelve_dialog.ask(
            self,
            row,
            lambda minutes, reason: self.wanted.emit("shelve", {"alarm": row.id, "minutes": minutes, "reason": reason}),
        )
