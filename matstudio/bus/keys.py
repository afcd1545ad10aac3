"""Keys for a station on another computer: CurveZMQ (RFC 26), one pair for the station, one for each client.

They lie in `keys/` in the user's configuration, 0600 in a folder of 0700: `station.json` with the station's own pair,
`clients.json` with the public key of each client that it lets in, and `NAME.key`, what a client needs, to be carried to
its computer.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import zmq

from matstudio.bus.textfile import config_folder, read_small

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,30}")
_STATION, _CLIENTS = "station.json", "clients.json"


class BadKey(ValueError):
    """A key that is not there or cannot be used; one line."""


def keys_folder() -> Path:
    """Where the keys lie; made with mode 0700."""
    folder = config_folder() / "keys"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def make(name: str) -> Path:
    """Make a client's keys (and, the first time, the station's), let that client in, and return the file to carry.

    Raises:
        BadKey: the name is none, or there are keys of that name already. OSError: they cannot be written.
    """
    if not _NAME.fullmatch(name) or f"{name}.key" in (_STATION, _CLIENTS):
        raise BadKey(f"{name!r}: a name has 1 to 31 letters, digits, '_', '.' or '-'")
    folder = keys_folder()
    path = folder / f"{name}.key"
    known = clients()
    if name in known or path.exists():
        raise BadKey(f"{path}: there are keys of that name; remove them there and in {_CLIENTS} first")
    if not (folder / _STATION).exists():
        _write(folder / _STATION, _pair())
    public, pair = _read(folder / _STATION)["public"], _pair()
    _write(path, {"name": name, "station": public, **pair})
    _write(folder / _CLIENTS, {**known, name: pair["public"]})
    return path


def clients() -> dict[str, str]:
    """Name -> public key of each client that is let in.

    Raises:
        BadKey: the file cannot be read.
    """
    path = keys_folder() / _CLIENTS
    return _read(path) if path.exists() else {}


def station() -> Callable[[zmq.Socket[bytes]], None]:
    """What makes a socket the station's.

    Raises:
        BadKey: there are no keys yet.
    """
    path = keys_folder() / _STATION
    if not path.exists():
        raise BadKey("there are no keys yet: matstudio keys NAME makes them")
    pair = _read(path)

    def secure(socket: zmq.Socket[bytes]) -> None:
        socket.curve_server = True
        socket.curve_publickey, socket.curve_secretkey = pair["public"].encode(), pair["secret"].encode()

    return secure


def client(path: Path | None = None) -> Callable[[zmq.Socket[bytes]], None]:
    """What makes a socket a client's.

    Args:
        path: of the file that `make` gave; None: the only one in `keys_folder`.

    Raises:
        BadKey: there is none, there are several, or it is damaged.
    """
    if path is None:
        found = sorted(keys_folder().glob("*.key"))
        if len(found) != 1:
            raise BadKey(f"{keys_folder()}: {len(found)} files *.key; say which with --key FILE")
        path = found[0]
    pair = _read(path)
    if not {"station", "public", "secret"} <= set(pair):
        raise BadKey(f"{path}: no client's keys")

    def secure(socket: zmq.Socket[bytes]) -> None:
        socket.curve_serverkey = pair["station"].encode()
        socket.curve_publickey, socket.curve_secretkey = pair["public"].encode(), pair["secret"].encode()

    return secure


def _pair() -> dict[str, str]:
    public, secret = zmq.curve_keypair()
    return {"public": public.decode(), "secret": secret.decode()}


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(read_small(path))
    except (OSError, ValueError) as error:
        raise BadKey(f"{path}: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise BadKey(f"{path}: no keys")
    return found


def _write(path: Path, body: Mapping[str, str]) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(body, file, indent=1)
    temporary.replace(path)
