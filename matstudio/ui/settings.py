"""The window's settings: theme, colour map and recent files, as TOML.

version = 1
theme = "dark"                  # or "light"
colour_map = "gray"
recent = ["/data/session.nxs"]  # newest first; files opened together stand in one text, as for --instrument replay
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, replace

from matstudio.domain.toml import line_of
from matstudio.ui.theme import Theme
from matstudio.widgets.colours import COLORMAPS

VERSION = 1
RECENT = 8


@dataclass(frozen=True)
class WindowSettings:
    """What the window keeps from one start to the next.

    Args:
        theme: colours of the window.
        colour_map: of images; one of `COLORMAPS`.
        recent: what was opened, newest first, at most `RECENT`.
    """

    theme: Theme = Theme.DARK
    colour_map: str = COLORMAPS[0]
    recent: tuple[str, ...] = ()

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
        if key not in ("theme", "colour_map", "recent"):
            raise wrong(key, "unknown key; known: theme, colour_map, recent")
    theme, colour_map = body.get("theme", Theme.DARK), body.get("colour_map", COLORMAPS[0])
    for key, value, known in (("theme", theme, tuple(Theme)), ("colour_map", colour_map, COLORMAPS)):
        if not isinstance(value, str) or value not in known:
            raise wrong(key, f"{value!r}; there are {', '.join(known)}")
    recent = body.get("recent", [])
    if not isinstance(recent, list) or not all(isinstance(r, str) and r for r in recent):
        raise wrong("recent", "must be a list of paths")
    return WindowSettings(Theme(theme), colour_map, tuple(recent[:RECENT]))


def dump(settings: WindowSettings) -> str:
    """The text that `parse` reads. A path that is no Unicode is left out."""
    recent = [r for r in settings.recent if r.isprintable() and r.encode(errors="replace").decode() == r]
    lines = [f"  {json.dumps(r, ensure_ascii=False)}," for r in recent]
    return "\n".join(
        (
            f"version = {VERSION}",
            f'theme = "{settings.theme}"',
            f'colour_map = "{settings.colour_map}"',
            "recent = [",
            *lines,
            "]\n",
        )
    )
