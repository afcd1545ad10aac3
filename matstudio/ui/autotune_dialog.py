"""Control > Auto-tune: start and abort the experiment, see what it found, and use it or not. Blocks nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QHBoxLayout, QPushButton, QSpinBox, QVBoxLayout, QWidget

from matstudio.ui.live import Live
from matstudio.ui.parts import label
from matstudio.ui.present import autotune
from matstudio.ui.table import Table, table_view

LINES = (("text", 1.0, "dashed"), ("accent", 1.0, "thin"), ("second", 2.5, "thick"))
"""Colour, width and name of the line of each choice."""
AMPLITUDE = 10
_INTRO = (
    "The heater goes up and down about its present output a few times while the temperature stays near its setpoint. "
    "Begin when the temperature has settled. It ends by itself, and at any fault, change of mode or edit; nothing "
    "changes until you choose settings."
)


class AutotuneDialog(QDialog):
    """The auto-tune of the temperature loop.

    Args:
        parent: the window.
        live: what is known of the run.
        send: sends a command to the station (name, fields).
        why_not: why an auto-tune cannot be started now, or "".
    """

    def __init__(self, parent: QWidget, live: Live, send: Callable[..., object], why_not: Callable[[], str]) -> None:
        from matstudio.widgets.plot import LinePlot

        super().__init__(parent)
        self.setWindowTitle("Auto-tune of the temperature loop")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.NonModal)
        self._live, self._send, self._why_not = live, send, why_not
        self._found: autotune.Found | None = None
        self._shown: dict[str, Any] = {}
        intro = label(_INTRO)
        intro.setWordWrap(True)
        self._amplitude = QSpinBox()
        self._amplitude.setRange(2, 50)
        self._amplitude.setValue(AMPLITUDE)
        self._amplitude.setSuffix(" %")
        self._amplitude.setAccessibleName("How far the heater goes up")
        self._start, self._abort = QPushButton("Start"), QPushButton("Abort")
        self._start.clicked.connect(self._begin)
        self._abort.clicked.connect(lambda: self._send("autotune", action="abort"))
        row = QHBoxLayout()
        row.addWidget(label("Heater up by"))
        row.addWidget(self._amplitude)
        row.addWidget(label("of its range, down by 0.6 of that", "dim"))
        row.addStretch(1)
        row.addWidget(self._start)
        row.addWidget(self._abort)
        self._line, self._model, self._legend = label(), label(), label("", "dim")
        for text in (self._line, self._model, self._legend):
            text.setWordWrap(True)
        self._table = Table(autotune.HEADS, self, numbers=(1, 2, 3, 4, 5))
        self._rows = table_view(self._table, ("proposed, lambda", "Gain / 1/K", "Ti / s 0", "Td / s 0", "unstable"))
        self._rows.setAccessibleName("Settings before and after")
        self._rows.setFixedHeight(5 * (self.fontMetrics().height() + 6))
        self._rows.selectionModel().currentRowChanged.connect(lambda *_: self._allow())
        self._plot = LinePlot()
        self._plot.set_axes("time", "s", "deviation", "K")
        self._plot.setMinimumHeight(11 * self.fontMetrics().height())
        self._use, close = QPushButton("Use the selected settings"), QPushButton("Close")
        self._copy = QPushButton("Copy as [pid]")
        self._copy.setToolTip("The lines for limits.toml, which keeps them for later runs")
        self._copy.clicked.connect(self._to_clipboard)
        self._use.clicked.connect(self._apply)
        close.clicked.connect(self.reject)
        end = QHBoxLayout()
        end.addStretch(1)
        for button in (self._start, self._abort, self._use, self._copy, close):
            button.setAutoDefault(False)
        end.addWidget(self._copy)
        end.addWidget(self._use)
        end.addWidget(close)
        box = QVBoxLayout(self)
        box.addWidget(intro)
        box.addLayout(row)
        for widget in (self._line, self._model, self._rows, self._legend):
            box.addWidget(widget)
        box.addWidget(self._plot, 20)
        box.addStretch(1)  # below the little that there is before it is started
        box.addLayout(end)
        self.resize(84 * self.fontMetrics().averageCharWidth(), 34 * self.fontMetrics().height())
        self.refresh()

    def heard(self, topic: str) -> None:
        """The run has told something."""
        if topic == "status":
            self.refresh()

    def refresh(self) -> None:
        """Show how it stands now."""
        status = self._live.status.get("autotune")
        state = {"tuned": status, "why": self._why_not()}
        if state == self._shown:
            return
        self._shown = state
        new = autotune.present(self._live)
        self._line.setText(new.line or (self._why_not() if not new.running else ""))
        self._start.setEnabled(not new.running and not self._why_not())
        self._amplitude.setEnabled(not new.running)
        self._abort.setEnabled(new.running)
        self._model.setText(new.model)
        before = [c.cells for c in self._found.choices] if self._found else None
        self._found = new
        if [c.cells for c in new.choices] == before:
            return
        self._table.set_rows([c.cells for c in new.choices])
        for widget in (self._model, self._rows, self._legend, self._plot, self._copy, self._use):
            widget.setVisible(bool(new.choices))
        for i, (role, width, _) in enumerate(LINES):
            name = f"choice {i}"
            if i >= len(new.choices):
                self._plot.remove(name)
                continue
            c = new.choices[i]
            self._plot.set_line(name, c.t, c.answer, role, width, dashed=i == 0)
        legend = ", ".join(f"{line}: {c.rule}" for (_, _, line), c in zip(LINES, new.choices, strict=False))
        self._legend.setText(f"After a load of {100 * autotune.LOAD:.0f} % of the heater ({legend})")
        self._plot.show_all()
        if len(new.choices) > 1:
            self._rows.selectRow(1)
        self._allow()

    def _begin(self) -> None:
        self._send("autotune", action="start", amplitude=self._amplitude.value() / 100)

    def _allow(self) -> None:
        c = self._chosen()
        self._copy.setEnabled(c is not None)
        self._use.setEnabled(c is not None and c.rule != "now")

    def _chosen(self) -> autotune.Choice | None:
        row = self._rows.currentIndex().row()
        return self._found.choices[row] if self._found and 0 <= row < len(self._found.choices) else None

    def _to_clipboard(self) -> None:
        c = self._chosen()
        if c is not None:
            QApplication.clipboard().setText(autotune.as_toml(c))

    def _apply(self) -> None:
        c = self._chosen()
        if c is None or c.rule == "now":
            return
        self._send("tune", gain=c.gain, ti=c.ti, td=c.td, why=f"auto-tune, {c.rule}")
        self.accept()
