"""Commands from the window to the run's processes, sent without holding up the window."""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from matstudio.bus.messages import CommandClient, CommandError, NoAnswer
from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, STATION, Run
from matstudio.domain.device import Description

HEARTBEAT_S = 1.0
DESCRIBE_S, RECORDER_S, MODELS_S = 2.0, 10.0, 5.0
MODELS_PATIENCE_S = 4.0  # it answers between two frames; a window that closes waits no longer for it
BEAT_TIMEOUT_S = 1.0
URGENT_TIMEOUT_S = 0.5
URGENT = ("halt", "take_over")


@dataclass(frozen=True)
class Result:
    """What became of a command.

    Args:
        process, name, fields: what was sent, and to whom.
        answer: its fields; empty where it failed.
        error: the refusal in one line, or "".
        silent: whether nobody answered, rather than refused.
    """

    process: str
    name: str
    fields: dict[str, Any]
    answer: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    silent: bool = False


class Lane(QThread):
    """Sends commands to one process, one after another, in a thread of its own.

    A command that nobody answered in time is taken back: its connection is thrown away with it, so that a process
    that comes back later never acts on what an operator asked of one that was gone.
    """

    result = Signal(object)
    """`Result`."""

    def __init__(self, run: Run, process: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"commands to {process}")
        self._endpoint = run.socket(process, "cmd")
        self._process = process
        self._jobs: queue.SimpleQueue[tuple[str, dict[str, Any]] | None] = queue.SimpleQueue()
        self._period, self._patience = 0.0, BEAT_TIMEOUT_S
        self._beat: tuple[str, dict[str, Any]] | None = None

    def every(self, seconds: float, name: str, /, *, timeout: float = BEAT_TIMEOUT_S, **fields: Any) -> None:
        """Before `start`: also send this command every `seconds` of real time; its failures are not told."""
        self._period, self._beat, self._patience = seconds, (name, fields), timeout

    def ask(self, name: str, /, **fields: Any) -> None:
        """Queue a command; `result` tells what became of it."""
        self._jobs.put((name, fields))

    def run(self) -> None:
        """Body of the thread."""
        client: CommandClient | None = None
        due = time.monotonic()
        try:
            while True:
                client = client or CommandClient(self._endpoint)
                beat = False
                try:
                    wait = max(0.0, due - time.monotonic()) if self._beat else None
                    job = self._jobs.get(timeout=wait)
                except queue.Empty:
                    job, beat = self._beat, True
                    due = time.monotonic() + self._period
                if job is None:
                    return
                name, fields = job
                try:
                    wait = self._patience if beat else URGENT_TIMEOUT_S if name in URGENT else None
                    answer = client.request(name, timeout=wait, **fields)
                    self.result.emit(Result(self._process, name, fields, answer))
                except NoAnswer as error:
                    client.close()
                    client = None
                    if not beat:
                        self.result.emit(
                            Result(self._process, name, fields, error=f"{self._process}: {error}", silent=True)
                        )
                except CommandError as error:
                    if not beat:
                        self.result.emit(Result(self._process, name, fields, error=str(error)))
        finally:
            if client is not None:
                client.close()

    def stop(self) -> None:
        """End the thread once the command under way is answered; returns when it has ended."""
        while True:
            try:
                self._jobs.get_nowait()
            except queue.Empty:
                break
        self._jobs.put(None)
        self.wait()


class Commands(QObject):
    """All lanes of a window.

    HALT and take-over have a lane of their own, which no other command holds up. Where no station answers a HALT, the
    device itself is told to take its safe state.
    """

    result = Signal(object)
    """`Result` of what the operator asked."""
    description = Signal(object)
    """The device's `Description`, every 2 s."""
    choices = Signal(object)
    """Stream name -> names of the models that it is offered, every 5 s."""
    recording = Signal(object)
    """The recorder's map, at once and every 10 s; it publishes it too, but only once a second."""

    def __init__(self, run: Run, who: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._who = who
        self._urgent, self._station = Lane(run, STATION, self), Lane(run, STATION, self)
        self._device, self._recorder = Lane(run, DEVICE, self), Lane(run, RECORDER, self)
        self._models = Lane(run, MODELHOST, self)
        self._lanes = (self._urgent, self._station, self._device, self._recorder, self._models)
        self._station.every(HEARTBEAT_S, "hello", who=who, role="studio")
        self._device.every(DESCRIBE_S, "describe")
        self._recorder.every(RECORDER_S, "status")
        self._models.every(MODELS_S, "models", timeout=MODELS_PATIENCE_S)
        for lane in self._lanes:
            lane.result.connect(self._told)

    def start(self) -> None:
        """Start the lanes, and with them the heartbeat."""
        for lane in self._lanes:
            lane.start()

    def stop(self) -> None:
        """End every lane."""
        for lane in self._lanes:
            lane.stop()

    def station(self, name: str, /, **fields: Any) -> None:
        """Ask the station; `who` is added."""
        lane = self._urgent if name in URGENT else self._station
        lane.ask(name, who=self._who, **fields)

    def device(self, name: str, /, **fields: Any) -> None:
        """Ask the device (replay: play, pause, seek, speed)."""
        self._device.ask(name, **fields)

    def recorder(self, name: str, /, **fields: Any) -> None:
        """Ask the recorder."""
        self._recorder.ask(name, **fields)

    def models(self, name: str, /, **fields: Any) -> None:
        """Ask the model host."""
        self._models.ask(name, **fields)

    def _told(self, result: Result) -> None:
        if result.name == "halt" and result.silent:
            self._device.ask("safe")
        if result.name == "describe" and isinstance(result.answer.get("description"), Description):
            self.description.emit(result.answer["description"])
        elif result.process == RECORDER and result.name == "status":
            self.recording.emit(result.answer)
        elif result.name == "models":
            self.choices.emit({stream: tuple(names) for stream, names in result.answer.items()})
        elif result.name != "hello":
            self.result.emit(result)
