"""Seals of the audit log: with a site key nobody without it can change an entry, not even by hashing all anew.

Each entry carries `mac`, HMAC-SHA256 (RFC 2104, FIPS 198-1) over its `hash` with the site's key. How far a log had come
is kept, sealed, beside the key (`Heads`), so that one cut short is seen; a session has it in its closing entry.
The key is a file of 64 hexadecimal digits in the configuration, readable by its owner only. Who can read it can forge.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from matstudio.bus.textfile import config_folder, read_small, write_small

_BYTES = 32
MAC = "mac"


def key_path() -> Path:
    """Where the site key lies: site.key in the configuration."""
    return config_folder() / "site.key"


def make_key(path: Path | None = None) -> Path:
    """Make a site key of 256 random bits, mode 0600; its path.

    Raises:
        ValueError: there is one already. OSError: it cannot be written.
    """
    path = path or key_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ValueError(f"{path}: there is a site key already") from None
    with os.fdopen(fd, "w") as file:
        file.write(secrets.token_hex(_BYTES) + "\n")
    return path


def load_key(path: Path | None = None) -> bytes | None:
    """The site key, or None where there is none.

    Raises:
        ValueError: the file is no key, or others may read it; one line.
    """
    path = path or key_path()
    try:
        text = read_small(path).strip()
    except FileNotFoundError:
        return None
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise ValueError(f"{path}: others may read it; chmod 600 it, or make another")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise ValueError(f"{path}: not a site key of {2 * _BYTES} hexadecimal digits")
    return key


def _mac(key: bytes, what: str, text: str) -> str:
    return hmac.new(key, f"{what}:{text}".encode(), hashlib.sha256).hexdigest()


def sealed(entry: Mapping[str, Any], key: bytes | None) -> dict[str, Any]:
    """The entry with its `mac`; as it is without a key."""
    return dict(entry) if key is None else {**entry, MAC: _mac(key, "entry", str(entry["hash"]))}


def check(entries: Sequence[Mapping[str, Any]], key: bytes) -> list[str]:
    """Which entries of a chain were not sealed with this key, one line for each stretch; [] if all were."""
    bad: list[list[int]] = []
    for place, entry in enumerate(entries, 1):
        n = entry["n"] if isinstance(entry.get("n"), int) else place
        wanted = _mac(key, "entry", str(entry.get("hash")))
        if not hmac.compare_digest(str(entry.get(MAC, "")).encode(), wanted.encode()):
            if bad and bad[-1][1] == n - 1:
                bad[-1][1] = n
            else:
                bad.append([n, n])
    return [f"{f'entry {a}' if a == b else f'entries {a} to {b}'}: not sealed with this site's key" for a, b in bad]


@dataclass(frozen=True)
class Head:
    """How far a chain had come: number and hash of its last entry, sealed."""

    n: int
    hash: str
    mac: str

    @classmethod
    def of(cls, entry: Mapping[str, Any], key: bytes) -> Head:
        """The head of a chain that ends with `entry`."""
        n, text = int(entry["n"]), str(entry["hash"])
        return cls(n, text, _mac(key, "head", f"{n}:{text}"))

    @classmethod
    def read(cls, value: Any, key: bytes) -> Head | None:
        """A head as `asdict` wrote it, or None where it is none that this key sealed."""
        if not isinstance(value, Mapping) or not isinstance(value.get("n"), int):
            return None
        n, text, mac = value["n"], str(value.get("hash")), str(value.get("mac"))
        good = hmac.compare_digest(mac.encode(), _mac(key, "head", f"{n}:{text}").encode())
        return cls(n, text, mac) if good else None


class Heads:
    """Keeps the head of a log beside the key, under the hash of the log's first entry.

    Args:
        key: the site's.
        folder: default: audit-heads in the configuration.
    """

    def __init__(self, key: bytes, folder: Path | None = None) -> None:
        self._key = key
        self._folder = folder or config_folder() / "audit-heads"

    def _path(self, first: str) -> Path:
        return self._folder / f"{hashlib.sha256(first.encode()).hexdigest()[:32]}.json"

    def keep(self, first: str, last: Mapping[str, Any]) -> None:
        """The log that begins with hash `first` has come to the entry `last`.

        Raises:
            OSError: it cannot be written.
        """
        write_small(self._path(first), json.dumps(asdict(Head.of(last, self._key))) + "\n")

    def missing(self, entries: Sequence[Mapping[str, Any]]) -> str:
        """What is missing at the end of a log, in one line, or ""."""
        if not entries:
            return ""
        try:
            head = Head.read(json.loads(read_small(self._path(str(entries[0].get("hash"))))), self._key)
        except FileNotFoundError:
            return "this site does not know where the log ends: another site's, or begun without the key"
        except (ValueError, RecursionError):
            head = None
        if head is None:
            return f"{self._path(str(entries[0].get('hash')))}: damaged"
        last = entries[-1].get("n")
        if isinstance(last, int) and last >= head.n:
            return ""
        return f"cut off after entry {last}: the log had come to entry {head.n}"


def head_of_line(line: bytes) -> dict[str, Any]:
    """The sealed head of a chain that ends with an audit entry's line, as {"audit": {...}}; {} without a key, or where
    the line is no entry. For the note with which a recording ends."""
    try:
        key, entry = load_key(), json.loads(line)
        return {"audit": asdict(Head.of(entry, key))} if key is not None else {}
    except (ValueError, KeyError, TypeError, OSError, RecursionError):
        return {}
