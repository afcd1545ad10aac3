"""Viewer of energy-dispersive X-ray spectra: counts over energy, the lines of each element, background and fit."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from PySide6.QtWidgets import QWidget

from matstudio.domain.estimate import Estimate
from matstudio.domain.frame import Axis, Frame
from matstudio.widgets.plot import LinePlot, Mark
from matstudio.widgets.text import with_sigma
from matstudio.widgets.viewer import FrameViewer, unit_of


class Viewer(FrameViewer):
    """Spectrum at the left; elements, overlays and what the model says at the right."""

    LABELS = MappingProxyType({"composition": "Au fraction", "energy_shift": "Energy shift"})

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("EDS", parent)
        self.plot = LinePlot()
        self.stage.addWidget(self.plot)
        self._log = self.toggle("log")
        for text, name in (("lines", "lines"), ("background (dashed)", "background"), ("fit", "fit")):
            box = self.toggle(text, name != "fit")
            box.toggled.connect(lambda on, name=name: self.plot.set_visible(name, on))
        self.plot.set_visible("fit", False)
        self._log.toggled.connect(lambda _: self._again())
        self._axis: Axis | None = None

    def draw_frame(self, frame: Frame) -> None:
        """Draw a spectrum (channels,)."""
        if frame.data.ndim != 1 or frame.data.dtype.kind not in "biuf":
            raise ValueError(f"not a spectrum: {frame.data.dtype} {frame.data.shape}")
        axis = frame.axes[0]
        if axis != self._axis:
            for name in ("background", "fit", "lines"):
                self.plot.remove(name)
            self._axis = axis
            self._name_axes(frame)
        self.plot.set_line("spectrum", axis.values, self._scaled(frame.data))

    def draw_estimate(self, estimate: Estimate) -> None:
        """Draw the background, the fit, and a labelled mark at each line, the strongest elements' first."""
        if self.frame is None or self._axis is None:
            return
        for name, role, dashed in (("background", "second", True), ("fit", "accent", False)):
            line = estimate.arrays.get(name)
            if line is not None and line.shape == self.frame.data.shape:
                self.plot.set_line(name, self._axis.values, self._scaled(line), role, dashed=dashed)
            else:
                self.plot.remove(name)
        energies = np.ravel(estimate.arrays.get("lines_eV", ()))
        names = estimate.labels.get("lines", ())
        factor = 0.001 if self._axis.units == "keV" else 1.0
        marks = [
            Mark(float(e) * factor, f"{name} {float(e) / 1000:.2f} keV")
            for e, name in zip(energies, names, strict=False)
            if np.isfinite(e)
        ]
        self.plot.set_marks("lines", marks)

    def rows(self, estimate: Estimate) -> list[tuple[str, str]]:
        """Atomic fractions, in percent, the largest first."""
        found = [(n.removeprefix("fraction_"), q) for n, q in estimate.quantities.items() if n.startswith("fraction_")]
        found.sort(key=lambda pair: -pair[1].value)
        return [(element, with_sigma(100 * q.value, 100 * q.sigma, "at. %")) for element, q in found]

    @property
    def TOLD(self) -> frozenset[str]:  # type: ignore[override]
        """The fractions stand among the rows."""
        known = self._estimate.quantities if self._estimate is not None else {}
        return frozenset(n for n in known if n.startswith("fraction_"))

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        values = np.asarray(values, float)
        return np.log10(np.maximum(values, 0) + 1.0) if self._log.isChecked() else values

    def _name_axes(self, frame: Frame) -> None:
        unit = unit_of(frame) or str(frame.metadata.get("quantity", "value"))
        self.plot.set_axes(
            frame.axes[0].name, frame.axes[0].units, "", f"lg({unit} + 1)" if self._log.isChecked() else unit
        )

    def _again(self) -> None:
        if self.frame is None:
            return
        self._name_axes(self.frame)
        self.draw_frame(self.frame)
        if self.estimate is not None:
            self.draw_estimate(self.estimate)
        self.plot.show_all()
