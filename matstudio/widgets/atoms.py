"""Colours of atoms, and which atoms lie at a surface. numpy only."""

from __future__ import annotations

import colorsys
import math

import numpy as np

BY = ("species", "occupancy", "uncertainty")
_SPECIES = {
    "Au": "#efb23c",
    "Cu": "#c8754a",
    "Ti": "#a5b0ba",
    "O": "#e0524d",
    "Sr": "#5fb45f",
    "Mo": "#4fa3ad",
    "S": "#d9cf3f",
    "Pt": "#b9bdd6",
    "Fe": "#d0743c",
    "C": "#7d7d7d",
    "Si": "#c8a78a",
}
_RAMP = np.array(
    [[0.27, 0.0, 0.33], [0.23, 0.32, 0.55], [0.13, 0.57, 0.55], [0.37, 0.79, 0.38], [0.99, 0.91, 0.14]], np.float32
)


def species_colour(symbol: str) -> tuple[float, float, float]:
    """Red, green and blue (0..1) of an element; one without a colour of its own gets one made from its letters."""
    text = _SPECIES.get(symbol)
    if text is None:
        return colorsys.hls_to_rgb(sum((i + 1) * ord(c) for i, c in enumerate(symbol)) * 0.381 % 1.0, 0.6, 0.55)
    return int(text[1:3], 16) / 255, int(text[3:5], 16) / 255, int(text[5:7], 16) / 255


def ramp(values: np.ndarray) -> np.ndarray:
    """Dark violet to yellow, (N, 3), for values (N,) in 0..1; outside and NaN are held at the ends."""
    at = np.clip(np.nan_to_num(values, nan=0.0), 0, 1) * (len(_RAMP) - 1)
    low = np.minimum(at.astype(int), len(_RAMP) - 2)
    part = (at - low)[:, None].astype(np.float32)
    return _RAMP[low] * (1 - part) + _RAMP[low + 1] * part


def colours(
    by: str,
    species: tuple[str, ...],
    occupancy: np.ndarray,
    sigma: np.ndarray,
    background: tuple[float, float, float],
) -> np.ndarray:
    """Colour of each site, (N, 3) float32 in 0..1.

    Args:
        by: "species": of the likeliest one, fainter the less likely it is; "occupancy": of the first species, 0..1;
            "uncertainty": one standard deviation of it, 0..0.5.
        species: K symbols.
        occupancy: (N, K).
        sigma: (N,).
        background: red, green, blue in 0..1 that faint sites tend to.

    Raises:
        ValueError: `by` is none of `BY`.
    """
    if by == "occupancy":
        return ramp(occupancy[:, 0])
    if by == "uncertainty":
        return ramp(2 * np.asarray(sigma, float))
    if by != "species":
        raise ValueError(f"no colouring {by!r}; there are {', '.join(BY)}")
    table = np.array([species_colour(s) for s in species], np.float32)
    best = np.argmax(occupancy, axis=1)
    sure = np.nan_to_num(occupancy[np.arange(len(best)), best], nan=0.0)
    faint = (0.7 * np.clip((0.95 - sure) / 0.6, 0, 1))[:, None].astype(np.float32)
    return table[best] * (1 - faint) + np.asarray(background, np.float32) * faint


def surface(positions: np.ndarray, depth: float = 5.0) -> np.ndarray:
    """Which atoms lie within about `depth` (Å) of empty space, (N,) bool, from a voxel grid of that spacing.

    Args:
        positions: (N, 3), Å.
        depth: edge of a voxel; a voxel without atoms counts as empty space, so it must exceed the atoms' spacing.
    """
    start = positions.min(axis=0)
    cells = np.maximum(np.round((positions.max(axis=0) - start) / depth).astype(int), 1)
    span = np.maximum(positions.max(axis=0) - start, 1e-9)
    index = np.minimum(((positions - start) / span * cells).astype(int), cells - 1)
    filled = np.zeros(tuple(cells + 2), bool)
    i, j, k = (index + 1).T
    filled[i, j, k] = True
    buried = filled.copy()
    for axis in range(3):
        for step in (-1, 1):
            buried &= np.roll(filled, step, axis)
    return ~buried[i, j, k]


def box_edges(cell: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """The 12 edges of the box spanned by the rows of `cell` (3, 3), as (24, 3) end points, two a line."""
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)], float)
    ends = [
        (a, b) for n, a in enumerate(corners) for b in corners[n + 1 :] if math.isclose(float(np.abs(a - b).sum()), 1.0)
    ]
    return np.array(ends, float).reshape(-1, 3) @ np.asarray(cell, float) + origin
