"""Viewer of spectra: counts over energy, the background, and the edges found."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from PySide6.QtWidgets import QWidget

from matstudio.domain.estimate import Estimate
from matstudio.domain.frame import Frame
from matstudio.modalities.diffraction.viewer import draw_peaks
from matstudio.widgets.plot import LinePlot, Mark
from matstudio.widgets.text import number
from matstudio.widgets.viewer import FrameViewer, unit_of


class Viewer(FrameViewer):
    """Spectrum at the left; overlays and what the model says at the right."""

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
        super().__init__("Spectrum", parent)
        self.plot = LinePlot()
        self.stage.addWidget(self.plot)
        self._edges = self.toggle("edges, peaks")
        self._background = self.toggle("background (dashed)")
        for name in ("edges", "peaks"):
            self._edges.toggled.connect(lambda on, name=name: self.plot.set_visible(name, on))
        self._background.toggled.connect(lambda on: self.plot.set_visible("background", on))
        self._axis = None

    def draw_frame(self, frame: Frame) -> None:
        """Draw a spectrum (channels,)."""
        if frame.data.ndim != 1 or frame.data.dtype.kind not in "biuf":
            raise ValueError(f"not a spectrum: {frame.data.dtype} {frame.data.shape}")
        axis = frame.axes[0]
        if axis != self._axis:
            for name in ("background", "edges", "peaks"):
                self.plot.remove(name)
            self.plot.set_axes(
                axis.name, axis.units, "", unit_of(frame) or str(frame.metadata.get("quantity", "value"))
            )
            self._axis = axis
        self.plot.set_line("spectrum", axis.values, frame.data)

    def draw_estimate(self, estimate: Estimate) -> None:
        """Draw the background, the peaks, and a labelled line at each edge."""
        draw_peaks(self.plot, self.frame, estimate)
        self.plot.set_marks("edges", [Mark(energy, text) for energy, text in self._labelled(estimate)])

    def rows(self, estimate: Estimate) -> list[tuple[str, str]]:
        """The edges, with energy and probability, or how many peaks."""
        rows = [("Edge", text) for _, text in self._labelled(estimate)][:6]
        peaks = estimate.arrays.get("peaks")
        return rows if peaks is None else [*rows, ("Peaks", f"{np.atleast_1d(peaks).shape[0]:,} found")]

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
