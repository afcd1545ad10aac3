"""The command palette: every action of the window, found by a few letters and run by Enter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from matstudio.ui.actions import Actions
from matstudio.ui.parts import Elided
from matstudio.ui.present.palette import Entry, find

ID = "view.palette"
ROWS = 12
_ENTRY = Qt.ItemDataRole.UserRole
_MOVES = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -ROWS, Qt.Key.Key_PageDown: ROWS}
_NONE = QModelIndex()
AnyIndex = QModelIndex | QPersistentModelIndex


class _Model(QAbstractListModel):
    """The entries that are listed."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.entries: list[Entry] = []

    def set_entries(self, entries: list[Entry]) -> None:
        """List these."""
        if [e.id for e in entries] == [e.id for e in self.entries]:
            self.entries = entries
            if entries:
                self.dataChanged.emit(self.index(0), self.index(len(entries) - 1))
            return
        self.beginResetModel()
        self.entries = entries
        self.endResetModel()

    def rowCount(self, parent: AnyIndex = _NONE) -> int:
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        entry = self.entries[index.row()]
        if role == _ENTRY:
            return entry
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return ", ".join(part for part in (entry.text, entry.place, entry.key, entry.why) if part)
        return None


class _Delegate(QStyledItemDelegate):
    """Text at the left, where it stands in the menus beside it, the key or what is missing at the right."""

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        return QSize(100, option.fontMetrics.height() + 8)  # type: ignore[attr-defined]

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        entry: Entry = index.data(_ENTRY)
        box: QRect = option.rect  # type: ignore[attr-defined]
        palette: QPalette = option.palette  # type: ignore[attr-defined]
        metrics = option.fontMetrics  # type: ignore[attr-defined]
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)  # type: ignore[attr-defined]
        painter.save()
        if chosen:
            painter.fillRect(box, palette.highlight())
        plain, dim = palette.text().color(), palette.placeholderText().color()
        box = box.adjusted(10, 0, -10, 0)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        tail = entry.why or entry.key
        painter.setPen(plain if chosen or (tail and not entry.why) else dim)
        painter.drawText(box, right, tail)
        box.setRight(box.right() - metrics.horizontalAdvance(tail) - 14)
        text = entry.text if entry.on is None else f"{'✓' if entry.on else '–'}  {entry.text}"
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        painter.setPen(dim if entry.why else plain)
        painter.drawText(box, left, text)
        box.setLeft(box.left() + metrics.horizontalAdvance(text) + 14)
        painter.setPen(plain if chosen else dim)
        if box.width() > 40:
            painter.drawText(box, left, metrics.elidedText(entry.place, Qt.TextElideMode.ElideRight, box.width()))
        painter.restore()


class _Line(QLineEdit):
    """What is typed; tells of the keys that are for the list."""

    moved = Signal(int)
    ended = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _MOVES:
            self.moved.emit(_MOVES[Qt.Key(event.key())])
        elif event.key() == Qt.Key.Key_Escape:
            self.ended.emit()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and event.key() in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):  # type: ignore[attr-defined]
            self.moved.emit(1 if event.key() == Qt.Key.Key_Tab else -1)  # type: ignore[attr-defined]
            return True
        return super().event(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() not in (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason):
            self.ended.emit()


class Palette(QFrame):
    """Lies over the docks while it is open; the window goes on below it, and every shortcut works.

    Args:
        window: over which it lies. below: its upper edge stays below this one.
    """

    wanted = Signal(str)
    """Id of the action that is to be run."""

    def __init__(self, window: QWidget, below: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("palette")
        self._window, self._below = window, below
        self._actions: Actions | None = None
        self._before: QWidget | None = None
        self._line = _Line()
        self._line.setPlaceholderText("What is to be done? A few letters, arrows, Enter; Esc closes")
        self._line.setAccessibleName("Command")
        self._line.textChanged.connect(lambda _: self._search())
        self._line.moved.connect(self._move)
        self._line.ended.connect(self.close_palette)
        self._line.returnPressed.connect(self._run)
        self._model = _Model(self)
        self._list = QListView()
        self._list.setModel(self._model)
        self._list.setItemDelegate(_Delegate(self._list))
        self._list.setUniformItemSizes(True)
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setAccessibleName("Commands that fit")
        self._list.clicked.connect(self._clicked)
        self._tip = Elided()
        box = QVBoxLayout(self)
        box.setContentsMargins(8, 8, 8, 6)
        box.setSpacing(5)
        box.addWidget(self._line)
        box.addWidget(self._list)
        box.addWidget(self._tip)
        self._list.selectionModel().currentChanged.connect(lambda *_: self._tell())
        window.installEventFilter(self)
        self.hide()

    def open_palette(self, actions: Actions) -> None:
        """Open it on these actions, or close it where it is open."""
        if self.isVisible():
            self.close_palette()
            return
        self._actions = actions
        self._before = QApplication.focusWidget()
        self._line.clear()
        self._place()
        self.show()
        self.raise_()
        self._search()
        self._line.setFocus(Qt.FocusReason.OtherFocusReason)

    def close_palette(self) -> None:
        """Close it; the focus goes back to where it was."""
        if not self.isVisible():
            return
        before, self._before = self._before, None
        focused = self._line.hasFocus()
        self.hide()
        if focused and before is not None and before.isVisible():
            before.setFocus(Qt.FocusReason.OtherFocusReason)

    def refresh(self) -> None:
        """Ask again what can be used, where it is open."""
        if self.isVisible():
            self._model.set_entries(self._found())
            self._tell()

    def entries(self) -> Sequence[Entry]:
        """What is listed, best first."""
        return tuple(self._model.entries)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._window and event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return False

    def _found(self) -> list[Entry]:
        actions = self._actions
        if actions is None:
            return []
        entries = [
            Entry(
                a.id,
                a.text,
                a.menu,
                a.tip,
                actions.shortcut(a.id),
                actions.why_not(a.id),
                None if a.checked is None else a.checked(),
            )
            for a in actions
            if a.id != ID
        ]
        return find(self._line.text(), entries, actions.recent)

    def _search(self) -> None:
        self._model.set_entries(self._found())
        self._list.setCurrentIndex(self._model.index(0))
        self._tell()

    def _move(self, rows: int) -> None:
        last = self._model.rowCount() - 1
        at = self._list.currentIndex().row() + rows
        at = (last if at < 0 else 0) if abs(rows) == 1 and not 0 <= at <= last else min(max(at, 0), last)
        self._list.setCurrentIndex(self._model.index(at))

    def _current(self) -> Entry | None:
        row = self._list.currentIndex().row()
        return self._model.entries[row] if 0 <= row < len(self._model.entries) else None

    def _tell(self) -> None:
        """Say more of the entry that is chosen."""
        entry = self._current()
        if entry is None:
            self._tip.set_text("no command fits" if self._line.text().strip() else "")
        elif entry.why:
            self._tip.set_text(f"{entry.text} {entry.why}")
        else:
            self._tip.set_text(entry.tip)

    def _clicked(self, index: QModelIndex) -> None:
        self._list.setCurrentIndex(index)
        self._run()

    def _run(self) -> None:
        entry = self._current()
        if entry is None:
            return
        if self._actions is not None and self._actions.why_not(entry.id):
            self.refresh()
            return
        self.close_palette()
        self.wanted.emit(entry.id)

    def _place(self) -> None:
        """In the middle, below the header."""
        metrics, window = self.fontMetrics(), self._window
        width = min(metrics.averageCharWidth() * 88, window.width() - 24)
        top = self._below.mapTo(window, self._below.rect().bottomLeft()).y() + 8
        self._list.setFixedHeight(min((metrics.height() + 8) * ROWS + 2, window.height() - top - metrics.height() * 8))
        self.resize(width, self.sizeHint().height())
        self.move((window.width() - width) // 2, top)
