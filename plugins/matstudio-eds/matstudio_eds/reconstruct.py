"""Which elements are in an energy-dispersive X-ray spectrum, and their atomic fractions."""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from matstudio.domain.estimate import Estimate, Model, Quantity
from matstudio.domain.frame import Axis, Frame
from matstudio.modalities.base import check_numbers
from matstudio_eds.lines import ELEMENTS, Line, efficiency, lines, named, template

LEAST_EV = 250.0  # below it detectors differ too much
THERE, REST = 5.0, 3.5
"""Standard deviations by which an element's best family of lines must stand out, and what is kept to explain peaks."""
K_FACTOR_SIGMA = 0.10
_FAMILIES = ("K", "L", "M")
_NOT_SOUGHT = frozenset(
    {"Tc", "Pm", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Pa", "Np", "Pu", "He", "Ne", "Ar", "Kr", "Xe"}
)
STRONG = 0.02
"""Share of all X-rays in lines that a family of lines must have to count when the misfit is judged."""
TRACE = 0.005
"""Atomic fraction below which no element is named where the fit is no better than its misfit."""
_ROUNDS = 3
_MISFITS, _GOOD = (0.0, 0.01, 0.02, 0.04, 0.08, 0.15), 1.2


@dataclass(frozen=True)
class Found:
    """An element: atoms (relative) with one standard deviation, by how much it stands out, and the family counted."""

    element: str
    atoms: float
    sigma: float
    significance: float
    family: str


@lru_cache(maxsize=1)
def _checksum() -> str:
    folder = Path(__file__).parent
    return hashlib.sha256(b"".join((folder / n).read_bytes() for n in ("lines.py", "reconstruct.py"))).hexdigest()


@lru_cache(maxsize=4)
def _templates(beam_keV: float, low: float, high: float, n: int) -> tuple[list[tuple[str, str]], np.ndarray]:
    """Every element's families of lines that show between the energies: (element, family), and (families, n)."""
    import xraydb

    energy = np.linspace(low, high, n)
    names, rows = [], []
    for z in ELEMENTS:
        element = xraydb.atomic_symbol(z)
        for family in _FAMILIES if element not in _NOT_SOUGHT else ():
            inside = [one for one in lines(element, beam_keV) if one.family == family]
            main = max(inside, key=lambda one: one.weight, default=None)
            if main is not None and max(low, LEAST_EV) + 60 < main.energy < min(high, 1000 * beam_keV) - 100:
                names.append((element, family))
                rows.append(template(inside, energy))
    scale = max(float(r.max()) for r in rows) if rows else 1.0
    return names, np.array(rows) / scale


class Fit:
    """A spectrum as a sum of elements' lines and a background of five smooth parts, by weighted least squares in which
    no line is negative; weights from the fit itself, which for counts is the maximum-likelihood answer.

    Args:
        energy: (M,) eV, evenly spaced, rising. counts: (M,). beam_keV: of the electrons.
    """

    def __init__(self, energy: np.ndarray, counts: np.ndarray, beam_keV: float) -> None:
        self.energy, self._counts, self._beam = energy, counts, beam_keV
        self.names, self._lines = _templates(beam_keV, float(energy[0]), float(energy[-1]), len(energy))
        self._used = energy >= LEAST_EV
        keV = np.maximum(energy, LEAST_EV) / 1000
        smooth = np.array([*(efficiency(energy) * keV**p for p in (-1.0, 0.0, 1.0, -2.0)), np.ones(len(energy))])
        self._smooth = smooth / smooth[:, self._used].max(axis=1, keepdims=True)
        self.shift = np.zeros(2)  # eV, and eV per keV
        self.shift_sigma = math.nan  # eV, at 8 keV
        self.model = np.maximum(counts, 1.0)
        self.misfit = 0.0  # of what is taken for the shape of lines and background, as a share of them
        self.background = np.zeros(len(energy))
        self.amount, self.sigma = np.zeros(len(self.names)), np.full(len(self.names), np.inf)

    def run(self) -> list[Found]:
        """The elements, by rising atomic number."""
        active = list(range(len(self.names)))
        self._solve(active)
        active = self._prune(active, REST)
        strong = self._strong(active)
        for _ in range(_ROUNDS):
            self._solve(strong)
            self._align(strong)
        self._solve(strong)
        self._judge()
        self._solve(active)
        active = self._prune(active, REST)
        kept = self._believed(active)
        if set(kept) != set(active):
            self._solve(kept)
        return self._elements(kept)

    def _design(self, active: list[int]) -> np.ndarray:
        rows = self._lines[active]
        if self.shift.any():
            at = self.energy - self.shift[0] - self.shift[1] * self.energy / 1000
            rows = np.array([np.interp(at, self.energy, row) for row in rows]).reshape(len(active), -1)
        return (
            np.concatenate([rows, self._smooth, -self._smooth])
            if len(active)
            else np.concatenate([self._smooth, -self._smooth])
        )

    def _solve(self, active: list[int]) -> None:
        design = self._design(active)
        used = self._used
        k = len(active)
        for _ in range(2):
            weight = self._weight()
            found, _ = nnls((design[:, used] * weight).T, self._counts[used] * weight, maxiter=20 * len(design))
            self.model = found @ design
        self.background = found[k:] @ design[k:]
        self.amount[:] = 0.0
        self.sigma[:] = np.inf
        self.amount[active] = found[:k]
        parts = np.concatenate([design[:k], self._smooth])[:, used] * self._weight()
        matrix = parts @ parts.T
        matrix[np.diag_indices_from(matrix)] *= 1 + 1e-9
        self._covariance = np.linalg.pinv(matrix, hermitian=True)
        self.sigma[active] = np.sqrt(np.maximum(np.diag(self._covariance)[:k], 0.0))
        self._active = list(active)

    def _weight(self) -> np.ndarray:
        """One over the standard deviation of each channel that is used: of counting, and of the misfit."""
        return 1 / np.sqrt(np.maximum(self.model, 1.0) + (self.misfit * self.model) ** 2)[self._used]

    def _strong(self, active: list[int]) -> list[int]:
        counts = {i: self.amount[i] * self._lines[i].sum() for i in active}
        return [i for i in active if counts[i] >= STRONG * sum(counts.values())]

    def _judge(self) -> None:
        """Let the misfit be as large as it must be for the fit to be as good as counting allows: a detector's lines and
        background are not quite as they are drawn here, and what is left must not pass for faint elements."""
        rest = (self._counts - self.model)[self._used]
        for self.misfit in _MISFITS:
            if float(np.mean((rest * self._weight()) ** 2)) < _GOOD:
                break

    def _prune(self, active: list[int], least: float) -> list[int]:
        """Leave out the weakest again and again until all stand out by `least` standard deviations."""
        while active:
            strength = self.amount[active] / np.maximum(self.sigma[active], 1e-300)
            weak = strength < least
            if not weak.any():
                break
            order = np.argsort(strength)
            drop = {active[i] for i in order[: max(1, int(weak.sum()) // 2)]}
            active = [i for i in active if i not in drop]
            self._solve(active)
        return active

    def _align(self, active: list[int]) -> None:
        """One step toward the offset and gain of the energy axis that fit best; none where there is little to go by."""
        if not active or self._counts[self._used].sum() < 2000:
            return
        lines_ = self.amount[active] @ self._design(active)[: len(active)]
        slope = -np.gradient(lines_, self.energy)
        columns = np.array([slope, slope * self.energy / 1000])[:, self._used]
        weight = self._weight()
        rest = (self._counts - self.model)[self._used]
        parts = columns * weight
        step, *_ = np.linalg.lstsq(parts.T, rest * weight, rcond=1e-6)
        at_8_keV = np.array([1.0, 8.0])
        self.shift_sigma = float(np.sqrt(at_8_keV @ np.linalg.pinv(parts @ parts.T, hermitian=True) @ at_8_keV))
        self.shift = np.clip(self.shift + np.clip(step, -20.0, 20.0), (-60.0, -10.0), (60.0, 10.0))

    def _believed(self, active: list[int]) -> list[int]:
        """Those of elements whose main family, the first of K, L, M that shows, stands out by `THERE`."""
        out = []
        for i in active:
            element, _ = self.names[i]
            main = next(j for j, (e, _) in enumerate(self.names) if e == element)
            strongest = max(
                (j for j, (e, _) in enumerate(self.names) if e == element), key=lambda j: self._lines[j].sum()
            )
            if any(j in active and self.amount[j] >= THERE * self.sigma[j] for j in {main, strongest}):
                out.append(i)
        return out

    def _elements(self, active: list[int]) -> list[Found]:
        found: dict[str, Found] = {}
        for i in active:
            element, family = self.names[i]
            significance = self.amount[i] / max(self.sigma[i], 1e-300)
            if significance >= THERE and element not in found:
                found[element] = Found(element, float(self.amount[i]), float(self.sigma[i]), significance, family)
        total = sum(e.atoms for e in found.values())
        least = TRACE * total if self.misfit > 0 else 0.0
        return [e for e in found.values() if e.atoms >= least]

    def covariance(self, elements: list[Found]) -> np.ndarray:
        """Covariance of the elements' amounts, (K, K)."""
        at = [self._active.index(self.names.index((e.element, e.family))) for e in elements]
        return np.asarray(self._covariance[np.ix_(at, at)])


def fractions(elements: list[Found], covariance: np.ndarray, k_factor_sigma: float) -> list[tuple[float, float]]:
    """Atomic fraction and one standard deviation of each element (Cliff & Lorimer, J. Microsc. 103, 203, 1975).

    Args:
        covariance: of the amounts.
        k_factor_sigma: relative error of each element's cross-section times efficiency, independent of the others'.
    """
    n = np.array([e.atoms for e in elements])
    total = n.sum()
    x = n / total
    spread = covariance + np.diag((k_factor_sigma * n) ** 2)
    jacobian = (np.eye(len(n)) - x[:, None]) / total
    variance = np.diag(jacobian @ spread @ jacobian.T)
    return [(float(a), math.sqrt(max(float(v), 0.0))) for a, v in zip(x, variance, strict=True)]


class Baseline:
    """Elements, their atomic fractions and their lines.

    Gives "fraction_Cu", ... ("1"), "composition" (Au fraction of gold and copper, "1") where both are there and the
    material is copper-gold, "energy_shift" (eV, of the axis at 8 keV); arrays "lines_eV" (K,), "lines_p" (K,) and
    "background", "fit" (M,) in counts; labels "lines" ("Cu Kα", ...).
    """

    name = "baseline"
    version = "1"

    def __call__(self, frame: Frame) -> Estimate:
        """What the frame says.

        Raises:
            ValueError: no spectrum, not finite, or its axis is no energy; one line.
        """
        begun = time.perf_counter()
        where = f"EDS frame {frame.stream} #{frame.seq}"
        data = np.asarray(frame.data)
        if data.ndim != 1 or data.size < 64:
            raise ValueError(f"{where}: needs one dimension of 64 or more channels: {data.shape}")
        check_numbers(data, where)
        energy = _electron_volts(frame.axes[0], where)
        beam = float(frame.metadata.get("beam_energy_keV") or 300.0)
        fit = Fit(energy, np.maximum(data.astype(float), 0.0), beam)
        elements = fit.run()
        sigma = float(frame.metadata.get("k_factor_sigma", K_FACTOR_SIGMA))
        quantities = _quantities(elements, fit, sigma)
        shown: list[Line] = []
        chances: list[float] = []
        for e in elements:
            mine = named(e.element, beam, max(energy[0], LEAST_EV), energy[-1])
            shown += mine
            chances += [1 / (1 + math.exp(min(50.0, THERE - e.significance)))] * len(mine)
        order = np.argsort([one.energy for one in shown])
        if not elements:
            notes: tuple[str, ...] = ("no line above the noise",)
        else:
            notes = (f"k-factors to {100 * sigma:.0f} %",) if sigma > 0 else ()
        return Estimate(
            frame.stream,
            frame.seq,
            0.5 * (frame.t_start + frame.t_end),
            Model(self.name, self.version, _checksum()),
            quantities,
            {
                "background": fit.background.astype(np.float32),
                "fit": fit.model.astype(np.float32),
                "lines_eV": np.array([shown[i].energy for i in order], float),
                "lines_p": np.array([chances[i] for i in order], float),
            },
            {"lines": tuple(f"{shown[i].element} {shown[i].name}" for i in order)},
            notes,
            seconds=time.perf_counter() - begun,
        )


def _quantities(elements: list[Found], fit: Fit, sigma: float) -> dict[str, Quantity]:
    if not elements:
        return {}
    shares = fractions(elements, fit.covariance(elements), sigma)
    out = {f"fraction_{e.element}": Quantity(x, s, "1") for e, (x, s) in zip(elements, shares, strict=True)}
    if {e.element for e in elements} == {"Cu", "Au"}:
        out["composition"] = out["fraction_Au"]
    if math.isfinite(fit.shift_sigma):
        out["energy_shift"] = Quantity(float(fit.shift[0] + 8 * fit.shift[1]), fit.shift_sigma, "eV")
    return out


def _electron_volts(axis: Axis, where: str) -> np.ndarray:
    factor = {"eV": 1.0, "keV": 1000.0}.get(axis.units)
    if factor is None or axis.scale <= 0:
        raise ValueError(f"{where}: its axis {axis.name} in {axis.units} is no rising energy")
    return np.asarray(axis.values * factor)
