"""Garbage is collected in the thread of the window."""

from __future__ import annotations

import gc
import threading

from PySide6.QtCore import QObject, Qt

from matstudio.ui.garbage import collected_here


def test_what_is_left_of_a_qt_object_ends_in_the_windows_thread(qtbot) -> None:
    ended: list[str] = []

    def make() -> None:
        """A Qt object that only the collector ends."""
        left = QObject()
        left.itself = left
        left.destroyed.connect(
            lambda: ended.append(threading.current_thread().name), Qt.ConnectionType.DirectConnection
        )

    def litter() -> None:
        """Enough garbage that Python would collect, where it may."""
        for _ in range(20_000):
            ring: list[object] = []
            ring.append(ring)

    gc.collect()
    with collected_here():
        assert not gc.isenabled()
        make()
        worker = threading.Thread(target=litter, name="worker")
        worker.start()
        worker.join()
        qtbot.waitUntil(lambda: bool(ended), timeout=20000)
    assert ended == [threading.main_thread().name]
    assert gc.isenabled()
