"""The electron dose and the beam, as the process dock shows them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matstudio.domain.process import Mode
from matstudio.ui.live import Live
from matstudio.widgets.text import significant


@dataclass(frozen=True)
class Dose:
    """What the card shows.

    Args:
        rate, total: with their units. budget: the limit and how much of it is spent, or that there is none.
        fraction: of the budget, 0..1, NaN without one. level: "", "caution" or "bad".
        beam: "on", "blanked", or "" where it cannot be told.
        button: what a click does, "" where there is no beam to blank; on: what it asks for. locked: why it cannot.
    """

    rate: str
    total: str
    budget: str
    fraction: float
    level: str
    beam: str
    button: str
    on: bool
    locked: str


def present(live: Live) -> Dose | None:
    """The card now; None for a device that tells no dose and has no beam."""
    has_beam = live.limits("beam") is not None
    told = live.description is not None and "dose" in live.description.readings
    if not (has_beam or told):
        return None
    rate, total, beam = live.reading("dose_rate"), live.reading("dose"), live.reading("beam")
    limits = (live.status.get("device") or {}).get("dose") or {}
    budget = limits.get("budget")
    fraction, text = math.nan, "no budget"
    if isinstance(budget, (int, float)) and budget > 0:
        fraction = min(max(total.value / budget, 0.0), 1.0)
        text = f"budget {significant(budget, 3)} e/Å²"
        if math.isfinite(fraction):
            text += f", {100 * total.value / budget:.0f} % spent"
    most = limits.get("rate")
    if isinstance(most, (int, float)):
        text += f"; at most {significant(most, 3)} e/Å²/s"
    level = "bad" if fraction >= 1 else "caution" if fraction >= 0.9 else ""
    on = beam.value >= 0.5
    known = math.isfinite(beam.value) and beam.quality == "good"
    locked = "" if live.attached else "the station is silent"
    if not locked and not on and live.mode is Mode.SAFE:
        locked = "SAFE is latched: reset it first"
    return Dose(
        f"{significant(rate.value, 3)} e/Å²/s" if math.isfinite(rate.value) else "–",
        f"{significant(total.value, 4)} e/Å²" if math.isfinite(total.value) else "–",
        text,
        fraction,
        level,
        ("on" if on else "blanked") if known else "",
        ("Blank" if on else "Beam on") if has_beam else "",
        not on,
        locked,
    )
