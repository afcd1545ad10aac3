"""What is drawn on an image: points, circles in image units, labelled marks, scale bar and cursor read-out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QStaticText, QTransform

from matstudio.widgets.colours import mix
from matstudio.widgets.levels import length_text, nice_length
from matstudio.widgets.stamps import Stamps, on_screen

_TURN = np.linspace(0, 2 * np.pi, 21)
_CIRCLE = np.exp(1j * _TURN)
_JOIN = np.append(np.ones(len(_TURN) - 1, np.int32), np.int32(0))
_STEPS = 12
_RING = 1.4  # the stamp of a ring, in its radii
_MOST = 1000  # labels of which it is worked out whether there is room for them
PLATE = QColor(0, 0, 0, 150)
OVERLAY = QColor("#45b3ff")
CASING = QColor(0, 0, 0, 170)
INK = QColor("#ffffff")
MARK, MARK_INK = QColor(230, 160, 0), QColor(0, 0, 0)


def _scale(*stops: str) -> tuple[QColor, ...]:
    """`_STEPS` colours through evenly spaced stops."""
    colours = [QColor(s) for s in stops]
    at = [i * (len(stops) - 1) / (_STEPS - 1) for i in range(_STEPS)]
    return tuple(mix(colours[int(a)], colours[min(int(a) + 1, len(stops) - 1)], a - int(a)) for a in at)


COPPER_TO_GOLD = "copper to gold"
SCALES = {
    COPPER_TO_GOLD: _scale("#c8754a", "#ffd24a"),
    "green to red": _scale("#3fbf6f", "#e8d84a", "#ff4040"),
    "blue to red": _scale("#2f7bff", "#f2f2f2", "#ff3b30"),
}
"""Colours of values from 0 to 1: of a composition, of an uncertainty, of what has a sign (0.5 is zero)."""


class _Layer(pg.GraphicsObject):
    """An overlay whose parts have their size on the screen; what it drew is kept until it or the view changes."""

    def __init__(self) -> None:
        super().__init__()
        self.setCacheMode(self.CacheMode.DeviceCoordinateCache)

    def boundingRect(self) -> QRectF:
        """All of the view."""
        box = self.getViewBox()
        return box.viewRect() if box is not None else QRectF()

    def viewTransformChanged(self) -> None:
        """The view was moved: so is what this item covers."""
        self.prepareGeometryChange()


class Points(_Layer):
    """Small marks of constant size on the screen, optionally coloured by a value in 0..1 on one of `SCALES`."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = COPPER_TO_GOLD
        self._stamps = Stamps(_STEPS + 1, self._draw)
        self._size = 3
        self.data = np.zeros(0, [("x", float), ("y", float), ("colour", int)])
        """What is drawn: (N,) places and numbers of their colours."""
        self.setZValue(10)

    def fit(self, pixels: float) -> None:
        """Choose the size: a fifth of the marks' spacing (`pixels` on the screen), from 2 to 8 pixels; those so small
        that the casing would hide them have none."""
        size = int(np.clip(round(pixels / 5), 2, 8))
        if size != self._size:
            self._size = size
            self.update()

    def place(self, x: np.ndarray, y: np.ndarray, values: np.ndarray | None, scale: str = COPPER_TO_GOLD) -> None:
        """Put the marks at x, y (N,); `values` (N,) in 0..1 colour them on one of `SCALES`, NaN as without values."""
        if scale != self.scale:
            self.scale, self._stamps = scale, Stamps(_STEPS + 1, self._draw)
        self.data = np.zeros(len(x), self.data.dtype)
        self.data["x"], self.data["y"], self.data["colour"] = x, y, _STEPS
        if values is not None:
            step = np.rint(np.clip(np.nan_to_num(values, nan=-1.0), -1, 1) * (_STEPS - 1))
            self.data["colour"] = np.where(np.isfinite(values), np.clip(step, 0, _STEPS - 1), _STEPS)
        self.update()

    def paint(self, painter: QPainter, *_: object) -> None:
        xy = on_screen(painter.transform(), self.data["x"], self.data["y"])
        painter.save()
        painter.resetTransform()
        self._stamps.put(painter, xy, self.data["colour"], self._size / 2 + 1.0)
        painter.restore()

    def _draw(self, painter: QPainter, kind: int, size: float) -> None:
        cased = self._size > 4
        painter.setPen(QPen(CASING, 0.7) if cased else Qt.PenStyle.NoPen)
        painter.setBrush(OVERLAY if kind == _STEPS else SCALES[self.scale][kind])
        painter.drawEllipse(QPointF(), size - 1.0, size - 1.0)


class Arrows(_Layer):
    """Arrows with a letter at each head, drawn where they begin and end in the view."""

    def __init__(self) -> None:
        super().__init__()
        self._start, self._ends, self._texts, self._font = QPointF(), np.zeros((0, 2)), "", QFont()
        self.setZValue(12)

    def place(self, start: QPointF, ends: np.ndarray, texts: str, font: QFont) -> None:
        """Arrows from `start` to each of `ends` (N, 2) in the view's coordinates; `texts` N letters."""
        self._start, self._ends, self._texts, self._font = start, ends, texts, font
        self.update()

    def paint(self, painter: QPainter, *_: object) -> None:
        onto = painter.transform()
        start = onto.map(self._start)
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._font)
        height = QFontMetricsF(self._font).height()
        for end, text in zip(self._ends, self._texts, strict=True):
            head = onto.map(QPointF(*end))
            along = head - start
            length = math.hypot(along.x(), along.y())
            if length < 4:
                continue
            unit = along / length
            side = QPointF(-unit.y(), unit.x())
            back = head - unit * min(0.5 * height, 0.4 * length)
            barbs = (back + side * 0.25 * height, back - side * 0.25 * height)
            for colour, width in ((CASING, 4.0), (INK, 1.6)):
                painter.setPen(QPen(colour, width))
                painter.drawLine(start, head)
                for barb in barbs:
                    painter.drawLine(head, barb)
            box = QRectF(0, 0, QFontMetricsF(self._font).horizontalAdvance(text) + 4, height)
            box.moveCenter(head + unit * 0.8 * height)
            painter.fillRect(box, PLATE)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        painter.restore()


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


class Marks(_Layer):
    """Rings of constant size on the screen with text beside them, but where it would cover another text or a spot."""

    def __init__(self) -> None:
        super().__init__()
        self._x, self._y = np.empty(0), np.empty(0)
        self._texts: tuple[str, ...] = ()
        self._font, self._with_text = QFont(), True
        self._laid_out: dict[str, QStaticText] = {}
        self._stamps = Stamps(1, _ring)
        self.setZValue(11)

    def place(self, x: np.ndarray, y: np.ndarray, texts: Sequence[str], font: QFont) -> None:
        """Put rings at x, y (N,) with `texts` (N), the most important first."""
        self._x, self._y, self._texts = np.asarray(x, float), np.asarray(y, float), tuple(texts)
        if font != self._font:
            self._font = font
            self._laid_out.clear()
        self.update()

    def show_text(self, shown: bool) -> None:
        """Show or leave out the text."""
        if shown != self._with_text:
            self._with_text = shown
            self.update()

    def paint(self, painter: QPainter, *_: object) -> None:
        if not self._x.size:
            return
        onto = painter.transform()
        xy = on_screen(onto, self._x, self._y)
        painter.save()
        painter.resetTransform()
        radius = QFontMetricsF(self._font).height() * 0.45
        self._stamps.put(painter, xy, np.zeros(len(xy), int), _RING * radius)
        if self._with_text:
            self._write(painter, xy, radius, onto.mapRect(self.boundingRect()))
        painter.restore()

    def _write(self, painter: QPainter, xy: np.ndarray, radius: float, area: QRectF) -> None:
        near = area.adjusted(-radius, -radius, radius, radius)
        seen = (xy > (near.left(), near.top())).all(axis=1) & (xy < (near.right(), near.bottom())).all(axis=1)
        some = [i for i in np.flatnonzero(seen).tolist() if i < len(self._texts)][:_MOST]
        if not some:
            return
        texts = [self._text(self._texts[i]) for i in some]
        sizes = np.array([(t.size().width(), t.size().height()) for t in texts])
        at = xy[some]
        left, top = at[:, 0] + 0.8 * radius, at[:, 1] - 0.6 * radius - sizes[:, 1]
        top = np.where(top < area.top(), at[:, 1] + 0.6 * radius, top)
        left = np.where(left + sizes[:, 0] > area.right(), at[:, 0] - 0.8 * radius - sizes[:, 0], left)
        boxes = np.column_stack((left, top, left + sizes[:, 0], top + sizes[:, 1]))
        inner = 0.6 * radius  # a label may touch a ring, not the spot in it
        on_spots = _overlaps(boxes, np.hstack((at - inner, at + inner)))
        np.fill_diagonal(on_spots, val=False)
        free, others = ~on_spots.any(axis=1) & (sizes[:, 0] > 0), _overlaps(boxes, boxes)
        written = np.zeros(len(some), bool)
        painter.setFont(self._font)
        painter.setPen(OVERLAY)
        for i in np.flatnonzero(free).tolist():
            if not (others[i] & written).any():
                written[i] = True
                painter.fillRect(QRectF(left[i] - 1, top[i] + 1, sizes[i, 0] + 2, sizes[i, 1] - 2), PLATE)
                painter.drawStaticText(QPointF(left[i], top[i]), texts[i])

    def _text(self, text: str) -> QStaticText:
        """The text, laid out; the same few come again and again."""
        if text not in self._laid_out:
            if len(self._laid_out) >= 4 * _MOST:
                self._laid_out.clear()
            made = QStaticText(text)
            made.setTextFormat(Qt.TextFormat.PlainText)
            made.prepare(QTransform(), self._font)
            self._laid_out[text] = made
        return self._laid_out[text]


def _ring(painter: QPainter, _: int, size: float) -> None:
    radius = size / _RING
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, width in ((CASING, radius / 2), (OVERLAY, radius / 5)):
        painter.setPen(QPen(colour, width))
        painter.drawEllipse(QPointF(), radius, radius)


def _overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of boxes (N, 4) left, top, right, bottom have some area in common with which of (M, 4), (N, M)."""
    a, b = boxes[:, None], others[None]
    return np.asarray(
        (a[..., 0] < b[..., 2]) & (a[..., 2] > b[..., 0]) & (a[..., 1] < b[..., 3]) & (a[..., 3] > b[..., 1])
    )


class Hud(pg.GraphicsObject):
    """Scale bar at the lower left, cursor read-out at the upper left and a mark at the lower right of a view, in its
    pixels."""

    def __init__(self, box: pg.ViewBox) -> None:
        super().__init__()
        self.setCacheMode(self.CacheMode.DeviceCoordinateCache)
        self.setParentItem(box)
        self.setZValue(100)
        self._box, self._font, self._units, self._readout, self._mark = box, QFont(), "px", "", ""
        self._area = QRectF()
        self._plates: tuple[QRectF, QRectF, QRectF] | None = None
        box.sigResized.connect(self._changed)
        box.sigRangeChanged.connect(self._changed)

    def set_units(self, units: str) -> None:
        """Unit of the view's coordinates."""
        self._units = units
        self._changed()

    def set_area(self, area: QRectF) -> None:
        """Where the image lies in the view's coordinates; the scale bar stands on it."""
        self._area = area
        self._changed()

    @property
    def area(self) -> QRectF:
        """Where the image lies in the view's coordinates."""
        return self._area

    def set_font(self, font: QFont) -> None:
        """Font of both texts."""
        self._font = font
        self._changed()

    def set_readout(self, text: str) -> None:
        """Show `text`; "" shows none."""
        if text != self._readout:
            self._readout = text
            self._changed()

    def set_mark(self, text: str) -> None:
        """Show `text` at the lower right; "" shows none. Parts are three spaces apart."""
        if text != self._mark:
            self._mark = text
            self._changed()

    @property
    def mark(self) -> str:
        """The mark shown."""
        return self._mark

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
        """The plates, and what lies between them."""
        bar, readout, mark = self._places()
        return bar.united(readout).united(mark)

    def paint(self, painter: QPainter, *_: object) -> None:
        bar, readout, mark = self._places()
        metrics = QFontMetricsF(self._font)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setFont(self._font)
        for plate in (bar, readout):
            painter.fillRect(plate, PLATE)
        painter.setPen(INK)
        if not bar.isEmpty():
            length, text = self.bar()
            long = self._pixels(length)
            line = QRectF(bar.left(), bar.top(), bar.width(), metrics.height())
            painter.drawText(line, Qt.AlignmentFlag.AlignCenter, text)
            left = bar.left() + (bar.width() - long) / 2
            painter.fillRect(QRectF(left, line.bottom(), long, self._thick(metrics)), INK)
        if not readout.isEmpty():
            inside = readout.adjusted(0.2 * metrics.height(), 0, 0, 0)
            sides = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(inside, sides, self._told(metrics))
        if not mark.isEmpty():
            painter.fillRect(mark, MARK)
            painter.setPen(MARK_INK)
            painter.drawText(mark, Qt.AlignmentFlag.AlignCenter, self._marked(metrics))

    def _places(self) -> tuple[QRectF, QRectF, QRectF]:
        """The plates of scale bar, read-out and mark in the view's pixels; an empty one is not shown."""
        if self._plates is None:
            area, metrics = self._box.boundingRect(), QFontMetricsF(self._font)
            gap = metrics.height() * 0.4
            bar, readout = QRectF(), QRectF()
            length, text = self.bar()
            if length > 0 and not self._area.isEmpty():
                wide = max(self._pixels(length), metrics.horizontalAdvance(text)) + 2 * gap
                high = metrics.height() + self._thick(metrics) + gap
                left, bottom = self._corner(area)
                bar = QRectF(left + gap, bottom - gap - high, wide, high)
            if self._readout:
                size = metrics.size(0, self._told(metrics))
                readout = QRectF(gap, gap, size.width() + gap, size.height())
            mark = QRectF()
            if self._mark:
                wide, high = metrics.horizontalAdvance(self._marked(metrics)) + 2 * gap, metrics.height() + gap
                mark = QRectF(area.right() - gap - wide, area.bottom() - gap - high, wide, high)
            self._plates = (bar, readout, mark)
        return self._plates

    def _pixels(self, length: float) -> float:
        return length / self._box.viewRect().width() * self._box.boundingRect().width()

    @staticmethod
    def _thick(metrics: QFontMetricsF) -> float:
        return max(2.0, metrics.height() / 5)

    def _told(self, metrics: QFontMetricsF) -> str:
        """The read-out, in several lines where it is too wide."""
        room = self._box.boundingRect().width() - 0.8 * metrics.height()
        return self._readout.replace("   ", "\n") if metrics.size(0, self._readout).width() > room else self._readout

    def _marked(self, metrics: QFontMetricsF) -> str:
        """The mark, as many parts of it as there is room for beside the scale bar."""
        parts = self._mark.split("   ")
        room = 0.6 * self._box.boundingRect().width()
        while len(parts) > 1 and metrics.horizontalAdvance("   ".join(parts)) > room:
            parts.pop()
        return "   ".join(parts)

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
        self._plates = None
        self.update()
