"""The set-up of real devices: a list of configurations, an editor that says what is wrong, a test, and the confirmation
without which nothing is driven."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QProcess, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QFontDatabase
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QInputDialog,
    QListWidget,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from matstudio.bus.textfile import read_small, write_small
from matstudio.instruments.real.config import Configuration, instruments_folder
from matstudio.ui.parts import Elided, label
from matstudio.ui.present import device_setup as present
from matstudio.ui.table import Table, table_view

CHECK_MS, END_MS = 300, 3000


class DeviceDialog(QDialog):
    """Does not block the window. A test runs in a process of its own, which writes nothing to the device.

    Args:
        confirm: called with a configuration that the operator has confirmed; returns what to say of it.
    """

    def __init__(self, confirm: Callable[[Configuration], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Device set-up")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._confirm = confirm
        self._path: Path | None = None
        self._saved = ""
        self._config: Configuration | None = None
        self._test = present.Test()
        self._probe: QProcess | None = None
        self.files, self.text = QListWidget(), QPlainTextEdit()
        self.files.setAccessibleName("Configurations")
        self.files.currentTextChanged.connect(self._choose)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setAccessibleName("Configuration")
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.textChanged.connect(lambda: self._timer.start())
        self.problem, self.state = Elided(), Elided()
        self.profile = label("")
        self.profile.setWordWrap(True)
        self.profile.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._table = Table(present.HEADS, self, numbers=(1, 4))
        self._view = table_view(self._table, ("temperature", "−0.00000e−00", "e/Å²/s", "quality", "00.00 s", "x" * 24))
        self._view.setAccessibleName("Readings")
        self.new, self.save, self.test, self.arm = (
            QPushButton(text) for text in ("New", "Save", "Test", "Confirm and arm …")
        )
        self._timer = QTimer(self, singleShot=True, interval=CHECK_MS)
        self._timer.timeout.connect(self._check)
        self._lay_out()
        self.refresh()
        if self.files.count():
            self.files.setCurrentRow(0)
        self._check()

    def refresh(self) -> None:
        """List the files that are there."""
        chosen = self._path.name if self._path else ""
        self.files.blockSignals(True)
        self.files.clear()
        self.files.addItems([path.name for path in present.files()])
        for item in self.files.findItems(chosen, Qt.MatchFlag.MatchExactly):
            self.files.setCurrentItem(item)
        self.files.blockSignals(False)

    def begin(self, kind: str, name: str) -> None:
        """Begin a configuration from the example of a kind."""
        path = instruments_folder() / f"{name.removesuffix('.toml')}.toml"
        if path.exists():
            self.state.set_text(f"{path.name} is there already", dim=False)
            return
        self._path, self._saved = path, ""
        self.text.setPlainText(present.example(kind))

    def closeEvent(self, event: QCloseEvent) -> None:
        self._end_test()
        self._timer.stop()
        super().closeEvent(event)

    def _lay_out(self) -> None:
        menu = QMenu(self.new)
        for kind, title in present.TITLES.items():
            menu.addAction(title, lambda k=kind: self._ask_name(k))
        self.new.setMenu(menu)
        self.save.clicked.connect(self._write)
        self.test.clicked.connect(self._toggle)
        self.arm.clicked.connect(self._ask_confirm)
        self._last = QPushButton("Close")
        self._last.clicked.connect(self.close)
        for button in (self.new, self.save, self.test, self.arm, self._last):
            button.setAutoDefault(False)
        left, right = QWidget(), QWidget()
        files = QVBoxLayout(left)
        files.setContentsMargins(0, 0, 0, 0)
        files.addWidget(label("Configurations", "name"))
        files.addWidget(self.files, 1)
        files.addWidget(self.new)
        box = QVBoxLayout(right)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.text, 3)
        box.addWidget(self.problem)
        box.addWidget(label("Holder and limits", "name"))
        box.addWidget(self.profile)
        box.addWidget(label("Test: what the device says; nothing is written to it", "name"))
        box.addWidget(self._view, 2)
        box.addWidget(self.state)
        split = QSplitter()
        split.addWidget(left)
        split.addWidget(right)
        split.setStretchFactor(1, 1)
        em = self.fontMetrics().averageCharWidth()
        split.setSizes([24 * em, 100 * em])
        line = QHBoxLayout()
        line.addWidget(Elided(f"{instruments_folder()}"), 1)
        for button in (self.save, self.test, self.arm, self._last):
            line.addWidget(button)
        whole = QVBoxLayout(self)
        whole.addWidget(split, 1)
        whole.addLayout(line)
        self.resize(130 * em, 46 * self.fontMetrics().height())

    def _choose(self, name: str) -> None:
        if not name:
            return
        self._path = instruments_folder() / name
        try:
            self._saved = read_small(self._path)
        except (OSError, ValueError) as error:
            self._saved = ""
            self.state.set_text(str(error), dim=False)
        self.text.setPlainText(self._saved)

    def _ask_name(self, kind: str) -> None:
        dialog = QInputDialog(self)
        dialog.setWindowTitle("New configuration")
        dialog.setLabelText("Name of its file:")
        dialog.setTextValue(kind)
        dialog.textValueSelected.connect(lambda text: self.begin(kind, text.strip()) if text.strip() else None)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _check(self) -> None:
        text = self.text.toPlainText()
        if self._path is None:
            self._config, problem = None, "Choose a configuration, or begin a new one."
        else:
            self._config, problem = present.check(text, self._path)
        self.problem.set_text(problem or "The configuration is right.", dim=not (problem and self._path))
        rows = present.profile(self._config) if self._config else []
        self.profile.setText("\n".join(f"{title}: {value}" for title, value in rows) or "–")
        if self._config is None or self._config.digest != self._test.digest:
            self._end_test()
            self._table.set_rows([], [])
            self.state.set_text("")
        self._allow()

    def _allow(self) -> None:
        saved = self._path is not None and self._saved == self.text.toPlainText()
        self.save.setEnabled(self._path is not None and not saved)
        self.test.setEnabled(self._config is not None and saved)
        self.test.setText("Test" if self._probe is None else "End test")
        refused = present.refusal(self._config, saved, self._test)
        self.arm.setEnabled(not refused)
        self.arm.setToolTip(refused or "The station may then drive this very device")

    def _write(self) -> None:
        if self._path is None:
            return
        text = self.text.toPlainText()
        try:
            write_small(self._path, text)
        except OSError as error:
            self.state.set_text(f"{self._path.name}: {error.strerror}", dim=False)
            return
        self._saved = text
        self.refresh()
        self._check()
        self.state.set_text(f"{self._path.name} saved")

    def _toggle(self) -> None:
        if self._probe is not None:
            self._end_test()
        elif self._config is not None and self._path is not None:
            self._test = present.Test(self._config.digest)
            self._probe = QProcess(self)
            self._probe.readyReadStandardOutput.connect(self._told)
            self._probe.finished.connect(self._ended)
            self._probe.start(sys.executable, ["-m", "matstudio.instruments.real.probe", str(self._path)])
            self.state.set_text(self._test.line())
        self._allow()

    def _told(self) -> None:
        while self._probe is not None and self._probe.canReadLine():
            line = bytes(self._probe.readLine().data())
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if isinstance(told, dict) and self._config is not None:
                self._test.take(told, self._config)
        rows = [present.row(r) for r in self._test.readings]
        looks = [({"good": "", "stale": "caution"}.get(r[3], "bad"), False) for r in rows]
        self._table.set_rows(rows, looks)
        self.state.set_text(self._test.line(), dim=not self._test.link)
        self._allow()

    def _ended(self, *_: object) -> None:
        if self._probe is not None:
            said = bytes(self._probe.readAllStandardError().data()).decode(errors="replace").strip().splitlines()
            self.state.set_text(said[-1] if said else "the test has ended", dim=False)
            self._end_test()

    def _end_test(self) -> None:
        probe, self._probe = self._probe, None
        if probe is not None:
            probe.readyReadStandardOutput.disconnect(self._told)
            probe.finished.disconnect(self._ended)
            probe.kill()
            probe.waitForFinished(END_MS)
            probe.deleteLater()
            self._allow()

    def _ask_confirm(self) -> None:
        """Show once more what is confirmed, and have it confirmed."""
        if self._config is None:
            return
        box = _Confirmation(self._config, self._agreed, self)
        box.open()

    def _agreed(self, config: Configuration) -> None:
        self._end_test()
        self.state.set_text(self._confirm(config), dim=False)


class _Confirmation(QDialog):
    """What a person confirms, in full; not modal, as HALT must stay in reach."""

    def __init__(self, config: Configuration, done: Callable[[Configuration], object], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Confirm and arm")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(False)
        box = QVBoxLayout(self)
        question = f"Is this the holder that is in {config.name}, and are these its limits?"
        box.addWidget(label(question, "name"))
        for title, value in present.profile(config):
            text = label(f"{title}: {value}")
            text.setWordWrap(True)
            box.addWidget(text)
        note = label(
            "The hardware limiter is the safety function. A change of the file must be confirmed again.", "dim"
        )
        note.setWordWrap(True)
        box.addWidget(note)
        line = QHBoxLayout()
        line.addStretch(1)
        self.agree, cancel = QPushButton("Confirm and arm"), QPushButton("Cancel")
        self.agree.clicked.connect(lambda: (done(config), self.close()))
        cancel.clicked.connect(self.close)
        cancel.setDefault(True)
        for button in (self.agree, cancel):
            line.addWidget(button)
        box.addLayout(line)

    def open(self) -> None:
        """Show it beside the window, not in its way."""
        self.show()
