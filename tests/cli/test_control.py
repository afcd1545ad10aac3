"""HALT from a shell, on runs whose processes are not as they should be."""

import os
import threading
import time

import pytest

from matstudio.bus.messages import CommandError, CommandServer
from matstudio.bus.rundir import DEVICE, STATION, Run
from matstudio.cli.main import main


class Fakes:
    """Command servers in one thread; `heard` has what each handler was called with."""

    def __init__(self):
        self.heard = []
        self._servers = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def add(self, run, process, name, refusal=""):
        def handle(**fields):
            self.heard.append((run.id, process, name))
            if refusal:
                raise CommandError(refusal)

        self._servers.append(CommandServer(run.socket(process, "cmd"), process, {name: handle}))

    def _serve(self):
        while not self._stop.is_set():
            for server in self._servers:
                server.serve(0.01)
        for server in self._servers:
            server.close()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def a_run(*processes):
    run = Run.create("twin")
    for process in processes:
        run.register(process, os.getpid())
    return run


def test_halt_goes_to_the_device_where_the_station_is_dead_or_hangs(capsys):
    dead, hangs = a_run(DEVICE), a_run(STATION, DEVICE)
    fakes = Fakes()
    for run in (dead, hangs):
        fakes.add(run, DEVICE, "safe")
    with fakes:
        begun = time.monotonic()
        assert main(["halt"]) == 0
        assert time.monotonic() - begun < 3.0  # measured 0.55 s: 0.5 s for the station that hangs
    assert {run for run, *_ in fakes.heard} == {dead.id, hangs.id}
    assert capsys.readouterr().out.count("the device itself was made safe") == 2


def test_halt_tells_what_failed_and_halts_the_others(capsys):
    good, refuses, silent = a_run(STATION), a_run(STATION), a_run(DEVICE)
    fakes = Fakes()
    fakes.add(good, STATION, "halt")
    fakes.add(refuses, STATION, "halt", "something\nbroke")
    with fakes:
        assert main(["halt"]) == 3
    assert (good.id, STATION, "halt") in fakes.heard
    said = capsys.readouterr()
    assert said.out == f"run {good.id}: SAFE, latched until a person resets it\n"
    assert f"run {refuses.id}: something broke" in said.err
    assert f"run {silent.id}: neither the station nor the device answers" in said.err
    assert len(said.err.splitlines()) == 1


def test_an_account_without_a_name_can_halt(monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    pwd = pytest.importorskip("pwd")

    def nobody(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    run = a_run(STATION)
    fakes = Fakes()
    fakes.add(run, STATION, "halt")
    with fakes:
        assert main(["halt"]) == 0


def test_a_closed_terminal_does_not_end_the_run(monkeypatch):
    from matstudio.cli.supervise import Supervisor

    class Closed:
        def write(self, _):
            raise BrokenPipeError

        flush = None

    monkeypatch.setattr("sys.stderr", Closed())
    Supervisor._say("modelhost ended with -9 and is started again")
