"""Value labels and numbers as text."""

from __future__ import annotations

import math

import pytest
from PySide6.QtGui import QColor, QPalette

from matstudio.widgets.colours import scheme
from matstudio.widgets.text import decimals, duration, number, with_sigma
from matstudio.widgets.value import ValueLabel


def palette(dark: bool) -> QPalette:
    light, deep = QColor("#e8eaed"), QColor("#16181b")
    result = QPalette(deep if dark else light)
    result.setColor(QPalette.ColorRole.Base, deep if dark else QColor("white"))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.WindowText):
        result.setColor(role, light if dark else deep)
    return result


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (625.44, 1, "625.4"),
        (-3.42, 2, "−3.42"),
        (-0.001, 2, "0.00"),
        (math.nan, 1, "–"),
        (None, 1, "–"),
        (-math.inf, 1, "−∞"),
        (1.5e12, 1, "1.500e+12"),
    ],
)
def test_number(value: float | None, digits: int, text: str) -> None:
    assert number(value, digits) == text


def test_sigma_sets_the_decimals() -> None:
    assert [decimals(s) for s in (0.004, 0.012, 0.31, 3.0, 12.0, 0.0, math.nan)] == [3, 3, 1, 0, 0, 3, 3]
    assert with_sigma(3.7481, 0.0042, "Å") == "3.748 ± 0.004 Å"
    assert with_sigma(0.3111, 0.031, "1") == "0.31 ± 0.03"
    assert with_sigma(-0.02, math.nan, "eV") == "−0.02 eV"
    assert with_sigma(math.nan, 0.1, "eV") == "–"
    assert [duration(s) for s in (0.06, 3.21, 240, 7560, math.nan)] == ["0.06 s", "3.2 s", "4 min", "2.1 h", "–"]


def test_value_label_tells_value_sigma_setpoint_and_state(qtbot) -> None:
    label = ValueLabel("T", "K", 1)
    qtbot.addWidget(label)
    label.set_value(625.42, sigma=0.31, setpoint=626.0)
    assert label.text() == "T 625.4 K set 626.0  ± 0.31"
    label.set_value(625.42, age=3.2, quality="stale")
    assert label.text() == "T 625.4 K stale 3.2 s"
    label.set_value(math.nan)
    assert label.text() == "T – K no value"
    label.set_value(math.nan, quality="bad")
    assert "–" in label.text()
    assert "bad" in label.text()


@pytest.mark.parametrize("dark", [True, False])
def test_states_look_different(qtbot, dark: bool) -> None:
    label = ValueLabel("S", "1", 2)
    qtbot.addWidget(label)
    label.setPalette(palette(dark))
    pictures = []
    for quality in ("good", "stale", "bad"):
        label.set_value(0.31, age=1.0, quality=quality)
        label.resize(label.sizeHint())
        pictures.append(label.grab().toImage())
    assert pictures[0] != pictures[1]
    assert pictures[1] != pictures[2]


def test_digits_do_not_move_the_header(qtbot) -> None:
    label = ValueLabel("F", "meV/atom", 2)
    qtbot.addWidget(label)
    label.set_value(-11.11)
    width = label.sizeHint().width()
    label.set_value(-98.76)
    assert label.sizeHint().width() == width


@pytest.mark.parametrize("dark", [True, False])
def test_colours_are_readable(dark: bool) -> None:
    colours = scheme(palette(dark))
    assert colours.dark is dark
    for name in ("text", "dim", "accent", "second", "third", "caution", "bad"):
        assert contrast(getattr(colours, name), colours.background) >= 4.5, name


def contrast(a: QColor, b: QColor) -> float:
    """Contrast ratio of WCAG 2.1."""

    def luminance(c: QColor) -> float:
        linear = [x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in c.getRgbF()[:3]]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_a_stale_value_with_setpoint_asks_for_no_more_room_than_its_longest_part(qtbot):
    label = ValueLabel("T", "K", 1)
    qtbot.addWidget(label)
    label.set_value(300.0, setpoint=640.0)
    alone = ValueLabel("T", "K", 1)
    qtbot.addWidget(alone)
    alone.set_value(300.0, age=12.3, quality="stale")
    label.set_value(300.0, setpoint=640.0, age=12.3, quality="stale")
    assert label.sizeHint().width() == alone.sizeHint().width()
    assert label.text() == "T 300.0 K set 640.0  stale 12.3 s"
    assert label.toolTip() == label.text()
