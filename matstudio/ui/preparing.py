"""What the window makes after its first paint, without standing still for it."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, QTimer, Signal

MODULES = (
    "pyqtgraph",
    "matstudio.widgets.image_canvas",
    "matstudio.widgets.plot",
    "matstudio.widgets.viewer",
    "matstudio.widgets.structure_canvas",
)
"""What the views need, and takes long to import."""
LOOK_MS = 20


class Preparing(QObject):
    """A thread imports what is needed; then the parts are made, one in each turn of the event loop.

    Signals:
        done: all of them have been made.

    Args:
        parts: each makes one of them.
        parent: Qt parent.
    """

    done = Signal()

    def __init__(self, parts: Iterable[Callable[[], object]], parent: QObject) -> None:
        super().__init__(parent)
        self._parts = iter(parts)
        self._imports = threading.Thread(target=_import, name="imports", daemon=True)
        self._stopped = False
        self._turn = QTimer(self, singleShot=True)
        self._turn.timeout.connect(self._next)

    def start(self) -> None:
        """Begin, once."""
        if self._imports.ident is None and not self._stopped:
            self._imports.start()
            self._turn.start(LOOK_MS)

    def stop(self) -> None:
        """Make no more; returns when the thread has ended."""
        self._stopped = True
        self._turn.stop()
        if self._imports.ident is not None:
            self._imports.join()

    def _next(self) -> None:
        if self._imports.is_alive():
            self._turn.start(LOOK_MS)
            return
        part = next(self._parts, None)
        if part is None:
            self.done.emit()
            return
        part()
        self._turn.start(0)


def _import() -> None:
    for name in MODULES:
        with contextlib.suppress(ImportError):  # whoever needs it says so
            importlib.import_module(name)
