"""What the window makes after its first paint, without standing still for it."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterable, Iterator

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
    """What is needed is imported and then the parts are made, one in each turn of the event loop.

    All in the window's thread: PySide looks a class up without Python's lock, so that one which another thread makes
    meanwhile, as every module of widgets does when it is imported, can bring the process down.

    Signals:
        done: all of them have been made.

    Args:
        parts: each makes one of them.
        parent: Qt parent.
    """

    done = Signal()

    def __init__(self, parts: Iterable[Callable[[], object]], parent: QObject) -> None:
        super().__init__(parent)
        self._parts = _all(iter(parts))
        self._begun = self._stopped = False
        self._turn = QTimer(self, singleShot=True)
        self._turn.timeout.connect(self._next)

    def start(self) -> None:
        """Begin, once."""
        if not self._begun and not self._stopped:
            self._begun = True
            self._turn.start(LOOK_MS)

    def stop(self) -> None:
        """Make no more."""
        self._stopped = True
        self._turn.stop()

    def _next(self) -> None:
        part = next(self._parts, None)
        if part is None:
            self.done.emit()
            return
        part()
        self._turn.start(0)


def _all(parts: Iterator[Callable[[], object]]) -> Iterator[Callable[[], object]]:
    for name in MODULES:
        yield lambda name=name: _import(name)
    yield from parts


def _import(name: str) -> None:
    with contextlib.suppress(ImportError):  # whoever needs it says so
        importlib.import_module(name)
