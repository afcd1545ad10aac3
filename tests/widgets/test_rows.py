"""Notes that come and go leave what stands below them where it is."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from matstudio.widgets import rows
from matstudio.widgets.rows import ROOM_S, Notes


def test_what_stands_below_does_not_jump(qtbot, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(rows.time, "monotonic", lambda: now)
    page = QWidget()
    qtbot.addWidget(page)
    box, notes, below = QVBoxLayout(page), Notes(), QLabel("below")
    for widget in (notes, below):
        box.addWidget(widget)
    box.addStretch(1)
    page.resize(120, 400)
    page.show()

    def place(text: str) -> int:
        notes.set_text(text)
        qtbot.wait(20)
        return below.y()

    start = place("")
    assert notes.isHidden()
    with_note = place("no spot above noise, and some more words that need a second line")
    assert with_note > start
    now += 1
    assert place("") == with_note
    assert place("short") == with_note
    assert notes.text() == "short"
    now += ROOM_S - 1
    assert place("") == with_note
    now += 2
    assert place("") == start
