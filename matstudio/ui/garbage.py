"""Where what is no longer needed is destroyed."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

from pyqtgraph.util.garbage_collector import GarbageCollector


@contextlib.contextmanager
def collected_here() -> Iterator[None]:
    """Within it garbage is collected in this thread alone, looked for once a second.

    Python collects in whichever thread happens to make an object; the remains of a widget with a timer, destroyed in a
    worker's thread, bring the process down.
    """
    collector = GarbageCollector()
    try:
        yield
    finally:
        collector.timer.stop()
        gc.enable()
