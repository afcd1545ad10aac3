"""The relay experiment: its models, the robustness of what is tuned from them, and every way to give it up."""

import math
import random

import pytest

from matstudio.bench.control_pid import IDS, PLANTS, relay_tuned
from matstudio.control import relay
from matstudio.control.identify import NoModel, model
from matstudio.control.plants import Plant, peak
from matstudio.control.relay import Event, Experiment, Phase, Plan
from matstudio.control.responses import Sampled
from matstudio.control.tuning import robust, simc

FURNACE = Plant(650.0, (60.0, 1.5), 2.0)


def run(plant, plan, *, h=0.2, noise=0.0, seed=0, spoil=lambda t, y: y, load=lambda t: 0.0):
    rng = random.Random(seed)
    furnace, e, y, u, t = Sampled(plant, h), Experiment(plan, 600.0, 0.5), 0.0, 0.5, 0.0
    while not e.over and t < 3000:
        u = e.sample(t, u, spoil(t, 600.0 + y + rng.gauss(0.0, noise)))
        assert 0.5 - plan.down - 1e-9 <= u <= 0.5 + plan.up + 1e-9
        y, t = furnace.step(u - 0.5 + load(t)), t + h
    return e


@pytest.mark.parametrize("id", IDS)
def test_relay_tuning_is_robust_on_every_plant(id):
    plant, _ = PLANTS[list(PLANTS)[IDS.index(id)]]
    assert peak(plant, relay_tuned(plant)) <= 1.7


@pytest.mark.parametrize("lags", [(1.0,) * 3, (1.0,) * 6, (1.0, 0.5, 0.2), (10.0, 1.0, 1.0, 0.3)])
def test_relay_tuning_is_robust_on_processes_that_no_model_fits(lags):
    assert 1.3 < peak(Plant(2.0, lags, 0.0), relay_tuned(Plant(2.0, lags, 0.0))) <= 1.7


def test_a_lag_with_dead_time_is_found_exactly():
    found = model(run(Plant(400.0, (20.0,), 8.0), Plan(0.1, 0.06, 100.0)))
    assert not found.integrating
    assert (found.gain, found.delay) == pytest.approx((400.0, 8.0), rel=0.03)
    assert max(found.lags) == pytest.approx(20.0, rel=0.05)


def test_an_integrator_is_found():
    found = model(run(Plant(10.0, (1.5,), 2.0, integrating=True), Plan(0.1, 0.06, 100.0)))
    assert found.integrating
    assert (found.gain, found.delay) == pytest.approx((10.0, 2.0), rel=0.05)


@pytest.mark.parametrize("seed", range(4))
def test_with_noise_and_the_furnace_not_at_rest(seed):
    e = run(FURNACE, Plan(0.1, 0.06, 30.0), noise=0.3, seed=seed, load=lambda t: 0.01)
    assert e.hysteresis == pytest.approx(1.2, rel=0.5)
    found = model(e)
    assert peak(FURNACE, robust(found, lambda closed: simc(found, closed))) <= 1.75


@pytest.mark.parametrize(
    ("why", "plan", "spoil"),
    [
        ("not finite", Plan(0.1, 0.06, 30.0), lambda t, y: math.nan if t > 30 else y),
        ("away from its setpoint", Plan(0.1, 0.06, 30.0), lambda t, y: y + (40.0 if t > 30 else 0.0)),
        ("away from its setpoint", Plan(0.4, 0.3, 3.0), lambda t, y: y),
        ("no limit cycle", Plan(0.1, 0.06, 30.0, limit_s=20.0), lambda t, y: y),
        ("drifts", Plan(0.1, 0.06, 30.0), lambda t, y: y + t),
        ("too noisy", Plan(0.1, 0.06, 30.0), lambda t, y: y + (-1) ** round(5 * t) * 10.0),
        ("away from its setpoint", Plan(0.1, 0.06, 30.0), lambda t, y: y + 5.0),
    ],
)
def test_it_is_given_up(why, plan, spoil):
    e = run(FURNACE, plan, spoil=spoil)
    assert e.status.phase is Phase.ABORTED
    assert why in e.status.why
    assert e.sample(1e6, 0.5, 600.0) == 0.5  # the output is what it was
    with pytest.raises(NoModel):
        model(e)


def test_what_has_ended_stays_as_it_is():
    e = run(FURNACE, Plan(0.1, 0.06, 30.0))
    assert e.status.phase is Phase.DONE
    e.abort("late")
    assert e.status.phase is Phase.DONE
    assert all(phase not in (Phase.DONE, Phase.ABORTED) for phase, _ in relay.TABLE)
    assert {event for _, event in relay.TABLE} == set(Event)


def test_wrong_plans():
    for bad in ((0.0, 0.1, 1.0), (0.1, -0.1, 1.0), (0.1, 0.1, math.inf)):
        with pytest.raises(ValueError, match="relay"):
            Plan(*bad)
