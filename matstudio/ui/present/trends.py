"""Trends of the last ten minutes, kept at a step that a plot can show."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matstudio.ui.live import Live

SPAN_S = 600.0
STEP_S = 0.5


@dataclass(frozen=True)
class Series:
    """One trend: times (run time, s), values, one standard deviation and setpoint (NaN where there is none), (N,)."""

    t: np.ndarray
    value: np.ndarray
    sigma: np.ndarray
    setpoint: np.ndarray


class Trend:
    """Keeps the last `SPAN_S` seconds of run time of one value, one point every `STEP_S`."""

    def __init__(self, span: float = SPAN_S, step: float = STEP_S) -> None:
        self._span, self._step = span, step
        self._points: deque[tuple[float, float, float, float]] = deque()

    def add(self, t: float, value: float, sigma: float | None = None, setpoint: float | None = None) -> None:
        """Keep a value of run time `t` (s). A point within a step of the last one is left out; NaN makes a gap.

        A time before the last one (a replay that was sought back) begins anew.
        """
        if self._points and t < self._points[-1][0]:
            self._points.clear()
        if self._points and t - self._points[-1][0] < self._step:
            return
        self._points.append((t, value, _or_nan(sigma), _or_nan(setpoint)))
        while self._points[0][0] < t - self._span:
            self._points.popleft()

    def series(self) -> Series:
        """What is kept."""
        table = np.array(self._points, float).reshape(-1, 4)
        return Series(*table.T)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


class Trends:
    """The trends of temperature, order parameter and free energy."""

    def __init__(self) -> None:
        self.trends = {key: Trend() for key in ("temperature", "order_parameter", "free_energy")}

    def sample(self, live: Live) -> None:
        """Take what is known now."""
        t = live.run.clock.now()
        reading = live.reading("temperature", "temperature")
        good = reading.quality == "good"
        self.trends["temperature"].add(t, reading.value if good else math.nan, None, reading.setpoint)
        for key in ("order_parameter", "free_energy"):
            value = live.fused(key)
            self.trends[key].add(t, value.value if value.quality == "good" else math.nan, value.sigma)


def limits(series: Series, least: float, more: Sequence[np.ndarray] = ()) -> tuple[float, float]:
    """Vertical range that shows the series, its band, its setpoints and `more`, at least `least` high; room for text
    above."""
    parts = [
        series.value - np.nan_to_num(series.sigma),
        series.value + np.nan_to_num(series.sigma),
        series.setpoint,
        *more,
    ]
    every = np.concatenate(parts)
    every = every[np.isfinite(every)]
    if every.size == 0:
        return 0.0, least
    low, high = float(every.min()), float(every.max())
    missing = max(0.0, least - (high - low)) / 2
    margin = 0.06 * max(high - low, least)
    return low - missing - margin, high + missing + 4 * margin


def ticks(low: float, high: float, most: int = 3) -> list[float]:
    """Round numbers within a range, at most `most` of them."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return []
    raw = (high - low) / most
    base = 10.0 ** math.floor(math.log10(raw))
    for factor in (1, 2, 2.5, 5, 10, 20, 25, 50):
        step = base * factor
        first = math.ceil(low / step - 1e-9)
        last = math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            return [round(i * step, 10) for i in range(first, last + 1)]
    return []
