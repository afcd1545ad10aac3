"""A rectangle and a line on a picture that the operator moves by their grips. White on black: seen on any picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from pyqtgraph.graphicsItems.ROI import Handle
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from matstudio.widgets.measures import Point
from matstudio.widgets.overlays import CASING, INK

_HOVER = QColor("#ffe14d")
_GRIP = 5.0
_CORNERS = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
_EDGES = ((0.5, 0.0), (0.5, 1.0), (0.0, 0.5), (1.0, 0.5))
_PENS = (QPen(CASING, 3.5), QPen(INK, 1.5))
for _pen in _PENS:
    _pen.setCosmetic(True)


class _Grip(Handle):
    """A small square that can be seen on anything, without pyqtgraph's menu."""

    def __init__(self, kind: str) -> None:
        super().__init__(_GRIP, kind, INK, _HOVER)
        self.startAng = np.pi / 4
        self.buildPath()

    def buildMenu(self) -> None:
        return None

    def paint(self, painter: QPainter, *_: object) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        edge = QPen(CASING, 1)
        edge.setCosmetic(True)
        painter.setPen(edge)
        painter.setBrush(self.currentPen.color())
        painter.drawPath(self.shape())


class Rectangle(pg.ROI):
    """A rectangle in the coordinates of the view, moved by its inside, resized by eight grips."""

    def __init__(self, area: QRectF) -> None:
        area = area.normalized()
        super().__init__((area.left(), area.top()), (area.width(), area.height()), rotatable=False, invertible=True)
        for x, y in _CORNERS + _EDGES:
            self.addScaleHandle((x, y), (1 - x, 1 - y), item=_Grip("s")).setParentItem(self)
        self.setZValue(20)

    def place(self, area: QRectF) -> None:
        """Put it there."""
        area = area.normalized()
        self.setPos((area.left(), area.top()), update=False)
        self.setSize((area.width(), area.height()))

    def ends(self) -> tuple[Point, Point]:
        """Two opposite corners."""
        (x, y), (w, h) = self.pos(), self.size()
        return (float(x), float(y)), (float(x + w), float(y + h))

    def paint(self, painter: QPainter, *_: Any) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        w, h = self.size()
        for pen in _PENS:
            painter.setPen(pen)
            painter.drawRect(QRectF(0, 0, w, h))


class Segment(pg.LineSegmentROI):
    """A line in the coordinates of the view, moved by its middle, or by a grip at each end; shows its width."""

    def __init__(self, a: Point, b: Point) -> None:
        super().__init__((a, b), handles=(_Grip("f"), _Grip("f")))
        for grip in self.endpoints:
            grip.setParentItem(self)
        self._band = QPolygonF()
        self.setZValue(21)

    def place(self, a: Point, b: Point) -> None:
        """Put its ends there."""
        for grip, end in zip(self.endpoints, (a, b), strict=True):
            self.movePoint(grip, pg.Point(*end), finish=False)

    def ends(self) -> tuple[Point, Point]:
        """Both ends."""
        first, second = (self.mapToParent(grip.pos()) for grip in self.endpoints)
        return (first.x(), first.y()), (second.x(), second.y())

    def set_band(self, across: Point) -> None:
        """Show that the line reaches so far (x, y) to either side; (0, 0): show the line alone."""
        (a, b), side = (QPointF(g.pos()) for g in self.endpoints), QPointF(*across)
        band = QPolygonF([a + side, b + side, b - side, a - side]) if any(across) else QPolygonF()
        if band != self._band:
            self.prepareGeometryChange()
            self._band = band
            self.update()

    def boundingRect(self) -> QRectF:
        return super().boundingRect().united(self._band.boundingRect())

    def paint(self, painter: QPainter, *_: Any) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        a, b = (QPointF(grip.pos()) for grip in self.endpoints)
        fill = QColor(INK)
        fill.setAlphaF(0.3)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        painter.drawPolygon(self._band)
        for pen in _PENS:
            painter.setPen(pen)
            painter.drawLine(a, b)
