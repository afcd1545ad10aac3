"""Opening files from the window: what is in the way, what is asked, and that a bad file ends nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fake_run import FakeRun
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent

from matstudio.bus.rundir import Run
from matstudio.domain.device import Description
from matstudio.ui.live import Live
from matstudio.ui.main_window import MainWindow
from matstudio.ui.opening import NEXT, in_the_way


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.npy"
    np.save(path, np.arange(4096, dtype=np.uint16).reshape(64, 64))
    return path


def off(window: MainWindow, fake: FakeRun, qtbot) -> None:
    fake.mode = "OFF"
    live = window.session.live
    qtbot.waitUntil(lambda: live.description is not None and in_the_way(live) == "", timeout=8000)


def test_a_run_that_drives_records_or_is_silent_is_in_the_way():
    run = Run.create("twin")
    live = Live(run)
    assert in_the_way(live) == "it is not known what the station does: the run goes on"
    for mode in ("PID", "MANUAL", "HOLD", "SAFE"):
        live.take("status", {"mode": mode})
        assert in_the_way(live) == f"the run is in {mode}: choose OFF first"
    live.take("status", {"mode": "OFF"})
    assert in_the_way(live) == ""
    live.take("recording", {"state": "recording"})
    assert in_the_way(live) == "the run is being recorded: end the recording first"
    live.take("recording", {"state": "idle"})
    live.heard.clear()
    live.take("description", Description("Replay", "replay", (), {}, (), {}))
    assert in_the_way(live) == ""
    run.remove()


def test_a_run_that_drives_goes_on(window: MainWindow, fake: FakeRun, picture: Path, qtbot):
    qtbot.waitUntil(lambda: window.session.live.mode == "PID", timeout=8000)
    window.opener.open([str(picture)])
    assert window.toasts.text() == "open picture.npy: the run is in PID: choose OFF first"
    assert window.jobs.jobs.jobs == ()
    qtbot.waitUntil(lambda: any("choose OFF first" in r[3] for r in window.log.event_rows()), timeout=3000)


def test_a_bad_file_ends_nothing(window: MainWindow, fake: FakeRun, tmp_path: Path, qtbot):
    off(window, fake, qtbot)
    bad = tmp_path / "bad.dm4"
    bad.write_bytes(b"nothing of the kind")
    window.opener.open([str(bad)])
    qtbot.waitUntil(lambda: window.toasts.text().startswith("open bad.dm4: "), timeout=20_000)
    assert "\n" not in window.toasts.text()
    off(window, fake, qtbot)
    window.opener.open([str(tmp_path / "gone.tif"), str(bad)])
    qtbot.waitUntil(lambda: window.toasts.text().startswith("open gone.tif and 1 more: "), timeout=20_000)
    assert "no such file" in window.toasts.text()
    assert window.isVisible()
    assert not window.open_next
    assert window.settings.recent == ()


def test_a_dropped_file_is_opened_when_the_operator_agrees(window: MainWindow, fake: FakeRun, picture: Path, qtbot):
    off(window, fake, qtbot)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(picture))])
    copy, button, key = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(QPointF(5, 5), copy, data, button, key))
    qtbot.waitUntil(lambda: window.opener._question is not None, timeout=20_000)
    question = window.opener._question
    assert question.text() == "Stop this run and open picture.npy?"
    assert not question.isModal()
    window.opener.open([str(picture)])
    assert window.toasts.text() == "open: another file is being opened"
    fake.mode = "PID"
    qtbot.waitUntil(lambda: window.session.live.mode == "PID", timeout=4000)
    next(b for b in question.buttons() if b.text() == "Stop and open").click()
    assert "choose OFF first" in window.toasts.text(), "what was true when it was asked is not any more"
    assert not window.open_next
    off(window, fake, qtbot)
    qtbot.waitUntil(lambda: window.opener._question is None, timeout=3000)
    window.opener.open([str(picture)])
    qtbot.waitUntil(lambda: window.opener._question is not None, timeout=20_000)
    next(b for b in window.opener._question.buttons() if b.text() == "Stop and open").click()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=5000)
    assert window.open_next
    assert json.loads((fake.run.path / NEXT).read_text()) == [str(picture)]
    assert window.kept.settings().recent == (str(picture),)


def test_recent_files_are_in_the_menu(window: MainWindow, monkeypatch):
    opened: list[list[str]] = []
    assert [a.id for a in window.opener.actions()] == ["file.open"]
    window.keep(window.settings.opened("/data/a&b.nxs").opened("/data/x.tif:/data/log.csv"))
    monkeypatch.setattr(window.opener, "open", opened.append)
    open_, newest, oldest = window.opener.actions()
    assert (newest.text, oldest.text) == ("Open x.tif and 1 more", "Open a&b.nxs")
    assert open_.id == "file.open"
    newest.run()
    assert opened == [["/data/x.tif", "/data/log.csv"]]
