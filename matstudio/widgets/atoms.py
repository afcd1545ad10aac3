"""Colours of sites, which of them lie at a surface, bonds and boxes. numpy; scipy where bonds are asked for."""

from __future__ import annotations

import math

import numpy as np

from matstudio.widgets.elements import bondable, radius, species_colour

BY = ("species", "occupancy", "uncertainty")
_RAMP = np.array(
    [[0.27, 0.0, 0.33], [0.23, 0.32, 0.55], [0.13, 0.57, 0.55], [0.37, 0.79, 0.38], [0.99, 0.91, 0.14]], np.float32
)


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


def extent(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest x, y and z of (N, 3), N > 0. Column by column: eight times as fast as `min(axis=0)`."""
    columns = [positions[:, k] for k in range(3)]
    return np.array([float(c.min()) for c in columns]), np.array([float(c.max()) for c in columns])


def surface(positions: np.ndarray, depth: float = 5.0) -> np.ndarray:
    """Which atoms lie within about `depth` (Å) of empty space, (N,) bool, from a voxel grid of that spacing.

    Args:
        positions: (N, 3), Å.
        depth: edge of a voxel; a voxel without atoms counts as empty space, so it must exceed the atoms' spacing.
    """
    start, end = extent(positions)
    cells = np.maximum(np.round((end - start) / depth).astype(int), 1)
    span = np.maximum(end - start, 1e-9)
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


def bonds(positions: np.ndarray, species: tuple[str, ...], kinds: np.ndarray, slack: float = 1.15) -> np.ndarray:
    """Pairs of sites that are as near as their covalent radii, (B, 2) int.

    Args:
        positions: (N, 3), Å.
        species: K symbols. Where there are nonmetals among them, metals are not bonded with one another.
        kinds: (N,) which of the species each site has.
        slack: bonded up to this times the sum of the radii. Not across the borders of the box.
    """
    from scipy.spatial import cKDTree

    radii = np.array([radius(s) for s in species])
    allowed = np.array([[bondable(a, b, species) for b in species] for a in species])
    present = radii[np.unique(kinds)] if len(kinds) else radii
    pairs = cKDTree(positions).query_pairs(2 * slack * float(present.max()), output_type="ndarray")
    i, j = pairs.T
    apart = np.linalg.norm(positions[i] - positions[j], axis=1)
    near = (apart < slack * (radii[kinds[i]] + radii[kinds[j]])) & (apart > 0.4)  # less: two halves of a split site
    return pairs[near & allowed[kinds[i], kinds[j]]]
