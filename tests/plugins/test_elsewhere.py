"""Hostile plugins in device, model host and readers' process; and one that brings a device and a reader."""

import threading
import time
from pathlib import Path

import pytest

from matstudio import plugins
from matstudio.bus import processes
from matstudio.bus.messages import CommandClient
from matstudio.bus.ring import RingReader
from matstudio.bus.rundir import DEVICE, Run
from matstudio.domain.device import Stream
from matstudio.instruments import frames
from matstudio.instruments.readers import guard
from matstudio.instruments.readers.files import open_file
from matstudio.instruments.readers.signal import ReaderError
from matstudio.instruments.serve import body
from matstudio.instruments.server import DeviceServer
from matstudio.instruments.twin.options import Options
from matstudio.instruments.twin.server import TwinSource
from matstudio.modelhost.host import ModelHost

HOSTILE = ("raises", "hangs", "exits", "floods")
SHELF = """name = "shelf"
version = "1"
api = 1
[[instrument]]
name = "shelf"
title = "Shelf"
source = "made_shelf:make"
[[reader]]
name = "shelf"
endings = ["shf"]
magic = "53484c46"
read = "made_shelf:read"
"""
MODULE = """
import numpy as np
from matstudio.domain.device import Description
from matstudio.domain.frame import Axis, Frame
from matstudio.instruments.readers.signal import Signal, pixels
from matstudio.instruments.server import Output

class Source:
    frames_module = ""
    def __init__(self, argument, clock):
        self.argument, self.clock = argument, clock
    def outputs(self):
        return (Output("image", "image", 20.0, self.argument, 64),)
    def describe(self, streams):
        return Description("Shelf " + self.argument, "real", streams, {}, (), {})
    def handlers(self): return {}
    def step(self, t): pass
    def readings(self): return ()
    def state(self): return {}
    def silent(self): return False
    def gone(self): return False
    def expose(self, stream, seq, t_start, t_end):
        axes = (Axis("y", "px", 1.0, 0.0, 4), Axis("x", "px", 1.0, 0.0, 4))
        data = np.full((4, 4), seq, np.uint16)
        return lambda: Frame(stream, "image", seq, data, axes, t_start, t_end, self.clock.id)

def make(argument, clock, options):
    if not argument:
        raise ValueError("which shelf?")
    return Source(argument, clock)

def read(path):
    data = np.frombuffer(path.read_bytes()[4:20], np.uint8).reshape(4, 4)
    return [Signal("from a shelf", "image", data, pixels((4, 4)), signal_dims=2)]
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_detector_takes_no_frame_of_the_others(put, monkeypatch, name):
    if name == "hangs":
        monkeypatch.setattr(frames, "START_S", 20.0)
    put(name)
    run = Run.create("test")
    server = DeviceServer(run, TwinSource(run.clock, Options()))
    image = RingReader(run.ring("image"))
    told = None

    def trouble():
        return [line for line in server._state()["errors"] if f"plugin {name}" in line]

    try:
        end = time.monotonic() + 120
        while time.monotonic() < end and not (image.written > 10 and (name == "floods" or trouble())):
            time.sleep(min(server.step(), 0.02))
        told = trouble()
        before = image.written
        while time.monotonic() < end and image.written < before + 5:
            time.sleep(min(server.step(), 0.02))
        assert image.written >= before + 5
        assert (told == []) is (name == "floods")
        server._source.configure({"rates": {name: 0.0}})
        server.step()
        assert server._frames[name]._child is None
    finally:
        image.close()
        server.close()
        run.remove()


@pytest.mark.parametrize(("name", "line"), [("raises", "no library of that name"), ("floods", "")])
def test_a_hostile_model_is_told_and_the_host_goes_on(put, name, line):
    put(name)
    run = Run.create("test")
    host = ModelHost(run)
    try:
        feed = host._first(Stream(name, name, str(run.ring(name)), 1.0, name))
        if line:
            with pytest.raises(ValueError, match=f"^baseline of plugin {name}: {line}[^\n]*$"):
                feed.model(None)
        else:
            assert feed.model.name == "flood"
        host._feeds[name] = feed
        host._use(name, "none")
        assert host.models()[name]["model"] == "none"
    finally:
        host.close()
        run.remove()


def test_a_stream_of_a_kind_that_no_plugin_brings_has_no_model():
    run = Run.create("test")
    host = ModelHost(run)
    try:
        feed = host._first(Stream("eds", "eds", str(run.ring("eds")), 1.0, "EDS"))
        with pytest.raises(ValueError, match="no plugin that is switched on has a model for eds"):
            feed.model(None)
    finally:
        host.close()
        run.remove()


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("raises", "plugin:raises: damaged (RuntimeError: no library of that name on this machine)"),
        ("hangs", "gave no answer within"),
        ("exits", "its reader failed: exit code 7"),
        ("floods", "the limit is"),
    ],
)
def test_a_hostile_reader_is_one_line(put, tmp_path, monkeypatch, name, line):
    monkeypatch.setattr(guard, "WALL_S", 6 if name == "hangs" else guard.WALL_S)
    put(name)
    path = tmp_path / f"file.{name}"
    path.write_bytes(b"\0\1\2\3")
    with pytest.raises(ReaderError) as refused:
        open_file(path)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_reader_of_a_plugin_opens_its_files(put, tmp_path):
    put("shelf", SHELF, MODULE)
    for name in ("a.shf", "a.bin"):
        path = tmp_path / name
        path.write_bytes(b"SHLF" + bytes(range(16)))
        (signal,) = open_file(path)
        assert signal.data.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]]
        assert (signal.kind, signal.reader) == ("image", "plugin shelf")


def test_a_device_of_a_plugin_is_served(put):
    put("shelf", SHELF, MODULE)
    run = Run.create("shelf:top")
    child = processes.spawn(run, DEVICE, "matstudio.instruments.serve")
    client = CommandClient(run.socket(DEVICE, "cmd"))
    try:
        assert processes.wait_for(lambda: run.ring("image").exists(), 30), run.log_path(DEVICE).read_text()
        description = client.request("describe", timeout=20)["description"]
        assert (description.name, description.kind) == ("Shelf top", "real")
        ring = RingReader(Path(description.streams[0].ring))
        assert processes.wait_for(lambda: ring.written > 2, 20)
        ring.close()
    finally:
        client.close()
        processes.stop(run)
        child.wait(10)
        run.remove()


def test_a_device_that_cannot_be_made_is_one_line(put):
    put("shelf", SHELF, MODULE)
    with pytest.raises(ValueError, match=r"^shelf of plugin shelf: ValueError: which shelf\?$"):
        body(Run.create("shelf"), threading.Event())
    with pytest.raises(ValueError, match="no instrument 'cupboard'"):
        body(Run.create("cupboard"), threading.Event())
    assert plugins.names("instrument") == ["shelf"]
