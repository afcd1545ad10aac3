"""What a confirmation is of, and where it is kept."""

import json
from dataclasses import replace

from matstudio.control import arming
from matstudio.control.limits import DEFAULTS
from matstudio.domain.device import Actuator, Description
from matstudio.domain.process import Limits

HEATER = Actuator("heater", "1", Limits(0.0, 1.0, 0.5), 0.0)
STATE = {"holder": {"name": "h", "max_temperature": 700.0, "max_rate": 2.0}, "furnace": {"gain_K": 650.0}, "link": ""}
DEVICE = Description("Stage", "real", (), {"temperature": ("K", 250.0, 1000.0)}, (HEATER,), STATE)


def test_every_limit_counts_and_what_changes_by_itself_does_not():
    same = replace(DEVICE, state=STATE | {"link": "gone", "boot": "1"})
    assert arming.digest(same) == arming.digest(DEVICE)
    others = [
        replace(DEVICE, name="Other"),
        replace(DEVICE, actuators=(replace(HEATER, limits=Limits(0.0, 0.9, 0.5)),)),
        replace(DEVICE, actuators=(replace(HEATER, safe=0.1),)),
        replace(DEVICE, readings={"temperature": ("K", 250.0, 1100.0)}),
        replace(DEVICE, state=STATE | {"holder": STATE["holder"] | {"serial": "2"}}),
        replace(DEVICE, state=STATE | {"furnace": {"gain_K": 651.0}}),
        replace(DEVICE, state=STATE | {"configuration": {"digest": "x"}}),
    ]
    assert len({arming.digest(d) for d in [DEVICE, *others]}) == len(others) + 1


def test_confirmations_are_kept_and_a_damaged_file_confirms_nothing(tmp_path):
    path = tmp_path / "confirmed.json"
    assert arming.confirmed(path) == {}
    arming.confirm("a", "ana", path)
    arming.confirm("b", "ben", path)
    assert arming.confirmed(path) == {"a": "ana", "b": "ben"}
    for text in ("{", "[]", json.dumps({"a": 1})):
        path.write_text(text)
        assert arming.confirmed(path) == {}


def test_the_holder_narrows_the_limits():
    found = arming.narrowed(DEFAULTS, DEVICE)
    assert found.limits["temperature"] == Limits(250.0, 700.0, 2.0)
    assert found.limits["heater"] == DEFAULTS.limits["heater"]
    holder = found.interlocks[-1]
    assert (holder.above, holder.release, holder.actuator) == (720.0, 700.0, "heater")
    assert arming.narrowed(found, DEVICE).interlocks == found.interlocks
    for odd in ({}, {"holder": 3}, {"holder": {"max_temperature": "hot", "max_rate": 1.0}}):
        assert arming.narrowed(DEFAULTS, replace(DEVICE, state=odd)) is DEFAULTS
