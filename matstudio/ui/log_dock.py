"""The log: alarms to acknowledge at the left, the audit log's events at the right."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSplitter, QVBoxLayout, QWidget

from matstudio.ui.parts import Elided, label
from matstudio.ui.present.log import AlarmRow, Entry
from matstudio.ui.table import Table, table_view

_ROWS = 1000


class LogView(QWidget):
    """Alarms and events of the run that goes on now; where it `replays` something, they are not the recorded ones."""

    acknowledge = Signal(str)
    note = Signal()

    def __init__(self, replays: bool = False) -> None:
        super().__init__()
        self._events = Table(("Time", "Who", "What", "Event"), self)
        self._events_view = table_view(self._events, ("00:00:00", "operator", "setpoint"))
        self._alarm_rows: tuple[AlarmRow, ...] = ()
        self._alarms = Table(("Time", "Priority", "State", "Alarm"), self)
        self._alarms_view = table_view(self._alarms, ("00:00:00", "medium", "acknowledged"))
        self._entries: deque[Entry] = deque(maxlen=_ROWS)
        self._count = Elided()
        self._button = QPushButton("Acknowledge")
        self._button.setToolTip("Acknowledge the alarm that is selected, or the first one")
        self._button.clicked.connect(self.acknowledge_next)
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
                Elided(
                    "of this replay, newest first; those that were recorded are in the timeline"
                    if replays
                    else "from the audit log, newest first, without the loop's own writes"
                ),
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
        self._entries.extend(fresh)
        self._events.put_on_top([(e.time, e.who, e.kind, e.text) for e in reversed(fresh)], _ROWS)

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

    def waiting(self) -> bool:
        """Whether an alarm waits to be acknowledged."""
        return any(r.open for r in self._alarm_rows)

    def acknowledge_next(self) -> None:
        """Acknowledge the alarm that is selected, or the first that waits for it."""
        chosen = self._chosen()
        if chosen is None or not chosen.open:
            chosen = next((r for r in self._alarm_rows if r.open), None)
        if chosen is not None:
            self.acknowledge.emit(chosen.id)
