"""Limits of the electron dose."""

import math

import pytest

from matstudio.control import dose
from matstudio.control.dose import DoseLimits
from matstudio.control.limits import SettingsError, load_settings
from matstudio.domain.process import Quality, Reading


def readings(value, quality=Quality.GOOD):
    return {"dose": Reading("dose", value, "e/Å²", 0.0, quality)}


def test_without_limits_nothing_is_blanked_or_told():
    assert DoseLimits().interlocks() == ()
    assert dose.conditions(DoseLimits(), readings(1e12)) == {}


def test_people_are_told_at_nine_tenths():
    limits = DoseLimits(budget=1000.0)
    assert dose.conditions(limits, readings(899.0)) == {}
    assert dose.conditions(limits, readings(math.nan)) == {}
    assert dose.conditions(limits, readings(950.0, Quality.BAD)) == {}
    assert dose.conditions(limits, {}) == {}
    assert dose.conditions(limits, readings(950.0))["dose"].text == "dose 950 of 1000 e/Å², 95 % of the budget"


def test_the_file(tmp_path):
    path = tmp_path / "limits.toml"
    path.write_text("[dose]\nbudget = 1e6\n")
    settings = load_settings(path)
    assert settings.dose == DoseLimits(1e6)
    assert [i.name for i in settings.interlocks] == ["over_temperature", "dose_budget"]
    assert settings.interlocks[1].actuator == "beam"
    path.write_text("[dose]\nbudget = 1e6\nrate = -1\n")
    with pytest.raises(SettingsError, match=r"line 3: dose\.rate: .*must be more than 0"):
        load_settings(path)
    path.write_text("[dose]\nbudget = 'much'\n")
    with pytest.raises(SettingsError, match=r"line 2: dose\.budget: must be a number"):
        load_settings(path)
