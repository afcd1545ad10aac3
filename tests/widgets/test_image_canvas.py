"""Image canvas: levels, calibration, overlays, read-out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QImage, QPalette

from matstudio.domain.frame import Axis
from matstudio.widgets import image_canvas
from matstudio.widgets.colours import COLORMAPS
from matstudio.widgets.histogram import Levels
from matstudio.widgets.image_canvas import ImageCanvas
from matstudio.widgets.levels import length_text, measure, moved, nice_length, subsample


def axes(rows: int, columns: int, units: str = "Å", scale: float = 0.5, offset: float = 0.0) -> tuple[Axis, Axis]:
    return Axis("y", units, scale, offset, rows), Axis("x", units, scale, offset, columns)


@pytest.fixture
def canvas(qtbot) -> ImageCanvas:
    made = ImageCanvas()
    qtbot.addWidget(made)
    made.resize(400, 400)
    made.show()
    return made


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure the levels of every frame."""
    monkeypatch.setattr(image_canvas, "_PERIOD", 0.0)


def test_subsample_is_small_and_finite() -> None:
    data = np.arange(1024 * 1024, dtype=float).reshape(1024, 1024)
    data[::3] = np.nan
    data[1, 1] = np.inf
    sample = subsample(data)
    assert 0 < sample.size <= 1 << 16
    assert np.isfinite(sample).all()
    assert subsample(np.full((4, 4), np.nan)).size == 0


def test_measure_gives_percentiles_and_never_an_empty_span() -> None:
    found = measure(np.arange(10001, dtype=np.float32))
    assert (found.low, found.high) == pytest.approx((100, 9970), rel=1e-6)
    assert found.counts.sum() == 10001
    for sample in (np.empty(0, np.float32), np.full(9, 7.0, np.float32)):
        found = measure(sample)
        assert found.high > found.low
        assert len(found.edges) == len(found.counts) + 1


def test_bins_of_counts_are_whole() -> None:
    found = measure(np.random.default_rng(0).poisson(30, 50_000).astype(np.float32))
    assert np.unique(np.diff(found.edges)) == pytest.approx([1.0])


def test_small_changes_of_level_are_left_alone() -> None:
    assert not moved((0, 100), (5, 97))
    assert moved((0, 100), (15, 97))
    assert moved((0, 1), (0, 100))


@pytest.mark.parametrize(
    ("longest", "units", "text"),
    [(17.0, "Å", "1 nm"), (9.9, "Å", "5 Å"), (0.31, "1/Å", "0.2 1/Å"), (130, "px", "100 px")],
)
def test_scale_bar_lengths(longest: float, units: str, text: str) -> None:
    assert length_text(nice_length(longest), units) == text


def test_row_zero_is_at_the_top(canvas: ImageCanvas, qtbot) -> None:
    data = np.zeros((8, 8), np.uint16)
    data[:4, :4] = 1000
    canvas.set_levels(0, 1000)
    canvas.set_frame(data, axes(8, 8))
    qtbot.wait(30)
    picture = canvas.grab().toImage()

    def lightness(column: float, row: float) -> float:
        at = canvas.mapFromScene(canvas.box.mapViewToScene(QPointF(column * 0.5, row * 0.5)))
        ratio = picture.devicePixelRatio()
        return picture.pixelColor(round(at.x() * ratio), round(at.y() * ratio)).lightnessF()

    assert lightness(2.6, 2.6) > 0.9
    assert lightness(5.6, 2.6) < 0.2
    assert lightness(2.6, 4.6) < 0.2


def test_levels_follow_slowly_then_stick_when_moved(canvas: ImageCanvas, no_wait: None) -> None:
    rng = np.random.default_rng(0)
    frame = rng.poisson(100, (64, 64)).astype(np.uint16)
    canvas.set_frame(frame, axes(64, 64))
    first = canvas.levels
    canvas.set_frame(rng.poisson(100, (64, 64)).astype(np.uint16), axes(64, 64))
    assert canvas.levels == first
    canvas.set_frame(frame * 10, axes(64, 64))
    assert canvas.levels[1] > 5 * first[1]
    canvas.set_levels(3, 7)
    canvas.set_frame(frame, axes(64, 64))
    assert canvas.levels == (3, 7)
    assert not canvas.levels_follow
    canvas.follow_levels()
    assert canvas.levels == pytest.approx(first, rel=0.05)


def test_levels_are_measured_at_most_five_times_a_second(canvas: ImageCanvas) -> None:
    seen: list[object] = []
    canvas.measured.connect(seen.append)
    for _ in range(5):
        canvas.set_frame(np.ones((16, 16), np.uint16), axes(16, 16))
    assert len(seen) == 1


def test_dragging_the_histogram_holds_the_levels(canvas: ImageCanvas, qtbot) -> None:
    levels = Levels(canvas)
    qtbot.addWidget(levels)
    levels.show()
    canvas.set_frame(np.arange(4096, dtype=np.uint16).reshape(64, 64), axes(64, 64))
    assert canvas.levels_follow
    levels._curve.region.setRegion((100, 200))
    assert canvas.levels == (100, 200)
    assert not canvas.levels_follow
    assert levels._button.text() == "Auto"
    levels._button.click()
    assert canvas.levels_follow
    assert levels._button.text() == "%"
    assert canvas.levels[1] > 4000


def test_percentiles_are_chosen_and_stick(canvas: ImageCanvas, qtbot, no_wait: None) -> None:
    levels = Levels(canvas)
    qtbot.addWidget(levels)
    data = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    canvas.set_frame(data, axes(64, 64))
    levels._fill()
    entries = {a.text(): a for a in levels._menu.actions()}
    assert entries["default"].isChecked()
    entries["min to max"].trigger()
    assert canvas.levels == (0, 4095)
    canvas.set_frame(data + 10_000, axes(64, 64))
    assert canvas.levels == (10_000, 14_095)
    entries["2 to 98 %"].trigger()
    assert canvas.levels == pytest.approx((10_082, 14_013), abs=2)
    canvas.set_frame(data, axes(64, 64, "nm"))
    assert canvas.levels == pytest.approx((82, 4013), abs=2)
    canvas.set_levels(1, 2)
    canvas.set_frame(data, axes(64, 64))
    assert canvas.levels == (1, 2)
    levels._fill()
    assert not any(a.isChecked() for a in levels._menu.actions())
    levels._button.click()
    assert canvas.levels == pytest.approx((82, 4013), abs=2)
    assert "2 to 98 %" in levels._button.toolTip()
    canvas.set_log(True)
    assert canvas.percentiles == (2.0, 98.0)


def test_least_and_greatest_are_of_all_pixels_that_are_finite(canvas: ImageCanvas, no_wait: None) -> None:
    canvas.set_percentiles((0.0, 100.0))
    data = np.zeros((512, 512), np.float32)
    data[1, 1], data[1, 3], data[3, 3] = 7.0, math.inf, math.nan
    canvas.set_frame(data, axes(512, 512))
    assert canvas.levels == (0, 7)
    canvas.set_frame(np.full((4, 4), math.nan), axes(4, 4))
    assert canvas.levels[1] > canvas.levels[0]


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f2", "f4", "f8", ">u2", ">f4", "?"])
@pytest.mark.parametrize("log", [False, True])
def test_every_type_is_drawn(canvas: ImageCanvas, dtype: str, log: bool) -> None:
    data = (np.arange(64).reshape(8, 8) % 50).astype(dtype)
    canvas.set_log(log)
    canvas.set_frame(data, axes(8, 8))
    canvas.grab()
    assert canvas.levels[0] < canvas.levels[1]


def test_log_shows_counts_as_log10_of_one_more(canvas: ImageCanvas) -> None:
    data = np.full((64, 64), 9, np.uint16)
    data[:4] = 999
    canvas.set_log(True)
    canvas.set_frame(data, axes(64, 64))
    assert canvas.levels == pytest.approx((1.0, 3.0), abs=1e-3)


@pytest.mark.parametrize("fill", [math.nan, math.inf, 3.0])
def test_nan_and_constant_frames_are_drawn(canvas: ImageCanvas, fill: float) -> None:
    canvas.set_frame(np.full((16, 16), fill), axes(16, 16))
    canvas.grab()
    assert np.isfinite(canvas.levels).all()
    part = np.full((16, 16), math.nan)
    part[4:8] = np.arange(16)
    canvas.follow_levels()
    canvas.set_frame(part, axes(16, 16))
    canvas.grab()


def test_what_is_no_image_is_refused(canvas: ImageCanvas) -> None:
    for data in (np.zeros((4, 4, 3)), np.zeros((0, 4)), np.zeros((4, 4), complex)):
        with pytest.raises(ValueError, match="cannot be shown"):
            canvas.set_frame(data, axes(4, 4))
    with pytest.raises(ValueError, match="no colour map"):
        canvas.set_colormap("rainbow")


def test_overlays_lie_on_their_pixels(canvas: ImageCanvas) -> None:
    canvas.set_frame(np.ones((32, 32)), axes(32, 32, scale=0.5, offset=-4.0))
    canvas.set_points("columns", np.array([[2.0, 6.0]]), np.array([0.7]))
    point = canvas.layer("columns").data[0]
    assert (point["x"], point["y"]) == (-3.0, -1.0)
    canvas.set_circles("sigma", np.array([[2.0, 6.0], [3.0, math.nan]]), np.array([[2.0, 1.0], [1.0, 1.0]]))
    x, y = canvas.layer("sigma").getData()
    assert np.nanmax(x) + 3.0 == pytest.approx(1.0)
    assert np.nanmax(y) + 1.0 == pytest.approx(0.5)
    canvas.grab()


def test_a_layer_stays_hidden_and_goes_with_the_calibration(canvas: ImageCanvas) -> None:
    canvas.set_frame(np.ones((32, 32)), axes(32, 32))
    canvas.set_layer_visible("spots", False)
    canvas.set_marks("spots", np.array([[2.0, 6.0]]), ["200"])
    assert not canvas.layer("spots").isVisible()
    canvas.set_layer_visible("spots", True)
    assert canvas.layer("spots").isVisible()
    canvas.set_frame(np.ones((16, 16)), axes(16, 16))
    assert canvas.layer("spots") is None


def test_a_label_that_would_cover_another_is_left_out(canvas: ImageCanvas) -> None:
    def drawn(spots: list[list[float]], texts: list[str]) -> QImage:
        canvas.set_marks("spots", np.array(spots), texts)
        return canvas.grab().toImage()

    canvas.set_frame(np.ones((256, 256)), axes(256, 256))
    near, apart = [[100.0, 100.0], [103.0, 101.0]], [[40.0, 100.0], [200.0, 100.0]]
    assert drawn(near, ["200", "111"]) == drawn(near, ["200", ""])
    assert drawn(apart, ["200", "111"]) != drawn(apart, ["200", ""])
    assert drawn(apart, ["200", ""]) != drawn(apart, ["", ""])


def test_many_points_are_drawn(canvas: ImageCanvas) -> None:
    rng = np.random.default_rng(0)
    canvas.set_frame(np.ones((512, 512), np.uint16), axes(512, 512))
    xy = rng.uniform(0, 512, (2000, 2))
    au = rng.uniform(-0.2, 1.2, 2000)
    au[:10] = math.nan
    canvas.set_points("columns", xy, au)
    canvas.set_circles("sigma", xy, np.full((2000, 2), 3.0))
    before = canvas.grab().toImage()
    canvas.set_layer_visible("columns", False)
    canvas.set_layer_visible("sigma", False)
    assert canvas.grab().toImage() != before


def test_read_out_in_real_units(canvas: ImageCanvas, qtbot) -> None:
    data = np.zeros((32, 32), np.uint16)
    data[8, 4] = 321
    canvas.set_frame(data, axes(32, 32, scale=0.5), "counts")
    qtbot.wait(20)
    canvas._moved(canvas.box.mapViewToScene(QPointF(2.0, 4.0)))
    assert canvas._hud.readout == "2.00, 4.00 Å   321 counts"
    data[8, 4] = 5
    canvas.set_frame(data, axes(32, 32, scale=0.5), "counts")
    assert canvas._hud.readout.endswith("5 counts")
    canvas._moved(QPointF(-50, -50))
    assert canvas._hud.readout == ""


def test_uncalibrated_and_odd_axes(canvas: ImageCanvas) -> None:
    canvas.set_frame(np.ones((32, 32)), axes(32, 32, units="px", scale=1.0))
    assert canvas._hud.bar()[1].endswith("px")
    canvas.set_frame(np.ones((32, 32)), axes(32, 32, scale=math.nan))
    assert canvas._hud.bar()[1].endswith("px")
    canvas.set_frame(np.ones((32, 32)), axes(32, 32, scale=-0.5))
    canvas.set_frame(np.ones((4, 64)), (Axis("t", "s", 1.0, 0.0, 4), Axis("E", "eV", 0.1, 900.0, 64)))
    canvas.grab()


def test_ticks_and_scale_bar_keep_to_the_image(canvas: ImageCanvas, qtbot) -> None:
    canvas.resize(900, 400)
    canvas.set_frame(np.ones((64, 64)), axes(64, 64))
    qtbot.waitUntil(lambda: canvas.box.viewRect().width() > 2 * 32, timeout=2000)
    view, plot = canvas.box.viewRect(), canvas.plot.getAxis("bottom")
    ticks = [v for _, values in plot.tickValues(view.left(), view.right(), 800) for v in values]
    assert ticks
    assert all(-0.25 <= v <= 31.75 for v in ticks)
    left, _ = canvas._hud._corner(canvas.box.boundingRect())
    assert left / canvas.box.width() == pytest.approx((-0.25 - view.left()) / view.width(), abs=0.01)
    assert canvas._hud.bar()[0] <= 32 * 0.28


def test_zoom_stays_and_double_click_shows_all(canvas: ImageCanvas, qtbot) -> None:
    canvas.set_frame(np.ones((32, 32)), axes(32, 32))
    qtbot.wait(20)
    canvas.box.setRange(xRange=(2, 4), yRange=(2, 4), padding=0)
    canvas.set_frame(np.zeros((32, 32)), axes(32, 32))
    qtbot.wait(20)
    assert canvas.box.viewRect().width() < 8
    canvas.show_all()
    qtbot.wait(20)
    assert canvas.box.viewRect().width() >= 16


@pytest.mark.parametrize("name", COLORMAPS)
def test_colour_maps(canvas: ImageCanvas, name: str) -> None:
    canvas.set_colormap(name)
    canvas.set_frame(np.arange(64.0).reshape(8, 8), axes(8, 8))
    canvas.grab()


def test_the_background_follows_the_palette(canvas: ImageCanvas) -> None:
    for colour in ("#101214", "#fafbfc"):
        palette = QPalette(canvas.palette())
        palette.setColor(QPalette.ColorRole.Base, QColor(colour))
        canvas.setPalette(palette)
        assert canvas.backgroundBrush().color() == QColor(colour)
