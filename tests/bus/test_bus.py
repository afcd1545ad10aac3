import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import msgpack
import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matstudio.bus import processes, wire
from matstudio.bus.messages import CommandClient, CommandError, CommandServer, NoAnswer, Publisher, Subscriber, check
from matstudio.bus.ring import JoinedRing, RingError, RingReader, RingWriter
from matstudio.bus.rundir import Run, current_run, reap, runs
from matstudio.domain.estimate import Estimate, Model, Quantity
from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.domain.process import Quality, Reading


def frame(seq: int, n: int = 8) -> Frame:
    axes = (Axis("y", "Å", 0.1, 0.0, n), Axis("x", "Å", 0.1, 0.0, n))
    return Frame(
        "image", Kind.IMAGE, seq, np.full((n, n), seq, np.uint16), axes, seq * 0.1, seq * 0.1 + 0.1, "c", {"a": 1}
    )


def test_wire_returns_the_same_values():
    reading = Reading("temperature", float("nan"), "K", 1.5, Quality.BAD)
    back = wire.unpack(wire.pack(reading))
    assert back.quality is Quality.BAD
    assert np.isnan(back.value)
    estimate = Estimate(
        "image",
        3,
        1.0,
        Model("m", "1", "c"),
        {"order_parameter": Quantity(0.5, 0.1, "1")},
        {"columns": np.arange(6.0).reshape(3, 2)},
    )
    back = wire.unpack(wire.pack(estimate))
    assert back.quantities == estimate.quantities
    np.testing.assert_array_equal(back.arrays["columns"], estimate.arrays["columns"])


@given(st.binary(max_size=300))
def test_wire_takes_or_refuses_any_bytes(data):
    try:
        wire.unpack(data)
    except wire.WireError as error:
        if "\n" in str(error):
            pytest.fail(f"not one line: {error}")


def test_wire_builds_nothing_unknown():
    import msgpack

    with pytest.raises(wire.WireError, match="unknown value 'Path'"):
        wire.unpack(msgpack.packb({"!": "Path", "x": 1}))


@pytest.mark.parametrize("dtype", [",", "O", "(2,)f8", "f8,,", "U99999999", "", {}, 5])
def test_wire_reads_no_dtype_but_plain_numbers(dtype):
    """numpy evaluates parts of other dtypes, and raises a SyntaxError for some."""
    array = msgpack.ExtType(1, msgpack.packb((dtype, (1,))) + bytes(8))
    with pytest.raises(wire.WireError):
        wire.unpack(msgpack.packb({"x": array}))


def test_ring_newest_and_in_order(tmp_path):
    writer = RingWriter(tmp_path / "r.ring", 128, slots=4)
    assert os.stat(tmp_path / "r.ring").st_mode & 0o777 == 0o600
    newest, ordered = RingReader(writer.path), RingReader(writer.path)
    assert newest.newest() is None
    for seq in range(3):
        writer.write(frame(seq))
    got = newest.newest()
    assert (got.seq, got.data[0, 0], got.kind, got.metadata) == (2, 2, Kind.IMAGE, {"a": 1})
    assert newest.missed == 2
    assert [ordered.next().seq for _ in range(3)] == [0, 1, 2]
    assert ordered.next() is None
    for seq in range(3, 20):
        writer.write(frame(seq))
    seen = []
    while (f := ordered.next()) is not None:
        seen.append(f.seq)
    assert seen[-1] == 19
    assert ordered.missed + 3 + len(seen) == 20
    with pytest.raises(RingError, match="do not fit"):
        writer.write(frame(20, n=512))
    assert not newest.replaced()
    writer.close()
    assert newest.replaced()
    newest.close()
    ordered.close()


def test_a_ring_that_another_joins_goes_on_where_the_last_was_stopped(tmp_path):
    made = RingWriter(tmp_path / "r.ring", 8 * 8 * 2, slots=4)
    reader = RingReader(made.path)
    first = JoinedRing(made.path)
    for seq in range(6):
        first.write(frame(seq))
    first._words[(4096 + 2 * first._slot) // 8] = 7  # stopped in the midst of the seventh
    first.close()
    assert [reader.next().seq for _ in range(3)] == [3, 4, 5]
    second = JoinedRing(made.path)
    second.write(frame(8))
    assert (reader.next().seq, reader.next()) == (8, None)
    assert (reader.written, reader.damaged) == (7, "")
    second.close()
    assert not reader.replaced()
    reader.close()
    made.close()
    assert not made.path.exists()


def test_ring_reader_never_returns_a_torn_frame(tmp_path):
    writer = RingWriter(tmp_path / "r.ring", 2 * 64 * 64, slots=3)
    reader = RingReader(writer.path)
    stop = threading.Event()

    def write():
        seq = 0
        while not stop.is_set():
            writer.write(frame(seq % 60000, 64))
            seq += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        seen = 0
        while seen < 300:
            got = reader.newest()
            if got is not None:
                assert (got.data == got.seq).all()
                seen += 1
    finally:
        stop.set()
        thread.join()
        reader.close()
        writer.close()


def test_ring_refuses_another_file(tmp_path):
    path = tmp_path / "x.ring"
    path.write_bytes(b"not a ring" * 1000)
    with pytest.raises(RingError, match="not a ring"):
        RingReader(path)


def test_commands(runtime):
    run = Run.create("twin")
    halted = []
    server = CommandServer(run.socket("station", "cmd"), "station", {"halt": lambda who, why="": halted.append(who)})
    stop = threading.Event()

    def serve():
        while not stop.is_set():
            server.serve(0.02)

    thread = threading.Thread(target=serve)
    thread.start()
    client = CommandClient(run.socket("station", "cmd"))
    try:
        assert client.request("halt", who="test") == {}
        assert halted == ["test"]
        with pytest.raises(CommandError, match="field 'who' is missing"):
            client.request("halt")
        with pytest.raises(CommandError, match="knows no command"):
            client.request("describe")
    finally:
        stop.set()
        thread.join()
        server.close()
    with pytest.raises(NoAnswer):
        client.request("ping", timeout=0.1)
    client.close()


def test_no_command_ends_its_receiver(runtime):
    run = Run.create("twin")

    def mode(who, mode):
        raise {"a": KeyError, "b": TypeError, "c": AttributeError}.get(mode, RuntimeError)("x" * 10_000)

    server = CommandServer(run.socket("station", "cmd"), "station", {"mode": mode, "status": lambda: {"x": object()}})
    client = CommandClient(run.socket("station", "cmd"))
    stop = threading.Event()
    died = []

    def serve():
        try:
            while not stop.is_set():
                server.serve(0.02)
        except Exception as error:  # noqa: BLE001
            died.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        for mode_ in "abc":
            with pytest.raises(CommandError, match=r"^mode: \w+Error: .{,500}$"):
                client.request("mode", who="ana", mode=mode_)
        with pytest.raises(CommandError, match="cannot be sent: object"):
            client.request("status")
        for who in ("x" * 101, "x" * 10**6):
            with pytest.raises(CommandError, match=r"^mode: field 'who' has \d+ characters, more than 100$"):
                client.request("mode", who=who, mode="PID")
        assert client.request("ping") == {}
    finally:
        stop.set()
        thread.join()
        client.close()
        server.close()
    assert died == []


def test_no_command_waits_for_a_process_that_comes_later(runtime):
    run = Run.create("twin")
    client = CommandClient(run.socket("station", "cmd"))
    heard = []
    with pytest.raises(NoAnswer):
        client.request("mode", who="test", mode="PID", timeout=0.1)
    with pytest.raises(NoAnswer):
        client.send("mode", who="test", mode="PID")
    server = CommandServer(run.socket("station", "cmd"), "station", {"mode": lambda who, mode: heard.append(mode)})
    for _ in range(20):
        server.serve(0.02)
    assert heard == []
    client.close()
    server.close()


def test_check_names_the_field():
    assert check("station", "mode", {"who": "a", "mode": 3}) == "mode: field 'mode' is int"
    assert check("station", "setpoint", {"who": "a", "name": "temperature", "value": True}) is not None


def test_publish(runtime):
    run = Run.create("twin")
    publisher = Publisher(run.socket("device", "pub"))
    subscriber = Subscriber(run.socket("device", "pub"))
    got = []
    for _ in range(100):
        publisher.send("readings", {"t": "now", "readings": (), "state": {}})
        publisher.send("readings", {"t": 1.0, "readings": (), "state": {}})
        got += subscriber.receive(0.05)
        if got:
            break
    assert got[0] == ("readings", {"t": 1.0, "readings": (), "state": {}})
    subscriber.close()
    publisher.close()


def test_run_directory(runtime):
    run = Run.create("twin", {"seed": 1}, speed=2.0)
    assert current_run() is None
    run.register("station")
    assert current_run().id == run.id
    assert Run.open(run.path) == run
    assert run.alive() == ["station"]
    run.forget("station")
    assert run.alive() == []
    assert reap() == []  # too young
    run.remove()
    assert not run.path.exists()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "5",
        "null",
        '{"clock": 5}',
        '{"clock": {"id": "x", "origin": "a", "speed": 1, "epoch": 1}}',
        "\xff",
    ],
)
def test_damaged_run_directories_are_passed_over_and_reaped(runtime, body):
    good = Run.create("twin")
    good.register("station")
    damaged = runtime / "run-00000000"
    damaged.mkdir()
    (damaged / "run.json").write_bytes(body.encode("latin-1"))
    assert [run.id for run in runs()] == [good.id]
    assert current_run() is not None
    old = time.time() - 60
    os.utime(damaged, (old, old))
    reap()
    assert not damaged.exists()
    for note in ("[]", "5", '{"pid": "x", "create_time": 1}', '{"pid": -1, "create_time": 1}', "{", '{"pid": 1}'):
        (good.path / "pids" / "station.json").write_text(note)
        assert good.process("station") is None
    os.utime(good.path, (old, old))
    assert reap() == [good.id]


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="rings lie in the run directory")
def test_rings_of_vanished_runs_are_reaped(runtime):
    lost = Run.create("twin")
    dead = lost.ring("image")
    dead.write_bytes(b"x")
    live = RingWriter(lost.ring("spectrum"), 100)
    shutil.rmtree(lost.path)
    try:
        old = time.time() - 60
        for path in (dead, live.path):
            os.utime(path, (old, old))
        reap()
        assert not dead.exists()
        assert live.path.exists()
    finally:
        live.close()


def child(run: Run, name: str, code: str) -> subprocess.Popen[bytes]:
    """A process of the run that has said that it is ready."""
    started = subprocess.Popen([sys.executable, "-c", code, str(run.path)], stdout=subprocess.PIPE)
    run.register(name, started.pid)
    assert started.stdout.readline() == b"ready\n"
    started.stdout.close()
    return started


def test_a_stopped_process_is_woken_to_end_in_order(runtime):
    run = Run.create("twin")
    end = run.path / "ended in order"
    code = f"""
import pathlib, signal, time
end = pathlib.Path({str(end)!r})
signal.signal(15, lambda *_: end.touch())
print("ready", flush=True)
while not end.exists():
    time.sleep(0.02)
"""
    frozen = child(run, "station", code)
    os.kill(frozen.pid, signal.SIGSTOP)
    begun = time.monotonic()
    assert processes.stop(run, wait_s=20) == []
    assert time.monotonic() - begun < 10  # measured 0.02 s
    assert end.exists()
    frozen.wait(5)


def test_a_process_that_has_to_be_killed_has_ended_when_stop_returns(runtime):
    run = Run.create("twin")
    code = "import signal; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
    deaf = child(run, "station", code)
    threading.Thread(target=deaf.wait).start()
    assert processes.stop(run, wait_s=0.3) == ["station"]
    assert not psutil.pid_exists(deaf.pid) or psutil.Process(deaf.pid).status() == psutil.STATUS_ZOMBIE


def test_processes_of_a_headless_run_end_without_their_launcher(runtime):
    run = Run.create("twin", headless=True)
    code = """
import sys
from matstudio.bus import processes
processes._LOOK_S, processes._GONE_S = 0.1, 1.0
def body(run, stop):
    print("ready", flush=True)
    stop.wait()
sys.exit(processes.main("device", body))
"""
    launcher = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    run.register("launcher", launcher.pid)
    device = child(run, "device", code)
    with pytest.raises(subprocess.TimeoutExpired):
        device.wait(2.0)
    launcher.kill()
    launcher.wait()
    assert device.wait(15) == 0  # measured 1.2 s
