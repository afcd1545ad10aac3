"""What can be measured on a curve: a range of it."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QVBoxLayout, QWidget

from matstudio.domain.frame import Axis
from matstudio.widgets.axes import drawable
from matstudio.widgets.colours import Scheme, scheme
from matstudio.widgets.image_canvas import digits
from matstudio.widgets.measures import Span, span
from matstudio.widgets.plot import LinePlot
from matstudio.widgets.text import number, significant
from matstudio.widgets.tools import ROI, Measuring


class PlotTools(Measuring):
    """A plot, and the range of it that is measured.

    Args:
        plot: on which is measured.
    """

    NAMES = frozenset({ROI})

    def __init__(self, plot: LinePlot, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plot = plot
        self._data: np.ndarray | None = None
        self._axis: Axis | None = None
        self._unit = ""
        self._span: pg.LinearRegionItem | None = None
        self._asked: tuple[object, ...] = ()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(plot)

    @property
    def range(self) -> pg.LinearRegionItem | None:
        """The range, once it was switched on."""
        return self._span

    def set_frame(self, data: np.ndarray, axis: Axis, unit: str = "") -> None:
        """The values (points,) that the plot shows, as they were measured, and their unit."""
        axis = drawable(axis)
        old, self._axis = self._axis, axis
        self._data, self._unit = data, unit
        if self._span is not None and old is not None and old != axis:
            a, b = ((old.index(v) + 0.5) / old.size * axis.size - 0.5 for v in self._span.getRegion())
            self._span.setRegion((axis.offset + axis.scale * a, axis.offset + axis.scale * b))
        if self.is_on(ROI) and self._span is None:
            self.switch(ROI, True)

    def switch(self, name: str, on: bool) -> None:
        """Show or hide the range; it stands where it stood before, or in the middle of what can be seen."""
        if name != ROI or self._axis is None:
            return
        if on and not self._seen():
            self._place()
        if self._span is not None:
            self._span.setVisible(on)
        self._asked = ()
        if not on:
            self.measured.emit([])

    def tick(self) -> None:
        """Measure the range, where something is new."""
        if self._span is None or self._data is None or self._axis is None:
            return
        wanted = (self._data, self._axis, *self._span.getRegion())
        if len(wanted) == len(self._asked) and all(
            a is b or (i and a == b) for i, (a, b) in enumerate(zip(wanted, self._asked, strict=True))
        ):
            return
        if self.due():
            self._asked = wanted
            found = span(self._axis.values, self._data, *wanted[2:])
            self.measured.emit(span_rows(found, self._axis, self._unit))

    def _ends(self) -> tuple[float, float]:
        if self._axis is None:
            return (0.0, 1.0)
        low, high = sorted((self._axis.offset, self._axis.offset + self._axis.scale * (self._axis.size - 1)))
        return low, high

    def _seen(self) -> bool:
        if self._span is None:
            return False
        (a, b), (low, high) = self._span.getRegion(), self._ends()
        return a < high and b > low

    def _place(self) -> None:
        low, high = self._ends()
        left, right = self._plot.box.viewRange()[0]
        low, high = max(low, left), min(high, right)
        if not high > low:
            low, high = self._ends()
        part = (low + 0.4 * (high - low), low + 0.6 * (high - low))
        if self._span is None:
            self._span = pg.LinearRegionItem(part, swapMode="sort")
            self._span.setZValue(-10)
            self._plot.plot.addItem(self._span, ignoreBounds=True)
            self._plot.recoloured.connect(self._recolour)
            self._recolour(scheme(self.palette()))
        self._span.setRegion(part)

    def _recolour(self, colours: Scheme) -> None:
        if self._span is None:
            return
        band = QColor(colours.text)
        band.setAlphaF(0.12)
        brighter = QColor(colours.text)
        brighter.setAlphaF(0.2)
        self._span.setBrush(pg.mkBrush(band))
        self._span.setHoverBrush(pg.mkBrush(brighter))
        for line in self._span.lines:
            line.setPen(pg.mkPen(colours.text, width=1.5))
            line.setHoverPen(pg.mkPen(colours.accent, width=2.5))


def span_rows(found: Span, axis: Axis, unit: str) -> list[tuple[str, str]]:
    """What is told of a range; `unit` of the values."""
    places, of = digits(axis), found.values
    if not of.number:
        return [("Range", "no point in it")]
    tail = f" {unit}".rstrip()
    lost = f", {of.number - of.finite:,} not finite" if of.finite < of.number else ""
    product = f" {unit}·{axis.units}" if unit else f" {axis.units}"
    return [
        ("Range", f"{number(found.low, places)} to {number(found.high, places)} {axis.units}"),
        ("Width", f"{number(found.high - found.low, places)} {axis.units}"),
        ("Points", f"{of.number:,}{lost}"),
        ("Integral", f"{significant(found.integral, 5)}{product}"),
        ("Sum", f"{significant(of.total, 7)}{tail}"),
        ("Mean", f"{significant(of.mean, 5)}{tail}"),
        ("Maximum", f"{significant(of.most, 5)}{tail}"),
        ("Maximum at", f"{number(found.at, places)} {axis.units}"),
    ]
