import math
import time

import pytest

from matstudio.domain.clock import RealClock, SimClock
from matstudio.domain.process import Quality, Setpoint
from matstudio.instruments.base import DeviceError
from matstudio.instruments.twin.device import ACTUATORS, RANGES, TwinDevice
from matstudio.instruments.twin.local import LocalTwin


def heat(twin, clock, value=0.8):
    twin.heartbeat(clock.now())
    twin.write(Setpoint("heater", value, "1", "test", clock.now()))


def alive(twin, seconds):
    """Advance with heartbeats, as a station that sends nothing else."""
    for _ in range(round(seconds / 0.2)):
        twin.heartbeat(twin.device._clock.now())
        twin.advance(0.2)


@pytest.fixture
def clock():
    return SimClock(100.0)


@pytest.fixture
def twin(clock):
    return LocalTwin(clock)


def test_starts_off_and_locked(twin, clock):
    twin.advance(1.0)
    assert twin.readings()["heater"].value == 0.0
    assert twin.plant.T == 300.0
    with pytest.raises(DeviceError, match="locked, no heartbeat"):
        twin.write(Setpoint("heater", 0.5, "1", "test", clock.now()))
    heat(twin, clock)
    assert twin.readings()["heater"].value == 0.8


def test_watchdog_cuts_the_heater_and_wants_heartbeat_and_setpoint(twin, clock):
    heat(twin, clock)
    twin.advance(1.45)
    assert twin.plant.heater == 0.8
    twin.advance(0.2)
    assert twin.plant.heater == 0.0
    assert twin.state["locked"] == "no heartbeat from the station"
    twin.heartbeat(clock.now())
    twin.advance(0.1)
    assert twin.plant.heater == 0.0
    twin.advance(5.0)
    with pytest.raises(DeviceError, match="locked"):
        twin.write(Setpoint("heater", 0.5, "1", "test", clock.now()))
    heat(twin, clock, 0.4)
    assert twin.readings()["heater"].value == 0.4
    assert twin.state["locked"] == ""


def test_watchdog_acts_inside_a_long_step(twin, clock):
    heat(twin, clock, 1.0)
    twin.advance(300.0)
    assert twin.plant.heater == 0.0
    assert 300.0 < twin.plant.T < 320.0


def test_watchdog_has_a_floor_of_real_time():
    assert TwinDevice(SimClock()).timeout_s == 1.5
    assert TwinDevice(RealClock.start(20.0)).timeout_s == 20.0


def test_old_commands_do_not_count(twin, clock):
    heat(twin, clock, 0.5)
    twin.advance(10.0)
    twin.heartbeat(101.0)
    with pytest.raises(DeviceError, match=r"sent 9\.0 s ago"):
        twin.write(Setpoint("heater", 0.9, "1", "test", 101.0))
    with pytest.raises(DeviceError, match="locked"):
        twin.write(Setpoint("heater", 0.9, "1", "test", clock.now()))
    assert twin.plant.heater == 0.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.01, 1.01, True, "1", None])
def test_refuses_what_is_not_in_range(twin, clock, value):
    heat(twin, clock, 0.5)
    with pytest.raises(DeviceError, match="heater"):
        twin.write(Setpoint("heater", value, "1", "test", clock.now()))
    assert twin.plant.heater == 0.5


def test_refuses_unknown_actuators_and_times(twin, clock):
    twin.heartbeat(clock.now())
    for setpoint in (
        Setpoint("temperature", 500.0, "K", "test", clock.now()),
        Setpoint(("a",), 1.0, "", "test", clock.now()),
        Setpoint("heater", 0.5, "1", "test", math.nan),
        Setpoint("heater", 0.5, "1", "test", "now"),
    ):
        with pytest.raises(DeviceError) as refused:
            twin.write(setpoint)
        assert "\n" not in str(refused.value)
    assert twin.plant.heater == 0.0


def test_safe_keeps_pressure_and_composition_where_they_are(twin, clock):
    heat(twin, clock)
    twin.write(Setpoint("pressure", 2.0, "GPa", "test", clock.now()))
    twin.write(Setpoint("composition", 0.35, "1", "test", clock.now()))
    alive(twin, 20)
    twin.safe()
    p, c = twin.plant.P, twin.plant.c
    alive(twin, 20)
    assert twin.plant.heater == 0.0
    assert (twin.plant.P, twin.plant.c) == pytest.approx((p, c), abs=1e-3)
    assert 0.3 < p < 0.5


def test_description(twin):
    description = twin.describe()
    assert description.kind == "twin"
    assert set(twin.readings()) == set(description.readings) == set(RANGES)
    assert {a.name: a.safe for a in description.actuators} == {
        "heater": 0.0, "pressure": None, "composition": None, "beam": 0.0
    }  # fmt: skip
    for name, reading in twin.readings().items():
        unit, low, high = description.readings[name]
        assert reading.unit == unit
        assert low <= reading.value <= high
    assert {"gain_K", "tau_s", "ambient_K", "delay_s", "sensor_lag_s"} <= set(description.state["furnace"])
    assert description.state["truth"]["order_parameter"] == twin.plant.S
    assert ACTUATORS[1].limits.high == 2.0


def temperature(twin):
    return twin.readings()["temperature"]


def test_value_faults(twin):
    alive(twin, 1)
    twin.fault("nan")
    assert math.isnan(temperature(twin).value)
    assert temperature(twin).quality is Quality.BAD
    twin.fault("nan", False)
    twin.fault("infinite")
    assert temperature(twin).value == math.inf
    assert temperature(twin).quality is Quality.BAD
    twin.fault("infinite", False)
    twin.fault("out_of_range")
    assert temperature(twin).value > RANGES["temperature"][2]
    twin.fault("out_of_range", False)
    assert temperature(twin).value == pytest.approx(300, abs=2)


def test_stuck_and_stale(twin, clock):
    twin.fault("stuck")
    first = temperature(twin)
    alive(twin, 2)
    assert temperature(twin).value == first.value
    assert temperature(twin).t == pytest.approx(clock.now(), abs=0.06)
    twin.fault("stuck", False)
    twin.fault("stale")
    first = temperature(twin)
    alive(twin, 2)
    assert temperature(twin) == first
    assert twin.readings()["pressure"].t > first.t + 1.9


def test_drift_is_one_kelvin_a_second(twin):
    twin.fault("drift")
    alive(twin, 20)
    assert temperature(twin).value == pytest.approx(280.0, abs=1.5)
    assert twin.state["faults"] == ("drift temperature",)


@pytest.mark.parametrize("kind", ["frozen", "gone"])
def test_a_dead_device_turns_its_heater_off_within_three_periods(twin, clock, kind):
    heat(twin, clock, 1.0)
    before = twin.readings()
    twin.fault(kind)
    for _ in range(3):
        twin.advance(0.2)
        twin.heartbeat(clock.now())
        if kind == "gone":
            with pytest.raises(DeviceError, match="gone"):
                twin.write(Setpoint("heater", 1.0, "1", "test", clock.now()))
        else:
            twin.write(Setpoint("heater", 1.0, "1", "test", clock.now()))
        twin.safe()
        assert twin.readings() == before
    assert twin.plant.heater == 0.0
    alive(twin, 4)
    twin.fault(kind, False)
    assert twin.readings()["heater"].value == 0.0
    assert twin.readings()["temperature"].t == pytest.approx(clock.now(), abs=0.06)
    heat(twin, clock, 0.3)
    assert twin.readings()["heater"].value == 0.3


def test_faults_that_do_not_exist(twin):
    with pytest.raises(ValueError, match="no fault 'fire': drift, stuck"):
        twin.fault("fire")
    with pytest.raises(ValueError, match="no reading 'humidity'"):
        twin.fault("nan", target="humidity")


def test_an_anneal_runs_in_a_second():
    clock = SimClock()
    twin = LocalTwin(clock)
    start = time.process_time()
    while clock.now() < 302:
        measured = temperature(twin).value
        heat(twin, clock, 1.0 if measured < 636 else (640 - 300) / 650)
        twin.advance(0.2)
    assert time.process_time() - start < 2.0
    assert abs(twin.plant.T - 640) < 10


def test_a_jump_of_the_clock_is_caught_up_in_parts_or_left_out():
    clock = SimClock()
    device = TwinDevice(clock)
    clock.advance(25.0)
    device.follow()
    assert device.skipped_s == pytest.approx(5.0)
    assert device.plant.t == pytest.approx(25.0)
    clock.advance(21.0)
    assert not device.advance(400)
    assert device.plant.t == pytest.approx(45.0)
    device.follow()
    assert device.plant.t == pytest.approx(46.0)
    assert device.skipped_s == pytest.approx(5.0)


def test_a_device_that_was_stopped_finds_its_heater_off(clock):
    device = TwinDevice(clock)
    device.heartbeat(clock.now())
    device.set(Setpoint("heater", 1.0, "1", "test", clock.now()))
    clock.advance(1.0)
    device.follow()
    assert device.plant.heater == 1.0
    clock.advance(3.0)
    device.heartbeat(clock.now())  # the station went on meanwhile
    device.set(Setpoint("heater", 1.0, "1", "test", clock.now()))
    device.follow()
    assert device.plant.heater == 0.0
    assert device.locked == "the device hung"


def test_what_was_sent_while_the_device_hung_does_not_heat(clock):
    device = TwinDevice(clock)
    device.heartbeat(clock.now())
    device.set(Setpoint("heater", 1.0, "1", "test", clock.now()))
    clock.advance(2.0)
    sent = clock.now() - 0.1
    device.follow()
    device.heartbeat(clock.now())
    with pytest.raises(DeviceError, match="sent before the heater was locked: the device hung"):
        device.set(Setpoint("heater", 1.0, "1", "test", sent))
    assert device.plant.heater == 0.0
    device.set(Setpoint("heater", 0.5, "1", "test", clock.now()))
    assert device.plant.heater == 0.5
