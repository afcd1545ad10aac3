"""Viewer of images: the newest frame, its levels, the columns found and how sure they are."""

from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np
from PySide6.QtWidgets import QWidget

from matstudio.domain.estimate import Estimate
from matstudio.domain.frame import Frame
from matstudio.widgets.histogram import Levels
from matstudio.widgets.image_canvas import ImageCanvas
from matstudio.widgets.image_tools import ImageTools
from matstudio.widgets.text import number
from matstudio.widgets.tools import IMAGE_TOOLS
from matstudio.widgets.viewer import FrameViewer, unit_of

_TIMES = (1, 2, 5, 10, 20, 50, 100, 200)


class Viewer(FrameViewer):
    """Image at the left; levels, overlays and what the model says at the right."""

    LABELS = MappingProxyType(
        {
            "order_parameter": "Order S",
            "lattice_a": "Lattice a",
            "composition": "Au fraction",
            "antiphase": "Antiphase p",
        }
    )
    TOLD = frozenset({"columns", "order_square", "boundary_density"})
    CHANCES = frozenset({"antiphase"})

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Image", parent)
        self.canvas = ImageCanvas()
        self.tools = ImageTools(self.canvas)
        self.stage.addWidget(self.tools)
        for tool in IMAGE_TOOLS:
            self.strip.add(*tool)
        self.use(self.tools)
        self.column.addWidget(Levels(self.canvas))
        self._columns = self.toggle("columns")
        self._uncertainty = self.toggle("uncertainty", False)
        self._columns.toggled.connect(lambda on: self.canvas.set_layer_visible("columns", on))
        self._uncertainty.toggled.connect(lambda on: self.canvas.set_layer_visible("uncertainty", on))
        self.canvas.set_layer_visible("uncertainty", False)
        self._times = 0

    def set_colormap(self, name: str) -> None:
        """Use a colour map of `colours.COLORMAPS`."""
        self.canvas.set_colormap(name)
        self.tools.fft.set_colormap(name)

    def draw_frame(self, frame: Frame) -> None:
        """Draw an image (rows, columns)."""
        self.canvas.set_frame(frame.data, frame.axes, unit_of(frame))
        self.tools.set_frame(frame.data, frame.axes, unit_of(frame))

    def draw_estimate(self, estimate: Estimate) -> None:
        """Draw the columns, coloured by Au fraction where it is known, and circles of some times one sigma."""
        xy = _pairs(estimate, "columns")
        for box in (self._columns, self._uncertainty):
            box.setEnabled(xy is not None)
        if xy is None:
            self.canvas.clear_layers()
            return
        au = estimate.arrays.get("columns_au")
        self.canvas.set_points("columns", xy, au if au is not None and au.shape == (len(xy),) else None)
        sigma = _pairs(estimate, "columns_sigma")
        if sigma is not None and len(sigma) == len(xy):
            self._choose_times(sigma)
            self.canvas.set_circles("uncertainty", xy, sigma * self._times)

    def rows(self, estimate: Estimate) -> list[tuple[str, str]]:
        """How many columns, and how well their positions are known."""
        xy, sigma = _pairs(estimate, "columns"), _pairs(estimate, "columns_sigma")
        rows = [] if xy is None else [("Columns", f"{len(xy):,} found")]
        if sigma is not None and np.isfinite(sigma).any() and self.frame is not None:
            typical = float(np.nanmedian(sigma))
            axis = self.frame.axes[1]
            in_pm = {"Å": 100.0, "nm": 1000.0, "pm": 1.0}.get(axis.units)
            text = f"{number(typical, 2)} px" if in_pm is None else f"{number(typical * abs(axis.scale) * in_pm, 1)} pm"
            rows.append(("Position σ", text))
        return rows

    def notes(self, estimate: Estimate) -> tuple[str, ...]:
        """Lines below the quantities, without the number of columns, which stands above."""
        return tuple(n for n in estimate.notes if not n.removesuffix(" columns").isdigit())

    def _choose_times(self, sigma: np.ndarray) -> None:
        """Draw sigma so many times enlarged that it can be seen: about an eighth of the columns' spacing."""
        typical = np.nanmedian(sigma) if np.isfinite(sigma).any() else math.nan
        if not (self.frame is not None and typical > 0):
            self._times = 1
            return
        spacing = math.sqrt(self.frame.data.size / len(sigma))
        best = min(_TIMES, key=lambda n: abs(math.log(n * typical / (spacing / 8))))
        if self._times == 0 or not 0.4 < best / self._times < 2.5:
            self._times = best
            self._uncertainty.setText(f"uncertainty, {best} σ")


def _pairs(estimate: Estimate, name: str) -> np.ndarray | None:
    """An (N, 2) array of the estimate, or None; ValueError where it has another shape."""
    array = estimate.arrays.get(name)
    if array is None or array.size == 0:
        return None
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"{name} of {estimate.model.name}: shape {array.shape}, not (N, 2)")
    return np.asarray(array, float)
