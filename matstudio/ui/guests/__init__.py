"""Widgets of plugins that others wrote: each plugin has a process of its own, and the window shows pictures of them.

`host` is that process, `canvas` what it does with one widget, `guest` the window's end of it, `view` the widget that
stands in a dock. A plugin that raises, hangs, ends its process or floods it does that there: the window goes on, says
which one it was, and leaves it out after three times. Nothing here may import a plugin but `host`.

Both ends write lines of JSON: what a line from the window asks for stands under "do", what the process tells under
"say". Pictures travel in a ring, one for each widget (`view_ring`).
"""

from __future__ import annotations

from pathlib import Path

from matstudio.bus.rundir import Run

MODALITY, DOCK = "modality", "dock"
MOST_PIXELS = 4_000_000
"""Of a picture; a larger widget is shown more coarsely."""
SLOTS = 3


def view_ring(run: Run, plugin: str, view: int) -> Path:
    """The ring with the pictures of a plugin's widget."""
    return run.ring(f"view-{plugin}-{view}")
