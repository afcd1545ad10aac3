"""What is drawn on an image: points, circles in image units, labelled marks, scale bar and cursor read-out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from matstudio.widgets.levels import length_text, nice_length

_TURN = np.linspace(0, 2 * np.pi, 21)
_CIRCLE = np.exp(1j * _TURN)
_JOIN = np.append(np.ones(len(_TURN) - 1, np.int32), np.int32(0))
_STEPS = 12
PLATE = QColor(0, 0, 0, 150)
OVERLAY = QColor("#45b3ff")
CASING = QColor(0, 0, 0, 170)
INK = QColor("#ffffff")


class Points(pg.ScatterPlotItem):
    """Small marks of constant size on the screen, optionally coloured by a value in 0..1."""

    def __init__(self) -> None:
        super().__init__(pxMode=True, size=3, symbol="o", pen=pg.mkPen(CASING, width=0.7))
        self._low, self._high = QColor("#c8754a"), QColor("#ffd24a")
        self.setZValue(10)

    def fit(self, pixels: float) -> None:
        """Choose the size: a fifth of the marks' spacing (`pixels` on the screen), from 2 to 8 pixels; those so small
        that the casing would hide them have none."""
        size = int(np.clip(round(pixels / 5), 2, 8))
        if size != self.opts["size"]:
            self.setPen(pg.mkPen(CASING, width=0.7) if size > 4 else None)
            self.setSize(size)

    def place(self, x: np.ndarray, y: np.ndarray, values: np.ndarray | None) -> None:
        """Put the marks at x, y (N,); `values` (N,) in 0..1 colour them from copper to gold, NaN as without values."""
        if values is None:
            self.setData(x=x, y=y, brush=pg.mkBrush(OVERLAY))
            return
        ramp = [pg.mkBrush(_between(self._low, self._high, i / (_STEPS - 1))) for i in range(_STEPS)]
        ramp.append(pg.mkBrush(OVERLAY))
        step = np.rint(np.clip(np.nan_to_num(values, nan=-1.0), -1, 1) * (_STEPS - 1))
        index = np.where(np.isfinite(values), np.clip(step, 0, _STEPS - 1), _STEPS).astype(int)
        self.setData(x=x, y=y, brush=[ramp[i] for i in index])


class Circles(pg.PlotCurveItem):
    """Ellipses in image units, drawn as one path."""

    def __init__(self) -> None:
        super().__init__(skipFiniteCheck=True, antialias=False, pen=pg.mkPen(OVERLAY, width=1))
        self.setZValue(9)

    def place(self, x: np.ndarray, y: np.ndarray, rx: np.ndarray, ry: np.ndarray) -> None:
        """Put ellipses with half axes rx, ry (N,) at x, y (N,); what is not finite is left out."""
        good = np.isfinite(x) & np.isfinite(y) & np.isfinite(rx) & np.isfinite(ry)
        xs = x[good, None] + rx[good, None] * _CIRCLE.real
        ys = y[good, None] + ry[good, None] * _CIRCLE.imag
        self.setData(xs.ravel(), ys.ravel(), connect=np.tile(_JOIN, len(xs)))


class Marks(pg.GraphicsObject):
    """Rings of constant size on the screen with text beside them, but where it would cover another text or a spot."""

    def __init__(self) -> None:
        super().__init__()
        self._x, self._y = np.empty(0), np.empty(0)
        self._texts: tuple[str, ...] = ()
        self._font, self._with_text = QFont(), True
        self.setZValue(11)
        self.setCacheMode(self.CacheMode.DeviceCoordinateCache)

    def place(self, x: np.ndarray, y: np.ndarray, texts: Sequence[str], font: QFont) -> None:
        """Put rings at x, y (N,) with `texts` (N), the most important first."""
        self.prepareGeometryChange()
        self._x, self._y, self._texts = np.asarray(x, float), np.asarray(y, float), tuple(texts)
        self._font = font
        self.update()

    def show_text(self, shown: bool) -> None:
        """Show or leave out the text."""
        self._with_text = shown
        self.update()

    def boundingRect(self) -> QRectF:
        """All of the view, since rings and text have their size on the screen."""
        box = self.getViewBox()
        return box.viewRect() if box is not None else QRectF()

    def viewTransformChanged(self) -> None:
        """The view was moved: so is what this item covers."""
        self.prepareGeometryChange()

    def paint(self, painter: QPainter, *_: object) -> None:
        if not self._x.size:
            return
        to_device = painter.transform()
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setFont(self._font)
        metrics = QFontMetricsF(self._font)
        radius = metrics.height() * 0.45
        points = [to_device.map(QPointF(x, y)) for x, y in zip(self._x, self._y, strict=True)]
        for colour, width in ((CASING, radius / 2), (OVERLAY, radius / 5)):
            painter.setPen(QPen(colour, width))
            for point in points:
                painter.drawEllipse(point, radius, radius)
        if self._with_text:
            area = to_device.mapRect(self.boundingRect())
            taken: list[QRectF] = []
            inner = 0.6 * radius  # a label may touch a ring, not the spot in it
            rings = [QRectF(p.x() - inner, p.y() - inner, 2 * inner, 2 * inner) for p in points]
            for i, (point, text) in enumerate(zip(points, self._texts, strict=False)):
                size = metrics.size(0, text)
                box = QRectF(
                    point.x() + radius * 0.8, point.y() - radius * 0.6 - size.height(), size.width(), size.height()
                )
                if box.top() < area.top():
                    box.moveTop(point.y() + radius * 0.6)
                if box.right() > area.right():
                    box.moveRight(point.x() - radius * 0.8)
                others = (*taken, *(ring for k, ring in enumerate(rings) if k != i))
                if text and not any(box.intersects(other) for other in others):
                    taken.append(box)
                    painter.fillRect(box.adjusted(-1, 1, 1, -1), PLATE)
                    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        painter.restore()


class Hud(pg.GraphicsObject):
    """Scale bar at the lower left and cursor read-out at the upper left of a view, in its pixels."""

    def __init__(self, box: pg.ViewBox) -> None:
        super().__init__()
        self.setParentItem(box)
        self.setZValue(100)
        self._box, self._font, self._units, self._readout = box, QFont(), "px", ""
        self._area = QRectF()
        box.sigResized.connect(self._changed)
        box.sigRangeChanged.connect(self._changed)

    def set_units(self, units: str) -> None:
        """Unit of the view's coordinates."""
        self._units = units
        self.update()

    def set_area(self, area: QRectF) -> None:
        """Where the image lies in the view's coordinates; the scale bar stands on it."""
        self._area = area
        self.update()

    @property
    def area(self) -> QRectF:
        """Where the image lies in the view's coordinates."""
        return self._area

    def set_font(self, font: QFont) -> None:
        """Font of both texts."""
        self._font = font
        self.update()

    def set_readout(self, text: str) -> None:
        """Show `text`; "" shows none."""
        if text != self._readout:
            self._readout = text
            self.update()

    @property
    def readout(self) -> str:
        """The read-out shown."""
        return self._readout

    def bar(self) -> tuple[float, str]:
        """Length of the scale bar in view units and its text."""
        width = self._area.intersected(self._box.viewRect()).width() or self._box.viewRect().width()
        if not (np.isfinite(width) and width > 0):
            return 0.0, ""
        length = nice_length(width * 0.28)
        return length, length_text(length, self._units)

    def boundingRect(self) -> QRectF:
        """The whole view box."""
        return self._box.boundingRect()

    def paint(self, painter: QPainter, *_: object) -> None:
        area = self._box.boundingRect()
        metrics = QFontMetricsF(self._font)
        gap = metrics.height() * 0.4
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setFont(self._font)
        length, text = self.bar()
        if length > 0 and not self._area.isEmpty():
            long = length / self._box.viewRect().width() * area.width()
            thick = max(2.0, metrics.height() / 5)
            wide = max(long, metrics.horizontalAdvance(text))
            left, bottom = self._corner(area)
            plate = QRectF(left + gap, bottom - gap - metrics.height() - thick - gap, wide + 2 * gap, 0)
            plate.setBottom(bottom - gap)
            painter.fillRect(plate, PLATE)
            painter.setPen(INK)
            line = QRectF(plate.left(), plate.top(), plate.width(), metrics.height())
            painter.drawText(line, Qt.AlignmentFlag.AlignCenter, text)
            left = plate.left() + (plate.width() - long) / 2
            painter.fillRect(QRectF(left, line.bottom(), long, thick), INK)
        if self._readout:
            told = self._readout
            if metrics.size(0, told).width() > area.width() - 2 * gap:
                told = told.replace("   ", "\n")
            size = metrics.size(0, told)
            plate = QRectF(gap, gap, size.width() + gap, size.height())
            painter.fillRect(plate, PLATE)
            painter.setPen(INK)
            inside = plate.adjusted(gap / 2, 0, 0, 0)
            painter.drawText(inside, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, told)

    def _corner(self, area: QRectF) -> tuple[float, float]:
        """Left and bottom, in the view's pixels, of what can be seen of the image."""
        view = self._box.viewRect()
        seen = self._area.intersected(view)
        if min(seen.width() / view.width(), seen.height() / view.height()) < 0.2:
            return area.left(), area.bottom()
        right, down = (seen.left() - view.left()) / view.width(), (seen.bottom() - view.top()) / view.height()
        return area.left() + right * area.width(), area.top() + down * area.height()

    def _changed(self, *_: object) -> None:
        self.prepareGeometryChange()
        self.update()


def _between(a: QColor, b: QColor, part: float) -> QColor:
    return QColor.fromRgbF(*(x + (y - x) * part for x, y in zip(a.getRgbF(), b.getRgbF(), strict=True)))
