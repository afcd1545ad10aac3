"""The dose card, and the set-up of a real device: what is said, what is tested, what may be confirmed."""

from pathlib import Path

import pytest

from matstudio.bus.rundir import Run
from matstudio.domain.clock import RealClock
from matstudio.domain.device import Description
from matstudio.domain.process import Limits, Quality, Reading
from matstudio.instruments.epics.ioc import configuration
from matstudio.instruments.real.config import KINDS, instruments_folder, parse
from matstudio.ui.live import Live
from matstudio.ui.present import device_setup, dose

FILE = Path("/somewhere/stage.toml")
GOOD = configuration("MS1:")
FIELDS = ("value", "unit", "quality", "age", "severity")


def live(mode="PID", total=5e5, beam=1.0, budget=1e6, quality=Quality.GOOD):
    made = Live(Run(Path("/nowhere"), RealClock.start(), "twin"))
    values = {"dose_rate": (163840.0, "e/Å²/s"), "dose": (total, "e/Å²"), "beam": (beam, "1")}
    readings = {name: Reading(name, v, unit, 1.0, quality) for name, (v, unit) in values.items()}
    told = {"budget": budget} if budget else {}
    device = {"dose": told, "digest": "abc"}
    status = {"t": 1.0, "mode": mode, "readings": readings, "limits": {"beam": Limits(0, 1)}, "device": device}
    made.take("status", status)
    return made


def test_the_dose_with_its_budget():
    card = dose.present(live())
    assert (card.rate, card.total) == ("163,840 e/Å²/s", "500,000 e/Å²")
    assert card.budget == "budget 1,000,000 e/Å², 50 % spent"
    assert (card.fraction, card.level, card.beam, card.button, card.on) == (0.5, "", "on", "Blank", False)
    assert dose.present(live(total=9.5e5)).level == "caution"
    assert dose.present(live(total=1.2e6)).level == "bad"
    assert dose.present(live(budget=None)).budget == "no budget"


def test_a_blanked_beam_can_be_put_on_unless_the_mode_is_safe():
    card = dose.present(live(beam=0.0))
    assert (card.beam, card.button, card.on, card.locked) == ("blanked", "Beam on", True, "")
    assert dose.present(live(beam=0.0, mode="SAFE")).locked == "SAFE is latched: reset it first"
    assert dose.present(live(mode="SAFE")).locked == ""  # blanking is always open
    assert dose.present(live(quality=Quality.STALE)).beam == ""


def test_a_device_without_dose_and_beam_has_no_card():
    made = live()
    made.take("status", {"t": 1.0, "mode": "OFF", "readings": {}, "limits": {}})
    made.take("description", Description("d", "real", (), {}, (), {}))
    assert dose.present(made) is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_example_is_right(kind):
    config, problem = device_setup.check(device_setup.example(kind), FILE)
    assert problem == ""
    assert config.kind == kind
    assert kind in device_setup.TITLES


def test_what_is_wrong_is_said_without_the_folder():
    config, problem = device_setup.check(GOOD.replace("tau = 60.0", "tau = 'sixty'"), FILE)
    assert (config, problem) == (None, "line 14: holder.tau: must be a number, not 'sixty'")


def test_the_profile_has_units():
    rows = dict(device_setup.profile(parse(GOOD, FILE)))
    assert rows["Greatest temperature"] == "900 K"
    assert rows["heater"] == "0 to 1, 0.5/s at most; safe value 0"
    assert rows["pressure"] == "0 to 2 GPa, 0.02 GPa/s at most; stays as it is in SAFE"
    assert rows["Watchdog"] == "heartbeat to MS1:HEARTBEAT"
    text = GOOD[: GOOD.index("gain = ")] + GOOD[GOOD.index("[readings]") :]
    assert dict(device_setup.profile(parse(text, FILE)))["Furnace"].startswith("not described")


def told(name, quality="good", value=1.0):
    return {"name": name, "value": value, "unit": "K", "quality": quality, "age": 0.05, "severity": ""}


def test_only_what_was_saved_and_tested_may_be_confirmed():
    config = parse(GOOD, FILE)
    test = device_setup.Test(config.digest)
    assert device_setup.refusal(None, True, test) == "the configuration is not right yet"
    assert device_setup.refusal(config, False, test) == "save it first"
    assert "test it first" in device_setup.refusal(config, True, test)
    test.take({"link": "", "readings": [told("temperature")], "frames": {}}, config)
    assert "heater" in test.line()
    assert not test.passed
    readings = [told(name) for name in config.readings]
    test.take({"link": "", "readings": readings, "frames": {"image": 3}}, config)
    assert test.line() == "7 of 7 readings good; image: 3 frames"
    assert device_setup.refusal(config, True, test) == ""
    assert device_setup.refusal(parse(GOOD.replace("900.0", "901.0"), FILE), True, test) != ""
    test.take({"link": "", "readings": [*readings[1:], told("temperature", "stale")], "frames": {}}, config)
    assert not test.passed
    test.take({"link": "no answer", "readings": readings, "frames": {}}, config)
    assert test.line() == "no answer"
    assert not test.passed


def test_rows_of_the_test():
    row = device_setup.row(told("temperature", value=-0.000112))
    assert row == ("temperature", "−0.000112", "K", "good", "0.05 s", "")
    assert device_setup.row(told("t", "bad", None))[1] == "–"


def test_the_dialog_edits_saves_tests_and_confirms(qtbot):
    from matstudio.ui.device_dialog import DeviceDialog, _Confirmation

    confirmed = []
    dialog = DeviceDialog(lambda config: confirmed.append(config) or "confirmed")
    qtbot.addWidget(dialog)
    dialog.show()
    assert not dialog.test.isEnabled()
    dialog.begin("modbus", "furnace")
    qtbot.waitUntil(lambda: dialog.problem.text() == "The configuration is right.")
    assert dialog.save.isEnabled()
    assert not dialog.test.isEnabled()
    dialog.save.click()
    path = instruments_folder() / "furnace.toml"
    assert path.read_text() == device_setup.example("modbus")
    assert [dialog.files.item(i).text() for i in range(dialog.files.count())] == ["furnace.toml"]
    dialog.text.setPlainText(device_setup.example("modbus").replace("10.0.3.20", "127.0.0.1").replace("502", "1"))
    qtbot.waitUntil(dialog.save.isEnabled)
    dialog.save.click()
    dialog.test.click()
    qtbot.waitUntil(lambda: "nobody answers at 127.0.0.1:1" in dialog.state.text(), timeout=20000)
    assert not dialog.arm.isEnabled()
    config = dialog._config  # as if a device had answered
    dialog._test.take({"link": "", "readings": [told(name) for name in config.readings], "frames": {}}, config)
    dialog._allow()
    assert dialog.arm.isEnabled()
    dialog.arm.click()
    dialog.findChild(_Confirmation).agree.click()
    assert confirmed == [config]
    dialog.begin("scpi", "furnace")
    assert dialog.state.text() == "furnace.toml is there already"
    dialog.close()
