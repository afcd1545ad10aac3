"""The bench of dislocations: the field around one, and that invented columns and bias are counted as they are."""

from __future__ import annotations

import numpy as np
import pytest

from matstudio.bench import dislocation
from matstudio.domain.estimate import Estimate, Model
from matstudio.domain.frame import Frame


def test_around_the_core_the_crystal_is_displaced_by_one_burgers_vector():
    burgers, core = np.array([1.2, 1.6]), np.array([3.0, 4.0])
    angle = np.linspace(-np.pi, np.pi, 400)[1:-1] + np.arctan2(burgers[1], burgers[0])
    ring = core + 5.0 * np.stack([np.cos(angle), np.sin(angle)], 1)
    moved = dislocation.edge(ring, core, burgers)
    assert moved[-1] - moved[0] == pytest.approx(burgers, abs=0.05)
    assert np.abs(np.diff(moved, axis=0)).max() < 0.05


class Teller:
    """Tells the columns that are there, `shift` Å to the right, and some more."""

    checksum = version = "0"

    def __init__(self, name: str, xy: np.ndarray, shift: float, more: list[np.ndarray]) -> None:
        self.name = name
        at = np.concatenate([xy + np.array([10 * shift, 0]), *[10 * m[None] for m in more]])
        self.arrays = {"columns": at, "columns_sigma": np.full(at.shape, 1.0)}

    def __call__(self, frame: Frame) -> Estimate:
        return Estimate(frame.stream, 0, 0.0, Model(self.name, "0", "0"), {}, self.arrays)


def test_what_the_model_adds_is_told_from_what_the_finder_does(monkeypatch):
    one, core = next(dislocation.scenes(1))
    monkeypatch.setattr(dislocation, "scenes", lambda count: iter([(one, core)]))
    monkeypatch.setattr(dislocation, "_DRAWS", 3)
    true = one.xy * 0.1
    free = core + np.array([(a, b) for a in np.linspace(-3, 3, 25) for b in np.linspace(-3, 3, 25)])
    away = np.hypot(*(free[:, None] - true[None]).transpose(2, 0, 1)).min(1)
    first = free[away > 0.8][0]
    second = next(f for f in free[away > 0.8] if np.hypot(*(f - first)) > 1.0)
    finder = Teller("finder", one.xy, 0.03, [first])
    model = Teller("model", one.xy, 0.08, [first, second])
    rows = {r.id.removeprefix("dislocation-"): r.value for r in dislocation.dislocations(model, finder, 1)}
    near = int((np.hypot(*(true - core).T) < 6).sum())
    assert rows["model-invented"] == pytest.approx(200 / (near + 2), rel=0.2)
    assert rows["finder-invented"] == pytest.approx(rows["model-invented"] / 2, rel=0.1)
    assert rows["added-invented"] == pytest.approx(rows["model-invented"] / 2, rel=0.01)
    # of errors of 0.1 Å along either axis
    assert rows["model-bias"] == pytest.approx(0.8 / 2**0.5, rel=0.01)
    assert rows["finder-bias"] == pytest.approx(0.3 / 2**0.5, rel=0.01)
    assert rows["added-bias"] == pytest.approx(0.5 / 2**0.5, rel=0.01)
