"""Gain scheduling: another tuning of the loop in each band of the measured temperature. Pure functions.

The change from one band to the next is bumpless by `pid.retune`, and has hysteresis, so that noise at a border does not
change it to and fro.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matstudio.control.pid import Tuning

HYSTERESIS_K = 3.0


@dataclass(frozen=True)
class Band:
    """The tuning from a temperature on, up to the next band's.

    Args:
        above: lower border, K; the first band goes down to any temperature whatever its border is.
        tuning: there.
    """

    above: float
    tuning: Tuning

    def __post_init__(self) -> None:
        if not math.isfinite(self.above):
            raise ValueError(f"band above {self.above}: must be finite")


def ordered(bands: Sequence[Band]) -> str:
    """Why these bands make no schedule, in one line, or ""."""
    for a, b in pairwise(bands):
        if b.above - a.above <= 2 * HYSTERESIS_K:
            return f"above {b.above:g} must be more than {2 * HYSTERESIS_K:g} K over {a.above:g} of the band before"
    return ""


def band(bands: Sequence[Band], present: int | None, measured: float) -> int | None:
    """Number of the band for a temperature.

    Args:
        bands: by rising border, see `ordered`.
        present: the band that holds now, or None at the start.
        measured: K; where it is not finite the band stays.
    """
    if not bands or not math.isfinite(measured):
        return present
    best = 0
    for i, one in enumerate(bands[1:], 1):
        margin = 0.0 if present is None else HYSTERESIS_K if i > present else -HYSTERESIS_K
        if measured >= one.above + margin:
            best = i
    return best
