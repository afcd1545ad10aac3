"""Line plot: lines, bands, marks, ranges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QPalette

from matstudio.widgets.plot import LinePlot, Mark


@pytest.fixture
def plot(qtbot) -> LinePlot:
    made = LinePlot()
    qtbot.addWidget(made)
    made.resize(500, 300)
    made.show()
    return made


X = np.linspace(820.0, 1130.0, 2048)


def test_all_of_the_lines_is_shown(plot: LinePlot) -> None:
    plot.set_line("spectrum", X, 100 + 50 * np.sin(X / 20))
    (x0, x1), (y0, y1) = plot.box.viewRange()
    assert (x0, x1) == pytest.approx((820, 1130))
    assert y0 < 50 < 150 < y1 < 175


def test_the_range_does_not_tremble_but_follows(plot: LinePlot) -> None:
    plot.set_line("spectrum", X, 100 + 50 * np.sin(X / 20))
    before = plot.box.viewRange()[1]
    plot.set_line("spectrum", X, 100 + 51 * np.sin(X / 20))
    assert plot.box.viewRange()[1] == before
    plot.set_line("spectrum", X, 100 + 500 * np.sin(X / 20))
    assert plot.box.viewRange()[1][1] > 600
    plot.set_line("spectrum", X, 100 + 5 * np.sin(X / 20))
    assert plot.box.viewRange()[1][1] < 110


def test_what_the_user_zoomed_to_stays(plot: LinePlot) -> None:
    plot.set_line("spectrum", X, np.sin(X))
    plot.box.setRange(xRange=(900, 950), padding=0)
    plot.box.sigRangeChangedManually.emit([True, True])
    plot.set_line("spectrum", X, 100 * np.sin(X))
    assert plot.box.viewRange()[0] == pytest.approx([900, 950])
    plot.show_all()
    assert plot.box.viewRange()[0] == pytest.approx([820, 1130])


def test_not_finite_values_are_gaps(plot: LinePlot) -> None:
    y = np.sin(X)
    y[100:200] = math.nan
    y[300] = math.inf
    plot.set_line("spectrum", X, y)
    assert plot.box.viewRange()[1][1] < 1.3
    plot.set_line("nothing", X, np.full(len(X), math.nan))
    plot.set_line("empty", np.empty(0), np.empty(0))
    plot.set_band("band", X, y - 1, y + 1)
    plot.grab()


def test_marks_regions_and_bands_are_drawn(plot: LinePlot) -> None:
    plot.set_axes("Energy loss", "eV", "", "counts")
    plot.set_title("EELS")
    plot.set_line("spectrum", X, np.sin(X / 9))
    before = plot.grab().toImage()
    plot.set_marks(
        "edges", [Mark(931.0, "Cu L3 931.0 eV"), Mark(951.0, "Cu L2"), Mark(1129.0, "last"), Mark(5.0, "out")]
    )
    with_marks = plot.grab().toImage()
    assert with_marks != before
    plot.set_visible("edges", False)
    assert plot.grab().toImage() == before
    plot.set_marks("window", [Mark(850.0, "fit", to=900.0)], "third")
    assert plot.grab().toImage() != before
    plot.remove("window")
    plot.set_band("sigma", X, np.sin(X / 9) - 0.1, np.sin(X / 9) + 0.1, "accent")
    assert plot.grab().toImage() != before
    plot.remove("sigma")
    plot.set_points("peaks", np.array([850.0, math.nan]), np.array([0.5, 0.5]))
    assert list(plot.points("peaks")) == [850.0]
    assert plot.grab().toImage() != before
    plot.set_visible("peaks", False)
    assert plot.grab().toImage() == before
    plot.remove("peaks")
    plot.remove("never there")
    assert plot.marks("edges")[0].x == 931.0
    assert plot.marks("window") == ()


def test_large_counts_have_short_ticks(plot: LinePlot) -> None:
    axis = plot.plot.getAxis("left")
    assert axis.tickStrings([0, 100_000, 200_000], 1.0, 100_000) == ["0", "100 k", "200 k"]
    assert axis.tickStrings([-2.5, 0.0, 2.5], 1.0, 0.5) == ["−2.5", "0", "2.5"]
    assert axis.tickStrings([0, 20e6], 1.0, 20e6) == ["0", "20 M"]


def test_read_out(plot: LinePlot, qtbot) -> None:
    plot.set_axes("Energy loss", "eV", "", "counts")
    plot.set_line("spectrum", X, np.sin(X))
    qtbot.wait(20)
    plot._moved(plot.box.mapViewToScene(QPointF(931.0, -0.5)))
    assert plot._marks.readout == "931 eV, −0.5 counts"
    plot._moved(QPointF(-9, -9))
    assert plot._marks.readout == ""


def test_lines_follow_the_palette(plot: LinePlot) -> None:
    plot.set_line("spectrum", X, np.sin(X))
    for colour in ("#eeeeee", "#111111"):
        palette = QPalette(plot.palette())
        palette.setColor(QPalette.ColorRole.Text, QColor(colour))
        plot.setPalette(palette)
        assert plot._lines["spectrum"][0].opts["pen"].color() == QColor(colour)
