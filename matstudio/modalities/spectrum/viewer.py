"""Viewer of spectra: counts over energy, the background, and the edges found."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType

import numpy as np
from PySide6.QtWidgets import QWidget

from matstudio.domain.estimate import Estimate
from matstudio.domain.frame import Axis, Frame
from matstudio.modalities.diffraction.viewer import draw_peaks
from matstudio.widgets.plot import LinePlot, Mark
from matstudio.widgets.plot_tools import PlotTools
from matstudio.widgets.text import number
from matstudio.widgets.tools import PLOT_TOOLS
from matstudio.widgets.viewer import FrameViewer, unit_of


class Viewer(FrameViewer):
    """Spectrum at the left; overlays and what the model says at the right.

    Another kind of spectrum draws overlays of its own in `draw_estimate`, and says which are switched together in
    `OVERLAYS`: by the text of the switch, their names in the plot. Those in `OFF` are off at first.
    """

    KIND = "Spectrum"
    OVERLAYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
        {"edges, peaks": ("edges", "peaks"), "background (dashed)": ("background",)}
    )
    OFF: frozenset[str] = frozenset()
    LABELS = MappingProxyType(
        {
            "order_parameter": "Order S",
            "composition": "Au fraction",
            "au_neighbours": "Au neighbours",
            "neighbours_au": "Au neighbours",
            "edge_energy": "Edge",
        }
    )

    TOLD = frozenset({"order_square"})

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.KIND, parent)
        self.plot = LinePlot()
        self.tools = PlotTools(self.plot)
        self.stage.addWidget(self.tools)
        for tool in PLOT_TOOLS:
            self.strip.add(*tool)
        self.use(self.tools)
        self._log = self.toggle("log", False)
        self._log.setToolTip("Logarithm of the values; those that are not positive are left out")
        for text, names in self.OVERLAYS.items():
            box = self.toggle(text, text not in self.OFF)
            for name in names:
                self.plot.set_visible(name, text not in self.OFF)
                box.toggled.connect(lambda on, name=name: self.plot.set_visible(name, on))
        self._log.toggled.connect(self._set_log)
        self._axis: Axis | None = None

    def draw_frame(self, frame: Frame) -> None:
        """Draw a spectrum (channels,)."""
        if frame.data.ndim != 1 or frame.data.dtype.kind not in "biuf":
            raise ValueError(f"not a spectrum: {frame.data.dtype} {frame.data.shape}")
        axis = frame.axes[0]
        if axis != self._axis:
            for name in chain(*self.OVERLAYS.values()):
                self.plot.remove(name)
            self._axis = axis
            self._name_axes(frame)
        self.plot.set_line("spectrum", axis.values, self._scaled(frame.data))
        self.tools.set_frame(frame.data, axis, unit_of(frame))

    def draw_estimate(self, estimate: Estimate) -> None:
        """Draw the background, the peaks, and a labelled line at each edge."""
        draw_peaks(self.plot, self.frame, estimate, self._scaled)
        self.plot.set_marks("edges", [Mark(energy, text) for energy, text in self._labelled(estimate)])

    def rows(self, estimate: Estimate) -> list[tuple[str, str]]:
        """The edges, with energy and probability, or how many peaks."""
        rows = [("Edge", text) for _, text in self._labelled(estimate)][:6]
        peaks = estimate.arrays.get("peaks")
        return rows if peaks is None else [*rows, ("Peaks", f"{np.atleast_1d(peaks).shape[0]:,} found")]

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        """The values as they are drawn: NaN where there is no logarithm."""
        values = np.asarray(values, float)
        return (
            np.log10(values, out=np.full(values.shape, np.nan), where=values > 0) if self._log.isChecked() else values
        )

    def _name_axes(self, frame: Frame) -> None:
        unit = unit_of(frame) or str(frame.metadata.get("quantity", "value"))
        axis = frame.axes[0]
        self.plot.set_axes(axis.name, axis.units, "", f"lg {unit}" if self._log.isChecked() else unit)

    def _set_log(self) -> None:
        if self.frame is None:
            return
        self._name_axes(self.frame)
        self.draw_frame(self.frame)
        if self.estimate is not None:
            self.draw_estimate(self.estimate)
        self.plot.show_all()

    def _labelled(self, estimate: Estimate) -> list[tuple[float, str]]:
        energies = np.ravel(estimate.arrays.get("edges_eV", ()))
        chances = np.ravel(estimate.arrays.get("edges_p", ()))
        names = estimate.labels.get("edges", ())
        unit = "eV" if self._axis is None else self._axis.units
        found = []
        for i, energy in enumerate(energies):
            if np.isfinite(energy):
                name = names[i] if i < len(names) else "edge"
                chance = f" p {number(float(chances[i]), 2)}" if i < len(chances) else ""
                found.append((float(energy), f"{name} {number(float(energy), 1)} {unit}{chance}"))
        return found
