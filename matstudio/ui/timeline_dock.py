"""The timeline's dock: buttons above, the canvas at the left, the events as a table at the right."""

from __future__ import annotations

import bisect

from PySide6.QtCore import QModelIndex, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QSplitter, QVBoxLayout, QWidget

from matstudio.ui.parts import Elided, label
from matstudio.ui.present.happenings import Happening
from matstudio.ui.present.status_line import Replay
from matstudio.ui.present.timeline import FILTERS, Timeline
from matstudio.ui.table import Table, table_view
from matstudio.ui.timeline_canvas import TimelineCanvas

SPEEDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_ROWS = 20_000


class TimelineView(QWidget):
    """Draws a `Timeline`; tells what the operator wants. Times are run time, s."""

    seek = Signal(float)
    toggled = Signal()
    stepped = Signal(int)
    jumped = Signal(bool)
    ended = Signal(bool)
    speed = Signal(float)
    filtered = Signal(str)
    chosen = Signal(object)
    note = Signal()
    bookmark = Signal()

    def __init__(self, model: Timeline) -> None:
        super().__init__()
        self.model = model
        self.canvas = TimelineCanvas(model)
        self._shown: list[Happening] = []
        self._drawn = (-1, "")
        self._listed = (-1, "")
        self._taken = 0
        self._table = Table(("Run time", "Clock", "What", "Who and event"), self, cells=model.row)
        self._rows = table_view(self._table, ("00:00:00.0", "00:00:00", "bookmark"))
        self._rows.clicked.connect(self._picked)
        self._rows.activated.connect(self._picked)
        head = QHBoxLayout()
        head.setContentsMargins(4, 0, 0, 0)
        head.setSpacing(4)
        self.play = self._button("Pause", "Play or pause", self.toggled.emit, "Pause")
        back = self._button("− frame", "One frame back", lambda: self.stepped.emit(-1))
        forth = self._button("+ frame", "One frame on", lambda: self.stepped.emit(1))
        self.speeds = QComboBox()
        self.speeds.setAccessibleName("Speed of the replay")
        self.speeds.setToolTip("Speed: seconds of the recording per second")
        for factor in SPEEDS:
            self.speeds.addItem(f"{factor:g}×", factor)
        self.speeds.setCurrentIndex(SPEEDS.index(1.0))
        self.speeds.activated.connect(lambda i: self.speed.emit(SPEEDS[i]))
        self._replaying: list[QWidget] = [self.play, back, forth, self.speeds]
        before = self._button("‹ event", "Previous event that the filter lets through", lambda: self.jumped.emit(False))
        after = self._button("event ›", "Next event that the filter lets through", lambda: self.jumped.emit(True))
        self.filters = QComboBox()
        self.filters.setAccessibleName("Which events are listed and jumped to")
        self.filters.setToolTip("Which events are listed and jumped to")
        for name in FILTERS:
            self.filters.addItem(f"{name} events" if name == "all" else name, name)
        self.filters.activated.connect(lambda i: self.filtered.emit(self.filters.itemData(i)))
        mark = self._button("Bookmark …", "Mark this moment", self.bookmark.emit)
        note = self._button("Note …", "Write a line about this moment", self.note.emit)
        self._where = Elided()
        zoom = [
            self._button("−", "Show more", lambda: self.zoom(True)),
            self._button("All", "Show everything", self.show_all),
            self._button("+", "Show less, in more detail", lambda: self.zoom(False)),
        ]
        for widget in (*self._replaying, before, after, self.filters, mark, note):
            head.addWidget(widget)
        head.addSpacing(6)
        head.addWidget(self._where, 1)
        head.addWidget(label("zoom", "dim"))
        for widget in zoom:
            head.addWidget(widget)
        self._notes = Elided()
        self._notes.hide()
        parts = QSplitter()
        parts.addWidget(self.canvas)
        parts.addWidget(self._rows)
        parts.setStretchFactor(0, 1)
        parts.setSizes([700, 470])
        parts.setChildrenCollapsible(False)
        box = QVBoxLayout(self)
        box.setContentsMargins(2, 0, 2, 2)
        box.setSpacing(3)
        box.addLayout(head)
        box.addWidget(self._notes)
        box.addWidget(parts, 1)
        self.canvas.seek.connect(self.seek)
        self.canvas.chosen.connect(self.chosen)
        self.canvas.stepped.connect(self.stepped)
        self.canvas.jumped.connect(self.jumped)
        self.canvas.toggled.connect(self.toggled)
        self.canvas.ended.connect(self.ended)

    def _button(self, text: str, tip: str, do: object, widest: str = "") -> QPushButton:
        made = QPushButton(text)
        made.setToolTip(tip)
        made.setAccessibleName(tip)
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        made.clicked.connect(lambda _=False: do())  # type: ignore[operator]
        if widest or len(text) == 1:
            made.setFixedWidth(made.fontMetrics().horizontalAdvance(widest or text) + 24)
        return made

    def show_timeline(self, replay: Replay | None, where: str) -> None:
        """Show the model as it is now; `replay` None: a live run, which has nothing to play."""
        for widget in self._replaying:
            widget.setVisible(replay is not None)
        if replay is not None:
            self.play.setText("Pause" if replay.playing else "Play")
            if replay.speed in SPEEDS and not self.speeds.view().isVisible():
                self.speeds.setCurrentIndex(SPEEDS.index(replay.speed))
        notes = replay.notes if replay is not None else ()
        self._notes.set_text("; ".join(notes))
        self._notes.setToolTip("\n".join(notes))
        self._notes.setVisible(bool(notes))
        self._where.set_text(where, dim=False)
        if self._drawn != (self.model.changes, self.model.filter):
            self._drawn = (self.model.changes, self.model.filter)
            self._fill()
            if replay is None:
                self.canvas.renew_when_due(news=True)
            else:
                self.canvas.renew()
        self.follow()

    def follow(self) -> None:
        """Show where we are."""
        self.canvas.follow()
        row = self._row()
        if row is None:
            self._rows.clearSelection()
        elif row != self._rows.currentIndex().row() or not self._rows.selectionModel().hasSelection():
            with QSignalBlocker(self._rows):
                self._rows.selectRow(row)
            self._rows.scrollTo(self._table.index(row, 0))

    def rows(self) -> list[tuple[str, ...]]:
        """The events as listed, newest first."""
        return self._table.rows()

    def _fill(self) -> None:
        """List what has come, on top where it came last."""
        known = self.model.known
        again, self._listed = self._listed, (known.changed, self.model.filter)
        if again != self._listed:
            self._shown = self.model.shown()[:_ROWS]
            self._table.set_rows(self._shown.copy(), [(e.level, False) for e in self._shown])
        elif self._taken < len(known.all):
            fresh = self.model.shown(self._taken)
            self._shown[:0] = fresh
            del self._shown[_ROWS:]
            self._table.put_on_top(fresh, _ROWS, [(e.level, False) for e in fresh])
        self._taken = len(known.all)

    def _row(self) -> int | None:
        """The row that is marked: the event that was chosen, or in a replay the last one before the present place."""
        chosen, shown = self.model.chosen, self._shown
        if chosen is not None and (self.model.live or abs(chosen.t - self.model.now) < 1e-3):
            first = bisect.bisect_left(shown, -chosen.t, key=lambda e: -e.t)
            return next((i for i in range(first, len(shown)) if shown[i] is chosen), None)
        if self.model.live:
            return None
        first = bisect.bisect_left(shown, -self.model.now - 1e-3, key=lambda e: -e.t)
        return first if first < len(shown) else None

    def _picked(self, index: QModelIndex) -> None:
        self.chosen.emit(self._shown[index.row()])

    def zoom(self, out: bool) -> None:
        """Show more time, or less."""
        self.canvas.zoom(1.5 if out else 1 / 1.5)

    def show_all(self) -> None:
        """Show the whole time."""
        self.model.show_all()
        self.canvas.renew()
