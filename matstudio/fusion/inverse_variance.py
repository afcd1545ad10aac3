"""Fusion of independent estimates: the inverse-variance mean, and the free energy of what comes out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from matstudio.domain.estimate import Estimate, FrameRef, MaterialState, Quantity
from matstudio.domain.process import Quality, Reading
from matstudio.domain.structure import SiteModel

FUSED = ("order_parameter", "composition", "lattice_a")
MAX_AGE_S = 5.0
_READING_SIGMA = {"temperature": 0.5, "pressure": 0.001, "composition": 0.001}


def combine(quantities: Iterable[Quantity]) -> Quantity | None:
    """Inverse-variance mean of independent measurements of one quantity.

    Where they scatter more than their errors say, sigma grows by the Birge ratio sqrt(chi^2 / (n - 1)) (R. T. Birge,
    Phys. Rev. 40 (1932) 207). Those without a finite value and a positive finite sigma are left out.

    Returns:
        the mean, or None where nothing is left.
    """
    good = [q for q in quantities if math.isfinite(q.value) and math.isfinite(q.sigma) and q.sigma > 0]
    if not good:
        return None
    weights = [q.sigma**-2 for q in good]
    total = sum(weights)
    mean = sum(w * q.value for w, q in zip(weights, good, strict=True)) / total
    sigma = total**-0.5
    if len(good) > 1:
        chi2 = sum(w * (q.value - mean) ** 2 for w, q in zip(weights, good, strict=True))
        sigma *= max(1.0, math.sqrt(chi2 / (len(good) - 1)))
    return Quantity(mean, sigma, good[0].unit)


def free_energy(state: Mapping[str, Quantity]) -> Quantity | None:
    """Free energy of the alloy relative to disorder, meV/atom, with the error of S, T, P and c carried through.

    Args:
        state: "order_parameter", "temperature" (K); "pressure" (GPa) and "composition" where known.
    """
    from matstudio.dynamics.ordering import OrderingModel

    s, t = state.get("order_parameter"), state.get("temperature")
    if s is None or t is None or not t.value > 0:
        return None
    p = state.get("pressure", Quantity(0.0, 0.0, "GPa"))
    c = state.get("composition", Quantity(0.25, 0.0, "1"))
    model = OrderingModel()
    point = {"S": min(max(s.value, 0.0), 1.0), "T": t.value, "P": p.value, "c": c.value}
    value = float(model.free_energy(**point))
    variance = 0.0
    for name, sigma in (("S", s.sigma), ("T", t.sigma), ("P", p.sigma), ("c", c.sigma)):
        if sigma <= 0:
            continue
        step = dict(point)
        high, low = point[name] + sigma, point[name] - sigma
        if name == "S":
            high, low = min(high, 1.0), max(low, 0.0)
        ends = []
        for end in (high, low):
            step[name] = end
            ends.append(float(model.free_energy(**step)))
        variance += max(abs(ends[0] - value), abs(ends[1] - value)) ** 2
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
        mean = combine(e.quantities[name] for e in having)
        if mean is not None:
            quantities[name] = mean
            sources[name] = tuple(FrameRef(e.stream, e.seq) for e in having)
    energy = free_energy(quantities)
    if energy is not None:
        quantities["free_energy"] = energy
        sources["free_energy"] = sources["order_parameter"]
    structure: SiteModel | None = next((e.structure for e in recent if e.structure is not None), None)
    return MaterialState(max((e.t for e in recent), default=t), quantities, sources, structure)
