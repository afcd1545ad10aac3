"""The audit log as the station writes it: numbered, timed, chained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matstudio.control import audit
from matstudio.domain.clock import Clock


class Log:
    """The end of an audit chain that grows.

    Args:
        clock: run time.
        record: takes each entry, at once, without blocking.
        link: end of the chain that is continued.
    """

    def __init__(self, clock: Clock, record: Callable[[audit.Entry], None], link: audit.Link) -> None:
        self._clock, self._record = clock, record
        self.link = link
        """Number and hash of the last entry."""

    def note(self, kind: str, who: str, text: str, **data: Any) -> None:
        """Add an entry."""
        t = self._clock.now()
        wall = getattr(self._clock, "wall", None)
        entry, self.link = audit.append(
            self.link, t=round(t, 6), wall=wall(t) if wall else t, kind=kind, who=who, text=text, data=data
        )
        self._record(entry)
