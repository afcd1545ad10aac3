"""What the policy advises: the setpoints, why, how sure, and whether it knows such a state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from matstudio.domain.process import Mode
from matstudio.ui.live import Live
from matstudio.ui.present.process import ROWS
from matstudio.widgets.text import number


@dataclass(frozen=True)
class Advised:
    """What the card shows.

    Args:
        state: one or two words at the right of the title. level: "dim", "" or "caution".
        rows: (title, value now with its unit, proposed value as a number, unit) of each setpoint.
        lines: what comes of it, how sure that is and whether the policy knows such a state; or why there is none.
        open: whether it can be accepted or rejected now.
    """

    state: str
    level: str
    rows: tuple[tuple[str, str, str, str], ...] = ()
    lines: tuple[str, ...] = ()
    open: bool = False


@dataclass(frozen=True)
class Ahead:
    """A forecast of one value: run times and (5 %, median, 95 %), (N,), and the median with setpoints held, or None."""

    t: np.ndarray
    low: np.ndarray
    mid: np.ndarray
    high: np.ndarray
    held: np.ndarray | None = None


def present(live: Live) -> Advised:
    """The card now."""
    mode, advice = live.mode, live.advice.get("advice") or {}
    if not live.settable or mode not in (Mode.ADVISE, Mode.POLICY):
        return Advised("in ADVISE and POLICY", "dim")
    if not advice:
        return Advised("no policy loaded" if live.silence("advice") > 10 else "thinking", "dim")
    if advice.get("trouble"):
        return Advised("no advice", "caution", lines=(_sentence(str(advice["trouble"])),))
    rows = []
    for row in ROWS:
        value = advice.get("setpoints", {}).get(row.name)
        if value is not None:
            now = live.setpoint(row.name)
            digits = row.digits + row.fine
            shown = "" if now is None else f"now {number(now, digits)}"
            rows.append((row.title, shown, number(float(value), digits), "" if row.unit == "1" else row.unit))
    if mode is Mode.POLICY:
        state, level = "followed", ""
    elif advice.get("rejected"):
        state, level = f"rejected by {advice['rejected']}", "dim"
    else:
        state, level = "proposed", ""
    return Advised(state, level, tuple(rows), _lines(live), mode is Mode.ADVISE)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].replace("-", "−")


def _lines(live: Live) -> tuple[str, ...]:
    advice, forecast = live.advice["advice"], live.advice.get("forecast") or {}
    why = [_sentence(part.strip()) for part in str(advice.get("why", "")).split(";", 1)]
    known = f"S {number(float(advice['order']), 3)} ± {number(float(advice['sigma']), 3)}"
    sure = f"sure {100 * float(forecast['sure']):.0f} %; " if forecast else ""
    return (
        *why,
        f"{_sentence(sure + 'state as in training')}; {known}, speed × {number(float(advice['kinetics']), 2)}",
    )


def ahead(live: Live, key: str) -> Ahead | None:
    """The forecast of "temperature", "order_parameter" or "free_energy", or None."""
    forecast: Mapping[str, Any] = live.advice.get("forecast") or {}
    if live.mode not in (Mode.ADVISE, Mode.POLICY) or not forecast:
        return None
    name = {"temperature": "T", "order_parameter": "S", "free_energy": "F"}[key]
    t, band = np.asarray(forecast["t"], float), np.asarray(forecast[name], float)
    held = np.asarray(forecast["held"], float)
    if band.shape != (len(t), 3) or held.shape != t.shape or not np.isfinite(band).all():
        return None
    return Ahead(t, *band.T, held if key == "order_parameter" else None)
