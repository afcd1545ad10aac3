"""Spectrum to estimate, by classical means: the baseline that learned models are measured against."""

from __future__ import annotations

import hashlib
import math
import time
from functools import lru_cache
from pathlib import Path

import numpy as np

from matstudio.domain.estimate import Estimate, Model, Quantity
from matstudio.domain.frame import Axis, Frame
from matstudio.domain.material import PROTOTYPES
from matstudio.modalities.base import check_numbers
from matstudio.modalities.diffraction.powder import peak_arrays
from matstudio.modalities.order import order_from_square
from matstudio.modalities.spectrum import edges
from matstudio.modalities.spectrum.background import power_law
from matstudio.modalities.spectrum.coordination import fit_near_edge

MISFIT = 3.0
"""Chi^2 per degree of freedom from which on the near edge is not believed to be that of the known material."""


@lru_cache(maxsize=1)
def _checksum() -> str:
    folder = Path(__file__).parent
    names = ("background.py", "coordination.py", "edges.py", "forward.py", "reconstruct.py")
    return hashlib.sha256(b"".join((folder / n).read_bytes() for n in names)).hexdigest()


class Baseline:
    """Background, edges and elements of a spectrum; neighbours and order of copper in a copper-gold alloy.

    Every spectrum with an energy axis gives "edges_eV" (onsets on the frame's axis), "edges_p", the labels "edges"
    ("Cu L3", "" where no tabulated edge fits), and "background" (the frame's unit): the power law before the first edge
    of an energy-loss spectrum, the straight line before an absorption edge.
    A powder pattern (an axis in °, or q) gives its peaks instead, as the diffraction room does.
    A Cu L2,3 spectrum of a known copper-gold material adds "au_neighbours" (mean number of Au nearest neighbours of the
    Cu atoms), "order_parameter" (of one domain: bonds across antiphase boundaries lower it), "order_square" (S^2,
    negative where noise makes it so), "energy_shift" (eV, of the axis) and "cu_step" (counts a channel of the L3 step,
    which goes with the number of Cu atoms and the dose; one edge alone gives no composition).
    """

    name = "baseline"
    version = "1"

    def __init__(self) -> None:
        edges.table(False)  # now rather than in the first frame's time
        _checksum()

    def __call__(self, frame: Frame) -> Estimate:
        """What the frame says.

        Raises:
            ValueError: the data is empty, not finite or not one-dimensional.
        """
        start = time.perf_counter()
        where = f"spectrum frame {frame.stream} #{frame.seq}"
        data = np.asarray(frame.data)
        if data.ndim != 1 or data.size < 16:
            raise ValueError(f"{where}: needs one dimension of 16 or more channels: {data.shape}")
        check_numbers(data, where)
        quantities, arrays, labels, notes = _read(frame, data.astype(float))
        return Estimate(
            stream=frame.stream,
            seq=frame.seq,
            t=0.5 * (frame.t_start + frame.t_end),
            model=Model(self.name, self.version, _checksum()),
            quantities=quantities,
            arrays=arrays,
            labels={"edges": labels} if "edges_eV" in arrays else {},
            notes=tuple(notes),
            seconds=time.perf_counter() - start,
        )


Parts = tuple[dict[str, Quantity], dict[str, np.ndarray], tuple[str, ...], list[str]]


def _read(frame: Frame, data: np.ndarray) -> Parts:
    axis = _electron_volts(frame.axes[0])
    if axis is None:
        name, units = frame.axes[0].name, frame.axes[0].units
        if units == "°" or name.lower() == "q":  # a one-dimensional diffraction pattern
            return {}, peak_arrays(frame.axes[0], data), (), []
        return {}, {}, (), [f"no edges sought on an axis in {units}"]
    if axis.scale < 0:
        axis, data = Axis(axis.name, "eV", -axis.scale, axis.values[-1], axis.size), data[::-1]
        quantities, arrays, labels, notes = _kind(frame, axis, data)
        arrays["background"] = arrays["background"][::-1]
        return quantities, arrays, labels, notes
    return _kind(frame, axis, data)


def _kind(frame: Frame, axis: Axis, data: np.ndarray) -> Parts:
    mode = str(frame.metadata.get("mode", "")).upper()
    quantity = str(frame.metadata.get("quantity", "")).lower()
    if any(word in mode for word in ("EDS", "EDX", "XRF", "XPS")):
        return {}, {}, (), [f"no edges sought in a spectrum of {mode}"]
    if "XAS" in mode or "XANES" in mode or "absorption" in quantity or quantity.startswith("mu"):
        return _absorption(frame, axis, data)
    return _loss(frame, axis, data)


def _electron_volts(axis: Axis) -> Axis | None:
    factor = {"eV": 1.0, "keV": 1000.0}.get(axis.units)
    if factor is None or axis.scale == 0:
        return None
    return Axis(axis.name, "eV", axis.scale * factor, axis.offset * factor, axis.size)


def _absorption(frame: Frame, axis: Axis, data: np.ndarray) -> Parts:
    energy = axis.values
    jump = edges.find_jump(energy, data)
    elements = frozenset({str(frame.metadata.get("element", "")).capitalize()})
    tolerance = max(5.0, 2 * axis.scale)
    named = edges.name_steps([jump] if jump else [], tolerance, absorption=True, elements=elements)
    before = energy < (jump.onset - max(20.0, 3 * axis.scale) if jump else energy[-1] + 1)
    line = np.polyfit(energy[before], data[before], 1) if before.sum() > 3 else np.array([0.0, float(data[0])])
    notes = [] if named else ["no absorption edge above the noise"]
    return {}, _arrays(np.polyval(line, energy), named), tuple(s.name for s in named), notes


def _loss(frame: Frame, axis: Axis, data: np.ndarray) -> Parts:
    energy = axis.values
    material = PROTOTYPES.get(str(frame.metadata.get("material", "")))
    elements = frozenset({material.majority.symbol, material.minority.symbol} if material else ())
    steps = edges.name_steps(edges.find_steps(energy, data), 5.0, absorption=False, elements=elements)
    steps = edges.add_partners(energy, data, steps)
    notes = [] if steps else ["no edge above the noise"]
    background = None
    quantities: dict[str, Quantity] = {}
    copper = next((s for s in steps if s.name == "Cu L3"), None)
    if elements == {"Cu", "Au"}:
        if copper is None:
            notes.append("no Cu L3 edge: no order parameter")
        else:
            quantities, background = _order(frame, axis, data, copper.onset, notes)
    if background is None:
        background = _before_edges(energy, data, steps)
    return quantities, _arrays(background, steps), tuple(s.name for s in steps), notes


def _order(
    frame: Frame, axis: Axis, data: np.ndarray, onset: float, notes: list[str]
) -> tuple[dict[str, Quantity], np.ndarray | None]:
    composition = float(frame.metadata.get("composition", 0.25))
    composition = min(max(composition, 0.02), 0.6) if math.isfinite(composition) else 0.25
    resolution = float(frame.metadata.get("energy_resolution_eV", 0.8))
    fit = fit_near_edge(axis, data, onset, composition, resolution)
    if fit is None or fit.misfit > MISFIT:
        notes.append("the near edge is not that of Cu in this alloy: no order parameter")
        return {}, None
    s, sigma = order_from_square(fit.square, fit.square_sigma)
    return {
        "order_parameter": Quantity(s, sigma, "1"),
        "order_square": Quantity(fit.square, fit.square_sigma, "1"),
        "au_neighbours": Quantity(fit.neighbours, fit.neighbours_sigma, "1"),
        "energy_shift": Quantity(fit.shift_eV, fit.shift_sigma, "eV"),
        "cu_step": Quantity(fit.height, fit.height_sigma, "counts"),
    }, fit.background


def _before_edges(energy: np.ndarray, data: np.ndarray, steps: list[edges.Step]) -> np.ndarray:
    """The power law of the quarter of the energy before the first edge, or of everything; zeros where none fits."""
    if steps:
        last = steps[0].onset - 5.0
        window = (energy < last) & (energy > max(0.7 * last, energy[0]))
    else:
        window = energy > 0
    found = power_law(energy, data, window)
    return np.zeros(len(energy)) if found is None else found


def _arrays(background: np.ndarray, steps: list[edges.Step]) -> dict[str, np.ndarray]:
    return {
        "background": background.astype(np.float32),
        "edges_eV": np.array([s.onset for s in steps], dtype=float),
        "edges_p": np.array([s.probability for s in steps], dtype=float),
    }
