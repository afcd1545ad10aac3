"""Messages of the run's processes to the window."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, QThread, Signal

from matstudio.bus.messages import Subscriber
from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, STATION, Run
from matstudio.workers.machine import Watch

PERIOD_S = 1 / 30
EVENTS = 20_000
_BLOCK = 2**22
_ROUTINE = (b'"kind":"write"', b'"who":"pid"', b'"who":"policy"')
_NEWEST = ("status", "readings", "state", "models", "recording", "advice")


class MessageWorker(QThread):
    """Receives what device, station, model host and recorder publish.

    The typed signals come in the thread that made the worker, at most 30 times a second. Of what is overtaken before
    it was delivered only the newest is kept (of estimates: of each stream); of events the last 20,000.
    """

    status = Signal(object)
    """The station's status map."""
    advice = Signal(object)
    """The policy's advice and forecast."""
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
        watch = Watch(self._run, self._sessions)
        told = time.monotonic()
        try:
            self._keep([("event", e) for e in audit_entries(self._run)])
            while not self._halt.is_set():
                start = time.monotonic()
                self._keep(subscriber.receive(PERIOD_S))
                if start - told >= 1.0:
                    told = start
                    self.machine.emit(watch.look(start))
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
