"""What an auto-tune found: settings before and after as a table, and what each does to a load."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from matstudio.control.pid import Tuning
from matstudio.control.plants import Plant
from matstudio.control.responses import after_load
from matstudio.control.tuning import tracking
from matstudio.ui.live import Live
from matstudio.ui.present.sequence import present as sequence
from matstudio.widgets.text import number, significant

HEADS = ("Settings", "Gain / 1/K", "Ti / s", "Td / s", "Ms", "Area / K s")
LOAD = 0.1
"""Step of load, as a share of the heater's output."""


@dataclass(frozen=True)
class Choice:
    """One set of settings.

    Args:
        rule: "now", "SIMC", "lambda". gain (1/K), ti (s), td (s): of it.
        cells: its row under `HEADS`.
        t, answer: the temperature's deviation after the load, s and K, each (n,).
    """

    rule: str
    gain: float
    ti: float
    td: float
    cells: tuple[str, ...]
    t: np.ndarray
    answer: np.ndarray


@dataclass(frozen=True)
class Found:
    """What the dialog shows.

    Args:
        line: how it stands.
        running: whether it runs.
        model: the process that was found, in a line; "" before the end.
        choices: the settings before, then those proposed; () before the end.
    """

    line: str
    running: bool
    model: str
    choices: tuple[Choice, ...]


def present(live: Live) -> Found:
    """The auto-tune now."""
    status = live.status.get("autotune")
    a: Mapping[str, Any] = status if isinstance(status, Mapping) else {}
    running = a.get("state") in ("listening", "swinging")
    card = sequence(live)
    line = ", ".join(x for x in (card.line, card.state) if x) if running else ""
    if a.get("state") == "aborted":
        line = f"aborted: {a.get('why', '')}"
    return Found(line, running, *(found(a) if a.get("state") == "done" else ("", ())))


def found(a: Mapping[str, Any]) -> tuple[str, tuple[Choice, ...]]:
    """Model and choices of the map of an auto-tune that is done; nothing where it makes no sense."""
    try:
        m = a["model"]
        plant = Plant(float(m["gain"]), tuple(map(float, m["lags"])), float(m["delay"]), bool(m["integrating"]))
        horizon = 12 * (plant.delay + sum(sorted(plant.lags)[:-1]) + 3.0)
        choices = tuple(_choice(row, plant, horizon) for row in (a["now"], *a["proposals"]))
    except (KeyError, TypeError, ValueError):
        return "", ()
    lags = " and ".join(significant(lag, 3) for lag in plant.lags)
    unit = "K/s" if plant.integrating else "K"
    kind = (
        f"an integrator of {significant(plant.gain, 3)} {unit} at full power"
        if plant.integrating
        else (f"{significant(plant.gain, 3)} {unit} at full power")
    )
    text = f"Found: {kind}, dead time {significant(plant.delay, 3)} s" + (f", lag {lags} s" if lags else "")
    return text, choices


def as_toml(c: Choice) -> str:
    """The table `[pid]` of limits.toml for these settings."""
    b = max(0.0, 1 - c.td / c.ti)
    return f"[pid]\ngain = {c.gain:.5g}\nti = {c.ti:.4g}\ntd = {c.td:.4g}\nb = {b:.4g}\n"


def _choice(row: Mapping[str, Any], plant: Plant, horizon: float) -> Choice:
    gain, ti, td, ms = (float(row[k]) for k in ("gain", "ti", "td", "ms"))
    t, y = after_load(plant, Tuning(gain, ti, td, tracking(ti, td)), LOAD, horizon)
    rule = str(row["rule"])
    name = "now" if rule == "now" else f"proposed, {rule}"
    area = float(np.abs(y).sum() * (t[1] - t[0])) if ms > 0 else math.nan
    shown = number(ms, 2) if ms > 0 else "unstable"
    cells = (name, number(gain, 5), number(ti, 1), number(td, 2), shown, number(area, 1))
    return Choice(rule, gain, ti, td, cells, t, y)
