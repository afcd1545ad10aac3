"""The station with the policy that ships, on the twin: in ADVISE a person decides, in POLICY it drives or is left."""

import numpy as np
import pytest

from matstudio.bus.messages import CommandError
from matstudio.control.policy import Policy
from matstudio.domain.process import Mode
from matstudio.station.core import Station


@pytest.fixture(scope="module")
def policy():
    return Policy.load()


@pytest.fixture
def told(bench, policy):
    """A station with a policy, which hears of S every 0.6 s, half a second late."""
    bench.station = Station(
        bench.device,
        bench.clock,
        record=bench.entries.append,
        policies={"policy": policy, "policy3": Policy.load("policy3")},
    )
    bench.advisor = bench.station.advisor
    rng, past, bench.sigma = np.random.default_rng(0), [], 0.005

    def on_cycle():
        past.append((bench.clock.now(), bench.furnace.plant.S))
        if len(past) > 3 and len(past) % 3 == 0 and bench.sigma:
            t, S = past[-3]
            bench.advisor.order(t, S + bench.sigma * rng.standard_normal(), bench.sigma)

    bench.on_cycle = on_cycle
    bench.run(5)
    return bench


def test_policy_orders_the_alloy_through_the_gate(told):
    told.station.handle_mode("ana", "POLICY")
    told.run(345)
    assert told.furnace.plant.S > 0.9
    assert told.station.mode is Mode.POLICY
    told.check_writes()
    entries = told.kinds("setpoint")
    assert {e["who"] for e in entries} == {"policy"}
    assert entries[-1]["data"].keys() >= {"name", "old", "new", "why"}


def test_advise_waits_for_a_person(told):
    told.station.handle_mode("ana", "ADVISE")
    told.run(6)
    advice = told.advisor.advice
    assert 550 < advice.setpoints["temperature"] < 700
    assert told.station.status()["setpoints"]["temperature"] < 310
    told.station.handle_accept("ana")
    accepted = told.station.status()["setpoints"]["temperature"]
    assert accepted == told.advisor.advice.setpoints["temperature"]
    told.station.handle_accept("ana", 600.0)
    assert told.station.status()["setpoints"]["temperature"] == 600.0
    assert told.station.mode is Mode.ADVISE
    with pytest.raises(CommandError, match="above the limit"):
        told.station.handle_accept("ana", 2000.0)
    told.run(90)
    told.station.handle_reject("ana", "too hot for the holder")
    told.run(6)
    assert told.advisor.advice.rejected == "ana"
    assert "too hot" in told.kinds("advice")[-1]["text"]


def test_without_a_word_of_the_models_policy_is_left(told):
    told.station.handle_mode("ana", "POLICY")
    told.run(6)
    told.sigma = 0.0
    told.run(17)
    assert told.station.mode is Mode.HOLD
    assert "nothing of the order" in told.station.why
    assert told.alarms()["policy"]["text"].startswith("the policy was left")
    with pytest.raises(CommandError, match="the policy cannot be followed"):
        told.station.handle_mode("ana", "POLICY")


def test_a_state_it_was_not_trained_on_ends_policy(told):
    told.station.handle_mode("ana", "POLICY")
    told.run(6)
    told.furnace.plant.composition_setpoint = told.furnace.plant.c = 0.27
    told.run(12)
    assert told.station.mode is Mode.HOLD
    assert "trained at 0.25 only" in told.station.why


def test_an_answer_that_is_no_number_is_never_followed(told, policy, monkeypatch):
    told.station.handle_mode("ana", "POLICY")
    told.run(6)
    monkeypatch.setattr(policy, "decide", lambda seen: {"temperature": np.array([np.nan])})
    told.run(6)
    assert told.station.mode is Mode.HOLD
    told.check_writes()


def test_no_advice_before_the_models_have_spoken(bench, policy):
    bench.station = Station(
        bench.device,
        bench.clock,
        record=bench.entries.append,
        policies={"policy": policy, "policy3": Policy.load("policy3")},
    )
    bench.run(5)
    with pytest.raises(CommandError, match="have not said yet"):
        bench.station.handle_mode("ana", "POLICY")
    bench.station.handle_mode("ana", "ADVISE")
    bench.run(6)
    assert "have not said yet" in bench.station.advisor.advice.trouble
    with pytest.raises(CommandError, match="no advice to accept"):
        bench.station.handle_accept("ana")


def test_with_composition_it_is_far_quicker(told):
    with pytest.raises(ValueError, match="no policy 'nonsense': policy, policy3"):
        told.station.handle_policy("ana", "nonsense")
    told.station.handle_policy("ana", "policy3")
    told.station.handle_mode("ana", "POLICY")
    told.run(150)
    assert told.furnace.plant.S > 0.9
    assert told.station.mode is Mode.POLICY
    told.check_writes()
    assert told.kinds("policy")[-1]["data"] == {"old": "policy", "new": "policy3"}


def test_a_device_without_pressure_and_composition_is_advised(fake, policy):
    """What a device has not is what the policy was trained with; the forecast does without."""
    station = fake.station = Station(fake.device, fake.clock, record=fake.entries.append, policies={"policy": policy})
    fake.on_cycle = lambda: station.advisor.order(fake.clock.now() - 0.4, 0.06, 0.005)
    fake.furnace.pressure = 0.0
    fake.run(3)
    station.handle_mode("ana", "ADVISE")
    for _ in range(100):
        station.advisor._worked = -1e9  # as if a real second had passed
        fake.run(0.2)
    assert station.advisor.forecast is not None
    assert "composition" not in station.status()["limits"]
    assert station.advisor.advice.trouble == ""


def test_a_policy_that_raises_is_left_and_control_goes_on(told, policy, monkeypatch):
    told.station.handle_mode("ana", "POLICY")
    told.run(6)

    def broken(seen):
        raise ArithmeticError("no such thing\nat all")

    monkeypatch.setattr(policy, "decide", broken)
    told.run(6)
    assert told.station.mode is Mode.HOLD
    assert told.alarms()["policy"]["text"] == "the policy was left: the policy failed: ArithmeticError: no such thing"
    told.run(6)
    told.check_writes()
