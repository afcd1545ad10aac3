"""What a lattice as prior knowledge does at the core of a dislocation, where it must not be believed; part of
`matstudio bench image`."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.spatial import cKDTree

from matstudio.bench.rows import Row
from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.modalities.base import Inverse
from matstudio.training import validation
from matstudio.training.crystals import Columns, Crystal, place
from matstudio.training.scenes import MARGIN_A, Scene, scene

INVENTED, BIAS = 0.01, 0.5
_DOSE = 1e4
_SIZE = 224  # canonical pixels of 0.1 Å
_DRAWS = 8  # of the noise of each scene
_NEAR_A, _SAME_A = 6.0, 0.5
_POISSON = 0.3  # ratio of elastic contraction to extension


def edge(xy: np.ndarray, core: np.ndarray, burgers: np.ndarray) -> np.ndarray:
    """Displacement (N, 2) around an edge dislocation, isotropic (Hirth and Lothe, Theory of Dislocations, eq. 3-45).

    Args:
        xy: (N, 2) places in the perfect crystal, Å. core: (2,) of the dislocation. burgers: (2,) a lattice vector.
    """
    length = float(np.hypot(*burgers))
    along = burgers / length
    across = np.array([-along[1], along[0]])
    x, y = (xy - core) @ along, (xy - core) @ across
    square = np.maximum(x**2 + y**2, (0.25 * length) ** 2)
    inner = 2 * (1 - _POISSON)
    u = length / (2 * math.pi) * (np.arctan2(y, x) + x * y / (inner * square))
    v = -length / (2 * math.pi) / (2 * inner) * ((1 - 2 * _POISSON) * np.log(square) + (x**2 - y**2) / square)
    return np.asarray(u[:, None] * along + (v - v.mean())[:, None] * across)


def scenes(count: int) -> Iterator[tuple[Scene, np.ndarray]]:
    """Counted images of crystals with an edge dislocation in their middle, and (2,) where its core is, Å."""
    known: list[Crystal] = [c for c in validation.crystals() if len(c.weight) == 1]
    seed = 0
    for i in range(count):
        what = known[i % len(known)]
        while True:
            rng = np.random.default_rng([900_001, 7, seed])
            seed += 1
            whole = place(what, rng.uniform(0, 2 * math.pi), rng.random(2), _SIZE * 0.1 + 8, MARGIN_A + 4)
            xy = whole.xy - 4.0
            core = np.full(2, _SIZE * 0.05) + rng.uniform(-1, 1, 2)
            near = xy - xy[np.argmin(np.hypot(*(xy - core).T))]
            burgers = near[np.argsort(np.hypot(*near.T))[1]]
            xy = xy + edge(xy, core, burgers)
            inside = np.all((xy > -MARGIN_A) & (xy < _SIZE * 0.1 + 0.6 + MARGIN_A), axis=1)
            one = scene(rng, _SIZE, Columns(xy, whole.weight, whole.kind).take(inside), _DOSE)
            if one.counts:
                break
        yield one, core


def dislocations(model: Inverse, finder: Inverse, count: int = 12) -> list[Row]:
    """Near the cores: columns drawn where there are none, and bias, over the error that a column by itself has: of the
    model, of the finder, and what the one adds to the other."""
    rows = []
    drawn, invented, bias, alone = np.zeros(2, int), np.zeros(3, int), np.zeros(3), 0.0
    for one, core in scenes(count):
        true, all_ = one.xy * 0.1, np.concatenate([one.xy, one.hidden]) * 0.1
        true = true[np.hypot(*(true - core).T) < _NEAR_A]
        error, sigma = np.full((2, 2, _DRAWS, len(true), 2), np.nan)
        for k in range(_DRAWS):
            frame = _frame(one, np.random.default_rng([11, k]))
            false: list[np.ndarray] = []
            for which, reader in enumerate((model, finder)):
                arrays = reader(frame).arrays
                xy = np.asarray(arrays["columns"]) * 0.1
                here = xy[np.hypot(*(xy - core).T) < _NEAR_A]
                if not (len(here) and len(true)):
                    continue
                drawn[which] += len(here)
                false.append(here[cKDTree(all_).query(here)[0] > _SAME_A])
                invented[which] += len(false[-1])
                away, i = cKDTree(xy).query(true)
                found = away < _SAME_A
                error[which, k, found] = (xy[i] - true)[found]
                sigma[which, k, found] = np.asarray(arrays["columns_sigma"])[i[found]] * 0.1
            if len(false) == 2 and len(false[0]):
                known = cKDTree(false[1]).query(false[0])[0] if len(false[1]) else np.full(len(false[0]), np.inf)
                invented[2] += int((known > _SAME_A).sum())
        number = np.isfinite(error[..., 0]).sum(1)  # of draws in which each column was found
        often = (number > _DRAWS / 2).all(0)
        error = np.concatenate([error, error[:1] - error[1:]])[:, :, often]
        noise = np.nanvar(error, axis=1, ddof=1) / np.isfinite(error[..., 0]).sum(1)[:, :, None]
        bias += (np.nanmean(error, axis=1) ** 2 - noise).sum((1, 2))
        alone += float(np.nanmean(sigma[1, :, often] ** 2, axis=1).sum())
    for which, name in enumerate((model.name, finder.name, f"{model.name} beyond {finder.name}")):
        what = f"{name}, {count} crystals with an edge dislocation at 1e4 e/Å², within {_NEAR_A:g} Å of the core"
        share = invented[which] / max(drawn[which % 2], 1)
        ratio = math.sqrt(max(bias[which], 0.0) / alone) if alone else math.nan
        must = ("<=", 1.0) if which == 0 else None
        text = f"{what}: of {drawn[which % 2]} columns drawn where none is"
        id_ = f"dislocation-{('model', 'finder', 'added')[which]}"
        rows += [
            Row(f"{id_}-invented", text, 100 * share, "%", f"{100 * INVENTED:g}", share / INVENTED, must),
            Row(f"{id_}-bias", f"{what}: bias over a column's own error", ratio, "1", f"{BIAS:g}", ratio / BIAS, must),
        ]
    return rows


def _frame(one: Scene, rng: np.random.Generator) -> Frame:
    """Another draw of the scene's noise, with pixels of 0.1 Å."""
    data = rng.poisson(np.maximum(one.clean, 0)).astype(np.uint32)
    axes = tuple(Axis(name, "Å", 0.1, 0.0, size) for name, size in zip("yx", data.shape, strict=True))
    facts = {"polarity": one.sign, "quantity": "counts"}
    return Frame("image", Kind.IMAGE, 0, data, axes, 0.0, 0.0, "simulated", facts)
