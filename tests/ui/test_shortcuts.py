"""Keys: which an action may have, the operator's own, and those that cannot be taken away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import close_window, open_window
from fake_run import FakeRun
from PySide6.QtCore import Qt
from shiboken6 import isValid

from matstudio.ui.main_window import MainWindow
from matstudio.ui.present.shortcuts import refusal, settle, unfit
from matstudio.ui.shortcuts_dialog import ShortcutsDialog, show

DEFAULTS = {"halt": "Ctrl+Shift+H", "open": "Ctrl+O", "pause": "Ctrl+P", "theme": ""}
NAMES = {"halt": "HALT", "open": "Open …", "pause": "Pause", "theme": "Dark"}
FIXED = {"halt"}
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("F5", ""),
        ("Shift+F5", ""),
        ("Ctrl+Alt+K", ""),
        ("Ctrl++", ""),
        ("Alt+Left", ""),
        ("Ctrl+K, Ctrl+S", "one combination"),
        ("K", "would be typed"),
        ("Shift+K", "would be typed"),
        ("+", "would be typed"),
        ("Space", "would be typed"),
        ("Left", "moves in fields"),
        ("Shift+Tab", "moves in fields"),
        ("Esc", "moves in fields"),
        ("Ctrl+C", "edits text"),
    ],
)
def test_fields_and_lists_keep_their_keys(key: str, why: str):
    assert (why in unfit(key)) if why else unfit(key) == ""


def test_a_key_is_refused_in_words():
    assert refusal("pause", "Ctrl+O", DEFAULTS, NAMES, FIXED) == (
        "Ctrl+O is the key of Open …: choose another, or change that one first"
    )
    assert refusal("pause", "Ctrl+P", DEFAULTS, NAMES, FIXED) == ""
    assert refusal("pause", "", DEFAULTS, NAMES, FIXED) == ""
    assert refusal("halt", "", DEFAULTS, NAMES, FIXED) == "HALT must have a key: choose another one instead"
    assert refusal("halt", "F12", DEFAULTS, NAMES, FIXED) == ""


def test_what_was_kept_counts_as_far_as_it_can():
    keys, lines = settle(DEFAULTS, {"open": "Ctrl+P", "pause": "Ctrl+O", "gone": "F9"}, NAMES, FIXED)
    assert (keys, lines) == ({**DEFAULTS, "open": "Ctrl+P", "pause": "Ctrl+O"}, [])
    keys, lines = settle(DEFAULTS, {"halt": "", "open": "", "theme": "Ctrl+O"}, NAMES, FIXED)
    assert keys == {**DEFAULTS, "open": "", "theme": "Ctrl+O"}
    assert lines == ["key of HALT: HALT must have a key: choose another one instead"]
    keys, lines = settle(DEFAULTS, {"halt": "F12", "theme": "F12"}, NAMES, FIXED)
    assert keys == {**DEFAULTS, "halt": "F12"}
    assert lines == ["key of Dark: F12 is the key of HALT: choose another, or change that one first"]
    keys, lines = settle(DEFAULTS, {"pause": "Ctrl+Shift+H"}, NAMES, FIXED)
    assert keys == DEFAULTS
    assert len(lines) == 1


@pytest.fixture
def dialog(window: MainWindow, fake: FakeRun, qtbot) -> ShortcutsDialog:
    qtbot.waitUntil(lambda: window.session.live.attached, timeout=8000)
    made = show(window)
    assert show(window) is made
    assert not made.isModal()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow, timeout=3000)
    yield made
    if isValid(made):
        made.close()


def test_a_key_is_changed_at_once_and_comes_back_at_the_next_start(
    dialog: ShortcutsDialog, window: MainWindow, fake: FakeRun, qapp, monkeypatch, tmp_path: Path, qtbot
):
    dialog.choose("view.pause")
    dialog._edit.setFocus()
    qtbot.keyClick(dialog._edit, Qt.Key.Key_R, CTRL)
    assert dialog.line() == "Ctrl+R is the key of Record: choose another, or change that one first"
    assert not dialog._give.isEnabled()
    assert "record" not in fake.names(), "a key that is shown does nothing else"
    qtbot.keyClick(dialog._edit, Qt.Key.Key_F12)
    qtbot.mouseClick(dialog._give, Qt.MouseButton.LeftButton)
    assert dialog.line() == "Pause the views: F12 from now on"
    dialog._filter.setText("f12")
    assert [e.id for e in dialog._entries] == ["view.pause"]
    dialog._filter.clear()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=3000)
    qtbot.keyClick(window, Qt.Key.Key_F12)
    assert window.paused
    qtbot.keyClick(window, Qt.Key.Key_P, CTRL)
    assert window.paused
    assert (Path(os.environ["MATSTUDIO_CONFIG"]) / "window.toml").read_text().endswith('"view.pause" = "F12"\n')
    dialog.close()
    window.leave()
    again = open_window(fake.run, qapp, monkeypatch, tmp_path)
    try:
        assert again.actions_.shortcut("view.pause") == "F12"
        assert again.actions_.recent[0] == "view.pause"
    finally:
        close_window(again)


def test_keys_are_taken_away_and_put_back(dialog: ShortcutsDialog, window: MainWindow, qtbot):
    for id, key in (("file.open", "Ctrl+O"), ("record.toggle", "Ctrl+R")):
        dialog.choose(id)
        qtbot.mouseClick(dialog._none, Qt.MouseButton.LeftButton)
        assert window.actions_.shortcut(id) == ""
        assert window.actions_.qt(id).shortcut().isEmpty()
        assert window.settings.shortcuts[id] == "", key
    dialog.choose("file.open")
    qtbot.mouseClick(dialog._reset, Qt.MouseButton.LeftButton)
    assert window.actions_.shortcut("file.open") == "Ctrl+O"
    qtbot.mouseClick(dialog._reset_all, Qt.MouseButton.LeftButton)
    assert window.actions_.shortcut("record.toggle") == "Ctrl+R"
    assert window.settings.shortcuts == {}


def test_halt_and_take_over_act_while_a_key_is_asked_for_and_keep_one(
    dialog: ShortcutsDialog, window: MainWindow, fake: FakeRun, qtbot
):
    dialog.choose("control.halt")
    assert not dialog._none.isEnabled()
    dialog._change("")
    assert dialog.line() == "HALT must have a key: choose another one instead"
    dialog._edit.setFocus()
    qtbot.keyClick(dialog._edit, Qt.Key.Key_F2)
    qtbot.waitUntil(lambda: fake.mode == "MANUAL", timeout=3000)
    qtbot.keyClick(dialog._edit, Qt.Key.Key_F11)
    qtbot.mouseClick(dialog._give, Qt.MouseButton.LeftButton)
    assert "(F11)" in window._header._halt.toolTip()
    dialog._edit.setFocus()
    qtbot.keyClick(dialog._edit, Qt.Key.Key_F11)
    qtbot.waitUntil(lambda: fake.mode == "SAFE", timeout=3000)


def test_wishes_that_cannot_be_met_are_told_and_the_rest_counts(fake: FakeRun, qapp, monkeypatch, tmp_path: Path):
    folder = Path(os.environ["MATSTUDIO_CONFIG"])
    folder.mkdir()
    (folder / "window.toml").write_text(
        'version = 1\n[shortcuts]\n"control.halt" = ""\n"view.pause" = "F12"\n"file.open" = "Ctrl+R"\n'
    )
    window = open_window(fake.run, qapp, monkeypatch, tmp_path)
    try:
        keys = window.actions_.shortcuts()
        assert (keys["control.halt"], keys["view.pause"], keys["file.open"]) == ("Ctrl+Shift+H", "F12", "Ctrl+O")
        told = " ".join(n.text for n in window.toasts.notices.shown(9)[0])
        assert "key of HALT: HALT must have a key" in told
        assert "key of Open …: Ctrl+R is the key of Record" in told
    finally:
        close_window(window)
