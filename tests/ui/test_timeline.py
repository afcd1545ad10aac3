"""What the timeline shows, worked out without a window."""

import math
import time

import numpy as np
import pytest

from matstudio.ui.present import axis
from matstudio.ui.present.happenings import Lane, Shape, happening
from matstudio.ui.present.timeline import Facts, Growing, Timeline, recorded


def entry(n, t, kind, who="station", text="", /, **data):
    return {"n": n, "t": t, "wall": 1e9 + t, "kind": kind, "who": who, "text": text, "data": data}


def alarm(n, t, state, priority="high", id="sensor"):
    return entry(n, t, "alarm", "station", f"{id}: stuck", id=id, state=state, priority=priority)


SESSION = [
    entry(1, 0.0, "start", "station", "station 0.1.0"),
    entry(2, 5.0, "mode", "operator:ann", "OFF -> PID", old="OFF", new="PID"),
    entry(3, 6.0, "setpoint", "operator:ann", "temperature 640 K"),
    alarm(4, 20.0, "UNACK"),
    entry(5, 20.0, "mode", "station", "PID -> SAFE", old="PID", new="SAFE"),
    entry(6, 25.0, "acknowledge", "operator:ann", "sensor acknowledged", id="sensor"),
    alarm(7, 30.0, "NORM"),
    entry(8, 40.0, "note", "operator:ann", "wall\nmoves", t=33.0, bookmark=True),
]


@pytest.fixture
def replay():
    made = Timeline(live=False)
    made.set_facts(Facts(0.0, 50.0, epoch=1e9))
    made.add(SESSION)
    return made


def test_each_entry_has_its_lane_shape_and_level():
    found = [happening(e) for e in SESSION]
    assert [(e.lane, e.shape, e.level) for e in found] == [
        (Lane.SYSTEM, Shape.STROKE, ""),
        (Lane.OPERATOR, Shape.SQUARE, ""),
        (Lane.OPERATOR, Shape.SQUARE, ""),
        (Lane.ALARM, Shape.TRIANGLE, "bad"),
        (Lane.SYSTEM, Shape.STROKE, ""),
        (Lane.OPERATOR, Shape.SQUARE, ""),
        (Lane.ALARM, Shape.RING, ""),
        (Lane.NOTE, Shape.FLAG, ""),
    ]
    assert (found[-1].t, found[-1].text, found[-1].who, found[-1].kind) == (33.0, "wall moves", "ann", "bookmark")
    shapes = {happening(alarm(1, 0, "UNACK", p)).shape for p in ("high", "medium", "low")}
    assert len(shapes) == 3
    assert happening({"t": math.nan, "kind": "note"}) is None
    assert happening({"kind": "damaged", "text": "x"}) is None


def test_modes_and_alarms_last_from_one_change_to_the_next(replay):
    told = [(b.start, b.end, b.text) for b in replay.picture(0.1, 10).modes]
    assert told == [(0.0, 5.0, "OFF"), (5.0, 20.0, "PID"), (20.0, 50.0, "SAFE")]
    assert [(b.start, b.end, b.level) for b in replay.picture(0.1, 10).alarms] == [(20.0, 30.0, "bad")]
    replay.now = 21.0
    assert replay.at_now() == "mode SAFE  1 alarm: sensor: stuck"
    replay.now = 31.0
    assert replay.at_now() == "mode SAFE"
    assert Timeline(live=True).picture(0.1, 10).modes == ()


def test_an_alarm_ends_with_the_station_and_one_that_only_returns_is_told():
    made = Timeline(live=False)
    made.set_facts(Facts(0.0, 10.0))
    made.add((alarm(1, 1.0, "UNACK"), alarm(2, 2.0, "UNACK", "low", "b")))
    made.add((entry(3, 5.0, "start"), alarm(4, 5.0, "RTN_UNACK", "medium", "restart.station")))
    assert [(b.start, b.end) for b in made.picture(0.1, 10).alarms] == [(1.0, 5.0), (2.0, 5.0)]
    assert (made.events[-1].shape, made.events[-1].level) == (Shape.DIAMOND, "caution")


def test_marks_that_are_too_close_are_one_with_the_gravest_level(replay):
    wide = replay.picture(12.0, 5).marks
    alarms = [m for m in wide if m.lane is Lane.ALARM]
    assert [(m.count, m.level) for m in alarms] == [(1, "bad"), (1, "")]
    everything = [m for m in replay.picture(200.0, 5).marks if m.lane is Lane.ALARM]
    assert [(m.count, m.level, m.text) for m in everything] == [(2, "bad", "")]
    assert sum(m.count for m in replay.picture(200.0, 5).marks) == len(SESSION)
    assert replay.events[everything[0].first].t == 20.0
    single = {m.text for m in replay.picture(0.1, 5).marks}
    assert {"wall moves", "stuck", "PID", "temperature 640 K"} <= single


def test_marks_do_not_change_while_the_view_is_moved(replay):
    replay.zoom(0.5, 20.0)
    before = {(m.lane, m.t, m.count) for m in replay.picture(7.0, 5).marks if 10 < m.t < 30}
    replay.pan(3.3)
    assert {(m.lane, m.t, m.count) for m in replay.picture(7.0, 5).marks if 10 < m.t < 30} == before


@pytest.mark.parametrize(
    ("name", "times"),
    [("all", [5, 6, 20, 20, 25, 30, 33]), ("alarms", [20, 30]), ("operator", [5, 6, 25]), ("notes", [33])],
)
def test_going_from_event_to_event(replay, name, times):
    replay.filter = name
    t, seen = 0.0, []
    while (e := replay.following(t, True)) is not None:
        t = e.t
        seen.append(t)
    assert seen == sorted(set(times))
    back = []
    while (e := replay.following(t, False)) is not None:
        t = e.t
        back.append(t)
    first = [0.0] if name == "all" else []
    assert back == [*sorted(set(times))[-2::-1], *first]
    assert [e.t for e in replay.shown()] == [*times[::-1], *first]


def test_zoom_keeps_its_place_and_all_is_shown_again(replay):
    assert replay.view == pytest.approx((-0.5, 50.5))
    replay.zoom(0.1, 20.0)
    low, high = replay.view
    assert high - low == pytest.approx(5.1)
    assert low < 20 < high
    for _ in range(40):
        replay.zoom(0.1, 20.0)
    assert replay.view[1] - replay.view[0] == pytest.approx(0.05)
    replay.reveal(40.0)
    assert sum(replay.view) / 2 == pytest.approx(40.0)
    for _ in range(60):
        replay.zoom(2.0, 40.0)
    assert replay.view == pytest.approx((-0.5, 50.5))
    replay.zoom(0.5, 25)
    for seconds in (1e9, -1e9):
        replay.pan(seconds)
        low, high = replay.view
        assert low < 50
        assert high > 0


def test_the_view_goes_along_only_where_it_shows_the_present(replay):
    replay.now = 19.0
    replay.zoom(0.1, 20.0)
    low, high = replay.view
    replay.advance(high - 0.1)
    assert replay.view == (low, high)
    replay.advance(high + 0.1)
    assert replay.view[0] < high + 0.1 < replay.view[0] + 0.2 * (high - low)
    before = replay.view
    replay.now = 0.0
    replay.advance(1.0)
    assert replay.view == before


def test_entries_come_once_and_in_any_order():
    made = Timeline(live=True)
    made.add(SESSION[4:])
    made.add(SESSION)
    made.add([{"n": 0, "t": 7.0, "kind": "recording", "who": "recorder", "text": "x", "data": {}}])
    assert [e.t for e in made.events] == sorted([e.t for e in made.events])
    assert len(made.events) == len(SESSION) + 1


def test_a_live_run_grows_and_its_last_mode_lasts():
    made = Timeline(live=True)
    made.set_facts(Facts(epoch=1e9))
    made.add(SESSION[:2])
    made.now = 10.0
    assert made.whole == (0.0, 60.0)
    made.now = 100.0
    assert made.whole == (0.0, 100.0)
    assert made.picture(1.0, 5).modes[-1].end == 100.0


def test_the_facts_of_a_recording_in_two_parts():
    told = {
        "start": 0.0,
        "end": 30.0,
        "epoch": None,
        "speed": 1.0,
        "parts": (
            {"name": "s.nxs", "start": 0.0, "end": 10.0, "ending": "broken off"},
            {"name": "s-2.nxs", "start": 20.0, "end": 30.0, "ending": "closed"},
        ),
        "lost": ({"stream": "image", "start": 9.9, "end": 20.1, "n": 100},),
        "frames": {"image": np.array([5, 0, 10], "u4"), "spectrum": np.array([1, 0, 1], "u4")},
        "curves": {"temperature": {"t": np.arange(3.0), "value": np.array([300.0, math.nan, 600.0]), "unit": "K"}},
    }
    made = Timeline(live=False)
    made.set_facts(recorded(told))
    picture = made.picture(0.1, 5)
    assert picture.filled == ((0.0, 10.0, 0.75), (20.0, 30.0, 1.0))
    assert [(b.start, b.end, b.text) for b in picture.gaps] == [(10.0, 20.0, "nothing recorded for 10.0 s")]
    assert [(b.start, b.text) for b in picture.breaks] == [(10.0, "s.nxs broke off here")]
    assert picture.lost[0].text == "100 frames of image lost"
    assert picture.curves[0].text == "T 300 to 600 K"
    assert picture.ticks[0] == (0.0, "0:00", "")
    assert "s.nxs broke off here" in made.under(10.0, 0.1, None)


def test_what_is_under_the_pointer(replay):
    assert replay.under(20.05, 0.5, Lane.ALARM) == [replay.describe(replay.events[3])]
    assert replay.describe(replay.events[3]).endswith("station, alarm, high: sensor: stuck")
    assert replay.under(25.0, 0.5, Lane.ALARM)[-1] == "active: sensor: stuck"
    assert replay.under(10.0, 0.5, None)[-1] == "mode PID"


def test_ten_thousand_events_are_drawn_at_once():
    made = Timeline(live=False)
    made.set_facts(Facts(0.0, 36000.0, epoch=1e9))
    rng = np.random.default_rng(1)
    kinds = [("note", "operator:a"), ("setpoint", "operator:a"), ("device", "station"), ("alarm", "station")]
    made.add(
        entry(i + 1, float(t), *kinds[i % 4], f"event {i}", id="a", state="UNACK" if i % 8 == 3 else "NORM")
        for i, t in enumerate(np.sort(rng.uniform(0, 36000, 10_000)))
    )
    made.events  # noqa: B018  sorted once, when they have come
    start = time.process_time()
    for _ in range(10):
        picture = made.picture(36000 / 70, 10)
    assert (time.process_time() - start) / 10 < 0.1
    assert len(picture.marks) <= 4 * 72
    assert sum(m.count for m in picture.marks) == 10_000


@pytest.mark.parametrize(
    ("t", "by", "text"),
    [(0, 1, "0:00"), (62.34, 0.1, "1:02.3"), (3600, 60, "1:00:00"), (-5, 1, "−0:05"), (59.999, 0.1, "1:00.0")],
)
def test_run_time_in_words(t, by, text):
    assert axis.run_time(t, by) == text


@pytest.mark.parametrize("span", [0.01, 0.3, 7, 100, 4000, 1e5, 1e7])
def test_ticks_are_round_and_few(span):
    found = axis.ticks(12.3, 12.3 + span, 8)
    assert 1 <= len(found) <= 9
    by = axis.step(span, 8)
    assert all(abs(t / by - round(t / by)) < 1e-3 for t in found)
    assert len({axis.run_time(t, by) for t in found}) == len(found)


def test_a_growing_curve_keeps_its_whole_length():
    curve = Growing()
    for i in range(20_000):
        curve.add(i * 0.5, float(i))
    t, value = curve.arrays()
    assert len(t) <= 2000
    assert t[0] == 0
    assert t[-1] > 9990
    np.testing.assert_array_equal(value, t * 2)
