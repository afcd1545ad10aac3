import errno
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from matstudio.bus import processes
from matstudio.bus.messages import CommandClient, CommandError, NoAnswer, Subscriber
from matstudio.bus.ring import RingError, RingReader, RingWriter
from matstudio.bus.rundir import DEVICE, Run
from matstudio.domain.device import Description
from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.domain.process import Reading, Setpoint
from matstudio.instruments.base import DeviceError
from matstudio.instruments.remote import RemoteDevice
from matstudio.instruments.server import DeviceServer, Output, serve_source


class Slow:
    """A device whose frames take long, with a camera that fails on command."""

    frames_module = ""

    def __init__(self, frame_s=0.0, rate=20.0):
        self.frame_s, self.rate = frame_s, rate
        self.steps, self.sets, self.safed = 0, [], 0
        self.frozen = self.ended = self.failing = False
        self.t = 0.0

    def outputs(self):
        return (Output("spectrum", Kind.SPECTRUM, self.rate, "Slow", 64),)

    def describe(self, streams):
        return Description("Slow", "real", streams, {"t": ("s", 0.0, 1e9)}, (), {"frame_s": self.frame_s})

    def handlers(self):
        return {"set": self.set, "safe": self.safe, "fault": lambda kind, target, on: setattr(self, "frozen", on)}

    def set(self, setpoint):
        if setpoint.value > 1:
            raise ValueError(f"{setpoint.name} {setpoint.value}: too much")
        self.sets.append(setpoint)

    def safe(self):
        self.safed += 1

    def step(self, t):
        self.t = t
        self.steps += 1

    def readings(self):
        return (Reading("t", self.t, "s", self.t),)

    def state(self):
        return {"x": 1}

    def expose(self, stream, seq, t_start, t_end):
        def job():
            time.sleep(self.frame_s)
            if self.failing:
                raise OSError("the shutter sticks")
            data = np.full(8, seq, np.uint32)
            axes = (Axis("Energy loss", "eV", 1.0, 0.0, 8),)
            return Frame(stream, Kind.SPECTRUM, seq, data, axes, t_start, t_end, "monotonic")

        return job

    def silent(self):
        return self.frozen

    def gone(self):
        return self.ended


@pytest.fixture
def served():
    """Serve sources in threads, each on a run of its own; stopped at the end."""
    stops, threads, runs = [], [], []

    def start(source, run=None, speed=1.0):
        run = run or Run.create("test", speed=speed)
        stop = threading.Event()
        thread = threading.Thread(target=serve_source, args=(run, source, stop))
        thread.start()
        stops.append(stop)
        threads.append(thread)
        runs.append(run)
        return run, stop, thread

    yield start
    for stop in stops:
        stop.set()
    for thread in threads:
        thread.join()
    for run in runs:
        run.remove()


@pytest.fixture
def ends():
    """Close clients at the end."""
    made = []
    yield lambda end: made.append(end) or end
    for end in made:
        end.close()


def until(condition, seconds=5.0):
    assert processes.wait_for(condition, seconds), "did not happen"


def ring_of(client):
    stream = client.request("describe")["description"].streams[0]
    return RingReader(Path(stream.ring))


def test_frames_come_at_their_rate_of_real_time(served, ends):
    run, _, _ = served(Slow(), speed=50.0)
    client = ends(CommandClient(run.socket(DEVICE, "cmd")))
    ring = ends(ring_of(client))
    time.sleep(0.2)
    ring.skip_to_end()
    start, first = time.monotonic(), ring.written
    time.sleep(1.0)
    rate = (ring.written - first) / (time.monotonic() - start)
    assert 10 < rate < 23
    frames = [ring.next() for _ in range(10)]
    assert [f.seq - frames[0].seq for f in frames] == list(range(10))
    steps = np.diff([f.t_end for f in frames])
    assert 2.2 < steps.mean() < 5.0  # 50 / 20, on a busy machine more
    assert all(f.data[0] == f.seq for f in frames)


def test_slow_frames_do_not_delay_commands(served, ends):
    source = Slow(frame_s=0.4)
    run, _, _ = served(source)
    client = ends(CommandClient(run.socket(DEVICE, "cmd")))
    ring = ends(ring_of(client))
    waits = []
    steps = source.steps
    start = time.monotonic()
    while time.monotonic() - start < 1.5:
        before = time.perf_counter()
        client.request("set", setpoint=Setpoint("a", 0.1, "1", "test", 0.0))
        waits.append(time.perf_counter() - before)
        time.sleep(0.02)
    assert np.median(waits) < 0.02
    assert max(waits) < 0.3
    assert source.steps - steps > 20
    assert 2 <= ring.written <= 5
    subscriber = ends(Subscriber(run.socket(DEVICE, "pub")))
    messages = []
    until(lambda: messages.extend(subscriber.receive(0.1)) or messages)
    assert messages[0][1]["state"]["late"]["spectrum"] > 10


def test_a_failing_camera_leaves_a_gap_and_a_line(served, ends):
    source = Slow()
    run, _, _ = served(source)
    device = ends(RemoteDevice(run))
    client = ends(CommandClient(run.socket(DEVICE, "cmd")))
    ring = ends(ring_of(client))
    until(lambda: ring.written > 2)
    source.failing = True
    until(lambda: device.readings() and device.state["errors"])
    assert device.state["errors"] == ("spectrum: the shutter sticks",)
    source.failing = False
    count = ring.written
    until(lambda: ring.written > count + 2)
    frames = []
    while (frame := ring.next()) is not None:
        frames.append(frame.seq)
    assert max(np.diff(frames)) > 1


def test_readings_come_every_tenth_of_a_second(served, ends):
    run, _, _ = served(Slow())
    subscriber = ends(Subscriber(run.socket(DEVICE, "pub"), topics=("readings",)))
    got = []
    until(lambda: got.extend(subscriber.receive(0.05)) or len(got) > 10)
    times = np.array([m["t"] for _, m in got])
    assert 0.09 < np.diff(times).mean() < 0.15
    assert got[0][1]["state"]["x"] == 1


def test_readings_keep_to_fifty_a_real_second(served, ends):
    run, _, _ = served(Slow(), speed=100.0)
    subscriber = ends(Subscriber(run.socket(DEVICE, "pub"), topics=("readings",)))
    until(lambda: subscriber.receive(0.05))
    start, n = time.monotonic(), 0
    while time.monotonic() - start < 0.5:
        n += len(subscriber.receive(0.05))
    assert 8 <= n <= 28


def test_the_station_sees_the_device(served, ends):
    source = Slow()
    run = Run.create("test")
    device = ends(RemoteDevice(run))
    assert device.describe() is None
    assert device.readings() == {}
    device.safe()
    device.heartbeat(0.0)
    served(source, run)
    until(lambda: device.describe() is not None)
    assert device.describe().name == "Slow"
    until(lambda: "t" in device.readings())
    assert device.silence < 1.0
    device.write(Setpoint("a", 0.5, "1", "test", 1.0))
    device.write(Setpoint("a", 5.0, "1", "test", 1.0))
    device.safe()
    lines = []
    until(lambda: lines.extend(device.refusals()) or lines)
    assert lines == ["a 5.0: too much"]
    assert [s.value for s in source.sets] == [0.5]
    until(lambda: source.safed >= 1)
    with pytest.raises(DeviceError, match="nobody takes commands"):
        flood(device, run)


def flood(device, run):
    """Write to a device that is not there until it refuses."""
    nobody = RemoteDevice(Run(run.path / "nowhere", run.clock, "test"))
    try:
        start = time.monotonic()
        for _ in range(1000):
            nobody.write(Setpoint("a", 0.5, "1", "test", 1.0))
    finally:
        assert time.monotonic() - start < 0.5
        nobody.safe()
        nobody.close()


def test_the_station_meets_a_restarted_device(served, ends):
    run, stop, thread = served(Slow(frame_s=0.0))
    device = ends(RemoteDevice(run))
    until(lambda: device.describe() is not None)
    until(lambda: device.readings())
    old = device.readings()["t"]
    stop.set()
    thread.join()
    time.sleep(0.3)
    assert device.describe().state["frame_s"] == 0.0
    assert device.readings()["t"].t >= old.t
    assert device.silence > 0.2
    second = Slow(frame_s=0.001)
    served(second, run)
    until(lambda: device.describe().state["frame_s"] == 0.001)
    assert device.silence < 1.0
    device.write(Setpoint("a", 0.7, "1", "test", 1.0))
    until(lambda: [s.value for s in second.sets] == [0.7])


def test_a_frozen_device_says_nothing_until_it_is_thawed(served, ends):
    source = Slow()
    run, _, _ = served(source)
    device = ends(RemoteDevice(run))
    client = ends(CommandClient(run.socket(DEVICE, "cmd")))
    ring = ends(ring_of(client))
    client.request("fault", kind="frozen", target="", on=True)
    for name in ("ping", "describe", "safe"):
        with pytest.raises(NoAnswer):
            client.request(name, timeout=0.1)
    device.readings()
    count = ring.written
    time.sleep(0.3)
    assert ring.written <= count + 1
    device.readings()
    assert device.silence > 0.2
    assert source.safed == 0
    client.request("fault", kind="frozen", target="", on=False)
    client.request("ping")
    until(lambda: ring.written > count + 1)


def test_a_gone_device_leaves_nothing(served):
    source = Slow()
    run, _, thread = served(source)
    until(lambda: run.rings())
    source.ended = True
    thread.join(3.0)
    assert not thread.is_alive()
    assert not run.rings()
    assert not list(run.path.glob("device.*"))


def test_unknown_commands_and_instruments():
    run = Run.create("sextant")
    child = processes.spawn(run, DEVICE, "matstudio.instruments.serve")
    assert child.wait(20) == 2
    log = run.log_path(DEVICE).read_text()
    assert log == "device: no instrument 'sextant': twin, replay:FILE or one of a plugin in use\n"
    run.remove()


def test_the_server_does_what_it_does_without_its_loop(runtime):
    run = Run.create("test")
    source = Slow()
    server = DeviceServer(run, source)
    try:
        assert 0 <= server.step() <= 0.02
        assert source.steps == 1
        with pytest.raises(CommandError, match="knows no command"):
            ask(server, run, "halt")
    finally:
        server.close()
        run.remove()


def ask(server, run, name):
    client = CommandClient(run.socket(DEVICE, "cmd"))
    answers = {}
    try:
        until(lambda: accepted(client))
        number = client.ask(name, who="test") if name == "halt" else client.ask(name)
        for _ in range(50):
            server._commands.serve(0.02)
            answers |= client.answers()
            if number in answers:
                break
        if isinstance(answers[number], CommandError):
            raise answers[number]
    finally:
        client.close()


def accepted(client):
    """Whether the client's connection stands, so that a command can be sent."""
    try:
        client.ask("ping")
    except NoAnswer:
        return False
    return True


def test_a_full_shared_memory_is_one_line(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(RingError, match=r"a\.ring: no room for 8 MB of frames: No space left"):
        RingWriter(tmp_path / "a.ring", 2**20, slots=7)
    assert not list(tmp_path.iterdir())


def test_ring_sizes():
    assert Output("a", Kind.IMAGE, 10.0, "", 2**19).slots == 32
    assert Output("a", Kind.IMAGE, 30.0, "", 2**19).slots == 64
    assert Output("a", Kind.IMAGE, 10.0, "", 2**25).slots == 8
    assert Output("a", Kind.IMAGE, 0.0, "", 2**19).slots == 8
