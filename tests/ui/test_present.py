"""What the window shows, worked out without a window."""

import math

import numpy as np
import pytest

from matstudio.bus.rundir import Run
from matstudio.domain.device import Description, Stream
from matstudio.domain.estimate import FrameRef, MaterialState, Quantity
from matstudio.domain.frame import Kind
from matstudio.domain.process import Limits, Mode, Quality, Reading
from matstudio.ui.live import Live
from matstudio.ui.present import alarms, counts, header, log, process, status_line, trends
from matstudio.workers.frames import StreamStats
from matstudio.workers.machine import Machine


class Now:
    t = 100.0

    def __call__(self) -> float:
        return self.t


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def live(now: Now):
    run = Run.create("twin")
    yield Live(run, now)
    run.remove()


def status(**more):
    return {
        "t": 50.0,
        "cycle": 250,
        "mode": "PID",
        "master": "pid",
        "why": "asked for",
        "readings": {"temperature": Reading("temperature", 625.4, "K", 49.9)},
        "limits": {"temperature": Limits(300, 900, 20), "heater": Limits(0, 1)},
        "setpoints": {"temperature": 626.0},
        "outputs": {"heater": 0.51},
        "pid": {"p": 0.02, "i": 0.49, "d": 0.0, "saturated": False},
        "alarms": (),
        "interlocks": (),
        "device": {"name": "Twin", "kind": "twin", "state": "good", "age": 0.1},
        "audit": {"n": 3, "hash": "abcdef0123456789"},
    } | more


def test_before_anything_is_heard_nothing_is_claimed(live: Live, now: Now):
    h = header.present(live)
    assert (h.line, h.chosen, h.mode) == ("finding the station", None, "–")
    assert math.isnan(h.figures["temperature"].value)
    assert h.alarms == "– alarms"
    now.t += 7
    assert header.present(live).line == "no station for 7 s"
    assert header.present(live).line_level == "bad"


def test_header_of_a_good_run(live: Live):
    live.take("status", status())
    live.take("state", MaterialState(50.0, {"order_parameter": Quantity(0.31, 0.02, "1")}, {}))
    h = header.present(live)
    assert (h.line, h.line_level, h.chosen, h.why) == ("connected", "", Mode.PID, "asked for")
    t = h.figures["temperature"]
    assert (t.value, t.setpoint, t.quality) == (625.4, 626.0, "good")
    assert (h.figures["order_parameter"].value, h.figures["order_parameter"].sigma) == (0.31, 0.02)
    assert math.isnan(h.figures["free_energy"].value)
    assert (h.alarms, h.alarms_line, h.alarms_level) == ("0 alarms", "normal", "")


def test_a_silent_station_is_told_and_its_values_are_stale(live: Live, now: Now):
    live.take("status", status())
    now.t += 2.1
    h = header.present(live)
    assert (h.line, h.line_level) == ("station silent 2.1 s", "bad")
    assert h.figures["temperature"].quality == "stale"
    assert h.figures["temperature"].age == pytest.approx(2.2)
    assert h.chosen is None
    assert process.locked(live) == "the station is silent"


def test_a_bad_reading_stays_bad_and_a_late_one_is_stale(live: Live):
    readings = {
        "temperature": Reading("temperature", math.nan, "K", 50.0, Quality.BAD),
        "pressure": Reading("pressure", 0.1, "GPa", 45.0),
    }
    live.take("status", status(readings=readings))
    assert live.reading("temperature").quality == "bad"
    assert live.reading("pressure").quality == "stale"


def test_the_state_of_the_material_goes_stale(live: Live, now: Now):
    live.take("state", MaterialState(50.0, {"order_parameter": Quantity(0.3, 0.02, "1")}, {}))
    now.t += 6
    assert live.fused("order_parameter").quality == "stale"


def test_the_free_energy_is_no_better_than_the_temperature(live: Live):
    energy = {"free_energy": Quantity(-3.4, 0.1, "meV/atom"), "order_parameter": Quantity(0.3, 0.02, "1")}
    live.take("state", MaterialState(50.0, energy, {}))
    live.take("status", status())
    assert live.fused("free_energy").quality == "good"
    bad = Reading("temperature", 625.4, "K", 49.9, Quality.BAD)
    live.take("status", status(readings={"temperature": bad}))
    assert live.fused("free_energy").quality == "bad"
    assert live.fused("order_parameter").quality == "good"


def test_a_value_that_the_device_lacks_is_not_shown(live: Live):
    live.take("status", status())
    live.take("description", Description("Ti", "replay", (), {"temperature": ("K", 0, 2000)}, (), {}))
    assert set(header.present(live).figures) == {"temperature"}
    assert not header.present(live).settable
    assert set(process.present(live).rows) == {"temperature"}
    assert process.locked(live) == "this device takes no setpoints"


def test_safe_says_why(live: Live):
    live.take("status", status(mode="SAFE", why="temperature is NaN"))
    assert alarms.line(live).text == "SAFE: temperature is NaN"
    assert header.present(live).mode_level == "bad"
    live.take("status", status())
    assert alarms.line(live).text == ""


def test_recording_shows_time_rate_and_hours(live: Live):
    assert header.recording(live)[1] == "no recorder yet"
    body = {
        "t": 3725.0,
        "state": "recording",
        "since": 0.0,
        "rate": 11.8e6,
        "hours_left": 19.2,
        "dropped": {"image": 0},
    }
    live.take("recording", body)
    assert header.recording(live) == ("REC 1:02:05", "11.8 MB/s, 19 h left", "")
    live.take("recording", body | {"dropped": {"image": 3}})
    assert header.recording(live) == ("REC 1:02:05", "11.8 MB/s, 19 h left, 3 lost", "caution")
    live.take("recording", {"state": "failed", "error": "disk full"})
    assert header.recording(live) == ("REC failed", "disk full", "bad")


def test_alarms_are_counted_until_acknowledged(live: Live):
    one = {"id": "a", "text": "sensor", "priority": "high", "state": "UNACK", "t": 10.0}
    two = {"id": "b", "text": "disk", "priority": "low", "state": "ACK", "t": 20.0}
    live.take("status", status(alarms=(two, one)))
    box = alarms.box(live)
    assert box == {"alarms": "2 alarms", "alarms_line": "1 to acknowledge", "alarms_level": "bad"}
    rows = alarms.rows(live)
    assert [(r.id, r.open, r.state, r.level) for r in rows] == [
        ("a", True, "new", "bad"),
        ("b", False, "acknowledged", "caution"),
    ]


def test_an_alarm_that_returned_does_not_look_active(live: Live):
    gone = {"id": "a", "text": "sensor", "priority": "high", "state": "RTN_UNACK", "t": 10.0}
    active = {"id": "b", "text": "disk", "priority": "low", "state": "ACK", "t": 5.0}
    live.take("status", status(alarms=(gone,)))
    assert alarms.box(live) == {
        "alarms": "1 alarm",
        "alarms_line": "returned, 1 to acknowledge",
        "alarms_level": "steady",
    }
    live.take("status", status(alarms=(gone, active)))
    assert [(r.id, r.level) for r in alarms.rows(live)] == [("b", "caution"), ("a", "")]
    live.take("status", status(alarms=(active,)))
    assert alarms.box(live)["alarms_line"] == "active, acknowledged"
    assert alarms.box(live)["alarms_level"] == "steady"


@pytest.mark.parametrize(("mode", "shown"), [("OFF", None), ("MANUAL", None), ("PID", 625.4), ("HOLD", 625.4)])
def test_a_setpoint_that_only_tracks_the_value_is_not_shown(live: Live, mode: str, shown: float | None):
    live.take("status", status(mode=mode, setpoints={"temperature": 625.4}))
    assert header.present(live).figures["temperature"].setpoint == shown
    assert process.present(live).rows["temperature"].value.setpoint == shown
    live.take("status", status(mode="OFF", setpoints={"temperature": 640.0}))
    assert header.present(live).figures["temperature"].setpoint is None
    assert process.present(live).rows["temperature"].value.setpoint == 640.0


def test_banner(live: Live):
    assert live.simulated == "SIMULATED: digital twin"
    live.take("description", Description("Microscope", "real", (), {}, (), {}))
    assert live.simulated == ""


def test_process_row(live: Live):
    live.take("status", status())
    row = process.present(live).rows["temperature"]
    assert (row.limits, row.output, row.fraction, row.locked) == ("limits 300 to 900 K, 20 K/s", "51.0 %", 0.51, "")
    assert process.pid(live) == "PID  P 2.0   I 49.0   D 0.0  % of full output"


@pytest.mark.parametrize(("text", "value"), [("626", 626.0), (" 626.5 K", 626.5), ("3e2", 300.0), ("900.0", 900.0)])
def test_what_is_typed_is_read(text, value):
    assert process.parse(text, "temperature", "K", Limits(300, 900)) == value


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1200", "temperature: 1200 K is above the limit 900 K"),
        ("−20", "temperature: -20 K is below the limit 300 K"),
        ("626,5", "decimal point"),
        ("warm", "not a number"),
        ("", "not a number"),
        ("nan", "not a number that can be set"),
        ("inf", "not a number that can be set"),
    ],
)
def test_what_cannot_be_set_is_refused_in_one_line(text, line):
    with pytest.raises(ValueError) as caught:
        process.parse(text, "temperature", "K", Limits(300, 900))
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_output_is_typed_in_percent():
    assert process.parse("51 %", "heater", "1", Limits(0, 1), 0.01) == pytest.approx(0.51)
    with pytest.raises(ValueError, match="above the limit"):
        process.parse("101", "heater", "1", Limits(0, 1), 0.01)


def test_trend_keeps_ten_minutes_at_a_step():
    trend = trends.Trend(span=600, step=0.5)
    for i in range(8000):
        trend.add(i * 0.1, float(i), 0.1, 1.0)
    s = trend.series()
    assert s.t[-1] - s.t[0] <= 600
    assert 1190 <= s.t.size <= 1201
    trend.add(5.0, 1.0)
    assert trend.series().t.tolist() == [5.0]


def test_trend_limits_hold_band_and_setpoint_and_ignore_gaps():
    s = trends.Series(np.arange(3.0), np.array([1.0, np.nan, 2.0]), np.array([0.5, np.nan, 0.1]), np.full(3, 4.0))
    low, high = trends.limits(s, 0.1)
    assert low < 0.5
    assert high > 4.0
    empty = trends.Series(*4 * [np.array([])])
    assert trends.limits(empty, 2.0) == (0.0, 2.0)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (623.2, 634.9), (-3.6, -2.9), (0.29999, 0.30001), (1e-9, 2e-9)])
def test_ticks_are_round_and_inside(low, high):
    found = trends.ticks(low, high)
    assert 1 <= len(found) <= 3
    assert all(low - 1e-9 <= x <= high + 1e-9 for x in found)


def test_status_line_names_rates_drops_and_disk(live: Live):
    live.take("status", status())
    stats = {"image": StreamStats(100, 98, 2, 10.0, 9.8)}
    machine = Machine(71.0, 812 * 10**9, (), 43.2, 2, 1_900_000_000, 8_000_000_000, 3_000_000_000)
    fields = status_line.bar(live, stats, machine, "GL software")
    line = " | ".join(f.text for f in fields)
    for part in (
        "frames 9.8 of 10.0 Hz",
        "CPU run 43 %, all 71 %",
        "memory run 1.9 of 8.0 GB",
        "disk 812 GB left",
        "GL software",
        "audit 3 abcdef01",
    ):
        assert part in line
    assert "image 9.8 of 10.0 Hz; skipped 2" in " ".join(f.tip for f in fields)
    assert not any(f.stands_out for f in fields)
    poor = status_line.bar(live, {}, Machine(71.0, 4 * 10**9, (), None, 2, 7_900_000_000, 8_000_000_000, 1_000), "")
    assert [f.text for f in poor if f.stands_out] == ["memory run 7.9 of 8.0 GB", "disk 4.0 GB left"]
    assert any(f.text == "CPU 71 %" for f in poor), "what the run takes is not known yet"
    assert status_line.stream_line(live, "image", stats["image"], 4.1, 0.06) == (
        "10.0 Hz  age 0.06 s  skipped 2  analysed 4.1"
    )
    late = StreamStats(100, 50, 50, 10.0, 5.0)
    assert "shown 5.0" in status_line.stream_line(live, "image", late, None)


def test_analysed_rate_from_counts(live: Live, now: Now):
    analysed = status_line.Analysed()
    live.take("models", {"image": {"analysed": 10}})
    assert analysed.update(live) == {}
    now.t += 2
    live.take("models", {"image": {"analysed": 18}})
    assert analysed.update(live) == {"image": 4.0}


def test_replay_state(live: Live):
    assert status_line.replay(live) is None
    live.take("description", Description("Ti", "replay", (), {}, (), {"duration": 120.0}))
    live.take(
        "readings",
        {
            "t": 1.0,
            "readings": (),
            "state": {"position": 61.0, "playing": False, "speed": 2.0, "notes": ["0.1 s assumed"]},
        },
    )
    r = status_line.replay(live)
    assert (r.position, r.duration, r.playing, r.speed) == (61.0, 120.0, False, 2.0)
    assert r.notes == ("0.1 s assumed",)


def test_a_log_row_names_the_person_and_is_one_line():
    row = log.entry({"n": 4, "wall": 0.0, "kind": "mode", "who": "operator:ann", "text": "OFF -> PID\nchosen"})
    assert (row.n, row.who, row.kind, row.text) == (4, "ann", "mode", "OFF -> PID chosen")
    assert log.entry({"who": "pid"}).who == "pid"


def test_the_structure_says_where_it_comes_from_and_what_disagrees():
    sources = {"order_parameter": (FrameRef("image", 1), FrameRef("diffraction", 2))}
    state = MaterialState(1.0, {}, sources, None, ("image, diffraction disagree on order parameter",))
    line = status_line.structure_line(state, 0.3)
    assert line == "image, diffraction disagree on order parameter  0 sites  0.3 s ago from diffraction + image"


def test_counts_of_every_consumer_stand_in_a_row_and_add_up(live: Live):
    stats = {"image": StreamStats(100, 98, 2, 10.0, 9.8)}
    assert counts.counts(live, stats) == []
    image = Stream("image", Kind.IMAGE, "/dev/shm/x", 10, "HAADF")
    live.take("description", Description("Twin", "twin", (image,), {}, (), {}))
    row = counts.counts(live, stats)[0]
    assert row.cells == ("image", "10.0", "100", "98", "2", *8 * ("–",), "")
    assert len(row.cells) == len(counts.HEADS)
    model = {"model": "baseline", "version": "1", "analysed": 1200, "skipped": 300, "failed": 0, "error": ""}
    live.take("models", {"image": model})
    live.take(
        "recording", {n: {"image": i} for n, i in (("received", 9), ("recorded", 7), ("dropped", 0), ("waiting", 2))}
    )
    row = counts.counts(live, stats)[0]
    assert row.cells[5:] == ("1,500", "1,200", "300", "0", "9", "7", "0", "2", "")
    assert row.level == ""


def test_what_was_lost_or_does_not_add_up_is_said(live: Live):
    image = Stream("image", Kind.IMAGE, "/dev/shm/x", 10, "HAADF")
    live.take("description", Description("Twin", "twin", (image,), {}, (), {}))
    live.take("models", {"image": {"analysed": 4, "skipped": 3, "failed": 1, "error": "image #7: flat"}})
    live.take(
        "recording", {n: {"image": i} for n, i in (("received", 9), ("recorded", 5), ("dropped", 3), ("waiting", 0))}
    )
    row = counts.counts(live, {})[0]
    assert row.cells[-1] == "recorder: 9 received are not 5 + 3 + 0; 3 not recorded; 1 not read; model: image #7: flat"
    assert row.level == "caution"
