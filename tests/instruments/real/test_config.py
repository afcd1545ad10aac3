"""What is wrong with a configuration is told in one line, with file, line and key."""

from pathlib import Path

import pytest

from matstudio.bus.textfile import config_folder
from matstudio.domain.clock import RealClock
from matstudio.instruments.epics.ioc import configuration
from matstudio.instruments.real import serve
from matstudio.instruments.real.config import ConfigError, find, load, parse

FILE = Path("f.toml")
GOOD = configuration("MS1:", image=True)


def test_a_good_one():
    config = parse(GOOD, FILE, "epics")
    assert config.readings["temperature"].max_age == 0.5
    assert config.actuators["heater"].safe == 0.0
    assert config.actuators["pressure"].safe is None
    assert config.holder.furnace["gain_K"] == 650.0
    assert config.streams["image"].frame_bytes == 2 * 256 * 256
    assert config.heartbeat == "MS1:HEARTBEAT"


def test_the_digest_is_that_of_what_it_says():
    one = parse(GOOD, FILE)
    assert parse("# a remark\n" + GOOD, Path("other.toml")).digest == one.digest
    assert parse(GOOD.replace("max_rate = 5.0", "max_rate = 6.0"), FILE).digest != one.digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "epics"', 'kind = "epic"', "line 2: kind: 'epic', not epics, modbus, scpi, bridge"),
        ("version = 1", "version = 2", "line 1: version: 2, this program reads 1"),
        ("max_age = 0.5", "max_age = 60", "line 21: readings.temperature.max_age: 60 s, not within 0 to 10 s"),
        ("max_age = 0.5", "maxage = 0.5", "readings.temperature.maxage: unknown key; known: address, unit"),
        ("rate = 0.5, safe = 0.0", "rate = 0.5", "line 30: actuators.heater: safe is missing"),
        ("rate = 0.5, safe = 0.0", "rate = 0.5, safe = 2.0", "safe: 2 is not within 0 to 1"),
        ("rate = 0.5, safe", "rate = nan, safe", "actuators.heater.rate: must be a number, not nan"),
        ("max_temperature = 900.0", "max_temperature = true", "holder.max_temperature: must be a number, not True"),
        ('name = "Soft IOC\'s furnace"', "", "holder.name: is missing"),
        ("tau = 60.0", "tau = 0.0", "line 14: holder.tau: 0 cannot be"),
        ("tau = 60.0", "", "holder: tau missing"),
        ('unit = "K", low = 250.0', 'unit = "°C", low = 250.0', "readings.temperature.unit: must be 'K'"),
        ("low = 250.0, high = 1000.0", "low = 250.0, high = 200.0", "low 250 < high 200 must hold"),
        ("shape = [256, 256]", "shape = [256, -1]", "streams.image.shape: [256, -1], not [rows, columns]"),
        ("queue = 64", "queue = 0", "streams.image.queue: 0, not 1 to 10000 frames"),
        ("[holder]", "[holder", "(at line 8, column 8)"),
    ],
)
def test_what_is_wrong_is_named(old, new, message):
    assert old in GOOD
    with pytest.raises(ConfigError) as error:
        parse(GOOD.replace(old, new), FILE)
    assert str(error.value).startswith("f.toml: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_heater_needs_a_holder_and_a_temperature():
    text = GOOD.replace("[holder]", "[facts]")
    with pytest.raises(ConfigError, match="unknown key"):
        parse(text, FILE)
    start, end = GOOD.index("[holder]"), GOOD.index("[readings]")
    with pytest.raises(ConfigError, match=r"a heater needs a \[holder\]"):
        parse(GOOD[:start] + GOOD[end:], FILE)
    with pytest.raises(ConfigError, match="needs a reading 'temperature'"):
        parse(GOOD.replace("\ntemperature = {", "\nthermometer = {"), FILE)


def test_files_are_found_in_the_configuration_folder(runtime):
    folder = config_folder() / "instruments"
    folder.mkdir(parents=True)
    (folder / "stage.toml").write_text(GOOD)
    assert find("stage") == folder / "stage.toml"
    assert load(find("stage"), "epics").name == "Soft IOC MS1:"
    assert serve.configuration("epics:stage").name == "Soft IOC MS1:"
    assert serve.configuration("epics:LAB7:").readings["temperature"].address == "LAB7:T"
    for wrong in ("epics:nowhere", "epics:", "sextant:stage", "modbus:LAB7:"):
        with pytest.raises(ConfigError):
            serve.configuration(wrong)
    with pytest.raises(ConfigError, match="kind: 'epics', not modbus"):
        serve.configuration("modbus:stage")


@pytest.mark.parametrize(
    ("kind", "connection", "address", "message"),
    [
        ("modbus", 'host = "h"', "holding:1:int12", "readings.t.address: 'int12': not int16"),
        ("modbus", 'host = "h"', "holding:70000:int16", "there are registers 0 to 65535"),
        ("modbus", "", "holding:1:int16", "connection: host is missing"),
        ("modbus", 'host = "h"\nspeed = 1', "coil:1", "connection.speed: unknown key"),
        ("scpi", "", "MEAS?", "connection: resource is missing"),
        ("bridge", 'host = "10.1.2.3"', "t", "connection.host: not this computer: give key_file"),
    ],
)
def test_what_is_wrong_with_a_kinds_own_keys_is_named(kind, connection, address, message):
    text = (
        f'kind = "{kind}"\nname = "n"\n[connection]\n{connection}\n'
        f'[readings.t]\naddress = "{address}"\nunit = "K"\nlow = 0\nhigh = 1\n'
    )
    with pytest.raises(ConfigError) as error:
        serve.link(parse(text, FILE), RealClock.start())
    assert message in str(error.value)


def test_what_cannot_be_written_is_refused():
    text = (
        'kind = "modbus"\nname = "n"\n[connection]\nhost = "h"\n[readings.t]\naddress = "input:1:int16"\nunit = "K"\n'
        'low = 0\nhigh = 1\n[actuators.v]\naddress = "input:2:int16"\nunit = "1"\nlow = 0\nhigh = 1\n'
    )
    with pytest.raises(ConfigError, match=r"line 11: actuators\.v\.address: 'input:2:int16' cannot be written"):
        serve.link(parse(text, FILE), RealClock.start())
