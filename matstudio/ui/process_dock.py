"""Process control: a card for each controlled value, the PID's terms, and where a policy's advice comes."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, SignalInstance
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from matstudio.ui.advice_card import AdviceCard
from matstudio.ui.dose_card import DoseCard
from matstudio.ui.live import Live
from matstudio.ui.parts import Bar, Elided, NumberEdit, label, restyle
from matstudio.ui.present import process
from matstudio.ui.present.process import Process, Row, RowState
from matstudio.ui.sequence_card import SequenceCard
from matstudio.widgets.text import number, scaled


class Card(QFrame):
    """One controlled value."""

    setpoint = Signal(str, float)
    output = Signal(str, float)

    def __init__(self, row: Row, live: Live) -> None:
        super().__init__()
        self.setObjectName("card")
        self._row, self._live = row, live
        grid = QGridLayout(self)
        grid.setContentsMargins(9, 6, 9, 7)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(2)
        head = QHBoxLayout()
        self._limits = Elided("", Qt.AlignmentFlag.AlignRight)
        head.addWidget(label(row.title, "name"))
        head.addWidget(self._limits, 1)
        grid.addLayout(head, 0, 0, 1, 5)
        for column, text in ((0, "value"), (1, "setpoint"), (3, "output")):
            grid.addWidget(label(text, "dim"), 1, column)
        unit = "" if row.unit == "1" else row.unit
        self._value = label("–", "name")
        self._value.setFont(scaled(self._value.font(), 1.35, True))
        self._value.setMinimumWidth(self._value.fontMetrics().horizontalAdvance("−00.000"))
        self._edit = NumberEdit(f"{row.title} setpoint" + (f" in {unit}" if unit else ""))
        self._edit.setFixedWidth(self.fontMetrics().horizontalAdvance("00000.00") + 16)
        self._edit.setPlaceholderText("none")
        self._edit.sent.connect(self._send_setpoint)
        grid.addWidget(self._value, 2, 0)
        grid.addWidget(self._edit, 2, 1)
        unit_label = label(unit, "dim")
        unit_label.setMinimumWidth(unit_label.fontMetrics().horizontalAdvance("GPa") + 2)
        grid.addWidget(unit_label, 2, 2)
        self._bar = Bar()
        grid.addWidget(self._bar, 2, 3)
        self._manual: NumberEdit | None = None
        self._output = label("", "dim")
        if row.percent:
            self._manual = NumberEdit(f"{row.actuator} output in %; a write goes to MANUAL")
            self._manual.setFixedWidth(_tail(self))
            self._manual.sent.connect(self._send_output)
            grid.addWidget(self._manual, 2, 4)
        else:
            self._output.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._output.setMinimumWidth(_tail(self))
            grid.addWidget(self._output, 2, 4)
        grid.setColumnStretch(3, 1)
        self._line = Elided()
        grid.addWidget(self._line, 3, 0, 1, 5)
        self._line.hide()

    def show_row(self, state: RowState) -> None:
        """Show what the presenter says."""
        v = state.value
        self._value.setText(number(v.value, self._row.digits))
        restyle(self._value, "role", {"good": "name", "stale": "dim"}.get(v.quality, "bad"))
        restyle(self, "abnormal", "true" if v.quality == "bad" else "false")
        self._limits.set_text(state.limits if v.quality == "good" else f"{v.quality} value")
        self._edit.show_value("" if v.setpoint is None else number(v.setpoint, self._row.digits + self._row.fine))
        self._bar.set_fraction(state.fraction)
        self._output.setText(state.output)
        for edit in (self._edit, self._manual):
            if edit is not None:
                if state.locked:
                    edit.clearFocus()  # otherwise it goes to the next button, which a key would press
                edit.setEnabled(not state.locked)
        if self._manual is not None:
            self._manual.show_value(state.output)

    def refuse(self, text: str) -> None:
        """Show one line below the values; "" takes it away."""
        self._line.set_text(text, dim=False)
        self._line.setVisible(bool(text))

    def accept(self) -> None:
        """What was typed was taken: show what the run says again."""
        self.refuse("")
        for edit in (self._edit, self._manual):
            if edit is not None and edit.edited():
                edit.take_back()

    def begin(self, *, output: bool = False) -> None:
        """Let the operator type a setpoint, or an output."""
        edit = self._manual if output else self._edit
        if edit is not None:
            edit.setFocus(Qt.FocusReason.ShortcutFocusReason)
            edit.selectAll()

    def _send_setpoint(self, text: str) -> None:
        self._send(self.setpoint, self._row.name, text, self._row.unit, 1.0)

    def _send_output(self, text: str) -> None:
        self._send(self.output, self._row.actuator, text, "1", 0.01)

    def _send(self, signal: SignalInstance, name: str, text: str, unit: str, scale: float) -> None:
        try:
            value = process.parse(text, name, unit, self._live.limits(name), scale)
        except ValueError as error:
            self.refuse(str(error))
            return
        self.refuse("")
        signal.emit(name, value)


def _tail(widget: QWidget) -> int:
    """Width of what stands right of the bar."""
    return widget.fontMetrics().horizontalAdvance("0.000 GPa") + 10


class ProcessView(QWidget):
    """Draws a `Process`."""

    setpoint = Signal(str, float)
    output = Signal(str, float)

    def __init__(self, live: Live) -> None:
        super().__init__()
        box = QVBoxLayout(self)
        box.setContentsMargins(2, 2, 2, 2)
        box.setSpacing(6)
        self.cards: dict[str, Card] = {}
        for row in process.ROWS:
            card = Card(row, live)
            card.setpoint.connect(self.setpoint)
            card.output.connect(self.output)
            self.cards[row.name] = card
            box.addWidget(card)
        self.dose = DoseCard()
        self.dose.hide()
        box.addWidget(self.dose)
        self._pid, self._locked = Elided(), Elided()
        self._interlocks = label("", "bad")
        self._interlocks.setWordWrap(True)
        self.sequence, self.advice = SequenceCard(), AdviceCard()
        for widget in (self._pid, self._locked, self._interlocks, self.sequence, self.advice):
            box.addWidget(widget)
        box.addStretch(1)

    def show_process(self, p: Process) -> None:
        """Show what the presenter says."""
        locked = ""
        for name, card in self.cards.items():
            state = p.rows.get(name)
            card.setVisible(state is not None)
            if state is not None:
                card.show_row(state)
                locked = state.locked
        self.dose.show_dose(p.dose)
        self.sequence.show_sequence(p.sequence)
        self._pid.set_text(p.pid)
        self._pid.setVisible(bool(p.pid))
        self._locked.set_text(locked)
        self._locked.setVisible(bool(locked))
        self._interlocks.setText(p.interlocks)
        self._interlocks.setVisible(bool(p.interlocks))

    def card_of(self, name: str) -> Card | None:
        """The card that a setpoint or an output belongs to."""
        return next((self.cards[r.name] for r in process.ROWS if name in (r.name, r.actuator)), None)
