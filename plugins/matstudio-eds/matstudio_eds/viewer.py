"""Viewer of energy-dispersive X-ray spectra: counts over energy, the lines of each element, background and fit."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from matstudio.domain.estimate import Estimate
from matstudio.modalities.spectrum.viewer import Viewer as SpectrumViewer
from matstudio.widgets.plot import Mark
from matstudio.widgets.text import with_sigma


class Viewer(SpectrumViewer):
    """Spectrum at the left; elements, overlays and what the model says at the right."""

    KIND = "EDS"
    OVERLAYS = MappingProxyType({"lines": ("lines",), "background (dashed)": ("background",), "fit": ("fit",)})
    OFF = frozenset({"fit"})
    LABELS = MappingProxyType({"energy_shift": "Energy shift"})

    def draw_estimate(self, estimate: Estimate) -> None:
        """Draw the background, the fit, and a labelled mark at each line, by rising energy."""
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
            Mark(float(energy) * factor, f"{name} {float(energy) / 1000:.2f} keV")
            for energy, name in zip(energies, names, strict=False)
            if np.isfinite(energy)
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
        return frozenset(n for n in known if n.startswith("fraction_") or n == "composition")
