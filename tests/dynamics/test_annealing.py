import math

import numpy as np
import pytest

from matstudio.dynamics.annealing import TARGET, Furnaces, Kinds, uncertain
from matstudio.dynamics.optimum import optimum
from matstudio.instruments.twin.plant import Plant


def test_without_noise_it_is_the_twin():
    plant = Plant(dt=0.25, noise=False, lags=False)
    many = Furnaces(3)
    for step in range(1400):
        plant.heater = power = 0.52 if step < 1300 else 0.1
        plant.step()
        many.step(power)
    np.testing.assert_allclose(many.S, plant.S, rtol=1e-9)
    np.testing.assert_allclose(many.T, plant.T, rtol=1e-12)


def test_dead_time_and_lag_are_each_furnace_s_own():
    kinds = Kinds(delay_s=np.array([1.0, 3.0]), lag_s=1.0, noise_K=0.0)
    many = Furnaces(2, kinds, rng=np.random.default_rng(0))
    risen = np.full(2, np.nan)
    for _ in range(20):
        many.step(1.0)
        risen = np.where(np.isnan(risen) & (many.T > 300.0), many.t, risen)
    assert risen == pytest.approx([1.25, 3.25])
    assert (many.sensor_K < many.T).all()


def test_pressure_and_composition_follow_their_setpoints():
    many = Furnaces(1)
    many.pressure_setpoint[:], many.composition_setpoint[:] = 1.0, 0.26
    for _ in range(1200):
        many.step(0.0)
    assert float(many.P[0]) == pytest.approx(1.0, abs=1e-3)
    assert float(many.c[0]) == pytest.approx(0.26, abs=1e-4)


def test_the_optimum_rolled_out_takes_what_was_published():
    best = optimum(shape=(91, 71))
    many = Furnaces(1)
    while math.isnan(many.done_s[0]) and many.t < 400:
        many.step(best.at(many.S, many.T, heater=True))
    assert float(many.done_s[0]) == pytest.approx(303.75, abs=1.0)  # 302.22 s without the furnace's first-order step
    assert float(best.at(TARGET, 500.0)) == pytest.approx(0.0, abs=1e-6)
    assert float(best.at(0.05, 300.0)) > float(best.at(0.5, 620.0))


def test_pressure_does_not_help_and_gold_does():
    def least(**more):
        best = optimum(shape=(61, 46), **more)
        many = Furnaces(1, Kinds(c=more.get("c", 0.25)))
        many.P[:] = many.pressure_setpoint[:] = more.get("P", 0.0)
        while math.isnan(many.done_s[0]) and many.t < 500:
            many.step(best.at(many.S, many.T, heater=True))
        return float(many.done_s[0])

    usual = least()
    assert least(P=1.0) > 1.1 * usual
    assert least(c=0.26) < 0.6 * usual


def test_uncertain_furnaces_differ_as_they_should():
    kinds = uncertain(np.random.default_rng(1), 20_000, 0.2)
    assert np.log(kinds.kinetics).std() == pytest.approx(0.2, rel=0.03)
    assert np.std(kinds.gain) == pytest.approx(0.02, rel=0.03)


def test_equals_the_reference(eval_data):
    import importlib.util

    spec = importlib.util.spec_from_file_location("twin_reference", eval_data / "twin_reference.py")
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    theirs = reference.Sim(reference.Twin(), 2, dt=0.25, noise=False)
    ours = Furnaces(2)
    for power in np.random.default_rng(0).uniform(0.3, 0.7, 1200):
        theirs.step(power)
        ours.step(power)
    np.testing.assert_allclose(ours.S, theirs.S, rtol=1e-9)
    np.testing.assert_allclose(ours.T, theirs.T, rtol=1e-12)
