"""What the launcher has to write into the audit log."""

from __future__ import annotations

import time
from collections import deque

from matstudio.bus.messages import CommandClient, NoAnswer
from matstudio.bus.rundir import LAUNCHER, STATION, Run

_LOST_S = 1.0


class Events:
    """Lines for the audit log, in order; each waits until the station has noted it, also for one that comes back.

    Args:
        run: whose station.
    """

    def __init__(self, run: Run) -> None:
        self._client = CommandClient(run.socket(STATION, "cmd"))
        self._waiting: deque[dict[str, str]] = deque()
        self._asked: int | None = None
        self._asked_at = 0.0

    def tell(self, text: str, alarm: str = "") -> None:
        """Have a line noted; `alarm`: the process of which people must know."""
        self._waiting.append({"who": LAUNCHER, "text": text} | ({"alarm": alarm} if alarm else {}))

    def step(self, heard: float) -> None:
        """Send the next line if the last was noted; never blocks.

        Args:
            heard: `time.monotonic()` of the station's last message. One that has spoken for a second since it was
                asked, and has not answered, is another one, and is asked again.
        """
        if self._asked is not None and self._asked in self._client.answers():
            self._waiting.popleft()
            self._asked = None
        if self._waiting and (self._asked is None or heard > self._asked_at + _LOST_S):
            try:
                self._asked, self._asked_at = self._client.ask("event", **self._waiting[0]), time.monotonic()
            except NoAnswer:
                self._asked = None

    def close(self) -> None:
        """Let go of the station."""
        self._client.close()
