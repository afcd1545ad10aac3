"""Histogram of an image canvas with its two levels, which can be dragged."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QResizeEvent
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from matstudio.widgets.colours import Scheme
from matstudio.widgets.image_canvas import ImageCanvas
from matstudio.widgets.levels import Measured, moved
from matstudio.widgets.text import scaled
from matstudio.widgets.view import GraphView

CHOICES = (None, (0.0, 100.0), (0.1, 99.9), (0.3, 99.7), (1.0, 99.0), (2.0, 98.0))
"""Percentiles that can be chosen; None is what the canvas takes by itself."""
_ROOMY = 2.4  # lines of text; in less height the axis is left out


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
        self.box.disableAutoRange()
        self._dress()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if hasattr(self, "region"):
            self.plot.showAxis("bottom", self.height() > _ROOMY * self.fontMetrics().height())

    def show_all(self) -> None:
        """Everything is shown anyway."""

    def show_counts(self, edges: np.ndarray, heights: np.ndarray) -> None:
        """Show bars of `heights` (B,) between `edges` (B + 1,); the ranges stay where they nearly fit."""
        self.curve.setData(edges, heights)
        wanted = (float(edges[0]), float(edges[-1])), (0.0, max(1.0, float(heights.max())))
        now = self.box.viewRange()
        if any(moved((a[0], a[1]), b, 0.05) for a, b in zip(now, wanted, strict=True)):
            self.box.setRange(xRange=wanted[0], yRange=wanted[1], padding=0.02, disableAutoRange=False)

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
    """Histogram (square root of the pixel numbers) and levels, with a button in its corner that tells which percentiles
    they follow and lets others be chosen, or, while they are held, lets them follow again.

    Args:
        canvas: whose levels these are.
        parent: Qt parent.
    """

    def __init__(self, canvas: ImageCanvas, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._setting = False
        self._curve = _Curve()
        self._button = QToolButton(self)
        self._button.setObjectName("tool")
        self._button.setFont(scaled(self.font(), 0.85))
        self._button.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self._button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._menu = QMenu(self._button)
        self._menu.aboutToShow.connect(self._fill)
        self._button.setMenu(self._menu)
        em = self.fontMetrics().height()
        self._curve.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._curve.setMinimumHeight(round(em * 1.6))
        self._curve.setMaximumHeight(round(em * 4))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._curve)
        self._button.raise_()
        self._button.clicked.connect(self._clicked)
        self._curve.region.sigRegionChanged.connect(self._dragged)
        canvas.measured.connect(self._measured)
        canvas.levels_changed.connect(self._levels)
        self._levels(*canvas.levels, canvas.levels_follow)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _measured(self, found: Measured) -> None:
        if self.isVisible():
            self._curve.show_counts(found.edges, np.sqrt(found.counts))
        self._name()

    def _levels(self, low: float, high: float, follow: bool) -> None:
        self._setting = True
        self._curve.region.setRegion((low, high))
        self._setting = False
        self._name()

    def _name(self) -> None:
        """Tell on the button what the levels do."""
        follow, part = self._canvas.levels_follow, percentiles_text(self._canvas.percentiles)
        self._button.setText("%" if follow else "Auto")
        self._button.setToolTip(
            f"Levels follow the frames ({part} of the pixels); drag a line to hold them"
            if follow
            else f"Levels are held; press to let them follow the frames ({part} of the pixels)"
        )
        self._curve.setToolTip(self._button.toolTip())
        self._place()

    def _place(self) -> None:
        self._button.adjustSize()
        self._button.move(self.width() - self._button.width() - 2, 2)

    def _clicked(self) -> None:
        if self._canvas.levels_follow:
            self._button.showMenu()
        else:
            self._canvas.follow_levels()

    def _fill(self) -> None:
        self._menu.clear()
        now = self._canvas.percentiles if self._canvas.levels_follow else None
        for choice in CHOICES:
            text = "default" if choice is None else percentiles_text(choice)
            entry = self._menu.addAction(text, lambda choice=choice: self.choose(choice))
            entry.setCheckable(True)
            entry.setChecked(now == choice if choice is not None else self._canvas.levels_default)

    def choose(self, choice: tuple[float, float] | None) -> None:
        """Let the levels follow these percentiles (%) of the frames; None: those that the canvas takes by itself."""
        self._canvas.set_percentiles(choice)
        self._name()

    def _dragged(self) -> None:
        if not self._setting:
            self._canvas.set_levels(*self._curve.region.getRegion())


def percentiles_text(percentiles: tuple[float, float]) -> str:
    """ "1 to 99.7 %", or "min to max"."""
    low, high = percentiles
    return "min to max" if (low, high) == (0.0, 100.0) else f"{low:g} to {high:g} %"
