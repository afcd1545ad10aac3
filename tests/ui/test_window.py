"""The window on a played run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from fake_run import FakeRun
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QFocusEvent, QImage
from PySide6.QtWidgets import QApplication, QInputDialog, QLabel, QPushButton

from matstudio.bus.messages import CommandClient
from matstudio.ui import theme
from matstudio.ui.actions import Action, Actions
from matstudio.ui.header import HaltButton
from matstudio.ui.main_window import MainWindow
from matstudio.ui.parts import NumberEdit
from matstudio.ui.theme import Theme


def live(window: MainWindow, qtbot) -> None:
    """Wait until station, device, state and frames are there, and the window has the focus."""
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=8000)
    known = window.session.live
    qtbot.waitUntil(lambda: known.attached and known.description is not None and known.state is not None, timeout=8000)
    qtbot.waitUntil(lambda: all(v.frame_end() is not None for v in shown(window)), timeout=8000)
    window.refresh()
    card = window.process.cards.get("temperature")
    if card is not None and window.session.live.settable:  # not where the station was silent for a moment
        qtbot.waitUntil(card._edit.isEnabled, timeout=8000)


def shown(window: MainWindow):
    return [v for v in window._streams.views() if v.stream is not None]


def texts(window: MainWindow) -> str:
    return " | ".join(w.text() for w in window.findChildren(QLabel) if w.isVisible())


def button(window: MainWindow, text: str) -> QPushButton:
    return next(b for b in window.findChildren(QPushButton) if b.text() == text)


def test_everything_is_shown(window: MainWindow, qtbot):
    live(window, qtbot)
    header = window._header
    assert "T 6" in header._figures["temperature"].text()
    assert "K set 626.0" in header._figures["temperature"].text()
    assert "±" in header._figures["order_parameter"].text()
    assert "meV/atom" in header._figures["free_energy"].text()
    assert button(window, "PID").isChecked()
    assert window._banner.text() == "SIMULATED: digital twin"
    assert window._banner.isVisible()
    assert window.docks["Image"].title.name.text() == "Image HAADF 128×128"
    qtbot.waitUntil(lambda: "Hz" in window.docks["Image"].title.line.text(), timeout=4000)
    qtbot.waitUntil(lambda: "sites" in window.docks["Structure"].title.line.text(), timeout=4000)
    qtbot.waitUntil(lambda: "CPU" in window._bar.text() and "frames" in window._bar.text(), timeout=4000)
    assert window.log.event_rows()[-1][3] == "station started: OFF"
    assert not window._timeline.view.play.isVisible()


def test_the_window_fits_in_1280_by_800(window: MainWindow, fake: FakeRun, qtbot):
    live(window, qtbot)
    window.resize(1280, 800)
    qtbot.wait(500)
    assert (window.width(), window.height()) == (1280, 800)
    fake.failed = "/data/a/rather/long/path: disk full (0 MB free), recording stopped"
    qtbot.waitUntil(lambda: window._header._rec.lines() == ("REC failed", fake.failed), timeout=5000)
    fake.silent = True
    qtbot.wait(1500)  # everything stale, its age told; the recorder failed
    assert (window.width(), window.height()) == (1280, 800)
    assert window._header._halt.geometry().right() < 1280
    fake.silent, fake.failed = False, ""
    live(window, qtbot)
    asked = []
    hint = window._header.minimumSizeHint
    window._header.minimumSizeHint = lambda: (asked.append(1), hint())[1]
    qtbot.wait(1000)
    assert len(asked) < 200, "the layout never comes to rest"
    window.resize(1600, 1000)
    QApplication.processEvents()
    assert all(f.isVisible() for f in window._header._figures.values())


def test_viewing_never_changes_the_mode(window: MainWindow, fake: FakeRun, qtbot):
    live(window, qtbot)
    window.set_paused(True)
    window.set_colormap("viridis")
    window.set_theme(Theme.LIGHT)
    window.docks["Image"].setFloating(True)
    window.docks["Image"].setFloating(False)
    window.docks["Trends"].close()
    window.arrange()
    qtbot.wait(300)
    assert set(fake.names()) <= {"hello"}
    assert window.docks["Trends"].isVisible()


def test_mode_buttons_show_what_the_station_says(window: MainWindow, fake: FakeRun, qtbot):
    live(window, qtbot)
    fake.refuse["mode"] = "no policy loaded"
    qtbot.mouseClick(button(window, "POLICY"), Qt.MouseButton.LeftButton)
    assert button(window, "PID").isChecked()
    assert not button(window, "POLICY").isChecked()
    qtbot.waitUntil(lambda: window.toasts.text() == "mode: no policy loaded", timeout=3000)
    fake.refuse.clear()
    qtbot.mouseClick(button(window, "MANUAL"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: button(window, "MANUAL").isChecked(), timeout=3000)
    assert not button(window, "PID").isChecked()


def test_halt_and_reset(window: MainWindow, fake: FakeRun, qtbot):
    live(window, qtbot)
    qtbot.mouseClick(button(window, "HALT"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window._safe.isVisible(), timeout=3000)
    assert window._safe.text() == "SAFE: HALT in the window"
    assert window._banner.isVisible()
    assert button(window, "HALT").isEnabled()
    assert not window.process.cards["temperature"]._edit.isEnabled()
    qtbot.mouseClick(button(window, "Reset"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window._safe.isVisible(), timeout=3000)
    assert "Mode OFF" in texts(window)


def test_halt_and_take_over_by_key_even_while_typing(window: MainWindow, fake: FakeRun, qtbot):
    live(window, qtbot)
    edit = window.process.cards["temperature"]._edit
    edit.setFocus()
    qtbot.keyClick(edit, Qt.Key.Key_F2)
    qtbot.waitUntil(lambda: fake.mode == "MANUAL", timeout=3000)
    qtbot.keyClick(edit, Qt.Key.Key_H, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: fake.mode == "SAFE", timeout=3000)


def type_in(qtbot, edit: NumberEdit, text: str) -> None:
    edit.setFocus()
    edit.selectAll()
    qtbot.keyClicks(edit, text)
    qtbot.keyClick(edit, Qt.Key.Key_Return)


def test_setpoints_are_checked_sent_and_refused_in_one_line(window: MainWindow, fake: FakeRun, qtbot):
    live(window, qtbot)
    card = window.process.cards["temperature"]
    type_in(qtbot, card._edit, "1200")
    assert card._line.text() == "temperature: 1200 K is above the limit 900 K"
    assert "setpoint" not in fake.names()
    type_in(qtbot, card._edit, "640.5")
    qtbot.waitUntil(lambda: fake.setpoint == 640.5, timeout=3000)
    qtbot.waitUntil(lambda: card._edit.text() == "640.5" and not card._edit.edited(), timeout=3000)
    assert card._line.isHidden()
    fake.refuse["setpoint"] = "HOLD freezes the setpoints"
    type_in(qtbot, card._edit, "650")
    qtbot.waitUntil(lambda: card._line.text() == "HOLD freezes the setpoints", timeout=3000)
    assert card._edit.edited()
    qtbot.keyClick(card._edit, Qt.Key.Key_Escape)
    assert card._edit.text() == "640.5"


def test_what_is_typed_is_not_overwritten(window: MainWindow, fake: FakeRun, qtbot):
    live(window, qtbot)
    edit = window.process.cards["temperature"]._edit
    edit.setFocus()
    edit.selectAll()
    qtbot.keyClicks(edit, "63")
    fake.setpoint = 700.0
    qtbot.waitUntil(lambda: window.session.live.number("setpoints", "temperature") == 700.0, timeout=3000)
    window.refresh()
    assert edit.text() == "63"


def test_what_is_typed_survives_a_look_into_another_window_but_not_another_field(window: MainWindow, qtbot):
    live(window, qtbot)
    card = window.process.cards["temperature"]
    card._edit.setFocus()
    card._edit.selectAll()
    qtbot.keyClicks(card._edit, "63")
    QApplication.sendEvent(card._edit, QFocusEvent(QFocusEvent.Type.FocusOut, Qt.FocusReason.ActiveWindowFocusReason))
    assert (card._edit.text(), card._edit.edited()) == ("63", True)
    QApplication.sendEvent(card._edit, QFocusEvent(QFocusEvent.Type.FocusOut, Qt.FocusReason.TabFocusReason))
    assert (card._edit.text(), card._edit.edited()) == ("626.0", False)


def test_heater_output_is_written_in_percent(window: MainWindow, fake: FakeRun, qtbot):
    live(window, qtbot)
    type_in(qtbot, window.process.cards["temperature"]._manual, "25")
    qtbot.waitUntil(lambda: fake.heater == 0.25 and fake.mode == "MANUAL", timeout=3000)


def test_recording_is_started_and_ended(window: MainWindow, fake: FakeRun, qtbot, tmp_path: Path):
    live(window, qtbot)
    qtbot.mouseClick(window._header._rec, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window._header._rec.lines()[0].startswith("REC 0:00"), timeout=5000)
    path = next(f["path"] for _, name, f in fake.asked if name == "record")
    assert path.startswith(str(tmp_path / "sessions"))
    assert "11.8 MB/s, 19 h left" in window._header._rec.lines()[1]
    qtbot.mouseClick(window._header._rec, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "stop_recording" in fake.names(), timeout=3000)


def test_alarms_are_acknowledged(window: MainWindow, fake: FakeRun, qtbot):
    fake.alarms = ({"id": "sensor", "text": "sensor stale", "priority": "high", "state": "UNACK", "t": 1.0},)
    live(window, qtbot)
    qtbot.waitUntil(lambda: window._header._alarms.lines() == ("1 alarm", "1 to acknowledge"), timeout=3000)
    assert window._header._alarms.property("level") == "bad"
    qtbot.mouseClick(button(window, "Acknowledge"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: ("acknowledge", "sensor") in [(n, f.get("alarm")) for _, n, f in fake.asked], timeout=3000)


def test_a_silent_station_greys_the_values(window: MainWindow, fake: FakeRun, qtbot):
    live(window, qtbot)
    window.process.cards["temperature"]._edit.setFocus()
    fake.silent = True
    qtbot.waitUntil(lambda: "station silent" in texts(window), timeout=4000)
    assert "stale" in window._header._figures["temperature"].text()
    assert not window.process.cards["temperature"]._edit.isEnabled()
    assert not isinstance(window.focusWidget(), QPushButton)  # which a key would press
    assert not button(window, "PID").isChecked()
    assert button(window, "HALT").isEnabled()
    fake.silent = False
    qtbot.waitUntil(lambda: "connected" in texts(window), timeout=4000)


def test_a_replay_is_played_from_the_timeline_and_has_only_its_docks(replay_window: MainWindow, replay: FakeRun, qtbot):
    window, view = replay_window, replay_window._timeline.view
    qtbot.waitUntil(lambda: view.play.isVisible(), timeout=8000)
    assert window._banner.text() == "REPLAY of insitu_ti.h5"
    assert window.docks["Image"].isVisible()
    assert not window.docks["Diffraction"].isVisible()
    assert not window._header._figures["pressure"].isVisible()
    qtbot.waitUntil(lambda: len(view.rows()) == 3, timeout=8000)
    assert view.rows()[0][2:] == ("alarm", "station: sensor: stuck")
    qtbot.mouseClick(view.play, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: view.play.text() == "Play", timeout=8000)
    canvas = view.canvas
    at = QPoint(round(canvas._x(60.0)), 5)
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=at - QPoint(50, 0))
    qtbot.mouseMove(canvas, at)
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=at)
    qtbot.waitUntil(lambda: replay.position == pytest.approx(60.0, abs=0.5), timeout=8000)
    assert window.actions_.trigger("timeline.next")
    qtbot.waitUntil(lambda: replay.position == 90.0, timeout=8000)
    assert "sensor: stuck" in window._timeline.where()
    assert window.actions_.trigger("timeline.previous")
    qtbot.waitUntil(lambda: replay.position == 40.0, timeout=8000)
    window.actions_.trigger("timeline.forth")
    window.actions_.trigger("timeline.faster")
    qtbot.waitUntil(lambda: {"step", "speed"} <= set(replay.names()), timeout=8000)
    told = {name: fields for _, name, fields in replay.asked}
    assert (told["step"], told["speed"]) == ({"frames": 1}, {"factor": 2.0})
    assert "mode" not in replay.names()


def test_a_bookmark_in_a_replay_is_about_the_recorded_time(replay_window: MainWindow, replay: FakeRun, qtbot):
    window, view = replay_window, replay_window._timeline.view
    qtbot.waitUntil(lambda: len(view.rows()) == 3, timeout=8000)
    window._timeline.seek(25.0)
    window.actions_.trigger("timeline.bookmark")
    next(w for w in QApplication.topLevelWidgets() if isinstance(w, QInputDialog)).accept()
    qtbot.waitUntil(lambda: len(view.rows()) == 4, timeout=8000)
    fields = next(f for _, n, f in replay.asked if n == "note")
    assert fields | {"who": ""} == {"who": "", "text": "", "t": 25.0, "bookmark": True}
    assert view.rows()[2][2] == "bookmark, later"


def test_the_timeline_of_a_live_run_lists_its_events_and_bookmarks(window: MainWindow, fake: FakeRun, qtbot):
    live(window, qtbot)
    view = window._timeline.view
    qtbot.waitUntil(lambda: len(view.rows()) == 3, timeout=8000)
    window.actions_.trigger("timeline.bookmark")
    about = window._timeline.model.now
    dialog = next(w for w in QApplication.topLevelWidgets() if isinstance(w, QInputDialog))
    dialog.setTextValue("wall moves")
    qtbot.wait(300)
    dialog.accept()
    qtbot.waitUntil(lambda: "note" in fake.names(), timeout=8000)
    fields = next(f for _, n, f in fake.asked if n == "note")
    assert (fields["text"], fields["bookmark"]) == ("wall moves", True)
    assert fields["t"] == pytest.approx(about, abs=0.25)  # the moment of the key, not of the last letter
    assert window.actions_.trigger("timeline.previous")
    assert "setpoint 640 K" in window._timeline.where()
    assert not window.actions_.trigger("timeline.play")
    assert not {"seek", "play", "pause"} & set(fake.names())


def test_what_a_file_without_readings_lacks_is_not_there(replay_window: MainWindow, replay: FakeRun, qtbot):
    window = replay_window
    qtbot.waitUntil(lambda: window._timeline.view.play.isVisible(), timeout=5000)
    assert window.docks["Process control"].isVisible()
    window.session._describe(dataclasses.replace(replay.description, readings={}))
    assert not window.docks["Process control"].isVisible()
    assert not window.docks["Trends"].isVisible()
    assert window.docks["Image"].isVisible()


@pytest.mark.parametrize("look", list(Theme))
def test_no_theme_hides_the_banner_and_text_can_be_read(window: MainWindow, qtbot, look: Theme):
    live(window, qtbot)
    window.set_theme(look)
    picture = window._banner.grab().toImage()
    assert picture.pixelColor(3, 3) == QColor("#44598a")
    c = theme.COLOURS[look]
    for paper in (c.window, c.panel, c.raised, c.base, c.chosen):
        assert contrast(c.text, paper) > 7
    for paper in (c.window, c.panel, c.raised, c.base):
        assert contrast(c.dim, paper) > 4.5
    assert contrast(c.bad_text, c.bad) > 4.5
    assert contrast(c.caution_text, c.caution) > 4.5
    assert contrast("#ffffff", "#44598a") > 4.5


def contrast(a: str, b: str) -> float:
    """WCAG 2.1 contrast ratio."""

    def luminance(name: str) -> float:
        parts = [x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in QColor(name).getRgbF()[:3]]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_a_viewer_that_fails_takes_nothing_else_down(window: MainWindow, qtbot, monkeypatch):
    live(window, qtbot)
    view = window._streams.view("image")
    monkeypatch.setattr(view.viewer, "show_frame", lambda _: 1 / 0)
    qtbot.waitUntil(lambda: view.viewer is None, timeout=3000)
    assert "the viewer of image failed: division by zero" in texts(window)
    assert window._streams.view("spectrum").viewer is not None


def answer(window: MainWindow, text: str) -> None:
    next(b for b in window._question.buttons() if b.text() == text).click()


@pytest.mark.parametrize(("text", "keeps"), [("Keep running", True), ("Stop the run", False)])
def test_closing_asks(window: MainWindow, qtbot, text, keeps):
    window._ask = True
    window.close()
    assert window.isVisible()
    answer(window, text)
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=4000)
    assert window.keep_running is keeps


def test_cancel_keeps_the_window_and_it_asks_again(window: MainWindow, qtbot):
    window._ask = True
    for _ in range(2):
        window.close()
        answer(window, "Cancel")
        qtbot.waitUntil(lambda: window._question is None, timeout=2000)
    assert window.isVisible()


def test_halt_is_never_behind_a_dialog(window: MainWindow, fake: FakeRun, qtbot):
    live(window, qtbot)
    window._ask = True
    window.close()
    window.ask_note()
    window.actions_.trigger("record.to")
    assert len([w for w in QApplication.topLevelWidgets() if w.isVisible()]) == 4
    assert QApplication.activeModalWidget() is None
    note = next(w for w in QApplication.topLevelWidgets() if isinstance(w, QInputDialog))
    note.activateWindow()
    qtbot.waitUntil(note.isActiveWindow, timeout=3000)
    qtbot.keyClick(note, Qt.Key.Key_F2)
    qtbot.waitUntil(lambda: fake.mode == "MANUAL", timeout=3000)
    qtbot.mouseClick(button(window, "HALT"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: fake.mode == "SAFE", timeout=3000)
    for widget in QApplication.topLevelWidgets():
        if widget is not window and widget.isVisible():
            widget.close()


def test_a_note_goes_into_the_audit_log(window: MainWindow, fake: FakeRun, qtbot):
    live(window, qtbot)
    window.ask_note()
    dialog = next(w for w in QApplication.topLevelWidgets() if isinstance(w, QInputDialog))
    dialog.setTextValue("domain wall moves")
    dialog.accept()
    qtbot.waitUntil(
        lambda: ("note", "domain wall moves") in [(n, f.get("text")) for _, n, f in fake.asked], timeout=3000
    )


def test_screenshot_shows_the_window(window: MainWindow, qtbot, tmp_path: Path):
    live(window, qtbot)
    window.screenshot(tmp_path / "w.png")
    picture = QImage(str(tmp_path / "w.png"))
    assert picture.width() >= 1500
    colours = {picture.pixel(x, y) for x in range(0, picture.width(), 7) for y in range(0, picture.height(), 7)}
    assert len(colours) > 200
    with pytest.raises(OSError, match="cannot be written"):
        window.screenshot(tmp_path / "no" / "w.png")


def test_every_action_is_in_a_menu_and_no_shortcut_twice(window: MainWindow):
    ids = [a.id for a in window.actions_]
    assert len(ids) == len(set(ids))
    assert {"control.halt", "control.take_over", "control.reset", "record.toggle", "view.pause"} <= set(ids)
    assert window.actions_.qt("control.halt").isEnabled()
    keys = [a.shortcut for a in window.actions_ if a.shortcut]
    assert len(keys) == len(set(keys))
    with pytest.raises(ValueError, match="is the shortcut of"):
        window.actions_.add(Action("x", "X", "File", lambda: None, "F2"))


def test_an_action_runs_only_when_it_may():
    done = []
    actions = Actions()
    actions.add(Action("a", "A", "File", lambda: done.append(1), when=lambda: False))
    assert not actions.trigger("a")
    assert done == []
    with pytest.raises(ValueError, match="there already"):
        actions.add(Action("a", "A", "File", lambda: None))
    with pytest.raises(ValueError, match="no menu"):
        actions.add(Action("b", "B", "Nowhere", lambda: None))


def test_the_studio_answers_to_commands(fake: FakeRun):
    """A studio in a process of its own: no heavy import, a picture on demand, and an orderly end."""
    import json
    import os
    import subprocess
    import sys
    import threading

    from matstudio.bus.rundir import STUDIO

    script = (
        "import json, sys\n"
        "from matstudio.ui.app import main\n"
        "code = main(sys.argv[1:])\n"
        "heavy = ('torch', 'pymatgen', 'ase', 'h5py', 'rsciio', 'sklearn')\n"
        "print(json.dumps([code, [m for m in heavy if m in sys.modules]]))\n"
    )
    env = os.environ | {"QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen"), "PYTHONWARNINGS": "error"}
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(fake.run.path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    )
    killer = threading.Timer(40, child.kill)
    killer.start()
    client = CommandClient(fake.run.socket(STUDIO, "cmd"))
    try:
        path = fake.run.path / "w.png"
        client.request("ping", timeout=15)
        client.request("screenshot", path=str(path), timeout=15)
        assert "streams" in client.request("status", timeout=5)
        assert path.stat().st_size > 10_000
        assert fake.run.process(STUDIO).pid == child.pid
        child.terminate()
        out, err = child.communicate(timeout=20)
    finally:
        killer.cancel()
        client.close()
        if child.poll() is None:
            child.kill()
            child.communicate()
    code, heavy = json.loads(out)
    assert heavy == []
    assert (code, child.returncode) == (0, 0), err.decode()
    assert b"Traceback" not in err, err.decode()


def test_every_icon_is_there(window: MainWindow):
    for action in window.actions_:
        if action.icon:
            assert not window.actions_.qt(action.id).icon().pixmap(16).isNull(), action.icon


def test_halt_acts_when_it_is_pressed_and_once(qtbot):
    made = HaltButton()
    qtbot.addWidget(made)
    told = []
    made.halted.connect(lambda: told.append(1))
    qtbot.mousePress(made, Qt.MouseButton.LeftButton)
    assert told == [1]
    qtbot.mouseRelease(made, Qt.MouseButton.LeftButton)
    assert told == [1]
    made.click()
    assert told == [1, 1]
    qtbot.mouseClick(made, Qt.MouseButton.RightButton)
    assert told == [1, 1]
