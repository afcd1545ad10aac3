"""The control cycle with the twin in the same process, on a simulated clock."""

import math
from dataclasses import replace

import numpy as np
import pytest

from matstudio.bus import wire
from matstudio.bus.messages import COMMANDS, CommandError
from matstudio.control.audit import verify
from matstudio.domain.device import Actuator
from matstudio.domain.process import Limits, Mode, Quality, Reading
from matstudio.instruments.base import DeviceError
from matstudio.station.core import Station

from .conftest import Bench, FakeFurnace


def test_every_command_has_its_handler(bench):
    names = {n for n, c in COMMANDS.items() if "station" in c.receivers} - {"ping"}
    assert set(bench.station.handlers()) == names


def test_starts_off_and_stays_off(bench):
    bench.run(5)
    status = bench.station.status()
    assert (status["mode"], status["master"]) == (Mode.OFF, "station")
    assert status["outputs"]["heater"] == 0.0
    assert bench.device.plant.heater == 0.0
    assert status["alarms"] == ()


def test_a_station_that_starts_on_a_hot_device_turns_the_heater_off():
    def hot(clock):
        furnace = FakeFurnace(clock)
        furnace.true, furnace.u = 700.0, 0.6
        return furnace

    bench = Bench(hot)
    assert bench.device.u == 0.0
    assert [s.value for s in bench.device.writes] == [0.0]


def test_status_travels_and_has_what_the_table_says(bench):
    bench.station.handle_mode("ana", "PID")
    bench.run(1)
    status = wire.unpack(wire.pack(bench.station.status()))
    assert set(status) == {
        "t", "cycle", "mode", "master", "why", "readings", "limits", "setpoints", "outputs", "pid", "alarms",
        "interlocks", "device", "clients", "audit", "program", "autotune",
    }  # fmt: skip
    assert status["mode"] == "PID"
    assert set(status["pid"]) == {
        "setpoint", "measured", "p", "i", "d", "feed", "output", "saturated", "gain", "ti", "td",
    }  # fmt: skip
    assert set(status["setpoints"]) == {"temperature", "pressure", "composition"}
    assert set(status["outputs"]) == {"heater", "pressure", "composition", "beam"}
    told = {"name": "Twin Cu3Au", "kind": "twin", "state": "good", "age": 0}
    assert status["device"].items() >= (told | {"age": status["device"]["age"]}).items()
    assert {"armed", "digest", "remote", "dose"} <= set(status["device"])
    assert status["audit"]["n"] == len(bench.entries)


def test_an_anneal_orders_the_alloy(bench):
    """From 300 K the PID follows setpoints that an operator picks by the order that is there: S >= 0.9 within 400 s."""
    plant, highest = bench.device.plant, 0.0
    bench.station.handle_mode("ana", "PID")
    while plant.S < 0.9 and bench.clock.now() < 400:
        order = (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.84, 0.88)
        kelvin = (624.0, 627.0, 630.0, 642.0, 654.0, 640.0, 615.0, 585.0)
        bench.station.handle_setpoint("ana", "temperature", float(np.interp(plant.S, order, kelvin)))
        bench.run(5)
        highest = max(highest, plant.T)
    assert plant.S >= 0.9
    assert 300 < bench.clock.now() < 400
    assert highest < 663.0
    assert bench.station.mode is Mode.PID
    assert bench.kinds("alarm") == []
    bench.check_writes()
    assert verify(bench.entries) == []


def test_every_write_is_in_the_audit_log(bench):
    bench.station.handle_mode("ana", "PID")
    bench.station.handle_setpoint("ana", "temperature", 500.0)
    bench.run(10)
    bench.station.handle_output("ana", "pressure", 0.5)
    bench.run(5)
    noted = [(e["data"]["name"], e["data"]["value"]) for e in bench.kinds("write")]
    assert noted == [(s.name, s.value) for s in bench.device.writes]
    assert len(noted) > 50
    assert {e["kind"] for e in bench.entries} >= {"start", "device", "client", "mode", "setpoint", "output", "write"}
    assert len(bench.kinds("start")[0]["data"]["limits"]) == 64


def test_take_over_is_bumpless_and_so_is_the_way_back(fake):
    fake.station.handle_mode("ana", "PID")
    fake.station.handle_setpoint("ana", "temperature", 600.0)
    fake.run(80)
    before = fake.device.u
    assert before > 0.3
    fake.station.handle_take_over("ana")
    fake.run(20)
    assert fake.station.mode is Mode.MANUAL
    assert fake.device.u == before
    fake.station.handle_output("ana", "heater", before + 0.1)
    fake.run(5)
    assert fake.device.u == pytest.approx(before + 0.1)
    fake.station.handle_mode("ana", "PID")
    assert fake.device.u == pytest.approx(before + 0.1, abs=1e-9)
    fake.run(0.2)
    assert abs(fake.device.u - before - 0.1) < 0.06  # the noise of one sample through P and D
    fake.check_writes()


def test_a_write_to_an_output_goes_to_manual_within_the_rate(fake):
    fake.station.handle_mode("ana", "PID")
    fake.run(2)
    fake.station.handle_output("ana", "heater", 1.0)
    assert fake.station.mode is Mode.MANUAL
    fake.run(3)
    assert fake.device.u == 1.0
    fake.check_writes()


def test_setpoint_edit_ends_advise_and_policy(bench):
    for mode in (Mode.ADVISE, Mode.POLICY):
        bench.enter(mode)
        bench.station.handle_setpoint("ana", "temperature", 400.0)
        assert bench.station.mode is Mode.PID


@pytest.mark.parametrize("mode", ["ADVISE", "POLICY"])
def test_no_policy_is_loaded(bench, mode):
    with pytest.raises(CommandError, match=r"^no policy loaded$"):
        bench.station.handle_mode("ana", mode)
    assert bench.station.mode is Mode.OFF
    assert bench.kinds("refused")[-1]["who"] == "operator:ana"


def test_halt_is_latched_and_reset_by_a_person_only(bench):
    bench.station.handle_mode("ana", "PID")
    bench.station.handle_setpoint("ana", "temperature", 600.0)
    bench.run(30)
    assert bench.device.plant.heater > 0
    bench.station.handle_halt("ana", "smoke")
    assert bench.device.plant.heater == 0.0  # at once, not at the next cycle
    for command in (
        lambda: bench.station.handle_mode("ana", "PID"),
        lambda: bench.station.handle_take_over("ana"),
        lambda: bench.station.handle_output("ana", "heater", 0.1),
        lambda: bench.station.handle_setpoint("ana", "temperature", 400.0),
    ):
        with pytest.raises(CommandError, match="latched"):
            command()
    safes = bench.device.safes
    bench.run(2)
    assert bench.device.safes >= safes + 10
    assert bench.alarms()["safe"]["text"] == "SAFE: HALT by ana: smoke"
    bench.station.handle_reset("ana")
    bench.run(5)
    assert bench.station.mode is Mode.OFF
    assert bench.device.plant.heater == 0.0
    assert "safe" in bench.alarms()
    bench.station.handlers()["acknowledge"]("ana", "safe")
    assert bench.alarms() == {}


def test_hold_freezes_the_setpoint_and_keeps_the_loop_closed(bench):
    bench.station.handle_mode("ana", "PID")
    bench.station.handle_setpoint("ana", "temperature", 600.0)
    bench.run(20)
    bench.station.handle_mode("ana", "HOLD")
    frozen = bench.station.status()["pid"]["setpoint"]
    assert 480 < frozen < 510
    with pytest.raises(CommandError, match="freezes"):
        bench.station.handle_setpoint("ana", "temperature", 400.0)
    bench.run(60)
    assert bench.station.status()["pid"]["setpoint"] == frozen
    assert pytest.approx(frozen, abs=4.0) == bench.device.plant.T


def test_setpoint_before_the_mode(bench):
    """What is asked for in OFF moves nothing, and counts as soon as the loop is closed."""
    bench.station.handle_setpoint("ana", "temperature", 400.0)
    bench.run(5)
    assert bench.device.plant.heater == 0.0
    bench.station.handle_mode("ana", "PID")
    bench.run(60)
    assert pytest.approx(400.0, abs=3.0) == bench.device.plant.T
    bench.station.handle_halt("ana")
    bench.station.handle_reset("ana")
    bench.station.handle_mode("ana", "PID")
    bench.run(1)
    assert bench.station.status()["setpoints"]["temperature"] == pytest.approx(400.0, abs=3.0)  # measured, not resumed


def test_pressure_and_composition_ramp_through_the_gate(bench):
    bench.station.handle_mode("ana", "PID")
    bench.station.handle_setpoint("ana", "pressure", 0.4)
    bench.run(10)
    assert 0.15 < bench.station.status()["outputs"]["pressure"] < 0.25  # 0.02 GPa/s
    bench.run(30)
    assert pytest.approx(0.4, abs=0.02) == bench.device.plant.P
    bench.check_writes()


@pytest.mark.parametrize(
    ("command", "name", "value", "message"),
    [
        ("setpoint", "temperature", 1200.0, "temperature: 1200 K is above the limit 860 K"),
        ("setpoint", "temperature", math.nan, "temperature: nan is not a number that can be set"),
        ("setpoint", "pressure", -1, "pressure: -1 GPa is below the limit 0 GPa"),
        ("setpoint", "heater", 0.5, "no setpoint 'heater': pressure, composition, temperature"),
        ("output", "temperature", 500.0, "no output 'temperature': heater, pressure, composition"),
        ("output", "heater", 1.01, "heater: 1.01 is above the limit 1"),
        ("output", "heater", math.inf, "heater: inf is not a number that can be set"),
    ],
)
def test_wrong_values_are_refused_with_one_line(bench, command, name, value, message):
    bench.station.handle_mode("ana", "PID")
    with pytest.raises(CommandError) as error:
        getattr(bench.station, f"handle_{command}")("ana", name, value)
    assert str(error.value) == message
    assert bench.station.mode is Mode.PID
    assert bench.kinds("refused")[-1]["text"].endswith(message)


def test_unknown_mode(bench):
    with pytest.raises(CommandError, match="no mode 'AUTO': OFF, MANUAL"):
        bench.station.handle_mode("ana", "AUTO")


def test_replay_takes_no_setpoints():
    bench = Bench(lambda clock: FakeFurnace(clock, "replay", actuators=False))
    bench.run(1)
    for mode in ("MANUAL", "PID"):
        with pytest.raises(CommandError, match=r"^replay takes no setpoints$"):
            bench.station.handle_mode("ana", mode)
    for command in (bench.station.handle_setpoint, bench.station.handle_output):
        with pytest.raises(CommandError, match=r"^replay takes no setpoints$"):
            command("ana", "heater", 0.5)
    bench.run(5)
    assert bench.station.mode is Mode.OFF
    assert bench.device.writes == []
    assert bench.alarms() == {}


def test_over_temperature_holds_the_heater_off_with_hysteresis():
    def hot(clock):
        furnace = FakeFurnace(clock)
        furnace.true = 855.0
        furnace.description = replace(furnace.description, state={})  # no model that would notice the jumps below
        return furnace

    fake = Bench(hot)
    fake.station.handle_output("ana", "heater", 1.0)
    fake.run(0.6)
    assert fake.device.u > 0.2
    fake.furnace.true = 884.0
    fake.run(0.2)
    assert fake.station.mode is Mode.MANUAL
    assert fake.device.u == 0.0
    status = fake.station.status()
    assert [i["name"] for i in status["interlocks"]] == ["over_temperature"]
    assert "trips above 880" in status["interlocks"][0]["reason"]
    assert "interlock.over_temperature" in fake.alarms()
    fake.furnace.true = 866.0
    fake.run(0.2)
    assert fake.device.u == 0.0  # still above the release
    fake.furnace.true = 855.0
    fake.run(0.4)
    assert fake.station.status()["interlocks"] == ()
    assert fake.alarms()["interlock.over_temperature"]["state"] == "LATCH_UNACK"


def test_a_note_and_an_unknown_alarm(bench):
    bench.station.handle_note("ana", "film changed")
    assert bench.entries[-1]["text"] == "film changed"
    with pytest.raises(ValueError, match="no alarm 'x'"):
        bench.station.handlers()["acknowledge"]("ana", "x")


def test_a_bookmark_is_about_the_time_that_it_names(bench):
    bench.run(5)
    bench.station.handle_note("ana", "wall moves", t=3.0, bookmark=True)
    entry = bench.entries[-1]
    assert (entry["kind"], entry["who"], entry["data"]) == ("note", "operator:ana", {"t": 3.0, "bookmark": True})
    assert entry["t"] > 4.9
    for t in (-1.0, 1e6, float("nan")):
        with pytest.raises(CommandError, match="not within the run"):
            bench.station.handle_note("ana", "x", t=t)


def test_stop_makes_safe(bench):
    bench.station.handle_mode("ana", "PID")
    bench.station.handle_setpoint("ana", "temperature", 500.0)
    bench.run(10)
    assert not bench.station.safe_seen()
    bench.station.stop()
    assert bench.device.plant.heater == 0.0
    bench.clock.advance(0.2)
    assert bench.station.safe_seen()
    assert bench.entries[-1]["kind"] == "stop"


def test_a_device_that_raises_is_reported_once_and_made_safe(fake):
    fake.station.handle_mode("ana", "PID")
    fake.run(10)
    fake.furnace.fail = RuntimeError("cable\nout")
    fake.run(2)
    assert fake.station.mode is Mode.SAFE
    assert len([e for e in fake.kinds("device") if "RuntimeError: cable" in e["text"]]) == 2  # readings, describe


def test_a_heater_that_does_not_follow_is_told_and_sent_again(fake):
    fake.station.handle_take_over("ana")
    fake.station.handle_output("ana", "heater", 0.2)
    fake.run(2)
    fake.furnace.u = 0.0  # a watchdog of its own, say
    fake.run(1.4)
    assert fake.device.u == pytest.approx(0.2)
    fake.furnace.write = lambda setpoint: None
    fake.furnace.u = 0.0
    fake.run(4)
    assert "heater shows 0, sent 0.2" in fake.alarms()["output"]["text"]


def test_a_refusal_that_repeats_is_noted_once_in_10_s(fake):
    fake.on_cycle = lambda: fake.station.device_refused("safe: nobody takes commands")
    fake.run(25)
    assert len([e for e in fake.kinds("refused") if e["who"] == "device"]) == 3


def test_another_device_in_its_place_is_found_in_off(fake):
    fake.station.handle_take_over("ana")
    fake.station.handle_output("ana", "heater", 0.2)
    fake.run(2)
    old = fake.furnace.description
    actuators = (Actuator("heater", "1", Limits(0.0, 0.5), 0.0),)
    fake.furnace.description = type(old)("Other", "real", (), old.readings, actuators, old.state)
    fake.run(0.2)
    assert fake.station.mode is Mode.OFF
    assert fake.device.u == 0.0
    assert fake.station.status()["limits"]["heater"].high == 0.5


def test_a_device_without_a_heater_or_with_limits_that_exclude_ours_is_not_driven():
    for actuator in (Actuator("pressure", "GPa", Limits(0.0, 2.0), None), Actuator("heater", "1", Limits(2, 3), 2.0)):

        def make(clock, actuator=actuator):
            furnace = FakeFurnace(clock)
            furnace.description = replace(furnace.description, actuators=(actuator,))
            return furnace

        bench = Bench(make)
        for mode in ("PID", "MANUAL"):
            with pytest.raises(CommandError, match=r"no heater|no actuators"):
                bench.station.handle_mode("ana", mode)
        bench.run(2)
        assert bench.device.writes == []


def test_before_the_device_is_reached():
    class Nobody(FakeFurnace):
        def describe(self):
            return None

        def readings(self):
            return {}

    bench = Bench(Nobody)
    with pytest.raises(CommandError, match="not been reached"):
        bench.station.handle_mode("ana", "PID")
    bench.station.handle_halt("ana")
    assert bench.device.safes
    bench.station.handle_reset("ana")
    bench.run(12)
    assert bench.station.status()["device"]["state"] == "connecting"
    assert "device" in bench.alarms()


def test_readings_carry_the_stations_quality(fake):
    fake.run(5)
    assert {r.quality for r in fake.station.status()["readings"].values()} == {Quality.GOOD}
    fake.furnace.spoil = lambda r: Reading(r.name, math.nan, r.unit, r.t)
    fake.run(0.4)
    readings = fake.station.status()["readings"]
    assert readings["temperature"].quality is Quality.BAD
    assert readings["pressure"].quality is Quality.GOOD


def test_station_imports_nothing_heavy():
    import subprocess
    import sys

    heavy = "('torch', 'PySide6', 'h5py', 'scipy', 'pymatgen')"
    code = f"import sys, matstudio.station.__main__; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_audit_chain_is_continued(fake):
    from matstudio.control.audit import Link

    entries = []
    last = fake.entries[-1]
    Station(fake.device, fake.clock, record=entries.append, link=Link(last["n"], last["hash"]))
    assert verify([*fake.entries, *entries]) == []


def test_a_station_that_was_started_again_says_so_until_it_is_acknowledged(fake):
    from matstudio.control.audit import Link

    last = fake.entries[-1]
    again = Station(fake.device, fake.clock, link=Link(last["n"], last["hash"]))
    for _ in range(3):
        fake.clock.advance(0.2)
        again.cycle()
    status = again.status()
    assert status["mode"] is Mode.OFF
    assert [a["text"] for a in status["alarms"]] == ["the station was started again; nothing is resumed"]
    again.handlers()["acknowledge"]("ana", "restart.station")
    assert again.status()["alarms"] == ()


def test_a_device_that_was_started_again_is_told(fake):
    fake.run(1)
    state = dict(fake.furnace.description.state) | {"boot": "another"}
    fake.furnace.description = replace(fake.furnace.description, state=state)
    fake.run(1)
    assert fake.alarms()["restart.device"]["text"] == "Fake was started again"


def test_a_thousand_names_do_not_swell_the_status(bench):
    for i in range(1000):
        bench.clock.advance(0.001)
        bench.station.handle_hello(f"client {i}", "cli")
    clients = bench.station.status()["clients"]
    assert len(clients) == 50
    assert "client 999" in clients


def test_no_heartbeat_before_the_device_is_known(fake):
    """A station that was started again must not keep the device's watchdog quiet before it can write to it."""
    fake.furnace.beats.clear()
    fake.furnace.fail = DeviceError("no answer yet")
    again = Station(fake.device, fake.clock)
    for _ in range(5):
        fake.clock.advance(0.2)
        again.cycle()
    assert fake.furnace.beats == []
    fake.furnace.fail = None
    fake.clock.advance(0.2)
    again.cycle()
    assert fake.furnace.beats == [fake.clock.now()]
    assert fake.device.writes[-1].name == "heater"
    assert fake.device.writes[-1].value == 0
