"""The honest checks. N = 1e6 and 5,000 steps is `matstudio bench dynamics --full`; here fewer, same sigmas."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest

from matstudio.dynamics.ensemble import free_energy, law_p_value, populations
from matstudio.dynamics.fokker_planck import evolve
from matstudio.dynamics.langevin import euler_mean_energy
from matstudio.dynamics.selfassembly import Problem, Result, halved, run
from matstudio.dynamics.wells import DOUBLE_WELL, Boltzmann, Polynomial

LAW = Boltzmann(DOUBLE_WELL, 0.045)
N, STEPS, DT = 100_000, 1250, 4e-3


@pytest.fixture(scope="module")
def relaxed() -> Result:
    return run(Problem(N, STEPS, DT, seed=1, every=50), time.process_time)


@pytest.fixture(scope="module")
def left() -> Result:
    return run(Problem(N, STEPS, DT, seed=2, start="left", every=125), time.process_time)


def test_the_mean_energy_is_the_exact_one(relaxed: Result):
    last = relaxed.mean_energy[-1]
    bias = euler_mean_energy(LAW, DT) - LAW.mean_energy
    assert abs(last.value - LAW.mean_energy) < 4 * last.error + bias
    assert last.error < 1.2e-4
    assert relaxed.mean_energy[0].value > last.value  # all that can be said of it: see below


def test_the_mean_energy_is_not_monotone_and_rises_from_the_wells():
    few = run(Problem(2000, 1500, DT, every=5), time.process_time)
    rises = np.diff([v.value for v in few.mean_energy[100:]]) > 0
    assert 0.35 < rises.mean() < 0.65
    wells = run(Problem(20_000, 500, DT, start="wells", every=50), time.process_time)
    assert wells.mean_energy[0].value == pytest.approx(-0.25, abs=1e-6)
    assert wells.mean_energy[-1].value > -0.25 + 20 * wells.mean_energy[-1].error
    assert wells.decreases
    assert math.isnan(wells.free_energy[0].value)  # at points it is infinite


def test_the_free_energy_falls_to_its_least_value(relaxed: Result):
    assert relaxed.decreases
    last = relaxed.free_energy[-1]
    assert abs(last.value - LAW.free_energy) < 4 * last.error + 2e-5
    assert last.error < 2e-5
    exact = evolve(LAW, "normal", relaxed.t).free_energy
    z = [(v.value - e) / v.error for v, e in zip(relaxed.free_energy[4:], exact[4:], strict=True)]
    assert np.max(np.abs(z)) < 5.0


def test_a_free_energy_that_rises_is_told():
    made = run(Problem(5000, 200, DT, every=50), time.process_time)
    assert made.decreases
    backwards = replace(made, free_energy=made.free_energy[::-1])
    assert not backwards.decreases


def test_the_law_within_each_well(relaxed: Result, left: Result):
    assert law_p_value(relaxed.x[-1], LAW) > 1e-3
    assert law_p_value(left.x[-1], LAW) > 1e-3
    assert law_p_value(relaxed.x[-1] * 1.02, LAW) < 1e-6
    tilted = Problem(40_000, 1000, DT, energy=Polynomial((0, 0.05, -1, 0, 1)), start="left", seed=4)
    last = run(tilted, time.process_time).x[-1]
    assert law_p_value(last[last < 0], tilted.law) > 1e-3
    assert law_p_value(1.03 * last[last < 0], tilted.law) < 1e-6


def test_populations_follow_the_fokker_planck_equation_not_equilibrium(left: Result):
    exact = evolve(LAW, "left", left.t).part(0.0, 9.0)
    for row, p in zip(left.x[2:], exact[2:], strict=True):
        found = populations(row, LAW)[1]
        assert abs(found - p) < 4 * math.sqrt(p * (1 - p) / N)
    assert 0.004 < exact[-1] < 0.01
    kramers = (1 - math.exp(-2 * LAW.hops_per_time() * 5)) / 2
    assert exact[-1] < kramers < 1.5 * exact[-1]


def test_the_fokker_planck_equation_on_the_grid():
    law = Boltzmann(Polynomial((0, 0, 2.0)), 0.1)  # Ornstein-Uhlenbeck: from N(0, 1), var = .025 + .975 exp(-8 t)
    t = np.array([0.0, 0.1, 0.5, 2.0])
    e = evolve(law, "normal", t)
    var = (e.p * e.x**2).sum(1) * (e.x[1] - e.x[0])
    np.testing.assert_allclose(var, 0.025 + 0.975 * np.exp(-8 * t), rtol=2e-3)
    assert (np.diff(e.free_energy) < 0).all()
    assert e.free_energy[-1] == pytest.approx(law.free_energy, abs=1e-5)
    middle = np.abs(e.x) < 0.3
    np.testing.assert_allclose(e.score()[-1][middle], law.score(e.x[middle]), atol=0.05)


def test_the_free_energy_of_samples_is_that_of_their_law_within_its_error():
    rng = np.random.default_rng(5)
    z = [free_energy(np.interp(rng.random(20_000), LAW.cdf(LAW.x), LAW.x), LAW) for _ in range(25)]
    values = np.array([v.value for v in z])
    assert abs(values.mean() - LAW.free_energy) < 2e-5
    assert 0.6 < values.std() / np.mean([v.error for v in z]) < 1.5


def test_the_same_seed_gives_the_same_trajectory():
    a, b = (run(Problem(9000, 20, seed=3, every=20), time.process_time) for _ in range(2))
    np.testing.assert_array_equal(a.x, b.x)
    c = run(Problem(9000, 20, seed=4, every=20), time.process_time)
    assert not np.array_equal(a.x, c.x)
    np.testing.assert_array_equal(run(halved(Problem(100, 20, every=20)), time.process_time).t, [0.0, 0.02])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"n": 3}, "n 3"),
        ({"steps": 0}, "steps 0"),
        ({"dt": 0.0}, "dt 0"),
        ({"diffusion": float("nan")}, "diffusion nan"),
    ],
)
def test_wrong_numbers_are_refused(wrong: dict, says: str):
    with pytest.raises(ValueError, match=says):
        Problem(**wrong)


def test_particles_that_go_astray_are_told():
    with pytest.raises(ValueError, match="too large a step"):
        run(Problem(50, 100, 0.1, energy=Polynomial((0, 0, -1, 0, 100))), time.process_time)
