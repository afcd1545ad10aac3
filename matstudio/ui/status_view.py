"""The line of fields in the status bar: as many as there is room for, each of them whole."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from matstudio.ui.present.status_line import Field

_GAP = 22


class StatusFields(QWidget):
    """Draws the fields that fit, the more important ones first; the tool tip has all of them."""

    def __init__(self) -> None:
        super().__init__()
        self._fields: tuple[Field, ...] = ()
        self._shown: tuple[Field, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def show_fields(self, fields: Sequence[Field]) -> None:
        """Show these, in this order."""
        if tuple(fields) != self._fields:
            self._fields = tuple(fields)
            self._choose()
            tip = "\n".join(f"{f.text}: {f.tip}" if f.tip else f.text for f in fields)
            self.setToolTip(tip)
            self.setAccessibleName("; ".join(f.text for f in fields))

    def text(self) -> str:
        """What is shown."""
        return "  ".join(f.text for f in self._shown)

    def sizeHint(self) -> QSize:
        return QSize(60, int(QFontMetricsF(self.font()).height()) + 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._choose()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        x = 0.0
        for field in self._shown:
            colour = self.palette().windowText().color()
            if not field.stands_out:
                colour.setAlphaF(0.65)
            painter.setPen(colour)
            width = self._width(field)
            painter.drawText(QRectF(x, 0, width + 1, self.height()), Qt.AlignmentFlag.AlignVCenter, field.text)
            x += width + _GAP
        painter.end()

    def _width(self, field: Field) -> float:
        return QFontMetricsF(self.font()).horizontalAdvance(field.text)

    def _choose(self) -> None:
        """Which fields fit."""
        room, chosen = self.width() + _GAP, set()
        for i in sorted(range(len(self._fields)), key=lambda i: self._fields[i].rank):
            needed = self._width(self._fields[i]) + _GAP
            if needed > room:
                break
            room -= needed
            chosen.add(i)
        self._shown = tuple(f for i, f in enumerate(self._fields) if i in chosen)
        self.update()
