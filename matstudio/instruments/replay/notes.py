"""Notes and bookmarks that people leave about a recording, kept beside its file. Format: docs/recording.md.

The recording itself, and with it the chain of its audit log, is never touched.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SUFFIX = ".notes.jsonl"
_MOST_BYTES = 2**24
_LONGEST = 4096


def sidecar(path: Path) -> Path:
    """Where the notes stand: NAME.notes.jsonl for the session NAME.nxs, otherwise NAME.EXT.notes.jsonl."""
    return path.with_name((path.stem if path.suffix == ".nxs" else path.name) + SUFFIX)


class Notebook:
    """The notes about one recording.

    Args:
        path: of the sidecar; it need not be there.
        run: id of the recorded run, so that notes about another recording of that name are not mistaken for these.
    """

    def __init__(self, path: Path, run: str = "") -> None:
        self.path = path
        self._run = run

    def read(self) -> tuple[list[dict[str, Any]], list[str]]:
        """The notes as events, oldest first, and one line for each reason why lines were left out."""
        try:
            if self.path.stat().st_size > _MOST_BYTES:
                return [], [f"{self.path.name}: larger than {_MOST_BYTES >> 20} MiB, not read"]
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return [], []
        except OSError as error:
            return [], [f"{self.path.name}: {error.strerror or error}"]
        found, damaged, foreign = [], 0, 0
        for line in lines:
            try:
                note = json.loads(line)
                event = _event(note)
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
                damaged += 1
                continue
            if note.get("run", "") != self._run:
                foreign += 1
            else:
                found.append(event)
        told = []
        if damaged:
            told.append(f"{self.path.name}: {damaged} damaged lines left out")
        if foreign:
            told.append(f"{self.path.name}: {foreign} notes about another recording of that name left out")
        return found, told

    def add(self, t: float, who: str, text: str, bookmark: bool) -> dict[str, Any]:
        """Append a note about recorded time `t`, seconds; returns it as an event.

        Raises:
            ValueError: it cannot be written; one line.
        """
        note = {"t": t, "wall": time.time(), "who": who, "text": text, "bookmark": bookmark, "run": self._run}
        line = json.dumps(note, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        try:
            whole = self._whole()
            with open(self.path, "ab") as file:
                file.write(line if whole else b"\n" + line)
        except OSError as error:
            raise ValueError(f"note not kept: {self.path}: {error.strerror or error}") from None
        return _event(note)

    def _whole(self) -> bool:
        """Whether the file ends with a whole line."""
        try:
            with open(self.path, "rb") as file:
                if not file.seek(0, 2):
                    return True
                file.seek(-1, 2)
                return file.read(1) == b"\n"
        except FileNotFoundError:
            return True


def _event(note: Mapping[str, Any]) -> dict[str, Any]:
    t, wall = float(note["t"]), float(note["wall"])
    if not (math.isfinite(t) and math.isfinite(wall)):
        raise ValueError("no time")
    return {
        "n": 0,
        "t": t,
        "wall": wall,
        "kind": "note",
        "who": f"operator:{str(note['who'])[:100]}",
        "text": str(note["text"])[:_LONGEST],
        "data": {"t": t, "bookmark": note.get("bookmark") is True, "later": True},
    }
