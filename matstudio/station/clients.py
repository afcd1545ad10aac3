"""Who talks to the station, and when they were last heard."""

from __future__ import annotations

import math
from collections.abc import Callable

WINDOWS = ("studio", "launcher")
"""Roles that see what POLICY does: a window, and the launcher of a run without one, which alone says hello."""
_FORGET_S = 3600.0
_MOST = 50  # of the newest; the status names them all


class Clients:
    """People and programs that sent commands.

    Args:
        now: real seconds (of any origin); people and windows live in real time, however fast run time goes.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._heard: dict[str, float] = {}
        self._windows: dict[str, float] = {}
        self._start = now()

    def heard(self, who: str, role: str = "") -> bool:
        """Note that `who` spoke; True where it had not before. `role` tells whether it is a window."""
        now = self._now()
        known = who in self._heard
        self._heard[who] = now
        if role in WINDOWS or who in self._windows:
            self._windows[who] = now
        self._heard = {k: t for k, t in self._heard.items() if now - t < _FORGET_S}
        if len(self._heard) > _MOST:
            del self._heard[min(self._heard, key=self._heard.__getitem__)]
        self._windows = {k: t for k, t in self._windows.items() if k in self._heard}
        return not known

    def silent(self) -> float:
        """Real seconds since any of them spoke (since the station's start, if none ever did)."""
        return self._now() - max(self._heard.values(), default=self._start)

    def window_silent(self) -> float:
        """Real seconds since a window spoke; infinite if none ever did."""
        return self._now() - max(self._windows.values(), default=-math.inf)

    def ages(self) -> dict[str, float]:
        """Who -> real seconds since heard."""
        now = self._now()
        return {who: now - t for who, t in self._heard.items()}
