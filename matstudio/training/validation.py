"""Images of real crystals, which are not trained on, and what is chosen with their help: thresholds and ranges."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from scipy.spatial import cKDTree

from matstudio.domain.frame import Axis, Frame, Kind
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
# along a main axis: a, b (Å) and gamma (degrees) of the plane cell; atomic numbers above each other; places
_CRYSTALS: tuple[tuple[tuple[float, float, float], tuple[tuple[tuple[int, ...], float, float], ...]], ...] = (
    ((2.107, 2.107, 90), (((12, 8), 0, 0),)),  # MgO [001]
    (
        (5.411, 3.826, 90),
        (((58,), 0, 0), ((58,), 1 / 2, 1 / 2), *(((8,), u, v) for u in (1 / 4, 3 / 4) for v in (0, 1 / 2))),
    ),
    (
        (5.653, 3.997, 90),
        (((31,), 0, 0), ((31,), 1 / 2, 1 / 2), ((33,), 1 / 4, 0), ((33,), 3 / 4, 1 / 2)),
    ),  # GaAs [110]
    ((2.000, 2.000, 90), (((32,), 0, 0),)),  # Ge [001]
    ((4.012, 4.012, 90), (((56,), 0, 0), ((22, 8), 1 / 2, 1 / 2), ((8,), 1 / 2, 0), ((8,), 0, 1 / 2))),  # BaTiO3 [001]
    ((3.790, 2.680, 90), (((57, 8), 0, 0), ((13,), 1 / 2, 0), ((8, 8), 1 / 2, 1 / 2))),  # LaAlO3 [110]
    (  # TiO2 [001]
        (4.594, 4.594, 90),
        (
            *(((22,), x, x) for x in (0, 1 / 2)),
            *(((8,), x, y) for x, y in ((0.305, 0.305), (0.695, 0.695), (0.805, 0.195), (0.195, 0.805))),
        ),
    ),
    ((2.951, 2.951, 120), (((22,), 1 / 3, 2 / 3), ((22,), 2 / 3, 1 / 3))),  # Ti [001]
    ((3.000, 3.000, 120), (((13,), 0, 0), ((5,), 1 / 3, 2 / 3), ((5,), 2 / 3, 1 / 3))),  # AlB2 [001]
    ((3.282, 3.282, 120), (((74,), 1 / 3, 2 / 3), ((34, 34), 2 / 3, 1 / 3))),  # WSe2 [001], one layer
    ((3.165, 3.165, 90), (((74,), 0, 0), ((74,), 1 / 2, 1 / 2))),  # W [001]
    ((4.050, 2.864, 90), (((13,), 0, 0), ((13,), 1 / 2, 1 / 2))),  # Al [110]
    ((2.800, 4.070, 90), (((22,), 0, 0), ((13,), 1 / 2, 1 / 2))),  # TiAl [100]
)


def crystals() -> tuple[Crystal, ...]:
    """The columns of real crystals along a main axis, as strong as the sum of Z^1.7 over a repeat."""
    made = []
    for (a, b, gamma), columns in _CRYSTALS:
        angle = math.radians(gamma)
        weight = np.array([sum(z**_Z for z in numbers) for numbers, _, _ in columns])
        kind = np.array([int(max(numbers) < max(columns[0][0])) for numbers, _, _ in columns])
        cell = np.array([[a, 0.0], [b * math.cos(angle), b * math.sin(angle)]])
        made.append(Crystal(cell, np.array([(u, v) for _, u, v in columns]), weight / weight.max(), kind))
    return tuple(made)


def scenes(count: int, dose: float) -> Iterator[Scene]:
    """Images of real crystals at one dose, in all modes; some with an edge, vacancies or small displacements."""
    return (one for one, _ in turned(count, dose))


def turned(count: int, dose: float) -> Iterator[tuple[Scene, float]]:
    """The same, and the angle by which each crystal is turned, radians."""
    known = crystals()
    for i in range(count):
        rng = np.random.default_rng([_SEED, int(dose), i])
        what = known[i % len(known)]
        angle = rng.uniform(0, 2 * math.pi)
        columns = place(what, angle, rng.random(2), SIZE * 0.1 + 0.6, MARGIN_A)
        columns = Columns(columns.xy + rng.normal(0, 0.04, columns.xy.shape), columns.weight, columns.kind)
        if i % 3 == 1:
            columns = columns.take(rng.random(len(columns.xy)) > 0.05)
        if i % 4 == 2:
            columns = columns.take(columns.xy @ rng.normal(0, 1, 2) < rng.normal(0, 5) + 5)
        yield scene(rng, SIZE, columns, dose), angle


def frame(one: Scene) -> Frame:
    """A scene as a reader is given it."""
    axes = tuple(Axis(n, "Å", one.pixel_A, 0.0, s) for n, s in zip("yx", one.raw.shape, strict=True))
    facts = {"polarity": one.sign} | ({"quantity": "counts"} if one.counts else {})
    return Frame("image", Kind.IMAGE, 0, one.raw, axes, 0.0, 0.0, "simulated", facts)


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


def vacancies(count: int, dose: float) -> Iterator[tuple[Scene, np.ndarray]]:
    """Images of real crystals that lack 4 % of their strong columns, and (M, 2) where those were, Å."""
    known = crystals()
    for i in range(count):
        rng = np.random.default_rng([_SEED, 1, int(dose), i])
        columns = place(known[i % len(known)], rng.uniform(0, 2 * math.pi), rng.random(2), SIZE * 0.1 + 0.6, MARGIN_A)
        absent = (rng.random(len(columns.xy)) < 0.04) & (columns.weight > 0.5)
        one = scene(rng, SIZE, columns.take(~absent), dose)
        gone = columns.xy[absent]
        inside = np.all((gone > 1) & (gone < SIZE * 0.1 - 1), axis=1)
        yield one, gone[inside]


def filled(one: Scene, gone: np.ndarray, find: Callable[..., object]) -> int:
    """At how many of the vacancies a finder sees a column, closer than 0.5 Å."""
    xy = _read(one, find)
    return int((cKDTree(xy).query(gone)[0] < 0.5).sum()) if len(xy) and len(gone) else 0


def fitted(one: Scene, find: Callable[..., object]) -> Score:
    """Score of a finder's columns after the joint fit."""
    return score(one.xy * 0.1, one.hidden * 0.1, _read(one, find), one.image.shape[0] * 0.1)


def _read(one: Scene, find: Callable[..., object]) -> np.ndarray:
    """(N, 2) x, y of a finder's columns after the joint fit, Å."""
    columns, _ = find_columns(one.raw.astype(float), one.pixel_A, one.counts, lambda *_: one.sign, find)
    return to_canonical(columns.xy, one.pixel_A) * 0.1


def noise(net: ColumnNet, count: int = 24) -> float:
    """The highest value that the heat map reaches on pure noise, in views of 26 Å, and a tenth more."""
    top = 0.0
    for i in range(count):
        rng = np.random.default_rng([_SEED, 0, i])
        level = 10.0 ** rng.uniform(-2, 3)
        given = channels(rng.poisson(level, (256, 256)).astype(np.float32), level, 1)
        top = max(top, float(run(net, torch.from_numpy(given))[0].max()))
    return 1.1 * top


def chosen(net: ColumnNet, sets: list[Scene], ranges: tuple[tuple[str, float, float], ...]) -> Settings:
    """The threshold with the highest F1 before the fit; with it, the least significance with the highest F1 after it,
    on every third image."""
    threshold, _ = best_threshold(net, sets, np.arange(0.1, 0.75, 0.05))
    best, highest = Settings(threshold, max(threshold, noise(net)), ranges=ranges), -1.0
    for least in (0.0, 1.0, 2.0):
        trial = replace(best, least=least)
        find = NetworkFinder(net, trial)
        total = sum((fitted(one, find) for one in sets[::3]), NOTHING)
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
