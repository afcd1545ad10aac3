"""Viewer of diffraction: a pattern with its spots and radial profile, or a powder pattern."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import MappingProxyType

import numpy as np
from PySide6.QtWidgets import QSizePolicy, QStackedWidget, QWidget

from matstudio.domain.estimate import Estimate
from matstudio.domain.frame import Axis, Frame
from matstudio.widgets.histogram import Levels
from matstudio.widgets.image_canvas import ImageCanvas
from matstudio.widgets.image_tools import ImageTools
from matstudio.widgets.plot import LinePlot
from matstudio.widgets.plot_tools import PlotTools
from matstudio.widgets.tools import FFT, IMAGE_TOOLS, LINE
from matstudio.widgets.viewer import FrameViewer, unit_of

_PERIOD = 0.2
_BEAM = 96.0  # of the linear radial profile the direct beam runs out of the picture: the rest would lie at its foot


class RadialMean:
    """Mean of a pattern over rings about the point where both axes are zero; uncalibrated, about `centre`.

    Args:
        axes: of the pattern, rows first; rings are as wide as one step of the finer one.
        centre: x, y in pixels, used where the axes have no unit; None: the middle.
    """

    def __init__(self, axes: tuple[Axis, Axis], centre: np.ndarray | None = None) -> None:
        row, column = axes
        calibrated = row.units == column.units != "px"
        middle = np.array([(a.size - 1) / 2 for a in (column, row)]) if centre is None else np.asarray(centre, float)
        self.centre = None if calibrated else middle
        zero = (
            (0.0, 0.0) if calibrated else (row.offset + row.scale * middle[1], column.offset + column.scale * middle[0])
        )
        y, x = (a.values - z for a, z in zip((row, column), zero, strict=True))
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
    """Pattern at the left; what the model says, overlays, radial profile and levels at the right."""

    LABELS = MappingProxyType(
        {
            "order_parameter": "Order S",
            "lattice_a": "Lattice a",
            "composition": "Au fraction",
            "superlattice_ratio": "I100/I200",
            "antiphase": "Antiphase p",
            "g1": "g1",
            "g2": "g2",
            "gamma": "γ",
        }
    )

    TOLD = frozenset({"order_square"})
    CHANCES = frozenset({"antiphase"})

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Diffraction", parent)
        self.canvas, self.powder, self.profile = ImageCanvas(), LinePlot(), LinePlot()
        self.tools, self.powder_tools = ImageTools(self.canvas), PlotTools(self.powder)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.tools)
        self._pages.addWidget(self.powder_tools)
        self.stage.addWidget(self._pages)
        for tool in IMAGE_TOOLS:
            self.strip.add(*tool)
        self.use(self.tools)
        self.use(self.powder_tools)
        self._levels = Levels(self.canvas)
        self._log = self.toggle("log")
        self._spots = self.toggle("spots")
        self._indices = self.toggle("hkl")
        self._log.setToolTip("Intensities on a logarithmic scale")
        self._indices.setToolTip("Miller indices beside the spots")
        self.below.addWidget(self.profile)
        em = self.fontMetrics().height()
        self.profile.setMinimumHeight(round(em * 2.8))
        self.profile.setMaximumHeight(round(em * 5))
        self.profile.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.below.addWidget(self._levels)
        self._log.toggled.connect(self._set_log)
        self._spots.toggled.connect(lambda on: self.canvas.set_layer_visible("spots", on))
        self._indices.toggled.connect(self._index)
        self._axes: tuple[Axis, ...] = ()
        self._unit, self._positive = "", True
        self._radial: RadialMean | None = None
        self._last = 0.0
        self._set_log(True)

    def set_colormap(self, name: str) -> None:
        """Use a colour map of `colours.COLORMAPS`."""
        self.canvas.set_colormap(name)
        self.tools.fft.set_colormap(name)

    def draw_frame(self, frame: Frame) -> None:
        """Draw a pattern (rows, columns) or a powder pattern (points,)."""
        if frame.data.dtype.kind not in "biuf" or frame.data.ndim not in (1, 2):
            raise ValueError(f"not a diffraction pattern: {frame.data.dtype} {frame.data.shape}")
        flat = frame.data.ndim == 2
        if frame.axes != self._axes:
            self._turn_to(frame)
        if flat:
            self.canvas.set_frame(frame.data, frame.axes, unit_of(frame))
            self.tools.set_frame(frame.data, frame.axes, unit_of(frame))
            if time.monotonic() - self._last >= _PERIOD:
                self._draw_profile(frame.data)
        else:
            self.powder.set_line("pattern", frame.axes[0].values, self._scaled(frame.data))
            self.powder_tools.set_frame(frame.data, frame.axes[0], unit_of(frame))

    def draw_estimate(self, estimate: Estimate) -> None:
        """Draw a ring at each spot, the strongest first, with its indices."""
        if self._pages.currentWidget() is not self.tools:
            draw_peaks(self.powder, self.frame, estimate, self._scaled)
            return
        self._recentre(estimate.arrays.get("centre"))
        spots = estimate.arrays.get("spots")
        if spots is None or spots.size == 0:
            self.canvas.clear_layers()
            return
        if spots.ndim != 2 or spots.shape[1] != 2:
            raise ValueError(f"spots of {estimate.model.name}: shape {spots.shape}, not (N, 2)")
        intensity, hkl = (estimate.arrays.get(f"spots_{name}") for name in ("intensity", "hkl"))
        if intensity is None or intensity.shape != (len(spots),):
            intensity = np.zeros(len(spots))
        order = np.argsort(-np.nan_to_num(intensity), kind="stable")
        known = hkl is not None and hkl.shape == (len(spots), 3)
        texts = [indices(hkl[i]) if known else "" for i in order]
        self.canvas.set_marks("spots", spots[order], texts)
        self._index(self._indices.isChecked())

    def rows(self, estimate: Estimate) -> list[tuple[str, str]]:
        """How many spots or peaks."""
        named = (("Spots", "spots"), ("Peaks", "peaks"))
        return [
            (label, f"{np.atleast_1d(estimate.arrays[name]).shape[0]:,} found")
            for label, name in named
            if name in estimate.arrays
        ]

    def _turn_to(self, frame: Frame) -> None:
        flat = frame.data.ndim == 2
        self._axes, self._unit, self._last = frame.axes, unit_of(frame), 0.0
        self._positive = flat or not (frame.data < 0).any()
        self._log.setEnabled(self._positive)
        for widget in (self._levels, self.profile, self._spots, self._indices):
            widget.setVisible(flat)
        for name in ("peaks", "background"):
            self.powder.remove(name)
        self._pages.setCurrentWidget(self.tools if flat else self.powder_tools)
        self.tell_measured(())
        for name in (LINE, FFT):
            self.strip.set_usable(name, flat)
        if flat:
            self._radial = RadialMean((frame.axes[0], frame.axes[1]))
        self._name_axes()

    def _recentre(self, centre: np.ndarray | None) -> None:
        old = self._radial.centre if self._radial is not None else None
        if old is None or centre is None or centre.shape != (2,) or not np.isfinite(centre).all():
            return
        if np.abs(centre - old).max() > 1:
            self._radial = RadialMean((self._axes[0], self._axes[1]), centre)

    def _draw_profile(self, data: np.ndarray) -> None:
        self._last = time.monotonic()
        if self._radial is not None and self.profile.isVisible():
            self.profile.set_line("profile", self._radial.radius, self._scaled(self._radial(data)))

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        return np.log10(np.maximum(values, 0) + 1.0) if self._logarithmic() else np.asarray(values, float)

    def _logarithmic(self) -> bool:
        """Whether logarithms are drawn; of a curve with negative values (a pair distribution) never."""
        return self._log.isChecked() and self._positive

    def _name_axes(self) -> None:
        mean = " ".join(w for w in ("lg" if self._logarithmic() else "", "mean", self._unit) if w)
        if self._radial is not None:
            self.profile.set_axes("", "")
            self.profile.set_tallest(100.0 if self._logarithmic() else _BEAM)
            self.profile.set_title(f"{mean} over {self._radial.units}", right=True)
        if len(self._axes) == 1:
            axis = self._axes[0]
            unit = f"lg({self._unit or 'value'} + 1)" if self._logarithmic() else self._unit
            self.powder.set_axes(axis.name, axis.units, "", unit)

    def _set_log(self, on: bool) -> None:
        self.canvas.set_log(on)
        self._last = 0.0
        self._name_axes()
        if self.frame is not None:
            self.draw_frame(self.frame)
            if self.estimate is not None:
                self.draw_estimate(self.estimate)
            for plot in (self.profile, self.powder):
                plot.show_all()

    def _index(self, shown: bool) -> None:
        marks = self.canvas.layer("spots")
        if marks is not None:
            marks.show_text(shown)


def draw_peaks(
    plot: LinePlot, frame: Frame | None, estimate: Estimate, scaled: Callable[[np.ndarray], np.ndarray] = np.asarray
) -> None:
    """Point at the "peaks" (K,) of an estimate, in the unit of the frame's one axis, and draw the "background".

    Args:
        plot: where the frame's data are drawn.
        frame: the frame shown.
        estimate: what was found; where it has no peaks or no background that fits, the old one is taken away.
        scaled: what was done to the data before they were drawn.
    """
    peaks, background = estimate.arrays.get("peaks"), estimate.arrays.get("background")
    if frame is not None and peaks is not None and peaks.ndim == 1 and len(peaks):
        axis = frame.axes[0]
        order = np.argsort(axis.values)
        plot.set_points("peaks", peaks, scaled(np.interp(peaks, axis.values[order], frame.data[order])))
    else:
        plot.remove("peaks")
    if frame is not None and background is not None and background.shape == frame.data.shape:
        plot.set_line("background", frame.axes[0].values, scaled(background), "second", dashed=True)
    else:
        plot.remove("background")


def indices(hkl: np.ndarray) -> str:
    """Miller indices as crystallographers write them, a negative one with a bar; "" where one is not finite."""
    if not np.isfinite(hkl).all():
        return ""
    return "".join(f"{abs(int(n))}" + ("\u0305" if n < 0 else "") for n in np.rint(hkl))
