"""The status bar: what is shown is whole, and what has no room is in the tool tip."""

from __future__ import annotations

from PySide6.QtGui import QFontMetricsF

from matstudio.ui.present.status_line import Field
from matstudio.ui.status_view import StatusFields

FIELDS = (
    Field("run 1234 up 0:00:10", rank=4),
    Field("CPU 43 of 71 %", "of 2 cores", 1),
    Field("disk 9 GB left", rank=0),
)


def test_what_is_important_comes_first_and_nothing_is_cut(qtbot):
    view = StatusFields()
    qtbot.addWidget(view)
    widths = [QFontMetricsF(view.font()).horizontalAdvance(f.text) for f in FIELDS]
    view.show()
    view.resize(2000, 20)
    view.show_fields(FIELDS)
    assert view.text() == "  ".join(f.text for f in FIELDS)
    for width, shown in (
        (sum(widths) + 50, FIELDS),
        (sum(widths) - 10, FIELDS[1:]),
        (widths[2] + 1, FIELDS[2:]),
        (widths[2] - 5, ()),
    ):
        view.resize(int(width), 20)
        assert view.text() == "  ".join(f.text for f in shown)
        assert all(f.text in view.toolTip() for f in FIELDS)
        assert "of 2 cores" in view.toolTip()
