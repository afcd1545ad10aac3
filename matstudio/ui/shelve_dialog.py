"""Asks for how long an alarm is to be shelved, and why."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLineEdit, QWidget

from matstudio.ui.parts import label
from matstudio.ui.present.alarms import SHELVES_MIN, AlarmRow


def ask(parent: QWidget, row: AlarmRow, done: Callable[[int, str], object]) -> QDialog:
    """Ask about one alarm; `done` is called with minutes and reason. Not modal."""
    dialog = QDialog(parent)
    dialog.setWindowTitle("Shelve an alarm")
    form = QFormLayout(dialog)
    text = label(row.text)
    text.setWordWrap(True)
    text.setMinimumWidth(420)
    form.addRow(label(row.mark, "name"), text)
    minutes = QComboBox()
    for m in SHELVES_MIN:
        minutes.addItem(f"{m} min" if m < 60 else f"{m // 60} h", m)
    reason = QLineEdit()
    reason.setMaxLength(200)
    reason.setPlaceholderText("Why it can wait; it stands in the audit log")
    form.addRow("For", minutes)
    form.addRow("Reason", reason)
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
    shelve = buttons.addButton("Shelve", QDialogButtonBox.ButtonRole.AcceptRole)
    shelve.setEnabled(False)
    reason.textChanged.connect(lambda t: shelve.setEnabled(bool(t.strip())))
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    dialog.accepted.connect(lambda: done(int(minutes.currentData()), reason.text().strip()))
    form.addRow(buttons)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowModality(Qt.WindowModality.NonModal)
    dialog.show()
    reason.setFocus()
    return dialog
