"""A station from another computer: with a key, without one, with another's."""

import time

import pytest
import zmq

from matstudio.bus import keys, processes
from matstudio.bus.messages import CommandClient, CommandError, NoAnswer, Subscriber
from matstudio.bus.processes import wait_for
from matstudio.bus.rundir import DEVICE, GATEWAY, STATION, Run
from matstudio.station.gateway import port_of, published


@pytest.fixture
def far():
    """A run of the twin without frames that listens; closed with the test."""
    made, clients = [], []
    key = keys.make("ben")
    with zmq.Context() as context, context.socket(zmq.ROUTER) as probe:
        port = probe.bind_to_random_port("tcp://127.0.0.1", 20000, 40000)
    run = Run.create(
        "twin", {"listen": f"tcp://127.0.0.1:{port}", "rates": {"image": 0.0, "diffraction": 0.0, "spectrum": 0.0}}
    )
    modules = {
        DEVICE: "matstudio.instruments.serve",
        STATION: "matstudio.station",
        GATEWAY: "matstudio.station.gateway",
    }
    for name, module in modules.items():
        made.append(processes.spawn(run, name, module))

    def client(secure=None, local=False):
        one = CommandClient(run.socket(STATION, "cmd")) if local else CommandClient(run.options["listen"], secure)
        clients.append(one)
        return one

    yield run, key, client
    for one in clients:
        one.close()
    processes.stop(run)
    for child in made:
        child.wait()
    run.remove()


def good(client):
    """Whether the station has its device."""
    try:
        return client.request("status", timeout=1.0)["device"]["state"] == "good"
    except NoAnswer:
        return False


def test_who_has_a_key_sees_all_and_drives_only_where_a_person_here_allows_it(far):
    _run, key, client = far
    here, there = client(local=True), client(keys.client(key))
    assert wait_for(lambda: good(here), 20)
    assert wait_for(lambda: good(there), 10)
    assert there.request("describe")["description"].streams == ()
    assert there.request("hello", who="eve", role="studio") == {"mode": "OFF", "allowed": False}
    assert not any("ben" in who for who in here.request("status")["clients"])
    for command, fields in (
        ("mode", {"mode": "PID"}),
        ("setpoint", {"name": "temperature", "value": 400.0}),
        ("take_over", {}),
        ("output", {"name": "heater", "value": 1.0}),
        ("beam", {"on": False}),
        ("reset", {}),
    ):
        with pytest.raises(CommandError, match="not allowed from another computer"):
            there.request(command, who="eve", **fields)
    with pytest.raises(CommandError, match="not taken from another computer"):
        there.request("remote", who="eve", allow=True)
    with pytest.raises(CommandError, match="not taken from another computer"):
        there.request("confirm", who="eve", digest="x")
    here.request("remote", who="ana", allow=True)
    assert wait_for(lambda: there.request("hello", who="eve", role="studio").get("allowed") is not False, 5)
    there.request("mode", who="eve", mode="PID")
    there.request("setpoint", who="eve", name="temperature", value=400.0)
    status = here.request("status")
    assert (status["mode"], status["setpoints"]["temperature"]) == ("PID", 400.0)
    assert "eve@ben" in status["clients"]
    there.request("take_over", who="eve")
    assert here.request("status")["why"] == "taken over by eve@ben"
    here.request("remote", who="ana", allow=False)
    assert wait_for(lambda: refused(there), 5)
    begun = time.monotonic()
    there.request("halt", who="eve")
    assert time.monotonic() - begun < 1.0
    assert here.request("status")["mode"] == "SAFE"


WANTED = {"status", "readings"}


def test_a_relay_stands_for_it_in_a_run_here(far):
    run, key, client = far
    here = client(local=True)
    assert wait_for(lambda: good(here), 20)
    other = Run.create(run.options["listen"], {"key": str(key)})
    relay = processes.spawn(other, STATION, "matstudio.station.relay")
    window, device = (CommandClient(other.socket(name, "cmd")) for name in (STATION, DEVICE))
    subscriber = Subscriber(other.socket(STATION, "pub"))
    try:
        assert wait_for(lambda: good(window), 10)
        assert device.request("describe")["description"].kind == "twin"
        topics: set[str] = set()
        assert wait_for(lambda: topics.update(t for t, _ in subscriber.receive(0.3)) or topics >= WANTED, 10)
        window.request("halt", who="eve")
        assert here.request("status")["why"] == "HALT by eve@ben"
    finally:
        for one in (window, device, subscriber):
            one.close()
        processes.stop(other)
        relay.wait()
        other.remove()


def refused(there):
    try:
        there.request("take_over", who="eve")
    except CommandError:
        return True
    return False


def test_without_a_key_or_with_another_nothing_is_answered(far, tmp_path, monkeypatch):
    run, key, client = far
    here = client(local=True)
    assert wait_for(lambda: good(here), 20)
    assert wait_for(lambda: good(client(keys.client(key))), 10)  # it listens
    secure = keys.client(key)

    def another(socket):
        secure(socket)
        socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()

    for stranger in (client(lambda socket: None), client(another)):
        for command in ("status", "halt"):
            with pytest.raises(NoAnswer):
                stranger.request(command, timeout=0.7, **({"who": "eve"} if command == "halt" else {}))
    assert here.request("status")["mode"] == "OFF"
    spies = [Subscriber(published(run.options["listen"]), secure=s) for s in (lambda socket: None, another)]
    friend = Subscriber(published(run.options["listen"]), topics=("status",), secure=secure)
    try:
        assert wait_for(lambda: friend.receive(0.1), 5)
        assert not any(spy.receive(0.3) for spy in spies)
    finally:
        for one in (*spies, friend):
            one.close()


def test_the_keys_are_nobody_elses(runtime):
    path = keys.make("ben")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(keys.BadKey, match="there are keys of that name"):
        keys.make("ben")
    for name in ("", "../x", "a b", "station.json"):
        with pytest.raises(keys.BadKey):
            keys.make(name) if name != "station.json" else keys.client(path.parent / name)
    keys.make("eva")
    assert set(keys.clients()) == {"ben", "eva"}
    with pytest.raises(keys.BadKey, match="2 files"):
        keys.client()


def test_addresses():
    assert port_of("tcp://127.0.0.1:5600") == 5600
    assert published("tcp://[::1]:5600") == "tcp://[::1]:5601"
    for wrong in ("tcp://:5600", "5600", "tcp://h:65535", "tcp://h:x", "ipc://x:1"):
        with pytest.raises(ValueError, match="not tcp://HOST:PORT"):
            port_of(wrong)


def test_without_keys_it_says_so(runtime):
    run = Run.create("twin", {"listen": "tcp://127.0.0.1:5600"})
    child = processes.spawn(run, GATEWAY, "matstudio.station.gateway")
    assert child.wait(20) == 2
    assert run.log_path(GATEWAY).read_text() == "gateway: there are no keys yet: matstudio keys NAME makes them\n"
    run.remove()
