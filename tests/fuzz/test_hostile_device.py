"""A device that publishes and answers anything: station, recorder, model host and window go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import mutate
import numpy as np
import psutil
import pytest
from test_messages import VALUES as LARGE

from matstudio.bus import wire
from matstudio.bus.messages import CommandServer, Publisher
from matstudio.bus.published import PUBLISHED
from matstudio.bus.rundir import DEVICE, Run
from matstudio.domain.device import Actuator, Description, Stream
from matstudio.domain.estimate import Estimate, MaterialState, Model, Quantity
from matstudio.domain.frame import Kind
from matstudio.domain.process import Limits, Mode, Quality, Reading
from matstudio.instruments.remote import RemoteDevice
from matstudio.modelhost.host import ModelHost
from matstudio.recording.process import Recorder
from matstudio.station.core import Station

VALUES = tuple("x" * 10_000 if isinstance(v, str) and len(v) > 10_000 else v for v in LARGE)
READINGS = {
    "t": 1.0,
    "readings": (Reading("temperature", 300.0, "K", 1.0), Reading("heater", 0.0, "1", 1.0, Quality.BAD)),
    "state": {"boot": "a", "late": {}, "errors": (), "furnace": {"gain_K": 650.0, "tau_s": 60.0}},
}
ORDER = {"order_parameter": Quantity(0.5, 0.1, "1")}
STATUS: dict[str, Any] = {
    "t": 1.0, "cycle": 1, "mode": "ADVISE", "master": "pid", "why": "w",
    "readings": {r.name: r for r in READINGS["readings"]},
    "limits": {"heater": Limits(0.0, 1.0)}, "setpoints": {"temperature": 500.0}, "outputs": {"heater": 0.1},
    "pid": {"setpoint": 1.0, "measured": 1.0, "p": 0.0, "i": 0.0, "d": 0.0, "output": 0.0, "saturated": False},
    "alarms": ({"id": "a", "text": "t", "priority": "high", "state": "UNACK", "t": 0.0},),
    "interlocks": ({"name": "n", "reason": "r"},), "device": {"name": "d", "kind": "twin", "state": "good", "age": 0.1},
    "clients": {"ana": 0.1}, "audit": {"n": 1, "hash": "0"},
}  # fmt: skip
RIGHT: dict[str, Any] = {
    "readings": READINGS,
    "status": STATUS,
    "event": {"n": 1, "t": 0.0, "wall": 0.0, "kind": "mode", "who": "x", "text": "t", "data": {"a": 1}, "hash": ""},
    "order": {"t": 0.0, "value": 0.3, "sigma": 0.01},
    "advice": {
        "policy": "policy", "controls": ("temperature",),
        "advice": {"t": 0.0, "setpoints": {"temperature": 600.0}, "why": "w", "trouble": "", "order": 0.3,
                   "sigma": 0.01, "kinetics": 1.0, "rejected": ""},
        "forecast": {"t": (0.0, 5.0), "S": ((0.1, 0.2, 0.3),) * 2, "T": ((1.0, 2.0, 3.0),) * 2,
                     "F": ((0.1, 0.2, 0.3),) * 2, "held": (0.1, 0.2), "ordered_s": (1.0, 2.0, 3.0),
                     "held_s": (1.0, 2.0, 3.0), "gain_meV": 1.0, "sure": 1.0},
    },
    "estimate": Estimate("image", 1, 0.0, Model("m", "1", "c"), ORDER, {"columns": np.zeros((3, 2))}),
    "state": MaterialState(0.0, ORDER, {}),
    "models": {"image": {"model": "b", "version": "1", "seconds": 0.1, "analysed": 1, "skipped": 0, "error": ""}},
    "recording": {
        "t": 0.0, "state": "recording", "path": "/x", "since": 0.0, "bytes": 1, "rate": 1.0, "free": 1,
        "hours_left": 1.0,
        "received": {"image": 1}, "dropped": {"image": 0}, "error": None,
    },
}  # fmt: skip
DESCRIPTION = Description(
    "d", "twin", (Stream("image", Kind.IMAGE, "/nowhere", 10.0, "t"),), {"temperature": ("K", 250.0, 1000.0)},
    (Actuator("heater", "1", Limits(0.0, 1.0), 0.0),), {"boot": "a", "furnace": {}},
)  # fmt: skip


def spoiled(value: Any) -> Iterator[bytes]:
    """A message with one value anywhere within it replaced by each of `VALUES`, as bytes."""
    import msgpack

    plain = msgpack.unpackb(wire.pack(value), strict_map_key=False, ext_hook=msgpack.ExtType)
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        pairs = (
            list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
        )
        for key, held in pairs:
            places.append((node, key))
            walk(held)

    walk(plain)
    for node, key in places:
        held = node[key]
        for other in VALUES:
            node[key] = other
            yield msgpack.packb(plain, default=wire._default)
        node[key] = held


def hostile(topic: str, random: np.random.Generator, n: int) -> Iterator[bytes]:
    """Wrong messages of a topic: every value in every place, then mutated bytes."""
    yield from spoiled(RIGHT[topic])
    right = wire.pack(RIGHT[topic])
    for _ in range(n):
        kind = mutate.BINARY[int(random.integers(len(mutate.BINARY)))]
        yield kind(right, random, right)
    for value in VALUES:
        yield wire.pack(value) if not isinstance(value, dict) else b"\xc0"


@pytest.fixture
def device(runtime):
    """A run whose device answers `describe` with whatever stands in `answer["description"]`, and a publisher."""
    run = Run.create("twin")
    answer: dict[str, Any] = {"description": DESCRIPTION}
    server = CommandServer(
        run.socket(DEVICE, "cmd"), DEVICE, {"describe": lambda: answer, "set": lambda setpoint: None}
    )
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            server.serve(0.02)

    thread = threading.Thread(target=serve)
    thread.start()
    publisher = Publisher(run.socket(DEVICE, "pub"))
    yield run, answer, publisher
    stop.set()
    thread.join()
    publisher.close()
    server.close()


def test_station_recorder_and_model_host_take_any_readings(device, long):
    run, _, publisher = device
    remote, recorder, host = RemoteDevice(run), Recorder(run), ModelHost(run)
    station = Station(remote, run.clock)
    random = np.random.default_rng(4)
    memory = psutil.Process().memory_info
    try:
        end = time.monotonic() + 20
        while "temperature" not in remote.readings() and time.monotonic() < end:
            publisher.send("readings", READINGS)
            station.cycle()
        before, longest = memory().rss, 0.0
        for i, body in enumerate(hostile("readings", random, 3000 if long else 100)):
            publisher._socket.send_multipart([b"readings", body])
            if i % 40 == 0:
                begun = time.monotonic()
                station.cycle()
                longest = max(longest, time.monotonic() - begun)
                station.watch()
                wire.unpack(wire.pack(station.status()))
                recorder.step()
                host.step()
        for i in range(600):  # names made up
            readings = (Reading(f"r{i}", 1.0, "K", 1.0),)
            publisher.send("readings", READINGS | {"readings": readings})
        time.sleep(0.2)
        for part in (station.cycle, recorder.step, host.step):
            part()
        assert station.mode is Mode.OFF
        assert len(station.status()["readings"]) <= 256
        assert len(host._readings) <= 256
        assert longest < 5
        assert memory().rss - before < 200e6
        publisher.send("readings", READINGS | {"readings": (Reading("temperature", 456.0, "K", 2.0),)})
        end = time.monotonic() + 5
        while station.status()["readings"]["temperature"].value != 456.0 and time.monotonic() < end:
            station.cycle()
        assert station.status()["readings"]["temperature"].value == 456.0
    finally:
        station.stop()
        for one in (remote, recorder, host):
            one.close()


def test_any_description(device):
    run, answer, publisher = device
    remote, host = RemoteDevice(run), ModelHost(run)
    station = Station(remote, run.clock)
    try:
        for boot, body in enumerate(spoiled(DESCRIPTION)):
            if boot % 5:  # each takes a question and an answer
                continue
            try:
                answer["description"] = wire.unpack(body)
            except wire.WireError:
                continue
            publisher.send("readings", READINGS | {"state": {"boot": str(boot)}})
            remote._asked_at = host._described = -1e9
            for _ in range(3):
                station.cycle()
                time.sleep(0.002)
            host.step()
        assert station.mode in Mode
    finally:
        station.stop()
        remote.close()
        host.close()


@pytest.mark.parametrize("topic", PUBLISHED)
def test_the_windows_presenters_take_what_a_subscriber_lets_through(runtime, topic):
    from matstudio.bus.published import problem
    from matstudio.ui.live import Live
    from matstudio.ui.present import advice, alarms, header, log, models, process, processes, status_line

    random, run = np.random.default_rng(6), Run.create("twin")
    through = 0
    for body in hostile(topic, random, 300):
        try:
            value = wire.unpack(body)
        except wire.WireError:
            continue
        if problem(topic, value):
            continue
        through += 1
        live = Live(run)
        for other, right in RIGHT.items():
            if other in ("status", "readings", "models", "recording", "state", "advice"):
                live.take(other, right)
        if topic == "event":
            log.entry(value)
            log.is_news(value, 1.0)
            continue
        live.take(topic, value)
        for present in (header.present, process.present, alarms.rows, advice.present):
            present(live)
        for key in ("temperature", "order_parameter", "free_energy"):
            advice.ahead(live, key)
        header.elapsed(live)
        models.model_line(live, "image")
        processes.states(live, ())
        status_line.bar(live, {}, None, "")
        status_line.replay(live)
    assert through > 5
