"""Viewers of the three modalities, with frames and estimates as a run sends them."""

from __future__ import annotations

import gc
import math
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QCheckBox, QScrollArea

from matstudio.domain.estimate import Estimate, Model, Quantity
from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.modalities.base import modality
from matstudio.modalities.diffraction.viewer import RadialMean, indices
from matstudio.widgets.viewer import FrameViewer

MODEL = Model("baseline", "1.0", "0")
RNG = np.random.default_rng(1)


def frame(kind: str, data: np.ndarray, axes: tuple[Axis, ...], seq: int = 0, **metadata: object) -> Frame:
    return Frame(kind, Kind(kind), seq, data, axes, 0.1 * seq, 0.1 * seq + 0.1, "test", MappingProxyType(metadata))


def image(seq: int = 0, n: int = 128) -> Frame:
    axes = (Axis("y", "Å", 0.115, 0.0, n), Axis("x", "Å", 0.115, 0.0, n))
    return frame("image", RNG.poisson(50, (n, n)).astype(np.uint16), axes, seq, mode="HAADF", unit="counts")


def pattern(seq: int = 0, n: int = 128) -> Frame:
    axes = tuple(Axis(name, "1/Å", 0.01, -0.01 * (n // 2), n) for name in ("ky", "kx"))
    return frame("diffraction", RNG.poisson(5, (n, n)).astype(np.uint16), axes, seq, mode="SAED", unit="counts")


def spectrum(seq: int = 0, n: int = 2048) -> Frame:
    axis = Axis("Energy loss", "eV", 0.15, 820.0, n)
    return frame("spectrum", RNG.poisson(1e5 * (axis.values / 820) ** -3), (axis,), seq, mode="EELS", unit="counts")


def estimate(kind: str, arrays: dict[str, np.ndarray], labels: dict[str, tuple[str, ...]] | None = None) -> Estimate:
    quantities = {"order_parameter": Quantity(0.312, 0.03, "1"), "lattice_a": Quantity(3.7481, 0.004, "Å")}
    return Estimate(kind, 0, 0.05, MODEL, quantities, arrays, labels or {}, ("faint",), None, 0.058)


XY = np.array([[20.0, 30.0], [60.0, 70.0], [100.0, 90.0]])
FRAMES = {"image": image, "diffraction": pattern, "spectrum": spectrum}
ESTIMATES = {
    "image": estimate(
        "image", {"columns": XY, "columns_sigma": np.full((3, 2), 0.075), "columns_au": np.array([0.9, 0.1, math.nan])}
    ),
    "diffraction": estimate(
        "diffraction",
        {
            "spots": XY,
            "spots_sigma": np.full((3, 2), 0.1),
            "spots_hkl": np.array([[1, 0, 0], [2, 0, 0], [-2, 2, 0]]),
            "spots_intensity": np.array([10.0, 500.0, 300.0]),
        },
    ),
    "spectrum": estimate(
        "spectrum",
        {"background": np.full(2048, 9e4), "edges_eV": np.array([931.0, 951.2]), "edges_p": np.array([0.99, 0.97])},
        {"edges": ("Cu L3", "Cu L2")},
    ),
}


def viewer(kind: str, qtbot) -> FrameViewer:
    made = modality(kind).make("viewer")
    qtbot.addWidget(made)
    made.resize(460, 360)
    made.show()
    return made


@pytest.mark.parametrize("kind", list(FRAMES))
def test_shows_frame_estimate_and_rates(kind: str, qtbot) -> None:
    view = viewer(kind, qtbot)
    titles: list[str] = []
    view.title_changed.connect(titles.append)
    view.show_estimate(ESTIMATES[kind])
    assert view.estimate is None
    view.show_frame(FRAMES[kind](0))
    before = view.grab().toImage()
    view.show_estimate(ESTIMATES[kind])
    assert view.grab().toImage() != before
    view.show_frame(FRAMES[kind](1))
    view.set_stats(shown=10.0, analysed=4.1, dropped=0, age=0.06)
    assert view.frame.seq == 1
    size = {"spectrum": "EELS 2,048", "image": "HAADF 128×128", "diffraction": "SAED 128×128"}[kind]
    assert titles == [f"{kind.capitalize()} {size}"]
    assert view._stats.text() == "shown 10.0 Hz  analysed 4.1 Hz  dropped 0  age 0.06 s"
    rows = dict(view._rows.rows())
    assert rows["Order S"] == "0.31 ± 0.03"
    assert rows["Lattice a"] == "3.748 ± 0.004 Å"
    assert rows["Model"] == "baseline 1.0, 58 ms"
    assert view._notes.text() == "faint"
    view.set_stats("replay")
    assert view._stats.text() == "replay"


@pytest.mark.parametrize("kind", list(FRAMES))
def test_pause_holds_the_frame_and_goes_on_with_the_newest(kind: str, qtbot) -> None:
    view = viewer(kind, qtbot)
    view.show_frame(FRAMES[kind](0))
    view.set_paused(True)
    view.show_frame(FRAMES[kind](1))
    view.show_frame(FRAMES[kind](2))
    view.show_estimate(ESTIMATES[kind])
    assert (view.frame.seq, view.estimate) == (0, None)
    assert view._state.text() == "PAUSED"
    view.set_paused(False)
    assert view.frame.seq == 2
    assert view._state.isHidden()


@pytest.mark.parametrize("kind", list(FRAMES))
def test_what_is_stale_is_greyed_and_says_its_age(kind: str, qtbot) -> None:
    view = viewer(kind, qtbot)
    view.show_frame(FRAMES[kind](0))
    view.show_estimate(ESTIMATES[kind])
    view.set_stats(shown=10.0, age=0.1)
    before = view._rows.grab().toImage()
    view.set_stats(shown=0.0, age=3.2)
    assert view._stats.text().endswith("stale 3.2 s")
    assert view._rows.grab().toImage() != before


@pytest.mark.parametrize("kind", list(FRAMES))
def test_what_cannot_be_shown_is_one_line_and_the_picture_stays(kind: str, qtbot) -> None:
    view = viewer(kind, qtbot)
    view.show_frame(FRAMES[kind](0))
    axes = tuple(Axis("i", "px", 1.0, 0.0, 4) for _ in range(3))
    view.show_frame(frame(kind, np.zeros((4, 4, 4)), axes, 1))
    assert "cannot be shown" in view._state.text()
    assert view.frame.seq == 0
    view.show_frame(FRAMES[kind](2))
    assert view._state.isHidden()
    wrong = {"columns": np.zeros(5), "spots": np.zeros((5, 3)), "background": np.zeros(7)}
    view.show_estimate(estimate(kind, wrong))
    short = {"columns": XY, "columns_au": np.zeros(2), "columns_sigma": np.zeros((1, 2)), "spots": XY}
    short |= {"spots_hkl": np.zeros((2, 3)), "spots_intensity": np.zeros(9), "edges_eV": np.array([900.0, math.nan])}
    view.show_estimate(estimate(kind, short))
    assert view.estimate is not None
    view.show_frame(FRAMES[kind](3))
    assert view.frame.seq == 3


@pytest.mark.parametrize("kind", list(FRAMES))
@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0])
def test_frames_of_nothing(kind: str, value: float, qtbot) -> None:
    view = viewer(kind, qtbot)
    good = FRAMES[kind](0)
    view.show_frame(frame(kind, np.full(good.data.shape, value), good.axes))
    view.show_estimate(estimate(kind, {}))
    view.grab()
    view.show_frame(good)
    view.grab()


@pytest.mark.parametrize("kind", list(FRAMES))
def test_uncalibrated_frames_say_px(kind: str, qtbot) -> None:
    view = viewer(kind, qtbot)
    good = FRAMES[kind](0)
    view.show_frame(frame(kind, good.data, tuple(Axis("i", "px", 1.0, 0.0, n) for n in good.data.shape)))
    view.show_estimate(ESTIMATES[kind])
    picture = view.plot if kind == "spectrum" else view.canvas
    assert "px" in picture.plot.getAxis("bottom").label.toPlainText()
    if kind == "image":
        assert dict(view._rows.rows())["Position σ"] == "0.07 px"


@pytest.mark.parametrize("kind", list(FRAMES))
@pytest.mark.parametrize("width", [200, 460, 900])
def test_nothing_is_wider_than_the_viewer(kind: str, width: int, qtbot) -> None:
    view = viewer(kind, qtbot)
    view.show_frame(FRAMES[kind](0))
    view.show_estimate(ESTIMATES[kind])
    view.resize(width, 360)
    qtbot.wait(20)
    assert view.minimumSizeHint().width() <= 460
    side = view.findChild(QScrollArea)
    assert side.isVisible() == (width > 400)
    if width >= 460:
        assert side.geometry().right() <= view.width()
        assert view._rows.width() >= view._rows.sizeHint().width()


def test_columns_are_drawn_with_their_uncertainty(qtbot) -> None:
    view = viewer("image", qtbot)
    view.show_frame(image())
    view.show_estimate(ESTIMATES["image"])
    assert not view.canvas.layer("uncertainty").isVisible()
    view._uncertainty.setChecked(True)
    assert view.canvas.layer("uncertainty").isVisible()
    rows = dict(view._rows.rows())
    assert rows["Columns"] == "3 found"
    assert rows["Position σ"] == "0.9 pm"
    assert len(view.canvas.layer("columns").data) == 3
    assert view.canvas.layer("columns").data["x"][0] == pytest.approx(20 * 0.115)
    x, _ = view.canvas.layer("uncertainty").getData()
    times = int(view._uncertainty.text().split()[1])
    assert np.nanmax(x[:21]) - 20 * 0.115 == pytest.approx(times * 0.075 * 0.115)
    view._columns.setChecked(False)
    assert not view.canvas.layer("columns").isVisible()
    view.show_estimate(estimate("image", {}))
    assert view.canvas.layer("columns") is None


def test_spots_are_labelled_strongest_first(qtbot) -> None:
    view = viewer("diffraction", qtbot)
    view.show_frame(pattern())
    view.show_estimate(ESTIMATES["diffraction"])
    marks = view.canvas.layer("spots")
    assert marks._texts == ("200", "2\u030520", "100")
    assert marks._x[0] == pytest.approx(-0.64 + 0.01 * 60)
    view._indices.setChecked(False)
    view.show_estimate(ESTIMATES["diffraction"])
    assert not view.canvas.layer("spots")._with_text
    assert indices(np.array([math.nan, 0, 0])) == ""


def test_radial_mean_about_the_origin_of_k() -> None:
    axes = tuple(Axis(name, "1/Å", 0.02, -0.5, 80) for name in ("ky", "kx"))
    k = np.hypot(axes[0].values[:, None], axes[1].values[None, :])
    data = np.exp(-(((k - 0.3) / 0.03) ** 2))
    data[3, 3] = math.nan
    mean = RadialMean(axes)
    profile = mean(data)
    assert mean.units == "1/Å"
    assert mean.radius[np.nanargmax(profile)] == pytest.approx(0.3, abs=0.011)
    flat = RadialMean(tuple(Axis("i", "px", 1.0, 0.0, 11) for _ in range(2)))
    assert flat.radius[-1] == pytest.approx(round(5 * math.sqrt(2)))
    assert np.isnan(flat(np.full((11, 11), math.nan))).all()


def test_log_and_linear(qtbot) -> None:
    view = viewer("diffraction", qtbot)
    bright = pattern()
    bright.data[64, 64] = 60_000
    view.show_frame(bright)
    assert view.canvas.levels[1] < 5
    assert np.nanmax(view.profile.line("profile")[1]) == pytest.approx(math.log10(60_001), abs=1e-6)
    view._log.setChecked(False)
    assert view.canvas.levels[1] > 5
    assert np.nanmax(view.profile.line("profile")[1]) == 60_000


def test_a_powder_pattern_gets_a_line_plot_and_a_pattern_the_canvas_back(qtbot) -> None:
    view = viewer("diffraction", qtbot)
    axis = Axis("2theta", "°", 0.02, 10.0, 1000)
    view.show_frame(frame("diffraction", RNG.poisson(100, 1000), (axis,)))
    assert view.powder.isVisible()
    assert view.powder.plot.getAxis("bottom").label.toPlainText().strip() == "2theta / °"
    assert view.powder.box.viewRange()[0] == pytest.approx([10.0, 29.98])
    peaks = estimate("diffraction", {"peaks": np.array([12.0, 20.0]), "background": np.full(1000, 90.0)})
    view.show_estimate(peaks)
    assert dict(view._rows.rows())["Peaks"] == "2 found"
    assert list(view.powder.points("peaks")) == [12.0, 20.0]
    assert view.powder.line("background")[1][0] == pytest.approx(math.log10(91))
    view._log.setChecked(False)
    assert view.powder.line("background")[1][0] == 90.0
    view.show_estimate(ESTIMATES["diffraction"])
    with pytest.raises(KeyError):
        view.powder.points("peaks")
    view.grab()
    view.show_frame(pattern(1))
    assert view.canvas.isVisible()


def test_a_title_names_the_kind_once_and_a_probability_has_no_sigma(qtbot) -> None:
    view = viewer("diffraction", qtbot)
    axis = Axis("2theta", "°", 0.02, 10.0, 500)
    view.show_frame(Frame("d", "diffraction", 0, np.ones(500), (axis,), 0, 1, "c", {"mode": "powder diffraction"}))
    assert view._title.text() == "Powder diffraction 500"
    view = viewer("image", qtbot)
    view.show_frame(image())
    chance = {"antiphase": Quantity(0.01, 0.1, "1"), "order_square": Quantity(0.1, 0.01, "1")}
    view.show_estimate(replace(ESTIMATES["image"], quantities=chance, notes=("3 columns", "faint")))
    rows = dict(view._rows.rows())
    assert rows["Antiphase p"] == "0.01"
    assert not any("square" in label.lower() for label in rows)
    assert view._notes.text() == "faint"


def test_the_profile_of_an_uncalibrated_pattern_is_about_the_centre_found(qtbot) -> None:
    view = viewer("diffraction", qtbot)
    y, x = np.mgrid[:64, :64]
    ring = 1000 * np.exp(-((np.hypot(x - 40, y - 20) - 10) ** 2))
    axes = tuple(Axis("i", "px", 1.0, 0.0, 64) for _ in range(2))
    view._log.setChecked(False)
    view.show_frame(frame("diffraction", ring, axes))
    view.show_estimate(estimate("diffraction", {"spots": XY, "centre": np.array([40.0, 20.0])}))
    view._last = 0.0
    view.show_frame(frame("diffraction", ring, axes, 1))
    radius, mean = view.profile.line("profile")
    assert radius[np.nanargmax(mean)] == 10
    assert np.nanmax(mean) > 700


def test_edges_and_background(qtbot) -> None:
    view = viewer("spectrum", qtbot)
    view.show_frame(spectrum())
    view.show_estimate(ESTIMATES["spectrum"])
    assert [(m.x, m.text) for m in view.plot.marks("edges")] == [
        (931.0, "Cu L3 931.0 eV p 0.99"),
        (951.2, "Cu L2 951.2 eV p 0.97"),
    ]
    assert view.plot.line("background")[1][5] == 9e4
    next(box for box in view.findChildren(QCheckBox) if box.text().startswith("background")).setChecked(False)
    assert not view.plot._lines["background"][0].isVisible()
    view.show_frame(spectrum(n=1024))
    assert view.plot.marks("edges") == ()
    view.show_estimate(ESTIMATES["spectrum"])
    with pytest.raises(KeyError):
        view.plot.line("background")


def test_viewers_come_and_go(qtbot) -> None:
    counts = []
    for _ in range(3):
        for kind, make in FRAMES.items():
            view = modality(kind).make("viewer")
            view.show()
            view.show_frame(make(0))
            view.show_estimate(ESTIMATES[kind])
            view.grab()
            view.close()
            view.deleteLater()
            del view
        gc.collect()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()
        counts.append(len(QApplication.allWidgets()))
    assert counts[1] == counts[2]


def test_columns_are_coloured_by_what_is_chosen_and_the_lattice_is_drawn(qtbot) -> None:
    view = viewer("image", qtbot)
    view.show_frame(image())
    assert view._by.isHidden()
    arrays = {
        **ESTIMATES["image"].arrays,
        "columns_strain": np.full((3, 4), 0.01),
        "lattice": np.array([[20.0, 0.0], [0.0, 20.0]]),
        "columns_intensity": np.array([9.0, 4.0, 90.0]),
        "columns_intensity_sigma": np.ones(3),
    }
    view.show_estimate(estimate("image", arrays))
    rows = dict(view._rows.rows())
    assert rows["Columns"] == "3 found, 1 below 5 σ"
    assert rows["Vectors a, b"] == "2.30, 2.30 Å, 90.0°"
    assert view.canvas.layer("columns").scale == "copper to gold"
    view._by.setCurrentText("colour by strain xx")
    view._by.activated.emit(view._by.currentIndex())
    assert view.canvas.layer("columns").scale == "blue to red"
    assert (view._ramp.low, view._ramp.high) == ("−1 %", "+1 %")
    before = view.canvas.grab().toImage()
    view._lattice.setChecked(True)
    assert view.canvas.grab().toImage() != before
    view.show_estimate(ESTIMATES["image"])  # a lattice that is no longer seen is no longer drawn
    assert not view._lattice.isEnabled()
    assert view._by.currentText() == "colour by composition"
