"""Which plugins are switched off, and why: `plugins.json` in the user's configuration."""

from __future__ import annotations

import json
from pathlib import Path

from matstudio.bus.textfile import config_folder, read_small, write_small

_LONGEST = 300


class Switches:
    """Reads and writes which plugins are off.

    Args:
        path: of the file; default: `plugins.json` in `config_folder()`.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or config_folder() / "plugins.json"

    def off(self) -> dict[str, str]:
        """Name -> why, of the plugins that are switched off. A damaged file counts as none."""
        try:
            body = json.loads(read_small(self._path))["off"]
            return {str(name): str(why) for name, why in body.items()}
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def switch_off(self, name: str, why: str) -> None:
        """Leave a plugin out from now on. Raises OSError."""
        self._write(self.off() | {name: " ".join(why.split())[:_LONGEST]})

    def switch_on(self, name: str) -> None:
        """Use a plugin again. Raises OSError."""
        self._write({n: why for n, why in self.off().items() if n != name})

    def _write(self, off: dict[str, str]) -> None:
        write_small(self._path, json.dumps({"off": off}, indent=1, sort_keys=True) + "\n")
