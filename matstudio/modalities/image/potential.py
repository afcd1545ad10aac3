"""How strongly an atom scatters electrons: its scattering factor, and what an annular detector sees of it. No torch.

Scattering factors are those of Lobato and Van Dyck (Acta Cryst. A70 (2014) 636), of neutral atoms at rest, hydrogen to
lawrencium; the table stands in `lobato.json`.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files

import numpy as np

from matstudio.modalities.image.forward import wavelength_A

VOLT_A2 = 47.877645  # h^2 / (2 pi m e): a scattering factor of 1 Å is a projected potential of so many V Å per Å^-2
_REST_keV = 510.99895
_ANGLES = 48  # of the detector's quadrature
_RADII = 96
_PAIRS = 12  # points across the aperture


@lru_cache(maxsize=1)
def _table() -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """a (Å) and b (Å^2) of every element, hydrogen first."""
    text = files("matstudio.modalities.image").joinpath("lobato.json").read_text(encoding="utf-8")
    return tuple((np.array(a), np.array(b)) for a, b in json.loads(text)["elements"].values())


def scattering_factor_A(number: int, g: np.ndarray) -> np.ndarray:
    """Electron scattering factor in Å at `g` = 2 sin(theta) / wavelength, 1/Å; for an electron at rest (no gamma).

    Raises:
        ValueError: there is no such element in the table.
    """
    table = _table()
    if not 1 <= number <= len(table):
        raise ValueError(f"atomic number {number}: the scattering factors are of 1 to {len(table)}")
    a, b = table[number - 1]
    bg = b[:, None] * np.square(np.ravel(np.asarray(g, float)))
    return np.asarray((a @ ((2.0 + bg) / (1.0 + bg) ** 2)).reshape(np.shape(g)))


def gamma(energy_keV: float) -> float:
    """Relativistic mass of the electron over its rest mass."""
    return 1.0 + energy_keV / _REST_keV


def interaction_constant(energy_keV: float) -> float:
    """Phase per projected potential, sigma, rad / (V Å) (Kirkland, Advanced Computing in Electron Microscopy, 5.6)."""
    return gamma(energy_keV) * wavelength_A(energy_keV) / VOLT_A2


def detector_object_A2(
    number: int,
    q: np.ndarray,
    energy_keV: float,
    detector_mrad: tuple[float, float],
    aperture_mrad: float = 0.0,
) -> np.ndarray:
    """What an annular detector sees of one atom, Å^2, at spatial frequency `q` (1/Å); at 0 its cross section.

    Two waves of the convergent beam, p - q/2 and p + q/2, that interfere on the detector at p + k give gamma^2
    wavelength^2 f(|k - q/2|) f(|k + q/2|), in the first Born approximation. It is summed over the detector, and its
    mean taken over the pairs that the aperture lets through, as if the lens were perfect. Interference between atoms,
    which a high angle averages out, is left out (Jesson and Pennycook, Proc. R. Soc. A449 (1995) 273; Nellist and
    Pennycook, Advances in Imaging and Electron Physics 113 (2000) 147). Frequencies beyond the aperture's diameter
    have no pairs: theirs is the value of a point aperture.

    Raises:
        ValueError: inner and outer half angle (mrad) are not in order.
    """
    inner, outer = detector_mrad
    if not 0 <= inner < outer:
        raise ValueError(f"detector from {inner} to {outer} mrad: give the smaller half angle first")
    wavelength = wavelength_A(energy_keV)
    low, high, edge = (angle * 1e-3 / wavelength for angle in (inner, outer, aperture_mrad))
    k, ring = _rings(low, high, edge)
    turn = np.exp(2j * np.pi * (np.arange(_ANGLES) + 0.5) / _ANGLES)
    scattered = np.empty(np.size(q))
    for i, at in enumerate(np.ravel(np.asarray(q, float))):
        plane = k[:, None] * turn
        product = scattering_factor_A(number, np.abs(plane - at / 2)) * scattering_factor_A(
            number, np.abs(plane + at / 2)
        )
        scattered[i] = np.sum(product * ring[:, None] * _seen(plane, at, low, high, edge))
    return np.reshape((gamma(energy_keV) * wavelength) ** 2 * scattered, np.shape(q))


def _rings(low: float, high: float, edge: float) -> tuple[np.ndarray, np.ndarray]:
    """Radii (1/Å) that reach the detector from within the aperture, and the area of each point on them."""
    first, last = max(low - edge, 0.0), high + edge
    nodes, weights = np.polynomial.legendre.leggauss(_RADII)
    k = first + (last - first) * 0.5 * (nodes + 1.0)
    return k, 0.5 * (last - first) * weights * k * (2.0 * np.pi / _ANGLES)


def _seen(plane: np.ndarray, q: float, low: float, high: float, edge: float) -> np.ndarray | float:
    """Share of the aperture's pairs at `q` that scattering by `plane` brings onto the detector."""
    axis = edge * (np.arange(_PAIRS) + 0.5 - _PAIRS / 2) / (_PAIRS / 2)
    pairs = (axis[:, None] + 1j * axis).ravel()
    pairs = pairs[np.maximum(np.abs(pairs - q / 2), np.abs(pairs + q / 2)) <= edge]
    if edge == 0.0 or not len(pairs):
        pairs = np.zeros(1)
    radius = np.abs(plane[..., None] + pairs)
    return np.asarray(np.mean((radius >= low) & (radius <= high), axis=-1))


def cross_section_A2(number: int, energy_keV: float, detector_mrad: tuple[float, float]) -> float:
    """Cross section for scattering one electron onto the annular detector, Å^2, in the first Born approximation."""
    return float(detector_object_A2(number, np.zeros(1), energy_keV, detector_mrad)[0])


def z_exponent(energy_keV: float, detector_mrad: tuple[float, float], numbers: tuple[int, int] = (6, 79)) -> float:
    """Exponent n of the cross section's Z^n between two elements: nearly 2 at high angles, lower at lower ones."""
    light, heavy = (cross_section_A2(number, energy_keV, detector_mrad) for number in numbers)
    return float(np.log(heavy / light) / np.log(numbers[1] / numbers[0]))
