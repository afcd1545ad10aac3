"""A station whose file of limits cannot be used."""

import pytest

from matstudio.bus.messages import CommandError
from matstudio.control.limits import DEFAULT_LIMITS, Settings
from matstudio.domain.process import Mode
from matstudio.station.core import Station


def test_limits_that_cannot_be_used_are_an_alarm_and_nothing_is_driven(fake):
    fault = "limits.toml: line 3: limits.heater.high: must be a number"
    fake.station = Station(fake.device, fake.clock, Settings(DEFAULT_LIMITS, fault=fault), record=fake.entries.append)
    fake.run(1)
    for mode in ("MANUAL", "PID"):
        with pytest.raises(CommandError) as error:
            fake.station.handle_mode("ana", mode)
        assert str(error.value) == fault
    with pytest.raises(CommandError, match="line 3"):
        fake.station.handle_take_over("ana")
    for command, name, value in (
        (fake.station.handle_output, "heater", 0.1),
        (fake.station.handle_setpoint, "pressure", 1),
    ):
        with pytest.raises(CommandError, match="line 3"):
            command("ana", name, value)
    fake.run(30)
    assert fake.station.mode is Mode.OFF
    assert {w.value for w in fake.device.writes if w.name == "heater"} <= {0.0}
    assert not [w for w in fake.device.writes if w.name != "heater"]
    assert fake.alarms()["limits"]["text"] == fault
    fake.station.handle_halt("ana")
    assert fake.station.mode is Mode.SAFE
