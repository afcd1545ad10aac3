"""The source on a link that the test holds in its hands: ages, units, severities, frames, dose."""

from pathlib import Path

import numpy as np
import pytest

from matstudio.domain.clock import RealClock
from matstudio.domain.process import Quality
from matstudio.instruments.base import DeviceError
from matstudio.instruments.epics.ioc import configuration
from matstudio.instruments.real.config import parse
from matstudio.instruments.real.link import Link, Picture, Sample, Severity
from matstudio.instruments.real.source import RealSource

TEXT = configuration("T:", image=True).replace("queue = 64", "queue = 4")


class Still(Link):
    """A link whose thread never runs: the test says what has come."""

    def start(self):
        self._connected = self._ever = True

    def open(self): ...

    def read(self): ...

    def put(self, address, value, unit): ...

    def shut(self): ...


@pytest.fixture
def source():
    config = parse(TEXT, Path("d.toml"))
    clock = RealClock.start()
    return RealSource(config, Still(config, clock), clock)


def shown(source, t, **samples):
    for name, sample in samples.items():
        source._link.told(name, sample)
    source.step(t)
    return {r.name: r for r in source.readings()}


def test_age_range_severity_and_unit_make_the_quality(source):
    def quality(sample, t=10.0):
        return shown(source, t, temperature=sample)["temperature"].quality

    assert quality(Sample(300.0, 9.9, "K")) is Quality.GOOD
    assert quality(Sample(300.0, 9.4, "K")) is Quality.STALE  # its max_age is 0.5 s
    assert quality(Sample(300.0, 3610.0, "K")) is Quality.STALE  # from a clock that has jumped
    assert quality(Sample(2000.0, 9.9, "K")) is Quality.BAD
    assert quality(Sample(float("nan"), 9.9, "K")) is Quality.BAD
    assert quality(Sample(300.0, 9.9, "K", Severity.MAJOR, "HIHI")) is Quality.GOOD
    assert source.state()["severities"] == {"temperature": "MAJOR: HIHI"}
    assert quality(Sample(300.0, 9.9, "K", Severity.INVALID)) is Quality.BAD
    assert quality(Sample(300.0, 9.9, "Kelvin")) is Quality.GOOD
    assert quality(Sample(27.0, 9.9, "C")) is Quality.BAD
    assert source.state()["severities"] == {"temperature": "INVALID: the source states C, the configuration K"}


def test_nothing_is_shown_before_values_can_be_written(source):
    source._link._connected = source._link._ever = False
    assert shown(source, 10.0, temperature=Sample(300.0, 9.9, "K")) == {}
    source._link._ever = True
    assert shown(source, 10.0)["temperature"].value == 300.0


def test_what_is_told_on_a_change_is_as_old_as_the_others(source):
    old = Sample(0.5, 1.0)
    found = shown(source, 10.0, temperature=Sample(300.0, 9.9, "K"), heater=old)
    assert (found["heater"].t, found["heater"].quality) == (9.9, Quality.GOOD)
    found = shown(source, 12.0)
    assert found["heater"].quality is Quality.STALE
    found = shown(source, 12.0, temperature=Sample(300.0, 11.9, "K"))
    assert found["heater"].quality is Quality.GOOD
    source._link._lost("cut")
    found = shown(source, 12.0)
    assert (found["heater"].t, found["heater"].quality) == (1.0, Quality.STALE)


def test_lost_frames_are_counted(source):
    for n in (1, 2, 5, 6, 7, 8):  # two are lost on the way, two find the queue of four full
        source._link.pictured("image", Picture(n, 1.0, np.full((256, 256), n, np.uint16)))
    jobs = [job for _ in range(8) if (job := source.expose("image", 0, 0.0, 0.0)) is not None]
    assert [job().seq for job in jobs] == [1, 2, 5, 6]
    assert source.state()["lost"] == {"image": 4}
    source._link.pictured("image", Picture(9, 1.0, np.zeros((2, 2), np.uint16)))
    job = source.expose("image", 0, 0.0, 0.0)
    with pytest.raises(DeviceError, match=r"\(2, 2\) uint16, configured are \(256, 256\) uint16"):
        job()


def test_the_dose_is_counted_where_the_device_tells_the_rate_alone():
    text = "\n".join(line for line in TEXT.splitlines() if not line.startswith("dose = "))
    config = parse(text, Path("d.toml"))
    clock = RealClock.start()
    source = RealSource(config, Still(config, clock), clock)
    for i in range(11):
        t = 0.1 * i
        found = shown(source, t, temperature=Sample(300.0, t, "K"), dose_rate=Sample(1000.0, t))
    assert found["dose"].value == pytest.approx(1000.0)
    assert found["dose"].unit == "e/Å²"
    assert "dose" in source.describe(()).readings
