"""Region, line and transform on a picture: with the mouse, with new frames, and without any effect when off."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from matstudio.domain.frame import Axis
from matstudio.widgets import tools as timing
from matstudio.widgets.aside import Aside
from matstudio.widgets.image_canvas import ImageCanvas
from matstudio.widgets.image_tools import ImageTools
from matstudio.widgets.tools import FFT, LINE, ROI, ToolStrip

RNG = np.random.default_rng(7)


def axes(rows: int, columns: int, units: str = "Å", scale: float = 0.1, offset: float = 0.0) -> tuple[Axis, Axis]:
    return Axis("y", units, scale, offset, rows), Axis("x", units, scale, offset, columns)


class Bench:
    """Tools on a canvas, and what they told last."""

    def __init__(self, qtbot) -> None:
        self.bot = qtbot
        self.canvas = ImageCanvas()
        self.tools = ImageTools(self.canvas)
        qtbot.addWidget(self.tools)
        self.tools.resize(800, 420)
        self.tools.show()
        self.told: list[dict[str, str]] = []
        self.tools.measured.connect(lambda rows: self.told.append(dict(rows)))

    def show(self, data: np.ndarray, pair: tuple[Axis, Axis], unit: str = "counts") -> None:
        self.canvas.set_frame(data, pair, unit)
        self.tools.set_frame(data, pair, unit)

    def next(self) -> dict[str, str]:
        """What is told next."""
        before = len(self.told)
        self.bot.waitUntil(lambda: len(self.told) > before, timeout=30000)
        return self.told[-1]

    def drag(self, start: QPointF, end: QPointF) -> None:
        """With the left button, in coordinates of the view."""
        view = self.canvas.viewport()
        a, b = (QPointF(self.canvas.mapFromScene(self.canvas.box.mapViewToScene(p))) for p in (start, end))
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        steps = [(QEvent.Type.MouseMove, a, none, none), (QEvent.Type.MouseButtonPress, a, left, left)]
        steps += [(QEvent.Type.MouseMove, a + (b - a) * t, none, left) for t in (0.3, 0.6, 1.0)]
        steps += [(QEvent.Type.MouseButtonRelease, b, left, none)]
        for kind, at, button, buttons in steps:
            where = QPointF(view.mapToGlobal(at.toPoint()))
            event = QMouseEvent(kind, at, where, button, buttons, Qt.KeyboardModifier.NoModifier)
            QApplication.sendEvent(view, event)
            self.bot.wait(20)  # pyqtgraph leaves out moves that come faster


@pytest.fixture
def bench(qtbot, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(timing, "PERIOD_S", 0.0)
    monkeypatch.setattr(timing, "REST", 0.0)
    return Bench(qtbot)


def test_a_region_tells_of_its_pixels_and_follows_the_frames(bench: Bench) -> None:
    data = RNG.poisson(50, (100, 100)).astype(np.uint16)
    bench.show(data, axes(100, 100))
    bench.tools.set_on(ROI, True)
    told = bench.next()
    inside = data[25:75, 25:75]
    assert told["Region"] == "5.00 × 5.00 Å"
    assert (told["Pixels"], told["Area"]) == ("50 × 50", "25 Å²")
    assert told["Sum"] == f"{inside.sum():,} counts"
    assert told["Min, max"] == f"{inside.min()}, {inside.max()} counts"
    assert float(told["Mean"].split()[0]) == pytest.approx(inside.mean(), rel=1e-4)
    assert float(told["Std. dev."].split()[0]) == pytest.approx(inside.std(), rel=1e-3)
    bench.show(data + 1, axes(100, 100))
    assert bench.next()["Min, max"] == f"{inside.min() + 1}, {inside.max() + 1} counts"


def test_a_region_is_moved_and_resized_with_the_mouse(bench: Bench) -> None:
    bench.show(np.ones((100, 100), np.uint8), axes(100, 100))
    bench.tools.set_on(ROI, True)
    bench.next()
    shown = bench.canvas.box.viewRange()
    bench.drag(QPointF(4.0, 4.0), QPointF(5.0, 3.0))
    (x, y), (u, v) = bench.tools.region.ends()
    assert (x, y) == pytest.approx((3.45, 1.45), abs=0.15)
    assert (u - x, v - y) == pytest.approx((5.0, 5.0), abs=1e-6)
    bench.drag(QPointF(u, v), QPointF(u - 2, v + 1))
    (x, y), (p, q) = bench.tools.region.ends()
    assert (p - x, q - y) == pytest.approx((3.0, 6.0), abs=0.2)
    assert bench.canvas.box.viewRange() == shown
    bench.bot.waitUntil(lambda: bench.told[-1]["Region"] != "5.00 × 5.00 Å", timeout=30000)


def test_a_profile_has_length_width_and_spacing(bench: Bench) -> None:
    y, x = np.mgrid[:64, :64]
    bench.show((x + 100.0 * (y == 20)).astype(np.float32), axes(64, 64, "1/Å", 0.01, -0.32))
    bench.tools.set_width(1)
    bench.tools.set_on(LINE, True)
    told = bench.next()
    (a, b), (c, d) = bench.tools.line.ends()
    assert b == d
    assert float(told["Line"].split()[0]) == pytest.approx(c - a, abs=1e-3)
    assert float(told["d = 1/length"].split()[0]) == pytest.approx(1 / (c - a), rel=1e-3)
    assert told["d = 1/length"].endswith(" Å")
    assert told["Width"] == "1 px, 0.010 1/Å"
    distance, values = bench.tools.profile.line("profile")
    assert distance[-1] == pytest.approx(c - a)
    assert np.diff(values) == pytest.approx(np.diff(distance) / 0.01, rel=1e-3)
    bench.drag(QPointF(c, d), QPointF(c, d + 0.1))
    expected = pytest.approx(math.hypot(c - a, 0.1), abs=0.01)
    bench.bot.waitUntil(lambda: float(bench.told[-1]["Line"].split()[0]) == expected, timeout=30000)
    bench.tools.set_width(5)
    assert bench.next()["Width"] == "5 px, 0.050 1/Å"
    assert not bench.tools.line._band.isEmpty()


def test_a_transform_has_a_peak_that_the_cursor_finds(bench: Bench) -> None:
    _, x = np.mgrid[:128, :128] * 0.1
    bench.show(100 + 50 * np.cos(2 * np.pi * 0.8 * x) + RNG.normal(size=(128, 128)), axes(128, 128))
    bench.tools.set_on(FFT, True)
    fft = bench.tools.fft
    bench.bot.waitUntil(lambda: fft.data is not None, timeout=30000)
    assert fft.plot.getAxis("bottom").label.toPlainText().strip() == "x / 1/Å"
    assert bench.tools._why.text() == "FFT 128×128 px"
    bench.bot.wait(50)
    assert fft.box.viewRange()[0][1] < 2.5
    fft.cursor_at = fft.box.mapViewToScene(QPointF(0.83, 0.02))
    fft.read_out()
    first, second = fft._hud.readout.split("\n")
    assert float(first.split(",")[0]) == pytest.approx(0.8, abs=0.01)
    assert second.startswith("|f| 0.8")
    assert float(second.split("d ")[1].split()[0]) == pytest.approx(1.25, abs=0.01)
    assert second.endswith(" Å")
    assert fft.layer("peak")._x[0] == pytest.approx(0.8, abs=0.01)
    fft.cursor_at = None
    fft.read_out()
    assert fft._hud.readout == ""
    bench.tools.set_on(ROI, True)
    bench.bot.waitUntil(lambda: bench.tools._why.text() == "FFT of the region 64×64 px", timeout=30000)


def test_a_transform_in_a_small_view_keeps_its_spots(bench: Bench) -> None:
    data = np.zeros((1024, 1024), np.float32)
    data[::8] = 1.0
    bench.tools.resize(300, 200)
    bench.show(data + RNG.normal(size=data.shape).astype(np.float32) * 0.1, axes(1024, 1024, "px", 1.0))
    bench.tools.set_on(FFT, True)
    fft = bench.tools.fft
    bench.bot.waitUntil(lambda: fft.data is not None and fft.data.shape[0] < 1024, timeout=30000)
    assert fft.data.max() == fft._found.magnitude.max()
    area, whole = fft.area(), fft._found.axes[1]
    assert area.width() == pytest.approx(1.0, rel=0.02)
    assert area.left() == pytest.approx(whole.offset - whole.scale / 2)
    before = fft.box.viewRect()
    fft.box.setRange(xRange=(0.1, 0.15), yRange=(0.1, 0.15))
    bench.bot.waitUntil(lambda: fft.data.shape[0] == 1024, timeout=30000)
    assert fft.box.viewRect().width() < before.width() / 2


def test_what_is_off_or_cannot_be_seen_costs_nothing(bench: Bench) -> None:
    threads = threading.active_count()
    bench.show(np.ones((8, 8)), axes(8, 8))
    assert not bench.tools._timer.isActive()
    bench.tools.set_on(ROI, True)
    assert bench.tools._timer.isActive()
    bench.next()
    bench.tools.hide()
    assert not bench.tools._timer.isActive()
    bench.tools.show()
    assert bench.tools._timer.isActive()
    bench.tools.set_on(ROI, False)
    assert not bench.tools._timer.isActive()
    assert bench.told[-1] == {}
    assert not bench.tools.region.isVisible()
    bench.bot.waitUntil(lambda: threading.active_count() == threads, timeout=30000)


def test_nothing_new_is_not_measured_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.show(np.ones((8, 8)), axes(8, 8))
    bench.tools.set_on(ROI, True)
    bench.next()
    started: list[object] = []
    monkeypatch.setattr(bench.tools._aside, "start", started.append)
    for _ in range(3):
        bench.tools.tick()
    assert started == []
    bench.show(np.ones((8, 8)), axes(8, 8))
    bench.tools.tick()
    assert len(started) == 1


def test_it_is_measured_five_times_a_second_at_most_and_less_where_it_takes_long(
    qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = ImageTools(ImageCanvas())
    qtbot.addWidget(tools)
    now = [100.0]
    monkeypatch.setattr(timing.time, "monotonic", lambda: now[0])
    assert tools.due()
    now[0] += 0.15
    assert not tools.due()
    now[0] += 0.1
    assert tools.due()
    tools.rest(0.5)
    now[0] += 1.4
    assert not tools.due()
    now[0] += 0.2
    assert tools.due()
    tools.rest(60.0)
    now[0] += 2.1
    assert tools.due()


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 3)])
@pytest.mark.parametrize("dtype", ["?", "u1", "f4", "f8"])
def test_tiny_frames(bench: Bench, shape: tuple[int, int], dtype: str) -> None:
    data = RNG.integers(0, 2, shape).astype(dtype)
    bench.show(data, axes(*shape))
    for name in (ROI, LINE, FFT):
        bench.tools.set_on(name, True)
    told = bench.next()
    assert "Region" in told
    assert "Line" in told
    bench.tools.grab()


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0])
def test_frames_of_nothing(bench: Bench, value: float) -> None:
    bench.show(np.full((16, 16), value), axes(16, 16))
    for name in (ROI, LINE, FFT):
        bench.tools.set_on(name, True)
    told = bench.next()
    assert told["Mean"].split()[0] == ("0" if value == 0 else "–")
    if value:
        assert told["Pixels"] == "8 × 8, 64 not finite"
    assert bench.tools._why.text() == "no contrast to transform"
    bench.tools.grab()
    bench.show(RNG.random((16, 16)), axes(16, 16))
    assert bench.next()["Mean"].split()[0] != "–"


def test_frames_of_another_shape_or_scale_keep_region_and_line_at_the_same_part(bench: Bench) -> None:
    bench.show(np.ones((100, 100)), axes(100, 100))
    for name in (ROI, LINE, FFT):
        bench.tools.set_on(name, True)
    bench.next()
    bench.show(np.ones((50, 200)), (Axis("y", "nm", -2.0, 7.0, 50), Axis("x", "nm", 0.5, -3.0, 200)))
    assert bench.next()["Region"] == "50.00 × 52.0 nm"
    (x, y), (u, v) = bench.tools.region.ends()
    assert sorted((x, u)) == pytest.approx([-3.25 + 25, -3.25 + 75])
    assert sorted((y, v)) == pytest.approx([8 - 75, 8 - 25])
    bench.show(np.ones((100, 100)), axes(100, 100))
    assert bench.next()["Region"] == "5.00 × 5.00 Å"
    first, second = bench.tools.line.ends()
    assert (second[0] - first[0], second[1] - first[1]) == pytest.approx((4.0, 0.0))
    bench.show(np.ones((100, 100)), (Axis("t", "s", 1.0, 0.0, 100), axes(1, 100)[1]))
    told = bench.next()
    assert told["Region"] == "5.00 Å × 50.0 s"
    assert told["Line"].endswith("px")


def test_a_region_that_is_not_on_the_frame_says_so_and_comes_back(bench: Bench) -> None:
    bench.show(np.ones((10, 10)), axes(10, 10))
    bench.tools.set_on(ROI, True)
    bench.next()
    bench.tools.region.setPos((50.0, 50.0))
    assert bench.next() == {"Region": "beside the frame"}
    bench.tools.set_on(ROI, False)
    bench.tools.set_on(ROI, True)
    assert bench.next()["Area"] == "0.2500 Å²"


def test_uncalibrated_frames_say_px(bench: Bench) -> None:
    bench.show(RNG.random((20, 20)), axes(20, 20, "px", 1.0), "")
    for name in (ROI, LINE, FFT):
        bench.tools.set_on(name, True)
    told = bench.next()
    assert told["Region"] == "10.0 × 10.0 px"
    assert told["Area"] == "100 px"
    assert "Pixels" not in told
    assert "Width" not in told
    assert told["Line"] == "8.0 px"
    assert bench.tools.fft.plot.getAxis("bottom").label.toPlainText().strip() == "x / 1/px"


def test_pure_numbers_have_no_unit_and_what_cannot_be_measured_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.show(RNG.random((20, 20)), axes(20, 20, "1", 0.5), "")
    bench.tools.set_on(ROI, True)
    told = bench.next()
    assert (told["Region"], told["Area"]) == ("5.00 × 5.00", "25")

    def fail(wanted: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("matstudio.widgets.image_tools.measure", fail)
    bench.show(RNG.random((20, 20)), axes(20, 20, "1", 0.5), "")
    assert bench.next() == {"Not measured": "MemoryError: no room"}


def test_tools_may_be_on_before_the_first_frame(bench: Bench) -> None:
    for name in (ROI, LINE, FFT):
        bench.tools.set_on(name, True)
    bench.tools.tick()
    bench.show(RNG.random((32, 32)), axes(32, 32))
    assert {"Region", "Line"} <= set(bench.next())


def test_the_plots_stand_where_there_is_room(bench: Bench) -> None:
    bench.tools.set_on(FFT, True)
    bench.tools.resize(700, 300)
    QApplication.processEvents()
    assert bench.tools._body.orientation() is Qt.Orientation.Horizontal
    bench.tools.resize(300, 600)
    QApplication.processEvents()
    assert bench.tools._body.orientation() is Qt.Orientation.Vertical


def test_work_that_fails_is_one_line() -> None:
    aside: Aside[int] = Aside()

    def fail() -> int:
        raise MemoryError("no room\nat all")

    aside.start(fail)
    aside._thread.join(10)
    done = aside.take()
    assert (done.value, done.error) == (None, "MemoryError: no room at all")
    assert aside.take() is None
    aside.start(lambda: 3)
    aside._thread.join(10)
    assert aside.take().value == 3


def test_a_strip_switches_tools_and_asks(qtbot) -> None:
    strip = ToolStrip()
    qtbot.addWidget(strip)
    strip.add_menu("save", "Save it", [("picture", "Save picture …")])
    strip.add(ROI, "ROI", "Region")
    seen: list[object] = []
    strip.toggled.connect(lambda *a: seen.append(a))
    strip.asked.connect(seen.append)
    strip.show()
    strip.set_on(ROI, True)
    assert strip.is_on(ROI)
    strip.set_usable(ROI, False)
    assert not strip.usable(ROI)
    assert not strip.usable(FFT)
    assert not strip.is_on(FFT)
    save = strip.layout().itemAt(1).widget()
    save.menu().actions()[0].trigger()
    assert seen == [(ROI, True), "picture"]


def test_a_transform_keeps_its_zoom_until_the_pixels_are_of_another_size(bench: Bench) -> None:
    fft = bench.tools.fft
    bench.show(RNG.random((64, 64)), axes(64, 64))
    bench.tools.set_on(FFT, True)
    bench.bot.waitUntil(lambda: fft.data is not None, timeout=30000)
    fft.box.setRange(xRange=(0, 1), yRange=(0, 1), padding=0)
    bench.bot.wait(50)
    seen = fft.box.viewRange()
    first = fft.data
    bench.show(RNG.random((128, 128)), axes(128, 128))
    bench.bot.waitUntil(lambda: fft.data is not first and fft._found.size == (128, 128), timeout=30000)
    bench.bot.wait(50)
    assert np.ravel(fft.box.viewRange()) == pytest.approx(np.ravel(seen), abs=0.02)
    bench.show(RNG.random((128, 128)), axes(128, 128, scale=0.01))
    bench.bot.waitUntil(lambda: fft.area().width() > 90, timeout=30000)
    bench.bot.wait(50)
    assert fft.box.viewRect().width() > 50
