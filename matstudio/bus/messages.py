"""Commands (request and reply) and status (publish and subscribe) over ZeroMQ.

The commands that exist, their fields and who takes them stand in `COMMANDS`; docs/messages.md shows the same table.
A request that is not in the table, or has a wrong field, is answered with one line and never reaches a handler.
"""

from __future__ import annotations

import itertools
import logging
import reprlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import zmq

from matstudio.bus import wire
from matstudio.bus.published import problem
from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, STATION, STUDIO
from matstudio.domain.typed import wrong

log = logging.getLogger(__name__)
Number = (int, float)
LONGEST_NAME, LONGEST_TEXT, _LONGEST_LINE = 100, 4096, 500  # characters
_LONGEST_COMMAND = 2**20  # bytes
_TELL_EVERY_S = 10.0  # a log is not filled by who sends nonsense
_TEXTS = ("path", "text", "why", "reason", "recipe")


@dataclass(frozen=True)
class Command:
    """One row of the table: fields with their types, who takes it, and how long the sender waits at most."""

    fields: Mapping[str, type | tuple[type, ...]]
    receivers: tuple[str, ...]
    timeout_s: float = 2.0
    optional: tuple[str, ...] = ()


COMMANDS: dict[str, Command] = {
    # any process
    "ping": Command({}, (DEVICE, STATION, RECORDER, MODELHOST, STUDIO)),
    # station
    "hello": Command({"who": str, "role": str}, (STATION,)),
    "status": Command({}, (STATION, RECORDER, MODELHOST, STUDIO)),
    "mode": Command({"who": str, "mode": str, "why": str}, (STATION,), optional=("why",)),
    "setpoint": Command({"who": str, "name": str, "value": Number, "why": str}, (STATION,), optional=("why",)),
    "output": Command({"who": str, "name": str, "value": Number, "why": str}, (STATION,), optional=("why",)),
    "take_over": Command({"who": str}, (STATION,)),
    "halt": Command({"who": str, "why": str}, (STATION,), optional=("why",)),
    "reset": Command({"who": str}, (STATION,)),
    "beam": Command({"who": str, "on": bool}, (STATION,)),
    "confirm": Command({"who": str, "digest": str}, (STATION,)),
    "remote": Command({"who": str, "allow": bool}, (STATION,)),
    "program": Command({"who": str, "action": str, "recipe": str}, (STATION,), optional=("recipe",)),
    "autotune": Command({"who": str, "action": str, "amplitude": Number}, (STATION,), optional=("amplitude",)),
    "tune": Command(
        {"who": str, "gain": Number, "ti": Number, "td": Number, "why": str}, (STATION,), optional=("why",)
    ),
    "acknowledge": Command({"who": str, "alarm": str}, (STATION,)),
    "shelve": Command({"who": str, "alarm": str, "minutes": Number, "reason": str}, (STATION,)),
    "unshelve": Command({"who": str, "alarm": str}, (STATION,)),
    "policy": Command({"who": str, "name": str}, (STATION,)),
    "accept": Command({"who": str, "value": Number}, (STATION,), optional=("value",)),
    "reject": Command({"who": str, "why": str}, (STATION,), optional=("why",)),
    "note": Command(
        {"who": str, "text": str, "t": Number, "bookmark": bool}, (STATION, DEVICE), optional=("t", "bookmark")
    ),
    "event": Command({"who": str, "text": str, "alarm": str}, (STATION,), optional=("alarm",)),
    # device
    "describe": Command({}, (DEVICE,)),
    "set": Command({"setpoint": object}, (DEVICE,)),
    "safe": Command({}, (DEVICE,)),
    "heartbeat": Command({"t": Number}, (DEVICE,)),
    "configure": Command({"options": dict}, (DEVICE,)),
    "fault": Command({"kind": str, "target": str, "on": bool}, (DEVICE,)),
    "play": Command({}, (DEVICE,)),
    "pause": Command({}, (DEVICE,)),
    "seek": Command({"t": Number}, (DEVICE,)),
    "speed": Command({"factor": Number}, (DEVICE,)),
    "step": Command({"frames": int}, (DEVICE,)),
    "timeline": Command({"start": int}, (DEVICE,)),
    # recorder
    "record": Command({"path": str}, (RECORDER,), timeout_s=10.0),
    "stop_recording": Command({}, (RECORDER,), timeout_s=30.0),
    # model host
    "models": Command({}, (MODELHOST,)),
    "use": Command({"stream": str, "model": str}, (MODELHOST,), timeout_s=10.0),
    # studio
    "screenshot": Command({"path": str}, (STUDIO,), timeout_s=20.0),
}


class CommandError(RuntimeError):
    """The receiver refused; the text is its one line."""


class NoAnswer(CommandError):
    """Nobody answered in time."""


class Silence(Exception):
    """Raised by a handler: the command gets no answer at all, as from a process that hangs."""


Handler = Callable[..., Mapping[str, Any] | None]


def check(process: str, name: object, fields: Mapping[str, Any]) -> str | None:
    """What is wrong with a request sent to `process`, in one line, or None."""
    command = COMMANDS.get(name) if isinstance(name, str) else None
    if command is None or process not in command.receivers:
        return f"{process} knows no command {reprlib.repr(name)}"
    for key in fields:
        if key not in command.fields:
            return f"{name}: unknown field {reprlib.repr(key)}"
    for key, kind in command.fields.items():
        if key not in fields:
            if key in command.optional:
                continue
            return f"{name}: field {key!r} is missing"
        value = fields[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is Number):
            return f"{name}: field {key!r} is {type(value).__name__}"
        most = LONGEST_TEXT if key in _TEXTS else LONGEST_NAME
        if isinstance(value, str) and len(value) > most:
            return f"{name}: field {key!r} has {len(value)} characters, more than {most}"
    return None


class CommandServer:
    """Answers commands in the thread that calls `serve`; belongs to one process of the run.

    Args:
        endpoint: `Run.socket(process, "cmd")`.
        process: whose commands these are ("station", ...).
        handlers: by command name; called with the fields, returns the answer's fields. A `CommandError`, `ValueError`
            or `OSError` is answered as a refusal with its text, any other error too, and logged.
    """

    def __init__(self, endpoint: str, process: str, handlers: Mapping[str, Handler]) -> None:
        self._process = process
        self._handlers = {"ping": lambda: None, **handlers}
        self._socket = zmq.Context.instance().socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, _LONGEST_COMMAND)
        self._socket.bind(endpoint)

    def serve(self, seconds: float) -> int:
        """Answer what comes within `seconds` of real time (0: what is waiting); returns how many were answered.

        Returns after the first batch, so that a caller can act on it at once.
        """
        if not self._socket.poll(max(0, round(seconds * 1000))):
            return 0
        done = 0
        while done < 256:
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            done += 1
            answer = self._answer(parts[-1]) if len(parts) <= 3 else _refusal(-1, f"not a request: {len(parts)} parts")
            if answer is not None:
                try:
                    self._socket.send_multipart([parts[0], answer], zmq.NOBLOCK)
                except zmq.ZMQError as error:
                    log.warning("an answer could not be sent: %s", error)
        return done

    def _answer(self, body: bytes) -> bytes | None:
        try:
            message = wire.unpack(body)
            found = wrong(message, _Request)
            if found:
                raise wire.WireError(found.strip())
            number, name, fields = message["n"], message["c"], message["f"]
        except wire.WireError as error:
            return _refusal(-1, f"not a request: {error}")
        refused = check(self._process, name, fields)
        handler = self._handlers.get(name) if refused is None else None
        if handler is None:
            return _refusal(number, refused or f"{self._process} takes no {name!r}")
        try:
            answer = handler(**fields) or {}
            return wire.pack({"n": number, "ok": True, "f": dict(answer)}) if number else None
        except Silence:
            return None
        except (CommandError, ValueError, OSError) as error:
            return _refusal(number, str(error))
        except Exception as error:  # the border to other processes: no command ends the process that it was sent to
            log.exception("%s: %s", name, error)
            return _refusal(number, f"{name}: {type(error).__name__}: {error}")

    def close(self) -> None:
        """Close the socket (and remove its file)."""
        endpoint = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._socket.close(0)
        if endpoint.startswith("ipc://"):
            from pathlib import Path

            Path(endpoint[6:]).unlink(missing_ok=True)


def _refusal(number: int, line: str) -> bytes:
    text = " ".join(line[: 4 * _LONGEST_LINE].split())[:_LONGEST_LINE]
    return wire.pack({"n": number, "ok": False, "error": text.encode("utf-8", "replace").decode()})


class _Request(TypedDict):
    n: int
    c: str
    f: dict[str, Any]


class _Told(TypedDict, total=False):
    f: dict[str, Any]
    error: str


class _Answer(_Told):
    n: int
    ok: bool


class CommandClient:
    """Sends commands to one process. Belongs to one thread.

    A command goes to a process that is there now, or nowhere: none waits for a process that comes back later, when
    nobody means it any more.

    Args:
        endpoint: `Run.socket(process, "cmd")`; the process need not live yet.
        secure: puts keys into the socket before it connects (`bus.keys`).
    """

    def __init__(self, endpoint: str, secure: Callable[[zmq.Socket[bytes]], None] = lambda socket: None) -> None:
        self._endpoint = endpoint
        self._numbers = itertools.count(1)
        self._socket = zmq.Context.instance().socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SNDHWM, 100)
        self._socket.setsockopt(zmq.MAXMSGSIZE, wire.MAX_BYTES)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 50)
        self._socket.setsockopt(zmq.IMMEDIATE, 1)
        secure(self._socket)
        self._socket.connect(endpoint)

    def request(self, name: str, /, *, timeout: float | None = None, **fields: Any) -> dict[str, Any]:
        """Send a command and wait for the answer's fields, `timeout` seconds of real time (default: the table's).

        Raises:
            CommandError: refused. NoAnswer: no answer in time.
        """
        number = next(self._numbers)
        wait = COMMANDS[name].timeout_s if timeout is None else timeout
        deadline = time.monotonic() + wait
        if not self._socket.poll(max(1, round(wait * 1000)), zmq.POLLOUT):
            raise NoAnswer(f"{name}: nobody takes commands at {self._endpoint}")
        self._send(number, name, fields)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not self._socket.poll(max(1, round(left * 1000))):
                raise NoAnswer(f"{name}: no answer within {wait:g} s")
            told = _answered(self._socket.recv_multipart()[-1])
            if told is None or told[0] != number:
                continue
            if isinstance(told[1], CommandError):
                raise told[1]
            return told[1]

    def send(self, name: str, /, **fields: Any) -> None:
        """Send a command without asking for an answer; never blocks.

        Raises:
            NoAnswer: the process is not there, or 100 commands wait for it already.
        """
        self._send(0, name, fields)

    def ask(self, name: str, /, **fields: Any) -> int:
        """Send a command and return its number at once; `answers` brings the answer when it has come.

        Raises:
            NoAnswer: the process is not there, or 100 commands wait for it already.
        """
        number = next(self._numbers)
        self._send(number, name, fields)
        return number

    def answers(self) -> dict[int, dict[str, Any] | CommandError]:
        """The answers to `ask` that have come since the last call, by number; never blocks. Not to be mixed with
        `request`, which throws away the answers of others."""
        out: dict[int, dict[str, Any] | CommandError] = {}
        while True:
            try:
                told = _answered(self._socket.recv_multipart(zmq.NOBLOCK)[-1])
            except zmq.Again:
                return out
            if told is not None:
                out[told[0]] = told[1]

    def _send(self, number: int, name: str, fields: Mapping[str, Any]) -> None:
        try:
            self._socket.send(wire.pack({"n": number, "c": name, "f": fields}), zmq.NOBLOCK)
        except zmq.Again:
            raise NoAnswer(f"{name}: nobody takes commands at {self._endpoint}") from None

    def close(self) -> None:
        """Close the socket."""
        self._socket.close(0)


def _answered(body: bytes) -> tuple[int, dict[str, Any] | CommandError] | None:
    """Number and content of an answer; None for what is none."""
    try:
        answer = wire.unpack(body)
        found = wrong(answer, _Answer)
        if found:
            raise wire.WireError(found.strip())
    except wire.WireError as error:
        log.warning("a damaged answer left out: %s", error)
        return None
    return answer["n"], answer.get("f", {}) if answer["ok"] else CommandError(answer.get("error", "refused"))


class Publisher:
    """Publishes values under a topic; a slow subscriber loses the oldest, the publisher never waits.

    Args:
        endpoint: `Run.socket(process, "pub")`.
    """

    def __init__(self, endpoint: str, high_water: int = 1000) -> None:
        self._socket = zmq.Context.instance().socket(zmq.PUB)
        self._socket.setsockopt(zmq.LINGER, 200)
        self._socket.setsockopt(zmq.SNDHWM, high_water)
        self._socket.bind(endpoint)

    def send(self, topic: str, value: Any) -> None:
        """Publish `value` (what `wire.pack` takes) under `topic`."""
        self._socket.send_multipart([topic.encode(), wire.pack(value)])

    def close(self) -> None:
        """Close the socket (and remove its file), after at most 0.2 s for what is under way."""
        endpoint = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._socket.close()
        if endpoint.startswith("ipc://"):
            from pathlib import Path

            Path(endpoint[6:]).unlink(missing_ok=True)


class Subscriber:
    """Receives from one or more publishers. Belongs to one thread.

    Args:
        endpoints: `Run.socket(process, "pub")` of each; they need not live yet.
        topics: prefixes to receive; () for all.
        secure: as in `CommandClient`.
    """

    def __init__(
        self,
        *endpoints: str,
        topics: tuple[str, ...] = (),
        secure: Callable[[zmq.Socket[bytes]], None] = lambda socket: None,
    ) -> None:
        self._told, self._left_out = -1e9, 0
        self._socket = zmq.Context.instance().socket(zmq.SUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, wire.MAX_BYTES)
        self._socket.setsockopt(zmq.RCVHWM, 10000)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 50)
        for topic in topics or ("",):
            self._socket.subscribe(topic)
        secure(self._socket)
        for endpoint in endpoints:
            self._socket.connect(endpoint)

    def receive(self, seconds: float = 0.0) -> list[tuple[str, Any]]:
        """What has come, oldest first, waiting up to `seconds` of real time for the first. What is damaged, or not as
        `PUBLISHED` says, is left out, and logged at most every 10 s."""
        if not self._socket.poll(max(0, round(seconds * 1000))):
            return []
        out = []
        while len(out) < 10000:
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            try:
                head, body = parts
                topic, value = head.decode(), wire.unpack(body)
                found = problem(topic, value)
                if found:
                    raise wire.WireError(found)
                out.append((topic, value))
            except ValueError as error:
                self._left_out += 1
                if time.monotonic() - self._told > _TELL_EVERY_S:
                    self._told = time.monotonic()
                    log.warning("damaged message left out (the %dth): %s", self._left_out, error)
        return out

    def close(self) -> None:
        """Close the socket."""
        self._socket.close(0)
