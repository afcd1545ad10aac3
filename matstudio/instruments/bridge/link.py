"""The socket bridge's client; docs/bridge.md describes the protocol."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import ipaddress
import json
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from matstudio.domain.clock import RealClock
from matstudio.instruments.base import DeviceError
from matstudio.instruments.real.config import DTYPES, Configuration
from matstudio.instruments.real.link import Link, Picture, Sample, Severity

VERSION = 1
PORT = 5026
_KEYS = ("host", "port", "key_file", "unauthenticated", "timeout")
_LONGEST_LINE, _LONGEST_FRAME = 2**16, 2**28


def proof(key: bytes, nonce: str) -> str:
    """What shows that one has the key: HMAC-SHA-256 of the other side's nonce, in hexadecimal digits."""
    return hmac.new(key, nonce.encode(), hashlib.sha256).hexdigest()


class BridgeLink(Link):
    """A bridge's server. `connection` keys: `host`, `port` (5026), `key_file` (a file that both sides have),
    `unauthenticated` (true: no key, to this host), `timeout` (0.5 s).

    Times come as ages, so that the two computers' clocks need not agree.

    Raises:
        ConfigError: a key is wrong, or there is no key for a host that is not this computer.
    """

    def __init__(self, config: Configuration, clock: RealClock) -> None:
        super().__init__(config, clock, 0.02 if config.streams else 0.1)
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._number = 0
        c = config.connection
        for key in c:
            if key not in _KEYS:
                raise config.error(("connection", key), f"unknown key; known: {', '.join(_KEYS)}")
        if not isinstance(c.get("host"), str):
            raise config.error(("connection",), "host is missing")
        if not c.get("key_file") and c.get("unauthenticated") is not True and not _here(c["host"]):
            raise config.error(("connection", "host"), "not this computer: give key_file, or unauthenticated = true")

    def open(self) -> None:
        """Connect, prove to have the key and see that the other side has it; ask for the streams."""
        c = self.config.connection
        key = Path(c["key_file"]).expanduser().read_bytes().strip() if c.get("key_file") else b""
        self._buffer = b""
        address = (c["host"], int(c.get("port", PORT)))
        self._socket = socket.create_connection(address, float(c.get("timeout", 0.5)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        hello = self._line()
        if hello.get("bridge") != VERSION:
            raise ConnectionError(f"it speaks version {hello.get('bridge')!r} of the bridge, this program {VERSION}")
        nonce = secrets.token_hex(16)
        answer = self._request("hello", nonce=nonce, proof=proof(key, str(hello.get("nonce"))))
        if key and not hmac.compare_digest(str(answer.get("proof")), proof(key, nonce)):
            raise ConnectionError("the other side has another key")
        if self.config.streams:
            self._request("stream", names=[s.address for s in self.config.streams.values()])

    def read(self) -> None:
        """Ask for every reading; frames come in between."""
        values = self._request("read", names=[r.address for r in self.config.readings.values()]).get("values")
        now = self.clock.now()
        for name, reading in self.config.readings.items():
            told = values.get(reading.address) if isinstance(values, Mapping) else None
            if not isinstance(told, Mapping):
                raise ConnectionError(f"no value {reading.address!r}")
            severity = Severity(min(max(int(told.get("severity", 0)), 0), 3))
            t = now - float(told.get("age", 0.0)) * self.clock.speed
            unit, text = str(told.get("unit", "")), str(told.get("text", ""))[:100]
            self.told(name, Sample(float(told["value"]), t, unit, severity, text))

    def put(self, address: str, value: float, unit: str) -> None:
        """Write a value; the server refuses one whose unit is not its own."""
        self._request("write", name=address, value=value, unit=unit)

    def shut(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None

    def _request(self, do: str, **fields: Any) -> dict[str, Any]:
        assert self._socket is not None
        self._number += 1
        self._socket.sendall(json.dumps({"id": self._number, "do": do, **fields}).encode() + b"\n")
        while True:
            line = self._line()
            if "frame" in line:
                self._frame(line)
            elif line.get("id") == self._number:
                if "error" in line:
                    error = str(line["error"])[:200]
                    raise DeviceError(error) if do == "write" else ConnectionError(f"{do}: {error}")
                return line

    def _line(self) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            if len(self._buffer) > _LONGEST_LINE:
                raise ConnectionError("a line that does not end")
            self._more()
        line, _, self._buffer = self._buffer.partition(b"\n")
        found = json.loads(line)
        if not isinstance(found, dict):
            raise ConnectionError(f"{line[:40]!r} is no message")
        return found

    def _more(self) -> None:
        assert self._socket is not None
        data = self._socket.recv(2**20)
        if not data:
            raise ConnectionError("the other side has closed the connection")
        self._buffer += data

    def _frame(self, head: Mapping[str, Any]) -> None:
        shape, dtype = tuple(int(n) for n in head["shape"]), str(head["dtype"])
        if dtype not in DTYPES or not all(n > 0 for n in shape):
            raise ConnectionError(f"a frame of {shape} {dtype}")
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if size > _LONGEST_FRAME:
            raise ConnectionError(f"a frame of {size} bytes")
        parts, have = [self._buffer[:size]], min(size, len(self._buffer))
        self._buffer = self._buffer[size:]
        while have < size:
            self._more()
            part, self._buffer = self._buffer[: size - have], self._buffer[size - have :]
            parts.append(part)
            have += len(part)
        sent = np.frombuffer(b"".join(parts), np.dtype(dtype).newbyteorder("<"))
        data = sent.reshape(shape).astype(dtype, copy=False)
        for name, stream in self.config.streams.items():
            if stream.address == head["frame"]:
                t = self.clock.now() - float(head.get("age", 0.0)) * self.clock.speed
                self.pictured(name, Picture(int(head["number"]), t, data))


def _here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
