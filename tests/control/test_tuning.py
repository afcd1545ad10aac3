"""Plants, robustness and tunings: against published figures, and the simulation that the controller itself makes."""

import math
from dataclasses import replace

import numpy as np
import pytest

from matstudio.bench.control_pid import IDS, PLANTS, iae, overshoot
from matstudio.control import tuning
from matstudio.control.pid import Tuning
from matstudio.control.plants import Plant, peak
from matstudio.control.responses import LoadStep, Sampled, after_load

LAG, INTEGRATOR = Plant(2.0, (10.0,), 1.5), Plant(0.5, (), 2.0, integrating=True)


def test_response_is_that_of_the_transfer_function():
    w = np.array([0.01, 0.3, 2.0])
    s = 1j * w
    assert Plant(3.0, (2.0, 5.0), 0.7).response(w) == pytest.approx(3 * np.exp(-0.7 * s) / (1 + 2 * s) / (1 + 5 * s))
    assert INTEGRATOR.response(w) == pytest.approx(0.5 * np.exp(-2 * s) / s)


def test_peak_against_published_figures():
    """Skogestad 2003, table 2: Ms 1.59 of a lag with dead time, 1.70 of an integrator, both with tau_c = dead time."""
    assert peak(LAG, tuning.simc(LAG, 1.5)) == pytest.approx(1.59, abs=0.01)
    assert peak(INTEGRATOR, tuning.simc(INTEGRATOR, 2.0)) == pytest.approx(1.70, abs=0.01)
    assert peak(Plant(1.0, (1.0,), 0.0), Tuning(5.0, 1.0, 0.0, 1.0)) == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize("plant", [LAG, INTEGRATOR, Plant(1.0, (1.0,) * 4, 0.0)])
def test_an_unstable_loop_has_an_infinite_peak(plant):
    """At the edge of stability that the simulation shows too."""
    base = tuning.robust(plant, lambda closed: tuning.simc(plant, closed))
    for factor in (1.0, 2.0, 8.0):
        louder = replace(base, gain=factor * base.gain)
        _, y = after_load(plant, louder, 1.0, 60 * plant.dominant, 6000)
        grows = np.abs(y[-2000:]).max() > 0.5 * np.abs(y).max()
        assert math.isinf(peak(plant, louder)) == grows
    assert math.isinf(peak(plant, replace(base, gain=8 * base.gain)))


def test_no_process_of_wrong_numbers():
    for bad in ((0.0, (1.0,), 1.0), (1.0, (-1.0,), 1.0), (1.0, (1.0,), -1.0), (1.0, (), 1.0), (math.nan, (1.0,), 0.0)):
        with pytest.raises(ValueError, match="process"):
            Plant(*bad)


def test_half_rule():
    """Skogestad 2003, example: 1/(s+1)(0.2s+1)(0.04s+1)(0.008s+1) becomes lags 1 and 0.22, dead time 0.028."""
    plant = Plant(1.0, (1.0, 0.2, 0.04, 0.008), 0.0)
    made = tuning.simc(plant, 0.028)
    assert (made.gain, made.ti) == pytest.approx((21.8, 1.22), rel=0.01) or made.ti == pytest.approx(0.444, rel=0.01)
    assert made.td * made.ti == pytest.approx(0.22 * min(1.0, 8 * 0.028), rel=0.01)


def test_simulations_agree():
    plant = Plant(1.0, (1.0, 0.5), 0.4)
    made = tuning.robust(plant, lambda closed: tuning.simc(plant, closed))
    exact = iae(plant, made, 3000)
    assert LoadStep(plant, 20.0).iae(made) == pytest.approx(exact, rel=0.01)
    t, y = after_load(plant, made, 1.0, 20.0, 3000)
    assert np.abs(y).sum() * t[0] == pytest.approx(exact, rel=0.02)
    step = Sampled(plant, 0.1)
    answer = [step.step(1.0) for _ in range(100)]
    assert answer[:4] == [0.0] * 4  # 0.4 s of dead time
    assert answer[3 + 20] == pytest.approx(1 - 2 * math.exp(-2.0) + math.exp(-4.0), abs=1e-9)  # exact 2 s after it


@pytest.mark.parametrize("id", ["fourth", "integrating"])
def test_the_best_settings_meet_their_bound(id):
    plant, bound = PLANTS[list(PLANTS)[IDS.index(id)]]
    best = tuning.load_optimal(plant)
    assert peak(plant, best) <= tuning.ROBUST
    assert iae(plant, best, 3000) <= 1.03 * bound


def test_a_robust_tuning_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="Ms"):
        tuning.robust(LAG, lambda closed: Tuning(100.0, 0.1, 0.0, 1.0))
    assert tuning.strongest(INTEGRATOR, Tuning(1.0, 0.01, 0.0, 1.0)) is None


def test_long_saturation_adds_nothing():
    plant, _ = PLANTS["e^-s/(s+1)"]
    made = replace(tuning.robust(plant, lambda closed: tuning.simc(plant, closed)), b=0.0)
    assert overshoot(plant, made, saturated=True) <= 0.05
