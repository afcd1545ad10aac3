"""The time axis of the timeline: ticks, and times as text."""

from __future__ import annotations

import math
import time

_FINE = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0)
_COARSE = (60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 21600.0, 43200.0, 86400.0)


def step(span: float, most: int) -> float:
    """The finest round step of which at most `most` fit into `span`, s."""
    wanted = span / max(1, most)
    for found in (*_FINE, *_COARSE):
        if found >= wanted:
            return found
    return 86400.0 * math.ceil(wanted / 86400)


def ticks(start: float, end: float, most: int) -> list[float]:
    """Round times between two times, at most `most` + 1 of them."""
    if not end > start:
        return []
    by = step(end - start, most)
    first, last = math.ceil(start / by - 1e-9), math.floor(end / by + 1e-9)
    return [round(i * by, 6) for i in range(first, last + 1)]


def run_time(t: float, by: float = 1.0) -> str:
    """Run time t, s, as "1:02:03", "2:03" or "2:03.4", as fine as steps of `by` seconds need."""
    digits = 0 if by >= 1 else min(3, math.ceil(-math.log10(by) - 1e-9))
    scale = 10**digits
    whole = round(abs(t) * scale)
    seconds, part = divmod(whole, scale)
    text = f"{seconds // 60 % 60}:{seconds % 60:02d}"
    if seconds >= 3600:
        text = f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if digits:
        text += f".{part:0{digits}d}"
    return f"−{text}" if t < 0 and whole else text


def wall_time(wall: float, by: float = 60.0) -> str:
    """Local time of day of seconds since 1970, with seconds and their parts as steps of `by` seconds need."""
    if by < 1:
        wall = round(wall, 3)
    whole = math.floor(wall)
    text = time.strftime("%H:%M" if by >= 60 else "%H:%M:%S", time.localtime(whole))
    if by < 1:
        digits = min(3, math.ceil(-math.log10(by) - 1e-9))
        text += f"{wall - whole:.{digits}f}"[1:]
    return text


def day(wall: float) -> str:
    """Local date of seconds since 1970."""
    return time.strftime("%Y-%m-%d", time.localtime(wall))
