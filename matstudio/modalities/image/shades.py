"""By what columns can be coloured, and the values and ends of the scale that go with it. Knows no Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from matstudio.domain.estimate import Estimate

BY = ("composition", "order", "lattice order", "position σ", "strain xx", "strain yy", "strain xy", "rotation")
_STRAIN = {name: i for i, name in enumerate(BY[4:])}
_TILE = 16  # pixels of the frame to one of the order map
_STEP = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class Shades:
    """Values of columns on a scale.

    Args:
        values: (N,) in 0..1, NaN where there is none.
        scale: name of the colours, a key of `widgets.overlays.SCALES`.
        low, high: what the ends of the scale mean, with unit.
        end: the value at the upper end, in its unit; it is kept while it roughly fits.
    """

    values: np.ndarray
    scale: str
    low: str
    high: str
    end: float = 1.0


def choices(estimate: Estimate) -> tuple[str, ...]:
    """Those of `BY` that an estimate has values for."""
    arrays = estimate.arrays
    has = {"composition": "columns_au" in arrays, "order": "order_map" in arrays}
    has["lattice order"] = "columns_order" in arrays
    has["position σ"] = "columns_sigma" in arrays
    return tuple(name for name in BY if has.get(name, "columns_strain" in arrays))


def shades(estimate: Estimate, by: str, pixel_pm: float | None, end: float = 0.0) -> Shades | None:
    """Values of the estimate's columns, or None where it has none.

    Args:
        estimate: of an image.
        by: one of `BY`.
        pixel_pm: size of a pixel in pm, None where it is not known.
        end: upper end of the scale that was shown before; 0 for none.
    """
    arrays, n = estimate.arrays, len(estimate.arrays.get("columns", ()))
    if by == "composition":
        return _whole(arrays.get("columns_au"), n, "Au 0", "Au 1")
    if by == "order":
        return _whole(_local_order(estimate), n, "S 0", "S 1")
    if by == "lattice order":
        return _whole(arrays.get("columns_order"), n, "alone 0", "repeated 1")
    if by == "position σ":
        sigma = arrays.get("columns_sigma")
        if sigma is None or sigma.shape != (n, 2):
            return None
        unit = "px" if pixel_pm is None else "pm"
        value = np.sqrt((np.asarray(sigma, float) ** 2).mean(1)) * (pixel_pm or 1.0)
        end = _end(value, end, 0.0)
        return Shades(np.clip(value / end, 0, 1), "green to red", f"0 {unit}", f"{end:g} {unit}", end)
    strain = arrays.get("columns_strain")
    if by not in _STRAIN or strain is None or strain.shape != (n, 4):
        return None
    unit, factor, least = ("°", math.degrees(1.0), 0.5) if by == "rotation" else (" %", 100.0, 1.0)
    value = np.asarray(strain[:, _STRAIN[by]], float) * factor
    end = _end(np.abs(value), end, least)
    return Shades(np.clip(0.5 + 0.5 * value / end, 0, 1), "blue to red", f"−{end:g}{unit}", f"+{end:g}{unit}", end)


def _whole(values: np.ndarray | None, n: int, low: str, high: str) -> Shades | None:
    return None if values is None or values.shape != (n,) else Shades(values, "copper to gold", low, high)


def _local_order(estimate: Estimate) -> np.ndarray | None:
    grid, xy = estimate.arrays.get("order_map"), estimate.arrays.get("columns")
    if grid is None or xy is None or grid.ndim != 2 or not grid.size:
        return None
    column, row = np.clip((xy // _TILE).astype(int), 0, np.array(grid.shape[::-1]) - 1).T
    return np.clip(np.abs(grid[row, column]), 0, 1)


def _end(values: np.ndarray, before: float, least: float) -> float:
    """The end of a scale that holds nearly all of `values`: 1, 2 or 5 times a power of ten; `before` where it fits."""
    finite = values[np.isfinite(values)]
    wanted = max(float(np.quantile(finite, 0.98)) if len(finite) else 0.0, least, 1e-6)
    if 0.35 * before < wanted <= 1.1 * before:
        return before
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(s for s in _STEP if s * power >= wanted * 0.999) * power
