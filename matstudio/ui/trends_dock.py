"""Trends of the last ten minutes: temperature with its setpoint, order and free energy with their bands."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from matstudio.ui.parts import label
from matstudio.ui.present.trends import Series, Trends, limits, ticks
from matstudio.widgets.colours import mix, scheme
from matstudio.widgets.text import number, scaled

ROWS = (
    # key, title, digits of the scale, least height of the scale
    ("temperature", "T / K", 0, 4.0),
    ("order_parameter", "Order S", 2, 0.1),
    ("free_energy", "Free energy F / meV per atom", 1, 1.0),
)
SPANS = (60.0, 120.0, 300.0, 600.0)  # s; the shortest that shows everything is taken


def ages(span: float) -> list[tuple[float, str]]:
    """Marks of the time scale: seconds before now, and what is written there."""
    if span <= 120:
        return [(a, f"−{a:.0f} s" if a else "now") for a in np.linspace(span, 0, 5)]
    return [(a, f"−{a / 60:.0f} min" if a else "now") for a in np.linspace(span, 0, 6)]


class TrendPlot(QWidget):
    """One trend: line, band of one standard deviation, dashed setpoint."""

    def __init__(self, title: str, digits: int, least: float) -> None:
        super().__init__()
        self._title, self._digits, self._least, self._ages = title, digits, least, False
        self._series: Series | None = None
        self._now, self._span = 0.0, SPANS[0]
        self.setAccessibleName(f"Trend of {title}")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_series(self, series: Series, now: float, span: float) -> None:
        """Show the last `span` seconds of a series up to run time `now`, s."""
        self._series, self._now, self._span = series, now, span
        self.update()

    def show_ages(self, shown: bool) -> None:
        """Write the ages below the plot, or leave them to the one below it."""
        self._ages = shown

    def sizeHint(self) -> QSize:
        return QSize(280, 96)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 54)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = scheme(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        small = scaled(self.font(), 0.82)
        painter.setFont(small)
        text = painter.fontMetrics()
        left = text.horizontalAdvance("−00.00") + 6
        box = QRectF(left, 2, self.width() - left - 6, self.height() - 4 - (text.height() if self._ages else 2))
        painter.fillRect(box, colours.background)
        painter.setPen(QPen(colours.grid, 1))
        painter.drawRect(box)
        if self._series is not None:
            self._draw(painter, box, self._series)
        painter.setPen(colours.text)
        plate = QRectF(box.left() + 1, box.top() + 1, text.horizontalAdvance(self._title) + 10, text.height())
        ground = QColor(colours.background)
        ground.setAlpha(200)
        painter.fillRect(plate, ground)
        painter.drawText(QPointF(box.left() + 6, box.top() + text.ascent() + 1), self._title)
        if self._ages:
            painter.setPen(colours.dim)
            for age, name in ages(self._span):
                x = box.right() - age / self._span * box.width()
                width = text.horizontalAdvance(name)
                x = min(max(x - width / 2, box.left()), box.right() - width)
                painter.drawText(QPointF(x, box.bottom() + text.ascent() + 1), name)
        painter.end()

    def _draw(self, painter: QPainter, box: QRectF, s: Series) -> None:
        colours = scheme(self.palette())
        low, high = limits(s, self._least)
        text = painter.fontMetrics()
        for value in ticks(low, high):
            height = box.bottom() - (value - low) / (high - low) * box.height()
            painter.setPen(QPen(mix(colours.background, colours.grid, 0.6), 1))
            painter.drawLine(QPointF(box.left(), height), QPointF(box.right(), height))
            painter.setPen(colours.dim)
            name = number(value, self._digits)
            at = min(max(height + text.ascent() / 2 - 1, box.top() + text.ascent() - 2), box.bottom())
            painter.drawText(QPointF(box.left() - 5 - text.horizontalAdvance(name), at), name)
        for age, _ in ages(self._span)[1:-1]:
            at = box.right() - age / self._span * box.width()
            painter.setPen(QPen(mix(colours.background, colours.grid, 0.6), 1))
            painter.drawLine(QPointF(at, box.top()), QPointF(at, box.bottom()))
        if not np.isfinite(s.value).any():
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "no value")
            return
        from pyqtgraph import arrayToQPath  # takes 0.3 s, which a window that opens does not have

        x = box.right() - (self._now - s.t) / self._span * box.width()
        scale = box.height() / (high - low)
        painter.setClipRect(box)
        y = box.bottom() - (s.value - low) * scale
        band = np.nan_to_num(s.sigma) * scale
        tint = QColor(colours.accent)
        tint.setAlpha(60)
        for part in _parts(s.value):
            if part.stop - part.start > 1 and np.any(band[part] > 0):
                around = np.concatenate([x[part], x[part][::-1]])
                edge = np.concatenate([(y - band)[part], (y + band)[part][::-1]])
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(tint)
                painter.drawPath(arrayToQPath(around, edge))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colours.second, 1, Qt.PenStyle.DashLine))
        wanted = box.bottom() - (s.setpoint - low) * scale
        painter.drawPath(arrayToQPath(*_corners(x, wanted), connect="finite"))
        painter.setPen(QPen(colours.text, 1))
        painter.drawPath(arrayToQPath(x, y, connect="finite"))
        painter.setClipping(False)
        self._last(painter, box, s)

    def _last(self, painter: QPainter, box: QRectF, s: Series) -> None:
        if math.isfinite(s.setpoint[-1]):
            painter.setPen(scheme(self.palette()).second)
            name = f"dashed: setpoint {number(float(s.setpoint[-1]), self._digits + 1)}"
        elif np.any(np.isfinite(s.sigma)):
            painter.setPen(scheme(self.palette()).dim)
            name = "band: ± 1 σ"
        else:
            return
        text = painter.fontMetrics()
        left = box.right() - text.horizontalAdvance(name) - 5
        ground = QColor(scheme(self.palette()).background)
        ground.setAlpha(200)
        painter.fillRect(QRectF(left - 3, box.top() + 1, box.right() - left + 2, text.height()), ground)
        painter.drawText(QPointF(left, box.top() + text.ascent() + 1), name)


def _corners(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A line without the points inside its level stretches: dashes over a thousand of them are slow to draw."""
    inside = np.zeros(len(y), bool)
    inside[1:-1] = (y[1:-1] == y[:-2]) & (y[1:-1] == y[2:])
    return x[~inside], y[~inside]


def _parts(values: np.ndarray) -> list[slice]:
    """Runs of finite values."""
    good = np.concatenate(([False], np.isfinite(values), [False]))
    edges = np.flatnonzero(good[1:] != good[:-1])
    return [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]


class TrendsView(QWidget):
    """The trends one below the other; one without any value is left out."""

    def __init__(self) -> None:
        super().__init__()
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(2)
        self._plots = {}
        for key, title, digits, least in ROWS:
            self._plots[key] = TrendPlot(title, digits, least)
            self._plots[key].hide()
            box.addWidget(self._plots[key], 1)
        self._empty = label("nothing to show yet", "dim")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        box.addWidget(self._empty)

    def show_trends(self, trends: Trends, now: float) -> float:
        """Show what was kept, up to run time `now`, s; returns how many seconds are shown."""
        every = {key: trends.trends[key].series() for key in self._plots}
        oldest = min((now - s.t[0] for s in every.values() if s.t.size), default=0.0)
        span = next((x for x in SPANS if x >= oldest), SPANS[-1])
        told = [key for key, s in every.items() if np.isfinite(s.value).any()]
        for key, plot in self._plots.items():
            plot.show_ages(bool(told) and key == told[-1])
            plot.setVisible(key in told)
            plot.show_series(every[key], now, span)
        self._empty.setVisible(not told)
        return span
