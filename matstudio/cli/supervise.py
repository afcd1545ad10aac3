"""Watching over the processes of a run: start, restart what died or fell silent, stop in order."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping

from matstudio.bus import processes
from matstudio.bus.rundir import DEVICE, GATEWAY, MODELHOST, RECORDER, STATION, STUDIO, Run
from matstudio.cli.events import Events
from matstudio.modelhost.choices import Choices, doing, forget

MODULES = {
    DEVICE: "matstudio.instruments.serve",
    STATION: "matstudio.station",
    MODELHOST: "matstudio.modelhost",
    RECORDER: "matstudio.recording",
    STUDIO: "matstudio.ui",
    GATEWAY: "matstudio.station.gateway",
}
RELAY = "matstudio.station.relay"
"""Stands for the station of a run that is on another computer."""
KEEP_RUNNING, OPEN_NEXT = 10, 11
"""Exit codes of a studio whose operator wants the run to go on, or other files opened in its place."""
DEADLINE_S = {MODELHOST: 15.0}
"""A process that is silent for longer is killed; the others are only reported."""
START_S = 60.0
"""So long a process with a deadline may take for its start, on a machine that has much to do."""
SILENT_S = 5.0
_RESTARTS, _WITHIN_S = 5, 60.0
_HANGS = 2


class Supervisor:
    """Starts the processes and keeps them alive.

    A process that ends is started again (5 times a minute at most), and a model host that is silent for 15 s is killed
    first; a model that hung twice in a row on the same stream is then left out. A device that comes back has its heater
    off, a station that comes back is OFF: nothing heats by itself. All of it is told to the audit log.

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
        self._events = Events(run)
        self._silent: set[str] = set()
        self._hung: list[tuple[str, str]] = []
        self.restarted: dict[str, int] = {}
        self.problems: list[str] = []
        self.killed: list[str] = []
        for name in names:
            self.start(name)

    def start(self, name: str) -> None:
        """Start the process `name`."""
        self._starts.setdefault(name, deque(maxlen=_RESTARTS)).append(time.monotonic())
        env = self._env if name == STUDIO else None
        far = name == STATION and self._run.instrument.startswith("tcp://")
        self._children[name] = processes.spawn(self._run, name, RELAY if far else MODULES[name], env)

    def check(self, heard: Mapping[str, float]) -> None:
        """Restart what has ended or is silent. `heard`: `time.monotonic()` of each process' last message."""
        now = time.monotonic()
        for name, child in list(self._children.items()):
            if name == STUDIO:
                continue
            if child.poll() is None:
                last = max(heard.get(name, 0.0), self._starts[name][-1])
                self._look(name, child, now - last, heard.get(name, 0.0) == last)
            if child.poll() is not None:
                self._again(name, child.returncode, now)
        self._events.step(heard.get(STATION, 0.0))

    def tell(self, text: str, alarm: str = "") -> None:
        """Say a line in the terminal and in the audit log; `alarm`: the process of which people must know."""
        self._say(text)
        self._events.tell(text, alarm)

    def _look(self, name: str, child: subprocess.Popen[bytes], silence: float, spoke: bool) -> None:
        """At a process that lives: tell its silence, and kill it where it has a deadline.

        Args:
            silence: seconds since it was heard, or started.
            spoke: whether it was heard since it was started.
        """
        if name in DEADLINE_S:
            at = doing(self._run)
            if at is not None:
                silence = min(silence, at[2])
            if silence > (DEADLINE_S[name] if spoke or at else START_S):
                self._kill(name, child, silence, at[:2] if at else None)
        elif spoke and (silence > SILENT_S) != (name in self._silent):
            self._silent ^= {name}
            self.tell(f"{name} is silent" if name in self._silent else f"{name} is heard again")

    def _kill(self, name: str, child: subprocess.Popen[bytes], silence: float, at: tuple[str, str] | None) -> None:
        where = f" at model {at[1]} on {at[0]}" if at else ""
        self.tell(f"{name} was silent for {silence:.0f} s{where} and is killed")
        child.kill()
        child.wait()
        self._blame(name, at, "hung")

    def _blame(self, name: str, at: tuple[str, str] | None, did: str) -> None:
        """Leave a model out at which its process hung, or died, twice in a row."""
        forget(self._run)
        self._hung = [one for one in (*self._hung, at) if one and one == at]
        if at and len(self._hung) == _HANGS:
            self._hung = []
            Choices(self._run).leave_out(*at)
            self.tell(f"model {at[1]} {did} {_HANGS} times on {at[0]}: left out until it is chosen again", alarm=name)

    def _again(self, name: str, code: int, now: float) -> None:
        starts = self._starts[name]
        if len(starts) == _RESTARTS and now - starts[0] < _WITHIN_S:
            self._children.pop(name)
            line = f"{name} ended {_RESTARTS} times within {_WITHIN_S:.0f} s and is left alone"
            self.problems.append(f"{line}: {self._last_words(name)}")
            self.tell(self.problems[-1], alarm=name)
            return
        at = doing(self._run) if name in DEADLINE_S and code != -signal.SIGKILL else None
        self.tell(f"{name} ended with {code}{f' at model {at[1]} on {at[0]}' if at else ''} and is started again")
        if at:
            self._blame(name, at[:2], "ended its process")
        self._silent.discard(name)
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
        self._events.close()
        self.killed += processes.stop(self._run)
        for child in self._children.values():
            child.wait()

    @staticmethod
    def _say(line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # a terminal that was closed ends no run
            print(line, file=sys.stderr, flush=True)
