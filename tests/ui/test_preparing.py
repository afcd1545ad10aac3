"""What the window makes after its first paint."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QObject, QTimer

from matstudio.ui import preparing
from matstudio.ui.preparing import Preparing


def test_parts_are_made_one_in_each_turn_of_the_event_loop(qtbot, qapp, monkeypatch) -> None:
    monkeypatch.setattr(preparing, "MODULES", ("json", "matstudio.there_is_no_such_module"))
    seen: list[str] = []
    touch = QTimer(interval=0)  # what the operator does
    touch.timeout.connect(lambda: seen.append("touch"))
    parent = QObject()
    parts = Preparing((lambda n=n: seen.append(n) for n in "abc"), parent)
    touch.start()
    with qtbot.waitSignal(parts.done, timeout=5000):
        parts.start()
        parts.start()
    touch.stop()
    assert [s for s in seen if s != "touch"] == ["a", "b", "c"]
    assert all("touch" in pair for pair in pairwise(seen))
    parts.stop()


def test_a_window_that_closes_makes_no_more(qtbot, qapp) -> None:
    parent = QObject()
    made: list[str] = []
    parts = Preparing(iter([lambda: made.append("a")]), parent)
    parts.stop()
    parts.start()
    parts.stop()
    qtbot.wait(3 * preparing.LOOK_MS)
    assert made == []
