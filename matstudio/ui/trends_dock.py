"""Trends of the last ten minutes: temperature with its setpoint, order and free energy with their bands."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from matstudio.ui.parts import label
from matstudio.ui.present.advice import Ahead
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
        self._ahead: Ahead | None = None
        self._future = 0.0
        self.setAccessibleName(f"Trend of {title}")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_series(
        self, series: Series, now: float, span: float, ahead: Ahead | None = None, future: float = 0.0
    ) -> None:
        """Show the last `span` seconds of a series up to run time `now`, s, and a forecast of the next `future` s."""
        self._series, self._now, self._span, self._ahead, self._future = series, now, span, ahead, future
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
            for age, name in self._marks():
                x = box.left() + self._part(self._now - age) * box.width()
                width = text.horizontalAdvance(name)
                x = min(max(x - width / 2, box.left()), box.right() - width)
                painter.drawText(QPointF(x, box.bottom() + text.ascent() + 1), name)
        painter.end()

    def _part(self, t: np.ndarray | float) -> np.ndarray | float:
        """Where a run time lies in the plot, 0..1."""
        return (t - self._now + self._span) / (self._span + self._future)

    def _marks(self) -> list[tuple[float, str]]:
        """Ages (negative: to come) and their names."""
        if not self._future:
            return ages(self._span)
        past = [(self._span, f"−{self._span / 60:g} min"), (0.0, "now")]
        return [*past, *((-60.0 * m, f"+{m} min") for m in range(1, round(self._future / 60) + 1) if m % 2 == 1)]

    def _draw(self, painter: QPainter, box: QRectF, s: Series) -> None:
        colours = scheme(self.palette())
        low, high = limits(s, self._least, () if self._ahead is None else (self._ahead.low, self._ahead.high))
        text = painter.fontMetrics()
        for value in ticks(low, high):
            height = box.bottom() - (value - low) / (high - low) * box.height()
            painter.setPen(QPen(mix(colours.background, colours.grid, 0.6), 1))
            painter.drawLine(QPointF(box.left(), height), QPointF(box.right(), height))
            painter.setPen(colours.dim)
            name = number(value, self._digits)
            at = min(max(height + text.ascent() / 2 - 1, box.top() + text.ascent() - 2), box.bottom())
            painter.drawText(QPointF(box.left() - 5 - text.horizontalAdvance(name), at), name)
        for age, _ in self._marks()[1 : None if self._future else -1]:
            at = box.left() + self._part(self._now - age) * box.width()
            painter.setPen(
                QPen(colours.dim if self._future and not age else mix(colours.background, colours.grid, 0.6), 1)
            )
            painter.drawLine(QPointF(at, box.top()), QPointF(at, box.bottom()))
        if not np.isfinite(s.value).any():
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "no value")
            return
        from pyqtgraph import arrayToQPath  # takes 0.3 s, which a window that opens does not have

        x = box.left() + self._part(s.t) * box.width()
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
        if self._ahead is not None:
            self._forecast(painter, box, self._ahead, low, scale)
        painter.setClipping(False)
        self._last(painter, box, s)

    def _forecast(self, painter: QPainter, box: QRectF, a: Ahead, low: float, scale: float) -> None:
        """The path that the policy expects, with its band; where the setpoints are held, dotted."""
        from pyqtgraph import arrayToQPath

        colours = scheme(self.palette())
        there = a.t >= self._now
        x = box.left() + self._part(a.t[there]) * box.width()
        lower, upper, mid = (box.bottom() - (v[there] - low) * scale for v in (a.low, a.high, a.mid))
        tint = QColor(colours.second)
        tint.setAlpha(50)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tint)
        painter.drawPath(arrayToQPath(np.concatenate([x, x[::-1]]), np.concatenate([lower, upper[::-1]])))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colours.second, 1))
        painter.drawPath(arrayToQPath(x, mid))
        if a.held is not None:
            painter.setPen(QPen(colours.dim, 1, Qt.PenStyle.DotLine))
            painter.drawPath(arrayToQPath(x, box.bottom() - (a.held[there] - low) * scale))

    def _last(self, painter: QPainter, box: QRectF, s: Series) -> None:
        if self._ahead is not None:
            painter.setPen(scheme(self.palette()).second)
            name = "expected, 5 to 95 %" + ("; dotted: setpoints held" if self._ahead.held is not None else "")
        elif math.isfinite(s.setpoint[-1]):
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

    def show_trends(self, trends: Trends, now: float, ahead: Mapping[str, Ahead | None]) -> float:
        """Show what was kept, up to run time `now`, s, and what is expected; returns how many seconds of the past."""
        every = {key: trends.trends[key].series() for key in self._plots}
        oldest = min((now - s.t[0] for s in every.values() if s.t.size), default=0.0)
        span = next((x for x in SPANS if x >= oldest), SPANS[-1])
        ends = [a.t[-1] for a in ahead.values() if a is not None]
        future = 60.0 * math.ceil(max(0.0, max(ends) - now) / 60) if ends else 0.0
        told = [key for key, s in every.items() if np.isfinite(s.value).any()]
        for key, plot in self._plots.items():
            plot.show_ages(bool(told) and key == told[-1])
            plot.setVisible(key in told)
            plot.show_series(every[key], now, span, ahead.get(key), future)
        self._empty.setVisible(not told)
        return span
