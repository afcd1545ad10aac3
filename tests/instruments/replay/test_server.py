"""A replay behind the device server: frames in the ring, readings, commands, and a bad file's one line."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

from matstudio.bus.messages import CommandClient, CommandError, Subscriber
from matstudio.bus.processes import wait_for
from matstudio.bus.ring import RingReader
from matstudio.bus.rundir import DEVICE, Run
from matstudio.instruments.replay.server import serve


@pytest.fixture
def served(tmp_path):
    stop, threads, clients = threading.Event(), [], []

    def start(path):
        run = Run.create(f"replay:{path}")
        thread = threading.Thread(target=serve, args=(run, stop), daemon=True)
        thread.start()
        threads.append(thread)
        client = CommandClient(run.socket(DEVICE, "cmd"))
        clients.append(client)
        return run, client

    yield start
    stop.set()
    for client in clients:
        client.close()
    for thread in threads:
        thread.join(5)


def test_frames_readings_and_commands(served, tmp_path):
    stack = np.stack([np.full((16, 16), i, np.uint16) for i in range(4)])
    np.save(tmp_path / "a.npy", stack)
    (tmp_path / "log.csv").write_text("time / s,temperature / C\n0,20\n1,21\n2,22\n3,23\n")
    run, client = served(f"{tmp_path / 'a.npy'}:{tmp_path / 'log.csv'}")
    told = client.request("describe", timeout=10)["description"]
    assert told.kind == "replay"
    assert told.readings["temperature"][0] == "K"
    listener = Subscriber(run.socket(DEVICE, "pub"), topics=("readings",))
    ring = RingReader(run.ring("image"))
    try:
        client.request("pause")
        client.request("seek", t=2.5)
        got = []
        assert wait_for(lambda: (f := ring.newest()) is not None and (got.append(f) or f.data[0, 0] == 2), 5)
        assert got[-1].metadata["instrument"] == "replay"
        assert got[-1].metadata["stage_temperature_K"] == pytest.approx(295.15)
        values = []

        def heard():
            for _, message in listener.receive(0.1):
                values.append((message["state"]["position"], message["readings"][0].value, message["state"]["playing"]))
            return bool(values) and values[-1] == (2.5, pytest.approx(295.15), False)

        assert wait_for(heard, 5)
        with pytest.raises(CommandError, match="seek"):
            client.request("seek", t=99.0)
        with pytest.raises(CommandError, match="speed"):
            client.request("speed", factor=1000.0)
        client.request("speed", factor=10.0)
        client.request("play")
        assert wait_for(lambda: (f := ring.newest()) is not None and f.data[0, 0] == 3, 5)
        assert wait_for(lambda: heard() or (values and values[-1][0] == 3.0 and not values[-1][2]), 5)
    finally:
        listener.close()
        ring.close()


def test_a_bad_file_is_one_line_and_exit_code_2(tmp_path):
    path = tmp_path / "a.dm3"
    path.write_bytes(b"")
    run = Run.create(f"replay:{path}")
    done = subprocess.run(
        [sys.executable, "-m", "matstudio.instruments.serve", str(run.path)], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1] == f"device: {path}: an empty file"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("speed", [0.1, 1.0, 10.0, 100.0])
def test_the_speed_is_kept(served, tmp_path, speed):
    """One frame a second as recorded: at 100 times that most are left out, and the clock is kept."""
    np.save(tmp_path / "a.npy", np.zeros((300, 64, 64), np.uint16))
    (tmp_path / "log.csv").write_text("time / s,temperature / C\n0,20\n300,21\n")
    run, client = served(f"{tmp_path / 'a.npy'}:{tmp_path / 'log.csv'}")
    client.request("describe", timeout=10)
    listener = Subscriber(run.socket(DEVICE, "pub"), topics=("readings",))
    try:
        client.request("seek", t=0.0)
        client.request("speed", factor=speed)
        told = []
        end = run.clock.now() + 1.2
        while run.clock.now() < end:
            told += [
                (m["t"], m["state"]["position"]) for _, m in listener.receive(0.05) if m["state"]["speed"] == speed
            ]
        assert len(told) >= 5
        (t0, p0), (t1, p1) = told[1], told[-1]
        assert t1 - t0 > 0.8
        assert (p1 - p0) / (t1 - t0) == pytest.approx(speed, rel=0.02)
    finally:
        listener.close()
