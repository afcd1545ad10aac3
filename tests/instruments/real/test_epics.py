"""A soft IOC on loopback: values, units, alarms and time stamps, images without a gap, a stop, an end, and a station
that is safe after each."""

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from matstudio.bus import processes
from matstudio.bus.messages import CommandClient, CommandError, Subscriber
from matstudio.bus.processes import wait_for
from matstudio.bus.ring import RingReader
from matstudio.bus.rundir import DEVICE, STATION, Run
from matstudio.bus.textfile import config_folder
from matstudio.domain.process import Quality, Reading
from matstudio.instruments.epics.ioc import configuration

from .helpers import free_port, server

pytest.importorskip("p4p")
pytest.importorskip("softioc")
IOC = ("-m", "matstudio.instruments.epics.ioc", "T1:")


class Loop:
    """A soft IOC, a device server on it, and a station."""

    def __init__(self, servers, provider, image=0.0, max_age=0.5, queue=64):
        self.servers, self.image = servers, image
        self.ca, self.pva, self.tcp = free_port(), free_port(), free_port()
        port = self.ca if provider == "ca" else self.pva
        text = configuration("T1:", image > 0).replace(
            'provider = "pva"', f'provider = "{provider}"\naddresses = ["127.0.0.1:{port}"]'
        )
        text = text.replace("rate = 30.0", f"rate = {image}").replace("queue = 64", f"queue = {queue}")
        folder = config_folder() / "instruments"
        folder.mkdir(parents=True)
        (folder / "ioc.toml").write_text(text.replace("max_age = 0.5", f"max_age = {max_age}"))
        self.ioc = self.start_ioc()
        self.run = Run.create("epics:ioc")
        self.children = [
            processes.spawn(self.run, name, module)
            for name, module in ((DEVICE, "matstudio.instruments.serve"), (STATION, "matstudio.station"))
        ]
        self.client = CommandClient(self.run.socket(STATION, "cmd"))
        assert wait_for(lambda: self.device()["state"] == "good", 20), self.run.log_path(DEVICE).read_text()

    def start_ioc(self):
        env = os.environ | {
            "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
            "EPICS_CAS_SERVER_PORT": str(self.ca),
            "EPICS_CA_SERVER_PORT": str(self.ca),
            "EPICS_PVAS_INTF_ADDR_LIST": "127.0.0.1",
            "EPICS_PVAS_SERVER_PORT": str(self.tcp),
            "EPICS_PVAS_BROADCAST_PORT": str(self.pva),
        }
        image = ("--image", str(self.image)) if self.image else ()
        return self.servers(server(*IOC, *image, env=env))

    def ask(self, command, /, **fields):
        return self.client.request(command, **fields)

    def status(self):
        try:
            return self.ask("status", timeout=1.0)
        except CommandError:
            return {"device": {"state": ""}, "readings": {}, "mode": "", "alarms": ()}

    def device(self):
        return self.status()["device"]

    def reading(self, name):
        return self.status()["readings"].get(name, Reading(name, math.nan, "", 0.0, Quality.BAD))

    def told(self):
        """What there is to see of a loop that did not do as it should."""
        logs = [self.run.log_path(name).read_text() for name in (DEVICE, STATION)]
        return "\n".join([*(f"{k}: {v}" for k, v in self.status().items()), *logs])

    def confirm(self):
        self.ask("confirm", who="ana", digest=self.device()["digest"])

    def close(self):
        self.client.close()
        processes.stop(self.run)
        for child in self.children:
            child.wait()
        self.run.remove()


@pytest.fixture
def loops(servers):
    made = []

    def make(*args, **kwargs):
        made.append(Loop(servers, *args, **kwargs))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("provider", ["pva", "ca"])
def test_a_stopped_and_a_killed_ioc(loops, provider):
    one = loops(provider)
    with pytest.raises(CommandError, match="not confirmed"):
        one.ask("mode", who="ana", mode="PID")
    one.confirm()
    assert wait_for(lambda: one.reading("temperature").quality == "good", 5)
    one.ask("mode", who="ana", mode="MANUAL")
    one.ask("output", who="ana", name="heater", value=0.5)
    one.ask("beam", who="ana", on=False)
    assert wait_for(lambda: one.reading("heater").value == 0.5 and one.reading("beam").value == 0.0, 5), one.told()
    one.ask("mode", who="ana", mode="PID")
    one.ask("setpoint", who="ana", name="temperature", value=500.0)
    before = one.reading("temperature").value
    assert wait_for(lambda: one.reading("temperature").value > before + 2, 10)
    one.ioc.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    assert wait_for(lambda: one.status()["mode"] == "SAFE", 5)
    assert time.monotonic() - stopped < 3.0  # its maximum age, and a busy machine
    assert one.reading("temperature").quality == "stale"
    one.ioc.send_signal(signal.SIGCONT)
    assert wait_for(lambda: one.reading("temperature").quality == "good" and one.reading("heater").value == 0.0, 10)
    assert one.status()["mode"] == "SAFE"
    one.ioc.kill()
    one.ioc.wait()
    alarm = ("link", "UNACK")
    assert wait_for(lambda: one.reading("temperature").quality == "stale", 5)
    assert wait_for(lambda: alarm in {(a["id"], a["state"]) for a in one.status()["alarms"]}, 10)
    one.ask("reset", who="ana")
    with pytest.raises(CommandError, match="cannot be trusted"):
        one.ask("mode", who="ana", mode="PID")
    one.start_ioc()
    assert wait_for(lambda: one.reading("temperature").quality == "good", 15)
    one.ask("mode", who="ana", mode="PID")


def test_the_iocs_watchdog_acts_without_the_station(loops):
    one = loops("pva")
    one.confirm()
    assert wait_for(lambda: one.reading("temperature").quality == "good", 5)
    one.ask("mode", who="ana", mode="MANUAL")
    one.ask("output", who="ana", name="heater", value=0.5)
    assert wait_for(lambda: one.reading("heater").value == 0.5, 5)
    subscriber = Subscriber(one.run.socket(DEVICE, "pub"), topics=("readings",))
    try:
        for child in one.children[::-1]:  # the station, which has no time to make it safe; then the device server
            child.kill()
            child.wait()
            time.sleep(0.1)
        for name in (DEVICE, STATION):
            one.run.forget(name)
        killed = time.monotonic()
        one.children = [processes.spawn(one.run, DEVICE, "matstudio.instruments.serve")]
        heater = []

        def off():
            heater.extend(r.value for _, m in subscriber.receive() for r in m["readings"] if r.name == "heater")
            return heater and heater[-1] == 0.0

        assert wait_for(off, 10)
        assert time.monotonic() - killed < 8.0
    finally:
        subscriber.close()


def test_images_come_without_a_gap(loops):
    one = loops("pva", image=40.0)
    client = CommandClient(one.run.socket(DEVICE, "cmd"))
    stream = client.request("describe")["description"].streams[0]
    client.close()
    assert stream.rate == 40.0
    ring = RingReader(Path(stream.ring))
    frames = []
    try:
        assert wait_for(lambda: frames.extend(iter(ring.next, None)) or len(frames) >= 120, 20)
    finally:
        ring.close()
    numbers = np.array([f.seq for f in frames])
    assert np.all(np.diff(numbers) == 1)
    assert all(f.data[0, 0] == f.seq & 0xFFFF for f in frames)
    assert frames[0].metadata["instrument"] == "Soft IOC T1:"
    assert {f.metadata["beam_blanked"] for f in frames} == {False}
    seconds = frames[-1].t_end - frames[0].t_end
    assert seconds == pytest.approx(119 / 40, rel=0.2)


def test_the_ioc_says_how_it_is_used():
    done = subprocess.run(
        [sys.executable, "-m", "matstudio.instruments.epics.ioc"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "PREFIX" in done.stderr
