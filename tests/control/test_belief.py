import numpy as np
import pytest

from matstudio.control.belief import Belief, Tracker
from matstudio.dynamics.annealing import Furnaces, uncertain

POWER = 0.505


def watched(n, spread, noise=0.01, steps=1000, seed=0):
    rng = np.random.default_rng(seed)
    kinds = uncertain(rng, n, spread)
    many, belief = Furnaces(n, kinds, rng=rng), Belief(n)
    for _ in range(steps):
        many.step(POWER)
        S, T = many.measured()
        belief.advance(0.25, T)
        belief.read(S, noise)
    return many, belief


def test_it_is_as_sure_as_it_should_be():
    many, belief = watched(200, 0.3)
    z = (belief.S - many.S) / belief.sigma_S
    assert 0.85 < z.std() < 1.2
    assert belief.sigma_S.mean() < 0.004  # of readings with 0.01
    k = (belief.kinetics - np.log(many.kinds.kinetics)) / np.sqrt(belief.var_k)
    assert 0.8 < k.std() < 1.25
    assert np.sqrt(belief.var_k).mean() < 0.2  # 0.3 before
    assert belief.surprise.mean() == pytest.approx(1.0, abs=0.1)


def test_a_false_model_surprises_it():
    many, belief = watched(20, 0.0, steps=400)
    for _ in range(240):
        belief.advance(0.25, many.measured()[1])
        belief.read(many.S + 0.1, 0.01)
    assert (belief.surprise > 4).all()


@pytest.mark.parametrize(("S", "sigma"), [(np.nan, 0.01), (0.3, np.nan), (0.3, 0.0), (np.inf, 0.01)])
def test_a_reading_that_is_none_changes_nothing(S, sigma):
    _, belief = watched(1, 0.0, steps=50)
    before = belief.S.copy(), belief.var_S.copy(), belief.kinetics.copy()
    belief.read(S, sigma)
    assert (belief.S, belief.var_S, belief.kinetics) == before
    assert Belief(1).var_S[0] == np.inf


def test_a_late_reading_counts_for_its_own_time():
    """The same readings, at once and 20 s late: both trackers end up believing the same."""
    rng = np.random.default_rng(3)
    furnace = Furnaces(1, rng=rng)
    prompt, late, waiting = Tracker(), Tracker(), []
    for second in range(300):
        for _ in range(4):
            furnace.step(POWER)
        S, T = (float(x[0]) for x in furnace.measured())
        for tracker in (prompt, late):
            tracker.process(float(second), {"temperature": T})
        if second % 3 == 0:
            prompt.order(float(second), S, 0.01)
            waiting.append((float(second), S))
        if waiting and waiting[0][0] <= second - 20:
            late.order(*waiting.pop(0), 0.01)
    for t, S in waiting:
        late.order(t, S, 0.01)
    assert float(late.belief.S[0]) == pytest.approx(float(prompt.belief.S[0]), abs=1e-9)
    assert float(late.belief.var_k[0]) == pytest.approx(float(prompt.belief.var_k[0]), rel=1e-6)
    assert prompt.before(100.4)["temperature"] > 500


def test_readings_too_close_or_too_old_are_left_out():
    tracker = Tracker()
    for t in range(300):
        tracker.process(float(t), {"temperature": 600.0})
    tracker.order(10.0, 0.5, 0.01)  # longer ago than is remembered
    assert tracker.read_at == -np.inf
    tracker.order(299.0, 0.1, 0.01)
    tracker.order(299.4, 0.9, 0.01)
    assert float(tracker.belief.S[0]) == pytest.approx(0.1, abs=0.01)
