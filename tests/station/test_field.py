"""Confirmation of a real device, its own alarms, the beam and its dose."""

from dataclasses import replace

import pytest

from matstudio.bus.messages import CommandError
from matstudio.control.dose import DoseLimits
from matstudio.control.limits import DEFAULTS
from matstudio.domain.process import Mode
from matstudio.instruments.twin.local import LocalTwin
from matstudio.station.core import Station

from .conftest import Bench, FakeFurnace


def station(bench, **options):
    """Put another station into the bench."""
    bench.entries.clear()
    bench.station = Station(bench.device, bench.clock, record=bench.entries.append, **options)
    bench.cycle()
    return bench.station


def test_a_real_device_drives_nothing_until_it_is_confirmed():
    bench = Bench(FakeFurnace)
    one = station(bench, confirmed=set())
    device = one.status()["device"]
    assert not device["armed"]
    for mode in ("MANUAL", "PID"):
        with pytest.raises(CommandError, match="limits and holder of this device are not confirmed"):
            one.handle_mode("ana", mode)
    with pytest.raises(CommandError, match="not confirmed"):
        one.handle_output("ana", "heater", 0.1)
    with pytest.raises(CommandError, match="another configuration"):
        one.handle_confirm("ana", "0" * 64)
    assert not one.status()["device"]["armed"]
    one.handle_confirm("ana", device["digest"])
    one.handle_mode("ana", "PID")
    assert [e["data"]["digest"] for e in bench.kinds("confirm")] == [device["digest"]]
    # another limit: it must be confirmed again
    low = bench.furnace.description.actuators
    bench.furnace.description = replace(
        bench.furnace.description, actuators=(replace(low[0], limits=replace(low[0].limits, high=0.5)), low[1])
    )
    bench.run(0.4)
    assert one.mode is Mode.OFF
    with pytest.raises(CommandError, match="not confirmed"):
        one.handle_mode("ana", "PID")


def test_a_device_that_was_confirmed_before_and_one_that_is_not_real_need_nothing():
    bench = Bench(FakeFurnace)
    digest = bench.station.status()["device"]["digest"]
    station(bench, confirmed={digest}).handle_mode("ana", "PID")
    bench = Bench(lambda clock: LocalTwin(clock))
    station(bench, confirmed=set()).handle_mode("ana", "PID")


def test_what_the_holder_bears_limits_the_setpoint():
    bench = Bench(FakeFurnace)
    holder = {"name": "h", "serial": "1", "max_temperature": 600.0, "max_rate": 1.0}
    old = bench.furnace.description
    bench.furnace.description = replace(old, state=dict(old.state) | {"holder": holder, "boot": "2"})
    bench.cycle()
    assert bench.station.status()["limits"]["temperature"].high == 600.0
    bench.station.handle_mode("ana", "PID")
    with pytest.raises(CommandError, match="above the limit 600 K"):
        bench.station.handle_setpoint("ana", "temperature", 700.0)


def test_a_slow_device_states_how_old_its_readings_may_be():
    bench = Bench(FakeFurnace)
    old = bench.furnace.description
    bench.furnace.spoil = lambda r: replace(r, t=r.t - 0.9)
    bench.run(1)
    assert bench.station.status()["readings"]["temperature"].quality == "stale"
    bench.furnace.description = replace(old, state=dict(old.state) | {"max_age": {"temperature": 1.5}, "boot": "2"})
    bench.run(1)
    assert bench.station.status()["readings"]["temperature"].quality == "good"


def test_the_devices_own_alarms_are_carried():
    bench = Bench(FakeFurnace)
    severities = {"temperature": "MAJOR: HIHI", "pressure": "MINOR: LOW", "heater": "INVALID"}
    bench.furnace.state = {"severities": severities, "link": "Stage: no answer"}
    bench.run(0.4)
    alarms = bench.alarms()
    told = {name: (alarms[name]["text"], alarms[name]["priority"]) for name in alarms}
    assert told["device.temperature"] == ("temperature: MAJOR: HIHI", "medium")
    assert told["device.pressure"][1] == "low"
    assert told["device.heater"][1] == told["link"][1] == "high"
    bench.furnace.state = {"severities": {}, "link": ""}
    bench.run(0.4)
    assert bench.alarms()["device.temperature"]["state"] == "RTN_UNACK"
    bench.furnace.state = {"severities": 3, "link": 4}
    bench.run(0.4)


def beam(bench):
    return bench.device.readings()["beam"].value


def test_the_beam_is_a_persons_in_every_mode_but_safe(bench):
    assert beam(bench) == 1.0
    for mode in (Mode.OFF, Mode.MANUAL, Mode.PID, Mode.ADVISE, Mode.POLICY, Mode.HOLD):
        bench.enter(mode)
        bench.station.handle_beam("ana", False)
        bench.run(0.4)
        assert (beam(bench), bench.station.mode) == (0.0, mode)
        bench.station.handle_beam("ana", True)
        bench.run(0.4)
        assert (beam(bench), bench.station.mode) == (1.0, mode)
    bench.station.handle_halt("ana")
    assert beam(bench) == 0.0
    with pytest.raises(CommandError, match="SAFE is latched"):
        bench.station.handle_beam("ana", True)
    bench.station.handle_reset("ana")
    bench.run(1)
    assert beam(bench) == 0.0  # a reset puts nothing on
    bench.station.handle_beam("ana", True)
    bench.run(0.4)
    assert beam(bench) == 1.0


def test_a_blanked_beam_that_stays_on_is_blanked_again_and_told(bench, monkeypatch):
    bench.enter(Mode.MANUAL)
    write = bench.device.write
    lost = []
    monkeypatch.setattr(bench.device, "write", lost.append)
    bench.station.handle_beam("ana", False)
    bench.run(0.2)
    monkeypatch.setattr(bench.device, "write", write)
    assert "beam" in [one.name for one in lost]
    assert beam(bench) == 1.0
    bench.run(1.6)
    assert beam(bench) == 0.0
    assert "output" not in bench.alarms()

    bench.run(30)
    bench.device.plant.beam = 1.0  # somebody at the instrument wants it
    bench.run(5)
    assert beam(bench) == 1.0
    assert "beam shows 1, sent 0" in bench.alarms()["output"]["text"]
    bench.station.handle_beam("ana", True)
    bench.device.plant.beam = 0.0  # and somebody blanks it: nobody puts it on again but a person
    bench.run(5)
    assert beam(bench) == 0.0


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.PID])
def test_a_spent_budget_blanks_the_beam(bench, mode):
    limits = DoseLimits(budget=1000.0)
    settings = replace(DEFAULTS, dose=limits, interlocks=(*DEFAULTS.interlocks, *limits.interlocks()))
    station(bench, settings=settings)
    bench.enter(mode)
    bench.device.plant.dose_rate = 200.0
    bench.run(4.7)
    assert bench.alarms()["dose"]["text"].startswith("dose 9")
    assert beam(bench) == 1.0
    bench.run(1.0)
    assert (beam(bench), bench.station.mode) == (0.0, mode)
    assert "interlock.dose_budget" in bench.alarms()
    assert bench.device.plant.dose < 1100.0
    with pytest.raises(CommandError, match="dose_budget"):
        bench.station.handle_beam("ana", True)
    bench.run(5)
    assert beam(bench) == 0.0


def test_a_rate_that_is_too_high_blanks_it_until_a_person_puts_it_on(bench):
    limits = DoseLimits(rate=100.0)
    settings = replace(DEFAULTS, dose=limits, interlocks=(*DEFAULTS.interlocks, *limits.interlocks()))
    station(bench, settings=settings)
    bench.station.handle_beam("ana", True)
    bench.device.plant.dose_rate = 200.0
    bench.run(0.6)
    assert beam(bench) == 0.0
    bench.device.plant.dose_rate = 50.0
    bench.run(5)
    assert beam(bench) == 0.0
    bench.station.handle_beam("ana", True)
    bench.run(1)
    assert beam(bench) == 1.0


def test_a_device_without_a_beam_says_so(fake):
    with pytest.raises(CommandError, match="no beam to blank"):
        fake.station.handle_beam("ana", False)


def test_who_allows_others_stands_in_the_log(bench):
    assert not bench.station.status()["device"]["remote"]
    bench.station.handle_remote("ana", True)
    bench.run(0.2)
    assert bench.station.status()["device"]["remote"]
    assert bench.alarms()["remote"]["priority"] == "low"
    bench.station.handle_remote("ana", False)
    assert [e["data"]["allow"] for e in bench.kinds("remote")] == [True, False]
