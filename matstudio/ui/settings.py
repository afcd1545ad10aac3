"""The window's settings: theme, colour map, recent files, commands and keys, as TOML.

version = 1
theme = "dark"                  # or "light"
colour_map = "gray"
recent = ["/data/session.nxs"]  # newest first; files opened together stand in one text, as for --instrument replay
commands = ["view.pause"]       # used last, the newest first

[shortcuts]                     # other keys than those from the start; "": none
"view.pause" = "Ctrl+Alt+P"
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from PySide6.QtGui import QKeySequence

from matstudio.domain.toml import line_of
from matstudio.ui.theme import Theme
from matstudio.widgets.colours import COLORMAPS

VERSION = 1
RECENT = 8
_KEYS = ("theme", "colour_map", "recent", "commands", "shortcuts")


@dataclass(frozen=True)
class WindowSettings:
    """What the window keeps from one start to the next.

    Args:
        theme: colours of the window.
        colour_map: of images; one of `COLORMAPS`.
        recent: what was opened, newest first, at most `RECENT`.
        commands: ids of the actions that were used last, the newest first.
        shortcuts: id of an action -> the key that the operator gave it, "": none.
    """

    theme: Theme = Theme.DARK
    colour_map: str = COLORMAPS[0]
    recent: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    shortcuts: Mapping[str, str] = field(default_factory=dict)

    def opened(self, what: str) -> WindowSettings:
        """The same with `what` as the newest of the recent files."""
        return replace(self, recent=(what, *(r for r in self.recent if r != what))[:RECENT])


def parse(text: str) -> WindowSettings:
    """The settings in a text.

    Raises:
        ValueError: not TOML, of another version, an unknown key or a wrong value; one line, with line and key.
    """
    try:
        body = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split()) or "nested too deeply") from None

    def wrong(key: str, problem: str) -> ValueError:
        return ValueError(" ".join(f"line {line_of(text, (key,))}: {key}: {problem}".split()))

    version = body.pop("version", None)
    if version is None:
        raise ValueError("no version in it")
    if version != VERSION or isinstance(version, bool):
        raise wrong("version", f"{version!r}, this program reads {VERSION}")
    for key in body:
        if key not in _KEYS:
            raise wrong(key, f"unknown key; known: {', '.join(_KEYS)}")
    theme, colour_map = body.get("theme", Theme.DARK), body.get("colour_map", COLORMAPS[0])
    for key, value, known in (("theme", theme, tuple(Theme)), ("colour_map", colour_map, COLORMAPS)):
        if not isinstance(value, str) or value not in known:
            raise wrong(key, f"{value!r}; there are {', '.join(known)}")
    lists = {key: body.get(key, []) for key in ("recent", "commands")}
    for key, what in (("recent", "paths"), ("commands", "ids of commands")):
        if not isinstance(lists[key], list) or not all(isinstance(r, str) and r for r in lists[key]):
            raise wrong(key, f"must be a list of {what}")
    shortcuts = body.get("shortcuts", {})
    if not isinstance(shortcuts, dict):
        raise wrong("shortcuts", "must be a table of keys")
    for id, value in shortcuts.items():
        if not isinstance(value, str) or (value and not key_of(value)):
            at = line_of(text, ("shortcuts", id))
            raise ValueError(f"line {at}: shortcuts: {' '.join(id.split())[:60]}: {str(value)[:40]!r} is no key")
    return WindowSettings(
        Theme(theme),
        colour_map,
        tuple(lists["recent"][:RECENT]),
        tuple(lists["commands"][:RECENT]),
        {id: key_of(value) for id, value in shortcuts.items()},
    )


def key_of(text: str) -> str:
    """A key as this program writes it ("Ctrl+Shift+H"), or "" where the text is none."""
    key = QKeySequence(text, QKeySequence.SequenceFormat.PortableText)
    return key.toString(QKeySequence.SequenceFormat.PortableText)


def dump(settings: WindowSettings) -> str:
    """The text that `parse` reads. A path that is no Unicode is left out."""
    recent = [r for r in settings.recent if r.isprintable() and r.encode(errors="replace").decode() == r]
    lines = [f"  {_text(r)}," for r in recent]
    keys = [f"{_text(id)} = {_text(key)}" for id, key in sorted(settings.shortcuts.items())]
    return "\n".join(
        (
            f"version = {VERSION}",
            f'theme = "{settings.theme}"',
            f'colour_map = "{settings.colour_map}"',
            "recent = [",
            *lines,
            "]",
            f"commands = [{', '.join(_text(c) for c in settings.commands)}]",
            *(("", "[shortcuts]", *keys) if keys else ()),
            "",
        )
    )


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
