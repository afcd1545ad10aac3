"""Viewer of images: the newest frame, its levels, the columns found and how sure they are."""

from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np
from PySide6.QtWidgets import QComboBox, QWidget

from matstudio.domain.estimate import Estimate
from matstudio.domain.frame import Frame
from matstudio.modalities import weights
from matstudio.modalities.image.denoise_thread import Denoised, DenoiseThread
from matstudio.modalities.image.shades import choices, shades
from matstudio.widgets.histogram import Levels
from matstudio.widgets.image_canvas import ImageCanvas
from matstudio.widgets.image_tools import ImageTools
from matstudio.widgets.ramp import Ramp
from matstudio.widgets.text import number
from matstudio.widgets.tools import IMAGE_TOOLS
from matstudio.widgets.viewer import FrameViewer, unit_of

SURE = 5.0
"""Intensity over its standard deviation from which a column is sure (Rose, J. Opt. Soc. Am. 38 (1948) 196)."""
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
        self._lattice = self.toggle("lattice vectors", False)
        for box, layer in ((self._columns, "columns"), (self._uncertainty, "uncertainty"), (self._lattice, "lattice")):
            box.toggled.connect(lambda on, layer=layer: self.canvas.set_layer_visible(layer, on))
            self.canvas.set_layer_visible(layer, box.isChecked())
        self._vacancies = self.toggle("vacancies")
        self._vacancies.setToolTip("Places of the lattice where a column is absent")
        self._vacancies.toggled.connect(lambda on: self.canvas.set_layer_visible("vacancies", on))
        self._vacancies.setEnabled(False)
        self._denoised = self.toggle("denoised", False)
        self._denoised.setToolTip("Show what the frame would be without its noise; what is measured and recorded stays")
        self._denoised.setVisible(weights.denoiser() is not None)
        self._denoised.toggled.connect(self.set_denoised)
        self._thread: DenoiseThread | None = None
        self._clean: Denoised | None = None
        self._by = QComboBox()
        self._by.setToolTip("What the columns' colours tell")
        self._by.setAccessibleName("colour columns by")
        self._by.activated.connect(lambda _: self._colour())
        self._ramp = Ramp()
        self.below.addWidget(self._by)
        self.below.addWidget(self._ramp)
        self._offered: tuple[str, ...] = ()
        self._ends: dict[str, float] = {}
        self._times = 0
        self._by.hide()
        self._ramp.hide()

    def set_colormap(self, name: str) -> None:
        """Use a colour map of `colours.COLORMAPS`."""
        self.canvas.set_colormap(name)
        self.tools.fft.set_colormap(name)

    def set_denoised(self, on: bool) -> None:
        """Show the frames without their noise, marked so, as soon as a process of its own has made them; or as they
        are."""
        if self._thread is not None:
            self._thread.stop()
            self._thread.deleteLater()
            self._thread = None
        self._clean = None
        self.canvas.set_mark("")
        path = weights.denoiser()
        if on and path is not None:
            self._thread = DenoiseThread(path, self)
            self.destroyed.connect(self._thread.stop)  # a running QThread that is deleted ends the program
            self._thread.made.connect(self._show_denoised)
            self._thread.refused.connect(self._not_denoised)
            self._thread.failed.connect(self._not_denoised)
            self._thread.start()
        if self.frame is not None:
            self.draw_frame(self.frame)

    def renew_denoiser(self) -> None:
        """Use the denoiser's weights that are there now."""
        self._denoised.setVisible(weights.denoiser() is not None)
        self.set_denoised(self._denoised.isChecked())

    def draw_frame(self, frame: Frame) -> None:
        """Draw an image (rows, columns); where it is wanted without noise, that comes later."""
        if frame.data.ndim != 2 or frame.data.dtype.kind not in "biuf":
            raise ValueError(f"cannot be shown as an image: {frame.data.dtype} {frame.data.shape}")
        if self._clean is None or self._clean.frame.axes != frame.axes:
            self.canvas.set_frame(frame.data, frame.axes, unit_of(frame))
            if self._clean is not None:
                self._clean = None
                self.canvas.set_mark("")
        self.tools.set_frame(frame.data, frame.axes, unit_of(frame))
        if self._thread is not None:
            self._thread.want(frame)

    def _show_denoised(self, made: Denoised) -> None:
        if self.sender() is self._thread and self.frame is not None and made.frame.axes == self.frame.axes:
            self._clean = made
            self.canvas.set_frame(made.image, made.frame.axes, unit_of(made.frame))
            self.canvas.set_mark(f"DENOISED   {made.model}   frame {made.frame.seq:,}, {1000 * made.seconds:.0f} ms")

    def _not_denoised(self, why: str) -> None:
        if self.sender() is self._thread and self.frame is not None:
            self._clean = None
            self.canvas.set_frame(self.frame.data, self.frame.axes, unit_of(self.frame))
            self.canvas.set_mark(f"NOT DENOISED   {why}")

    def draw_estimate(self, estimate: Estimate) -> None:
        """Draw the columns, coloured by what was chosen, circles of some times one sigma, and the lattice vectors."""
        xy = _pairs(estimate, "columns")
        for box in (self._columns, self._uncertainty):
            box.setEnabled(xy is not None)
        absent = _pairs(estimate, "vacancies")
        self._vacancies.setEnabled(absent is not None)
        if xy is None:
            self._lattice.setEnabled(False)
            self._offer(())
            self.canvas.clear_layers()
            return
        self._offer(choices(estimate))
        self._colour(estimate)
        sigma = _pairs(estimate, "columns_sigma")
        if sigma is not None and len(sigma) == len(xy):
            self._choose_times(sigma)
            self.canvas.set_circles("uncertainty", xy, sigma * self._times)
        self.canvas.set_marks("vacancies", np.zeros((0, 2)) if absent is None else absent, ("",) * _count(absent))
        vectors = _pairs(estimate, "lattice")
        self._lattice.setEnabled(vectors is not None)
        if vectors is not None and len(vectors) == 2 and self.frame is not None:
            middle = (np.array(self.frame.data.shape[::-1]) - 1) / 2
            start = xy[int(np.argmin(np.hypot(*(xy - middle).T)))]
            self.canvas.set_arrows("lattice", start, vectors, "ab")
        else:
            self.canvas.set_arrows("lattice", np.zeros(2), np.zeros((0, 2)), "")

    def rows(self, estimate: Estimate) -> list[tuple[str, str]]:
        """How many columns, and how well their positions are known."""
        xy, sigma = _pairs(estimate, "columns"), _pairs(estimate, "columns_sigma")
        rows = [] if xy is None else [("Columns", f"{len(xy):,} found{_unsure(estimate)}")]
        absent = estimate.arrays.get("vacancies")
        rows += [] if absent is None else [("Absent", f"{len(absent):,} columns of the lattice")]
        axis = self.frame.axes[1] if self.frame is not None else None
        pm = self._pixel_pm()
        if sigma is not None and np.isfinite(sigma).any() and axis is not None:
            typical = float(np.nanmedian(sigma))
            rows.append(("Position σ", f"{number(typical, 2)} px" if pm is None else f"{number(typical * pm, 1)} pm"))
        vectors = _pairs(estimate, "lattice")
        if vectors is not None and len(vectors) == 2 and pm is not None:
            lengths = np.hypot(*vectors.T) * pm / 100
            cosine = float(vectors[0] @ vectors[1]) / float(np.prod(np.hypot(*vectors.T)))
            angle = math.degrees(math.acos(min(1.0, max(-1.0, cosine))))
            rows.append(("Vectors a, b", f"{number(lengths[0], 2)}, {number(lengths[1], 2)} Å, {number(angle, 1)}°"))
        return rows

    def notes(self, estimate: Estimate) -> tuple[str, ...]:
        """Lines below the quantities, without the number of columns, which stands above."""
        return tuple(n for n in estimate.notes if not n.removesuffix(" columns").isdigit())

    def _offer(self, names: tuple[str, ...]) -> None:
        """Offer these to colour by; what was chosen stays chosen while it is there."""
        if names == self._offered:
            return
        self._offered, chosen = names, self._by.currentText()
        self._by.clear()
        self._by.addItems([f"colour by {name}" for name in names])
        self._by.setCurrentIndex(max(0, self._by.findText(chosen)))
        self._by.setVisible(bool(names))
        self._ramp.setVisible(bool(names))

    def _colour(self, estimate: Estimate | None = None) -> None:
        """Colour the columns of an estimate, by default of the one that is shown."""
        estimate = estimate or self.estimate
        xy = None if estimate is None else _pairs(estimate, "columns")
        if estimate is None or xy is None:
            return
        by = self._offered[self._by.currentIndex()] if self._offered else ""
        found = shades(estimate, by, self._pixel_pm(), self._ends.get(by, 0.0))
        if found is None:
            self.canvas.set_points("columns", xy)
            return
        self._ends[by] = found.end
        self.canvas.set_points("columns", xy, found.values, found.scale)
        self._ramp.show_scale(found.scale, found.low, found.high)

    def _pixel_pm(self) -> float | None:
        """Size of a pixel, pm; None where the frame has no length."""
        axis = None if self.frame is None else self.frame.axes[1]
        in_pm = None if axis is None else {"Å": 100.0, "nm": 1000.0, "pm": 1.0}.get(axis.units)
        return None if axis is None or in_pm is None else abs(axis.scale) * in_pm

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


def _unsure(estimate: Estimate) -> str:
    """ ", 12 of them below 5 σ": columns that may be none; "" where all are sure or nobody knows."""
    size, sigma = (estimate.arrays.get(n) for n in ("columns_intensity", "columns_intensity_sigma"))
    if size is None or sigma is None or size.shape != sigma.shape:
        return ""
    unsure = int(np.count_nonzero(size < SURE * sigma))
    return f", {unsure:,} below {SURE:g} σ" if unsure else ""


def _count(xy: np.ndarray | None) -> int:
    return 0 if xy is None else len(xy)


def _pairs(estimate: Estimate, name: str) -> np.ndarray | None:
    """An (N, 2) array of the estimate, or None; ValueError where it has another shape."""
    array = estimate.arrays.get(name)
    if array is None or array.size == 0:
        return None
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"{name} of {estimate.model.name}: shape {array.shape}, not (N, 2)")
    return np.asarray(array, float)
