"""A line plot for spectra, profiles and trends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF
from PySide6.QtWidgets import QGraphicsPolygonItem, QWidget

from matstudio.widgets.colours import Scheme, scheme
from matstudio.widgets.text import scaled
from matstudio.widgets.view import GraphView

_MARGIN = 0.08
_POINTER = QPainterPath()
_POINTER.addPolygon(QPolygonF([QPointF(0, 0), QPointF(-0.25, -0.5), QPointF(0.25, -0.5), QPointF(0, 0)]))


@dataclass(frozen=True)
class Mark:
    """Something marked on the x axis.

    Args:
        x: where, in the axis' unit.
        text: beside the line, or "".
        to: the other end of a region, or None for a line.
    """

    x: float
    text: str = ""
    to: float | None = None


class _Marks(pg.GraphicsObject):
    """Vertical lines and regions with their texts, a title and the cursor read-out, in pixels of the view."""

    def __init__(self, box: pg.ViewBox) -> None:
        super().__init__()
        self.setCacheMode(self.CacheMode.DeviceCoordinateCache)
        self.setParentItem(box)
        self.setZValue(50)
        self.box, self.font, self.colours = box, QFont(), None
        self.groups: dict[str, tuple[Sequence[Mark], str]] = {}
        self.hidden: set[str] = set()
        self.title = self.readout = ""
        self.title_right = False
        box.sigResized.connect(self._changed)
        box.sigRangeChanged.connect(self._changed)

    def boundingRect(self) -> QRectF:
        return self.box.boundingRect()

    def _changed(self, *_: object) -> None:
        self.prepareGeometryChange()
        self.update()

    def paint(self, painter: QPainter, *_: object) -> None:
        colours: Scheme | None = self.colours
        if colours is None:
            return
        area, view = self.box.boundingRect(), self.box.viewRect()
        metrics = QFontMetricsF(self.font)
        painter.setFont(self.font)
        title = "" if self.title_right and self.readout else self.title
        taken = [self._text(painter, metrics, area, title, colours.dim, self.title_right)]
        taken.append(self._text(painter, metrics, area, self.readout, colours.text, right=True))
        for name, (marks, role) in self.groups.items():
            if name in self.hidden:
                continue
            colour = getattr(colours, role)
            for mark in marks:
                left = (mark.x - view.left()) / view.width() * area.width()
                right = left if mark.to is None else (mark.to - view.left()) / view.width() * area.width()
                if right < 0 or left > area.width():
                    continue
                if mark.to is not None:
                    fill = QColor(colour)
                    fill.setAlphaF(0.15)
                    painter.fillRect(QRectF(left, 0, right - left, area.height()), fill)
                wide = metrics.horizontalAdvance(mark.text) + 4
                x = right + 3 if mark.to is None else left + 3
                if x + wide > area.width():
                    x = left - 3 - wide if left - 3 - wide > 0 else max(area.width() - wide, 0.0)
                box = QRectF(x, 0, wide, metrics.height())
                while any(box.intersects(other) for other in taken) and box.bottom() < area.height() * 0.7:
                    box.translate(0, metrics.height() * 0.5)
                if mark.to is None:
                    painter.setPen(QPen(colour, 1, Qt.PenStyle.DashLine))
                    painter.drawLine(
                        round(left), round(box.top() if mark.text else 0), round(left), round(area.height())
                    )
                if mark.text:
                    taken.append(box)
                    painter.setPen(colour)
                    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, mark.text)

    def _text(
        self, painter: QPainter, metrics: QFontMetricsF, area: QRectF, text: str, colour: QColor, right: bool
    ) -> QRectF:
        if not text:
            return QRectF()
        box = QRectF(4, 1, metrics.horizontalAdvance(text) + 2, metrics.height())
        if right:
            box.moveRight(area.width() - 4)
        if self.colours is not None:  # a curve may run behind it
            plate = QColor(self.colours.background)
            plate.setAlphaF(0.88)
            painter.fillRect(box, plate)
        painter.setPen(colour)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        return box


class LinePlot(GraphView):
    """Lines, bands, marked positions and regions over one pair of axes.

    The y range follows the lines with some slack, so that it does not tremble; wheel and drag zoom and pan, double
    click shows everything again. Colours are given as roles of `colours.Scheme` ("text", "accent", "second", ...).

    Signals:
        recoloured (Scheme): palette or font changed.
    """

    recoloured = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: dict[str, tuple[pg.PlotDataItem, str, float, bool]] = {}
        self._bands: dict[str, tuple[QGraphicsPolygonItem, str, tuple[np.ndarray, ...]]] = {}
        self._points: dict[str, tuple[pg.ScatterPlotItem, str]] = {}
        self._hidden: set[str] = set()
        self._follow = True
        self._tallest = 100.0
        self._units = ("", "")
        self._marks = _Marks(self.box)
        self.box.disableAutoRange()
        self.box.sigRangeChangedManually.connect(self._by_hand)
        self._dress()

    def set_axes(self, x: str, x_unit: str, y: str = "", y_unit: str = "") -> None:
        """Name and unit of each axis; without both the label is left out."""
        self._units = (x_unit, y_unit)
        for side, name, unit in (("bottom", x, x_unit), ("left", y, y_unit)):
            axis = self.plot.getAxis(side)
            axis.setLabel(" / ".join(t for t in (name, unit) if t))
            axis.showLabel(bool(name or unit))

    def set_tallest(self, percent: float) -> None:
        """Let the y range reach only so far that `percent` of all points lie in it; what is higher runs out of it."""
        if percent != self._tallest:
            self._tallest = percent
            self._fit(tight=True)

    def set_title(self, text: str, right: bool = False) -> None:
        """A short text inside the plot, upper left ("T / K"), or upper right, where it gives way to the read-out."""
        self._marks.title, self._marks.title_right = text, right
        self._marks.update()

    def set_line(
        self, name: str, x: np.ndarray, y: np.ndarray, role: str = "text", width: float = 1.0, dashed: bool = False
    ) -> None:
        """Draw or replace a line through x (N,), y (N,); it is broken where y is not finite."""
        if name not in self._lines:
            item = pg.PlotDataItem(connect="finite", antialias=False)
            item.setDownsampling(auto=True, method="peak")
            item.setClipToView(True)
            item.setVisible(name not in self._hidden)
            self._lines[name] = (item, role, width, dashed)
            self._pen(name, scheme(self.palette()))
            self.plot.addItem(item, ignoreBounds=True)
        self._lines[name][0].setData(np.asarray(x, float), np.asarray(y, float))
        self._fit()

    def set_points(self, name: str, x: np.ndarray, y: np.ndarray, role: str = "accent", *, dots: bool = False) -> None:
        """Draw or replace small triangles that point at x (N,), y (N,) from above, or dots."""
        if name not in self._points:
            symbol, size = ("o", 4) if dots else (_POINTER, 14)
            item = pg.ScatterPlotItem(pxMode=True, symbol=symbol, size=size, pen=None)
            item.setVisible(name not in self._hidden)
            item.setZValue(5)
            self.plot.addItem(item, ignoreBounds=True)
            self._points[name] = (item, role)
        item = self._points[name][0]
        good = np.isfinite(x) & np.isfinite(y)
        item.setData(x=np.asarray(x, float)[good], y=np.asarray(y, float)[good])
        item.setBrush(pg.mkBrush(getattr(scheme(self.palette()), role)))

    def set_band(self, name: str, x: np.ndarray, low: np.ndarray, high: np.ndarray, role: str = "text") -> None:
        """Fill between low (N,) and high (N,), for example one standard deviation about a line."""
        good = np.isfinite(x) & np.isfinite(low) & np.isfinite(high)
        x, low, high = (np.asarray(a, float)[good] for a in (x, low, high))
        if name in self._bands:
            item = self._bands[name][0]
        else:
            item = QGraphicsPolygonItem()
            item.setPen(QPen(Qt.PenStyle.NoPen))
            item.setZValue(-5)
            item.setVisible(name not in self._hidden)
            self.plot.addItem(item, ignoreBounds=True)
        item.setPolygon(pg.functions.arrayToQPolygonF(np.append(x, x[::-1]), np.append(high, low[::-1])))
        self._bands[name] = (item, role, (x, low, high))
        self._brush(name, scheme(self.palette()))
        self._fit()

    def set_marks(self, name: str, marks: Sequence[Mark], role: str = "accent") -> None:
        """Draw or replace a group of marked positions and regions on the x axis."""
        self._marks.groups[name] = (tuple(marks), role)
        self._marks.update()

    def marks(self, name: str) -> tuple[Mark, ...]:
        """The marks of a group, () where there is none."""
        return tuple(self._marks.groups.get(name, ((), ""))[0])

    def points(self, name: str) -> np.ndarray:
        """The x of a group of points, (N,); KeyError where there is none."""
        return np.asarray(self._points[name][0].getData()[0])

    def line(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The x (N,) and y (N,) of a line as given; KeyError where there is none."""
        x, y = self._lines[name][0].getOriginalDataset()
        return x, y

    def remove(self, name: str) -> None:
        """Take a line, band, group of points or of marks away, where there is one."""
        for items in (self._lines, self._bands, self._points):
            if name in items:
                self.plot.removeItem(items.pop(name)[0])
        if self._marks.groups.pop(name, None) is not None:
            self._marks.update()

    def set_visible(self, name: str, visible: bool) -> None:
        """Show or hide what has that name, now and when it comes later."""
        for hidden in (self._hidden, self._marks.hidden):
            (hidden.discard if visible else hidden.add)(name)
        for items in (self._lines, self._bands, self._points):
            if name in items:
                items[name][0].setVisible(visible)
        self._marks.update()
        self._fit()

    def show_all(self) -> None:
        """Let the ranges follow what is drawn again."""
        self._follow = True
        self._fit(tight=True)

    def read_out(self) -> None:
        """Show the coordinates under the cursor."""
        text = ""
        if self.cursor_at is not None:
            at = self.box.mapSceneToView(self.cursor_at)
            text = ", ".join(
                f"{v:.5g} {u}".replace("-", "−").strip() for v, u in zip((at.x(), at.y()), self._units, strict=True)
            )
        if text != self._marks.readout:
            self._marks.readout = text
            self._marks.update()

    def recolour(self, colours: Scheme) -> None:
        """Use these colours."""
        if not hasattr(self, "_marks"):
            return
        self._marks.colours, self._marks.font = colours, scaled(self.font(), 0.85)
        for name in self._lines:
            self._pen(name, colours)
        for name in self._bands:
            self._brush(name, colours)
        for item, role in self._points.values():
            item.setBrush(pg.mkBrush(getattr(colours, role)))
        self._marks.update()
        self.recoloured.emit(colours)

    def _pen(self, name: str, colours: Scheme) -> None:
        item, role, width, dashed = self._lines[name]
        style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
        item.setPen(pg.mkPen(getattr(colours, role), width=width, style=style))

    def _brush(self, name: str, colours: Scheme) -> None:
        item, role, _ = self._bands[name]
        colour = QColor(getattr(colours, role))
        colour.setAlphaF(0.25)
        item.setBrush(colour)

    def _by_hand(self, *_: object) -> None:
        self._follow = False

    def _fit(self, tight: bool = False) -> None:
        if not self._follow:
            return
        xs, ys = [], []
        for name, (item, *_) in self._lines.items():
            x, y = item.getOriginalDataset()
            if name not in self._hidden and x is not None:
                xs.append(x)
                ys.append(y)
        for name, (_, _, (x, low, high)) in self._bands.items():
            if name not in self._hidden:
                xs += [x, x]
                ys += [low, high]
        x_range = _range(xs)
        if x_range is None:
            return
        inside = [y[(x >= x_range[0]) & (x <= x_range[1])] for x, y in zip(xs, ys, strict=True)]
        y_range = _range(inside, self._tallest) or (0.0, 1.0)
        self.box.setXRange(*x_range, padding=0)
        low, high = self.box.viewRange()[1]
        span = y_range[1] - y_range[0]
        fits = low <= y_range[0] and y_range[1] <= high and span >= 0.7 * (high - low)
        if tight or not fits:
            self.box.setYRange(y_range[0] - _MARGIN * span, y_range[1] + _MARGIN * span, padding=0)


def _range(parts: Sequence[np.ndarray], percent: float = 100.0) -> tuple[float, float] | None:
    """Least and greatest finite value of the lower `percent`, a little apart; None where there is none."""
    values = np.concatenate(parts) if parts else np.empty(0)
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    low, high = float(values.min()), float(values.max() if percent >= 100 else np.percentile(values, percent))
    return (low, high) if high > low else (low - 0.5, high + 0.5)
