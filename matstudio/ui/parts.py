"""Small parts that several docks are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetricsF, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QDockWidget,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QStyle,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from matstudio.ui.present.processes import State


def label(text: str = "", role: str = "") -> QLabel:
    """A label; `role` ("dim", "name", "caution", "bad") is what the theme knows it by."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        made.setProperty("role", role)
    return made


def restyle(widget: QWidget, name: str, value: object) -> None:
    """Set a property that the style sheet selects by."""
    if widget.property(name) == value:
        return
    widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)
    for child in widget.findChildren(QLabel):
        child.style().unpolish(child)
        child.style().polish(child)


class Elided(QWidget):
    """One line of text that gives way: what does not fit is cut with an ellipsis and shown in the tool tip."""

    def __init__(self, text: str = "", align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft) -> None:
        super().__init__()
        self._text, self._align, self._dim = text, align, True
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def set_text(self, text: str, *, dim: bool = True) -> None:
        """Show a line."""
        if (text, dim) == (self._text, self._dim):
            return
        self._text, self._dim = text, dim
        self.updateGeometry()
        self.setToolTip(text)
        self.setAccessibleName(text)
        self.update()

    def text(self) -> str:
        """The whole line."""
        return self._text

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(self.font())
        return QSize(int(metrics.horizontalAdvance(self._text)) + 2, int(metrics.height()) + 1)

    def minimumSizeHint(self) -> QSize:
        return QSize(20, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colour = self.palette().windowText().color()
        if self._dim:
            colour.setAlphaF(0.65)
        painter.setPen(colour)
        text = QFontMetricsF(self.font()).elidedText(self._text, Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), self._align | Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()


class Bar(QWidget):
    """A grey bar: how much of its range an output has, or how much of some work is done."""

    def __init__(self) -> None:
        super().__init__()
        self._fraction = math.nan
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_fraction(self, fraction: float) -> None:
        """0..1, or NaN: not known."""
        if fraction != self._fraction:
            self._fraction = fraction
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(70, max(10, self.fontMetrics().height() // 2 + 2))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(self.palette().mid().color(), 1))
        painter.setBrush(self.palette().base())
        painter.drawRoundedRect(box, 3, 3)
        if math.isfinite(self._fraction) and self._fraction > 0:
            box.setWidth(max(2.0, box.width() * self._fraction))
            colour = self.palette().text().color()
            colour.setAlphaF(0.55)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawRoundedRect(box, 3, 3)
        painter.end()


class Words(QWidget):
    """Words in a row, each with a level of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 8, 0)
        self._row.setSpacing(10)
        self._labels: list[QLabel] = []

    def show_states(self, states: Sequence[State]) -> None:
        """Show one word for each state."""
        while len(self._labels) < len(states):
            self._labels.append(label())
            self._row.addWidget(self._labels[-1])
        for word, state in zip(self._labels, states, strict=False):
            word.setText(state.text)
            restyle(word, "role", state.level or "dim")

    def text(self) -> str:
        """All words."""
        return "  ".join(word.text() for word in self._labels)


class DockTitle(QFrame):
    """Title bar of a dock: name at the left, what it does now at the right, float and close."""

    def __init__(self, dock: QDockWidget, name: str, extra: QWidget | None) -> None:
        super().__init__(dock)
        self.setObjectName("dockTitle")
        self._dock = dock
        self.name = label(name, "name")
        self.line = Elided("", Qt.AlignmentFlag.AlignRight)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 3, 3, 3)
        row.setSpacing(6)
        row.addWidget(self.name)
        row.addWidget(self.line, 1)
        if extra is not None:
            row.addWidget(extra)
        for pixmap, tip, do in (
            (QStyle.StandardPixmap.SP_TitleBarNormalButton, "Float, or put back", self._float),
            (QStyle.StandardPixmap.SP_TitleBarCloseButton, "Close (View opens it again)", dock.close),
        ):
            button = QToolButton()
            button.setIcon(self.style().standardIcon(pixmap))
            button.setIconSize(QSize(12, 12))
            button.setToolTip(tip)
            button.setAccessibleName(f"{name}: {tip}")
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.clicked.connect(do)
            row.addWidget(button)

    def _float(self) -> None:
        self._dock.setFloating(not self._dock.isFloating())


class Dock(QDockWidget):
    """A dock with our title bar around one widget; `extra` stands in the title."""

    def __init__(self, key: str, name: str, inner: QWidget, parent: QWidget, extra: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self.setObjectName(f"dock.{key}")
        self.key = key
        self.title = DockTitle(self, name, extra)
        self.setTitleBarWidget(self.title)
        frame = QFrame()
        frame.setObjectName("dock")
        box = QVBoxLayout(frame)
        box.setContentsMargins(4, 4, 4, 4)
        box.addWidget(inner)
        self.inner = inner
        self.setWidget(frame)

    def set_line(self, text: str) -> None:
        """What stands at the right of the title."""
        self.title.line.set_text(text)

    def set_name(self, text: str) -> None:
        """Rename the dock."""
        self.title.name.setText(text)
        self.setWindowTitle(text)


class Notice(QFrame):
    """A coloured strip with one line and, where given, one button."""

    pressed = Signal()

    def __init__(self, level: str, button: str = "") -> None:
        super().__init__()
        self.setObjectName("notice")
        self.setProperty("level", level)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._label = label()
        self._label.setMinimumWidth(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 2, 12, 2)
        row.addWidget(self._label, 1)
        self.button = QPushButton(button)
        self.button.setVisible(bool(button))
        self.button.clicked.connect(self.pressed)
        row.addWidget(self.button)
        self.hide()

    def set_text(self, text: str) -> None:
        """Show the line; "" hides the strip."""
        self._label.setText(text)
        self._label.setToolTip(text)
        self.setVisible(bool(text))

    def set_line(self, text: str, button: str) -> None:
        """Show a line with a button of this word; "" hides the strip."""
        self.button.setText(button)
        self.set_text(text)

    def text(self) -> str:
        """The line."""
        return self._label.text()


class NumberEdit(QLineEdit):
    """A number that the operator may overwrite: Enter sends it, Esc takes it back.

    What the run says is shown as long as nobody types; what is typed stays until it is sent or taken back.
    """

    sent = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setToolTip(f"{name}: type a value, Enter sends it, Esc takes it back")
        self._shown = ""
        self.textEdited.connect(lambda _: self._mark())
        self.returnPressed.connect(self._send)

    def show_value(self, text: str) -> None:
        """What the run says now."""
        self._shown = text
        if not self.edited() and self.text() != text:
            self.setText(text)

    def edited(self) -> bool:
        """Whether something typed waits to be sent."""
        return bool(self.property("level") == "caution")

    def take_back(self) -> None:
        """Forget what was typed."""
        self.setText(self._shown)
        restyle(self, "level", "")

    def _mark(self) -> None:
        restyle(self, "level", "caution")

    def _send(self) -> None:
        if self.edited():
            self.sent.emit(self.text())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.take_back()
            return
        super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        if event.reason() not in (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason):
            self.take_back()  # who only looks into another window comes back to what he typed
        super().focusOutEvent(event)
