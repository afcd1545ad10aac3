"""The page of a run: what is collected, and that it can be written as HTML and PDF."""

import math
import os

import numpy as np
import pytest

from matstudio.bus.rundir import Run
from matstudio.cli import page
from matstudio.cli.story import Story
from matstudio.domain.estimate import MaterialState, Quantity
from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.domain.process import Reading

REPORT = {
    "run": "a<b",
    "instrument": "twin",
    "run_time_s": 60.0,
    "speed": 20.0,
    "mode": "POLICY",
    "state": {"order_parameter": {"value": 0.9, "sigma": 0.01, "unit": "1"}},
    "audit": {"n": 3, "hash": "00"},
    "recording": {"paths": ["s.nxs"]},
    "streams": {"image": {"produced": 3, "analysed": 2, "recorded": 3, "dropped": 0}},
    "problems": ["stream x brought no frame"],
}


@pytest.fixture
def story(runtime):
    made = Story(Run.create("twin"))
    made.take("event", {"kind": "mode", "t": 10.0, "text": "OFF -> POLICY: chosen", "data": {}})
    made.take("event", {"kind": "alarm", "t": 20.0, "text": "device: late", "data": {"state": "UNACK"}})
    made.take("event", {"kind": "alarm", "t": 25.0, "text": "device: late", "data": {"state": "ACK"}})
    for t in range(60):
        S = 0.05 + 0.9 * t / 60
        made.take("readings", {"state": {"truth": {"order_parameter": S + 0.01}}})
        quantities = {"order_parameter": Quantity(S, 0.01, "1"), "free_energy": Quantity(-10 * S, 0.1, "meV/atom")}
        made.take("state", MaterialState(float(t), quantities, {}))
        reading = Reading("temperature", 300.0 + t, "K", float(t))
        made.take("status", {"t": float(t), "readings": {"temperature": reading}, "setpoints": {"temperature": 600.0}})
        made.take("status", {"t": t + 0.2, "readings": {}, "setpoints": {}})
    return made


def frame(kind, shape, seq):
    axes = tuple(Axis(name, "Å", 1.0, 0.0, n) for name, n in zip("yx", shape, strict=False))
    data = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    return Frame("s", kind, seq, data, axes, 0.0, 1.0, "run")


def test_curves_alarms_and_the_time_to_order(story):
    assert story.curves["t"] == [float(t) for t in range(60)]
    assert story.alarms == [(20.0, "device: late")]
    began, seen = story.ordered_s(0.9)
    assert (began, seen) == (10.0, 57.0)
    assert story.ordered_s(0.9, true=True)[1] == 56.0
    assert math.isnan(story.ordered_s(0.99)[1])
    assert story.at(30.0, "temperature") == 330.0


@pytest.mark.parametrize("suffix", ["html", "pdf"])
def test_the_page_is_written(story, qapp, tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(page, "_least_s", lambda S, T: 20.0)
    story.first["image"], story.last["image"] = frame(Kind.IMAGE, (8, 8), 1), frame(Kind.IMAGE, (8, 8), 2)
    story.first["spectrum"] = story.last["spectrum"] = frame(Kind.SPECTRUM, (64,), 3)
    path = tmp_path / f"page.{suffix}"
    before = dict(os.environ)
    page.write(path, REPORT, story)
    assert dict(os.environ) == before, "programs that are started later must find the display"
    data = path.read_bytes()
    if suffix == "pdf":
        assert data.startswith(b"%PDF")
        assert len(data) > 20_000
        return
    text = data.decode()
    assert "a&lt;b" in text
    assert "46 s in truth; the least that is possible, T*: 20 s (ratio 2.30)" in text
    assert "device: late" in text
    assert "stream x brought no frame" in text
    assert text.count("data:image/png;base64,") == 7


def test_a_run_of_which_nothing_was_heard_has_a_page(runtime, qapp, tmp_path):
    page.write(tmp_path / "p.html", REPORT | {"streams": {}, "state": {}}, Story(Run.create("twin")))
    assert "no value" in (tmp_path / "p.html").read_text()


def test_where_nothing_can_be_written_one_line_says_so(story, qapp, tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        page.write(tmp_path / "nowhere" / "p.pdf", REPORT, story)
