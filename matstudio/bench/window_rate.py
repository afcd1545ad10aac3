"""How fast the image viewer paints images, and how fast a bare pyqtgraph view does."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from matstudio.bench.ring_feed import frames
from matstudio.domain.frame import Frame

SIZE = (900, 700)
LOW, HIGH = 20.0, 60.0  # levels for the bare view, about those that the viewer finds


def rates(size: int, turns: int, seconds: float) -> tuple[float, float]:
    """Images (size, size) uint16 a core-second that the whole image viewer paints, with levels and histogram, and that
    a bare pyqtgraph view paints in the same place of the same window: by turns, the median of each."""
    from PySide6.QtWidgets import QApplication, QMainWindow, QStackedWidget

    from matstudio.modalities.image.viewer import Viewer

    app = QApplication.instance() or QApplication([])
    given = frames(size, 3)
    window, stack, viewer = QMainWindow(), QStackedWidget(), Viewer()
    try:
        window.setCentralWidget(stack)
        stack.addWidget(viewer)
        window.resize(*SIZE)
        window.show()
        viewer.show_frame(given[0])
        app.processEvents()
        box = viewer.canvas.box.sceneBoundingRect().size().toSize()
        peer, show = _bare(box.width(), box.height())
        stack.addWidget(peer)
        ours, theirs = [], []
        for _ in range(turns):
            for page in (0, 1):
                stack.setCurrentIndex(page)
                app.processEvents()
                if page:
                    theirs.append(_paint(app, peer.view, show, given, seconds))
                else:
                    ours.append(_paint(app, viewer.canvas, viewer.show_frame, given, seconds))
        return median(ours), median(theirs)
    finally:
        window.close()
        window.deleteLater()
        app.processEvents()


def _bare(width: int, height: int) -> tuple[Any, Callable[[Frame], object]]:
    """A page with nothing but an image of so many pixels on the screen, and what shows a frame in it."""
    import pyqtgraph as pg
    from PySide6.QtWidgets import QWidget

    class Page(QWidget):
        def __init__(self) -> None:
            super().__init__()
            self.view = pg.GraphicsView(self)
            self.view.resize(width, height)

    page, box, image = Page(), pg.ViewBox(lockAspect=True), pg.ImageItem(axisOrder="row-major")
    page.view.setCentralItem(box)
    box.addItem(image)
    return page, lambda frame: image.setImage(frame.data, autoLevels=False, levels=(LOW, HIGH))


def _paint(app: Any, view: Any, show: Callable[[Frame], object], given: list[Frame], seconds: float) -> float:
    """Images that `view` paints in a second of this thread's processor time, when the next is handed to it as soon as
    the last was painted. (Real time counts other programs against whichever of the two has its turn.)"""
    from PySide6.QtCore import QEvent, QObject

    class Paints(QObject):
        count = 0

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint:
                self.count += 1
            return False

    paints = Paints()
    view.viewport().installEventFilter(paints)
    begun, used, shown = time.perf_counter(), time.thread_time(), 0
    while (now := time.perf_counter()) - begun < seconds:
        before = paints.count
        show(given[shown % len(given)])
        while paints.count == before:
            app.processEvents()
            if time.perf_counter() - now > 10:
                raise RuntimeError("an image was not painted within 10 s")
        shown += 1
    used = time.thread_time() - used
    view.viewport().removeEventFilter(paints)
    return shown / used
