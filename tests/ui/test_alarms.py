"""The list of alarms, its buttons, the box in the header and the line above the docks."""

import pytest
from fake_run import FakeRun
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QDialog, QLineEdit, QPushButton

from matstudio.bus.rundir import Run
from matstudio.ui.live import Live
from matstudio.ui.log_dock import LogView
from matstudio.ui.main_window import MainWindow
from matstudio.ui.present import alarms, log


def alarm(id, priority="high", state="UNACK", t=1.0, **more):
    return {"id": id, "text": f"{id} is wrong", "priority": priority, "state": state, "t": t, **more}


@pytest.fixture
def live(runtime):
    run = Run.create("twin")
    yield Live(run, lambda: 100.0)
    run.remove()


def shown(live, *rows, **status):
    live.take("status", {"mode": "PID", "alarms": rows, **status})
    return alarms.rows(live)


def test_priority_is_told_by_shape_and_word_and_the_cause_is_marked(live):
    found = shown(
        live,
        alarm("a", "low"),
        alarm("b", "urgent", first=True),
        alarm("c", "medium", "LATCH_ACK"),
        alarm("d", "high", "SHELVED", until=live.run.clock.now() + 125.0, by="ana", reason="known leak"),
    )
    assert [(r.id, r.mark, r.state, r.first, r.level) for r in found] == [
        ("b", "▲▲ urgent", "new", alarms.FIRST, "bad"),
        ("a", "● low", "new", "", "caution"),
        ("c", "◆ medium", "latched", "", ""),
        ("d", "▲ high", "shelved, 2 min left", "", ""),
    ]
    assert found[3].text == "d is wrong (shelved by ana: known leak)"
    assert [(r.open, r.latched, r.shelved) for r in found[2:]] == [(False, True, False), (False, False, True)]


def test_sorted_by_a_column_and_the_other_way_round(live):
    found = shown(live, alarm("a", "low", t=1.0), alarm("b", "high", t=3.0, first=True), alarm("c", "medium", t=2.0))
    order = lambda *by: [r.id for r in alarms.by_column(found, *by)]  # noqa: E731
    assert order(0, False) == ["b", "c", "a"]
    assert order(0, True) == ["a", "c", "b"]
    assert order(1, False) == ["b", "c", "a"]
    assert order(3, False)[0] == "b"
    assert order(4, False) == ["a", "b", "c"]
    assert alarms.by_column(found, None, False) == found


@pytest.mark.parametrize(
    ("rows", "box"),
    [
        ((), ("0 alarms", "normal", "")),
        ((alarm("a", state="SHELVED"),), ("0 alarms", "1 shelved", "steady")),
        ((alarm("a", "urgent"), alarm("b", state="SHELVED")), ("1 alarm", "1 to acknowledge, 1 shelved", "bad")),
        ((alarm("a", state="LATCH_ACK"),), ("1 alarm", "latched, to reset", "steady")),
        ((alarm("a", state="LATCH_UNACK"),), ("1 alarm", "returned, 1 to acknowledge", "steady")),
        ((alarm("a", "low"),), ("1 alarm", "1 to acknowledge", "caution")),
    ],
)
def test_the_box(live, rows, box):
    shown(live, *rows)
    assert tuple(alarms.box(live).values()) == box


def test_the_line_names_what_presses_most(live):
    shown(live, alarm("a", "low"))
    assert alarms.line(live).text == ""
    live.heard["status"] = live.now()
    shown(live, alarm("a"), alarm("b", "urgent"), alarm("c", "high", "ACK"))
    assert alarms.line(live) == alarms.Line("▲▲ urgent: b is wrong (and 1 more)")
    shown(live, alarm("b", "urgent"), mode="SAFE", why="HALT by ana")
    assert alarms.line(live) == alarms.Line("SAFE: HALT by ana", "control.reset", "Reset")


@pytest.fixture
def view(qapp, qtbot):
    made = LogView()
    qtbot.addWidget(made)
    made.resize(1400, 300)
    made.show()
    made.sent = []
    made.wanted.connect(lambda name, fields: made.sent.append((name, fields)))
    return made


def press(view, text, qtbot):
    button = next(b for b in view.findChildren(QPushButton) if b.text() == text)
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_all_are_acknowledged_and_one_is_shelved_with_a_reason(view, live, qtbot):
    view.show_alarms(shown(live, alarm("a"), alarm("b", "low"), alarm("c", state="ACK")))
    press(view, "All", qtbot)
    assert view.sent == [("acknowledge", {"alarm": "a"}), ("acknowledge", {"alarm": "b"})]
    assert not view.chosen()
    view._alarms_view.selectRow(1)
    press(view, "Shelve …", qtbot)
    dialog = view.findChild(QDialog)
    shelve = next(b for b in dialog.findChildren(QPushButton) if b.text() == "Shelve")
    assert not shelve.isEnabled()  # without a reason
    dialog.findChild(QComboBox).setCurrentIndex(2)
    dialog.findChild(QLineEdit).setText(" known ")
    shelve.click()
    assert view.sent[-1] == ("shelve", {"alarm": "b", "minutes": 30, "reason": "known"})
    shelved = alarm("b", "low", "SHELVED", until=live.run.clock.now() + 60, by="ana", reason="known")
    view.show_alarms(shown(live, alarm("a", "urgent"), shelved))
    view._alarms_view.selectRow(1)
    press(view, "Take back", qtbot)
    assert view.sent[-1] == ("unshelve", {"alarm": "b"})
    view._alarms_view.selectRow(0)
    assert not view.chosen()  # an urgent one is not shelved


def test_a_latched_alarm_is_reset_from_the_list(view, live, qtbot):
    view.show_alarms(shown(live, alarm("a", state="UNACK")))
    assert not view.latched()
    view.show_alarms(shown(live, alarm("a", state="LATCH_ACK")))
    press(view, "Reset", qtbot)
    assert view.sent == [("reset", {})]


def test_a_click_on_a_heading_sorts(view, live):
    rows = shown(live, alarm("a", "low", t=1.0), alarm("b", "high", t=3.0))
    view.show_alarms(rows)
    heads = view._alarms_view.horizontalHeader()
    for order in (["a", "b"], ["b", "a"], ["b", "a"]):
        heads.sectionClicked.emit(4)
        view.show_alarms(rows)
        assert [row[4][0] for row in view._alarms.rows()] == order


def test_an_urgent_alarm_stands_above_the_docks(window: MainWindow, fake: FakeRun, qtbot):
    fake.alarms = (alarm("output", "urgent"),)
    qtbot.waitUntil(lambda: window._safe.text() == "▲▲ urgent: output is wrong", timeout=8000)
    qtbot.waitUntil(window.log.waiting, timeout=3000)
    window._safe.button.click()
    qtbot.waitUntil(lambda: ("acknowledge", "output") in [(n, f.get("alarm")) for _, n, f in fake.asked], timeout=3000)
    fake.alarms = ()
    qtbot.waitUntil(lambda: window._safe.text() == "", timeout=3000)


def test_the_log_says_what_was_there_before_and_why():
    said = lambda kind, **data: log.entry({"n": 1, "kind": kind, "text": "x", "data": data}).text  # noqa: E731
    assert said("setpoint", old=300.0, new=640.0, why="recipe 3") == "x (was 300; because: recipe 3)"
    assert said("output", old=0.25, new=0.5, why="") == "x (was 0.25)"
    assert said("setpoint", old="nan", new=1.0) == "x"
    assert said("alarm", state="LATCH_ACK") == "x (returned, latched)"
    assert said("note") == "x"
