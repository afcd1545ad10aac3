"""Short notices: which are shown, for how long, and how many stand behind them. Knows no Qt."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

LASTS_S = {"": 6.0, "caution": 15.0, "bad": 30.0}
"""How long a notice of each level stays, s."""
AGAIN_S = 2.0
"""What it stays at least when the pointer has left it, s."""
FADES_S = 1.0
"""In its last second it grows faint."""
MOST = 1000
"""Older ones are forgotten: all of them stand in the log."""
_RANK = {"": 0, "caution": 1, "bad": 2}


@dataclass(frozen=True)
class Notice:
    """One line for the operator.

    Args:
        key: its number.
        text: one line.
        level: "" where all is as it should be, "caution" or "bad".
        leads: id of the action that shows more, or "".
        times: how often it was told while it was there.
        until: when it goes, in seconds of `Notices.now`.
    """

    key: int
    text: str
    level: str
    leads: str
    times: int
    until: float

    @property
    def line(self) -> str:
        """The text, and how often it was told."""
        return self.text if self.times == 1 else f"{self.text} ({self.times}×)"


class Notices:
    """The notices that there are now.

    Args:
        now: real time in seconds; for tests.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._notices: list[Notice] = []
        self._keys = 0
        self._held: float | None = None

    def add(self, text: str, level: str = "", leads: str = "") -> None:
        """Tell a line; one that is there already is counted and stays longer, as the newest."""
        self._keys += 1
        new = Notice(self._keys, text, level, leads, 1, self._now() + LASTS_S[level])
        for old in self._notices:
            if (old.text, old.level) == (text, level):
                new = replace(new, times=old.times + 1)
                self._notices.remove(old)
                break
        self._notices.append(new)
        del self._notices[:-MOST]

    def close(self, key: int) -> None:
        """Take one away."""
        self._notices = [n for n in self._notices if n.key != key]

    def clear(self) -> None:
        """Take all away."""
        self._notices = []

    def hold(self, held: bool) -> None:
        """Let none go while the pointer is on them."""
        if held == (self._held is not None):
            return
        now = self._now()
        if held:
            self._prune()
            self._held = now
        else:
            spent = now - (self._held or now)
            self._held = None
            self._notices = [replace(n, until=max(n.until + spent, now + AGAIN_S)) for n in self._notices]

    def shown(self, room: int) -> tuple[tuple[Notice, ...], int]:
        """Up to `room` notices, oldest first, the graver ones before the others where there are too many; and how many
        more there are."""
        self._prune()
        chosen = sorted(self._notices, key=lambda n: (_RANK[n.level], n.key))[-room:] if room > 0 else []
        return tuple(sorted(chosen, key=lambda n: n.key)), len(self._notices) - len(chosen)

    def strength(self, notice: Notice) -> float:
        """How plainly a notice is to be drawn: 1, and less in its last second."""
        if self._held is not None:
            return 1.0
        return min(1.0, max(0.0, (notice.until - self._now()) / FADES_S))

    def text(self) -> str:
        """The newest, or ""."""
        self._prune()
        return self._notices[-1].text if self._notices else ""

    def _prune(self) -> None:
        if self._held is None:
            now = self._now()
            self._notices = [n for n in self._notices if n.until > now]
