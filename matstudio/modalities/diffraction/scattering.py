"""Scattering factors of neutral atoms, for X-rays and for electrons."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

MOTT_BETHE = 0.02393366
"""1 / (8 pi^2 a0), 1/Å: the constant of the Mott-Bethe formula for s = sin(theta) / lambda in 1/Å."""


def xray_factor(symbol: str, g: np.ndarray) -> np.ndarray:
    """Atomic form factor f0, electrons, at reciprocal lengths `g` = 1/d in 1/Å (any shape).

    The five-Gaussian parametrisation of Waasmaier & Kirfel, Acta Cryst. A51, 416 (1995), as tabulated by xraydb;
    it holds for g <= 12 1/Å.
    """
    import xraydb

    g = np.asarray(g, dtype=float)
    return np.asarray(xraydb.f0(symbol, g.ravel() / 2)).reshape(g.shape)


def electron_factor(symbol: str, g: np.ndarray) -> np.ndarray:
    """Electron scattering factor in the first Born approximation, Å, at `g` = 1/d in 1/Å (any shape).

    Mott-Bethe from the X-ray form factor: f_e = (Z - f0) / (8 pi^2 a0 s^2), s = g/2, without the relativistic mass
    factor. Below g = 0.1 1/Å, where Z - f0 is a difference of near equals, f_e follows a parabola in g through its
    values at 0.1 and 0.2 1/Å.
    """
    import xraydb

    z = float(xraydb.atomic_number(symbol))
    g = np.asarray(g, dtype=float)

    def born(q: np.ndarray) -> np.ndarray:
        return MOTT_BETHE * (z - xray_factor(symbol, q)) / (q / 2) ** 2

    near, far = born(np.array([0.1, 0.2]))
    slope = (far - near) / (0.2**2 - 0.1**2)
    return np.where(g < 0.1, near + slope * (g**2 - 0.1**2), born(np.maximum(g, 0.1)))


@lru_cache(maxsize=128)
def electron_table(number: int, g_max: float = 8.0, step: float = 0.005) -> tuple[np.ndarray, np.ndarray]:
    """The electron scattering factor of element `number` as a table to interpolate in: (g in 1/Å, f_e in Å)."""
    import xraydb

    g = np.arange(0.0, g_max + step, step)
    return g, electron_factor(xraydb.atomic_symbol(number), g)
