"""Wrong messages at the sockets of the run's processes: one line or nothing, and the next right one is answered."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import corpus
import msgpack
import mutate
import numpy as np
import psutil
import pytest
import zmq

from matstudio.bus import processes, wire
from matstudio.bus.messages import COMMANDS, CommandClient, CommandServer
from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, STATION, STUDIO, Run
from matstudio.domain.clock import SimClock
from matstudio.domain.process import Setpoint
from matstudio.instruments.replay.material import load_paths
from matstudio.instruments.replay.source import ReplaySource
from matstudio.instruments.server import DeviceServer
from matstudio.instruments.twin.local import LocalTwin
from matstudio.instruments.twin.options import Options
from matstudio.instruments.twin.server import TwinSource
from matstudio.modelhost.host import ModelHost
from matstudio.recording.process import Recorder
from matstudio.station.core import Station

DEEP: Any = 1
for _ in range(400):
    DEEP = [DEEP]
VALUES: tuple[Any, ...] = (
    None, "", "x" * 10**6, "\0", "a\nb", "../../x", "/dev/full", "temperature", "heater", "SAFE", float("nan"),
    float("inf"), -float("inf"), 1e308, 0, -1, 2**63 - 1, -(2**63), 2**64 - 1, True, b"\xff", [], {}, DEEP,
    [0.0] * 1000,
    {"a": DEEP}, {str(i): i for i in range(1000)}, {"seed": 1e308, "rates": {"image": -1}}, np.zeros((2, 2)),
    Setpoint("heater", float("nan"), "1", "pid", 0.0), Setpoint("heater", 1e300, "K", "x" * 5000, -1.0),
    {"!": "Setpoint", "name": 5, "value": "x", "unit": None, "source": [], "t": {}}, {"!": "Setpoint"}, {"!": "Path"},
)  # fmt: skip
RIGHT: dict[str, Any] = {
    "who": "ana", "role": "cli", "mode": "PID", "name": "temperature", "value": 500.0, "alarm": "safe", "text": "t",
    "why": "w", "setpoint": Setpoint("heater", 0.1, "1", "pid", 0.0), "t": 1.0, "options": {}, "kind": "frozen",
    "target": "heater", "on": False, "factor": 1.0, "frames": 1, "start": 0, "path": "/nowhere/x.nxs",
    "stream": "image", "model": "baseline", "bookmark": True, "minutes": 5, "reason": "r",
    "digest": "0" * 64, "allow": True,
    "action": "stop", "recipe": "x = 1", "amplitude": 0.1, "gain": 0.02, "ti": 20.0, "td": 1.0,
}  # fmt: skip

RIGHT_FAULT = {key: RIGHT[key] for key in ("kind", "target", "on")}


def request(name: Any, fields: Any, number: Any = 5) -> bytes:
    return msgpack.packb({"n": number, "c": name, "f": fields}, default=wire._default)


def wrong_messages(process: str, random: np.random.Generator, n: int) -> Iterator[bytes]:
    """Right requests to a process with something wrong in them, and bytes."""
    mine = [name for name, c in COMMANDS.items() if process in c.receivers]
    for name in mine:  # every value in every field
        fields = {k: RIGHT[k] for k in COMMANDS[name].fields}
        for key in fields:
            for value in VALUES:
                yield request(name, fields | {key: value})
            yield request(name, {k: v for k, v in fields.items() if k != key})
        yield request(name, fields | {"x" * 10_000: 1})
        yield request(name, fields | {"self": 1})
    good = [request(name, {k: RIGHT[k] for k in COMMANDS[name].fields}) for name in mine]
    for value in VALUES:
        yield request(value, {})
        yield request("ping", value)
        yield request("ping", {}, value)
        yield msgpack.packb(value, default=wire._default)
    yield wire.pack(np.zeros(3))
    yield wire.pack({"n": 1})
    yield b""
    yield b"\xdd\x00\x0f\xff\xff" * 200_000  # lists in lists that say that they are long
    yield b"\x80" * 10**6
    yield b"\xdd\x00\x0f\xff\xff" + b"\x80" * (2**20 - 1)  # a million maps
    yield b"\x91" * 10**6
    for _ in range(n):
        body = good[int(random.integers(len(good)))]
        kind = mutate.BINARY[int(random.integers(len(mutate.BINARY)))]
        yield kind(body, random, good[int(random.integers(len(good)))])
        yield random.bytes(int(random.integers(1, 200)))


class Target:
    """A process' commands without the process; `mode` says what a wrong one must not change."""

    def __init__(
        self, server: CommandServer, close: Callable[[], None], mode: Callable[[], Any] = lambda: None
    ) -> None:
        self.server, self.close, self.mode = server, close, mode


def station(run: Run, _: Any) -> Target:
    one = Station(LocalTwin(SimClock(), seed=1), SimClock())
    one.cycle()
    server = CommandServer(run.socket(STATION, "cmd"), STATION, one.handlers())
    return Target(server, server.close, lambda: (one.mode, dict(one._targets)))


def twin(run: Run, _: Any) -> Target:
    source = TwinSource(SimClock(), Options())
    device = DeviceServer(run, source)
    return Target(device._commands, device.close, lambda: (source.device.state()["faults"], source._options))


def replay(run: Run, folder: Any) -> Target:
    corpus.session(folder / "s.nxs", closed=True)
    material = load_paths([folder / "s.nxs"])
    device = DeviceServer(run, ReplaySource(material, run.clock.id))

    def close() -> None:
        device.close()
        material.close()

    return Target(device._commands, close, lambda: dict(device._source.state()))


def recorder(run: Run, _: Any) -> Target:
    one = Recorder(run)
    handlers = {"record": one.record, "stop_recording": one.stop_recording, "status": one.status}
    server = CommandServer(run.socket(RECORDER, "cmd"), RECORDER, handlers)

    def close() -> None:
        one.close()
        server.close()

    return Target(server, close, lambda: one.state)


def model_host(run: Run, _: Any) -> Target:
    host = ModelHost(run)
    return Target(host._server, host.close)


def studio(run: Run, _: Any) -> Target:
    server = CommandServer(run.socket(STUDIO, "cmd"), STUDIO, {"screenshot": lambda path: {"path": path}})
    return Target(server, server.close)


@pytest.mark.parametrize(
    ("process", "make"),
    [
        (STATION, station),
        (DEVICE, twin),
        (DEVICE, replay),
        (RECORDER, recorder),
        (MODELHOST, model_host),
        (STUDIO, studio),
    ],
    ids=["station", "twin", "replay", "recorder", "model host", "studio"],
)
def test_wrong_requests(runtime, tmp_path, long, process, make):
    run = Run.create("twin")
    target = make(run, tmp_path)
    random = np.random.default_rng(5)
    memory = psutil.Process().memory_info
    refused = done = 0
    longest = 0.0
    before = memory().rss
    try:
        for body in wrong_messages(process, random, 3000 if long else 60):
            was = target.mode()
            begun = time.perf_counter()
            answer = target.server._answer(body)
            longest = max(longest, time.perf_counter() - begun)
            told = wire.unpack(answer) if answer is not None else {"ok": True}
            if told["ok"]:
                done += 1
                continue
            refused += 1
            assert 0 < len(told["error"]) <= 500
            assert "\n" not in told["error"]
            assert target.mode() == was, body[:200]
        target.server._answer(request("fault", RIGHT_FAULT))  # a fault may rightly have been asked for
        begun = time.perf_counter()
        assert wire.unpack(target.server._answer(request("ping", {})))["ok"]
        assert time.perf_counter() - begun < 0.1
    finally:
        target.close()
    assert refused > 100
    assert longest < 5
    assert memory().rss - before < 300e6


@pytest.fixture
def twin_process(runtime):
    run = Run.create("twin")
    child = processes.spawn(run, DEVICE, "matstudio.instruments.serve")
    client = CommandClient(run.socket(DEVICE, "cmd"))
    client.request("ping", timeout=60)
    yield run, child, client
    client.close()
    processes.stop(run)
    child.wait()
    run.remove()


def test_bytes_and_parts_at_a_living_socket(twin_process):
    """What is no ZeroMQ, what is no request, and what announces 100 MB: the process goes on and stays as it is."""
    run, child, client = twin_process
    endpoint = run.socket(DEVICE, "cmd")
    random = np.random.default_rng(2)
    before = psutil.Process(child.pid).memory_info().rss
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + b"\x00" + bytes(31)
    ready = b"\x04\x26\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER\x08Identity\x00\x00\x00\x00"
    frames = (
        random.bytes(5000),
        b"",
        greeting[:30],
        greeting + random.bytes(300),
        greeting + ready + b"\x02" + (10**8).to_bytes(8, "big") + bytes(1000),  # a long frame of 100 MB to come
        greeting + ready + b"\x03" + (2**63 - 1).to_bytes(8, "big"),
        greeting + ready + b"\x04\x05\x04PINGx",
        b"GET / HTTP/1.1\r\n\r\n",
    )
    with socket.socket(socket.AF_UNIX) as idle:  # connects and says nothing
        idle.connect(endpoint.removeprefix("ipc://"))
        for body in frames * 5:
            with socket.socket(socket.AF_UNIX) as raw:
                raw.connect(endpoint.removeprefix("ipc://"))
                raw.settimeout(2)
                try:
                    raw.sendall(body)
                    raw.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
        stranger = zmq.Context.instance().socket(zmq.DEALER)
        stranger.setsockopt(zmq.LINGER, 0)
        stranger.connect(endpoint)
        try:
            for _ in range(50):
                stranger.send_multipart([random.bytes(20)] * int(random.integers(1, 2000)))
                stranger.send(random.bytes(1000))
            stranger.send(request("set", {"setpoint": Setpoint("heater", float("nan"), "1", "pid", 0.0)}))
            stranger.send(request("safe", {}))
            stranger.send(bytes(5 * 10**6))  # too long: the connection ends
            waits = []
            for _ in range(20):
                begun = time.monotonic()
                client.request("ping", timeout=10)
                waits.append(time.monotonic() - begun)
        finally:
            stranger.close()
    assert sorted(waits)[10] < 0.1
    assert child.poll() is None
    assert psutil.Process(child.pid).memory_info().rss - before < 100e6
    description = client.request("describe")["description"]
    assert description.kind == "twin"
    assert os.path.exists(endpoint.removeprefix("ipc://"))
