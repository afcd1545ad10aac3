"""The status bar, the line of each stream, and the replay's position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from matstudio.domain.estimate import MaterialState
from matstudio.domain.structure import SiteModel
from matstudio.ui.live import Live
from matstudio.widgets.text import duration
from matstudio.workers.frames import StreamStats
from matstudio.workers.machine import Machine

LOW_DISK = 5_000_000_000
"""Bytes: less than this stands out."""
LOW_MEMORY = 0.05
"""Part of the computer's memory: less than this being free stands out."""


def stream_line(
    live: Live, stream: str, stats: StreamStats | None, analysed: float | None, age: float | None = None
) -> str:
    """ "10.0 Hz  age 0.06 s  skipped 3  analysed 4.1"; what is as it should be is not said."""
    if stats is None or not stats.received:
        return "no frame yet"
    parts = [f"{stats.rate_received:.1f} Hz"]
    if abs(stats.rate_received - stats.rate_shown) > 0.25:
        parts.append(f"shown {stats.rate_shown:.1f}")
    if age is not None:
        parts.append(f"age {duration(age)}")
    if stats.skipped:
        parts.append(f"skipped {stats.skipped:,}")
    if analysed is not None:
        parts.append(f"analysed {analysed:.1f}")
    error = (live.models.get(stream) or {}).get("error")
    if error:
        parts.append(f"model: {error}")
    return "  ".join(parts)


@dataclass(frozen=True)
class Field:
    """One thing that the status bar says.

    Args:
        text: what stands there. tip: what it means, and more of it.
        rank: those of a low rank are shown first where there is no room for all.
        stands_out: whether it is not as it should be.
    """

    text: str
    tip: str = ""
    rank: int = 5
    stands_out: bool = False


def bar(live: Live, stats: Mapping[str, StreamStats], machine: Machine | None, gl: str) -> tuple[Field, ...]:
    """The status line."""
    fields = [Field(f"run {live.run.id} up {uptime(live)}", "number of the run, and how long it goes on", 4)]
    speed = live.run.clock.speed
    if speed != 1:
        fields.append(Field(f"time {speed:g}× real", "run time passes so many times as fast", 1, True))
    lost = sum(int(n) for n in (live.recording.get("dropped") or {}).values())
    if lost:
        fields.append(Field(f"not recorded {lost:,}", "frames that the recorder could not hold", 0, True))
    if machine is not None:
        fields += _machine(machine)
    if stats:
        shown, received = (sum(getattr(s, f"rate_{n}") for s in stats.values()) for n in ("shown", "received"))
        each = (f"{name} {s.rate_shown:.1f} of {s.rate_received:.1f} Hz" for name, s in stats.items())
        skipped = sum(s.skipped for s in stats.values())
        tip = f"frames drawn of frames received a second, {', '.join(each)}; skipped {skipped:,}"
        fields.append(Field(f"frames {shown:.1f} of {received:.1f} Hz", tip, 3))
    audit = live.status.get("audit") or {}
    if audit.get("hash"):
        tip = "number and beginning of the hash of the last audit entry"
        fields.append(Field(f"audit {audit.get('n')} {str(audit['hash'])[:8]}", tip, 5))
    if gl:
        fields.append(Field(gl, "what draws the structure in three dimensions", 6))
    return tuple(fields)


def _machine(m: Machine) -> list[Field]:
    """Processor, memory and disk."""
    cores = f"in % of {m.cores} core{'s' if m.cores != 1 else ''}"
    run = "" if m.run_cpu is None else f"run {m.run_cpu:.0f} %, all "
    fields = [Field(f"CPU {run}{m.cpu:.0f} %", f"the run's processes, and all programs, {cores}", 1)]
    if m.memory is not None and m.memory_total:
        tip = (
            f"what the run's processes take of the computer's memory; {m.memory_free / 1e9:.1f} GB are free. What "
            "several have in common is shared out among them"
        )
        low = m.memory_free < LOW_MEMORY * m.memory_total
        fields.append(Field(f"memory run {m.memory / 1e9:.1f} of {m.memory_total / 1e9:.1f} GB", tip, 2, low))
    left = f"{m.disk_free / 1e9:.0f} GB" if m.disk_free >= 1e10 else f"{m.disk_free / 1e9:.1f} GB"
    fields.append(Field(f"disk {left} left", "where sessions are recorded to", 0, m.disk_free < LOW_DISK))
    return fields


def uptime(live: Live) -> str:
    """Real time since the run began: "3:14:07", or "2 d 03:14"."""
    import time

    seconds = max(0, int(time.time() - live.run.clock.epoch))
    days, rest = divmod(seconds, 86400)
    if days:
        return f"{days} d {rest // 3600:02d}:{rest // 60 % 60:02d}"
    return f"{rest // 3600}:{rest // 60 % 60:02d}:{rest % 60:02d}"


@dataclass(frozen=True)
class Replay:
    """Where a replay is: seconds of the recording, whether it plays, and what was assumed or left out."""

    position: float
    duration: float
    playing: bool
    speed: float
    notes: tuple[str, ...] = ()


def replay(live: Live) -> Replay | None:
    """The replay's position, or None where the device is none."""
    if live.description is None or live.description.kind != "replay":
        return None
    state = {**live.description.state, **live.device_state}
    position, duration = (float(state.get(k) or 0.0) for k in ("position", "duration"))
    speed = float(state.get("speed") or 1.0)
    playing = bool(state.get("playing", True))
    notes = tuple(str(n) for n in state.get("notes") or ())
    return Replay(position, duration, playing, speed, notes)


class Analysed:
    """Frames a second that a model has read, from its running counts."""

    def __init__(self) -> None:
        self._marks: dict[str, list[tuple[float, int]]] = {}

    def update(self, live: Live) -> dict[str, float]:
        """Rates by stream; call it when the `models` message has come."""
        rates = {}
        for stream, m in live.models.items():
            marks = self._marks.setdefault(stream, [])
            marks.append((live.now(), int(m.get("analysed", 0))))
            del marks[:-4]
            span = marks[-1][0] - marks[0][0]
            if span > 0.5:
                rates[stream] = max(0, marks[-1][1] - marks[0][1]) / span
        return rates


def can_be_drawn(structure: SiteModel) -> bool:
    """Whether a structure has sites, of finite places and occupancies, in a box."""
    n, parts = len(structure.positions), (structure.cell, structure.positions, structure.occupancy)
    shapes = ((3, 3), (n, 3), (n, len(structure.species)))
    return n > 0 and all(p.shape == s and bool(np.isfinite(p).all()) for p, s in zip(parts, shapes, strict=True))


def structure_line(state: MaterialState, age: float) -> str:
    """The title of the structure: in what its sources disagree, how many sites, how old (s), and from which streams."""
    sources = sorted({ref.stream for refs in state.sources.values() for ref in refs})
    sites = 0 if state.structure is None else len(state.structure.positions)
    undrawn = () if state.structure is None or can_be_drawn(state.structure) else ("cannot be drawn",)
    return "  ".join((*undrawn, *state.notes, f"{sites:,} sites", f"{age:.1f} s ago from {' + '.join(sources)}"))
