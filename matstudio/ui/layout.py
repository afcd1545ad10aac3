"""Where the docks stand, as a text that is checked before Qt sees any of it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

VERSION = 1
_FORMAT = "matstudio-layout"
_LONGEST = 40


@dataclass(frozen=True)
class Layout:
    """The window's size and place, and its docks.

    Args:
        docks: names of the docks that every window of this program has.
        closed: names of those that the operator has closed.
        stage: what `QMainWindow.saveState` gave for the docks.
        window: what `QWidget.saveGeometry` gave for the window.
    """

    docks: tuple[str, ...]
    closed: tuple[str, ...]
    stage: bytes
    window: bytes


def unfit(name: str) -> str:
    """Why a layout cannot have this name, which is that of its file too, or ""."""
    if not 1 <= len(name) <= _LONGEST:
        return f"a name has 1 to {_LONGEST} characters"
    if not re.fullmatch(r"\w([\w .()+-]*[\w)+-])?", name):
        return "a name is made of letters, digits, spaces and . ( ) + - _, and begins with a letter or a digit"
    return ""


def dump(layout: Layout) -> str:
    """The text that `parse` reads."""
    body: dict[str, Any] = {
        "format": _FORMAT,
        "version": VERSION,
        "docks": list(layout.docks),
        "closed": list(layout.closed),
        "stage": base64.b64encode(layout.stage).decode(),
        "window": base64.b64encode(layout.window).decode(),
    }
    return json.dumps(body | {"sha256": _digest(body)}, indent=1) + "\n"


def parse(text: str, docks: tuple[str, ...]) -> Layout:
    """The layout in a text, for a window that has these docks.

    Raises:
        ValueError: damaged, of another version, or of a program with other docks; one line.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("damaged: not JSON") from None
    if not isinstance(body, dict) or body.get("format") != _FORMAT:
        raise ValueError("not a layout")
    version = body.get("version")
    if version != VERSION or isinstance(version, bool):
        raise ValueError(f"version {str(version)[:20]}, this program reads {VERSION}")
    digest = body.pop("sha256", None)
    if digest != _digest(body):
        raise ValueError("damaged: its checksum is wrong")
    try:
        names, closed = ([str(n) for n in body[key]] for key in ("docks", "closed"))
        stage, window = (base64.b64decode(body[key], validate=True) for key in ("stage", "window"))
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise ValueError("damaged: a part is missing") from None
    if sorted(names) != sorted(docks):
        raise ValueError("of a program with other docks")
    return Layout(tuple(names), tuple(closed), stage, window)


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
