"""Choice of model, states of the processes, and what becomes of them, in the window and without it."""

from __future__ import annotations

import time

import pytest
from fake_run import FakeRun

from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, STATION, Run
from matstudio.ui.live import Live
from matstudio.ui.main_window import MainWindow
from matstudio.ui.present import log
from matstudio.ui.present.models import ModelLine, model_line
from matstudio.ui.present.processes import State, states


@pytest.fixture
def live():
    run = Run.create("twin")
    yield Live(run)
    run.remove()


@pytest.fixture
def now(live: Live):
    clock = {"t": 100.0}
    live.now, live.began = (lambda: clock["t"]), 100.0
    return clock


def test_the_model_that_runs_is_told_with_its_version_or_what_is_wrong(live: Live, now):
    assert model_line(live, "image") == ModelLine("no model yet", "", "", ())
    now["t"] += 20
    assert model_line(live, "image").text == "no model yet", "the host has not been heard: it starts"
    live.take("choices", {"image": ("baseline", "unet")})
    live.take("models", {"image": {"model": "baseline", "version": "2", "loading": "", "error": ""}})
    assert model_line(live, "image") == ModelLine("baseline 2", "", "baseline", ("baseline", "unet"))
    assert model_line(live, "spectrum").offered == ()
    live.take("models", {"image": {"model": "baseline", "version": "2", "loading": "unet", "error": ""}})
    assert model_line(live, "image").text == "loading unet …"
    error = "unet.safetensors: weights of version 3, this program reads 1"
    live.take("models", {"image": {"model": "baseline", "version": "2", "loading": "", "error": error}})
    line = model_line(live, "image")
    assert (line.text, line.level, line.tip) == ("baseline 2, error", "caution", error)
    now["t"] += 6
    assert model_line(live, "image").text == "no model host"


def test_processes_are_told_by_shape_and_text(live: Live, now):
    everyone = (DEVICE, STATION, MODELHOST, RECORDER)
    assert [s.text for s in states(live, None)] == [
        f"○ {name} starting" for name in ("device", "station", "models", "recorder")
    ]
    for topic, value in (("readings", {}), ("status", {}), ("models", {}), ("recording", {"state": "idle"})):
        live.take(topic, value)
    assert states(live, everyone) == [State(f"● {n}") for n in ("device", "station", "models", "recorder")]
    now["t"] += 4
    assert [s.text for s in states(live, everyone)[:3]] == ["▲ device silent 4 s", "▲ station silent 4 s", "● models"]
    assert states(live, (DEVICE,))[1] == State("✕ station gone", "bad")
    now["t"] += 4
    assert states(live, everyone)[3] == State("▲ recorder silent 8 s", "caution")
    live.take("recording", {"state": "failed"})
    assert states(live, everyone)[3] == State("▲ recorder failed", "caution")


def test_only_fresh_events_of_processes_are_news():
    event = {"kind": "process", "wall": 1000.0, "text": "modelhost ended with -9 and is started again"}
    assert log.is_news(event, 1001.0)
    assert not log.is_news(event, 1010.0)
    assert not log.is_news(event | {"kind": "mode"}, 1001.0)
    assert not log.is_news({"kind": "process", "wall": None}, 1001.0)


def test_a_model_is_chosen_in_the_title_of_its_stream(window: MainWindow, fake: FakeRun, qtbot):
    qtbot.waitUntil(lambda: window.session.live.choices != {} and "image" in window.session.live.models, timeout=8000)
    button = window._streams.view("image").model
    qtbot.waitUntil(lambda: button.text() == "baseline 1", timeout=4000)
    button._fill()
    assert [(a.text(), a.isChecked()) for a in button._menu.actions()] == [("baseline", True), ("unet", False)]
    button._menu.actions()[1].trigger()
    qtbot.waitUntil(lambda: ("use", {"stream": "image", "model": "unet"}) in [(n, f) for _, n, f in fake.asked])
    qtbot.waitUntil(lambda: button.text() == "loading unet …", timeout=4000)
    qtbot.waitUntil(lambda: "event" in fake.names(), timeout=4000)
    assert next(f for _, n, f in fake.asked if n == "event")["text"] == "image: model unet chosen"
    fake.loading, fake.model_error = "", "unet.safetensors: damaged"
    qtbot.waitUntil(lambda: button.text() == "baseline 1, error", timeout=4000)
    assert window.toasts.text() == "image: unet.safetensors: damaged"
    fake.model, fake.model_error = "unet", ""
    qtbot.waitUntil(lambda: button.text() == "unet 1", timeout=4000)


def test_what_becomes_of_processes_and_of_the_recorder_is_shown_and_logged(window: MainWindow, fake: FakeRun, qtbot):
    qtbot.waitUntil(lambda: "recorder" in window._alive.text() and "starting" not in window._alive.text(), timeout=8000)
    fake.failed = "/data: disk full (0 MB free), recording stopped"
    qtbot.waitUntil(lambda: window.toasts.text() == f"recorder: {fake.failed}", timeout=4000)
    qtbot.waitUntil(lambda: any(fake.failed in row[3] and row[0] for row in window.log.event_rows()), timeout=3000)
    assert "▲ recorder failed" in window._alive.text()
    text = "modelhost was silent for 15 s and is killed"
    window.teller._logged([{"n": 99, "wall": time.time(), "kind": "process", "who": "launcher", "text": text}])
    assert window.toasts.text() == text
    window.refresh()
    assert window.log.event_rows()[0][1:] == ("launcher", "process", text)
