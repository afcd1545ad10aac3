"""Control > Program: a ramp/soak recipe in a table, with a preview against the limits. Blocks nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from matstudio.bus.textfile import config_folder, read_small, write_small
from matstudio.control.program import NEEDS, End, Kind, Program
from matstudio.control.recipe import RecipeError, dump, parse
from matstudio.ui import dialogs
from matstudio.ui.live import Live
from matstudio.ui.parts import label, restyle
from matstudio.ui.present import recipe
from matstudio.ui.present.recipe import FIELDS, HEADS, Draft

WAIT_MS = 200
_ENDS = {End.HOLD: "hold the last setpoint", End.OFF: "OFF"}


class RecipeDialog(QDialog):
    """Edits one recipe.

    Args:
        parent: the window.
        live: what is known of the run: limits, furnace, present setpoint.
        begin: called with the recipe's text to start it.
        why_not: why a program cannot be started now, or "".
    """

    def __init__(self, parent: QWidget, live: Live, begin: Callable[[str], object], why_not: Callable[[], str]) -> None:
        from matstudio.widgets.plot import LinePlot

        super().__init__(parent)
        self.setWindowTitle("Ramp/soak program")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.NonModal)
        self._live, self._begin, self._why_not = live, begin, why_not
        self._program: Program | None = None
        self._name, self._holdback, self._end = QLineEdit(), QLineEdit(), QComboBox()
        self._name.setAccessibleName("Name of the program")
        self._holdback.setAccessibleName("Holdback in K")
        self._holdback.setPlaceholderText("none")
        self._holdback.setFixedWidth(self.fontMetrics().horizontalAdvance("00000.0") + 20)
        self._end.setAccessibleName("What happens at the end")
        for end, text in _ENDS.items():
            self._end.addItem(text, end)
        head = QHBoxLayout()
        for text, widget, stretch in (
            ("Name", self._name, 1),
            ("Holdback / K", self._holdback, 0),
            ("At the end", self._end, 0),
        ):
            head.addWidget(label(text))
            head.addWidget(widget, stretch)
        self._table = QTableWidget(0, len(HEADS))
        self._table.setHorizontalHeaderLabels(HEADS)
        self._table.setAccessibleName("Segments")
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self._table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 12)
        self._table.setMinimumHeight(9 * (self.fontMetrics().height() + 12))
        edit = QHBoxLayout()
        for text, do in (
            ("Add", self._add),
            ("Remove", self._remove),
            ("Up", partial(self._shift, -1)),
            ("Down", partial(self._shift, 1)),
        ):
            edit.addWidget(self._button(text, do))
        edit.addStretch(1)
        edit.addWidget(self._button("Open …", self._ask_open))
        self._save = self._button("Save …", self._ask_save)
        edit.addWidget(self._save)
        self._legend = label("", "dim")
        self._legend.setWordWrap(True)
        self._plot = LinePlot()
        self._plot.set_axes("time", "min", "temperature", "K")
        self._plot.setMinimumHeight(13 * self.fontMetrics().height())
        self._line = label()
        self._line.setWordWrap(True)
        self._line.setMinimumHeight(2 * self.fontMetrics().height())
        self._start = self._button("Start", self._send)
        end_row = QHBoxLayout()
        end_row.addWidget(self._line, 1)
        end_row.addWidget(self._start)
        end_row.addWidget(self._button("Close", self.reject))
        box = QVBoxLayout(self)
        box.addLayout(head)
        box.addWidget(self._table)
        box.addLayout(edit)
        box.addWidget(self._legend)
        box.addWidget(self._plot, 1)
        box.addLayout(end_row)
        self.resize(100 * self.fontMetrics().averageCharWidth(), 42 * self.fontMetrics().height())
        self._later = QTimer(self, interval=WAIT_MS, singleShot=True)
        self._later.timeout.connect(self.check)
        self.fill(recipe.draft(Program("Order", recipe.FIRST, 20.0)))
        for line in (self._name, self._holdback):
            line.textEdited.connect(lambda _: self._later.start())
        self._end.currentIndexChanged.connect(lambda _: self._later.start())
        self._table.itemChanged.connect(lambda _: self._later.start())

    def fill(self, given: Draft) -> None:
        """Show a draft in place of what is there."""
        self._name.setText(given.name)
        self._holdback.setText(given.holdback)
        self._end.setCurrentIndex(self._end.findData(given.end))
        self._table.setRowCount(0)
        for kind, texts in given.rows:
            self._put(self._table.rowCount(), kind, texts)
        self.check()

    def draft(self) -> Draft:
        """What is typed."""
        rows = []
        for row in range(self._table.rowCount()):
            texts = tuple(self._cell(row, c) for c in range(1, len(HEADS)))
            rows.append((self._kind(row), texts))
        return Draft(self._name.text(), self._holdback.text(), self._end.currentData(), tuple(rows))

    def check(self) -> None:
        """Preview what is typed, or say what is wrong with it."""
        self._later.stop()
        try:
            self._program = recipe.program(self.draft(), self._live.limits("temperature"))
        except ValueError as error:
            self._program = None
            self._tell(str(error), "bad")
            self.refresh()
            return
        seen = recipe.look(self._program, self._live)
        text = recipe.summary(self._program, seen, self._live)
        self._tell(text, "caution" if seen is None or seen.notes else "")
        limits = self._live.limits("temperature")
        if seen is not None and limits is not None:
            minutes = seen.t / 60
            self._plot.set_line("setpoint", minutes, seen.setpoint, "second", dashed=True)
            self._plot.set_line("temperature", minutes, seen.temperature, "accent")
            ends = np.array([0.0, minutes[-1]])
            for name, value in (("low", limits.low), ("high", limits.high)):
                self._plot.set_line(name, ends, np.full(2, value), "dim")
            self._legend.setText(
                "Predicted by the furnace as described. Line: temperature, dashed: setpoint, "
                f"grey: limits {limits.low:g} and {limits.high:g} K, rate at most {limits.rate:g} K/s"
            )
            self._plot.show_all()
        self.refresh()

    def heard(self, topic: str) -> None:
        """The run has told something."""
        if topic == "status":
            self.refresh()

    def refresh(self) -> None:
        """Allow what can be done now."""
        why = self._why_not()
        self._save.setEnabled(self._program is not None)
        self._start.setEnabled(self._program is not None and not why)
        self._start.setToolTip(why)

    def load(self, path: Path) -> None:
        """Open a recipe's file, or say why it cannot be used."""
        try:
            self.fill(recipe.draft(parse(read_small(path), str(path))))
        except (RecipeError, ValueError, OSError) as error:
            self._tell(str(error), "bad")

    def store(self, path: Path) -> None:
        """Write the recipe to a file, or say why not."""
        if self._program is None:
            return
        try:
            write_small(path, dump(self._program))
        except OSError as error:
            self._tell(f"{path}: {error.strerror}", "bad")

    def _tell(self, text: str, level: str) -> None:
        self._line.setText(text)
        restyle(self._line, "role", level)

    def _button(self, text: str, do: Callable[[], object]) -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)
        button.clicked.connect(lambda: do())
        return button

    def _put(self, row: int, kind: Kind, texts: tuple[str, ...]) -> None:
        self._table.insertRow(row)
        box = QComboBox()
        for one in Kind:
            box.addItem(one.value, one)
        box.setCurrentIndex(box.findData(kind))
        box.setAccessibleName("What the segment does")
        box.currentIndexChanged.connect(lambda _: self._fit())
        self._table.setCellWidget(row, 0, box)
        for column, text in enumerate(texts, 1):
            item = QTableWidgetItem(text)
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._table.setItem(row, column, item)
        self._fit()

    def _fit(self) -> None:
        """Let only the fields of each kind be typed in."""
        for row in range(self._table.rowCount()):
            needs = NEEDS[self._kind(row)]
            for column, field in enumerate(FIELDS, 1):
                item = self._table.item(row, column)
                if item is None:
                    continue
                if field not in needs:
                    item.setText("")
                    item.setFlags(Qt.ItemFlag.NoItemFlags)
                else:
                    item.setFlags(Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsEnabled)
        self._later.start()

    def _kind(self, row: int) -> Kind:
        box = self._table.cellWidget(row, 0)
        return Kind(box.currentData()) if isinstance(box, QComboBox) else Kind.SOAK

    def _cell(self, row: int, column: int) -> str:
        item = self._table.item(row, column)
        return item.text() if item is not None else ""

    def _add(self) -> None:
        at = self._table.currentRow() + 1 or self._table.rowCount()
        self._put(at, Kind.SOAK, ("", "", "60", "", ""))
        self._table.selectRow(at)

    def _remove(self) -> None:
        row = self._table.currentRow()
        if row >= 0:
            self._table.removeRow(row)
            self._later.start()

    def _shift(self, by: int) -> None:
        row = self._table.currentRow()
        if row < 0 or not 0 <= row + by < self._table.rowCount():
            return
        kind, texts = self.draft().rows[row]
        self._table.removeRow(row)
        self._put(row + by, kind, texts)
        self._table.selectRow(row + by)

    def _ask_open(self) -> None:
        dialogs.open_files(self, "Open a recipe", folder(), lambda paths: self.load(Path(paths[0])))

    def _ask_save(self) -> None:
        self.check()
        if self._program is not None:
            name = "".join(c if c.isalnum() else "-" for c in self._program.name)
            dialogs.save_as(self, "Save the recipe", folder() / f"{name}.toml", "Recipe (*.toml)", self.store)

    def _send(self) -> None:
        self.check()
        if self._program is not None and not self._why_not():
            self._begin(dump(self._program))
            self.accept()


def folder() -> Path:
    """Where recipes lie, made if it can be."""
    path = config_folder() / "recipes"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        return path.parent
    return path
