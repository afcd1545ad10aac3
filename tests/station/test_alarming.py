"""Alarms of the station: the cause is marked, what is latched is reset, a person may shelve."""

from dataclasses import replace

import pytest

from matstudio.bus.messages import CommandError, check
from matstudio.bus.published import problem
from matstudio.domain.process import Mode

from .conftest import spoilt


def rows(bench):
    return {k: (a["state"], a["first"]) for k, a in bench.alarms().items()}


def do(bench, name, **fields):
    assert check("station", name, fields | {"who": "ana"}) is None
    return bench.station.handlers()[name](who="ana", **fields)


def test_the_cause_of_a_trip_is_marked_until_the_reset(fake):
    fake.enter(Mode.PID)
    fake.furnace.spoil = spoilt("stuck")
    fake.run(1)
    assert rows(fake) == {"sensor.temperature": ("UNACK", True), "safe": ("UNACK", False)}
    fake.furnace.spoil = lambda reading: reading
    fake.run(1)
    assert rows(fake)["sensor.temperature"] == ("UNACK", True)  # a sensor that comes and goes does not chatter
    fake.run(2)
    assert rows(fake)["sensor.temperature"] == ("LATCH_UNACK", True)
    for name in ("sensor.temperature", "safe"):
        do(fake, "acknowledge", alarm=name)
    fake.run(1)
    assert rows(fake) == {"sensor.temperature": ("LATCH_ACK", True), "safe": ("ACK", False)}
    do(fake, "reset")
    fake.run(1)
    assert (rows(fake), fake.station.mode) == ({}, Mode.OFF)
    assert problem("status", fake.station.status()) == ""


def test_a_halt_is_its_own_cause_and_goes_with_one_reset(fake):
    fake.enter(Mode.PID)
    fake.station.handle_halt("ana")
    fake.run(1)
    assert rows(fake) == {"safe": ("UNACK", True)}
    do(fake, "reset")
    fake.run(1)
    assert rows(fake) == {"safe": ("RTN_UNACK", False)}


def test_a_latched_alarm_is_reset_in_any_mode(fake):
    fake.enter(Mode.MANUAL)
    fake.furnace.true = 884.0
    fake.run(0.2)
    fake.furnace.true = 400.0
    fake.run(1)
    do(fake, "acknowledge", alarm="interlock.over_temperature")
    fake.station._enter(Mode.OFF, "test", "not SAFE")  # the jump was a fault, too
    fake.run(4)
    assert rows(fake)["interlock.over_temperature"][0] == "LATCH_ACK"
    do(fake, "reset")
    assert "interlock.over_temperature" not in rows(fake)
    for name in list(rows(fake)):
        do(fake, "acknowledge", alarm=name)
    fake.run(1)
    with pytest.raises(CommandError, match="nothing to reset"):
        do(fake, "reset")


def test_shelved_for_some_minutes_with_who_and_why(fake):
    fake.station.recording_error = "recording stopped: no space"
    fake.run(1)
    for minutes in (0, -1, 481, float("nan")):
        with pytest.raises(ValueError, match="is not within 0 to 480 min"):
            do(fake, "shelve", alarm="recording", minutes=minutes, reason="the disk is being changed")
    do(fake, "shelve", alarm="recording", minutes=2, reason="the disk is being changed")
    row = fake.alarms()["recording"]
    assert (row["state"], row["by"], row["reason"]) == ("SHELVED", "ana", "the disk is being changed")
    assert row["until"] == pytest.approx(fake.clock.now() + 120)
    entry = fake.kinds("shelve")[-1]
    assert (entry["who"], entry["data"]["why"]) == ("operator:ana", "the disk is being changed")
    fake.run(118)
    assert fake.alarms()["recording"]["state"] == "SHELVED"
    fake.run(3)
    assert fake.alarms()["recording"]["state"] == "UNACK"
    assert fake.kinds("alarm")[-1]["data"]["old"] == "SHELVED"


def test_what_software_cannot_make_safe_is_urgent_and_cannot_be_shelved(fake):
    fake.enter(Mode.MANUAL)
    fake.station.handle_output("ana", "heater", 0.4)
    fake.run(2)
    real = fake.furnace.readings
    fake.furnace.readings = lambda: real() | {"heater": replace(real()["heater"], value=0.9)}
    fake.run(4)
    assert fake.alarms()["output"]["priority"] == "urgent"
    with pytest.raises(ValueError, match="urgent"):
        do(fake, "shelve", alarm="output", minutes=1, reason="no")
