import time

import numpy as np
import pytest

from matstudio.dynamics.score import Learned, divergence, learn, train
from matstudio.dynamics.selfassembly import Problem, run


@pytest.fixture(scope="module")
def learned() -> Learned:
    return learn(run(Problem(65_536, 2500, 2e-3, seed=3, every=12), time.process_time))


def test_the_score_is_that_of_the_law(learned: Learned):
    late = learned.score.t >= 0.5
    assert learned.error[late].max() <= 0.05
    assert learned.error[-1] <= 0.03


def test_the_flow_has_the_marginals_of_the_trajectory(learned: Learned):
    assert learned.kl.max() <= 0.02
    assert np.isfinite(learned.flow).all()


def test_the_landscape_has_its_barrier(learned: Learned):
    assert learned.barriers_exact == pytest.approx([0.25], abs=1e-6)
    assert learned.barriers == pytest.approx(learned.barriers_exact, rel=0.05)
    assert learned.score.landscape(0.045, 5.0).min() == 0.0


def test_the_score_of_a_normal_law():
    rng = np.random.default_rng(0)
    rows = 0.5 * rng.standard_normal((5, 60_000)).astype(np.float32)
    score = train(rows, np.arange(5.0))
    x = np.linspace(-0.8, 0.8, 9)
    np.testing.assert_allclose(score.at(x, 4.0), -x / 0.25, atol=0.2)
    np.testing.assert_allclose(score.at(x, 1.5), -x / 0.25, atol=0.2)


def test_the_divergence_of_two_laws():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 50_000))
    assert abs(divergence(a, b)) < 1e-3
    assert divergence(1 + a, b) == pytest.approx(0.5, abs=0.05)


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="at least 5"):
        learn(run(Problem(100, 4, every=4), time.process_time))
