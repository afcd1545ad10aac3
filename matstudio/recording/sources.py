"""What the recorder reads: frame rings without loss, and the audit log line by line."""

from __future__ import annotations

from pathlib import Path

from matstudio.bus.ring import RingError, RingReader
from matstudio.domain.device import Description, Stream
from matstudio.domain.frame import Frame


class StreamSource:
    """One stream's ring, read in order from its newest frame on.

    Args:
        stream: as the device describes it.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.received = 0
        self.lost = 0  # by the recorder itself: its backlog was full
        self._reader: RingReader | None = None

    @property
    def dropped(self) -> int:
        """Frames of this stream that were offered and are not recorded."""
        return self.lost + (self._reader.missed if self._reader else 0)

    def attach(self) -> bool:
        """Open the ring where that has not been done; whether it is open."""
        if self._reader is None:
            try:
                self._reader = RingReader(Path(self.stream.ring))
            except (OSError, RingError):
                return False
            self._reader.position = max(0, self._reader.written - 1)
        return True

    def replaced(self) -> bool:
        """Whether the ring is gone or another one, because the device ended or was restarted."""
        return self._reader is not None and self._reader.replaced()

    def take(self, most: int = 64) -> list[tuple[Frame, int]]:
        """The frames not taken yet, oldest first, at most `most`, each with what had been dropped by then."""
        out: list[tuple[Frame, int]] = []
        while self.attach() and self._reader is not None and len(out) < most:
            frame = self._reader.next()
            if frame is None:
                break
            out.append((frame, self.dropped))
        self.received += len(out)
        return out

    def close(self) -> None:
        """Let go of the ring."""
        if self._reader is not None:
            self._reader.close()


class Sources:
    """The streams of one life of the device."""

    def __init__(self, description: Description) -> None:
        self.description = description
        self.streams = {s.name: StreamSource(s) for s in description.streams}

    def replaced(self) -> bool:
        """Whether the device has ended or was restarted."""
        return any(s.replaced() for s in self.streams.values())

    def take(self) -> list[tuple[Frame, int]]:
        """What has come since, by stream, each in order, with what had been dropped by then."""
        return [pair for s in self.streams.values() for pair in s.take()]

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
