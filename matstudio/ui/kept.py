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


class Kept:
    """Settings (window.toml) and layouts (layout-KIND.json, one for each kind of device) of the window.

    Args:
        kind: of the device ("twin", "replay", ...).
        folder: where they lie; default: beside limits.toml.

    Attributes:
        refused: one line for each file that could not be used or written.
    """

    def __init__(self, kind: str, folder: Path | None = None) -> None:
        folder = folder or limits_path().parent
        self._settings, self._layout = folder / "window.toml", folder / f"layout-{kind}.json"
        self.refused: list[str] = []
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
        line = f"{path}: {why}; defaults are used"
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
