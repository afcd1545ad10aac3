"""Faults in every mode: no command outside the limits ever, heater off within 3 control periods (drift: 30 s)."""

from dataclasses import replace

import pytest

from matstudio.bus.messages import CommandError
from matstudio.domain.process import Mode
from matstudio.instruments.twin.local import LocalTwin

from .conftest import Bench, FakeFurnace, spoilt

QUICK = ("nan", "infinite", "out_of_range", "stuck", "stale")
DEVICE = ("frozen", "gone")
DRIVING = (Mode.MANUAL, Mode.PID, Mode.ADVISE, Mode.POLICY, Mode.HOLD)
PHASES = (0.0, 0.15)
HEATINGS = ((Mode.MANUAL, 0.5), (Mode.MANUAL, 1.0), (Mode.PID, 640.0), (Mode.HOLD, 640.0))


def heat(bench, mode):
    """Bring the furnace to some 420 K with the heater on, in `mode` (OFF and SAFE come after the heating)."""
    bench.station.handle_mode("ana", "PID")
    bench.station.handle_setpoint("ana", "temperature", 500.0)
    bench.run(30)
    bench.enter(mode)
    if mode in (Mode.ADVISE, Mode.POLICY):
        bench.station._targets["temperature"] = 500.0
    bench.run(1)


def run_finely(bench, seconds, phase):
    """As the process does it: a cycle every 0.2 s, a look at the device's age in between; the heater as it was."""
    seen = []
    start = bench.clock.now()
    for i in range(round(seconds / 0.05)):
        bench.clock.advance(0.05)
        bench.station.handle_hello("ana", "studio")
        if (i + round(phase / 0.05)) % 4 == 3:
            bench.station.cycle()
        else:
            bench.station.watch()
        seen.append((bench.clock.now() - start, bench.station.status()["outputs"]["heater"], bench.station.mode))
    return seen


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("fault", QUICK + DEVICE)
def test_twin_in_every_mode(fault, mode):
    bench = Bench(lambda clock: LocalTwin(clock, seed=5))
    heat(bench, mode)
    plant = bench.device.plant
    for phase in PHASES[:1] if mode in (Mode.OFF, Mode.SAFE) else PHASES:
        if phase:
            bench = Bench(lambda clock: LocalTwin(clock, seed=5))
            heat(bench, mode)
            plant = bench.device.plant
        assert (plant.heater > 0) == (mode in DRIVING)
        bench.device.fault(fault)
        seen = run_finely(bench, 2.0, phase)
        after = [(heater, now) for t, heater, now in seen if t >= 0.6 - 1e-9]
        expected = Mode.SAFE if mode in DRIVING else mode
        assert {now for _, now in after} == {expected}
        assert {heater for heater, _ in after} == {0.0}
        assert plant.heater == 0.0
        bench.check_writes()
        if mode in DRIVING:
            assert "sensor.temperature" in bench.alarms()
            assert bench.station.why
        if mode is not Mode.SAFE:
            with pytest.raises(CommandError):
                bench.station.handle_mode("ana", "PID")


@pytest.mark.parametrize("mode", list(Mode))
def test_drift_of_the_twin_in_every_mode(mode):
    bench = Bench(lambda clock: LocalTwin(clock, seed=5))
    heat(bench, mode)
    bench.device.fault("drift")
    bench.run(30)
    assert bench.station.mode is (Mode.SAFE if mode in DRIVING else mode)
    assert bench.device.plant.heater == 0.0
    assert bench.station.status()["outputs"]["heater"] == 0.0
    assert "sensor.temperature" in bench.alarms()
    bench.check_writes()


@pytest.mark.parametrize("rate", [1.0, -1.0])
@pytest.mark.parametrize("onset", [0, 1, 5, 20])
@pytest.mark.parametrize(("mode", "level"), HEATINGS)
def test_drift_that_begins_with_the_first_heating(mode, level, onset, rate):
    bench = Bench(lambda clock: LocalTwin(clock, seed=5))
    bench.run(5)
    if mode is Mode.MANUAL:
        bench.station.handle_output("ana", "heater", level)
    else:
        bench.station.handle_mode("ana", "PID")
        bench.station.handle_setpoint("ana", "temperature", level)
    bench.run(onset)
    device = bench.furnace
    begin, read = bench.clock.now(), device.readings

    def drifting():
        found = dict(read())
        true = found["temperature"]
        return found | {"temperature": replace(true, value=true.value + rate * max(0.0, true.t - begin))}

    device.readings = drifting
    if mode is Mode.HOLD:
        bench.run(max(0.0, 5 - onset))
        bench.enter(Mode.HOLD)
    bench.run(begin + 30 - bench.clock.now())
    assert bench.station.mode is Mode.SAFE
    assert device.plant.heater == 0.0
    assert "sensor.temperature" in bench.alarms()
    bench.check_writes()


@pytest.mark.parametrize("mode", DRIVING)
@pytest.mark.parametrize("fault", [*QUICK, "bad"])
def test_another_furnace_in_every_driving_mode(fault, mode):
    bench = Bench(FakeFurnace)
    heat(bench, mode)
    assert bench.device.u > 0
    bench.furnace.spoil = spoilt(fault)
    bench.run(0.6)
    assert bench.station.mode is Mode.SAFE
    assert bench.device.u == 0.0
    bench.check_writes()


@pytest.mark.parametrize("fault", QUICK)
def test_faults_of_other_readings_send_nothing_wrong(bench, fault):
    heat(bench, Mode.PID)
    for target in ("pressure", "heater", "composition"):
        bench.device.fault(fault, True, target)
    bench.station.handle_setpoint("ana", "pressure", 0.3)
    bench.run(5)
    bench.check_writes()


def test_recovery_does_not_heat_by_itself(bench):
    heat(bench, Mode.PID)
    bench.device.fault("nan")
    bench.run(1)
    bench.device.fault("nan", False)
    bench.run(20)
    assert bench.station.mode is Mode.SAFE
    assert bench.device.plant.heater == 0.0
    bench.station.handle_reset("ana")
    bench.run(5)
    assert bench.station.mode is Mode.OFF
    bench.station.handle_mode("ana", "PID")
    assert bench.station.status()["setpoints"]["temperature"] < 500.0


def test_station_that_stalls_says_so_though_its_readings_have_grown_old(bench):
    heat(bench, Mode.PID)
    old = dict(bench.device.readings())
    bench.device.readings = lambda: old
    bench.clock.advance(3.0)
    bench.station.cycle()
    assert bench.station.mode is Mode.SAFE
    assert bench.station.why == "station stood still for 3.0 s"


def test_station_that_stalls_leaves_it_to_the_watchdog_and_does_not_resume(bench):
    heat(bench, Mode.PID)
    bench.device.advance(3.0)
    assert bench.device.plant.heater == 0.0
    bench.run(5)
    assert bench.station.mode is Mode.SAFE
    assert bench.station.why == "station stood still for 3.2 s"
    assert bench.device.plant.heater == 0.0
