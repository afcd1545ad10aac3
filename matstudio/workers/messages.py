"""Messages of the run's processes to the window, and how the machine fares."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from PySide6.QtCore import QObject, Qt, QThread, Signal

from matstudio.bus.messages import Subscriber
from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, STATION, Run

PERIOD_S = 1 / 30
EVENTS = 20_000
_BLOCK = 2**22
_ROUTINE = (b'"kind":"write"', b'"who":"pid"', b'"who":"policy"')
_NEWEST = ("status", "readings", "state", "models", "recording")


@dataclass(frozen=True)
class Machine:
    """The computer: CPU in percent of all cores, disk bytes left where sessions go, processes of the run that live."""

    cpu: float
    disk_free: int
    alive: tuple[str, ...]


class Load:
    """CPU load of the whole machine between two calls. (`psutil.cpu_percent` registers the calling thread for ever.)"""

    def __init__(self) -> None:
        self._before = self._times()

    def percent(self) -> float:
        """Percent of all cores that were busy since the last call."""
        (busy, total), before = self._times(), self._before
        self._before = (busy, total)
        return 100 * (busy - before[0]) / max(total - before[1], 1e-6)

    @staticmethod
    def _times() -> tuple[float, float]:
        times = psutil.cpu_times()
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return total - times.idle - getattr(times, "iowait", 0.0), total


class MessageWorker(QThread):
    """Receives what device, station, model host and recorder publish.

    The typed signals come in the thread that made the worker, at most 30 times a second. Of what is overtaken before
    it was delivered only the newest is kept (of estimates: of each stream); of events the last 20,000.
    """

    status = Signal(object)
    """The station's status map."""
    readings = Signal(object)
    """The device's readings map."""
    entries = Signal(object)
    """Audit entries that are no routine writes, a list; those written before the window attached come first."""
    estimate = Signal(object)
    """`Estimate`."""
    state = Signal(object)
    """`MaterialState`."""
    models = Signal(object)
    """The model host's map of models."""
    recording = Signal(object)
    """The recorder's map."""
    machine = Signal(object)
    """`Machine`, once a second."""
    _ready = Signal()

    def __init__(self, run: Run, sessions: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("messages")
        self._run, self._sessions = run, sessions
        self._lock = threading.Lock()
        self._halt = threading.Event()
        self._newest: dict[str, Any] = {}
        self._estimates: dict[str, Any] = {}
        self._events: list[Mapping[str, Any]] = []
        self._ready.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def run(self) -> None:
        """Body of the thread."""
        subscriber = Subscriber(*(self._run.socket(p, "pub") for p in (DEVICE, STATION, MODELHOST, RECORDER)))
        load = Load()
        told = time.monotonic()
        try:
            self._keep([("event", e) for e in audit_entries(self._run)])
            while not self._halt.is_set():
                start = time.monotonic()
                self._keep(subscriber.receive(PERIOD_S))
                if start - told >= 1.0:
                    told = start
                    self.machine.emit(Machine(load.percent(), disk_free(self._sessions), tuple(self._run.alive())))
                self._halt.wait(max(0.0, PERIOD_S - (time.monotonic() - start)))
        finally:
            subscriber.close()

    def stop(self) -> None:
        """End the thread; returns when it has ended."""
        self._halt.set()
        self.wait()

    def _keep(self, messages: list[tuple[str, Any]]) -> None:
        if not messages:
            return
        with self._lock:
            quiet = not (self._newest or self._estimates or self._events)
            for topic, value in messages:
                if topic in _NEWEST:
                    self._newest[topic] = value
                elif topic == "estimate":
                    self._estimates[value.stream] = value
                elif topic == "event" and not routine(value):
                    self._events.append(value)
            del self._events[:-EVENTS]
        if quiet:
            self._ready.emit()

    def _deliver(self) -> None:
        with self._lock:
            newest, self._newest = self._newest, {}
            estimates, self._estimates = self._estimates, {}
            events, self._events = self._events, []
        if self._halt.is_set():
            return
        if events:
            self.entries.emit(events)
        for topic, value in newest.items():
            getattr(self, topic).emit(value)
        for estimate in estimates.values():
            self.estimate.emit(estimate)


def disk_free(path: Path) -> int:
    """Bytes left on the disk that `path` is on, or would be; 0 where that cannot be told."""
    for place in (path, *path.parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return 0


def routine(event: Mapping[str, Any]) -> bool:
    """Whether an audit entry is one of the loop's own writes, which come five times a second."""
    return event.get("kind") == "write" and event.get("who") in ("pid", "policy")


def audit_entries(run: Run, most: int = EVENTS) -> list[dict[str, Any]]:
    """The last entries of the run's audit log but for routine writes, oldest first; [] where there is none. A damaged
    line is left out."""
    out: deque[dict[str, Any]] = deque(maxlen=most)
    try:
        with open(run.audit_path, "rb") as file:
            while lines := file.readlines(_BLOCK):
                for line in lines:
                    if _ROUTINE[0] in line and (_ROUTINE[1] in line or _ROUTINE[2] in line):
                        continue  # 5 of them a second: 58 MB in eight hours, most of which need not be understood
                    try:
                        entry = json.loads(line)
                    except ValueError:
                        continue
                    if isinstance(entry, dict) and "text" in entry:
                        out.append(entry)
    except OSError:
        return []
    return list(out)
