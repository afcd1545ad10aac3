"""A strip of colours with what its ends mean."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from matstudio.widgets.colours import scheme
from matstudio.widgets.overlays import COPPER_TO_GOLD, SCALES
from matstudio.widgets.text import scaled


class Ramp(QWidget):
    """The colours of one of `overlays.SCALES` between two texts."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scale, self.low, self.high = COPPER_TO_GOLD, "", ""
        self.setFont(scaled(self.font(), 0.9))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def show_scale(self, scale: str, low: str, high: str) -> None:
        """Show a scale that goes from `low` to `high`."""
        if (scale, low, high) != (self.scale, self.low, self.high):
            self.scale, self.low, self.high = scale, low, high
            self.setAccessibleName(f"colours from {low} to {high}")
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(self.font())
        text = metrics.horizontalAdvance(self.low) + metrics.horizontalAdvance(self.high)
        return QSize(round(text + 8 * metrics.height()), round(metrics.height() + 2))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        metrics = QFontMetricsF(self.font())
        painter.setPen(scheme(self.palette()).text)
        left, right = (metrics.horizontalAdvance(t) + 0.4 * metrics.height() for t in (self.low, self.high))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.low)
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, self.high)
        strip = QRectF(left, 0.25 * self.height(), self.width() - left - right, 0.5 * self.height())
        gradient = QLinearGradient(strip.topLeft(), strip.topRight())
        colours = SCALES[self.scale]
        for i, colour in enumerate(colours):
            gradient.setColorAt(i / (len(colours) - 1), colour)
        painter.fillRect(strip, gradient)
