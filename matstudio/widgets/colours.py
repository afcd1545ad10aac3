"""Colours of plots, canvases and marks, worked out of the application's palette."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QColor, QPalette

COLORMAPS = ("gray", "gray inverted", "viridis", "inferno", "magma", "cividis")
"""Names of the colour maps of images."""


@dataclass(frozen=True)
class Scheme:
    """Colours that are readable on the palette they were made from.

    Args:
        dark: whether the background is dark.
        background: of plots and canvases.
        text: of values.
        dim: of labels and of what is stale.
        grid: of grid lines and frames.
        accent: what the models say: overlays, labelled edges, spots.
        second: the other series (background lines, setpoints).
        third: one more series.
        caution: low and medium abnormality.
        bad: high abnormality; nothing normal has it.
    """

    dark: bool
    background: QColor
    text: QColor
    dim: QColor
    grid: QColor
    accent: QColor
    second: QColor
    third: QColor
    caution: QColor
    bad: QColor


def mix(a: QColor, b: QColor, part: float) -> QColor:
    """The colour `part` of the way from `a` to `b`."""
    return QColor.fromRgbF(*(x + (y - x) * part for x, y in zip(a.getRgbF(), b.getRgbF(), strict=True)))


def scheme(palette: QPalette) -> Scheme:
    """The colours that go with a palette."""
    base = palette.color(QPalette.ColorRole.Base)
    text = palette.color(QPalette.ColorRole.Text)
    dark = base.lightnessF() < text.lightnessF()
    signal = (
        ("#7ab8f0", "#f0b04a", "#8fce8f", "#ffb347", "#ff6b60")
        if dark
        else ("#1565a8", "#a35a00", "#2e7d32", "#9a5b00", "#c01c28")
    )
    accent, second, third, caution, bad = (QColor(c) for c in signal)
    return Scheme(dark, base, text, mix(base, text, 0.62), mix(base, text, 0.22), accent, second, third, caution, bad)
