"""Notices: how long they stay, what stands for a flood of them, and that they cover and take nothing."""

from __future__ import annotations

from fake_run import FakeRun
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QApplication, QWidget

from matstudio.ui.main_window import MainWindow
from matstudio.ui.present.notices import LASTS_S, MOST, Notices
from matstudio.ui.toasts import ROOM


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.t = 0.0

    def __call__(self) -> float:
        return self.t


def texts(notices: Notices, room: int = 9) -> tuple[str, ...]:
    return tuple(n.line for n in notices.shown(room)[0])


def test_what_is_grave_stays_longer():
    clock = Hands()
    notices = Notices(clock)
    for level in LASTS_S:
        notices.add(level or "plain", level)
    for level in ("", "caution", "bad"):
        assert texts(notices)[0] == (level or "plain")
        clock.t = LASTS_S[level]
    assert texts(notices) == ()


def test_it_grows_faint_in_its_last_second_but_not_under_the_pointer():
    clock = Hands()
    notices = Notices(clock)
    notices.add("saved")
    (notice,) = notices.shown(1)[0]
    assert notices.strength(notice) == 1.0
    clock.t = LASTS_S[""] - 0.25
    assert notices.strength(notice) == 0.25
    notices.hold(True)
    clock.t += 100
    assert notices.strength(notice) == 1.0
    assert texts(notices) == ("saved",)
    notices.hold(False)
    clock.t += 1.5
    assert texts(notices) == ("saved",)
    clock.t += 1.0
    assert texts(notices) == ()


def test_the_same_line_is_counted_and_no_flood_hides_a_warning():
    notices = Notices(Hands())
    notices.add("disk full", "bad")
    for i in range(40):
        notices.add(f"line {i}")
    notices.add("line 7")
    shown, more = notices.shown(3)
    assert [n.line for n in shown] == ["disk full", "line 39", "line 7 (2×)"]
    assert more == 38
    assert notices.text() == "line 7"
    for i in range(3 * MOST):
        notices.add(f"more {i}")
    assert sum(map(len, [notices.shown(10)[0]])) + notices.shown(10)[1] == MOST


def test_closing_takes_one_away():
    notices = Notices(Hands())
    notices.add("a")
    notices.add("b")
    notices.close(notices.shown(2)[0][0].key)
    assert texts(notices) == ("b",)
    notices.clear()
    assert texts(notices) == ()


def rect(window: MainWindow, widget: QWidget) -> QRect:
    return QRect(widget.mapTo(window, QPoint()), widget.size())


def test_a_flood_leaves_header_halt_and_focus_alone_and_is_in_the_log(window: MainWindow, fake: FakeRun, qtbot):
    window.activateWindow()
    edit = window.process.cards["temperature"]._edit
    edit.setEnabled(True)
    edit.setFocus()
    for size in ((1600, 1000), (1280, 800), (1280, 420)):
        window.resize(*size)
        for i in range(41):
            window.tell(f"line {i}: " + "a rather long notice about nothing in particular, " * (i % 4 + 1), "caution")
        QApplication.processEvents()
        toasts = rect(window, window.toasts)
        assert window.toasts.isVisible() == bool(window.toasts.lines())
        assert not toasts.intersects(rect(window, window._header._halt))
        assert not toasts.intersects(rect(window, window._header))
        assert not toasts.intersects(rect(window, window.statusBar()))
        assert window.rect().contains(toasts)
    window.resize(1600, 1000)
    QApplication.processEvents()
    assert window.toasts.lines()[0] == f"and {41 - ROOM} more, in the log"
    assert len(window.toasts.lines()) == ROOM + 1
    assert QApplication.focusWidget() in (edit, None)
    qtbot.waitUntil(lambda: sum("line 40" in row[3] for row in window.log.event_rows()) == 3, timeout=3000)
    window.actions_.trigger("view.notices")
    assert not window.toasts.isVisible()
    assert not window.toasts._timer.isActive()


def test_a_new_alarm_is_told_once_and_leads_to_the_alarms(window: MainWindow, fake: FakeRun, qtbot):
    qtbot.waitUntil(lambda: window.session.live.attached, timeout=8000)
    fake.alarms = ({"id": "sensor", "text": "sensor stale", "priority": "high", "state": "UNACK", "t": 1.0},)
    qtbot.waitUntil(lambda: window.toasts.text() == "alarm, high: sensor stale", timeout=5000)
    window.docks["Timeline"].raise_()
    qtbot.waitUntil(lambda: window.log.visibleRegion().isEmpty(), timeout=3000)
    toast = next(t for t, notice in window.toasts._rows if notice is not None and "sensor" in notice.text)
    qtbot.mouseClick(toast, Qt.MouseButton.LeftButton, pos=QPoint(20, 10))
    qtbot.waitUntil(lambda: not window.log.visibleRegion().isEmpty(), timeout=3000)
    qtbot.wait(500)
    assert window.toasts.text() == ""


def test_a_notice_is_closed_by_its_cross(window: MainWindow, qtbot):
    window.tell("one", "")
    window.tell("two")
    qtbot.mouseClick(window.toasts._rows[0][0]._close, Qt.MouseButton.LeftButton)
    assert window.toasts.lines() == ["two"]
    window.toasts.clear()
