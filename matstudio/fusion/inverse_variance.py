"""Fusion of independent estimates by inverse variance, and the free energy of what comes out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from matstudio.domain.estimate import Estimate, FrameRef, MaterialState, Quantity
from matstudio.domain.process import Quality, Reading
from matstudio.domain.structure import SiteModel
from matstudio.fusion.disagreement import birge
from matstudio.fusion.order import fused_order, with_boundaries

FUSED = ("order_parameter", "composition", "lattice_a")
MAX_AGE_S = 5.0
_READING_SIGMA = {"temperature": 0.5, "pressure": 0.002, "composition": 0.0005}
_DEVIATES = np.linspace(-4.0, 4.0, 81)


def combine(quantities: Iterable[Quantity]) -> tuple[Quantity, float] | None:
    """Inverse-variance mean of independent measurements of one quantity, and by what its error was enlarged because
    they disagree (`birge`; 1: by nothing).

    Those without a finite value and a positive finite sigma are left out.

    Returns:
        None where nothing is left.
    """
    good = [q for q in quantities if math.isfinite(q.value) and math.isfinite(q.sigma) and q.sigma > 0]
    if not good:
        return None
    weights = [q.sigma**-2 for q in good]
    total = sum(weights)
    mean = sum(w * q.value for w, q in zip(weights, good, strict=True)) / total
    chi2 = sum(w * (q.value - mean) ** 2 for w, q in zip(weights, good, strict=True))
    factor = birge(chi2, len(good))
    return Quantity(mean, total**-0.5 * factor, good[0].unit), factor


def free_energy(state: Mapping[str, Quantity]) -> Quantity | None:
    """Free energy of the alloy relative to disorder, meV/atom, with the error of S, T, P and c carried through.

    F bends and near full order grows steep within the error of S, so that it is averaged over S, normally distributed
    within what the composition allows; the other errors are carried through linearly.

    Args:
        state: "order_parameter", "temperature" (K); "pressure" (GPa) and "composition" where known.
    """
    from matstudio.dynamics.ordering import OrderingModel, greatest_order

    s, t = state.get("order_parameter"), state.get("temperature")
    if s is None or t is None or not t.value > 0:
        return None
    p = state.get("pressure", Quantity(0.0, 0.0, "GPa"))
    c = state.get("composition", Quantity(0.25, 0.0, "1"))
    most = greatest_order(c.value)
    order = s.value + s.sigma * _DEVIATES
    weight = np.exp(-0.5 * _DEVIATES**2) * ((order >= 0) & (order <= most))
    if not weight.any():
        order, weight = np.array([min(max(s.value, 0.0), most)]), np.ones(1)
    weight = weight / weight.sum()
    model = OrderingModel()

    def over_order(temperature: float, pressure: float, composition: float) -> np.ndarray:
        return np.asarray(model.free_energy(order, temperature, pressure, composition))

    point = (t.value, p.value, c.value)
    each = over_order(*point)
    value = float(weight @ each)
    variance = float(weight @ (each - value) ** 2)
    for i, sigma in enumerate((t.sigma, p.sigma, c.sigma)):
        if sigma > 0:
            ends = [
                float(weight @ over_order(*(x + (j == i) * sign * sigma for j, x in enumerate(point))))
                for sign in (1, -1)
            ]
            variance += (0.5 * (ends[0] - ends[1])) ** 2
    return Quantity(value, math.sqrt(variance), "meV/atom")


def fuse(
    estimates: Mapping[str, Estimate], readings: Mapping[str, Reading], t: float, max_age_s: float = MAX_AGE_S
) -> MaterialState:
    """The material's state from the newest estimate of each stream and the process readings.

    Args:
        estimates: newest of each stream; older than `max_age_s` before `t` they do not count.
        readings: process values; those that are not good do not count.
        t: run time, seconds.
    """
    recent = [e for e in estimates.values() if t - e.t <= max_age_s]
    recent = [with_boundaries(e, recent) for e in recent]
    notes: list[str] = []
    quantities: dict[str, Quantity] = {}
    sources: dict[str, tuple[FrameRef, ...]] = {}
    for name in ("temperature", "pressure", "composition"):
        reading = readings.get(name)
        if reading is not None and reading.quality is Quality.GOOD and math.isfinite(reading.value):
            quantities[name] = Quantity(reading.value, _READING_SIGMA[name], reading.unit)
            sources[name] = ()
    for name in FUSED:
        if name in quantities:
            continue
        having = [e for e in recent if name in e.quantities]
        found = fused_order(having) if name == "order_parameter" else combine(e.quantities[name] for e in having)
        if found is None:
            continue
        quantities[name], factor = found
        sources[name] = tuple(FrameRef(e.stream, e.seq) for e in having)
        if factor > 1:
            streams = ", ".join(e.stream for e in having)
            notes.append(f"{streams} disagree on {name.replace('_', ' ')}: its error is enlarged {factor:.1f} times")
    energy = free_energy(quantities)
    if energy is not None:
        quantities["free_energy"] = energy
        sources["free_energy"] = sources["order_parameter"]
    structure: SiteModel | None = next((e.structure for e in recent if e.structure is not None), None)
    newest = max((e.t for e in recent), default=t)
    return MaterialState(newest, quantities, sources, structure, tuple(notes))
