"""Playing, pausing, seeking, speed: which frame and value are due, on a clock moved by hand."""

from __future__ import annotations

import numpy as np
import pytest

from matstudio.domain.frame import Axis, Kind
from matstudio.domain.process import Quality
from matstudio.instruments.base import Stream
from matstudio.instruments.replay import source as module
from matstudio.instruments.replay.source import ReplaySource
from matstudio.instruments.replay.tracks import Log, Material, Shot, Track, facts


def track(times, name="image"):
    def load(index):
        data = np.full((2, 3), index % 256, np.uint8)
        return Shot(
            data, (Axis("y", "Å", 1.0, 0.0, 2), Axis("x", "Å", 1.0, 0.0, 3)), 0.05, {"instrument": "twin", "n": index}
        )

    return Track(name, Kind.IMAGE, name, np.array(times, float), 6, load)


def source(times=range(10, 20), logs=(), more=()):
    tracks = (track(times), *more)
    start, end = min(t.times[0] for t in tracks), max(t.times[-1] for t in tracks)
    return ReplaySource(Material("test", tracks, tuple(logs), float(start), float(end)), "simulated")


def drive(replay, t0, t1, step=0.05):
    """Step from run time t0 to t1 and ask for frames at each step, as the server does."""
    frames, seq = [], 0
    for t in np.arange(t0, t1 + 1e-9, step):
        replay.step(float(t))
        for output in replay.outputs():
            job = replay.expose(output.name, seq, max(0.0, t - step), float(t))
            if job is not None:
                frames.append(job())
                seq += 1
    return frames


def indices(frames):
    return [f.metadata["recorded_index"] for f in frames]


def test_every_frame_comes_once_at_its_time_then_it_pauses():
    replay = source()
    frames = drive(replay, 100.0, 112.0)
    assert indices(frames) == list(range(10))
    assert [f.seq for f in frames] == list(range(10))
    np.testing.assert_allclose([f.t_end - 100 for f in frames], np.arange(10), atol=0.051)
    assert not replay.playing
    assert replay.position == replay.duration == 9


def test_a_frame_says_that_it_is_replayed_and_keeps_its_facts():
    (frame, *_) = drive(source(), 5.0, 5.0)
    assert frame.metadata["instrument"] == "replay"
    assert frame.metadata["recorded_t"] == 10
    assert frame.metadata["n"] == 0
    assert frame.clock == "simulated"
    assert frame.t_end - frame.t_start == pytest.approx(0.05)


def test_pause_holds_and_play_goes_on():
    replay = source()
    assert indices(drive(replay, 0, 3)) == [0, 1, 2, 3]
    replay.pause()
    assert drive(replay, 3, 8) == []
    replay.play()
    assert indices(drive(replay, 8, 9.5)) == [4]


@pytest.mark.parametrize("playing", [True, False])
def test_seek_shows_the_frame_there_at_once(playing):
    replay = source()
    drive(replay, 0, 2)
    if not playing:
        replay.pause()
    replay.seek(7.5)
    assert indices(drive(replay, 2, 2)) == [7]
    replay.seek(1.2)
    assert indices(drive(replay, 2, 2)) == [1]


@pytest.mark.parametrize("t", [-0.1, 9.1, float("nan"), float("inf")])
def test_seek_outside_is_refused(t):
    with pytest.raises(ValueError, match="seek"):
        source().seek(t)


@pytest.mark.parametrize("factor", [0.05, 101, float("nan"), 0, -1])
def test_speed_outside_is_refused(factor):
    with pytest.raises(ValueError, match="speed"):
        source().set_speed(factor)


@pytest.mark.parametrize("factor", [0.5, 4.0])
def test_speed(factor):
    replay = source()
    replay.set_speed(factor)
    frames = drive(replay, 0, 10 / factor)
    assert indices(frames) == list(range(10))
    assert frames[-1].t_end == pytest.approx(9 / factor, abs=0.06)


def test_far_behind_it_takes_the_newest():
    replay = source(np.arange(0, 100, 0.01))
    replay.set_speed(100)
    shown = indices(drive(replay, 0, 1.2))
    assert shown == sorted(shown)
    assert len(shown) < 40
    assert shown[-1] == 9999
    assert not replay.playing


def test_play_at_the_end_begins_again_and_loop_goes_round():
    replay = source()
    drive(replay, 0, 12)
    replay.play()
    assert indices(drive(replay, 12, 13)) == [0, 1]
    replay.configure({"loop": True})
    assert indices(drive(replay, 13, 24))[7:10] == [9, 0, 1] or 0 in indices(drive(replay, 24, 30))
    assert replay.playing


@pytest.mark.parametrize("options", [{}, {"loop": 1}, {"loop": True, "x": 1}])
def test_other_options_are_refused(options):
    with pytest.raises(ValueError, match="loop"):
        source().configure(options)


def test_a_stream_that_begins_later_is_silent_until_then():
    replay = source(more=(track([15, 16], "image_2"),))
    early = drive(replay, 0, 4)
    assert {f.stream for f in early} == {"image"}
    assert "image_2" in {f.stream for f in drive(replay, 4, 6)}


def test_a_still_is_shown_again_and_again_while_it_plays(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    replay = source([3.0])
    shown = 0
    for _ in range(50):
        now[0] += 0.1
        shown += len(drive(replay, now[0], now[0]))
    assert shown == 5
    assert replay.playing
    replay.pause()
    now[0] += 5
    assert drive(replay, now[0], now[0]) == []


def test_readings_follow_the_position_with_the_time_they_are_shown():
    log = Log("temperature", "K", np.arange(10.0, 20.0), np.arange(300.0, 310.0))
    bad = Log("power", "mW", np.array([10.0, 12.0]), np.array([1.0, np.nan]), (Quality.GOOD, Quality.BAD))
    replay = source(logs=(log, bad))
    frames = drive(replay, 50, 53.5)
    heat, power = replay.readings()
    assert (heat.value, heat.unit, heat.quality) == (303.0, "K", Quality.GOOD)
    assert heat.t == pytest.approx(53.5)
    assert power.quality is Quality.BAD
    assert frames[2].metadata["stage_temperature_K"] == 302.0


def test_a_log_is_stale_far_from_its_samples():
    log = Log("temperature", "K", np.arange(100.0), np.arange(100.0))
    assert log.at(-5.0)[1] is Quality.GOOD
    assert log.at(-50.0)[1] is Quality.STALE
    assert log.at(99.0 + 25.0)[1] is Quality.STALE


def test_description_and_state():
    log = Log("temperature", "K", np.arange(10.0, 20.0), np.arange(300.0, 310.0))
    replay = source(logs=(log,))
    replay.step(0.0)
    told = replay.describe((Stream("image", Kind.IMAGE, "ring", 5.0, "image"),))
    assert (told.kind, told.actuators, told.streams[0].rate) == ("replay", (), 1.0)
    unit, low, high = told.readings["temperature"]
    assert unit == "K"
    assert 0 <= low < 300 < 309 < high
    assert {"duration", "position", "playing", "speed", "source"} <= set(told.state)


def test_facts_beside_a_frame_are_few():
    told = facts({"mode": "EELS", "original": {"x": 1}, "long": "x" * 5000} | {f"k{i}": "y" * 900 for i in range(100)})
    assert told["mode"] == "EELS"
    assert "original" not in told
    assert "long" not in told
    assert len(str(told)) < 20_000


def test_single_steps_pause_and_show_each_frame_of_every_stream():
    replay = source(more=(track([10.5, 12.5], "spectrum"),))
    drive(replay, 0, 3.2)
    seen = []
    for n in (1, 1, -1, -1, -1, -100, 1000):
        replay.step_frames(n)
        frames = drive(replay, 4, 4)
        seen.append((round(replay.position, 2), [(f.stream, f.metadata["recorded_index"]) for f in frames]))
    assert seen[:5] == [
        (4.0, [("image", 4)]),
        (5.0, [("image", 5)]),
        (4.0, [("image", 4)]),
        (3.0, [("image", 3)]),
        (2.5, [("image", 2)]),
    ]
    assert seen[5] == (0.0, [("image", 0)])
    assert seen[6] == (9.0, [("image", 9), ("spectrum", 1)])
    assert not replay.playing
    with pytest.raises(ValueError, match="not within"):
        replay.step_frames(10**6)


def test_a_seek_tells_since_when_frames_belong_together():
    replay = source()
    drive(replay, 100, 101)
    assert replay.state()["since"] == 0
    replay.seek(8.0)
    since = replay.state()["since"]
    (frame, *_) = drive(replay, 101.05, 101.05)
    assert since == pytest.approx(101)
    assert since < frame.t_end
    replay.step_frames(-1)
    assert replay.state()["since"] == since  # the neighbour
    replay.configure({"loop": True})
    replay.play()
    frames = drive(replay, 102, 105)
    again = next(f for f in frames if f.metadata["recorded_index"] == 0)
    assert replay.state()["since"] < again.t_end


@pytest.mark.parametrize("speed", [0.1, 1.0, 100.0])
def test_a_seek_while_it_plays_at_and_beyond_the_end(speed):
    replay = source()
    replay.set_speed(speed)
    drive(replay, 0, 0.05)
    replay.seek(replay.duration)
    assert indices(drive(replay, 1, 2)) == [9]
    assert (replay.position, replay.playing) == (9, False)
    for t in (9.001, -0.001, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not within"):
            replay.seek(t)
    assert replay.position == 9
