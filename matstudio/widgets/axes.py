"""Axes as they can be drawn."""

from __future__ import annotations

import math

from matstudio.domain.frame import Axis


def drawable(axis: Axis) -> Axis:
    """The axis, or pixels where its scale or offset cannot be drawn."""
    if math.isfinite(axis.scale) and axis.scale != 0 and math.isfinite(axis.offset):
        return axis
    return Axis(axis.name, "px", 1.0, 0.0, axis.size)
