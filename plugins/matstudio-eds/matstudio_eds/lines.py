"""X-ray lines: energies and how many X-rays an atom gives in each, and what a silicon drift detector makes of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

ELEMENTS = range(4, 95)
_OF_SHELL = {"L1": 2, "L2": 2, "L3": 4, "M1": 2, "M2": 2, "M3": 4, "M4": 4, "M5": 6, "K": 2}
_GREEK = {"a": "α", "b": "β", "g": "γ", "l": "l", "n": "η", "z": "ζ"}
MN_EV, MN_FWHM_EV = 5895.0, 130.0
SI_CM, DEAD_CM = 0.045, 1e-5
_ELECTRON_KEV = 510.999
_LEAST_EV = 101.0  # the tables end there
_BETHE_CM2_KEV2 = 6.513e-20
"""pi e^4 in Gaussian units, cm^2 keV^2."""


@dataclass(frozen=True)
class Line:
    """A line, or lines of one name.

    Args:
        element: symbol.
        name: as in "Kα".
        family: "K", "L" or "M".
        energy: eV; the mean, by weight, where there are several.
        weight: X-rays in it for each atom, relative to those of all other lines of all elements at the same beam.
    """

    element: str
    name: str
    family: str
    energy: float
    weight: float


def cross_section(z: int, shell: str, edge_eV: float, beam_keV: float) -> float:
    """Ionisation of a subshell by an electron, cm^2: Bethe's, with relativistic velocity.

    sigma = pi e^4 b n / (T E) [ln(T / E) - ln(1 - v^2) - v^2], T = m v^2 / 2, v in units of c (Williams & Carter,
    Transmission Electron Microscopy, 2nd ed. 2009, section 4.1), with the b of Schreiber & Wims, X-Ray Spectrom. 10, 42
    (1981), whose c is 1. Zero below the edge.
    """
    edge = edge_eV / 1000
    gamma = 1 + beam_keV / _ELECTRON_KEV
    v2 = 1 - gamma**-2
    t = 0.5 * _ELECTRON_KEV * v2
    if t <= edge:
        return 0.0
    log = math.log(z)
    if shell == "K":
        b = 8.874 - 8.158 * log + 2.9055 * log**2 - 0.35778 * log**3 if z <= 30 else 0.661
    elif shell[0] == "L":
        b = 0.2704 + 0.00726 * log**3
    else:
        b = 11.33 - 2.43 * log
    inside = math.log(t / edge) - math.log(1 - v2) - v2
    return max(0.0, _BETHE_CM2_KEV2 * b * _OF_SHELL[shell] / (t * edge) * inside)


@lru_cache(maxsize=256)
def lines(element: str, beam_keV: float) -> tuple[Line, ...]:
    """The lines of an element, each X-ray by itself: energies, yields and branching as tabulated by xraydb (Elam, Ravel
    & Sieber, Radiat. Phys. Chem. 63, 121, 2002), times the cross-section of the subshell. Transitions of vacancies from
    subshell to subshell before they are filled are left out."""
    import xraydb

    z = xraydb.atomic_number(element)
    found = []
    edges = xraydb.xray_edges(element)
    for name, line in xraydb.xray_lines(element).items():
        shell = "M5" if line.initial_level == "M4,5" else line.initial_level
        if shell not in _OF_SHELL or shell not in edges:
            continue
        edge = edges[shell]
        weight = cross_section(z, shell, edge.energy, beam_keV) * edge.fyield * line.intensity
        if weight > 0:
            greek = name[0] + _GREEK.get(name[1:2], name[1:2])
            found.append(Line(element, greek, shell[0], float(line.energy), weight))
    return tuple(found)


def named(element: str, beam_keV: float, low: float, high: float, least: float = 0.02) -> list[Line]:
    """The lines of an element between two energies (eV) as people name them: those of one name as one, and none of less
    than `least` of the weight of the strongest of its family."""
    groups: dict[str, list[Line]] = {}
    for line in lines(element, beam_keV):
        if low < line.energy < high:
            groups.setdefault(line.name, []).append(line)
    merged = []
    for group in groups.values():
        total = sum(one.weight for one in group)
        mean = sum(one.weight * one.energy for one in group) / total
        merged.append(Line(element, group[0].name, group[0].family, mean, total))
    strongest = {f: max(m.weight for m in merged if m.family == f) for f in {m.family for m in merged}}
    return sorted((m for m in merged if m.weight >= least * strongest[m.family]), key=lambda m: m.energy)


def fwhm(energy: np.ndarray | float, at_mn: float = MN_FWHM_EV) -> np.ndarray:
    """Full width at half maximum, eV: sqrt(2.5 (E - E_Mn) + at_mn^2) (Fiori & Newbury, Scanning Electron Microsc. 1978
    I, 401)."""
    return np.sqrt(np.maximum(2.5 * (np.asarray(energy, float) - MN_EV) + at_mn**2, 30.0**2))


@lru_cache(maxsize=8)
def _efficiency(low: float, high: float, n: int) -> np.ndarray:
    import xraydb

    energy = np.maximum(np.linspace(low, high, n), _LEAST_EV)
    silicon = xraydb.material_mu("Si", energy, density=2.33)
    out = np.exp(-silicon * DEAD_CM) * -np.expm1(-silicon * SI_CM)
    out[np.linspace(low, high, n) < _LEAST_EV] = 0.0
    return np.asarray(out)


def efficiency(energy: np.ndarray) -> np.ndarray:
    """Share of the X-rays that a windowless detector of 0.45 mm of silicon counts, behind a dead layer of 100 nm.

    Args:
        energy: (M,) evenly spaced, eV.
    """
    return _efficiency(float(energy[0]), float(energy[-1]), len(energy))


def template(found: tuple[Line, ...] | list[Line], energy: np.ndarray, at_mn: float = MN_FWHM_EV) -> np.ndarray:
    """What a detector counts of lines, in each channel, for one atom: (M,).

    Args:
        energy: (M,) evenly spaced, eV.
    """
    out = np.zeros(len(energy))
    step = float(energy[1] - energy[0])
    for line in found:
        sigma = float(fwhm(line.energy, at_mn)) / math.sqrt(8 * math.log(2))
        first = max(0, math.floor((line.energy - 6 * sigma - energy[0]) / step))
        last = min(len(energy), math.ceil((line.energy + 6 * sigma - energy[0]) / step) + 1)
        if first < last:
            x = (energy[first:last] - line.energy) / sigma
            out[first:last] += line.weight * step / (sigma * math.sqrt(2 * math.pi)) * np.exp(-0.5 * x**2)
    return out * efficiency(energy)
