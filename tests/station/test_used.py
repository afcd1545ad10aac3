"""What has changed of the limits is told with old and new."""

from dataclasses import replace

from matstudio.control.limits import DEFAULTS
from matstudio.domain.process import Limits
from matstudio.station.used import changes


def test_changed_limits_are_told_once(tmp_path):
    path = tmp_path / "config" / "used.json"
    assert changes(DEFAULTS, path) == ({}, {})
    assert changes(DEFAULTS, path) == ({}, {})
    narrow = replace(DEFAULTS, limits={**DEFAULTS.limits, "temperature": Limits(250.0, 700.0, 10.0)})
    assert changes(narrow, path) == ({"limits.temperature.high": 860.0}, {"limits.temperature.high": 700.0})
    assert changes(replace(DEFAULTS, fault="line 3"), path) == ({}, {})
    assert changes(narrow, path) == ({}, {})
    path.write_text("{")
    assert changes(DEFAULTS, path) == ({}, {})


def test_edits_carry_old_new_and_why(fake):
    fake.station.handle_mode("ana", "PID", "first anneal")
    fake.station.handle_setpoint("ana", "temperature", 500.0, "recipe 3")
    fake.station.handle_setpoint("ana", "temperature", 520.0)
    mode, (first, second) = fake.kinds("mode")[-1]["data"], [e["data"] for e in fake.kinds("setpoint")]
    assert (mode["old"], mode["new"], mode["why"]) == ("OFF", "PID", "PID chosen by ana: first anneal")
    assert (first["new"], first["unit"], first["why"]) == (500.0, "K", "recipe 3")
    assert (second["old"], second["new"]) == (500.0, 520.0)
    fake.station.handle_output("ana", "heater", 0.1, "by hand")
    assert fake.kinds("mode")[-1]["data"]["why"] == "output heater written by ana: by hand"
    assert fake.kinds("output")[-1]["data"]["new"] == 0.1
    assert {"old", "value"} <= set(fake.kinds("write")[-1]["data"])
    tuned = fake.kinds("tuning")
    assert not tuned or {"old", "new", "why"} <= set(tuned[-1]["data"])
