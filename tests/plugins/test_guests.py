"""Widgets of plugins in their own processes: a good one is seen and can be touched, hostile ones do no harm."""

import json
import os
import time

import numpy as np
import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from matstudio import plugins
from matstudio.bus.ring import RingWriter
from matstudio.bus.rundir import Run
from matstudio.domain.device import Description, Stream
from matstudio.domain.frame import Axis, Frame
from matstudio.ui.guests import guest
from matstudio.ui.guests.guests import Guests

pytestmark = pytest.mark.timeout(400)
LONG = 100_000  # ms, for a machine that has much to do
MANIFEST = """name = "good"
version = "1"
api = 1
[[modality]]
kind = "good"
title = "Good"
viewer = "made_good:Viewer"
[[dock]]
key = "good"
title = "Good"
widget = "made_good:Button"
"""
MODULE = """
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QPushButton, QWidget

class Viewer(QWidget):
    value = 0
    def show_frame(self, frame):
        self.value = int(frame.data[0])
        self.update()
    def show_estimate(self, estimate):
        pass
    def paintEvent(self, event):
        painter = QPainter(self)
        painter.fillRect(self.rect(), 0xff000000 + 0x10101 * self.value)
        painter.end()

class Button(QPushButton):
    def __init__(self):
        super().__init__("press")
        self.setStyleSheet("background: #204060; border: none")
        self.clicked.connect(lambda: self.setStyleSheet("background: #a0c0e0; border: none"))
        self.clicked.connect(lambda: self.setText(""))
"""


@pytest.fixture
def run():
    made = Run.create("test")
    yield made
    made.remove()


@pytest.fixture
def guests(qtbot, run, monkeypatch):
    """The plugins of a window that is not there; what they tell is in `told`."""
    monkeypatch.setattr(guest, "SILENT_S", 3.0)
    monkeypatch.setattr(guest, "MAKING_S", 3.0)
    made = Guests(run, lambda: {"theme": "dark", "colormap": "gray", "paused": False})
    made.told_all = []
    made.told.connect(made.told_all.append)
    views = []

    def show(view):
        qtbot.addWidget(view, before_close_func=lambda v: v.close_view())
        view.resize(120, 60)
        view.show()
        views.append(view)
        return view

    made.show_view = show
    made.describe(Description("test", "real", (), {}, (), {}))
    yield made
    for view in views:
        view.close_view()
    made.stop()


def dock(guests, name):
    found = next((p, d) for p, d in guests.docks() if p.name == name)
    return guests.show_view(guests.dock(*found))


def colour(view):
    return view.picture(1.0).pixelColor(4, 4).getRgb()[:3]


def test_a_viewer_shows_its_streams_frames(qtbot, guests, run, put):
    put("good", MANIFEST, MODULE)
    ring = RingWriter(run.ring("good"), 64, slots=4)
    try:
        view = guests.show_view(guests.viewer("good"))
        guests.describe(Description("t", "real", (Stream("good", "good", str(ring.path), 5.0, "G"),), {}, (), {}))
        frame = Frame("good", "good", 0, np.full(4, 0x55, np.uint8), (Axis("x", "px", 1.0, 0.0, 4),), 0.0, 0.1, "c")
        view.show_frame(frame)
        ring.write(frame)
        qtbot.waitUntil(lambda: view.text() == "" and colour(view) == (0x55, 0x55, 0x55), timeout=LONG)
    finally:
        ring.close()


def test_a_view_that_comes_after_the_only_frame_shows_it(qtbot, guests, run, put):
    """A paused replay sends no other."""
    put("good", MANIFEST, MODULE)
    ring = RingWriter(run.ring("good"), 64, slots=4)
    try:
        guests.describe(Description("t", "real", (Stream("good", "good", str(ring.path), 5.0, "G"),), {}, (), {}))
        frame = Frame("good", "good", 0, np.full(4, 0x55, np.uint8), (Axis("x", "px", 1.0, 0.0, 4),), 0.0, 0.1, "c")
        ring.write(frame)
        first = guests.show_view(guests.viewer("good"))
        first.show_frame(frame)
        qtbot.waitUntil(lambda: first.text() == "" and colour(first) == (0x55, 0x55, 0x55), timeout=LONG)
        second = guests.show_view(guests.viewer("good"))
        second.show_frame(frame)
        qtbot.waitUntil(lambda: second.text() == "" and colour(second) == (0x55, 0x55, 0x55), timeout=LONG)
    finally:
        ring.close()


def test_what_the_operator_does_reaches_the_widget(qtbot, guests, put):
    put("good", MANIFEST, MODULE)
    view = dock(guests, "good")
    qtbot.waitUntil(lambda: view.text() == "" and colour(view) == (0x20, 0x40, 0x60), timeout=LONG)
    QTest.mouseClick(view, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: colour(view) == (0xA0, 0xC0, 0xE0), timeout=LONG)


def test_one_that_raises_is_named_in_one_line(qtbot, guests, put):
    put("raises")
    view = dock(guests, "raises")
    qtbot.waitUntil(lambda: "failed" in view.text(), timeout=LONG)
    assert view.text() == "plugin raises failed: RuntimeError: no library of that name on this machine"
    assert guests.told_all == [view.text()]


@pytest.mark.parametrize(("name", "did"), [("exits", "ended its process with 7"), ("hangs", "gave no sign of life")])
def test_one_that_ends_its_process_or_hangs_is_left_out_after_three_times(qtbot, guests, put, name, did):
    put(name)
    view = dock(guests, name)
    qtbot.waitUntil(lambda: "switched off" in view.text(), timeout=2 * LONG)
    assert did in view.text()
    assert view.text().endswith("3 times")
    assert [line for line in guests.told_all if did in line and "started again" in line]
    plugins.refresh()
    assert did in next(p.off for p in plugins.found() if p.name == name)
    assert guests.docks() == []
    with pytest.raises(ValueError, match=f"plugin {name} is switched off: it"):
        guests.viewer(name)


def test_one_that_floods_holds_up_nothing_and_can_be_switched_off(qtbot, guests, put, monkeypatch):
    monkeypatch.setattr(guest, "BUSY_S", 0.1)
    put("floods")
    put("good", MANIFEST, MODULE)
    flood, good = dock(guests, "floods"), dock(guests, "good")
    qtbot.waitUntil(lambda: good.text() == "" and colour(good) == (0x20, 0x40, 0x60), timeout=LONG)
    QTest.mouseClick(good, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: colour(good) == (0xA0, 0xC0, 0xE0), timeout=LONG)
    qtbot.waitUntil(lambda: any("plugin floods" in line for line in guests.told_all), timeout=LONG)
    child = guests._guests["floods"]
    pid = child._process.processId() if child.running else 0
    guests.switch_off("floods", "by the operator")
    assert flood.text() == "plugin floods is switched off: by the operator"
    assert not pid or not psutil.pid_exists(pid)
    assert "plugin floods is switched off: by the operator" in guests.told_all
    assert json.loads((plugins.user_folder().parent / "plugins.json").read_text()) == {
        "off": {"floods": "by the operator"}
    }


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_one_that_is_killed_is_started_again_and_shows_the_same(qtbot, guests, put):
    put("good", MANIFEST, MODULE)
    view = dock(guests, "good")
    qtbot.waitUntil(lambda: view.text() == "" and colour(view) == (0x20, 0x40, 0x60), timeout=LONG)
    QTest.mouseClick(view, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: colour(view) == (0xA0, 0xC0, 0xE0), timeout=LONG)
    os.kill(guests._guests["good"]._process.processId(), 9)
    qtbot.waitUntil(lambda: colour(view) == (0x20, 0x40, 0x60), timeout=LONG)
    assert guests.told_all[0].startswith("plugin good ended its process")


@pytest.mark.skipif(os.name != "posix", reason="needs /proc")
def test_it_ends_with_the_window(qtbot, guests, put):
    put("good", MANIFEST, MODULE)
    view = dock(guests, "good")
    qtbot.waitUntil(lambda: view.text() == "", timeout=LONG)
    child = psutil.Process(guests._guests["good"]._process.processId())
    begun = time.monotonic()
    guests.stop()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert time.monotonic() - begun < 30
