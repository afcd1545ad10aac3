"""Images of real crystals, which are not trained on, and what is chosen with their help: thresholds and ranges."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch

from matstudio.modalities.image.canonical import channels, statistics, to_canonical
from matstudio.modalities.image.network import ColumnNet, run
from matstudio.modalities.image.reconstruct import find_columns
from matstudio.modalities.image.unet import NetworkFinder, Settings, places
from matstudio.training.crystals import Columns, Crystal, place
from matstudio.training.scenes import MARGIN_A, Scene, scene
from matstudio.training.score import NOTHING, Score, score

SIZE = 224  # canonical pixels of a view
DOSES = (1e3, 1e4, 1e5)
_SEED = 900_001
_Z = 1.7
# space group, (a, b, c, gamma) in Å and degrees, species, sites, and the cell whose third vector is the beam
_CRYSTALS = (
    ("Fm-3m", (4.213, 4.213, 4.213, 90), ("Mg", "O"), ((0, 0, 0), (0.5, 0.5, 0.5)), "001"),
    ("Fm-3m", (5.411, 5.411, 5.411, 90), ("Ce", "O"), ((0, 0, 0), (0.25, 0.25, 0.25)), "110"),
    ("F-43m", (5.653, 5.653, 5.653, 90), ("Ga", "As"), ((0, 0, 0), (0.25, 0.25, 0.25)), "110"),
    ("Fd-3m", (5.658, 5.658, 5.658, 90), ("Ge",), ((0.125, 0.125, 0.125),), "001"),
    ("Pm-3m", (4.012, 4.012, 4.012, 90), ("Ba", "Ti", "O"), ((0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)), "001"),
    ("Pm-3m", (3.905, 3.905, 3.905, 90), ("La", "Al", "O"), ((0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)), "110"),
    ("P4_2/mnm", (4.594, 4.594, 2.959, 90), ("Ti", "O"), ((0, 0, 0), (0.305, 0.305, 0)), "001"),
    ("P6_3/mmc", (2.951, 2.951, 4.684, 120), ("Ti",), ((1 / 3, 2 / 3, 0.25),), "001"),
    ("P6/mmm", (3.0, 3.0, 3.3, 120), ("Al", "B"), ((0, 0, 0), (1 / 3, 2 / 3, 0.5)), "001"),
    ("P-6m2", (3.282, 3.282, 12.0, 120), ("W", "Se"), ((1 / 3, 2 / 3, 0), (2 / 3, 1 / 3, 0.14)), "001"),
    ("Im-3m", (3.165, 3.165, 3.165, 90), ("W",), ((0, 0, 0),), "001"),
    ("Fm-3m", (4.05, 4.05, 4.05, 90), ("Al",), ((0, 0, 0),), "110"),
    ("P4/mmm", (3.96, 3.96, 3.71, 90), ("Ti", "Al"), ((0, 0, 0), (0.5, 0.5, 0.5)), "100"),
)
_BEAM = {
    "001": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "100": ((0, 1, 0), (0, 0, 1), (1, 0, 0)),
    "110": ((0, 0, 1), (1, -1, 0), (1, 1, 0)),
}


def crystals() -> tuple[Crystal, ...]:
    """The columns of real crystals along a main axis, as strong as the sum of Z^1.7 over a repeat."""
    from pymatgen.core import Lattice, Structure

    made = []
    for group, (a, b, c, gamma), species, sites, beam in _CRYSTALS:
        structure = Structure.from_spacegroup(group, Lattice.from_parameters(a, b, c, 90, 90, gamma), species, sites)
        structure.make_supercell(_BEAM[beam])
        first, second = structure.lattice.abc[:2]
        angle = math.radians(structure.lattice.gamma)
        cell = np.array([[first, 0], [second * math.cos(angle), second * math.sin(angle)]])
        made.append(_projected(cell, structure.frac_coords[:, :2] % 1, np.array(structure.atomic_numbers)))
    return tuple(made)


def _projected(cell: np.ndarray, xy: np.ndarray, numbers: np.ndarray) -> Crystal:
    """Atoms above each other make one column."""
    left = np.arange(len(xy))
    sites, weight, kind = [], [], []
    while len(left):
        away = (xy[left] - xy[left[0]] + 0.5) % 1 - 0.5
        same = np.linalg.norm(away @ cell, axis=1) < 0.05
        sites.append(xy[left[0]])
        weight.append(float((numbers[left[same]] ** _Z).sum()))
        kind.append(int(numbers[left[0]] != numbers.max()))
        left = left[~same]
    return Crystal(cell, np.array(sites), np.array(weight) / max(weight), np.array(kind))


def scenes(count: int, dose: float, size: int = SIZE) -> Iterator[Scene]:
    """Images of real crystals at one dose, in all modes; some with an edge, vacancies or small displacements."""
    known = crystals()
    for i in range(count):
        rng = np.random.default_rng([_SEED, int(dose), i])
        what = known[i % len(known)]
        columns = place(what, rng.uniform(0, 2 * math.pi), rng.random(2), size * 0.1 + 0.6, MARGIN_A)
        columns = Columns(columns.xy + rng.normal(0, 0.04, columns.xy.shape), columns.weight, columns.kind)
        if i % 3 == 1:
            columns = columns.take(rng.random(len(columns.xy)) > 0.05)
        if i % 4 == 2:
            columns = columns.take(columns.xy @ rng.normal(0, 1, 2) < rng.normal(0, 5) + 5)
        yield scene(rng, size, columns, dose)


def detections(net: ColumnNet, one: Scene, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """What the network alone finds: places in canonical pixels, and the heat map there."""
    given = channels(one.image, one.variance, one.sign)
    return places(run(net, torch.from_numpy(given)).numpy(), threshold)


def best_threshold(net: ColumnNet, sets: list[Scene], tried: np.ndarray) -> tuple[float, np.ndarray]:
    """The threshold with the highest F1 over all images together, before the fit; and F1 of each tried."""
    total = [NOTHING] * len(tried)
    for one in sets:
        xy, heat = detections(net, one, float(tried.min()))
        for i, threshold in enumerate(tried):
            some = xy[heat > threshold] * 0.1
            total[i] = total[i] + score(one.xy * 0.1, one.hidden * 0.1, some, one.image.shape[0] * 0.1)
    f1 = np.array([t.f1 for t in total])
    return float(tried[int(np.argmax(f1))]), f1


def fitted(one: Scene, find: Callable[..., object]) -> Score:
    """Score of a finder's columns after the joint fit."""
    columns, _ = find_columns(one.raw.astype(float), one.pixel_A, one.counts, lambda *_: one.sign, find)
    xy = to_canonical(columns.xy, one.pixel_A) * 0.1
    return score(one.xy * 0.1, one.hidden * 0.1, xy, one.image.shape[0] * 0.1)


def chosen(net: ColumnNet, sets: list[Scene], ranges: tuple[tuple[str, float, float], ...]) -> Settings:
    """The settings with the highest F1 after the fit over all images together."""
    threshold, _ = best_threshold(net, sets, np.arange(0.1, 0.75, 0.05))
    best, highest = Settings(threshold, ranges=ranges), -1.0
    for least in (0.0, 1.0, 2.0):
        trial = replace(best, least=least)
        find = NetworkFinder(net, trial)
        total = sum((fitted(one, find) for one in sets), NOTHING)
        if total.f1 > highest:
            best, highest = trial, total.f1
    return best


def ranges(seed: int, count: int = 400, size: int = 192) -> tuple[tuple[str, float, float], ...]:
    """What all but one in a hundred training images lie between, a tenth wider on either side."""
    seen = [scene(np.random.default_rng([seed, 0, i]), size) for i in range(count)]
    facts = [statistics(channels(s.image, s.variance, s.sign)) for s in seen]
    out = []
    for name in facts[0]:
        low, high = np.quantile([f[name] for f in facts], (0.005, 0.995))
        room = 0.1 * (high - low)
        out.append((name, float(low - room), float(high + room)))
    return tuple(out)
