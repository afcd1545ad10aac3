"""Shapes, colours and hatching of the timeline."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen, QPolygonF

from matstudio.ui.present.happenings import Shape
from matstudio.widgets.colours import Scheme

MARK = 5.0
"""Half the size of a mark, px."""


def draw_shape(painter: QPainter, shape: Shape, at: QPointF, ink: QColor, colours: Scheme) -> None:
    """A mark's shape about a point."""
    x, y, r = at.x(), at.y(), MARK
    painter.setPen(QPen(ink, 1.4))
    painter.setBrush(ink)
    if shape is Shape.TRIANGLE:
        painter.drawPolygon(QPolygonF([QPointF(x - r, y + r), QPointF(x + r, y + r), QPointF(x, y - r)]))
    elif shape is Shape.DIAMOND:
        painter.drawPolygon(QPolygonF([QPointF(x - r, y), QPointF(x, y + r), QPointF(x + r, y), QPointF(x, y - r)]))
    elif shape is Shape.DISC:
        painter.drawEllipse(at, r - 1, r - 1)
    elif shape is Shape.RING:
        painter.setBrush(colours.background)
        painter.drawEllipse(at, r - 1, r - 1)
    elif shape is Shape.SQUARE:
        painter.setBrush(colours.background)
        painter.drawRect(QRectF(x - r + 1, y - r + 1, 2 * r - 2, 2 * r - 2))
    elif shape is Shape.NOTE:
        painter.setBrush(colours.background)
        painter.drawRect(QRectF(x - r + 1, y - r, 2 * r - 2, 2 * r))
        for row in (-2, 1):
            painter.drawLine(QPointF(x - 2, y + row), QPointF(x + 2, y + row))
    elif shape is Shape.FLAG:
        painter.drawLine(QPointF(x, y - r - 1), QPointF(x, y + r + 1))
        painter.drawPolygon(QPolygonF([QPointF(x, y - r - 1), QPointF(x + r + 2, y - 2), QPointF(x, y + 1)]))
    else:
        painter.drawLine(QPointF(x, y - r), QPointF(x, y + r))


def ink_of(level: str, colours: Scheme) -> QColor:
    """The colour of a level."""
    return colours.bad if level == "bad" else colours.caution if level else colours.text


def hatched(colour: QColor) -> QBrush:
    """Strokes in a colour."""
    return QBrush(colour, Qt.BrushStyle.BDiagPattern)
