"""The audit log: JSON lines, each hashed together with the hash before it, so that no entry can be changed unseen.

An entry is `{n, t, wall, kind, who, text, data, hash}`; `hash` is SHA-256 over the previous entry's hash (64 zeros at
first) and the canonical JSON (RFC 8785 in spirit: sorted keys, no spaces, UTF-8) of the entry without `hash`.
Changing, removing or swapping entries is seen. Who hashes the whole chain anew, or cuts off its end, is found with a
site key only (`control/seal.py`), which adds `mac` to each entry.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GENESIS = "0" * 64
KEYS = frozenset({"n", "t", "wall", "kind", "who", "text", "data", "hash"})
_SYNC_S = 1.0
_OUTSIDE = frozenset({"hash", "mac"})  # of what the hash is made
Entry = dict[str, Any]


@dataclass(frozen=True)
class Link:
    """The end of a chain: number and hash of its last entry."""

    n: int = 0
    hash: str = GENESIS


def _plain(value: Any) -> Any:
    """The value with what JSON has: tuples as lists, and numbers that are not finite as text."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is dict:
        return {k if type(k) is str else str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return str(value)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _encoded(plain: Any) -> bytes:
    return _ENCODER.encode(plain).encode("utf-8", "surrogatepass")


def canonical(value: Mapping[str, Any]) -> bytes:
    """The one JSON text of a map."""
    return _encoded(_plain(value))


def _hashed(previous: str, plain: Mapping[str, Any]) -> str:
    return hashlib.sha256(previous.encode() + _encoded(plain)).hexdigest()


def digest(previous: str, entry: Mapping[str, Any]) -> str:
    """Hash of an entry (its own `hash` and `mac` are left out) after one with hash `previous`."""
    return _hashed(previous, _plain({k: v for k, v in entry.items() if k not in _OUTSIDE}))


def append(
    link: Link, *, t: float, wall: float, kind: str, who: str, text: str, data: Mapping[str, Any]
) -> tuple[Entry, Link]:
    """The next entry of a chain and the chain's new end.

    Args:
        link: the chain's end.
        t: run time, s.
        wall: seconds since 1970-01-01 UTC.
        kind: "start", "mode", "setpoint", "output", "write", "refused", "alarm", "interlock", "note", "stop", ...
        who: "operator:NAME", "pid", "station".
        text: one line for people.
        data: facts; numbers that are not finite are kept as text.
    """
    body = {"n": link.n + 1, "t": t, "wall": wall, "kind": kind, "who": who, "text": text, "data": data}
    entry: Entry = _plain(body)
    entry["hash"] = _hashed(link.hash, entry)
    return entry, Link(link.n + 1, entry["hash"])


def verify(entries: Iterable[Mapping[str, Any]], link: Link | None = None) -> list[str]:
    """What is wrong with a chain of entries, one line for each, naming the entry; [] if nothing is.

    Args:
        entries: in order.
        link: what the first must follow (default: the beginning of a log).
    """
    problems = []
    n, previous = (link.n, link.hash) if link else (0, GENESIS)
    for entry in entries:
        if set(entry) - {"mac"} != KEYS:
            problems.append(f"entry {n + 1}: not an audit entry (keys {sorted(map(str, entry))})")
            n += 1
            continue
        if entry["n"] != n + 1:
            problems.append(f"entry {entry['n']}: follows entry {n}")
        if digest(previous, entry) != entry["hash"]:
            problems.append(f"entry {entry['n']}: its hash does not fit its content and the entry before it")
        n = entry["n"] if isinstance(entry["n"], int) else n + 1
        previous = str(entry["hash"])
    return problems


def read_log(path: Path) -> tuple[list[Entry], list[str]]:
    """The entries of a log, and what of it is none, one line for each.

    Raises:
        OSError: it cannot be read.
    """
    entries: list[Entry] = []
    problems = []
    data = path.read_bytes()
    lines = data.split(b"\n")
    if lines and lines[-1] == b"":
        lines.pop()
    elif lines:
        problems.append(f"line {len(lines)}: cut off (entry {len(lines)} is not complete)")
        lines.pop()
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if isinstance(entry, dict):
            entries.append(entry)
        else:
            after = entries[-1].get("n", "?") if entries else 0
            problems.append(f"line {number}: not an audit entry (after entry {after})")
    return entries, problems


def verify_audit(path: Path) -> list[str]:
    """What is wrong with the log at `path`, one line for each, naming the entry; [] if nothing is.

    Raises:
        OSError: it cannot be read.
    """
    entries, problems = read_log(path)
    return problems + verify(entries)


def last_link(path: Path) -> Link:
    """The end of the chain in a log (the beginning where there is none), from its last readable entry."""
    if not path.exists():
        return Link()
    entries, _ = read_log(path)
    for entry in reversed(entries):
        if set(entry) - {"mac"} == KEYS and isinstance(entry["n"], int):
            return Link(entry["n"], str(entry["hash"]))
    return Link()


def first_hash(path: Path) -> str:
    """The hash of a log's first entry, or "" where there is none that can be read."""
    try:
        with open(path, "rb") as file:
            return str(json.loads(file.readline(1 << 20))["hash"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


class AuditWriter:
    """Appends entries to a log in a thread of its own: `write` never waits for the disk.

    Each batch is handed to the operating system at once and forced to the disk every second and at `close`.

    Args:
        path: the log; made with mode 0600, an existing one is continued.
        synced: told, in the writer's thread, of the last entry that the disk has; may raise OSError.
    """

    def __init__(self, path: Path, synced: Callable[[Entry], None] = lambda entry: None) -> None:
        self.path = path
        self._synced = synced
        self._last: Entry | None = None
        self.error = ""
        """Why entries could not be written, or ""."""
        self._queue: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        size = os.fstat(self._fd).st_size
        if size:
            with open(path, "rb") as file:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    os.write(self._fd, b"\n")
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def write(self, entry: Entry) -> None:
        """Put an entry in the queue."""
        self._queue.put(entry)

    def _run(self) -> None:
        due: float | None = None
        ended = False
        while not ended:
            batch: list[Entry | None] = []
            try:
                batch.append(self._queue.get(timeout=None if due is None else max(0.0, due - time.monotonic())))
                while True:
                    batch.append(self._queue.get_nowait())
            except queue.Empty:
                pass
            ended = None in batch
            try:
                entries = [x for x in batch if x is not None]
                if entries:
                    self._write(b"".join(canonical(x) + b"\n" for x in entries))
                    self._last = entries[-1]
                    due = due if due is not None else time.monotonic() + _SYNC_S
                if due is not None and (ended or time.monotonic() >= due):
                    due = None
                    os.fsync(self._fd)
                    if self._last is not None:
                        self._synced(self._last)
            except OSError as error:
                self.error = f"audit log {self.path.name}: {error.strerror or error}"

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._fd, data) :]

    def close(self) -> None:
        """Write what is queued, force it to the disk and close the file."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join(5.0)
            os.close(self._fd)
