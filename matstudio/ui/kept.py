"""What the window keeps from one start to the next, in the user's configuration; damaged files are set aside."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from matstudio.bus.textfile import read_small, set_aside, write_small
from matstudio.control.limits import limits_path
from matstudio.ui import layout, settings
from matstudio.ui.layout import Layout
from matstudio.ui.settings import WindowSettings

log = logging.getLogger(__name__)
T = TypeVar("T")
MOST = 50
"""So many layouts with a name are read."""


class Kept:
    """Settings (window.toml) and layouts of the window: the last one (layout-KIND.json) and those that have a name
    (layouts-KIND/NAME.json), for each kind of device.

    Args:
        kind: of the device ("twin", "replay", ...).
        folder: where they lie; default: beside limits.toml.

    Attributes:
        refused: one line for each file that could not be used or written.
    """

    def __init__(self, kind: str, folder: Path | None = None) -> None:
        folder = folder or limits_path().parent
        self._settings, self._layout = folder / "window.toml", folder / f"layout-{kind}.json"
        self._folder = folder / f"layouts-{kind}"
        self.refused: list[str] = []
        self._told = 0
        self._left: set[Path] = set()  # what could not be set aside is not written over either

    def settings(self) -> WindowSettings:
        """The settings; the default ones where there are none or they cannot be used."""
        return self._read(self._settings, settings.parse) or WindowSettings()

    def keep_settings(self, new: WindowSettings) -> None:
        """Write the settings."""
        self._write(self._settings, settings.dump(new))

    def layout(self, docks: tuple[str, ...]) -> Layout | None:
        """The layout for a window with these docks; None where there is none or it cannot be used."""
        return self._read(self._layout, lambda text: layout.parse(text, docks))

    def keep_layout(self, new: Layout) -> None:
        """Write the layout."""
        self._write(self._layout, layout.dump(new))

    def refuse_layout(self, why: str) -> None:
        """Set the layout aside, because Qt would not have it."""
        self._refuse(self._layout, why)

    def layouts(self, docks: tuple[str, ...]) -> dict[str, Layout]:
        """Those that have a name, for a window with these docks."""
        found = {}
        try:
            paths = sorted(self._folder.glob("*.json"))[:MOST]
        except OSError:
            return {}
        for path in paths:
            why = layout.unfit(path.stem)
            if why:
                self._refuse(path, why)
            elif (read := self._read(path, lambda text: layout.parse(text, docks))) is not None:
                found[path.stem] = read
        return found

    def keep_named(self, name: str, new: Layout) -> None:
        """Write a layout under a name (see `layout.unfit`). Raises OSError."""
        write_small(self._folder / f"{name}.json", layout.dump(new))

    def delete_named(self, name: str) -> None:
        """Delete a layout. Raises OSError."""
        (self._folder / f"{name}.json").unlink(missing_ok=True)

    def refuse_named(self, name: str, why: str) -> None:
        """Set a layout aside, because Qt would not have it."""
        self._refuse(self._folder / f"{name}.json", why)

    def told(self) -> list[str]:
        """The lines of `refused` that are new since this was asked last."""
        new = self.refused[self._told :]
        self._told = len(self.refused)
        return new

    def _read(self, path: Path, parse: Callable[[str], T]) -> T | None:
        try:
            text = read_small(path)
            return parse(text)
        except FileNotFoundError:
            return None
        except ValueError as error:
            self._refuse(path, str(error).removeprefix(f"{path}: "))
            return None

    def _refuse(self, path: Path, why: str) -> None:
        line = f"{path}: {why}; " + ("it is left out" if path.parent == self._folder else "defaults are used")
        try:
            line += f", and it is kept as {set_aside(path).name}"
        except OSError as error:
            line += f" ({error.strerror})"
            self._left.add(path)
        log.warning("%s", line)
        self.refused.append(line)

    def _write(self, path: Path, text: str) -> None:
        if path in self._left:
            return
        try:
            write_small(path, text)
        except OSError as error:
            line = f"{path}: cannot be written: {error.strerror}"
            if line not in self.refused:
                log.warning("%s", line)
                self.refused.append(line)
