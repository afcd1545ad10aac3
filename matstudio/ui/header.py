"""The header: who is connected, mode, figures, REC, alarms, HALT."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from matstudio.domain.process import Mode
from matstudio.ui.parts import Elided, label, restyle
from matstudio.ui.present.header import CHOICES, FIGURES, Header
from matstudio.widgets.text import scaled
from matstudio.widgets.value import ValueLabel

_GAP = 8
_SPARE = ("pressure", "composition")


class BoxButton(QPushButton):
    """A button with a bold line and a small one below."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName("box")
        self.setAccessibleName(name)
        self._lines = ("", "")
        self._dot: QColor | None = None
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)

    def set_lines(self, first: str, second: str, *, dot: QColor | None = None) -> None:
        """Show two lines, and a filled dot before the first."""
        if (first, second) == self._lines and dot == self._dot:
            return
        self._lines, self._dot = (first, second), dot
        self.setAccessibleDescription(f"{first}, {second}")
        self.setToolTip(second)
        self.updateGeometry()
        self.update()

    def lines(self) -> tuple[str, str]:
        """The two lines."""
        return self._lines

    def sizeHint(self) -> QSize:
        least, second = self.minimumSizeHint(), QFontMetricsF(scaled(self.font(), 0.85))
        width = min(second.horizontalAdvance(self._lines[1]), 260) + 24
        return QSize(max(least.width(), int(width)), least.height())

    def minimumSizeHint(self) -> QSize:
        """Room for the first line; the second may be cut."""
        one, two = QFontMetricsF(scaled(self.font(), 1.0, True)), QFontMetricsF(scaled(self.font(), 0.85))
        width = max(one.horizontalAdvance(self._lines[0]) + one.height(), 84)
        return QSize(int(width) + 24, int(one.height() + two.height()) + 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        first, second = scaled(self.font(), 1.0, True), scaled(self.font(), 0.85)
        colour = self.palette().buttonText().color()
        painter.setPen(colour)
        painter.setFont(first)
        metrics = painter.fontMetrics()
        left, top = 11, (self.height() - metrics.height() * 1.85) / 2
        if self._dot is not None:
            size = metrics.ascent() * 0.75
            painter.setBrush(self._dot)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawEllipse(int(left), int(top + (metrics.height() - size) / 2), int(size), int(size))
            painter.setPen(colour)
            left += int(size) + 6
        painter.drawText(left, int(top + metrics.ascent()), self._lines[0])
        colour.setAlphaF(0.8)
        painter.setPen(colour)
        painter.setFont(second)
        small = painter.fontMetrics()
        text = small.elidedText(self._lines[1], Qt.TextElideMode.ElideRight, self.width() - 20)
        painter.drawText(11, int(top + metrics.height() + small.ascent()), text)
        painter.end()


class HaltButton(QPushButton):
    """Tells of HALT when it is pressed, not when it is let go, and before it or anything else is painted."""

    halted = Signal()

    def __init__(self) -> None:
        super().__init__("HALT")
        self._told = False
        self.clicked.connect(self._clicked)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._told = True
            self.halted.emit()
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        self._told = False

    def _clicked(self) -> None:
        if not self._told:  # by the keyboard, or by who helps the operator
            self.halted.emit()


class Banner(QWidget):
    """Says that this is no instrument. Paints itself from two fixed colours, so that no theme hides it."""

    INK, PAPER = QColor("#ffffff"), QColor("#44598a")

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.hide()

    def set_text(self, text: str) -> None:
        """Show the line; "" only where the device is a real instrument."""
        self._text = text
        self.setAccessibleName(text)
        self.setMinimumWidth(self.fontMetrics().horizontalAdvance(text) * 5 // 4)
        self.setVisible(bool(text))
        self.update()

    def text(self) -> str:
        """The line."""
        return self._text

    def sizeHint(self) -> QSize:
        return QSize(self.minimumWidth(), self.fontMetrics().height() + 6)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.PAPER)
        painter.setPen(self.INK)
        painter.setFont(scaled(self.font(), 0.95, True))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._text)
        painter.end()


class HeaderView(QFrame):
    """Draws a `Header`; tells what was pressed."""

    mode_wanted = Signal(str)
    take_over = Signal()
    halt = Signal()
    record = Signal()
    alarms = Signal()

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__()
        self.setObjectName("header")
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 12, 6)
        row.setSpacing(12)
        row.addLayout(self._device())
        row.addLayout(self._modes())
        self._figures = {key: ValueLabel(title, unit, digits) for key, title, unit, digits in FIGURES}
        self._here: set[str] = set(self._figures)
        figures = self._figure_row = QHBoxLayout()
        figures.setSpacing(_GAP)
        for figure in self._figures.values():
            figures.addWidget(figure)
        row.addStretch(1)
        row.addLayout(figures)
        row.addStretch(1)
        row.addLayout(self._buttons())
        self.set_keys(keys)
        row.setSizeConstraint(QHBoxLayout.SizeConstraint.SetNoConstraint)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        """Room for all but the figures that may be left out."""
        least, figures = self._row.minimumSize(), self._figure_row.minimumSize()  # both may be from before a change
        needed = sum(self._room(key) for key, f in self._figures.items() if key not in _SPARE and not f.isHidden())
        return QSize(least.width() - figures.width() + needed, least.height())

    def sizeHint(self) -> QSize:
        return self.minimumSizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _room(self, key: str) -> int:
        return self._figures[key].sizeHint().width() + _GAP

    def _fit(self) -> None:
        """Leave out the figures that stand in the process control too where the window is narrow."""
        boxes = sum(b.sizeHint().width() - b.minimumSizeHint().width() for b in (self._rec, self._alarms))
        room = self.width() - self.minimumSizeHint().width() - boxes
        for key in _SPARE:
            if key in self._here:
                room -= self._room(key)
            self._figures[key].setVisible(key in self._here and room >= 0)

    def _device(self) -> QVBoxLayout:
        box = QVBoxLayout()
        box.setSpacing(1)
        self._name, self._line = Elided("MatStudio"), label("", "dim")
        self._name.setFont(scaled(self._name.font(), 1.25, True))
        self._name.setMinimumWidth(self.fontMetrics().horizontalAdvance("station silent 00.0 s") + 4)
        self._name.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        box.addStretch(1)
        box.addWidget(self._name)
        box.addWidget(self._line)
        box.addStretch(1)
        return box

    def set_keys(self, keys: Mapping[str, str]) -> None:
        """The shortcuts of "take_over" and "halt", for the tool tips."""
        self._take_over.setToolTip(f"MANUAL at once, outputs stay as they are ({keys['take_over']})")
        self._halt.setToolTip(f"Make everything safe at once, latched until reset ({keys['halt']})")

    def _modes(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(3)
        grid.setVerticalSpacing(2)
        self._buttons_by_mode: dict[Mode, QPushButton] = {}
        for i, mode in enumerate(CHOICES):
            button = QPushButton(mode.value)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setToolTip(f"Ask the station for {mode.value}")
            button.clicked.connect(lambda _=False, m=mode: self._mode_pressed(m))
            grid.addWidget(button, 0, i)
            self._buttons_by_mode[mode] = button
        grid.setColumnMinimumWidth(len(CHOICES), 6)
        self._take_over = QPushButton("TAKE OVER")
        self._take_over.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._take_over.clicked.connect(self.take_over)
        grid.addWidget(self._take_over, 0, len(CHOICES) + 1)
        self._mode = label("Mode –", "name")
        self._why = Elided()
        self._why.setMinimumWidth(60)
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self._mode)
        line.addWidget(self._why, 1)
        grid.addLayout(line, 1, 0, 1, len(CHOICES) + 2)
        return grid

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._rec, self._alarms = BoxButton("Record"), BoxButton("Alarms")
        self._halt = HaltButton()
        self._halt.setObjectName("halt")
        self._halt.setFont(scaled(self._halt.font(), 1.5, True))
        self._halt.setMinimumSize(96, 46)
        self._halt.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.MinimumExpanding)
        pressed = (self._rec, self._rec.clicked), (self._alarms, self._alarms.clicked), (self._halt, self._halt.halted)
        for (button, signal), wanted in zip(pressed, (self.record, self.alarms, self.halt), strict=True):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            signal.connect(wanted)
            row.addWidget(button)
        return row

    def show_header(self, h: Header) -> None:
        """Show what the presenter says."""
        self._name.set_text(h.name, dim=False)
        self._line.setText(h.line)
        restyle(self._line, "role", h.line_level or "dim")
        for mode, button in self._buttons_by_mode.items():
            button.setChecked(mode is h.chosen)
            button.setEnabled(h.settable)
        self._take_over.setEnabled(h.settable)
        self._mode.setText(f"Mode {h.mode}")
        restyle(self._mode, "role", h.mode_level or "name")
        self._why.set_text(h.why)
        for key, figure in self._figures.items():
            value = h.figures.get(key)
            if key not in _SPARE:
                figure.setVisible(value is not None)
            if value is not None:
                figure.set_value(value.value, value.sigma, value.setpoint, value.age, value.quality)
        self._here = set(h.figures)
        self._rec.set_lines(h.rec, h.rec_line, dot=QColor("#e04a42") if h.recording else None)
        restyle(self._rec, "level", h.rec_level)
        self._alarms.set_lines(h.alarms, h.alarms_line)
        restyle(self._alarms, "level", h.alarms_level)
        self._fit()

    def _mode_pressed(self, mode: Mode) -> None:
        button = self._buttons_by_mode[mode]
        button.setChecked(not button.isChecked())  # what is on is said by the station, not by the click
        self.mode_wanted.emit(mode.value)
