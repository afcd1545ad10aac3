"""Numbers as text: typographic minus, significant digits by the uncertainty, ages."""

from __future__ import annotations

import math

from PySide6.QtGui import QFont

MISSING = "–"


def number(value: float | None, digits: int) -> str:
    """`value` with `digits` decimals and a true minus sign; "–" for NaN or None, "∞" for infinity."""
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{digits}f}" if abs(value) < 1e7 else f"{value:.3e}"
    if text.startswith("-") and not text.strip("-0."):
        text = text[1:]
    return text.replace("-", "−")


def decimals(sigma: float) -> int:
    """Decimals at which `sigma` shows one significant digit, two where it would begin with a 1; within 0..6."""
    if not math.isfinite(sigma) or sigma <= 0:
        return 3
    exponent = math.floor(math.log10(sigma))
    lead = round(sigma / 10.0**exponent, 1)
    return min(max(-exponent + (1 if lead < 2 else 0), 0), 6)


def two_digits(sigma: float) -> int:
    """Decimals at which `sigma` shows two significant digits; within 0..6."""
    if not math.isfinite(sigma) or sigma <= 0:
        return 1
    return min(max(1 - math.floor(math.log10(sigma)), 0), 6)


def significant(value: float | None, digits: int = 4) -> str:
    """`value` rounded to so many digits that count: "52.31", "0.0123"; whole numbers as they are: "4,905,123"."""
    if value is None or not math.isfinite(value):
        return number(value, 0)
    if value == round(value) and abs(value) < 1e12:
        return f"{value:,.0f}".replace("-0", "0").replace("-", "−")
    places = digits - 1 - math.floor(math.log10(abs(value)))
    if places > digits + 3 or places < digits - 12:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    return f"{round(value, places):,.{max(places, 0)}f}".replace("-", "−")


def with_sigma(value: float | None, sigma: float | None = None, unit: str = "1") -> str:
    """ "3.748 ± 0.004 Å": value and one standard deviation with the same decimals; unit "1" is left out."""
    tail = "" if unit in ("", "1") else f" {unit}"
    if value is None or math.isnan(value):
        return MISSING
    if sigma is None or not math.isfinite(sigma) or sigma <= 0:
        text = f"{value:.4g}".replace("-", "−") if math.isfinite(value) else number(value, 0)
        return text + tail
    digits = decimals(sigma)
    return f"{number(value, digits)} ± {number(sigma, digits)}{tail}"


def duration(seconds: float | None) -> str:
    """ "0.06 s", "3.2 s", "4 min", "2.1 h"."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if seconds < 1:
        return f"{max(seconds, 0):.2f} s"
    if seconds < 100:
        return f"{seconds:.1f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def scaled(font: QFont, factor: float, bold: bool = False) -> QFont:
    """A copy of `font` that is `factor` times as large, with figures of equal width."""
    new = QFont(font)
    if font.pointSizeF() > 0:
        new.setPointSizeF(font.pointSizeF() * factor)
    else:
        new.setPixelSize(max(1, round(font.pixelSize() * factor)))
    new.setBold(bold)
    new.setFeature(QFont.Tag("tnum"), 1)
    return new
