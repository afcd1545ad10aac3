"""Questions to the operator. None of them is modal: HALT and take-over are never behind a dialog."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFileDialog, QInputDialog, QMessageBox, QWidget

D = TypeVar("D", bound=QDialog)


def line(
    parent: QWidget, title: str, question: str, done: Callable[[str], object], *, empty: bool = False
) -> QInputDialog:
    """Ask for a line of text; `done` is called with it unless it is empty (and may not be) or the operator cancels."""
    dialog = QInputDialog(parent)
    dialog.setWindowTitle(title)
    dialog.setLabelText(question)
    dialog.textValueSelected.connect(lambda text: done(text.strip()) if empty or text.strip() else None)
    return _show(dialog)


def save_as(parent: QWidget, title: str, start: Path, kind: str, done: Callable[[Path], object]) -> QFileDialog:
    """Ask for a file to write; `kind` as "NeXus (*.nxs)", several joined with ";;".

    A name without an ending gets that of the kind that is chosen.
    """
    dialog = QFileDialog(parent, title, str(start.parent), kind)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix(start.suffix.removeprefix("."))
    dialog.selectFile(start.name)
    dialog.filterSelected.connect(lambda chosen: dialog.setDefaultSuffix(re.findall(r"\*\.(\w+)", chosen)[0]))
    dialog.fileSelected.connect(lambda path: done(Path(path)))
    return _show(dialog)


def open_files(parent: QWidget, title: str, folder: Path, done: Callable[[list[str]], object]) -> QFileDialog:
    """Ask for one or more files to read."""
    dialog = QFileDialog(parent, title, str(folder))
    dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
    dialog.filesSelected.connect(done)
    return _show(dialog)


def replacing(parent: QWidget, what: str, done: Callable[[], object]) -> QMessageBox:
    """Ask whether the run is to end for files that are opened; `done` is called if so."""
    box = QMessageBox(parent)
    box.setWindowTitle("MatStudio")
    box.setText(f"Stop this run and open {what}?")
    box.setInformativeText("The run is in OFF and is not being recorded. Its window and its log close with it.")
    agreed = box.addButton("Stop and open", QMessageBox.ButtonRole.AcceptRole)
    cancel = box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(cancel)
    box.setEscapeButton(cancel)
    agreed.clicked.connect(lambda: done())
    return _show(box)


def leaving(parent: QWidget, done: Callable[[bool], object], also: str = "") -> QMessageBox:
    """Ask what becomes of the run; `done` is called with whether it goes on, or not at all. `also`: what closing the
    window means besides."""
    box = QMessageBox(parent)
    box.setWindowTitle("MatStudio")
    box.setText("Keep the run going?")
    box.setInformativeText(
        "Kept running, control and recording go on without a window; a new window attaches to them.\n"
        "Stopped, everything is made safe and the recording is closed." + (f"\n\nEither way: {also}" if also else "")
    )
    keep = box.addButton("Keep running", QMessageBox.ButtonRole.AcceptRole)
    stop = box.addButton("Stop the run", QMessageBox.ButtonRole.DestructiveRole)
    cancel = box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(cancel)
    keep.clicked.connect(lambda: done(True))
    stop.clicked.connect(lambda: done(False))
    return _show(box)


def _show(dialog: D) -> D:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowModality(Qt.WindowModality.NonModal)
    dialog.show()
    return dialog
