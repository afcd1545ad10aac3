"""The window's threads: what they bring, what they drop, and that they end."""

from __future__ import annotations

import json
import threading
import time

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication

from matstudio.bus.messages import CommandError, CommandServer, Publisher
from matstudio.bus.ring import RingWriter
from matstudio.bus.rundir import DEVICE, MODELHOST, STATION, Run
from matstudio.domain.device import Stream
from matstudio.domain.estimate import Estimate, Model
from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.workers.commands import Commands, Lane
from matstudio.workers.frames import FrameWorker, Tap
from matstudio.workers.machine import disk_free
from matstudio.workers.messages import MessageWorker, audit_entries


@pytest.fixture
def run():
    made = Run.create("twin")
    yield made
    made.remove()


def frame(seq: int, stream: str = "image") -> Frame:
    axes = (Axis("y", "Å", 0.1, 0.0, 16), Axis("x", "Å", 0.1, 0.0, 16))
    return Frame(stream, Kind.IMAGE, seq, np.full((16, 16), seq, np.uint16), axes, 0.0, 0.1, "monotonic")


def stream(run: Run, name: str = "image") -> Stream:
    return Stream(name, Kind.IMAGE, str(run.ring(name)), 10, "HAADF")


def test_received_is_shown_and_skipped(run: Run):
    writer = RingWriter(run.ring("image"), 512, slots=8)
    for seq in range(5):
        writer.write(frame(seq))
    tap = Tap(stream(run))
    assert tap.newest().seq == 4
    for seq in range(5, 9):
        writer.write(frame(seq))
    assert tap.newest().seq == 8
    assert tap.newest() is None
    stats = tap.stats(0.0)
    assert (stats.received, stats.shown, stats.skipped) == (5, 2, 3)
    tap.close()
    writer.close()


def test_tap_attaches_to_a_ring_that_was_replaced(run: Run):
    tap = Tap(stream(run))
    assert tap.newest() is None
    writer = RingWriter(run.ring("image"), 512)
    writer.write(frame(1))
    assert tap.newest().seq == 1
    writer.close()
    writer = RingWriter(run.ring("image"), 512)
    writer.write(frame(7))
    assert tap.newest().seq == 7
    assert tap.stats(0.0).received == 2
    for seq in range(8, 11):
        writer.write(frame(seq))
    writer.close()
    assert tap.newest() is None
    stats = tap.stats(0.0)
    assert (stats.received, stats.shown, stats.skipped) == (5, 2, 3), "what a lost ring held was skipped"
    tap.close()


@pytest.fixture
def followed(qtbot, run: Run):
    """A ring, the worker that follows it, the numbers of the frames that it brings, and its counts."""
    writer = RingWriter(run.ring("image"), 512, slots=8)
    worker = FrameWorker()
    got: list[int] = []
    stats = {}
    worker.frame.connect(lambda f: got.append(f.seq))
    worker.stats.connect(stats.update)
    worker.set_streams((stream(run),))
    worker.start()
    yield writer, worker, got, stats
    worker.stop()
    writer.close()


def test_paused_views_skip_all_but_the_newest(qtbot, followed):
    writer, worker, got, stats = followed
    writer.write(frame(0))
    qtbot.waitUntil(lambda: got == [0], timeout=3000)
    worker.set_paused(True)
    qtbot.wait(100)
    for seq in range(1, 21):
        writer.write(frame(seq))
    qtbot.waitUntil(lambda: stats.get("image") is not None and stats["image"].skipped == 19, timeout=3000)
    assert got == [0]
    worker.set_paused(False)
    qtbot.waitUntil(lambda: got == [0, 20], timeout=3000)
    qtbot.waitUntil(lambda: stats["image"].received == 21, timeout=3000)
    assert (stats["image"].shown, stats["image"].skipped) == (2, 19)


def test_frames_are_delivered_in_the_window_s_thread(qtbot, run: Run):
    writers = {name: RingWriter(run.ring(name), 512) for name in ("image", "second")}
    worker = FrameWorker()
    got: list[tuple[str, int, bool]] = []
    here = threading.get_ident()
    worker.frame.connect(lambda f: got.append((f.stream, f.seq, threading.get_ident() == here)))
    worker.set_streams(tuple(stream(run, n) for n in writers))
    worker.start()
    try:
        for seq in range(3):
            for name, writer in writers.items():
                writer.write(frame(seq, name))
            qtbot.waitUntil(lambda seq=seq: len([g for g in got if g[1] == seq]) == 2, timeout=3000)
        assert all(same for _, _, same in got)
        with qtbot.waitSignal(worker.stats, timeout=3000) as told:
            pass
        assert set(told.args[0]) == {"image", "second"}
    finally:
        worker.stop()
        for writer in writers.values():
            writer.close()


def test_a_window_that_is_late_skips_frames_and_queues_none(qtbot, followed):
    writer, _worker, got, stats = followed
    for seq in range(60):
        writer.write(frame(seq))
        time.sleep(0.01)  # the window's thread is busy: nothing is taken
    assert got == []
    qtbot.waitUntil(lambda: 59 in got, timeout=3000)
    assert len(got) <= 3
    qtbot.waitUntil(lambda: stats.get("image") is not None and stats["image"].skipped >= 50, timeout=3000)


def status(cycle: int) -> dict[str, object]:
    maps = {k: {} for k in ("readings", "limits", "setpoints", "outputs", "pid", "clients")}
    device = {"name": "twin", "kind": "twin", "state": "good", "age": 0.1}
    return maps | {
        "t": 1.0,
        "cycle": cycle,
        "mode": "OFF",
        "master": "station",
        "why": "start",
        "alarms": (),
        "interlocks": (),
        "device": device,
        "audit": {"n": 1, "hash": ""},
    }


def test_messages_keep_the_newest_and_every_event(qtbot, run: Run, tmp_path):
    with open(run.audit_path, "w") as file:
        file.write(json.dumps({"n": 1, "text": "before", "who": "station"}) + "\n{damaged\n")
        file.write(json.dumps({"n": 2, "text": "heater 0.5", "who": "pid", "kind": "write"}) + "\n")
    station, host = Publisher(run.socket(STATION, "pub")), Publisher(run.socket(MODELHOST, "pub"))
    worker = MessageWorker(run, tmp_path / "sessions")
    got: list[tuple[str, object]] = []
    worker.status.connect(lambda v: got.append(("status", v)))
    worker.entries.connect(lambda v: got.extend(("event", e["text"]) for e in v))
    worker.estimate.connect(lambda v: got.append(("estimate", v.stream)))
    worker.start()
    try:
        qtbot.waitUntil(lambda: ("event", "before") in got, timeout=3000)

        def heard() -> bool:
            station.send("status", status(-1))
            return any(kind == "status" for kind, _ in got)

        qtbot.waitUntil(heard, timeout=3000)
        for i in range(200):
            station.send("status", status(i))
        for i in range(5):
            station.send("event", {"n": i, "t": 0.0, "kind": "note", "who": "ann", "text": f"e{i}"})
        for name in ("image", "spectrum"):
            host.send("estimate", Estimate(name, 1, 0.0, Model("m", "1", ""), {}))
        time.sleep(0.3)
        qtbot.waitUntil(lambda: ("status", status(199)) in got and ("event", "e4") in got, timeout=3000)
        qtbot.waitUntil(lambda: {v for k, v in got if k == "estimate"} == {"image", "spectrum"}, timeout=3000)
        assert [v for k, v in got if k == "event"][1:] == [f"e{i}" for i in range(5)]
        assert len([1 for k, v in got if k == "status" and v["cycle"] >= 0]) < 60
        with qtbot.waitSignal(worker.machine, timeout=3000) as told:
            pass
        assert told.args[0].disk_free > 0
    finally:
        worker.stop()
        station.close()
        host.close()


def test_the_whole_audit_log_comes_but_for_the_loops_writes(run: Run):
    from matstudio.control import audit

    link = audit.Link()
    with open(run.audit_path, "wb") as file:
        for i in range(3000):
            kind, who = ("note", "operator:ana") if i % 10 == 0 else ("write", "pid")
            text = '"kind":"write","who":"pid"' if i % 20 == 0 else "x" * 2000
            facts = {"t": 0, "bookmark": False}
            entry, link = audit.append(link, t=i, wall=i, kind=kind, who=who, text=text, data=facts)
            file.write(audit.canonical(entry) + b"\n")
        file.write(b'{"text": "cut')
    assert [e["t"] for e in audit_entries(run)] == list(range(0, 3000, 10))
    assert [e["t"] for e in audit_entries(run, most=2)] == [2980, 2990]


def test_audit_log_and_disk_of_what_is_not_there(run: Run, tmp_path):
    assert audit_entries(run) == []
    assert disk_free(tmp_path / "a" / "b") > 0


class Server:
    """A command server in a thread."""

    def __init__(self, run: Run, process: str, handlers) -> None:
        self._server = CommandServer(run.socket(process, "cmd"), process, handlers)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._body)
        self._thread.start()

    def _body(self) -> None:
        while not self._stop.is_set():
            self._server.serve(0.02)
        self._server.close()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def refuse(**_):
    raise CommandError("no policy loaded")


def test_commands_are_answered_refused_and_the_heart_beats(qtbot, run: Run):
    seen: list[tuple[str, dict]] = []
    server = Server(
        run,
        STATION,
        {
            "hello": lambda **f: seen.append(("hello", f)),
            "setpoint": lambda **f: seen.append(("set", f)),
            "mode": refuse,
        },
    )
    commands = Commands(run, "ann")
    results = []
    commands.result.connect(results.append)
    commands.start()
    try:
        commands.station("setpoint", name="temperature", value=626.0)
        commands.station("mode", mode="POLICY")
        qtbot.waitUntil(lambda: len(results) == 2, timeout=4000)
        assert [(r.name, r.error, r.silent) for r in results] == [
            ("setpoint", "", False),
            ("mode", "no policy loaded", False),
        ]
        assert ("set", {"who": "ann", "name": "temperature", "value": 626.0}) in seen
        qtbot.waitUntil(lambda: len([1 for s in seen if s[0] == "hello"]) >= 2, timeout=4000)
        assert ("hello", {"who": "ann", "role": "studio"}) in seen
    finally:
        commands.stop()
        server.stop()


def test_halt_reaches_the_device_where_no_station_answers(qtbot, run: Run):
    told = []
    device = Server(run, DEVICE, {"safe": lambda: told.append("safe")})
    commands = Commands(run, "ann")
    results = []
    commands.result.connect(results.append)
    commands.start()
    try:
        start = time.monotonic()
        commands.station("setpoint", name="temperature", value=1.0)
        commands.station("halt", why="test")
        qtbot.waitUntil(lambda: told == ["safe"], timeout=6000)
        assert time.monotonic() - start < 1.9, "HALT waited for the setpoint"
        assert any(r.name == "halt" and r.silent for r in results)
    finally:
        commands.stop()
        device.stop()


def test_what_a_dead_station_was_asked_is_not_done_when_it_comes_back(qtbot, run: Run):
    lane = Lane(run, STATION)
    results = []
    lane.result.connect(results.append)
    lane.start()
    done = []
    try:
        lane.ask("mode", who="ann", mode="PID")
        qtbot.waitUntil(lambda: len(results) == 1, timeout=4000)
        assert results[0].silent
        server = Server(run, STATION, {"mode": lambda **f: done.append(f["mode"])})
        try:
            lane.ask("mode", who="ann", mode="MANUAL")
            qtbot.waitUntil(lambda: len(results) == 2, timeout=4000)
            QCoreApplication.processEvents()
            assert done == ["MANUAL"]
        finally:
            server.stop()
    finally:
        lane.stop()


def test_frames_come_one_in_each_turn_and_a_window_that_is_late_gets_none_for_a_while(qapp):
    worker = FrameWorker()
    shown = []
    worker.frame.connect(shown.append)
    worker._waiting, worker._told_at = {"a": "A", "b": "B"}, time.monotonic()
    worker._deliver()
    assert shown == ["A"]
    assert worker._rests_until == 0.0
    qapp.processEvents()
    assert shown == ["A", "B"]
    worker._waiting, worker._told_at = {"a": "A"}, time.monotonic() - 0.1
    worker._deliver()
    assert shown[2:] == ["A"]
    assert 0.3 < worker._rests_until - time.monotonic() <= 0.5
