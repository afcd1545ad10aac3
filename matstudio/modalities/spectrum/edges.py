"""Ionisation edges: where they are tabulated, and finding and naming them in a spectrum."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter1d

LOSS_ONSET_EV = {("C", "K"): 284.0, ("N", "K"): 401.0, ("O", "K"): 532.0, ("F", "K"): 685.0}
"""Where the onset in energy loss is far from the tabulated binding energy (of a free atom, or a gas): EELS Atlas (Ahn &
Krivanek, 1983)."""

_OFTEN = "B C N O F Na Mg Al Si P S Cl K Ca Ti V Cr Mn Fe Co Ni Cu Zn Sr Y Zr Nb Ba La Ce"
COMMON = frozenset(re.split(" ", _OFTEN))
"""Elements that are believed more readily."""

BONUS = 4.5
"""How much more readily an edge is believed (logarithm) whose element is named or shows at another edge."""


@dataclass(frozen=True)
class Edge:
    """A tabulated edge: element, shell ("K", "L3", ...), onset in eV, and the log of how readily it is believed."""

    element: str
    shell: str
    onset: float
    prior: float


@dataclass(frozen=True)
class Step:
    """An edge found: onset in eV, how many standard deviations it stands out, name ("" for none), its probability."""

    onset: float
    significance: float
    name: str = ""
    probability: float = 0.0


@lru_cache(maxsize=2)
def table(absorption: bool) -> tuple[Edge, ...]:
    """Edges that show as a step, of the elements Be to U, from xraydb (Elam, Ravel & Sieber, Radiat. Phys. Chem. 63,
    121, 2002) but for `LOSS_ONSET_EV`.

    In energy loss (`absorption` false) those are K, L3, M5 where it has a white line (Cs to Yb) and, hardly believed
    unless the element shows elsewhere, L1, L2, M4 and other M5; in X-ray absorption every K, L and M5 edge.
    """
    import xraydb

    edges = []
    for z in range(4, 93):
        symbol = xraydb.atomic_symbol(z)
        rare = 0.0 if symbol in COMMON else -1.0
        for shell, edge in xraydb.xray_edges(symbol).items():
            shells = ("K", "L1", "L2", "L3", "M5") if absorption else ("K", "L1", "L2", "L3", "M4", "M5")
            if shell not in shells or edge.energy < 40:
                continue
            onset = float(edge.energy)
            if absorption:
                prior = {"K": 0.0, "L3": 0.0, "L2": -2.5, "L1": -3.0, "M5": -1.0}[shell]
            else:
                onset = LOSS_ONSET_EV.get((symbol, shell), onset)
                minor = shell in ("L1", "L2", "M4") or (shell == "M5" and not 55 <= z <= 70)
                prior = -4.0 if minor else -1.0 if shell == "L3" and z > 42 else 0.0
            edges.append(Edge(symbol, shell, onset, prior + rare))
    return tuple(edges)


def partner(element: str, shell: str) -> tuple[str, float] | None:
    """The other member of a spin-orbit doublet (L2 of L3, M4 of M5), and how far above it lies, eV."""
    import xraydb

    other = {"L3": "L2", "M5": "M4"}.get(shell)
    edges = xraydb.xray_edges(element)
    if other is None or other not in edges:
        return None
    return other, float(edges[other].energy - edges[shell].energy)


def find_steps(energy: np.ndarray, counts: np.ndarray, threshold: float = 7.0, most: int = 12) -> list[Step]:
    """Onsets in an energy-loss spectrum, by rising energy.

    At each channel a straight line is fitted to the logarithm of the 30 eV before and carried on; the step is the mean
    of the next 8 eV above it. Its noise is the larger of what counting makes and of what steps away from edges show
    (median absolute deviation), so that gain noise and detector patterns count too. The onset is where the spectrum
    rises fastest near the largest step; where it does not rise out of the noise, a decay has flattened and no edge is.
    """
    scale = float(energy[1] - energy[0])
    before, after = max(8, round(30 / scale)), max(3, round(8 / scale))
    if len(counts) < 2 * (before + after):
        return []
    positive = np.maximum(counts, max(1e-3 * float(np.quantile(counts, 0.9)), 1e-30))
    log = np.log(gaussian_filter1d(positive, max(1.0, 0.5 / scale)))
    # step = mean of `after` points minus the line through `before` points, as one linear filter
    x = np.arange(before) - (before - 1) / 2
    ahead = (before - 1) / 2 + (after + 1) / 2
    line = 1 / before + x * ahead / (x**2).sum()
    kernel = np.concatenate([-line, np.full(after, 1 / after)])
    step = np.zeros(len(log))
    step[before : len(log) - after + 1] = np.correlate(log, kernel, "valid")
    inside = slice(before, len(log) - after + 1)
    spread = 1.4826 * float(np.median(np.abs(step[inside] - np.median(step[inside]))))
    counting = np.sqrt((kernel**2).sum() / np.maximum(positive, 1.0)) if counts.max() > 20 else 0.0
    score = step / np.sqrt(spread**2 + counting**2 + 1e-16)
    slope = _slope(positive, scale)
    wiggle = 1.4826 * float(np.median(np.abs(slope - np.median(slope)))) + 1e-12 * float(positive.max())
    steps: list[Step] = []
    left = score.copy()
    reach = max(after, round(15 / scale))
    while len(steps) < most:
        i = int(np.argmax(left))
        if left[i] < threshold:
            break
        low, high = max(0, i - after // 2), min(len(slope), i + after)
        onset = low + int(np.argmax(slope[low:high]))
        if slope[onset] > 6 * wiggle and not any(abs(s.onset - energy[onset]) < 12.0 for s in steps):
            steps.append(Step(float(energy[onset]), float(score[i])))
        left[max(0, i - reach) : i + reach] = -np.inf
    return sorted(steps, key=lambda s: s.onset)


def _slope(counts: np.ndarray, scale: float) -> np.ndarray:
    """Derivative, per channel, after smoothing by 0.7 eV."""
    return np.asarray(np.gradient(gaussian_filter1d(counts, max(1.0, 0.7 / scale))))


def find_jump(energy: np.ndarray, absorption: np.ndarray) -> Step | None:
    """The edge of an absorption spectrum: where it rises fastest; None where nothing rises out of the noise."""
    smooth = gaussian_filter1d(absorption, 1.0)
    slope = np.gradient(smooth)
    margin = max(3, len(slope) // 50)
    i = margin + int(np.argmax(slope[margin:-margin]))
    pre = absorption[: max(4, i - margin)]
    post = absorption[i + margin // 2 : i + max(8, len(absorption) // 6)]
    if len(pre) < 4 or not len(post):
        return None
    x = np.arange(len(pre))
    line = np.polyfit(x, pre, 1)
    noise = float(np.std(pre - np.polyval(line, x))) + 1e-4 * float(np.ptp(absorption))
    rise = float(np.mean(post) - np.polyval(line, i))
    if rise < 0.2 * float(np.ptp(absorption)) or rise < 6 * noise:
        return None
    return Step(float(energy[i]), rise / noise)


def name_steps(
    steps: list[Step], tolerance_eV: float, *, absorption: bool, elements: frozenset[str] = frozenset()
) -> list[Step]:
    """Give each step the name and the probability of the tabulated edge that it most likely is.

    Chemical shifts and calibration make an error of `tolerance_eV` (one standard deviation), most of it the same for
    all edges of a spectrum: the common part is the one that explains all steps best. "Nothing tabulated" stands
    against the edges with a likelihood of 2.5 standard deviations off. An element that one step has shown is expected
    at the others.

    Args:
        steps: found.
        tolerance_eV: one standard deviation.
        absorption: whether X-ray absorption edges are looked up, or energy-loss onsets.
        elements: symbols that the file or the material names.
    """
    if not steps:
        return []
    known = table(absorption)
    given = np.array([[BONUS if e.element in elements else 0.0 for e in known]])
    named = _named(steps, known, tolerance_eV, given)
    shown = [s.name.split()[0] if s.probability > 0.5 else "" for s in named]
    more = [[BONUS if e.element in shown[:i] + shown[i + 1 :] else 0.0 for e in known] for i in range(len(steps))]
    return _named(steps, known, tolerance_eV, np.maximum(given, more))


def _named(steps: list[Step], known: tuple[Edge, ...], tolerance_eV: float, bonus: np.ndarray) -> list[Step]:
    tabulated = np.array([e.onset for e in known])
    prior = np.array([e.prior for e in known]) + bonus
    measured = np.array([s.onset for s in steps])
    nothing = -0.5 * 2.5**2 - 0.5

    def scores(shift: float) -> np.ndarray:
        off = (measured[:, None] - shift - tabulated[None, :]) / (0.6 * tolerance_eV)
        return np.asarray(prior - 0.5 * off**2)

    def total(shift: float) -> float:
        best = np.maximum(scores(shift).max(axis=1), nothing)
        return float(best.sum()) - 0.5 * (shift / tolerance_eV) ** 2

    shift = max(np.linspace(-2, 2, 41) * tolerance_eV, key=total)
    named = []
    for step, row in zip(steps, scores(float(shift)), strict=True):
        i = int(np.argmax(row))
        if row[i] <= nothing:
            named.append(Step(step.onset, step.significance))
            continue
        share = math.exp(row[i] - float(np.logaddexp(np.logaddexp.reduce(row), nothing)))
        real = 1 / (1 + math.exp(min(50.0, 6.0 - step.significance)))
        named.append(Step(step.onset, step.significance, f"{known[i].element} {known[i].shell}", share * real))
    return named


def add_partners(energy: np.ndarray, counts: np.ndarray, steps: list[Step]) -> list[Step]:
    """The same steps and, where the spectrum rises again at the place, the second edge of each doublet."""
    scale = float(energy[1] - energy[0])
    slope = _slope(counts.astype(float), scale)
    noise = 1.4826 * float(np.median(np.abs(slope - np.median(slope)))) + 1e-30
    out = list(steps)
    for step in steps:
        if not step.name:
            continue
        element, shell = step.name.split()
        other = partner(element, shell)
        if other is None or other[1] < 4 * scale:
            continue
        near = np.flatnonzero(np.abs(energy - step.onset - other[1]) < min(3.0, 0.4 * other[1]))
        if not len(near):
            continue
        i = near[int(np.argmax(slope[near]))]
        if slope[i] > 6 * noise and not any(abs(s.onset - energy[i]) < 3 for s in out if s is not step):
            out.append(Step(float(energy[i]), float(slope[i] / noise), f"{element} {other[0]}", step.probability))
    return sorted(out, key=lambda s: s.onset)
