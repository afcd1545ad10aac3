"""Small texts: one line that is cut with an ellipsis, rows of label and value, and notes that come and go."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from matstudio.widgets.colours import scheme
from matstudio.widgets.text import scaled

ROOM_S = 10.0


class Line(QWidget):
    """One line of text; what does not fit is cut with an ellipsis and shown in the tool tip.

    Args:
        role: colour, a field of `colours.Scheme`.
        right: whether it stands at the right.
        bold: whether it is a heading.
        parent: Qt parent.
    """

    def __init__(
        self, role: str = "text", right: bool = False, bold: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._text, self._role, self._bold = "", role, bold
        self._align = (
            Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        ) | Qt.AlignmentFlag.AlignVCenter
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def text(self) -> str:
        """The whole line."""
        return self._text

    def set_text(self, text: str, role: str | None = None) -> None:
        """Show a line, in another colour if `role` is given."""
        if (text, role or self._role) == (self._text, self._role):
            return
        self._text, self._role = text, role or self._role
        self.setToolTip(text)
        self.setAccessibleName(text)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(scaled(self.font(), 0.95, self._bold))
        return QSize(math.ceil(metrics.horizontalAdvance(self._text)) + 2, math.ceil(metrics.height()) + 1)

    def minimumSizeHint(self) -> QSize:
        return QSize(min(self.sizeHint().width(), 2 * self.sizeHint().height()), self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        font = scaled(self.font(), 0.95, self._bold)
        painter.setFont(font)
        painter.setPen(getattr(scheme(self.palette()), self._role))
        text = QFontMetricsF(font).elidedText(self._text, Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(QRectF(self.rect()), self._align, text)
        painter.end()


class Rows(QWidget):
    """Rows of a dim label at the left and a value at the right.

    The width asked for never shrinks while values change, so that what stands beside does not move.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[tuple[str, str], ...] = ()
        self._stale = False
        self._widest = 0
        self._hint: QSize | None = None
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def rows(self) -> tuple[tuple[str, str], ...]:
        """What is shown."""
        return self._rows

    def set_rows(self, rows: Sequence[tuple[str, str]], stale: bool = False) -> None:
        """Show rows (label, value); greyed where `stale`."""
        new = tuple(rows)
        if (new, stale) == (self._rows, self._stale):
            return
        before = (len(self._rows), self._widest)
        self._rows, self._stale, self._hint = new, stale, None
        text = "\n".join(f"{label}: {value}" for label, value in new)
        self.setToolTip(text)
        self.setAccessibleDescription(text)
        self.sizeHint()
        if (len(new), self._widest) != before:
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        if self._hint is not None:
            return self._hint
        metrics = QFontMetricsF(scaled(self.font(), 0.95))
        wide = (
            metrics.horizontalAdvance(label) + metrics.averageCharWidth() * 2 + metrics.horizontalAdvance(value)
            for label, value in self._rows
        )
        self._widest = max(self._widest, math.ceil(max(wide, default=0.0)))
        self._hint = QSize(self._widest, math.ceil(len(self._rows) * self._step(metrics)))
        return self._hint

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = scheme(self.palette())
        value_colour = QColor(colours.dim if self._stale else colours.text)
        painter = QPainter(self)
        font = scaled(self.font(), 0.95)
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        step = self._step(metrics)
        for i, (label, value) in enumerate(self._rows):
            box = QRectF(0, i * step, self.width(), step)
            left = metrics.horizontalAdvance(label) + metrics.averageCharWidth()
            painter.setPen(colours.dim)
            painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, label)
            painter.setPen(value_colour)
            text = metrics.elidedText(value, Qt.TextElideMode.ElideRight, box.width() - left)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.FontChange:
            self._widest, self._hint = 0, None
            self.updateGeometry()
        super().changeEvent(event)

    @staticmethod
    def _step(metrics: QFontMetricsF) -> float:
        return metrics.height() * 1.25


class Notes(QLabel):
    """Lines that come and go. Their room stays for ten seconds after they have gone, so that what stands below does not
    jump, nor is drawn anew, where a frame has a note and the next has none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._told = -math.inf
        self.hide()

    def set_text(self, text: str) -> None:
        """Show lines, or none; to be called again and again."""
        now = time.monotonic()
        if text:
            self._told = now
        if text != self.text():
            if self.isVisible():
                self.setMinimumHeight(max(self.minimumHeight(), self.height()))
            self.setText(text)
        stays = now - self._told < ROOM_S
        if not stays:
            self.setMinimumHeight(0)
        self.setVisible(stays)
