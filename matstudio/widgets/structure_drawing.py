"""What of a structure is drawn, and how, as arrays; made in the thread that draws. Knows no Qt and no OpenGL."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matstudio.domain.structure import SiteModel
from matstudio.widgets.atoms import bonds, box_edges, colours, extent, surface
from matstudio.widgets.elements import radius

MANY = 5_000
"""Of more sites than this only those near a surface are drawn; bonds are drawn up to this many."""
FILLING, BALL = 0.82, 0.36
"""Radius of an atom in covalent radii: near touching, and where bonds are drawn."""
STICK_A = 0.13


@dataclass(frozen=True)
class Look:
    """How sites are drawn.

    Args:
        by: one of `atoms.BY`.
        bonds: balls and sticks, where there are not more than `MANY` sites.
        background, lines: red, green, blue in 0..1.
    """

    by: str = "species"
    bonds: bool = False
    background: tuple[float, float, float] = (0.0, 0.0, 0.0)
    lines: tuple[float, float, float] = (0.6, 0.6, 0.6)


@dataclass(frozen=True)
class Drawing:
    """The arrays of one picture.

    Args:
        model: what they were made from.
        sites: (M,) numbers of the sites that are drawn.
        positions: (M, 3) Å. radii: (M,) Å. rgb: (M, 3) uint8.
        orders: (3, M) uint32, the sites along x, y and z.
        sticks: (S, 2, 3) Å, ends of bonds and edges of the box; their radii (S,) Å (0: a thin line), rgb (S, 3) uint8.
        low, high: (3,) Å, corners of all that is drawn.
        origin: (3,) Å, corner of the box.
    """

    model: SiteModel
    sites: np.ndarray
    positions: np.ndarray
    radii: np.ndarray
    rgb: np.ndarray
    orders: np.ndarray
    sticks: np.ndarray
    stick_radii: np.ndarray
    stick_rgb: np.ndarray
    low: np.ndarray
    high: np.ndarray
    origin: np.ndarray


def shown_sites(model: SiteModel) -> np.ndarray:
    """Which sites are drawn, (M,) int: all up to `MANY`, beyond it those near a surface (they hide the others)."""
    n = len(model.positions)
    return np.arange(n) if n <= MANY else np.flatnonzero(surface(model.positions))


def origin_of(model: SiteModel) -> np.ndarray:
    """Corner of the box, (3,) Å: the sites begin there, whatever their origin is."""
    cell = np.asarray(model.cell, float)
    if not len(model.positions):
        return np.zeros(3)
    corners = box_edges(cell, np.zeros(3))
    return extent(model.positions)[0] - corners.min(axis=0)


def make(model: SiteModel, look: Look, sites: np.ndarray | None = None) -> Drawing:
    """Everything that the drawing needs.

    Args:
        sites: of `shown_sites`, where it is known already.
    """
    sites = shown_sites(model) if sites is None else sites
    positions = np.asarray(model.positions[sites], np.float32)
    occupancy = model.occupancy[sites]
    rgb = colours(look.by, model.species, occupancy, model.sigma[sites], look.background)
    kinds = np.argmax(np.nan_to_num(occupancy), axis=1) if len(sites) else np.empty(0, int)
    linked = look.bonds and len(model.positions) <= MANY
    factor = BALL if linked else FILLING
    radii = (factor * np.array([radius(s) for s in model.species], np.float32))[kinds]
    origin = origin_of(model)
    edges = box_edges(np.asarray(model.cell, float), origin).reshape(-1, 2, 3)
    sticks, thick, paint = [edges], [np.zeros(len(edges))], [np.tile(look.lines, (len(edges), 1))]
    if linked and len(sites) > 1:
        ends, colour = _halves(positions, radii, rgb, bonds(positions, model.species, kinds))
        sticks.append(ends)
        thick.append(np.full(len(ends), STICK_A))
        paint.append(colour)
    low, high = extent(np.concatenate([edges.reshape(-1, 3), positions]))
    return Drawing(
        model,
        sites,
        positions,
        radii,
        _bytes(rgb),
        np.argsort(positions, axis=0).T.astype(np.uint32),
        np.concatenate(sticks).astype(np.float32),
        np.concatenate(thick).astype(np.float32),
        _bytes(np.concatenate(paint)),
        low,
        high,
        origin,
    )


def _halves(
    positions: np.ndarray, radii: np.ndarray, rgb: np.ndarray, pairs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Each bond as two halves, (2 B, 2, 3) and their colours, from the balls' surfaces to the middle."""
    i, j = pairs.T
    along = positions[j] - positions[i]
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    start, end = positions[i] + 0.9 * radii[i, None] * along, positions[j] - 0.9 * radii[j, None] * along
    middle = (start + end) / 2
    ends = np.concatenate([np.stack([start, middle], 1), np.stack([end, middle], 1)])
    return ends, np.concatenate([rgb[i], rgb[j]])


def _bytes(rgb: np.ndarray) -> np.ndarray:
    return np.round(255 * np.clip(rgb, 0, 1)).astype(np.uint8)
