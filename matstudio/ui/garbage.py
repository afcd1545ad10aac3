"""Where what is no longer needed is destroyed."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

from PySide6.QtCore import QTimer

PERIOD_MS = 1000


@contextlib.contextmanager
def collected_here() -> Iterator[None]:
    """Within it garbage is collected in this thread alone, looked for once a second.

    Python collects in whichever thread happens to make an object; the remains of a widget with a timer, destroyed in a
    worker's thread, bring the process down. (pyqtgraph has the same; importing it would hold up the first paint.)
    """
    timer = QTimer(interval=PERIOD_MS)
    timer.timeout.connect(_collect)
    gc.disable()
    timer.start()
    try:
        yield
    finally:
        timer.stop()
        gc.enable()


def _collect() -> None:
    """Collect the oldest generation that Python would have collected meanwhile, if any."""
    oldest = -1
    for count, most in zip(gc.get_count(), gc.get_threshold(), strict=True):
        if count <= most:
            break
        oldest += 1
    if oldest >= 0:
        gc.collect(oldest)
