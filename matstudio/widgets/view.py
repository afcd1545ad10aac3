"""What canvas and plot have in common: a graphics view that closes cleanly and follows palette and font."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtWidgets import QGraphicsView, QWidget

from matstudio.widgets.colours import Scheme, scheme
from matstudio.widgets.text import scaled


class Axis(pg.AxisItem):
    """An axis whose large numbers are short ("120 k") and whose minus is a minus."""

    bounds: tuple[float, float] | None = None
    """Only ticks between these are drawn; None: all."""

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        levels = super().tickValues(minVal, maxVal, size)
        if self.bounds is None:
            return levels
        low, high = self.bounds
        return [(spacing, [v for v in values if low <= v <= high]) for spacing, values in levels]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        most = max((abs(v * scale) for v in values), default=0.0)
        for size, letter in ((1e6, "M"), (1e3, "k")):
            if 1e7 > most / size >= 10:
                texts = super().tickStrings(values, scale / size, spacing)
                return [f"{t} {letter}".replace("-", "−") if float(t) else "0" for t in texts]
        return [t.replace("-", "−") for t in super().tickStrings(values, scale, spacing)]


class GraphView(pg.GraphicsView):
    """One pyqtgraph plot area without its menus and buttons. Double click shows everything."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, useOpenGL=False)
        self.plot = pg.PlotItem(enableMenu=False, axisItems={side: Axis(side) for side in ("left", "bottom")})
        self.plot.hideButtons()
        self.setCentralItem(self.plot)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # what lies behind need not be drawn first
        self.box: pg.ViewBox = self.plot.getViewBox()
        self.cursor_at: QPointF | None = None
        self.scene().sigMouseMoved.connect(self._moved)
        self.scene().sigMouseClicked.connect(self._clicked)
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.enableAutoSIPrefix(False)
            axis.setCacheMode(axis.CacheMode.DeviceCoordinateCache)  # frames change what lies beside it, not the axis
        self._ready = True
        self._dress()

    def show_all(self) -> None:
        """Show everything, and go on doing so."""
        self.box.enableAutoRange()

    def read_out(self) -> None:
        """Tell what lies under the cursor; called when it moves."""

    def recolour(self, colours: Scheme) -> None:
        """Use these colours; called when palette or font changed."""

    def close(self) -> bool:
        """Close the window. The scene lives on until the widget is deleted (pyqtgraph's own `close` crashes Qt)."""
        return QGraphicsView.close(self)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange) and getattr(self, "_ready", False):
            self._dress()
        super().changeEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.cursor_at = None
        self.read_out()
        super().leaveEvent(event)

    def _dress(self) -> None:
        colours = scheme(self.palette())
        self.setBackground(colours.background)
        small = scaled(self.font(), 0.85)
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.setPen(colours.grid)
            axis.setTextPen(colours.dim)
            axis.setTickFont(small)
            axis.label.setFont(small)
        half = self.fontMetrics().height() * 0.4
        self.plot.setContentsMargins(half, half, half, 0)
        self.recolour(colours)

    def _moved(self, where: QPointF) -> None:
        self.cursor_at = where if self.box.sceneBoundingRect().contains(where) else None
        self.read_out()

    def _clicked(self, event: Any) -> None:
        if event.double():
            self.show_all()
