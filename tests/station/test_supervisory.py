"""Programs and auto-tune in a station on the twin: what they do, and everything that ends or pauses them."""

import pytest

from matstudio.bus.messages import CommandError
from matstudio.control.limits import load_settings
from matstudio.domain.clock import SimClock
from matstudio.domain.process import Mode
from matstudio.instruments.twin.local import LocalTwin
from matstudio.station.core import Station

RECIPE = """
name = "short"
holdback = 25.0
[[segment]]
kind = "ramp"
to = 320.0
rate = 2.0
[[segment]]
kind = "soak"
time = 10.0
"""


def do(bench, name, /, **fields):
    return bench.station.handlers()[name](who="ana", **fields)


def program(bench):
    return bench.station.status()["program"]


def autotune(bench):
    return bench.station.status()["autotune"]


@pytest.fixture
def running(bench):
    do(bench, "mode", mode="PID")
    do(bench, "program", action="start", recipe=RECIPE)
    bench.run(3)
    return bench


@pytest.fixture
def swinging(bench):
    do(bench, "mode", mode="PID")
    do(bench, "setpoint", name="temperature", value=400.0)
    bench.run(90)
    do(bench, "autotune", action="start")
    bench.run(12)
    assert autotune(bench)["state"] == "swinging"
    return bench


def test_a_program_runs_to_its_end(running):
    first = program(running)
    assert (first["state"], first["segment"], first["doing"]) == ("running", 1, "ramp to 320 K at 2 K/s")
    running.run(25)
    assert program(running)["state"] == "done"
    assert running.station.mode is Mode.PID
    assert running.station.status()["setpoints"]["temperature"] == 320.0
    assert pytest.approx(320.0, abs=2.0) == running.device.plant.T
    texts = [e["text"] for e in running.kinds("program")]
    assert texts[0] == "short: started, 2 segments"
    assert "short: segment 2 of 2: soak for 10 s" in texts
    assert texts[-1] == "short: done: holds 320 K"
    running.check_writes()


def test_the_end_action_is_off(bench):
    do(bench, "mode", mode="PID")
    do(bench, "program", action="start", recipe='end = "off"\n[[segment]]\nkind = "soak"\ntime = 2.0\n')
    bench.run(4)
    assert bench.station.mode is Mode.OFF
    assert program(bench)["state"] == "done"
    assert bench.device.plant.heater == 0.0


@pytest.mark.parametrize(
    ("name", "fields", "state", "mode"),
    [
        ("setpoint", {"name": "temperature", "value": 400.0}, "stopped", Mode.PID),
        ("setpoint", {"name": "pressure", "value": 0.1}, "running", Mode.PID),
        ("take_over", {}, "stopped", Mode.MANUAL),
        ("output", {"name": "heater", "value": 0.1}, "stopped", Mode.MANUAL),
        ("halt", {}, "stopped", Mode.SAFE),
        ("mode", {"mode": "OFF"}, "stopped", Mode.OFF),
        ("mode", {"mode": "HOLD"}, "paused", Mode.HOLD),
        ("mode", {"mode": "ADVISE"}, "stopped", Mode.ADVISE),
        ("mode", {"mode": "POLICY"}, "stopped", Mode.POLICY),
        ("mode", {"mode": "PID"}, "running", Mode.PID),
        ("program", {"action": "pause"}, "paused", Mode.PID),
        ("program", {"action": "stop"}, "stopped", Mode.PID),
    ],
)
def test_what_ends_or_pauses_a_program(running, name, fields, state, mode):
    running.station.policy_loaded = True
    do(running, name, **fields)
    running.run(1)
    assert program(running)["state"] == state
    assert running.station.mode is mode
    if state == "stopped":
        before = running.station.status()["setpoints"]["temperature"]
        running.run(3)
        if mode is Mode.PID:
            assert running.station.status()["setpoints"]["temperature"] == before


def test_hold_pauses_and_a_person_resumes(running):
    do(running, "mode", mode="HOLD")
    at = program(running)["setpoint"]
    running.run(5)
    with pytest.raises(CommandError, match="PID"):
        do(running, "program", action="resume")
    do(running, "mode", mode="PID")
    running.run(2)
    assert program(running)["state"] == "paused"
    assert program(running)["setpoint"] == at
    do(running, "program", action="resume")
    do(running, "program", action="skip")
    running.run(11)
    assert program(running)["state"] == "done"


def test_a_fault_ends_it(running):
    running.device.fault("nan")
    running.run(2)
    assert running.station.mode is Mode.SAFE
    assert program(running)["state"] == "stopped"


def test_holdback_waits_for_the_furnace(bench):
    do(bench, "mode", mode="PID")
    text = 'holdback = 5.0\n[[segment]]\nkind = "step"\nto = 340.0\n[[segment]]\nkind = "soak"\ntime = 5.0\n'
    do(bench, "program", action="start", recipe=text)
    bench.run(4)
    assert program(bench)["waiting"]
    bench.run(30)
    assert program(bench)["state"] == "done"
    assert any("holdback: waits" in e["text"] for e in bench.kinds("program"))


@pytest.mark.parametrize(
    ("action", "recipe", "message"),
    [
        ("start", RECIPE.replace("320", "900"), "line 6: segment.1.to: 900 K is above the limit 860 K"),
        ("start", "", "[[segment]]"),
        ("pause", "", "no program that could pause"),
        ("resume", "", "no program that could resume"),
        ("fly", "", "no action 'fly'"),
    ],
)
def test_refused_with_one_line(bench, action, recipe, message):
    do(bench, "mode", mode="PID")
    with pytest.raises(CommandError) as told:
        do(bench, "program", action=action, recipe=recipe)
    assert message in str(told.value)
    assert "\n" not in str(told.value)
    assert program(bench) == {}


def test_a_program_needs_pid_and_one_at_a_time(running):
    with pytest.raises(CommandError, match="runs already"):
        do(running, "program", action="start", recipe=RECIPE)
    with pytest.raises(CommandError, match="a program runs"):
        do(running, "autotune", action="start")
    do(running, "take_over")
    with pytest.raises(CommandError, match="choose PID first"):
        do(running, "program", action="start", recipe=RECIPE)


def test_auto_tune_to_its_end(swinging):
    old = swinging.station.status()["pid"]
    swinging.run(200)
    found = autotune(swinging)
    assert found["state"] == "done"
    assert swinging.station.mode is Mode.PID
    assert swinging.station.status()["pid"]["gain"] == old["gain"]  # nothing changes until a person says so
    assert pytest.approx(400.0, abs=4.0) == swinging.device.plant.T
    best = found["proposals"][0]
    assert best["ms"] <= 1.6 + 1e-6
    assert found["model"]["delay"] == pytest.approx(2.1, abs=0.5)
    before = swinging.station.status()["outputs"]["heater"]
    do(swinging, "tune", gain=best["gain"], ti=best["ti"], td=best["td"], why="auto-tune, SIMC")
    assert swinging.station.status()["outputs"]["heater"] == before
    assert swinging.station.status()["pid"]["gain"] == best["gain"]
    entry = swinging.kinds("tuning")[-1]
    assert entry["who"] == "operator:ana"
    assert "auto-tune, SIMC" in entry["text"]
    assert entry["data"]["old"]["gain"] == old["gain"]
    swinging.check_writes()


@pytest.mark.parametrize(
    ("name", "fields", "why"),
    [
        ("autotune", {"action": "abort"}, "by ana"),
        ("setpoint", {"name": "temperature", "value": 390.0}, "setpoint edited"),
        ("take_over", {}, "taken over"),
        ("output", {"name": "heater", "value": 0.1}, "output heater written"),
        ("mode", {"mode": "HOLD"}, "HOLD chosen"),
        ("mode", {"mode": "OFF"}, "OFF chosen"),
        ("halt", {}, "HALT"),
    ],
)
def test_what_aborts_an_auto_tune(swinging, name, fields, why):
    low, high = autotune(swinging)["low"], autotune(swinging)["high"]
    do(swinging, name, **fields)
    told = autotune(swinging)
    assert told["state"] == "aborted"
    assert why in told["why"]
    if swinging.station.mode in (Mode.PID, Mode.HOLD):  # the loop goes on as it was
        middle = low + (high - low) * 0.06 / 0.16
        assert swinging.station.status()["pid"]["output"] == pytest.approx(middle, abs=0.11)
        swinging.run(40)
        assert pytest.approx(swinging.station.status()["pid"]["setpoint"], abs=4.0) == swinging.device.plant.T
    assert swinging.kinds("autotune")[-1]["text"].startswith("aborted")


def test_a_bad_sensor_aborts_it(swinging):
    swinging.device.fault("nan")
    swinging.run(1)
    assert swinging.station.mode is Mode.SAFE
    assert autotune(swinging)["state"] == "aborted"
    assert swinging.device.plant.heater == 0.0


def test_no_room_to_swing(bench):
    do(bench, "mode", mode="PID")
    bench.run(5)
    with pytest.raises(CommandError, match="no room to swing: the heater is at"):
        do(bench, "autotune", action="start")
    do(bench, "setpoint", name="temperature", value=400.0)
    bench.run(5)
    with pytest.raises(CommandError, match="still moves"):
        do(bench, "autotune", action="start")
    with pytest.raises(CommandError, match="amplitude"):
        do(bench, "autotune", action="start", amplitude=0.9)


@pytest.mark.parametrize(
    ("gain", "ti", "td", "message"),
    [
        (0.0, 1, 1, "gain must not be 0"),
        (float("nan"), 1, 1, "PID"),
        (0.1, -1, 1, "ti -1"),
        (0.1, 5, 9, "td 9"),
        (-0.1, 9, 1, "sense"),
        (1e300, 9, 1, "the whole output for 1 K"),
    ],
)
def test_wrong_tunings_are_refused(bench, gain, ti, td, message):
    before = bench.station.status()["pid"]
    with pytest.raises(CommandError, match=message):
        do(bench, "tune", gain=gain, ti=ti, td=td)
    assert bench.station.status()["pid"] == before


def test_bands_from_the_file(tmp_path):
    path = tmp_path / "limits.toml"
    path.write_text("[pid]\ngain = 0.01\nti = 60.0\n[[pid.band]]\nabove = 350.0\ngain = 0.02\nti = 30.0\ntd = 1.0\n")
    clock = SimClock()
    station = Station(LocalTwin(clock), clock, load_settings(path))
    station.cycle()
    handlers = station.handlers()
    handlers["mode"](who="ana", mode="PID")
    handlers["setpoint"](who="ana", name="temperature", value=370.0)
    gains = []
    for _ in range(300):
        clock.advance(0.2)
        handlers["hello"](who="ana", role="studio")
        station.cycle()
        gains.append(station.status()["pid"]["gain"])
    assert gains[0] == 0.01
    assert gains[-1] == 0.02
