"""View > Keyboard shortcuts: every action with its key, and another key for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout

from matstudio.ui.parts import label, restyle
from matstudio.ui.present.palette import Entry, find
from matstudio.ui.settings import key_of
from matstudio.ui.table import Table, table_view

if TYPE_CHECKING:
    from matstudio.ui.main_window import MainWindow

HEADS = ("Command", "Menu", "Key", "From the start")
_MODIFIERS = (Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr)


class KeyEdit(QLineEdit):
    """Shows the key that is pressed in it. Keys that must act at once (HALT) are not caught, and those that move
    between fields go on doing so."""

    pressed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setPlaceholderText("press the new key here")
        self.setAccessibleName("New key")
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.urgent: frozenset[str] = frozenset()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            if _key(event) in self.urgent:
                event.ignore()
            else:
                event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = _key(event)
        if not key or event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            event.ignore()
            return
        self.setText(key)
        self.pressed.emit(key)


class ShortcutsDialog(QDialog):
    """Lists every action; what is changed counts at once. It blocks nothing.

    Args:
        window: whose actions.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.setWindowTitle("Keyboard shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.NonModal)
        self._window, self._actions = window, window.actions_
        self._entries: list[Entry] = []
        self._filter = QLineEdit()
        self._filter.setPlaceholderText("a few letters of a command, its menu or its key")
        self._filter.setAccessibleName("Which commands are listed")
        self._filter.textChanged.connect(lambda _: self._fill())
        self._table = Table(HEADS, self)
        self._rows = table_view(
            self._table, ("Setpoint of Composition (Au fraction)", "View › Diffraction", "Ctrl+Shift+H")
        )
        self._rows.selectionModel().currentChanged.connect(lambda *_: self._choose())
        self._what = label("", "name")
        self._edit = KeyEdit()
        self._edit.pressed.connect(lambda _: self._check())
        self._give, self._none = QPushButton("Use it"), QPushButton("No key")
        self._reset, self._reset_all = QPushButton("From the start"), QPushButton("All from the start")
        self._give.clicked.connect(lambda: self._change(self._edit.text()))
        self._none.clicked.connect(lambda: self._change(""))
        self._reset.clicked.connect(self._put_back)
        self._reset_all.clicked.connect(self._put_all_back)
        self._why = label("", "dim")
        self._why.setWordWrap(True)
        close = QPushButton("Close")
        close.clicked.connect(self.reject)
        keys = QHBoxLayout()
        for widget in (self._edit, self._give, self._none, self._reset):
            keys.addWidget(widget)
        keys.setStretch(0, 1)
        end = QHBoxLayout()
        end.addWidget(self._reset_all)
        end.addStretch(1)
        end.addWidget(close)
        box = QVBoxLayout(self)
        box.addWidget(self._filter)
        box.addWidget(self._rows, 1)
        box.addWidget(self._what)
        box.addLayout(keys)
        box.addWidget(self._why)
        box.addLayout(end)
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)
        metrics = self.fontMetrics()
        self.resize(metrics.averageCharWidth() * 105, metrics.height() * 32)
        self._fill()
        self._rows.selectRow(0)

    def choose(self, id: str) -> None:
        """Choose an action."""
        self._rows.selectRow(next(i for i, e in enumerate(self._entries) if e.id == id))

    def line(self) -> str:
        """What is said of the last key."""
        return self._why.text()

    def _fill(self) -> None:
        current = self._current()
        found = [
            Entry(a.id, a.text, a.menu, f"{a.tip} {self._actions.shortcut(a.id)}", self._actions.shortcut(a.id))
            for a in self._actions
        ]
        self._entries = find(self._filter.text(), found)
        rows = [(e.text, e.place, e.key, self._actions[e.id].shortcut) for e in self._entries]
        changed = [("", e.key != self._actions[e.id].shortcut) for e in self._entries]
        self._table.set_rows(rows, changed)
        self._edit.urgent = frozenset(self._actions.shortcut(a.id) for a in self._actions if a.fixed)
        ids = [e.id for e in self._entries]
        if current is not None and current.id in ids:
            self._rows.selectRow(ids.index(current.id))
        elif ids:
            self._rows.selectRow(0)
        self._choose()

    def _current(self) -> Entry | None:
        row = self._rows.currentIndex().row()
        return self._entries[row] if 0 <= row < len(self._entries) else None

    def _choose(self) -> None:
        entry = self._current()
        self._edit.clear()
        self._say("")
        self._what.setText("" if entry is None else f"{entry.text}: {entry.key or 'no key'}")
        fixed = entry is not None and self._actions[entry.id].fixed
        for button in (self._edit, self._give, self._none, self._reset):
            button.setEnabled(entry is not None)
        self._give.setEnabled(False)
        self._none.setEnabled(entry is not None and bool(entry.key) and not fixed)
        self._none.setToolTip(f"{entry.text} must have a key" if entry is not None and fixed else "")
        self._reset.setEnabled(entry is not None and entry.key != self._actions[entry.id].shortcut)
        self._reset_all.setEnabled(bool(self._window.settings.shortcuts))

    def _check(self) -> None:
        """Say at once whether the key can be used."""
        entry = self._current()
        if entry is not None:
            why = self._actions.refusal(entry.id, self._edit.text())
            self._give.setEnabled(not why)
            self._say(why)

    def _change(self, key: str) -> None:
        entry = self._current()
        if entry is None:
            return
        why = self._actions.refusal(entry.id, key)
        if why:
            self._say(why)
            return
        wanted = {**self._window.settings.shortcuts, entry.id: key}
        if key == self._actions[entry.id].shortcut:
            del wanted[entry.id]
        self._window.set_shortcuts(wanted)
        self._fill()
        self._say(f"{entry.text}: {key or 'no key'} from now on", wrong=False)

    def _put_back(self) -> None:
        entry = self._current()
        if entry is not None:
            self._change(self._actions[entry.id].shortcut)

    def _put_all_back(self) -> None:
        self._window.set_shortcuts({})
        self._fill()
        self._say("every key is as it was from the start", wrong=False)

    def _say(self, text: str, *, wrong: bool = True) -> None:
        self._why.setText(text)
        restyle(self._why, "role", "caution" if wrong and text else "dim")


def show(window: MainWindow) -> ShortcutsDialog:
    """Open the dialog, or bring it to the front."""
    found = next((d for d in window.findChildren(ShortcutsDialog) if d.isVisible()), None)
    dialog = found or ShortcutsDialog(window)
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()
    return dialog


def _key(event: QKeyEvent) -> str:
    """The key that is pressed, as a text; "" while only modifiers are."""
    if event.key() in _MODIFIERS or event.key() == Qt.Key.Key_unknown:
        return ""
    return key_of(QKeySequence(event.keyCombination()).toString(QKeySequence.SequenceFormat.PortableText))
