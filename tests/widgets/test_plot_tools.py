"""A range on a curve."""

from __future__ import annotations

import math

import numpy as np
import pytest

from matstudio.domain.frame import Axis
from matstudio.widgets import tools as timing
from matstudio.widgets.plot import LinePlot
from matstudio.widgets.plot_tools import PlotTools
from matstudio.widgets.tools import ROI

AXIS = Axis("Energy loss", "eV", 0.5, 800.0, 401)


class Bench:
    def __init__(self, qtbot) -> None:
        self.bot, self.plot = qtbot, LinePlot()
        self.tools = PlotTools(self.plot)
        qtbot.addWidget(self.tools)
        self.tools.resize(500, 300)
        self.tools.show()
        self.told: list[dict[str, str]] = []
        self.tools.measured.connect(lambda rows: self.told.append(dict(rows)))

    def show(self, data: np.ndarray, axis: Axis = AXIS, unit: str = "counts") -> None:
        self.plot.set_line("spectrum", axis.values, data)
        self.tools.set_frame(data, axis, unit)

    def next(self) -> dict[str, str]:
        before = len(self.told)
        self.bot.waitUntil(lambda: len(self.told) > before, timeout=30000)
        return self.told[-1]


@pytest.fixture
def bench(qtbot, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(timing, "PERIOD_S", 0.0)
    return Bench(qtbot)


def test_a_range_tells_of_its_points_and_follows_the_frames(bench: Bench) -> None:
    data = np.full(401, 100, np.uint32)
    data[200] = 700
    bench.show(data)
    bench.tools.set_on(ROI, True)
    assert bench.next()["Range"] == "880.00 to 920.00 eV"
    bench.tools.range.setRegion((890.0, 910.0))
    told = bench.next()
    assert (told["Width"], told["Points"]) == ("20.00 eV", "41")
    assert (told["Sum"], told["Integral"]) == ("4,700 counts", "2,300 counts·eV")
    assert (told["Maximum"], told["Maximum at"]) == ("700 counts", "900.00 eV")
    assert told["Mean"] == "114.63 counts"
    bench.show(data + 1)
    assert bench.next()["Sum"] == "4,741 counts"
    bench.tools.set_on(ROI, False)
    assert bench.told[-1] == {}
    assert not bench.tools.range.isVisible()
    assert not bench.tools._timer.isActive()


def test_another_axis_keeps_the_range_at_the_same_part(bench: Bench) -> None:
    bench.show(np.ones(401))
    bench.tools.set_on(ROI, True)
    bench.next()
    bench.show(np.ones(800), Axis("2theta", "°", -0.1, 90.0, 800), "")
    told = bench.next()
    low, high = bench.tools.range.getRegion()
    assert (high - low) == pytest.approx(16.0, abs=0.1)
    assert told["Range"].endswith("°")
    assert told["Integral"].endswith(" °")


def test_zoomed_in_it_begins_where_one_looks(bench: Bench) -> None:
    bench.show(np.ones(401))
    bench.plot.box.setXRange(810, 820, padding=0)
    bench.tools.set_on(ROI, True)
    assert bench.tools.range.getRegion() == pytest.approx((814, 816))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_curves_of_nothing_and_of_one_point(bench: Bench, value: float) -> None:
    bench.show(np.full(401, value))
    bench.tools.set_on(ROI, True)
    assert bench.next()["Mean"].startswith("–")
    bench.show(np.array([5.0]), Axis("x", "px", 1.0, 0.0, 1))
    assert "Range" in bench.next()
    bench.tools.range.setRegion((500, 600))
    assert bench.next() == {"Range": "no point in it"}
    bench.tools.grab()
