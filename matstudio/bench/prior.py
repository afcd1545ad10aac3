"""What a lattice as prior knowledge does for columns, and whether it invents any; part of `matstudio bench image`.

On images of own simulation of crystals that were not trained on: perfect but for vacancies, so that the truth is known.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from matstudio.bench.rows import Row
from matstudio.modalities.base import Inverse
from matstudio.modalities.image.canonical import to_canonical
from matstudio.training import validation

COUNT = 26
DOSES = (1e3, 1e4, 1e5)
GAIN_AIM, RECALL, INVENTED = 0.5, 0.9, 0.01
_NEAR_A = 0.5
_CLEAR = 0.8


def prior(model: Inverse, finder: Inverse, count: int = COUNT) -> list[Row]:
    """Error over that of the column finder alone, on the same columns; vacancies told, and columns drawn at them."""
    rows = []
    for dose in DOSES:
        square, gone_, told, drawn, before, columns = np.zeros(2), 0, 0, 0, 0, 0
        clear, clearly, false = 0, 0, 0
        for one, gone in validation.vacancies(count, dose):
            (ours, absent), (other, _) = (_read(one, m) for m in (model, finder))
            true = one.xy * 0.1
            square += _both(true, ours, other)
            gone_, columns = gone_ + len(gone), columns + len(ours)
            told += _near(absent, gone)
            if _near(ours, true) >= _CLEAR * len(true):
                clear, clearly = clear + len(gone), clearly + _near(absent, gone)
            drawn, before = drawn + _near(ours, gone), before + _near(other, gone)
            inner = absent[np.all((absent > 1) & (absent < one.image.shape[0] * 0.1 - 1), axis=1)]
            false += len(inner) - _near(gone, inner)
        tag = f"{dose:.0e}".replace("e+0", "e")
        what = f"{model.name} at {tag} e/Å², {count} crystals of own simulation"
        gain = float(np.sqrt(square[0] / max(square[1], 1e-12)))
        aim = ("<=", 1.0) if dose == 1e3 else None
        recall, share = told / max(gone_, 1), drawn / max(columns, 1)
        rows += [
            Row(
                f"prior-{tag}-rms",
                f"{what}: RMS error over {finder.name}'s",
                gain,
                "1",
                f"{GAIN_AIM:g}",
                gain / GAIN_AIM,
                None,
                aim,
            ),
            Row(
                f"prior-{tag}-vacancies",
                f"{what}: of {gone_} vacancies told",
                recall,
                "1",
                f"{RECALL:g}",
                recall / RECALL,
                (">=", 1.0) if dose == 1e4 else None,
            ),
            Row(
                f"prior-{tag}-vacancies-clear",
                f"{what}: of {clear} vacancies in images in which {100 * _CLEAR:g} % of the columns are found",
                clearly / max(clear, 1),
                "1",
                "",
                0.0,
                None,
            ),
            Row(f"prior-{tag}-filled", f"{what}: columns drawn at vacancies", drawn, "columns", "", 0.0, None),
            Row(f"prior-{tag}-before", f"{what}: drawn there by {finder.name}", before, "columns", "", 0.0, None),
            Row(
                f"prior-{tag}-invented",
                f"{what}: of {columns} columns drawn at a vacancy",
                100 * share,
                "%",
                f"{100 * INVENTED:g}",
                share / INVENTED,
                ("<=", 1.0),
            ),
            Row(f"prior-{tag}-false", f"{what}: vacancies told where none is", false, "vacancies", "", 0.0, None),
        ]
    return rows


def _both(true: np.ndarray, ours: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Sums of squared errors of those columns that both found, Å^2."""
    if not (len(true) and len(ours) and len(other)):
        return np.zeros(2)
    (a, _), (b, _) = (cKDTree(xy).query(true) for xy in (ours, other))
    good = (a < _NEAR_A) & (b < _NEAR_A)
    return np.array([float((a[good] ** 2).sum()), float((b[good] ** 2).sum())])


def _near(xy: np.ndarray, places: np.ndarray) -> int:
    return int((cKDTree(xy).query(places)[0] < _NEAR_A).sum()) if len(xy) and len(places) else 0


def _read(one: validation.Scene, model: Inverse) -> tuple[np.ndarray, np.ndarray]:
    """Columns and vacancies, (N, 2) Å."""
    arrays = model(validation.frame(one)).arrays
    both = (np.asarray(arrays.get(n, np.zeros((0, 2)))).reshape(-1, 2) for n in ("columns", "vacancies"))
    columns, absent = (to_canonical(xy, one.pixel_A) * 0.1 for xy in both)
    return columns, absent
