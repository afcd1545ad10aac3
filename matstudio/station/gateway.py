"""`python -m matstudio.station.gateway RUN_DIRECTORY`: lets clients on other computers reach this run's station.

It stands before the station, so that the station itself listens on this computer alone. A client without a key that was
made here is not heard at all. One with a key sees everything, and may HALT at any time; what moves something passes
only while a person at this computer allows it (`matstudio remote on`). Each command bears the name of its client's key.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import zmq
from zmq.auth.thread import ThreadAuthenticator

from matstudio.bus import keys, processes, wire
from matstudio.bus.messages import CommandClient, CommandError, check
from matstudio.bus.rundir import DEVICE, GATEWAY, MODELHOST, RECORDER, STATION, Run
from matstudio.domain.device import Description

log = logging.getLogger(__name__)
SEES = frozenset({"ping", "hello", "status", "describe"})
STOPS = frozenset({"halt"})
MOVES = frozenset({"mode", "setpoint", "output", "take_over", "reset", "beam", "acknowledge", "note"})
_POLL_MS = 10
_FORGET_S = 10.0
_MOST = 10_000
_STALE_S = 2.0


def port_of(listen: str) -> int:
    """Port of an address "tcp://HOST:PORT"; what is published comes from the port above it.

    Raises:
        ValueError: it is none.
    """
    host, _, port = listen.removeprefix("tcp://").rpartition(":")
    if not listen.startswith("tcp://") or not host or not port.isdigit() or not 0 < int(port) < 65535:
        raise ValueError(f"{listen}: not tcp://HOST:PORT")
    return int(port)


def published(listen: str) -> str:
    """The address where a gateway publishes."""
    return f"{listen.rpartition(':')[0]}:{port_of(listen) + 1}"


class Gateway:
    """Passes commands in and publications out. One thread.

    Args:
        run: whose station. listen: "tcp://HOST:PORT".

    Raises:
        BadKey: there are no keys. zmq.ZMQError: the address cannot be used.
    """

    def __init__(self, run: Run, listen: str) -> None:
        secure, self._names = keys.station(), {public: name for name, public in keys.clients().items()}
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        self._auth = ThreadAuthenticator(context)
        self._auth.start()
        self._auth.configure_curve_callback(credentials_provider=self)
        self._front, self._out, self._in = (context.socket(kind) for kind in (zmq.ROUTER, zmq.PUB, zmq.SUB))
        for socket in (self._front, self._out, self._in):
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.MAXMSGSIZE, 2**20 if socket is self._front else wire.MAX_BYTES)
        self._clients = {name: CommandClient(run.socket(name, "cmd")) for name in (STATION, DEVICE)}
        self._waiting: dict[tuple[str, int], tuple[list[bytes], int, float]] = {}
        self._status: Mapping[str, Any] = {}
        self._heard = -1e9
        self._in.subscribe("")
        for process in (DEVICE, STATION, MODELHOST, RECORDER):
            self._in.connect(run.socket(process, "pub"))
        try:
            for socket, address in ((self._front, listen), (self._out, published(listen))):
                secure(socket)
                socket.bind(address)
        except zmq.ZMQError:
            self.close()
            raise

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether a client's public key is known; the authenticator asks, in its thread."""
        return key.decode() in self._names

    def step(self) -> None:
        """Pass on what has come, waiting up to 10 ms."""
        if self._front.poll(_POLL_MS):
            with contextlib.suppress(zmq.Again):
                for _ in range(256):
                    self._command(self._front.recv_multipart(zmq.NOBLOCK, copy=False))
        with contextlib.suppress(zmq.Again):
            for _ in range(1000):
                self._publish(self._in.recv_multipart(zmq.NOBLOCK))
        for process, client in self._clients.items():
            for number, answer in client.answers().items():
                self._answer(process, number, answer)
        old = time.monotonic() - _FORGET_S
        self._waiting = {k: v for k, v in self._waiting.items() if v[2] > old}

    def close(self) -> None:
        """Close every socket."""
        for socket in (self._front, self._out, self._in):
            socket.close(0)
        for client in self._clients.values():
            client.close()
        self._auth.stop()

    @property
    def _allowed(self) -> bool:
        fresh = time.monotonic() - self._heard < _STALE_S
        return fresh and bool(self._status.get("device", {}).get("remote"))

    def _command(self, parts: list[zmq.Frame]) -> None:
        envelope, body = [p.bytes for p in parts[:-1]], parts[-1].bytes
        number = -1
        try:
            who = self._names.get(str(parts[-1].get("User-Id")), "unknown")
            message = wire.unpack(body)
            number, name, fields = int(message["n"]), str(message["c"]), dict(message["f"])
            process = DEVICE if name == "describe" else STATION
            refused = self._refused(process, name, fields)
            if refused:
                raise CommandError(refused)
            if "who" in fields:
                fields["who"] = f"{fields['who'][:60]}@{who}"
            if name == "hello" and not self._allowed:  # who only looks on is no operator
                self._reply(envelope, number, {"mode": self._status.get("mode", ""), "allowed": False})
                return
            asked = self._clients[process].ask(name, **fields)
            if number and len(self._waiting) < _MOST:
                self._waiting[process, asked] = (envelope, number, time.monotonic())
        except (CommandError, ValueError, KeyError, TypeError) as error:
            self._reply(envelope, number, error)

    def _refused(self, process: str, name: str, fields: Mapping[str, Any]) -> str:
        if name not in SEES | STOPS | MOVES:
            return f"{name[:40]!r} is not taken from another computer"
        wrong = check(process, name, fields)
        if not wrong and name in MOVES and not self._allowed:
            return f"{name}: not allowed from another computer; at the station's: matstudio remote on"
        return wrong or ""

    def _answer(self, process: str, number: int, answer: Mapping[str, Any] | CommandError) -> None:
        waiting = self._waiting.pop((process, number), None)
        if waiting is None:
            return
        if not isinstance(answer, CommandError) and isinstance(answer.get("description"), Description):
            answer = {"description": replace(answer["description"], streams=())}  # frames stay on their computer
        self._reply(waiting[0], waiting[1], answer)

    def _reply(self, envelope: list[bytes], number: int, answer: Mapping[str, Any] | Exception) -> None:
        if number == 0:
            return
        body: dict[str, Any] = {"n": number, "ok": not isinstance(answer, Exception)}
        body |= {"error": str(answer)[:500]} if isinstance(answer, Exception) else {"f": dict(answer)}
        with contextlib.suppress(zmq.ZMQError):
            self._front.send_multipart([*envelope, wire.pack(body)], zmq.NOBLOCK)

    def _publish(self, parts: list[bytes]) -> None:
        if len(parts) == 2 and parts[0] == b"status":
            with contextlib.suppress(ValueError):
                found = wire.unpack(parts[1])
                if isinstance(found, dict) and isinstance(found.get("device"), Mapping):
                    self._status, self._heard = found, time.monotonic()
        self._out.send_multipart(parts, zmq.NOBLOCK)


def body(run: Run, stop: threading.Event) -> None:
    """Serve until `stop` is set."""
    gateway = Gateway(run, str(run.options["listen"]))
    processes.settle()
    try:
        while not stop.is_set():
            gateway.step()
    finally:
        gateway.close()


def main() -> int:
    """Exit code of the process: 0 done, 2 it cannot listen."""
    try:
        return processes.main(GATEWAY, body)
    except (keys.BadKey, zmq.ZMQError) as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
