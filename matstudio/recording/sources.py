"""What the recorder reads: frame rings without loss, and the audit log line by line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matstudio.bus.ring import RingError, RingReader
from matstudio.domain.device import Description, Stream
from matstudio.domain.frame import Frame

NEWEST, OLDEST, ALL = "newest", "oldest", "all"
"""Where a ring is taken up: with its newest frame; with the oldest that it still holds; with its first one, which may
be lost already."""


class StreamSource:
    """One stream's ring, read in order.

    Args:
        stream: as the device describes it.
        begin: NEWEST, OLDEST, ALL, or the number (`seq`) of the last frame that is recorded already.
    """

    def __init__(self, stream: Stream, begin: str | int) -> None:
        self.stream = stream
        self._begin = begin
        self._overlaps = False  # the ring still holds a frame that is recorded: what came after it is there
        self._reader: RingReader | None = None

    def attach(self) -> bool:
        """Open the ring where that has not been done; whether it is open."""
        if self._reader is None:
            try:
                self._reader = RingReader(Path(self.stream.ring))
            except (OSError, RingError):
                return False
            if self._begin == NEWEST:
                self._reader.position = max(0, self._reader.written - 1)
            elif self._begin != ALL:
                self._reader.skip_to_oldest()
        return True

    def replaced(self) -> bool:
        """Whether the ring is gone or another one, because the device ended or was restarted."""
        return self._reader is not None and self._reader.replaced()

    def take(self, most: int) -> list[tuple[Frame, int]]:
        """The frames not taken yet, oldest first, at most `most`, each with how many were lost just before it."""
        out: list[tuple[Frame, int]] = []
        while self.attach() and self._reader is not None and len(out) < most:
            missed = self._reader.missed
            frame = self._reader.next()
            if frame is None:
                break
            lost = self._reader.missed - missed
            if isinstance(self._begin, int):
                if frame.seq <= self._begin:
                    self._overlaps = True
                    continue
                lost, self._begin = 0 if self._overlaps else frame.seq - self._begin - 1, OLDEST
            out.append((frame, lost))
        return out

    def close(self) -> None:
        """Let go of the ring."""
        if self._reader is not None:
            self._reader.close()


class Sources:
    """The streams of one life of the device.

    Args:
        description: of the device.
        begin: where the rings are taken up.
        last: number of the last frame that is recorded already, of the streams that go on from there.
    """

    def __init__(self, description: Description, begin: str, last: Mapping[str, int]) -> None:
        self.description = description
        self.streams = {s.name: StreamSource(s, last.get(s.name, begin)) for s in description.streams}

    def replaced(self) -> bool:
        """Whether the device has ended or was restarted."""
        return any(s.replaced() for s in self.streams.values())

    def take(self, most: int = 64) -> list[tuple[Frame, int]]:
        """At most `most` frames of each stream that have come since, each stream in order; see `StreamSource.take`."""
        return [pair for s in self.streams.values() for pair in s.take(most)]

    def close(self) -> None:
        """Let go of the rings."""
        for s in self.streams.values():
            s.close()


class AuditTail:
    """The audit log's lines, from its beginning and as they come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def lines(self) -> list[bytes]:
        """Complete lines not given yet, without the line feed."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._at)
                body = file.read()
        except FileNotFoundError:
            return []
        whole = body[: body.rfind(b"\n") + 1]
        self._at += len(whole)
        return whole.split(b"\n")[:-1]
