"""A run as a user starts it, with what it says heard from outside."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from matstudio.bus import processes
from matstudio.bus.messages import CommandClient, NoAnswer, Subscriber
from matstudio.bus.ring import RingReader
from matstudio.bus.rundir import DEVICE, LAUNCHER, MODELHOST, RECORDER, STATION, STUDIO, Run, current_run

HERE = Path(__file__).parent
PATIENCE_S = 60.0
"""For what has no limit of its own: a busy machine starts a process in ten seconds."""


class Loop:
    """`matstudio run ARGUMENTS`; a window comes with it unless it is `--headless`.

    Args:
        arguments: of the command.
        modules: processes that are run from another module than their own, one of this folder.
        deadline: seconds of silence after which the model host is killed, where they are not the usual ones.
    """

    def __init__(self, *arguments: str, modules: dict[str, str] | None = None, deadline: float | None = None) -> None:
        code = f"import sys; from matstudio.cli import main, supervise; supervise.MODULES.update({modules or {}!r}); "
        code += f"supervise.DEADLINE_S['modelhost'] = {deadline}; " if deadline else ""
        code += "sys.exit(main.main(sys.argv[1:]))"
        env = os.environ | {"PYTHONPATH": str(HERE)}
        self.launcher = subprocess.Popen(
            [sys.executable, "-c", code, "run", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
        )
        self.run: Run | None = None
        self.pids: dict[str, int] = {}
        self.last: dict[str, dict] = {}
        self.cycles: list[tuple[float, int]] = []
        """(run time, number of the cycle) of every status of the station."""
        self.rings: dict[str, RingReader] = {}
        self._clients: dict[str, CommandClient] = {}
        self._heard: Subscriber | None = None

    def attach(self, *, headless: bool) -> None:
        """Wait until every process is there and the station hears its device."""
        expected = {DEVICE, STATION, MODELHOST, RECORDER, LAUNCHER} | (set() if headless else {STUDIO})
        assert processes.wait_for(lambda: current_run() is not None, PATIENCE_S), self.launcher.poll()
        self.run = current_run()
        assert processes.wait_for(lambda: expected <= set(self.run.alive()), PATIENCE_S), self.logs()
        self.pids = {name: self.run.process(name).pid for name in self.run.alive()}
        self._heard = Subscriber(*(self.run.socket(p, "pub") for p in (DEVICE, STATION, MODELHOST, RECORDER)))
        assert self.wait(lambda: self.status("device", {}).get("state") == "good"), self.logs()

    # ---- looking

    def hear(self, seconds: float = 0.0) -> None:
        """Take in what the processes publish, for up to `seconds`."""
        end = time.monotonic() + seconds
        while True:
            for topic, value in self._heard.receive(max(0.0, end - time.monotonic())):
                self.last[topic] = value
                if topic == "status":
                    self.cycles.append((value["t"], value["cycle"]))
            if time.monotonic() >= end:
                return

    def wait(self, condition, seconds: float = PATIENCE_S) -> bool:
        """Hear and look until `condition` holds."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            self.hear(0.02)
        return True

    def status(self, key: str, default=None):
        """A part of the station's newest status."""
        return self.last.get("status", {}).get(key, default)

    def mode(self) -> str:
        return str(self.status("mode", ""))

    def analysing(self) -> bool:
        """Whether every stream's model has read a frame."""
        models = self.last.get("models", {})
        return bool(models) and all(m["analysed"] for m in models.values())

    def alarms(self) -> set[str]:
        return {alarm["id"] for alarm in self.status("alarms", ())}

    def heater(self) -> float:
        """As the twin itself tells it, not the station."""
        return next(r.value for r in self.last["readings"]["readings"] if r.name == "heater")

    def locked(self) -> str:
        """Why the twin's own watchdog keeps the heater off, or ""."""
        return self.last["readings"]["state"]["locked"]

    def audit(self, kind: str = "") -> list[str]:
        """The texts of the audit log."""
        with contextlib.suppress(OSError):
            lines = [json.loads(line) for line in self.run.audit_path.read_text().splitlines()]
            return [e["text"] for e in lines if kind in ("", e["kind"])]
        return []

    def told(self, text: str, seconds: float = PATIENCE_S) -> bool:
        """Whether a process event with this text is, or soon comes, into the audit log."""
        return self.wait(lambda: any(text in line for line in self.audit("process")), seconds)

    def written(self) -> dict[str, int]:
        """Frames that the device has written, by stream."""
        for path in self.run.rings():
            self.rings.setdefault(path.name, RingReader(path))
        return {name: ring.written for name, ring in self.rings.items()}

    def window(self) -> dict:
        """What the window shows, or {} where none answers."""
        try:
            return self.ask(STUDIO, "status", timeout=1.0)
        except NoAnswer:
            return {}

    def recording(self) -> str:
        """The name of the file that is being written, or ""."""
        path = Path(self.last.get("recording", {}).get("path") or "")
        return path.name if path.is_file() else ""

    def logs(self) -> str:
        return "\n".join(p.read_text() for p in sorted((self.run.path / "logs").glob("*.log")))

    # ---- doing

    def ask(self, process: str, command: str, **fields):
        if process not in self._clients:
            self._clients[process] = CommandClient(self.run.socket(process, "cmd"))
        try:
            return self._clients[process].request(command, **fields)
        except NoAnswer:
            self._clients.pop(process).close()
            raise

    def heat(self) -> None:
        """PID to 600 K, until the heater is on."""
        self.ask(STATION, "mode", who="ana", mode="PID")
        self.ask(STATION, "setpoint", who="ana", name="temperature", value=600)
        assert self.wait(lambda: self.heater() > 0.1, 10), self.status("why")

    def reset(self) -> None:
        """From SAFE to OFF, with a device and a sensor that are good again, and every alarm acknowledged."""
        gone = {"sensor.temperature", "device"}
        states = lambda: {a["id"] for a in self.status("alarms") if not a["state"].startswith(("RTN", "LATCH"))}  # noqa: E731
        assert self.wait(lambda: not gone & states(), 10), self.alarms()
        self.ask(STATION, "reset", who="ana")
        for alarm in self.ask(STATION, "status")["alarms"]:
            self.ask(STATION, "acknowledge", who="ana", alarm=alarm["id"])
        assert self.wait(lambda: self.mode() == "OFF" and not self.alarms(), 10), self.alarms()

    def pid(self, process: str) -> int:
        found = self.run.process(process)
        return 0 if found is None else found.pid

    def signal(self, process: str, number: int) -> int:
        """Send a signal to a process of the run; its pid."""
        pid = self.pid(process)
        assert pid, f"no {process}"
        os.kill(pid, number)
        return pid

    def kill(self, process: str) -> float:
        """kill -9; when."""
        pid = self.signal(process, signal.SIGKILL)
        now = time.monotonic()
        assert processes.wait_for(lambda: self.pid(process) != pid, 5)
        return now

    def back(self, process: str, old: int) -> bool:
        """Whether the process comes up again under another pid."""
        return self.wait(lambda: self.pid(process) not in (0, old))

    def end(self, seconds: float = PATIENCE_S) -> tuple[int, str, str]:
        """Wait for the launcher's end; its exit code and what it said."""
        out, err = self.launcher.communicate(timeout=seconds)
        return self.launcher.returncode, out, err

    def left(self) -> list[str]:
        """What of the run is still there."""
        shm = [str(p) for p in Path("/dev/shm").glob(f"matstudio-{self.run.id}-*")]
        return shm + [str(self.run.path)] * self.run.path.exists() + self.run.alive()

    def close(self) -> None:
        """End everything that a failed test has left, and show what its processes said."""
        for end in (self._heard, *self._clients.values(), *self.rings.values()):
            if end is not None:
                end.close()
        self.launcher.kill()
        self.launcher.communicate()
        if self.run is None:
            return
        print(self.logs())
        known = [self.run.process(name) for name in self.run.alive()]
        for process in known:
            with contextlib.suppress(psutil.Error):
                process.kill()
                process.wait(10)
        self.run.remove()


@pytest.fixture
def loop(tmp_path, monkeypatch):
    monkeypatch.setenv("MATSTUDIO_CONFIG", str(tmp_path / "config"))
    started = []

    def start(*arguments, **choices):
        one = Loop(*arguments, **choices)
        started.append(one)
        one.attach(headless="--headless" in arguments)
        return one

    yield start
    for one in started:
        one.close()


def matstudio(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Another `matstudio` command, to its end."""
    command = [sys.executable, "-m", "matstudio", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)


def gaps(cycles):
    """Between one status of the station and the next: numbers of cycles left out, and the longest time in s."""
    pairs = list(itertools.pairwise(cycles))
    return sum(max(0, b[1] - a[1] - 1) for a, b in pairs), max(b[0] - a[0] for a, b in pairs)
