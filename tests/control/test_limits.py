"""Settings from TOML: defaults, what a file changes, and messages that name line and key."""

import pytest

from matstudio.control.limits import DEFAULTS, SettingsError, limits_path, load_settings, settings_or_fault
from matstudio.domain.process import Limits


def load(tmp_path, text):
    path = tmp_path / "limits.toml"
    path.write_text(text)
    return load_settings(path)


def test_no_file_means_the_defaults(tmp_path, monkeypatch):
    monkeypatch.setenv("MATSTUDIO_CONFIG", str(tmp_path))
    assert limits_path() == tmp_path / "limits.toml"
    assert load_settings() == DEFAULTS


def test_a_file_changes_what_it_names(tmp_path):
    settings = load(
        tmp_path,
        """
[limits.temperature]
high = 700
[limits.gas]
low = 0
high = 5.5
rate = 0.1
[interlocks.over_temperature]
above = 720
release = 700
[pid]
gain = 0.02
ti = 40
""",
    )
    assert settings.limits["temperature"] == Limits(250.0, 700.0, 10.0)
    assert settings.limits["gas"] == Limits(0.0, 5.5, 0.1)
    assert settings.limits["heater"] == DEFAULTS.limits["heater"]
    assert (settings.interlocks[0].above, settings.interlocks[0].reading) == (720.0, "temperature")
    assert settings.pid.gain == 0.02
    assert settings.digest != DEFAULTS.digest
    assert len(settings.digest) == 64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[limits.heater]\nlow = 0.0\nhigh = '1'", "line 3: limits.heater.high: must be a number, not '1'"),
        ("[limits.heater]\nhigh = true", "line 2: limits.heater.high: must be a number, not True"),
        ("\n[limits.heater]\n\nhihg = 1", "line 4: limits.heater.hihg: unknown key; known: low, high, rate"),
        ("[limits.heater]\nrate = -1", "line 2: limits.heater.rate: low 0 <= high 1 and rate -1 > 0 must hold"),
        ("[limits.heater]\nlow = nan", "line 2: limits.heater.low: must be a number, not nan"),
        ("[limits.heater]\nhigh = inf", "line 2: limits.heater.high: low 0 <= high inf and rate 0.5 > 0 must hold"),
        ("[limits]\nheater.low = 'x'", "line 2: limits.heater.low: must be a number"),
        ("[limits.gas]\nlow = 1", "line 1: limits.gas: low and high must be given"),
        ("[limits]\nheater = 3", "line 2: limits.heater: must be a table"),
        ("\nlimit = 3", "line 2: limit: unknown table; known: limits, interlocks, pid"),
        (
            "[interlocks.over_temperature]\nabove = 500\nrelease = 600",
            "line 3: interlocks.over_temperature.release: interlock over_temperature: release 600.0 must lie below",
        ),
        ("[interlocks.x]\nabove = 500", "line 1: interlocks.x: reading is missing"),
        ("[pid]\ngain = 0.02", "line 1: pid: ti is missing"),
        ("[pid]\ngain = 0\nti = 1", "line 1: pid: PID tuning"),
        ("[limits.heater\nlow = 0", "line 1"),
        ("", "limits.toml: empty"),
        (" \n\n", "limits.toml: empty"),
        ("version = 2\n[limits.heater]\nhigh = 0.5", "line 1: version: 2, this program reads 1"),
        ("[limits.heater]\nhigh = 0.5\n[version]\nx = 1", "line 3: version: {'x': 1}, this program reads 1"),
        (f"[limits.heater]\nhigh = 1{'0' * 4000}", "line 2: limits.heater.high: too large"),
        (f"[limits.heater]\nhigh = 1{'0' * 5000}", "integer string conversion"),
        (f"x = {'[' * 100_000}", "limits.toml: "),
        ('"a\\nb" = 1', "a b: unknown table"),
        ("[limits.heater]\nhigh = 1\0", "limits.toml: "),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    with pytest.raises(SettingsError) as error:
        load(tmp_path, text)
    assert message in str(error.value)
    assert str(tmp_path / "limits.toml") in str(error.value)
    assert "\n" not in str(error.value)


def test_a_binary_file_is_one_line(tmp_path):
    (tmp_path / "limits.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"limits\.toml"):
        load_settings(tmp_path / "limits.toml")


def test_a_file_that_cannot_be_used_leaves_its_fault_and_stays_where_it_is(tmp_path):
    """Were it moved away, the next start would take the built-in limits, which may be wider."""
    path = tmp_path / "limits.toml"
    path.write_text("[limits.temperature]\nhigh = 500\n[limits.heater")
    for _ in range(2):
        settings = settings_or_fault(path)
        assert settings.fault.startswith(f"{path}: ")
    path.write_text("version = 1\n[limits.temperature]\nhigh = 500")
    assert settings_or_fault(path).fault == ""
    assert settings_or_fault(path).limits["temperature"].high == 500.0


def test_a_folder_in_place_of_the_file_is_a_fault(tmp_path):
    (tmp_path / "limits.toml").mkdir()
    assert settings_or_fault(tmp_path / "limits.toml").fault.endswith("limits.toml: a folder, not a file")


@pytest.mark.parametrize(
    ("bands", "message"),
    [
        ("[[pid.band]]\ngain = 0.1\nti = 9.0\n", "line 4: pid.band.1: above is missing"),
        ("[[pid.band]]\nabove = 500.0\ngain = 0.1\n", "line 4: pid.band.1: ti is missing"),
        (
            "[[pid.band]]\nabove = 500.0\ngain = 0.1\nti = 9.0\n[[pid.band]]\nabove = 501.0\ngain = 0.1\nti = 9.0\n",
            "line 9: pid.band.2.above: above 501 must be more than 6 K over 500 of the band before",
        ),
        ("[[pid.band]]\nabove = 500.0\ngain = 0.1\nti = 9.0\ncolour = 1\n", "line 8: pid.band.1.colour: unknown key"),
        ("band = 3\n", "line 4: pid.band: must be [[pid.band]] tables"),
    ],
)
def test_messages_of_bands(tmp_path, bands, message):
    path = tmp_path / "limits.toml"
    path.write_text("[pid]\ngain = 0.01\nti = 60.0\n" + bands)
    with pytest.raises(SettingsError) as told:
        load_settings(path)
    assert message in str(told.value)
