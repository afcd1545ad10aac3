"""What became of each stream's frames: counts of the window, the models and the recorder, and whether they add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matstudio.ui.live import Live
from matstudio.workers.frames import StreamStats

PARTS: Mapping[str, tuple[str, ...]] = {
    "window": ("shown", "skipped"),
    "models": ("analysed", "skipped", "failed"),
    "recorder": ("recorded", "dropped", "waiting"),
}
"""Who receives frames, and what becomes of them: `received` is the sum."""
HEADS = (
    "stream\n",
    "device\nHz",
    *(f"{who if name == 'received' else ''}\n{name}" for who, names in PARTS.items() for name in ("received", *names)),
    "\nremarks",
)


@dataclass(frozen=True)
class Row:
    """One stream: a cell for each of `HEADS`, and "caution" where a frame was lost or failed."""

    cells: tuple[str, ...]
    level: str = ""


def counts(live: Live, stats: Mapping[str, StreamStats]) -> list[Row]:
    """A row for each stream of the device."""
    if live.description is None:
        return []
    return [_row(live, s.name, stats.get(s.name)) for s in live.description.streams]


def _row(live: Live, stream: str, stats: StreamStats | None) -> Row:
    model = live.models.get(stream) or {}
    recorder = {
        name: (live.recording.get(name) or {}).get(stream)
        for name in ("received", *PARTS["recorder"])
        if isinstance(live.recording.get(name), Mapping)
    }
    told: Mapping[str, Mapping[str, Any]] = {
        "window": vars(stats) if stats is not None else {},
        "models": model,
        "recorder": recorder,
    }
    cells, remarks = [stream, f"{stats.rate_received:.1f}" if stats is not None else "–"], []
    for who, names in PARTS.items():
        found = [_whole(told[who].get(name)) for name in names]
        known = [n for n in found if n is not None]
        received = _whole(told[who].get("received"))
        if received is None and len(known) == len(found):
            received = sum(known)
        if received is not None and len(known) == len(found) and sum(known) != received:
            sums = " + ".join(f"{n:,}" for n in known)
            remarks.append(f"{who}: {received:,} received are not {sums}")
        cells += ["–" if n is None else f"{n:,}" for n in (received, *found)]
    lost, failed = _whole(recorder.get("dropped")), _whole(model.get("failed"))
    if lost:
        remarks.append(f"{lost:,} not recorded")
    error = str(model.get("error") or "")
    if failed:
        remarks.append(f"{failed:,} not read")
    if error:
        remarks.append(f"model: {error}")
    return Row((*cells, "; ".join(remarks)), "caution" if remarks else "")


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
