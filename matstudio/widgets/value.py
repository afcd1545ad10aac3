"""A process value in large figures, with unit, set point, uncertainty, age and state."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from matstudio.widgets.colours import scheme
from matstudio.widgets.text import duration, number, scaled, two_digits

_BIG, _SMALL = 1.75, 0.85


class ValueLabel(QWidget):
    """Title, big figure with unit, and a line with what was set, how sure it is and how old.

    Args:
        title: short name of the value ("T").
        unit: of the value; "1" or "" shows none.
        digits: decimals of the figure.
        parent: Qt parent.
    """

    def __init__(self, title: str, unit: str, digits: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title, self._unit, self._digits = title, "" if unit == "1" else unit, digits
        self._figure, self._quality = number(None, digits), "good"
        self._parts: tuple[str, ...] = ()
        self._widest = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._describe()

    def set_value(
        self,
        value: float | None,
        sigma: float | None = None,
        setpoint: float | None = None,
        age: float | None = None,
        quality: str = "good",
    ) -> None:
        """Show a value.

        Args:
            value: in the label's unit; None or NaN shows "–".
            sigma: one standard deviation in the same unit, or None.
            setpoint: in the same unit, or None.
            age: seconds since the value's source time; shown where the quality is not "good".
            quality: "good", "stale" (greyed, hollow clock) or "bad" (triangle).
        """
        missing = value is None or math.isnan(value)
        parts = []
        if setpoint is not None and math.isfinite(setpoint):
            parts.append(f"set {number(setpoint, self._digits)}")
        if sigma is not None and math.isfinite(sigma) and not missing:
            parts.append(f"± {number(sigma, min(two_digits(sigma), self._digits + 2))}")
        if quality != "good":
            parts.append(quality if age is None else f"{quality} {duration(age)}")
        elif missing:
            parts.append("no value")
        shown = (number(value, self._digits), tuple(parts), quality)
        if shown == (self._figure, self._parts, self._quality):
            return
        self._figure, self._parts, self._quality = shown
        self._describe()
        self.update()

    def text(self) -> str:
        """Everything shown, as one line."""
        return " ".join(t for t in (self._title, self._figure, self._unit, self._line()) if t)

    def sizeHint(self) -> QSize:
        small, big = QFontMetricsF(scaled(self.font(), _SMALL)), QFontMetricsF(scaled(self.font(), _BIG, True))
        sample = "−000" + (f".{'0' * self._digits}" if self._digits else "")
        figure = max(big.horizontalAdvance(sample), big.horizontalAdvance(self._figure))
        width = figure + small.horizontalAdvance(f"  {self._unit}") + 2
        mark = small.height() if self._quality != "good" else 0.0
        widest = max((small.horizontalAdvance(part + " ") for part in self._parts), default=0.0)
        self._widest = max(self._widest, width, small.horizontalAdvance(self._title), mark + widest)
        return QSize(math.ceil(self._widest), math.ceil(2 * small.height() + big.ascent() + big.descent() * 0.6))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = scheme(self.palette())
        foreground = self.palette().color(self.foregroundRole())
        dim = QColor(foreground)
        dim.setAlphaF(0.65)
        small, big = scaled(self.font(), _SMALL), scaled(self.font(), _BIG, True)
        low, high = QFontMetricsF(small), QFontMetricsF(big)
        figure = {"good": foreground, "stale": dim}.get(self._quality, colours.bad)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(small)
        painter.setPen(dim)
        painter.drawText(QPointF(0, low.ascent()), self._title)
        baseline = low.height() + high.ascent()
        painter.drawText(
            QPointF(high.horizontalAdvance(self._figure) + low.horizontalAdvance(" "), baseline), self._unit
        )
        left = 0.0
        bottom = baseline + high.descent() * 0.6 + low.ascent()
        if self._quality != "good":
            size = low.ascent() * 0.8
            _mark(painter, QRectF(0, bottom - size, size, size), self._quality, figure)
            left = low.height()
        painter.setPen(dim if self._quality == "good" else figure)
        line = self._line()
        if left + low.horizontalAdvance(line) > self.width():  # then what is wrong with the value, or its sigma
            line = self._parts[-1]
        painter.drawText(QPointF(left, bottom), line)
        painter.setFont(big)
        painter.setPen(figure)
        painter.drawText(QPointF(0, baseline), self._figure)
        painter.end()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.PaletteChange):
            self._widest = 0.0
            self.updateGeometry()
            self.update()
        super().changeEvent(event)

    def _line(self) -> str:
        return "  ".join(self._parts)

    def _describe(self) -> None:
        before = self._widest
        self.sizeHint()
        if self._widest > before:
            self.updateGeometry()
        self.setAccessibleName(self._title)
        self.setAccessibleDescription(self.text())
        self.setToolTip(self.text())


def _mark(painter: QPainter, box: QRectF, quality: str, colour: QColor) -> None:
    """Draw the sign of a state: a hollow clock for "stale", a triangle with a stroke for anything worse."""
    painter.setPen(QPen(colour, max(1.0, box.width() / 8)))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    middle = box.center()
    if quality == "stale":
        painter.drawEllipse(box)
        painter.drawPolyline(
            QPolygonF(
                [QPointF(middle.x(), box.top() + box.height() * 0.2), middle, QPointF(box.right() - 2, middle.y())]
            )
        )
        return
    painter.drawPolygon(QPolygonF([QPointF(middle.x(), box.top()), box.bottomRight(), box.bottomLeft()]))
    painter.drawLine(QPointF(middle.x(), box.top() + box.height() * 0.4), QPointF(middle.x(), box.bottom() - 2))
