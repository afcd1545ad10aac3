"""The policy's bench: rivals do what they are said to do, and one that does nothing fails."""

import numpy as np
import pytest

from matstudio.bench import control_policy
from matstudio.bench.anneal_rivals import OrderPID, Predictive, constant, ramp, searched
from matstudio.dynamics.optimum import optimum
from matstudio.training import annealing
from matstudio.training.annealing import anneal


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(annealing, "LATE_S", 700.0)


def test_one_that_does_nothing_fails():
    made = anneal(constant(300.0), 3, 1)
    rows = control_policy._rows("policy x", "noise", made, 302.0, 1.1)
    assert [r.passed for r in rows] == [False, True, False]


def test_rivals_order_and_the_predictive_one_is_the_quickest():
    best = optimum(shape=(121, 91))
    quick = anneal(Predictive(best), 16, 1).done_s.mean()
    others = [
        anneal(c, 16, 1).done_s for c in (ramp(649.5, 611.9, 328.3), OrderPID(0.44, 1329.0, 0.76, 0.963, cascade=True))
    ]
    assert best.follow(0.05, 300.0) < quick < min(np.nanmean(d) for d in others)


def test_a_search_finds_a_better_one():
    low, high = np.array([600.0]), np.array([625.0])
    settings, least = searched(constant, low, high, 1, rounds=2, tries=8, n=4)
    assert 605 < settings[0] < 620
    assert least < 520 < anneal(constant(604.0), 4, 1).done_s.mean()
