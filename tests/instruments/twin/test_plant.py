import importlib.util

import numpy as np
import pytest

from matstudio.dynamics.ordering import OrderingModel
from matstudio.instruments.twin.plant import DRIFT_MOST_A, PRESSURE, Plant


def quiet(dt=0.25, **state):
    return Plant(dt=dt, noise=False, lags=False, **state)


def schedule(seed, n=1600):
    """Random powers, each held for some seconds."""
    rng = np.random.default_rng(seed)
    return np.repeat(rng.uniform(0, 1, n // 20), 20) * rng.choice([1.0, 1.0, 0.9, 0.0], n // 20).repeat(20)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_agrees_with_the_reference_step_by_step(eval_data, seed):
    spec = importlib.util.spec_from_file_location("twin_reference", eval_data / "twin_reference.py")
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    sim, plant = reference.Sim(reference.Twin(), 1, dt=0.25, noise=False), quiet()
    powers = schedule(seed)
    if seed == 3:
        powers[:] = 1.0  # into the interlock
    for power in powers:
        sim.step(power)
        plant.heater = power
        plant.step()
        state = [plant.S, plant.T, plant.measured_K]
        assert state == pytest.approx([sim.S[0], sim.T[0], sim.Tm[0]], rel=1e-6, abs=0)
    assert plant.t == pytest.approx(sim.t)
    if seed == 3:
        assert sim.over[0] > 900


def test_follows_the_equations_that_it_states():
    """Without the reference: S against an integration of the same rate in steps a hundred times finer."""
    model = OrderingModel()
    plant = quiet(S=0.3, T=640.0, heater=0.52)
    plant.step()
    plant.S, plant.T = s, t = 0.3, 640.0
    for _ in range(200):
        plant.step()
        for _ in range(100):
            s, t = s + 0.0025 * float(model.rate(s, t)), t + 0.0025 * (300 + 650 * 0.52 - t) / 60
    assert abs(plant.T - t) < 0.2
    assert abs(plant.S - s) < 0.012
    assert s > 0.6


def test_never_climbs_the_free_energy_without_noise():
    plant = quiet(S=0.3, T=640.0, heater=(640.0 - 300.0) / 650.0)
    plant.step()
    plant.T = 640.0
    before = plant.free_energy
    for _ in range(400):
        plant.step()
        assert plant.free_energy <= before + 1e-12
        before = plant.free_energy
    assert plant.S > 0.85
    assert abs(plant.T - 640.0) < 1.5


def test_the_interlock_holds_and_lets_go():
    plant = quiet(heater=1.0)
    for _ in range(4000):
        plant.step()
        assert plant.T < 903
    assert plant.T > 897
    plant.T = 901.0
    assert plant.power == 0.0
    plant.T = 899.0
    assert plant.power == 1.0


def test_delay_and_sensor_lag():
    plant = Plant(noise=False, heater=1.0)
    while plant.T <= 300.0:
        plant.step()
    assert plant.t == pytest.approx(2.05, abs=1e-9)
    plant = Plant(noise=False, T=500.0)
    plant.sensor_K = 300.0
    for _ in range(30):
        plant.step()
    assert plant.measured_K == pytest.approx(300 + 200 * (1 - np.exp(-1)), abs=3)


def test_pressure_and_composition_follow_at_their_rate():
    plant = Plant(noise=False, pressure_setpoint=1.0, composition_setpoint=0.3)
    for _ in range(200):
        plant.step()
    assert (plant.P, plant.c) == pytest.approx((0.2, 0.26), abs=1e-6)
    for _ in range(4000):
        plant.step()
    assert (plant.P, plant.c) == pytest.approx((1.0, 0.3), abs=2e-3)
    assert PRESSURE.high == 2.0


def test_order_stays_within_what_the_composition_allows():
    plant = Plant(noise=False, S=0.95, T=600.0, composition_setpoint=0.35)
    for _ in range(6000):
        plant.step()
    assert (1 - plant.c) / 0.75 - plant.S > 0
    assert abs(plant.S - 0.8667) < 1e-3


def test_noise_is_seeded_and_as_large_as_stated():
    def run(seed):
        plant = Plant(seed=seed)
        rows = []
        for _ in range(4000):
            plant.step()
            rows.append((plant.S, plant.measured_K, plant.measured_P, *plant.drift_A))
        return np.array(rows)

    first = run(0)
    np.testing.assert_array_equal(first, run(0))
    assert (first != run(1)).any(0).all()
    assert first[:, 1].std() == pytest.approx(0.3, rel=0.1)
    assert np.abs(first[:, 3:]).max() <= DRIFT_MOST_A
    assert np.ptp(first[:, 3:], axis=0).min() > 0.3
    assert np.abs(np.diff(first[:, 3:], axis=0)).max() < 0.2


def test_dose_adds_up():
    plant = Plant(dose_rate=10.0)
    for _ in range(100):
        plant.step()
    assert plant.dose == pytest.approx(50.0)
