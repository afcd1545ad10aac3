"""Watching over the processes of a run: start, restart what died or fell silent, stop in order."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping

from matstudio.bus import processes
from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, STATION, STUDIO, Run

MODULES = {
    DEVICE: "matstudio.instruments.serve",
    STATION: "matstudio.station",
    MODELHOST: "matstudio.modelhost",
    RECORDER: "matstudio.recording",
    STUDIO: "matstudio.ui",
}
KEEP_RUNNING = 10
"""Exit code of a studio whose operator wants the run to go on."""
DEADLINE_S = {MODELHOST: 15.0}
_RESTARTS, _WITHIN_S = 5, 60.0


class Supervisor:
    """Starts the processes and keeps them alive.

    A process that ends is started again (5 times a minute at most), and a model host that is silent for 15 s is killed
    first. A device that comes back has its heater off, a station that comes back is OFF: nothing heats by itself.

    Args:
        run: whose processes.
        names: of the processes to start now.
        env: environment of the studio, on top of ours.
    """

    def __init__(self, run: Run, names: list[str], env: Mapping[str, str]) -> None:
        self._run = run
        self._env = dict(env)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._starts: dict[str, deque[float]] = {}
        self.restarted: dict[str, int] = {}
        self.problems: list[str] = []
        self.killed: list[str] = []
        for name in names:
            self.start(name)

    def start(self, name: str) -> None:
        """Start the process `name`."""
        self._starts.setdefault(name, deque(maxlen=_RESTARTS)).append(time.monotonic())
        env = self._env if name == STUDIO else None
        self._children[name] = processes.spawn(self._run, name, MODULES[name], env)

    def check(self, heard: Mapping[str, float]) -> None:
        """Restart what has ended or is silent. `heard`: `time.monotonic()` of each process' last message."""
        now = time.monotonic()
        for name, child in list(self._children.items()):
            if name == STUDIO:
                continue
            deadline = DEADLINE_S.get(name)
            last = max(heard.get(name, 0.0), self._starts[name][-1])
            if child.poll() is None and deadline is not None and now - last > deadline:
                self._say(f"{name} was silent for {now - last:.0f} s and is killed")
                child.kill()
                child.wait()
            if child.poll() is not None:
                self._again(name, child.returncode, now)

    def _again(self, name: str, code: int, now: float) -> None:
        starts = self._starts[name]
        if len(starts) == _RESTARTS and now - starts[0] < _WITHIN_S:
            self._children.pop(name)
            line = f"{name} ended {_RESTARTS} times within {_WITHIN_S:.0f} s and is left alone"
            self.problems.append(f"{line}: {self._last_words(name)}")
            self._say(self.problems[-1])
            return
        self._say(f"{name} ended with {code} and is started again")
        self.restarted[name] = self.restarted.get(name, 0) + 1
        self.start(name)

    def _last_words(self, name: str) -> str:
        try:
            lines = self._run.log_path(name).read_text(errors="replace").strip().splitlines()
        except OSError:
            return "no log"
        return lines[-1] if lines else "it said nothing"

    def studio_exit(self) -> int | None:
        """Exit code of the studio, once, when it has ended; None before and after."""
        child = self._children.get(STUDIO)
        if child is None or child.poll() is None:
            return None
        self._children.pop(STUDIO)
        return child.returncode

    def stop(self) -> None:
        """Stop every process in order and wait for them."""
        self.killed += processes.stop(self._run)
        for child in self._children.values():
            child.wait()

    @staticmethod
    def _say(line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # a terminal that was closed ends no run
            print(line, file=sys.stderr, flush=True)
