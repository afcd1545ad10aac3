"""The command palette: what answers to a few letters, and that it neither hides nor blocks anything."""

from __future__ import annotations

import pytest
from fake_run import FakeRun
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QApplication

from matstudio.ui.main_window import MainWindow
from matstudio.ui.present.palette import Entry, find

ENTRIES = [
    Entry("control.take_over", "Take over", "Control", "MANUAL at once; outputs stay as they are", "F2"),
    Entry("control.mode.manual", "MANUAL", "Control/Mode", why="needs a station that answers"),
    Entry("view.theme.dark", "Dark", "View/Theme"),
    Entry("view.theme.light", "Light", "View/Theme"),
    Entry("view.dock.timeline", "Timeline", "View/Docks", on=True),
    Entry("timeline.next", "Next event", "Timeline", key="F3"),
    Entry("view.pause", "Pause the views", "View", "Images stand still", "Ctrl+P"),
]


def ids(query: str, recent: tuple[str, ...] = ()) -> list[str]:
    return [e.id for e in find(query, ENTRIES, recent)]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("take", "control.take_over"),
        ("over", "control.take_over"),
        ("tkov", "control.take_over"),
        ("manual", "control.mode.manual"),
        ("theme dark", "view.theme.dark"),
        ("DARK  theme", "view.theme.dark"),
        ("outputs stay", "control.take_over"),
        ("timel", "view.dock.timeline"),
        ("f3", "timeline.next"),
        ("still", "view.pause"),
        ("mode", "control.mode.manual"),
    ],
)
def test_the_best_one_comes_first(query: str, first: str):
    assert ids(query)[0] == first


def test_every_word_must_fit():
    assert ids("theme pause") == []
    assert ids("zzz") == []
    assert set(ids("theme")) == {"view.theme.dark", "view.theme.light"}


def test_what_was_used_last_comes_first():
    assert ids("", ("view.pause", "view.theme.light"))[:3] == ["view.pause", "view.theme.light", "control.take_over"]
    assert ids("")[-1] == "control.mode.manual", "what cannot be used comes last"
    assert len(ids("")) == len(ENTRIES)
    assert ids("theme") == ["view.theme.dark", "view.theme.light"]
    assert ids("theme", ("view.theme.light",)) == ["view.theme.light", "view.theme.dark"]
    assert ids("take", ("view.pause",))[0] == "control.take_over", "what fits better comes before what was used"


def press(qtbot, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    qtbot.keyClick(QApplication.focusWidget(), key, modifier)


def opened(window: MainWindow, fake: FakeRun, qtbot) -> None:
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=8000)
    qtbot.waitUntil(lambda: window.session.live.attached, timeout=8000)
    qtbot.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    assert window.palette_.isVisible()
    assert window.palette_._line.hasFocus()


def test_a_few_letters_and_enter_run_an_action_which_then_comes_first(window: MainWindow, fake: FakeRun, qtbot):
    opened(window, fake, qtbot)
    assert len(window.palette_.entries()) == len(list(window.actions_)) - 1
    qtbot.keyClicks(window.palette_._line, "pause the")
    press(qtbot, Qt.Key.Key_Return)
    assert not window.palette_.isVisible()
    assert window.paused
    qtbot.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    first = next(e for e in window.palette_.entries() if e.id != "view.palette")
    assert (first.id, first.on, first.key) == ("view.pause", True, "Ctrl+P")
    press(qtbot, Qt.Key.Key_Down)
    press(qtbot, Qt.Key.Key_Up)
    press(qtbot, Qt.Key.Key_Return)
    assert not window.paused


def test_what_cannot_be_used_says_why_and_does_nothing(window: MainWindow, fake: FakeRun, qtbot):
    opened(window, fake, qtbot)
    qtbot.keyClicks(window.palette_._line, "play or pause")
    press(qtbot, Qt.Key.Key_Return)
    assert window.palette_.isVisible()
    assert window.palette_._tip.text() == "Play or pause needs a replay"
    assert "play" not in fake.names()
    press(qtbot, Qt.Key.Key_Escape)
    assert not window.palette_.isVisible()


def test_esc_gives_the_focus_back_and_a_click_elsewhere_closes(window: MainWindow, fake: FakeRun, qtbot):
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=8000)
    qtbot.waitUntil(lambda: window.process.cards["temperature"]._edit.isEnabled(), timeout=8000)
    edit = window.process.cards["temperature"]._edit
    edit.setFocus()
    qtbot.keyClick(edit, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    assert window.palette_.isVisible()
    press(qtbot, Qt.Key.Key_Escape)
    assert QApplication.focusWidget() is edit
    qtbot.keyClick(edit, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    edit.setFocus(Qt.FocusReason.MouseFocusReason)
    assert not window.palette_.isVisible()


def test_halt_and_take_over_act_while_it_is_open_and_the_window_goes_on(window: MainWindow, fake: FakeRun, qtbot):
    opened(window, fake, qtbot)
    press(qtbot, Qt.Key.Key_F2)
    qtbot.waitUntil(lambda: fake.mode == "MANUAL", timeout=3000)
    assert window.palette_.isVisible()
    assert QApplication.activeModalWidget() is None
    ticks = window._ticks
    qtbot.waitUntil(lambda: window._ticks > ticks + 2, timeout=3000)
    halt = window._header._halt
    over = QRect(window.palette_.mapTo(window, QPoint()), window.palette_.size())
    for size in ((1600, 1000), (1280, 800)):
        window.resize(*size)
        QApplication.processEvents()
        assert not over.intersects(QRect(halt.mapTo(window, QPoint()), halt.size()))
        assert not over.intersects(QRect(window._header.mapTo(window, QPoint()), window._header.size()))
    press(qtbot, Qt.Key.Key_H, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: fake.mode == "SAFE", timeout=3000)
    window.palette_.close_palette()


def test_every_command_of_the_window_is_in_it(window: MainWindow, fake: FakeRun, qtbot):
    qtbot.waitUntil(lambda: window.session.live.choices != {} and window.session.live.attached, timeout=10_000)
    qtbot.waitUntil(lambda: all(v.viewer is not None for v in window._streams.views()), timeout=8000)
    window._offers.update()
    have = {a.id for a in window.actions_}
    assert {
        "control.mode.pid",
        "control.acknowledge",
        "control.setpoint.temperature",
        "control.output.heater",
        "model.image.unet",
        "show.image.columns",
        "show.diffraction.log",
        "levels.image.default",
        "view.float.image",
        "timeline.zoom_all",
        "view.alarms",
        "jobs.reconstruct",
        "structure.bonds",
    } <= have
    columns = next(b for b in window._streams.view("image").viewer.findChildren(object) if _text(b) == "columns")
    assert columns.isChecked()
    assert window.actions_.trigger("show.image.columns")
    assert not columns.isChecked()
    assert window.actions_.trigger("levels.image.min_to_max")
    assert window._streams.view("image").viewer.canvas.percentiles == (0.0, 100.0)
    assert window.actions_.trigger("view.float.trends")
    assert window.docks["Trends"].isFloating()
    assert window.actions_.trigger("view.float.trends")
    assert window.actions_.trigger("model.image.unet")
    qtbot.waitUntil(lambda: "use" in fake.names(), timeout=3000)
    window.activateWindow()
    window.actions_.trigger("control.output.heater")
    qtbot.waitUntil(window.process.cards["temperature"]._manual.hasFocus, timeout=3000)


def _text(widget: object) -> str:
    text = getattr(widget, "text", None)
    return str(text()) if callable(text) and hasattr(widget, "isChecked") else ""
