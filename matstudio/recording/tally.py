"""Counts what becomes of the frames that one file could have had."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

WORDS = ("received", "recorded", "dropped", "waiting")


class Tally:
    """Frames by stream: `received` = `recorded` + `dropped` + `waiting`, at every moment. Thread-safe.

    `received` begins with the first frame that the file could have had, those that the ring lost included.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, dict[str, int]] = {}
        self._ended = False

    def _add(self, stream: str, **changes: int) -> None:
        with self._lock:
            counts = self._counts.setdefault(stream, dict.fromkeys(WORDS, 0))
            for word, n in changes.items():
                counts[word] += n
            if self._ended:
                _settle(counts, counts["recorded"])

    def know(self, streams: Iterable[str]) -> None:
        """Count these streams from zero on, where they are not counted yet."""
        for stream in streams:
            self._add(stream)

    def came(self, stream: str, lost: int = 0) -> None:
        """A frame is there and waits; `lost` before it are not."""
        self._add(stream, received=1 + lost, waiting=1, dropped=lost)

    def refused(self, stream: str) -> None:
        """One that waited finds no place."""
        self._add(stream, waiting=-1, dropped=1)

    def written(self, stream: str) -> None:
        """One that waited stands in the file."""
        self._add(stream, waiting=-1, recorded=1)

    def end(self, recorded: Mapping[str, int]) -> None:
        """The file has ended with these frames; whatever else came, or comes, is dropped."""
        with self._lock:
            self._ended = True
            for stream, counts in self._counts.items():
                _settle(counts, recorded.get(stream, 0))

    def dropped(self, stream: str) -> int:
        """Frames of a stream dropped so far."""
        with self._lock:
            return self._counts[stream]["dropped"] if stream in self._counts else 0

    def counts(self) -> dict[str, dict[str, int]]:
        """All four counts of each stream, taken at one moment."""
        with self._lock:
            return {stream: dict(counts) for stream, counts in self._counts.items()}


def _settle(counts: dict[str, int], recorded: int) -> None:
    counts |= {"recorded": recorded, "waiting": 0, "dropped": counts["received"] - recorded}


def total(parts: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    """The sum of the counts of several files."""
    out: dict[str, dict[str, int]] = {}
    for part in parts:
        for stream, counts in part.items():
            into = out.setdefault(stream, dict.fromkeys(WORDS, 0))
            for word in WORDS:
                into[word] += counts[word]
    return out
