"""Faults of processes, for real: killed, stopped, doubled, in a run of every process with a hot furnace.

Times are taken here, from the signal to the device's own word (its published heater), so that they hold the transport.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil

from matstudio.bench.rows import Row
from matstudio.bench.whole_run import MODULES, WholeRun
from matstudio.bus.messages import CommandClient, CommandError, Subscriber
from matstudio.bus.processes import spawn, wait_for
from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, STATION

WATCHDOG_S = 2.0
SAFE_S = 0.6
_HOT_K = 600.0
HALTS_AMID_WRITES = 5
_WHO = "bench"


class _Run:
    """A run, and what its station and device publish."""

    def __init__(self, whole: WholeRun) -> None:
        self.whole, self.run = whole, whole.run
        self._client = CommandClient(self.run.socket(STATION, "cmd"))
        self._heard = Subscriber(*(self.run.socket(p, "pub") for p in (STATION, DEVICE)), topics=("status", "readings"))
        self.status: dict[str, Any] = {}
        self.heater = self.temperature = math.nan
        self.locked = ""

    def ask(self, name: str, /, **fields: object) -> dict[str, Any]:
        """A command to the station."""
        return self._client.request(name, who=_WHO, **fields)

    def hear(self, seconds: float = 0.0) -> None:
        """Take what comes."""
        for topic, value in self._heard.receive(seconds):
            if topic == "status":
                self.status = value
            else:
                for reading in value["readings"]:
                    if reading.name == "heater":
                        self.heater = reading.value
                    elif reading.name == "temperature":
                        self.temperature = reading.value
                self.locked = str(value["state"].get("locked", ""))

    def until(self, what: Callable[[], bool], seconds: float) -> float:
        """Seconds until something was heard to be so; infinite where it was not in time."""
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            self.hear(0.01)
            if what():
                return time.monotonic() - start
        return math.inf

    def mode(self) -> str:
        """Of the station, as heard last."""
        return str(self.status.get("mode", ""))

    def heat(self) -> None:
        """PID to 600 K, until the heater is on; from SAFE by a reset.

        Raises:
            RuntimeError: it does not heat within 30 s.
        """
        for _ in range(60):
            with contextlib.suppress(CommandError):
                if self.ask_status()["mode"] == "SAFE":
                    self.ask("reset")
                self.ask("mode", mode="PID")
                self.ask("setpoint", name="temperature", value=_HOT_K)
                if self.until(lambda: self.heater > 0.1 and self.mode() == "PID", 5.0) < math.inf:
                    return
            time.sleep(0.5)
        raise RuntimeError(f"the run does not heat: {self.status.get('why')}")

    def ask_status(self) -> dict[str, Any]:
        """The station's status now."""
        return self._client.request("status")

    def send(self, process: str, number: int) -> None:
        """A signal to a process."""
        os.kill(self.whole.pid(process), number)

    def close(self) -> None:
        self._client.close()
        self._heard.close()


def rows() -> list[Row]:
    """The table's rows of processes."""
    whole = WholeRun()
    try:
        whole.start()
        one = _Run(whole)
        try:
            parts = (_device, _models, _halt_amid_writes, _two_stations, _station, _device_killed)
            return [row for part in parts for row in part(one)]
        finally:
            one.close()
    finally:
        whole.close()


def _row(name: str, what: str, value: float, limit: float, unit: str = "s") -> Row:
    return Row(
        name, what, value, unit, f"{limit:g} {unit}", value / limit if limit else value, ("<=", 1.0 if limit else 0)
    )


def _device(one: _Run) -> list[Row]:
    one.heat()
    one.send(DEVICE, signal.SIGSTOP)
    safe = one.until(lambda: one.mode() == "SAFE", 5.0)
    time.sleep(max(0.0, 2.0 - safe))
    one.send(DEVICE, signal.SIGCONT)
    one.until(lambda: one.status["device"]["state"] == "good", 5.0)
    one.until(lambda: False, 1.0)
    return [
        _row("device-stopped", "device stopped (SIGSTOP): until SAFE", safe, SAFE_S),
        _row("device-woken", "the same, going on: its heater", one.heater, 0.0, "of 1"),
    ]


def _models(one: _Run) -> list[Row]:
    """Model host stopped, then killed; recorder stopped: control does not notice."""
    one.heat()
    gaps: list[float] = []
    for process, number in ((MODELHOST, signal.SIGSTOP), (RECORDER, signal.SIGSTOP), (MODELHOST, signal.SIGKILL)):
        one.send(process, number)
        gaps.append(_longest_gap(one, 3.0))
    one.send(RECORDER, signal.SIGCONT)
    worst = max(gaps) if one.mode() == "PID" else math.inf
    what = "model host stopped, then killed, recorder stopped: longest gap between two control cycles"
    if one.mode() != "PID":
        what += f" ({one.mode()}: {one.status.get('why')})"
    return [_row("models-gone", what, worst, SAFE_S)]


def _halt_amid_writes(one: _Run) -> list[Row]:
    """HALT in the midst of another client's writes: none of them may reach the heater afterwards."""
    other = CommandClient(one.run.socket(STATION, "cmd"))
    worst = 0.0
    try:
        for _ in range(HALTS_AMID_WRITES):
            one.heat()
            for i in range(60):
                other.ask("output", who="other", name="heater", value=0.3 + 0.01 * (i % 2))
                if i == 30:
                    one.ask("halt")
            one.until(lambda: one.mode() == "SAFE" and one.heater == 0.0, 2.0)
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                one.hear(0.05)
                worst = max(worst, one.heater)
    finally:
        other.close()
    what = f"HALT amid another client's writes, {HALTS_AMID_WRITES} times: the heater afterwards"
    return [_row("halt-amid-writes", what, worst, 0.0, "of 1")]


def _longest_gap(one: _Run, seconds: float) -> float:
    """Between the run times of two cycles, s."""
    one.hear()
    times = [one.status["t"]]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        one.hear(0.05)
        times.append(one.status["t"])
    return max(b - a for a, b in itertools.pairwise(times))


def _two_stations(one: _Run) -> list[Row]:
    """A second station on the same run must not become a master."""
    one.heat()
    before = one.whole.pid(STATION)
    command = [sys.executable, "-m", MODULES[STATION], str(one.run.path)]
    second = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        refused = second.wait(20)
    except subprocess.TimeoutExpired:
        refused = 0
    finally:
        second.kill()
        second.communicate()
    one.until(lambda: False, 1.0)
    process = one.run.process(STATION)
    still = one.mode() == "PID" and process is not None and process.pid == before and one.heater > 0
    what = "a second station on the run: masters besides the first"
    return [_row("two-masters", what, 0.0 if refused and still else 1.0, 0.0, "stations")]


def _station(one: _Run) -> list[Row]:
    """Station stopped, then killed while it heats, then started again on a hot furnace."""
    one.heat()
    one.send(STATION, signal.SIGSTOP)
    off = one.until(lambda: one.heater == 0.0, 5.0)
    time.sleep(max(0.0, 2.5 - off))
    one.send(STATION, signal.SIGCONT)
    woken = one.until(lambda: one.mode() == "SAFE", 5.0)
    one.heat()
    one.send(STATION, signal.SIGKILL)
    killed = one.until(lambda: one.heater == 0.0, 5.0)
    one.whole._children.pop(STATION).wait()
    one.whole._children[STATION] = spawn(one.run, STATION, MODULES[STATION])
    one.status = {}
    wait_for(lambda: one.run.process(STATION) is not None, 20.0)
    one.until(lambda: bool(one.status) and one.status["device"]["state"] == "good", 20.0)
    one.until(lambda: False, 2.0)
    again = one.heater if one.mode() == "OFF" else math.inf
    what = f"station started again at {one.temperature:.0f} K: heater in mode {one.mode()}"
    return [
        _row("station-stopped", "station stopped (SIGSTOP): until the watchdog has the heater off", off, WATCHDOG_S),
        _row("station-woken", "the same, going on: until SAFE", woken, SAFE_S),
        _row("station-killed", "station killed: until the watchdog has the heater off", killed, WATCHDOG_S),
        _row("restart-hot", what, again, 0.0, "of 1"),
    ]


def _device_killed(one: _Run) -> list[Row]:
    one.heat()
    one.send(DEVICE, signal.SIGKILL)
    safe = one.until(lambda: one.mode() == "SAFE", 5.0)
    one.whole._children.pop(DEVICE).wait()
    with contextlib.suppress(psutil.Error):
        one.whole._children[DEVICE] = spawn(one.run, DEVICE, MODULES[DEVICE])
    one.heater = math.nan
    one.until(lambda: one.heater == one.heater and one.status["device"]["state"] == "good", 30.0)
    one.until(lambda: False, 1.0)
    return [
        _row("device-killed", "device killed: until SAFE", safe, SAFE_S),
        _row("device-again", "the same, started again: its heater", one.heater, 0.0, "of 1"),
    ]
