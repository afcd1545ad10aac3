"""A device's frames in a process of their own: its death, its standing still, and the device's."""

import os
import time
from pathlib import Path

import psutil
import pytest

from matstudio.bus import processes
from matstudio.bus.messages import CommandClient
from matstudio.bus.ring import RingReader
from matstudio.bus.rundir import DEVICE, Run
from matstudio.domain.process import Setpoint
from matstudio.instruments import frames
from matstudio.instruments.remote import RemoteDevice
from matstudio.instruments.server import DeviceServer
from matstudio.instruments.twin.options import Options
from matstudio.instruments.twin.server import TwinSource

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL and SIGSTOP")
STREAMS = ("image", "diffraction", "spectrum")


class Device:
    """A twin's process, with the station's view of it."""

    def __init__(self):
        self.run = Run.create("twin", {"seed": 1})
        self.child = processes.spawn(self.run, DEVICE, "matstudio.instruments.serve")
        self.client = CommandClient(self.run.socket(DEVICE, "cmd"))
        self.device = RemoteDevice(self.run)
        assert processes.wait_for(lambda: self.device.describe() is not None and self.device.readings(), 20)
        self.rings = {s.name: RingReader(Path(s.ring)) for s in self.device.describe().streams}
        assert self.flows(30), self.run.log_path(DEVICE).read_text()
        self.maker = self.frames_process()

    def frames_process(self):
        """The process that makes the frames now, or None."""
        children = psutil.Process(self.child.pid).children()
        assert len(children) <= 1
        return children[0] if children else None

    def flows(self, seconds=15.0):
        """Whether every stream gives two more frames."""
        before = {name: ring.written for name, ring in self.rings.items()}
        return processes.wait_for(lambda: all(r.written > before[n] + 1 for n, r in self.rings.items()), seconds)

    def heat(self, value=0.4):
        t = self.run.clock.now()
        self.client.request("heartbeat", t=t, timeout=0.5)
        self.client.request("set", setpoint=Setpoint("heater", value, "1", "test", t), timeout=0.5)

    def goes_on(self, until, seconds):
        """Hold the heater on until something happens; no command is answered late, the twin's time goes on."""
        end, before = time.monotonic() + seconds, self.device.readings()["temperature"].t
        while not until():
            assert time.monotonic() < end, "did not happen"
            self.heat()
            time.sleep(0.1)
        self.device.readings()
        assert self.device.silence < 1.0
        assert self.device.readings()["heater"].value == 0.4
        assert self.device.readings()["temperature"].t > before

    def close(self):
        for end in (self.client, self.device, *self.rings.values()):
            end.close()
        processes.stop(self.run)
        self.child.wait(10)
        self.run.remove()


@pytest.fixture
def twin():
    one = Device()
    yield one
    one.close()


def gone(process):
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_when_it_is_killed_or_stands_still_the_device_goes_on_and_frames_come_again(twin):
    twin.heat()
    for ring in twin.rings.values():
        ring.skip_to_end()
    twin.maker.kill()
    twin.goes_on(lambda: twin.frames_process() not in (None, twin.maker), 5)
    written = {name: ring.written for name, ring in twin.rings.items()}
    twin.goes_on(lambda: all(r.written > written[n] + 1 for n, r in twin.rings.items()), 20)
    assert twin.device.state["errors"] == ("frames: their process ended with -9 and is started again",)
    for ring in twin.rings.values():
        assert not ring.replaced()
        numbers, ends = [], []
        while (frame := ring.next()) is not None:
            numbers.append(frame.seq)
            ends.append(frame.t_end)
        assert numbers == sorted(set(numbers))
        assert numbers[-1] - numbers[0] <= len(numbers)  # one frame at most was lost
        assert ends == sorted(ends)

    maker = twin.frames_process()
    maker.suspend()
    twin.goes_on(lambda: gone(maker), frames.HANG_S + 5)
    written = {name: ring.written for name, ring in twin.rings.items()}
    twin.goes_on(lambda: all(r.written > written[n] + 1 for n, r in twin.rings.items()), 20)
    assert "frames: their process gave none for 5 s and is started again" in twin.device.state["errors"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="elsewhere it ends when it next reads")
def test_it_dies_with_its_device_even_where_it_stands_still(twin):
    twin.maker.suspend()
    twin.child.kill()
    twin.child.wait()
    assert processes.wait_for(lambda: gone(twin.maker), 1.0)
    assert twin.run.rings()
    twin.run.remove()  # the locks are free
    assert not twin.run.rings()


def test_it_is_of_normal_priority_and_ends_with_its_device(twin):
    assert twin.maker.nice() == psutil.Process().nice()  # the device may be raised
    assert os.getsid(twin.maker.pid) == twin.maker.pid
    twin.child.terminate()
    assert twin.child.wait(5) == 0
    assert gone(twin.maker)
    assert not twin.run.rings()
    assert twin.run.log_path(DEVICE).read_text() == ""


def test_it_is_started_five_times_a_minute_at_most(monkeypatch):
    run = Run.create("test")
    source = TwinSource(run.clock, Options())
    source.frames_module = "matstudio.no_such_module"
    server = DeviceServer(run, source)
    starts = []
    start = frames.start
    monkeypatch.setattr(frames, "start", lambda *a: starts.append(time.monotonic()) or start(*a))
    monkeypatch.setattr(frames, "STARTS", 2)
    server._frames[""]._starts = frames.deque(maxlen=2)
    try:
        for _ in range(200):
            time.sleep(server.step() / 4)
            if len(starts) == 2 and server._frames[""]._child is None:
                break
        assert len(starts) == 2
        for _ in range(50):
            time.sleep(server.step() / 4)
        assert len(starts) == 2
        assert server._state()["errors"] == ["frames: their process ended with 1 and is started again"]
        monkeypatch.setattr(frames, "WITHIN_S", 0.0)
        server.step()
        assert len(starts) == 3
    finally:
        server.close()
        run.remove()


def test_a_frame_that_cannot_be_made_is_one_line():
    """What the child answers reaches the state; the next frames come."""
    run = Run.create("test")
    source = TwinSource(run.clock, Options(rates={"image": 0.0, "diffraction": 0.0, "spectrum": 10.0}))
    server = DeviceServer(run, source)
    expose = source.expose
    source.expose = lambda stream, seq, *t: {**expose(stream, seq, *t), "seed": -1 if seq == 1 else 0}
    reader = RingReader(run.ring("spectrum"))

    def turn():
        server.step()
        return reader.written >= 3

    try:
        assert processes.wait_for(turn, 20)
        assert [reader.next().seq for _ in range(3)] == [0, 2, 3]
        (line,) = server._state()["errors"]
        assert line.startswith("spectrum: ")
        assert "negative" in line
    finally:
        reader.close()
        server.close()
        run.remove()
