"""Histogram of an image canvas with its two levels, which can be dragged."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from matstudio.widgets.colours import Scheme
from matstudio.widgets.image_canvas import ImageCanvas
from matstudio.widgets.levels import Measured
from matstudio.widgets.rows import Line
from matstudio.widgets.view import GraphView


class _Curve(GraphView):
    """The curve and the two lines."""

    def __init__(self) -> None:
        super().__init__()
        self.plot.hideAxis("left")
        self.curve = pg.PlotCurveItem([0.0, 1.0], [0.0], stepMode="center", fillLevel=0)
        self.region = pg.LinearRegionItem(swapMode="block")
        self.plot.addItem(self.curve)
        self.plot.addItem(self.region, ignoreBounds=True)
        self.box.setMouseEnabled(False, False)
        self.box.setDefaultPadding(0.02)
        self._dress()

    def recolour(self, colours: Scheme) -> None:
        if not hasattr(self, "region"):
            return
        fill = QColor(colours.dim)
        fill.setAlphaF(0.35)
        self.curve.setPen(pg.mkPen(colours.dim))
        self.curve.setBrush(pg.mkBrush(fill))
        band = QColor(colours.accent)
        band.setAlphaF(0.12)
        self.region.setBrush(pg.mkBrush(band))
        for line in self.region.lines:
            line.setPen(pg.mkPen(colours.accent, width=1.5))
            line.setHoverPen(pg.mkPen(colours.text, width=2.5))


class Levels(QWidget):
    """Histogram (square root of the pixel numbers), levels and, where they are held, a button that frees them.

    Args:
        canvas: whose levels these are.
        parent: Qt parent.
    """

    def __init__(self, canvas: ImageCanvas, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._setting = False
        self._text = Line("dim")
        self._text.set_text("Levels held")
        self._auto = QPushButton("Auto")
        self._auto.setToolTip("Let the levels follow the frames (1 % to 99.7 % of the pixels)")
        self._auto.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._curve = _Curve()
        self._curve.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._curve.setFixedHeight(round(self.fontMetrics().height() * 4))
        self._text.setMinimumHeight(self._auto.sizeHint().height())
        head = QHBoxLayout()
        head.addWidget(self._text, 1)
        head.addWidget(self._auto)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._curve)
        layout.addLayout(head)
        self._auto.clicked.connect(canvas.follow_levels)
        self._curve.region.sigRegionChanged.connect(self._dragged)
        canvas.measured.connect(self._measured)
        canvas.levels_changed.connect(self._levels)
        self._levels(*canvas.levels, canvas.levels_follow)

    def _measured(self, found: Measured) -> None:
        if self.isVisible():
            self._curve.curve.setData(found.edges, np.sqrt(found.counts))

    def _levels(self, low: float, high: float, follow: bool) -> None:
        self._setting = True
        self._curve.region.setRegion((low, high))
        self._setting = False
        self._auto.setVisible(not follow)
        self._text.setVisible(not follow)
        self._curve.setToolTip(
            "Levels follow the frames (1 % to 99.7 % of the pixels); drag a line to hold them"
            if follow
            else "Levels are held; Auto lets them follow the frames"
        )

    def _dragged(self) -> None:
        if not self._setting:
            self._canvas.set_levels(*self._curve.region.getRegion())
