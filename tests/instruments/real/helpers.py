"""A configuration served in the test's own process, and servers of control systems in others."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

from matstudio.bus.processes import wait_for
from matstudio.domain.clock import RealClock
from matstudio.domain.process import Setpoint
from matstudio.instruments.real.config import parse
from matstudio.instruments.real.serve import link
from matstudio.instruments.real.source import RealSource


class Bench:
    """A `RealSource` that is stepped by the test; `beating`: whether a station lives."""

    def __init__(self, text: str) -> None:
        self.clock = RealClock.start()
        self.config = parse(text, Path("device.toml"))
        self.source = RealSource(self.config, link(self.config, self.clock), self.clock)
        self.beating = True

    def step(self) -> None:
        now = self.clock.now()
        if self.beating:
            self.source.handlers()["heartbeat"](now)
        self.source.step(now)

    def until(self, condition, seconds: float = 8.0) -> None:
        assert wait_for(lambda: self.step() or condition(), seconds), (self.source.state(), self.source.readings())

    def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.step()
            time.sleep(0.02)

    def value(self, name: str) -> float:
        return self.reading(name).value

    def reading(self, name: str):
        return next(r for r in self.source.readings() if r.name == name)

    def has(self, *names: str) -> bool:
        return set(names) <= {r.name for r in self.source.readings()}

    def set(self, name: str, value: float, unit: str = "1") -> None:
        self.source.handlers()["set"](Setpoint(name, value, unit, "pid", self.clock.now()))

    def safe(self) -> None:
        self.source.handlers()["safe"]()


def server(*command: str, env: dict[str, str] | None = None) -> subprocess.Popen:
    """A control system's server, once it says that it is ready."""
    child = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env
    )
    for line in child.stdout:
        if line.strip() == "ready":
            return child
    raise AssertionError(f"{command} ended with {child.wait()}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
