import contextlib
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from matstudio.bus import processes
from matstudio.bus.messages import CommandClient, CommandError, NoAnswer
from matstudio.bus.ring import RingReader
from matstudio.bus.rundir import DEVICE, Run
from matstudio.domain.process import Setpoint
from matstudio.instruments.base import DeviceError
from matstudio.instruments.remote import RemoteDevice


class Bench:
    """A twin's process with a client and the station's view of it."""

    def __init__(self, **options):
        self.run = Run.create("twin", {"seed": 1} | options)
        self.child = processes.spawn(self.run, DEVICE, "matstudio.instruments.serve")
        self.client = CommandClient(self.run.socket(DEVICE, "cmd"))
        self.device = RemoteDevice(self.run)
        self.rings = {}

    def start(self):
        assert processes.wait_for(lambda: self.device.describe() is not None, 20), self.log()
        assert processes.wait_for(lambda: bool(self.device.readings()), 5), self.log()
        for stream in self.device.describe().streams:
            self.rings[stream.name] = RingReader(Path(stream.ring))
        return self

    def heat(self, value):
        t = self.run.clock.now()
        self.client.request("heartbeat", t=t)
        self.client.request("set", setpoint=Setpoint("heater", value, "1", "test", t))

    def heater(self):
        return self.device.readings()["heater"].value

    def log(self):
        return self.run.log_path(DEVICE).read_text()

    def restart(self):
        """Start the process again on the same run."""
        self.child = processes.spawn(self.run, DEVICE, "matstudio.instruments.serve")

    def close(self):
        for end in (self.client, self.device, *self.rings.values()):
            end.close()
        processes.stop(self.run)
        self.child.wait(10)
        self.run.remove()


@pytest.fixture
def bench():
    made = []

    def make(**options):
        made.append(Bench(**options))
        return made[-1].start()

    yield make
    for one in made:
        one.close()


def test_streams_readings_and_watchdog(bench):
    twin = bench()
    description = twin.device.describe()
    assert {s.name: s.rate for s in description.streams} == {"image": 10.0, "diffraction": 5.0, "spectrum": 5.0}
    assert twin.heater() == 0.0
    with pytest.raises(CommandError, match="locked, no heartbeat"):
        twin.client.request("set", setpoint=Setpoint("heater", 0.5, "1", "test", twin.run.clock.now()))
    assert processes.wait_for(lambda: all(r.written > 3 for r in twin.rings.values()), 10)

    counts, start = {n: r.written for n, r in twin.rings.items()}, time.monotonic()
    waits = []
    twin.heat(0.7)
    while time.monotonic() - start < 2.0:
        before = time.perf_counter()
        twin.client.request("heartbeat", t=twin.run.clock.now())
        waits.append(time.perf_counter() - before)
        time.sleep(0.05)
    seconds = time.monotonic() - start
    assert np.median(waits) < 0.05
    assert twin.heater() == 0.7
    for stream in description.streams:
        rate = (twin.rings[stream.name].written - counts[stream.name]) / seconds
        assert 0.25 * stream.rate < rate < 1.2 * stream.rate  # a busy machine makes fewer; the bench measures

    last = time.monotonic()
    assert processes.wait_for(lambda: twin.heater() == 0.0, 4)
    assert 1.0 < time.monotonic() - last < 3.5
    assert twin.device.state["locked"] == "no heartbeat from the station"
    twin.device.heartbeat(twin.run.clock.now())
    time.sleep(0.3)
    assert twin.heater() == 0.0
    twin.heat(0.3)
    assert processes.wait_for(lambda: twin.heater() == 0.3, 1)

    frames = {name: ring.newest() for name, ring in twin.rings.items()}
    assert frames["image"].metadata["stage_temperature_K"] == pytest.approx(301, abs=12)
    assert frames["image"].data.dtype == np.uint16
    assert frames["spectrum"].data.shape == (2048,)
    with pytest.raises(CommandError, match="no option 'colour' of the twin"):
        twin.client.request("configure", options={"colour": 1})
    with pytest.raises(CommandError, match="no fault 'fire'"):
        twin.client.request("fault", kind="fire", target="temperature", on=True)
    with pytest.raises(CommandError, match="is no setpoint"):
        twin.client.request("set", setpoint={"name": "heater"})
    twin.client.request("safe")
    assert processes.wait_for(lambda: twin.heater() == 0.0, 1)


def test_frozen_turns_the_heater_off_and_gone_ends_the_process(bench):
    twin = bench(rates={"image": 0, "diffraction": 0})
    twin.heat(1.0)
    before = twin.run.clock.now()
    twin.client.request("fault", kind="frozen", target="temperature", on=True)
    after = twin.run.clock.now()
    with pytest.raises(NoAnswer):
        twin.client.request("heartbeat", t=twin.run.clock.now(), timeout=0.7)
    twin.client.request("fault", kind="frozen", target="temperature", on=False)
    assert processes.wait_for(lambda: twin.device.readings() and twin.device.silence < 0.2, 2)
    assert processes.wait_for(lambda: twin.heater() == 0.0, 1)
    assert twin.device.state["locked"] == "the device hung"
    off = twin.device.state["locked_at"]  # in the twin's own time, told as soon as it speaks again
    assert off - before > 0.3
    assert off - after < 0.6
    assert processes.wait_for(lambda: twin.rings["spectrum"].written > 0, 3)
    assert twin.rings["image"].written == 0
    twin.client.send("fault", kind="gone", target="", on=True)  # its answer may be lost with it
    assert twin.child.wait(5) == 0
    assert not twin.run.rings()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")
def test_a_stopped_process_comes_back_with_its_heater_off(bench):
    twin = bench(rates={"image": 0, "diffraction": 0, "spectrum": 0})
    twin.heat(1.0)
    assert processes.wait_for(lambda: twin.heater() == 1.0, 1)
    os.kill(twin.child.pid, signal.SIGSTOP)
    old = twin.run.clock.now()
    for _ in range(20):
        t = twin.run.clock.now()
        twin.device.heartbeat(t)
        twin.device.write(Setpoint("heater", 1.0, "1", "test", t))
        time.sleep(0.1)
    os.kill(twin.child.pid, signal.SIGCONT)
    assert processes.wait_for(lambda: bool(twin.device.refusals()), 2)
    assert processes.wait_for(lambda: twin.heater() == 0.0, 1)
    assert twin.device.state["locked"] == "the device hung"
    assert twin.device.readings()["temperature"].t > old + 1.9


def test_a_killed_process_starts_again_with_its_heater_off(bench):
    twin = bench(rates={"image": 0, "diffraction": 0})
    twin.heat(1.0)
    assert processes.wait_for(lambda: twin.heater() == 1.0, 1)
    boot = twin.device.state["boot"]
    twin.child.kill()
    twin.child.wait()
    for _ in range(10):
        t = twin.run.clock.now()
        twin.device.heartbeat(t)
        with contextlib.suppress(DeviceError):
            twin.device.write(Setpoint("heater", 1.0, "1", "test", t))
    time.sleep(1.6)
    twin.restart()
    assert processes.wait_for(lambda: twin.device.describe().state["boot"] != boot, 10)
    assert processes.wait_for(lambda: twin.device.state["boot"] != boot, 5)
    assert twin.heater() == 0.0
    assert twin.device.state["locked"] == "start"
    assert twin.device.refusals() == ()  # what it was told while it was away never reached it
    assert twin.rings["spectrum"].replaced()


def test_stress(bench):
    twin = bench(stress=True)
    assert processes.wait_for(lambda: all(r.written > 10 for r in twin.rings.values()), 20)
    counts, start = {n: r.written for n, r in twin.rings.items()}, time.monotonic()
    time.sleep(1.5)
    seconds = time.monotonic() - start
    for name, ring in twin.rings.items():
        assert 12 < (ring.written - counts[name]) / seconds < 33


def test_wrong_options_are_one_line():
    run = Run.create("twin", {"seed": "one"})
    child = processes.spawn(run, DEVICE, "matstudio.instruments.serve")
    assert child.wait(30) == 2
    assert run.log_path(DEVICE).read_text() == "device: option seed: 'one' is not allowed\n"
    run.remove()
