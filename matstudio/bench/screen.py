"""`python -m matstudio.bench.screen RUN_DIRECTORY`: a window whose paints are stamped and whose keys a bench presses.

It is the studio or, with MATSTUDIO_SCREEN=bare, the peer: a pyqtgraph window with nothing but the newest image of the
same ring. The stamps are written when it ends. `begin` makes the studio press its keys.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

from matstudio.bus.messages import CommandClient, CommandError
from matstudio.bus.ring import RingReader
from matstudio.bus.rundir import DEVICE, STATION, Run

BARE = {"MATSTUDIO_SCREEN": "bare"}
PERIOD_S = 1 / 30
PRESS_TIMEOUT_S = 2.0


def paints_path(run: Run) -> Path:
    """Where the window writes its paints: [[seq, the frame's `t_end`, run time when it was on the screen], ...]."""
    return run.path / "paints.json"


def touches_path(run: Run) -> Path:
    """Where the studio writes its touches, once all are made: [["halt" or "take_over", `time.monotonic()`], ...]."""
    return run.path / "touches.json"


def _begin_path(run: Run) -> Path:
    return run.path / "touch"


def begin(run: Run, touches: int, seconds: float) -> None:
    """Have the studio make so many touches of each sort, or as many as it can in so many seconds."""
    new = _begin_path(run).with_suffix(".new")
    new.write_text(json.dumps([touches, seconds]))
    new.replace(_begin_path(run))


class Paints:
    """When each image came to the screen."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._seen = -1
        self._rows: list[tuple[int, float, float]] = []

    def painted(self, seq: int, t_end: float) -> None:
        """A paint event that shows frame `seq` is under way. Qt hands what was painted to the screen before it turns
        to the next event: then it is stamped."""
        from PySide6.QtCore import QTimer

        if seq > self._seen:
            self._seen = seq
            QTimer.singleShot(0, lambda: self._rows.append((seq, t_end, self._run.clock.now())))

    def write(self) -> None:
        """Leave the stamps."""
        paints_path(self._run).write_text(json.dumps(self._rows))


def studio(run: Run, paints: Paints) -> int:
    """The studio itself."""
    from PySide6.QtCore import QObject, Qt, Signal
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QPushButton

    from matstudio.modalities.image.viewer import Viewer
    from matstudio.ui import app, main_window
    from matstudio.widgets.image_canvas import ImageCanvas

    draw, start = Viewer.draw_frame, main_window.MainWindow.start

    def drawn(self: Any, frame: Any) -> None:
        draw(self, frame)
        self.canvas.newest = (frame.seq, frame.t_end)

    def paint_event(self: Any, event: Any) -> None:
        super(ImageCanvas, self).paintEvent(event)
        newest = getattr(self, "newest", None)
        if newest is not None:
            paints.painted(*newest)

    class Hand(QObject):
        touch = Signal(str, bool)

    hand = Hand()

    def started(self: Any) -> None:
        start(self)
        halt = next(b for b in self.findChildren(QPushButton) if b.text() == "HALT")

        def touched(what: str, click: bool) -> None:
            if what == "activate":  # keys go to the active window, and there may be no window manager
                self.activateWindow()
            elif what == "take_over":
                QTest.keyClick(self, Qt.Key.Key_F2)
            elif click:
                QTest.mouseClick(halt, Qt.MouseButton.LeftButton)
            else:
                keys = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
                QTest.keyClick(self, Qt.Key.Key_H, keys)

        hand.touch.connect(touched, Qt.ConnectionType.QueuedConnection)
        threading.Thread(target=_press, args=(run, hand.touch.emit), name="operator", daemon=True).start()

    Viewer.draw_frame = drawn  # type: ignore[method-assign]
    ImageCanvas.paintEvent = paint_event
    main_window.MainWindow.start = started  # type: ignore[method-assign]
    return app.studio(run)


def _press(run: Run, touch: Any) -> None:
    """Touches as `begin` asks: closes the loop, waits a random while, and takes over or halts.

    A touch counts from when it is queued to the window's event loop, as the screen server would queue it.
    """
    wanted = _begin_path(run)
    while not wanted.exists():
        time.sleep(0.2)
    count, seconds = json.loads(wanted.read_text())
    until = time.monotonic() + seconds
    client = CommandClient(run.socket(STATION, "cmd"))
    rows: list[tuple[str, float]] = []
    rng = random.Random(0)
    touch("activate", False)
    time.sleep(1.0)

    def ask(name: str, **fields: Any) -> dict[str, Any]:
        try:
            return client.request(name, **fields)
        except CommandError as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            return {}

    for i in range(count):
        if time.monotonic() > until:
            break
        for what, mode in (("take_over", "MANUAL"), ("halt", "SAFE")):
            ask("mode", who="bench", mode="PID")
            time.sleep(rng.uniform(0.02, 0.12))
            rows.append((what, time.monotonic()))
            touch(what, bool(i % 2))
            end = time.monotonic() + PRESS_TIMEOUT_S
            while ask("status").get("mode") != mode and time.monotonic() < end:
                time.sleep(0.01)
        ask("reset", who="bench")
    client.close()
    new = touches_path(run).with_suffix(".new")
    new.write_text(json.dumps(rows))
    new.replace(touches_path(run))


def bare(run: Run, paints: Paints) -> int:
    """The newest image of the ring in a pyqtgraph window."""
    import signal

    import pyqtgraph as pg
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    app = QApplication(["bare"])
    client = CommandClient(run.socket(DEVICE, "cmd"))
    description = client.request("describe", timeout=20.0)["description"]
    client.close()
    ring = RingReader(Path(next(s.ring for s in description.streams if s.name == "image")))
    newest: list[tuple[int, float]] = []

    class View(pg.GraphicsView):
        def paintEvent(self, event: Any) -> None:
            super().paintEvent(event)
            if newest:
                paints.painted(*newest[-1])

    view, box, image = View(), pg.ViewBox(lockAspect=True), pg.ImageItem(axisOrder="row-major")
    view.setCentralItem(box)
    box.addItem(image)
    view.resize(600, 600)
    view.show()

    def take() -> None:
        frame = ring.newest()
        if frame is not None:
            image.setImage(frame.data, autoLevels=not newest)
            newest[:] = [(frame.seq, frame.t_end)]

    timer = QTimer(interval=round(1000 * PERIOD_S))
    timer.timeout.connect(take)
    timer.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: app.quit())
    code: int = app.exec()
    ring.close()
    return code


def main() -> int:
    """Show the window until it is ended."""
    run = Run.open(Path(sys.argv[1]))
    paints = Paints(run)
    try:
        return bare(run, paints) if os.environ.get("MATSTUDIO_SCREEN") == "bare" else studio(run, paints)
    finally:
        paints.write()


if __name__ == "__main__":
    sys.exit(main())
