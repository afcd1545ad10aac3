"""A canvas for images and diffraction patterns: newest frame, calibrated, with levels that stick and overlays."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Signal
from PySide6.QtGui import QResizeEvent, QTransform
from PySide6.QtWidgets import QWidget

from matstudio.domain.frame import Axis
from matstudio.widgets.axes import drawable
from matstudio.widgets.colours import COLORMAPS, Scheme
from matstudio.widgets.levels import extremes, measure, moved, subsample
from matstudio.widgets.overlays import COPPER_TO_GOLD, Arrows, Circles, Hud, Marks, Points
from matstudio.widgets.picture import Picture, is_counts
from matstudio.widgets.text import number, scaled, significant
from matstudio.widgets.view import GraphView

_PERIOD = 0.2
_LOG_TABLE = np.log10(np.arange(1 << 16, dtype=np.float32) + 1)


def colormap(name: str) -> pg.ColorMap:
    """The colour map of one of the names in `COLORMAPS`.

    Raises:
        ValueError: no such name.
    """
    if name not in COLORMAPS:
        raise ValueError(f"no colour map {name!r}; there are {', '.join(COLORMAPS)}")
    if name.startswith("gray"):
        stops = ("#000000", "#ffffff") if name == "gray" else ("#ffffff", "#000000")
        return pg.ColorMap((0.0, 1.0), stops)
    return pg.colormap.get(name)


class ImageCanvas(GraphView):
    """Shows one 2D array at a time, row 0 at the top, in the units of its axes.

    Wheel zooms, drag pans, double click shows everything. Overlays are given in pixels of the array.

    Signals:
        measured (Measured): levels and histogram, at most 5 times a second.
        levels_changed (float, float, bool): levels in the shown domain; whether they follow the frames.
    """

    measured = Signal(object)
    levels_changed = Signal(float, float, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box.setAspectLocked(True)
        self.box.setDefaultPadding(0.0)
        self.box.invertY(True)
        self._image = Picture()
        self.plot.addItem(self._image)
        self._hud = Hud(self.box)
        self._layers: dict[str, Points | Circles | Marks | Arrows] = {}
        self._hidden: set[str] = set()
        self._unit = ""
        self._data: np.ndarray | None = None
        self._axes: tuple[Axis, Axis] | None = None
        self._log, self._auto, self._levels = False, True, (0.0, 1.0)
        self._percentiles: tuple[float, float] | None = None
        self._last = -math.inf
        self.box.sigRangeChanged.connect(self._fit_points)
        self.set_colormap(COLORMAPS[0])
        self._dress()

    def set_frame(self, data: np.ndarray, axes: Sequence[Axis], unit: str = "") -> None:
        """Show `data` (rows, columns) with its two axes; `unit` of its values.

        Raises:
            ValueError: not a 2D array of real numbers.
        """
        if data.ndim != 2 or data.dtype.kind not in "biuf" or 0 in data.shape:
            raise ValueError(f"cannot be shown as an image: {data.dtype} {data.shape}")
        pair = (drawable(axes[0]), drawable(axes[1]))
        if pair != self._axes:
            self._calibrate(pair)
        self._data, self._unit = data, unit
        now = time.monotonic()
        if now - self._last >= _PERIOD:
            self._last = now
            self._measure(self._to_shown(data))
        if is_counts(data):
            self._image.show_counts(data, self._levels, log=self._log)
        else:
            self._image.show_values(self._to_shown(data), self._levels)
        self.read_out()

    @property
    def data(self) -> np.ndarray | None:
        """The array shown, or None."""
        return self._data

    def area(self) -> QRectF:
        """Where the frame lies in the coordinates of the view; empty before the first."""
        return self._hud.area

    @property
    def levels(self) -> tuple[float, float]:
        """Levels in the shown domain: counts, or log10 of them."""
        return self._levels

    @property
    def levels_follow(self) -> bool:
        """Whether the levels follow the frames; not after the user moved them."""
        return self._auto

    def set_levels(self, low: float, high: float) -> None:
        """Hold these levels (shown domain) until `follow_levels`."""
        self._auto = False
        self._apply_levels(low, high)

    def follow_levels(self) -> None:
        """Let the levels follow the percentiles of the frames again."""
        self._auto = True
        self._again()

    @property
    def percentiles(self) -> tuple[float, float]:
        """Which part of the pixels lies below the lower level, and which below the upper one, in %."""
        return self._percentiles or (1.0, 99.9 if self._log else 99.7)

    @property
    def levels_default(self) -> bool:
        """Whether the levels follow the percentiles that the canvas takes by itself."""
        return self._auto and self._percentiles is None

    def set_percentiles(self, percentiles: tuple[float, float] | None) -> None:
        """Let the levels follow these percentiles of the frames; (0, 100) is least and greatest value, None is 1 and
        99.7, or 99.9 of logarithms."""
        self._percentiles = percentiles
        self.follow_levels()

    def set_log(self, log: bool) -> None:
        """Show log10 of the values instead of the values; levels follow the frames again."""
        if log != self._log:
            self._log, self._auto = log, True
            self._again()

    def set_colormap(self, name: str) -> None:
        """Use one of `COLORMAPS`; raises ValueError for another name."""
        self._image.setLookupTable(colormap(name).getLookupTable(nPts=256, alpha=False))

    @property
    def mark(self) -> str:
        """What stands on the image at the lower right."""
        return self._hud.mark

    def set_mark(self, text: str) -> None:
        """Say on the image that it is not what was recorded; "" where it is. Parts, the most important first, are
        three spaces apart, and left out where there is no room."""
        self._hud.set_mark(text)

    def set_points(
        self, layer: str, xy: np.ndarray, values: np.ndarray | None = None, scale: str = COPPER_TO_GOLD
    ) -> None:
        """Small marks at `xy` (N, 2) pixels; `values` (N,) in 0..1 colour them on a scale of `overlays.SCALES`."""
        self._layer(layer, Points).place(*self._to_view(xy), values, scale)
        self._fit_points()

    def set_arrows(self, layer: str, start: np.ndarray, vectors: np.ndarray, texts: str) -> None:
        """Arrows from `start` (2,) along `vectors` (N, 2), pixels, with a letter of `texts` at each head."""
        x, y = self._to_view(np.concatenate([start[None], start + vectors]))
        font = scaled(self.font(), 0.85, bold=True)
        self._layer(layer, Arrows).place(QPointF(x[0], y[0]), np.column_stack((x, y))[1:], texts, font)

    def set_circles(self, layer: str, xy: np.ndarray, radii: np.ndarray) -> None:
        """Ellipses at `xy` (N, 2) pixels with half axes `radii` (N, 2) pixels."""
        sy, sx = (abs(a.scale) for a in self._pair())
        self._layer(layer, Circles).place(*self._to_view(xy), radii[:, 0] * sx, radii[:, 1] * sy)

    def set_marks(self, layer: str, xy: np.ndarray, texts: Sequence[str]) -> None:
        """Rings at `xy` (N, 2) pixels with `texts` (N) beside them, the most important first."""
        self._layer(layer, Marks).place(*self._to_view(xy), texts, scaled(self.font(), 0.85))

    def layer(self, name: str) -> Points | Circles | Marks | Arrows | None:
        """The overlay of that name, or None."""
        return self._layers.get(name)

    def set_layer_visible(self, name: str, visible: bool) -> None:
        """Show or hide an overlay, now and when it comes later."""
        (self._hidden.discard if visible else self._hidden.add)(name)
        if name in self._layers:
            self._layers[name].setVisible(visible)

    def clear_layers(self) -> None:
        """Take all overlays away."""
        for item in self._layers.values():
            self.box.removeItem(item)
        self._layers.clear()

    def read_out(self) -> None:
        """Show position and value under the cursor, in real units."""
        if self.cursor_at is None or self._data is None:
            self._hud.set_readout("")
            return
        row, column = self._pair()
        at = self.box.mapSceneToView(self.cursor_at)
        i, j = round(row.index(at.y())), round(column.index(at.x()))
        if not (0 <= i < row.size and 0 <= j < column.size):
            self._hud.set_readout("")
            return
        x, y = (number(v, digits(a)) for v, a in ((at.x(), column), (at.y(), row)))
        value = f"{self._data[i, j]:.6g}".replace("-", "−")
        same = row.units == column.units
        place = f"{x}, {y} {column.units}" if same else f"{x} {column.units}, {y} {row.units}"
        text = f"{place}   {value} {self._unit}".rstrip()
        if same and row.units.startswith("1/"):
            k = math.hypot(at.x(), at.y())
            text += f"\n|k| {significant(k)} {row.units}" + (f"   d {significant(1 / k)} {row.units[2:]}" if k else "")
        self._hud.set_readout(text)

    def recolour(self, colours: Scheme) -> None:
        """Use the font; what lies on the image keeps its own colours, whatever the theme."""
        if hasattr(self, "_hud"):
            self._hud.set_font(scaled(self.font(), 0.85))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if hasattr(self, "_hud"):
            em = self.fontMetrics().height()
            roomy = min(self.width(), self.height()) > 16 * em
            for side in ("left", "bottom"):
                self.plot.showAxis(side, roomy)

    def _layer(self, name: str, kind: type[Points] | type[Circles] | type[Marks] | type[Arrows]) -> Any:
        item = self._layers.get(name)
        if item is None:
            item = self._layers[name] = kind()
            item.setVisible(name not in self._hidden)
            self.box.addItem(item, ignoreBounds=True)
        return item

    def _fit_points(self, *_: object) -> None:
        if self._axes is None:
            return
        row, column = self._axes
        shown = self.box.viewRect()
        for item in self._layers.values():
            if isinstance(item, Points) and len(item.data):
                apart = math.sqrt(abs(row.scale * row.size * column.scale * column.size) / len(item.data))
                item.fit(apart / shown.width() * self.box.width())

    def _pair(self) -> tuple[Axis, Axis]:
        if self._axes is None:
            raise ValueError("an overlay came before the first frame")
        return self._axes

    def _to_view(self, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        row, column = self._pair()
        xy = np.asarray(xy, float).reshape(-1, 2)
        return column.offset + column.scale * xy[:, 0], row.offset + row.scale * xy[:, 1]

    def _calibrate(self, axes: tuple[Axis, Axis]) -> None:
        row, column = axes
        self.clear_layers()
        self._axes = axes
        corner = (column.offset - 0.5 * column.scale, row.offset - 0.5 * row.scale)
        self._image.setTransform(QTransform(column.scale, 0, 0, row.scale, *corner))
        width, height = abs(column.scale) * column.size, abs(row.scale) * row.size
        same = row.units == column.units and 0.05 < width / height < 20
        self.box.setAspectLocked(same)
        area = QRectF(*corner, column.scale * column.size, row.scale * row.size).normalized()
        self.box.setLimits(
            xMin=area.left() - width, xMax=area.right() + width, yMin=area.top() - height, yMax=area.bottom() + height
        )
        for side, ends in (("bottom", (area.left(), area.right())), ("left", (area.top(), area.bottom()))):
            self.plot.getAxis(side).bounds = ends
        self._hud.set_area(area)
        self._hud.set_units(column.units)
        for side, axis in (("left", row), ("bottom", column)):
            self.plot.getAxis(side).setLabel(f"{axis.name} / {axis.units}")
        self._last = -math.inf
        self.box.enableAutoRange()

    def _to_shown(self, data: np.ndarray) -> np.ndarray:
        if data.dtype == bool or data.dtype == np.float16 or not data.dtype.isnative or data.dtype.itemsize == 8:
            data = data.astype(np.uint8 if data.dtype == bool else np.float32)
        if not self._log:
            return data
        if data.dtype.kind == "u" and data.dtype.itemsize <= 2:
            return _LOG_TABLE[data]
        return np.log10(np.maximum(data.astype(np.float32), 0.0) + 1.0)

    def _measure(self, shown: np.ndarray) -> None:
        found = measure(subsample(shown), *self.percentiles)
        if self.percentiles == (0.0, 100.0):  # of all pixels: a single bright one is not to be missed
            found = replace(found, **dict(zip(("low", "high"), extremes(shown, (found.low, found.high)), strict=True)))
        if self._auto and moved(self._levels, (found.low, found.high)):
            self._apply_levels(found.low, found.high)
        self.measured.emit(found)

    def _apply_levels(self, low: float, high: float) -> None:
        self._levels = (low, high if high > low else low + 1e-6)
        self._image.setLevels(self._levels)
        self.levels_changed.emit(*self._levels, self._auto)

    def _again(self) -> None:
        self._levels, self._last = (0.0, 0.0), -math.inf
        if self._data is not None and self._axes is not None:
            self.set_frame(self._data, self._axes, self._unit)


def digits(axis: Axis) -> int:
    """Decimals at which a coordinate on an axis shows a tenth of a pixel or less; 1 where it is in pixels."""
    return min(max(0, 1 - math.floor(math.log10(abs(axis.scale)))), 8) if axis.units != "px" else 1
