import importlib.util

import numpy as np
import pytest

from matstudio.dynamics.ordering import K_B_EV, OrderingModel, greatest_order

MODEL = OrderingModel()


@pytest.fixture(scope="module")
def reference(eval_data):
    spec = importlib.util.spec_from_file_location("twin_reference", eval_data / "twin_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def points(seed=0, n=400):
    rng = np.random.default_rng(seed)
    return rng.uniform(0.01, 0.99, n), rng.uniform(300, 900, n), rng.uniform(0, 2, n)


def test_the_three_measured_facts_come_out():
    assert MODEL.free_energy(0.8, 663.0) == pytest.approx(0.0, abs=1e-9)
    assert MODEL.dF(0.8, 663.0) == pytest.approx(0.0, abs=1e-6)
    assert MODEL.ddF(0.0, 638.0) == pytest.approx(0.0, abs=1e-4)
    s = np.linspace(0.001, 0.999, 2000)
    assert s[np.argmin(MODEL.free_energy(s, 655.0))] > 0.8
    assert s[np.argmin(MODEL.free_energy(s, 671.0))] < 0.01


def test_derivatives_belong_to_the_free_energy():
    s, t, p = points()
    c, h = 0.24, 1e-5
    s = np.clip(s, 0.02, 0.94)
    k = 1e3 * K_B_EV
    slope = (MODEL.free_energy(s + h, t, p, c) - MODEL.free_energy(s - h, t, p, c)) / (2 * h) / k
    np.testing.assert_allclose(MODEL.dF(s, t, p, c), slope, rtol=1e-5, atol=1e-3)
    curvature = (MODEL.dF(s + h, t, p, c) - MODEL.dF(s - h, t, p, c)) / (2 * h)
    np.testing.assert_allclose(MODEL.ddF(s, t, p, c), curvature, rtol=1e-5, atol=1e-2)


def test_pressure_shifts_the_transition_and_slows():
    s = np.linspace(0.001, 0.999, 2000)
    assert s[np.argmin(MODEL.free_energy(s, 663.0 + 21.0 - 2, 1.0))] > 0.75
    assert s[np.argmin(MODEL.free_energy(s, 663.0 + 21.0 + 2, 1.0))] < 0.01
    assert MODEL.gamma(638.0) == pytest.approx(1 / 1.5)
    assert MODEL.gamma(638.0, 1.0) / MODEL.gamma(638.0) == pytest.approx(np.exp(-0.0705 / (K_B_EV * 638.0)))


def test_a_step_never_climbs_and_never_beats_the_rate():
    s, t, p = points(1)
    for dt in (0.05, 0.25, 5.0):
        after = np.clip(MODEL.step(s, t, dt, p), 1e-4, 0.9999)
        small = dt * MODEL.gamma(t, p) < 0.2
        assert (MODEL.free_energy(after, t, p) <= MODEL.free_energy(s, t, p) + 1e-9)[small].all()
        assert (np.abs(after - s) <= dt * np.abs(MODEL.rate(s, t, p)) + 1e-12).all()


def test_noise_enters_damped():
    quiet, loud = MODEL.step(0.9, 650.0, 0.05), MODEL.step(0.9, 650.0, 0.05, kick=0.01)
    assert 0 < loud - quiet < 0.01 * np.sqrt(2 * MODEL.gamma(650.0) * 0.05)


def test_greatest_order():
    assert [greatest_order(c) for c in (0.15, 0.25, 0.35)] == pytest.approx([0.6, 1.0, 0.65 / 0.75])


def test_equals_the_reference(reference):
    s, t, p = points(2)
    for c in (0.2, 0.25, 0.3):
        twin = reference.Twin(c=c)
        np.testing.assert_allclose(MODEL.free_energy(s, t, p, c), twin.F(s, t, p), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(MODEL.dF(s, t, p, c), twin.dF(s, t, p), rtol=1e-9, atol=1e-8)
        np.testing.assert_allclose(MODEL.ddF(s, t, p, c), twin.ddF(s, t, p), rtol=1e-9)
        np.testing.assert_allclose(MODEL.gamma(t, p), twin.gamma(t, p), rtol=1e-12)
        np.testing.assert_allclose(MODEL.rate(s, t, p, c), twin.rate(s, t, p), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(MODEL.step(s, t, 0.25), reference.Twin().adv(s, t, 0.25), rtol=1e-10)
