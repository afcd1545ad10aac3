"""What the run's processes may say, and how fast, without harm to the window."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from fake_run import FakeRun
from PySide6.QtCore import QTimer

from matstudio.bus.messages import problem
from matstudio.domain.estimate import Estimate, FrameRef, MaterialState, Model, Quantity
from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.domain.process import Reading
from matstudio.domain.structure import SiteModel
from matstudio.ui.main_window import MainWindow

MODEL = Model("baseline", "1", "")
NAN = math.nan


def known(window: MainWindow, qtbot) -> None:
    qtbot.waitUntil(lambda: window.session.live.description is not None, timeout=8000)
    window._prepare()
    qtbot.waitUntil(lambda: all(v.frame_end() is not None for v in window._streams.views()), timeout=8000)
    window.session.frames.stop()


def frame(stream: str, data: np.ndarray, scale: float = 0.1) -> Frame:
    axes = tuple(Axis(n, "Å", scale, 0.0, size) for n, size in zip("zyx"[3 - data.ndim :], data.shape, strict=True))
    return Frame(stream, Kind(stream), 1, data, axes, 0.0, 0.1, "monotonic", {})


@pytest.mark.parametrize("stream", [k.value for k in Kind])
def test_frames_of_any_shape_and_type_leave_the_viewer_alive(window: MainWindow, qtbot, stream: str):
    known(window, qtbot)
    view = window._streams.view(stream)
    shape = (2048,) if stream == "spectrum" else (64, 48)
    ramp = np.linspace(0, 1000, math.prod(shape)).reshape(shape)
    odd = [ramp.astype(t) for t in ("u1", "i2", "u4", "i8", ">f4", "f2", "f8", "?", "c8", "S3", "M8[s]")]
    odd += [ramp[:0], ramp[::2], ramp.reshape(-1, 2, 4), ramp.ravel()[:1], np.full(shape, np.inf), -ramp]
    for data in odd:
        for scale in (0.1, NAN, 0.0, -1e30):
            window._frame(frame(stream, data, scale))
            assert view.viewer is not None, (data.dtype, data.shape)
    window._frame(frame(stream, ramp))
    assert view.viewer._state.isHidden()


@pytest.mark.parametrize(
    ("value", "line"),
    [(np.nan, "no value is a finite number"), (0.0, "every value is 0"), (7.5, "every value is 7.5")],
)
def test_an_empty_frame_is_shown_as_such(window: MainWindow, qtbot, value: float, line: str):
    known(window, qtbot)
    for stream, shape in (("image", (64, 64)), ("diffraction", (64, 64)), ("spectrum", (500,))):
        window._frame(frame(stream, np.full(shape, value)))
        viewer = window._streams.view(stream).viewer
        assert viewer._state.text() == line
        data = np.full(shape, value)
        data.flat[-1] = 3.0
        data.flat[0] = 2.0
        window._frame(frame(stream, data))
        assert viewer._state.isHidden()


def test_estimates_and_states_that_hold_no_numbers_leave_the_window_alive(window: MainWindow, qtbot):
    known(window, qtbot)
    quantities = {n: Quantity(NAN, NAN, "1") for n in ("order_parameter", "composition", "antiphase")}
    quantities["lattice_a"] = Quantity(math.inf, -1.0, "Å")
    names = (
        "columns",
        "columns_sigma",
        "columns_au",
        "spots",
        "hkl",
        "spots_intensity",
        "edges_eV",
        "edges_p",
        "peaks",
    )
    for array in (np.full((5, 2), NAN), np.zeros((0, 2)), np.full(7, NAN), np.array(3.0), np.zeros((2, 3, 4))):
        for stream in ("image", "diffraction", "spectrum"):
            window._estimate(stream, Estimate(stream, 1, NAN, MODEL, quantities, dict.fromkeys(names, array)))
            assert window._streams.view(stream).viewer is not None, (stream, array.shape)
    nowhere = np.full((4, 3), NAN)
    for structure in (
        None,
        SiteModel(np.eye(3), np.zeros((0, 3)), ("Cu",), np.zeros((0, 1)), np.zeros(0)),
        SiteModel(np.eye(3) * NAN, nowhere, ("Cu",), np.full((4, 1), NAN), np.full(4, NAN)),
    ):
        window._drawn = -math.inf
        window.session._take("state", MaterialState(NAN, quantities, {"x": (FrameRef("image", 1),)}, structure))
        window.refresh()
    qtbot.wait(300)
    assert "NaN" not in window._header._figures["order_parameter"].text()


def test_whatever_messages_may_hold_leaves_the_window_alive(window: MainWindow, fake: FakeRun, qtbot):
    """Of what is damaged, the worker lets nothing pass; what it lets pass must be shown without harm."""
    known(window, qtbot)
    live = window.session.live
    qtbot.waitUntil(lambda: bool(live.models) and bool(live.recording), timeout=8000)
    fake.silent = True
    reading = Reading("temperature", NAN, "K", 1.0)
    whole = {
        "status": fake.status(1.0, 1, {"temperature": reading}),
        "readings": {"t": 1.0, "readings": (reading,), "state": {}},
        "models": dict(live.models),
        "recording": dict(live.recording),
    }
    assert [topic for topic, value in whole.items() if problem(topic, value)] == []
    passed = 0
    for topic, value in whole.items():
        for key in value:
            for new in (None, {}, (), NAN, math.inf, -1, 0, "x", "x" * 10_000, b"", True, {"temperature": NAN}):
                message = value | {key: new}
                if not problem(topic, message):
                    passed += 1
                    window.session._take(topic, message)
                    window.refresh()
        window.session._take(topic, value)
    for _ in range(6):
        window.refresh()
    qtbot.wait(100)
    assert passed > 50
    assert window.isVisible()


class Busy:
    """CPU seconds of the window's thread: in all, and between two ticks of a timer of 10 ms."""

    def __init__(self, window: MainWindow) -> None:
        self.longest = 0.0
        self.start = self._last = time.thread_time()
        self._timer = QTimer(window, interval=10)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self) -> None:
        now = time.thread_time()
        self.longest, self._last = max(self.longest, now - self._last), now

    def stop(self) -> float:
        self._timer.stop()
        return time.thread_time() - self.start


def test_ten_thousand_entries_and_a_flood_of_messages_hold_nothing_up(window: MainWindow, fake: FakeRun, qtbot):
    known(window, qtbot)
    qtbot.wait(500)
    many = [
        {"n": i, "t": 0.0, "wall": time.time(), "kind": "write", "who": "ann", "text": f"entry {i}", "data": {}}
        for i in range(1, 10_001)
    ]
    busy, start = Busy(window), time.monotonic()
    window.teller._logged(many)
    window.refresh()
    assert len(window.log.event_rows()) == 1000
    assert window.log.event_rows()[0][3] == "entry 10000"
    qtbot.wait(300)
    fake.flood = 100
    qtbot.waitUntil(lambda: any(r[3].startswith("flood") for r in window.log.event_rows()), timeout=8000)
    qtbot.wait(2000)
    used = busy.stop()
    fake.flood = 0
    assert len(window.log.event_rows()) == 1000
    assert busy.longest < 0.25
    assert used < 0.7 * (time.monotonic() - start)


def test_what_the_device_lost_is_told_once(window: MainWindow, fake: FakeRun, qtbot):
    fake.silent = True
    for errors in (["frames: their process ended with -9 and is started again"], 3, None, [[1], "x" * 10_000]):
        window.session._take("readings", {"t": 1.0, "readings": (), "state": {"errors": errors}})
        window.session._take("readings", {"t": 1.1, "readings": (), "state": {"errors": errors}})
    told = [entry.text for entry in window.teller._entries if entry.text.startswith("device: ")]
    died = "device: frames: their process ended with -9 and is started again"
    assert told == [died, "device: [1]", "device: " + 200 * "x"]
    for i in range(300):
        window.session._take("readings", {"t": 2.0, "readings": (), "state": {"errors": [f"another {i}"]}})
    assert len([entry for entry in window.teller._entries if entry.text.startswith("device: ")]) == 100
