"""The timeline's dock: what is clicked, dragged and typed there, and what it lists."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from test_timeline import SESSION, entry

from matstudio.ui import theme
from matstudio.ui.present.happenings import Band, Lane
from matstudio.ui.present.status_line import Replay
from matstudio.ui.present.timeline import Facts, Timeline
from matstudio.ui.timeline_dock import SPEEDS, TimelineView

PLAYING = Replay(0.0, 50.0, True, 2.0, ("times assumed",))


@pytest.fixture
def view(qapp, qtbot):
    theme.apply(qapp, theme.Theme.DARK)
    model = Timeline(live=False)
    model.set_facts(Facts(0.0, 50.0, epoch=1e9, breaks=[Band(45.0, 45.0, "s.nxs broke off here", "bad")]))
    model.add(SESSION)
    made = TimelineView(model)
    made.resize(1180, 200)
    made.show()
    made.show_timeline(PLAYING, "0:10 of 0:50")
    yield made
    made.close()
    made.deleteLater()


def at(view: TimelineView, t: float, lane: Lane) -> QPoint:
    top, high = view.canvas._row(1 + list(Lane).index(lane))
    return QPoint(round(view.canvas._x(t)), round(top + high / 2))


def test_a_mark_that_is_clicked_is_chosen(view: TimelineView, qtbot):
    view.canvas.grab()
    with qtbot.waitSignal(view.chosen) as told:
        qtbot.mouseClick(view.canvas, Qt.MouseButton.LeftButton, pos=at(view, 20.0, Lane.ALARM))
    assert told.args[0].text == "sensor: stuck"


def test_several_marks_in_one_are_taken_apart_by_a_click(view: TimelineView, qtbot):
    view.model.add(entry(100 + i, 12.0 + 0.01 * i, "device", "station", f"{i}") for i in range(20))
    view.show_timeline(PLAYING, "")
    view.canvas.grab()
    assert view.canvas.mark_at(QPointF(at(view, 12.1, Lane.SYSTEM))).count == 20
    before = view.model.view
    qtbot.mouseClick(view.canvas, Qt.MouseButton.LeftButton, pos=at(view, 12.1, Lane.SYSTEM))
    assert view.model.view[1] - view.model.view[0] < 0.3 * (before[1] - before[0])


def test_dragging_seeks_shift_pans_wheel_zooms(view: TimelineView, qtbot):
    sought = []
    view.seek.connect(sought.append)
    start, end = at(view, 10.0, Lane.NOTE), at(view, 30.0, Lane.NOTE)
    qtbot.mousePress(view.canvas, Qt.MouseButton.LeftButton, pos=start)
    assert view.canvas.dragging()
    qtbot.mouseMove(view.canvas, end)
    qtbot.mouseRelease(view.canvas, Qt.MouseButton.LeftButton, pos=end)
    assert not view.canvas.dragging()
    assert sought[0] == pytest.approx(10.0, abs=0.1)
    assert sought[-1] == pytest.approx(30.0, abs=0.1)
    sought.clear()
    view.canvas.zoom(0.5)
    before = view.model.view
    shift = Qt.KeyboardModifier.ShiftModifier
    qtbot.mousePress(view.canvas, Qt.MouseButton.LeftButton, shift, pos=end)
    qtbot.mouseMove(view.canvas, end + QPoint(40, 0))
    qtbot.mouseRelease(view.canvas, Qt.MouseButton.LeftButton, shift, pos=end)
    assert view.model.view[0] < before[0]
    assert not sought


def test_keys_and_buttons_tell_what_is_wanted(view: TimelineView, qtbot):
    told = []
    for name in ("stepped", "jumped", "ended", "speed"):
        getattr(view, name).connect(lambda value, name=name: told.append((name, value)))
    view.toggled.connect(lambda: told.append(("toggled", None)))
    view.canvas.setFocus()
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Left, Qt.Key.Key_End):
        qtbot.keyClick(view.canvas, key)
    qtbot.keyClick(view.canvas, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    view.speeds.activated.emit(0)
    assert told == [("toggled", None), ("stepped", -1), ("ended", True), ("jumped", True), ("speed", 0.1)]
    assert (view.play.text(), view.speeds.currentText()) == ("Pause", "2×")
    assert (SPEEDS[0], SPEEDS[-1]) == (0.1, 100.0)
    assert view._notes.text() == "times assumed"
    view.show_timeline(None, "")
    assert not view.play.isVisible()


def test_new_events_come_on_top_and_keep_their_colours(view: TimelineView):
    n = len(view.rows())
    red = next(i for i, row in enumerate(view.rows()) if row[3] == "station: sensor: stuck" and row[0] == "0:20.0")
    view.model.add([entry(50, 49.0, "note", "operator:ann", "late")])
    view.show_timeline(PLAYING, "")
    assert len(view.rows()) == n + 1
    assert view.rows()[0][3] == "ann: late"
    shown = [view._table.data(view._table.index(i, 3), Qt.ItemDataRole.ForegroundRole) for i in range(n + 1)]
    assert [i for i, colour in enumerate(shown) if colour is not None] == [red + 1]


def test_the_row_follows_the_place_in_the_recording(view: TimelineView):
    for now, text in ((7.0, "temperature 640 K"), (34.0, "wall moves"), (0.5, "station 0.1.0")):
        view.model.now = now
        view.follow()
        assert text in view.rows()[view._rows.currentIndex().row()][3]


@pytest.mark.parametrize("look", list(theme.Theme))
def test_the_crash_is_marked_in_every_theme(view: TimelineView, qapp, look):
    theme.apply(qapp, look)
    picture = view.canvas.grab().toImage()
    x = round(view.canvas._x(45.0))
    column = [picture.pixelColor(x + dx, y) for dx in (-1, 0, 1) for y in range(40, picture.height())]
    assert any(c.red() - max(c.green(), c.blue()) > 80 for c in column)


def test_one_event_more_costs_the_same_with_ten_thousand(qapp, qtbot, monkeypatch):
    made = TimelineView(Timeline(live=True))
    model = made.model
    kinds = [("mode", {"new": "PID"}), ("output", {}), ("mode", {"new": "SAFE"}), ("alarm", {"id": "a"})]
    kinds.append(("alarm", {"id": "a", "state": "UNACK", "priority": "high"}))

    def add(i: int) -> None:
        kind, data = kinds[i % 5]
        model.now = 0.5 * i
        model.add([entry(i + 1, model.now, kind, "operator:ann", f"event {i}", **data)])

    for i in range(10_000):
        add(i)
    made.resize(1180, 200)
    made.show()
    made.show_timeline(None, "")
    qapp.processEvents()
    inserted = []
    made._table.rowsInserted.connect(lambda _, first, last: inserted.append((first, last)))
    made._table.modelReset.connect(lambda: inserted.append(None))
    monkeypatch.setattr(made.canvas, "_rests_until", 1e18)
    took, drawn = [], []
    for i in range(10_000, 10_010):
        start = time.process_time()
        add(i)
        made.show_timeline(None, "")
        took.append(time.process_time() - start)
    for _ in range(3):
        start = time.process_time()
        picture = model.picture(made.canvas._seconds(20), 10)
        drawn.append(time.process_time() - start)
    assert inserted == [(0, 0)] * 10
    assert made.rows()[0][3] == "ann: event 10009"
    assert min(took) < 0.01
    assert min(drawn) < 0.02
    assert sum(m.count for m in picture.marks) == 10_010
    assert len(picture.marks) + len(picture.modes) + len(picture.alarms) < 600  # as much as there is room for
    made.close()
    made.deleteLater()


def test_a_late_event_is_put_where_it_belongs_and_a_live_run_is_drawn_seldom(qapp, qtbot):
    made = TimelineView(Timeline(live=True))
    made.model.add(entry(i + 1, float(i), "mode", "operator:ann", f"event {i}", new="PID") for i in range(50))
    made.model.now = 50.0
    made.resize(1180, 200)
    made.show()
    drawn = []
    draw, made.canvas._draw = made.canvas._draw, lambda layer: drawn.append(1) or draw(layer)
    made.show_timeline(None, "")
    qapp.processEvents()
    made.model.add([entry(60, 10.5, "note", "operator:ann", "late"), entry(61, 50.0, "mode", "operator:ann", "last")])
    for i in range(20):
        made.model.add([entry(100 + i, 51.0 + i, "device", "station", "x")])
        made.show_timeline(None, "")
        qapp.processEvents()
    assert len(drawn) <= 2
    qtbot.waitUntil(lambda: made.canvas.renew_when_due() or len(drawn) >= 2, timeout=3000)
    texts = [row[3] for row in made.rows()]
    assert len(texts) == 72
    assert texts[texts.index("ann: late") - 1 : texts.index("ann: late") + 2] == [
        "ann: event 11",
        "ann: late",
        "ann: event 10",
    ]
    assert [b.start for b in made.model.known.modes.inside(-1, 100, 0.1)] == [0.0]
    made.close()
    made.deleteLater()
