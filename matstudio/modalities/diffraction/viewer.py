"""Viewer of diffraction: a pattern with its spots and radial profile, or a powder pattern."""

from __future__ import annotations

import time
from types import MappingProxyType

import numpy as np
from PySide6.QtWidgets import QSizePolicy, QStackedWidget, QWidget

from matstudio.domain.estimate import Estimate
from matstudio.domain.frame import Axis, Frame
from matstudio.widgets.histogram import Levels
from matstudio.widgets.image_canvas import ImageCanvas
from matstudio.widgets.plot import LinePlot
from matstudio.widgets.viewer import FrameViewer

_PERIOD = 0.2


class RadialMean:
    """Mean of a pattern over rings about the point where both axes are zero (uncalibrated: about the middle).

    Args:
        axes: of the pattern, rows first; rings are as wide as one step of the finer one.
    """

    def __init__(self, axes: tuple[Axis, Axis]) -> None:
        row, column = axes
        calibrated = row.units == column.units != "px"
        y, x = (a.values - (0.0 if calibrated else a.offset + a.scale * (a.size - 1) / 2) for a in (row, column))
        step = min(abs(row.scale), abs(column.scale))
        self._ring = np.rint(np.hypot(y[:, None], x[None, :]) / step).astype(np.intp).ravel()
        self.radius = np.arange(int(self._ring.max()) + 1) * step
        self.units = row.units if calibrated else "px"

    def __call__(self, data: np.ndarray) -> np.ndarray:
        """The mean over each ring, as long as `radius`; NaN where a ring has no finite pixel."""
        values = np.asarray(data, float).ravel()
        finite = np.isfinite(values)
        ring, values = (self._ring, values) if finite.all() else (self._ring[finite], values[finite])
        count = np.bincount(ring, minlength=len(self.radius))
        total = np.bincount(ring, values, minlength=len(self.radius))
        return np.divide(total, count, out=np.full(len(self.radius), np.nan), where=count > 0)


class Viewer(FrameViewer):
    """Pattern at the left; levels, overlays, radial profile and what the model says at the right."""

    LABELS = MappingProxyType(
        {
            "order_parameter": "Order S",
            "lattice_a": "Lattice a",
            "composition": "Au fraction",
            "superlattice_ratio": "I100/I200",
        }
    )

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Diffraction", parent)
        self.canvas, self.powder, self.profile = ImageCanvas(), LinePlot(), LinePlot()
        self._pages = QStackedWidget()
        self._pages.addWidget(self.canvas)
        self._pages.addWidget(self.powder)
        self.stage.addWidget(self._pages)
        self._levels = Levels(self.canvas)
        self.column.addWidget(self._levels)
        self._log = self.toggle("log scale")
        self._spots = self.toggle("spots")
        self._indices = self.toggle("indices")
        self.below.addWidget(self.profile)
        self.profile.setFixedHeight(round(self.fontMetrics().height() * 8))
        self.profile.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._log.toggled.connect(self._set_log)
        self._spots.toggled.connect(lambda on: self.canvas.set_layer_visible("spots", on))
        self._indices.toggled.connect(self._index)
        self._axes: tuple[Axis, ...] = ()
        self._radial: RadialMean | None = None
        self._last = 0.0
        self._set_log(True)

    def set_colormap(self, name: str) -> None:
        """Use a colour map of `image_canvas.COLORMAPS`."""
        self.canvas.set_colormap(name)

    def draw_frame(self, frame: Frame) -> None:
        """Draw a pattern (rows, columns) or a powder pattern (points,)."""
        if frame.data.dtype.kind not in "biuf" or frame.data.ndim not in (1, 2):
            raise ValueError(f"not a diffraction pattern: {frame.data.dtype} {frame.data.shape}")
        flat = frame.data.ndim == 2
        if frame.axes != self._axes:
            self._turn_to(frame)
        if flat:
            self.canvas.set_frame(frame.data, frame.axes, str(frame.metadata.get("unit", "")))
            if time.monotonic() - self._last >= _PERIOD:
                self._draw_profile(frame.data)
        else:
            self.powder.set_line("pattern", frame.axes[0].values, self._scaled(frame.data))

    def draw_estimate(self, estimate: Estimate) -> None:
        """Draw a ring at each spot, the strongest first, with its indices."""
        spots = estimate.arrays.get("spots")
        if self._pages.currentWidget() is not self.canvas:
            return
        if spots is None or spots.size == 0:
            self.canvas.clear_layers()
            return
        if spots.ndim != 2 or spots.shape[1] != 2:
            raise ValueError(f"spots of {estimate.model.name}: shape {spots.shape}, not (N, 2)")
        intensity = estimate.arrays.get("spots_intensity", np.zeros(len(spots)))
        hkl = estimate.arrays.get("spots_hkl")
        order = np.argsort(-np.nan_to_num(intensity), kind="stable")
        texts = ["" if hkl is None else indices(hkl[i]) for i in order]
        self.canvas.set_marks("spots", spots[order], texts)
        self._index(self._indices.isChecked())

    def rows(self, estimate: Estimate) -> list[tuple[str, str]]:
        """How many spots."""
        spots = estimate.arrays.get("spots")
        return [] if spots is None else [("Spots", f"{len(spots):,} found")]

    def _turn_to(self, frame: Frame) -> None:
        flat = frame.data.ndim == 2
        self._axes, self._last = frame.axes, 0.0
        for widget in (self._levels, self.profile, self._spots, self._indices):
            widget.setVisible(flat)
        self._pages.setCurrentWidget(self.canvas if flat else self.powder)
        if flat:
            self._radial = RadialMean((frame.axes[0], frame.axes[1]))
        self._name_axes()

    def _draw_profile(self, data: np.ndarray) -> None:
        self._last = time.monotonic()
        if self._radial is not None and self.profile.isVisible():
            self.profile.set_line("profile", self._radial.radius, self._scaled(self._radial(data)))

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        return np.log10(np.maximum(values, 0) + 1.0) if self._log.isChecked() else np.asarray(values, float)

    def _name_axes(self) -> None:
        mean = "lg mean" if self._log.isChecked() else "mean"
        if self._radial is not None:
            self.profile.set_axes("radius", self._radial.units)
            self.profile.set_title(f"radial profile, {mean}")
        if len(self._axes) == 1:
            axis = self._axes[0]
            self.powder.set_axes(axis.name, axis.units, "lg(counts + 1)" if self._log.isChecked() else "counts")

    def _set_log(self, on: bool) -> None:
        self.canvas.set_log(on)
        self._last = 0.0
        self._name_axes()
        if self.frame is not None:
            self.draw_frame(self.frame)
            for plot in (self.profile, self.powder):
                plot.show_all()

    def _index(self, shown: bool) -> None:
        marks = self.canvas.layer("spots")
        if marks is not None:
            marks.show_text(shown)


def indices(hkl: np.ndarray) -> str:
    """Miller indices as crystallographers write them, a negative one with a bar; "" where one is not finite."""
    if not np.isfinite(hkl).all():
        return ""
    return "".join(f"{abs(int(n))}" + ("\u0305" if n < 0 else "") for n in np.rint(hkl))
