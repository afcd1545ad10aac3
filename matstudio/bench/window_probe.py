"""`python -m matstudio.bench.window_probe RUN_DIRECTORY`: a window that notes when it was first painted, and how its
event loop fares.

It is the studio or, with MATSTUDIO_PROBE=bare, the peer: a window with an empty image, a plot and a 3D scene. With
MATSTUDIO_PROBE_ENDS set its process ends at its first paint, whatever goes on in it. Otherwise the studio's 3D view is
turned as soon as it shows something, until the window is ended. What was seen is written then.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from matstudio.bus.rundir import STUDIO, Run

KIND, ENDS = "MATSTUDIO_PROBE", "MATSTUDIO_PROBE_ENDS"
BARE = "bare"
HEAVY = ("torch", "pymatgen", "ase", "scipy")
SIZE = (1600, 1000)
BEAT_MS, STEP_MS = 5, 16


@dataclass
class Seen:
    """What a window saw; times are `time.monotonic()`, which is one clock for the whole machine.

    Args:
        painted: when the first paint was on the screen, or None.
        heavy: which of `HEAVY` were imported by then.
        beats: when a timer of `BEAT_MS` in the window's thread was served.
        frames: (when, stream) of each frame handed to its view.
        pictures: when a picture of the 3D view came.
    """

    painted: float | None = None
    heavy: list[str] = field(default_factory=list)
    beats: list[float] = field(default_factory=list)
    frames: list[tuple[float, str]] = field(default_factory=list)
    pictures: list[float] = field(default_factory=list)

    def paint(self) -> None:
        """The first paint is on the screen."""
        self.painted = time.monotonic()
        self.heavy = [name for name in HEAVY if name in sys.modules]

    def write(self, path: Path) -> None:
        """Leave it for `read`."""
        path.write_text(json.dumps(asdict(self)))


def seen_path(run: Run, kind: str) -> Path:
    """Where a window leaves what it saw."""
    return run.path / f"seen-{kind}.json"


def read(run: Run, kind: str) -> Seen:
    """What a window has left. Raises OSError where it left nothing."""
    return Seen(**json.loads(seen_path(run, kind).read_text()))


def painted(window: type[Any], then: Callable[[Any], object]) -> None:
    """Call `then` with the first window of this class that was painted, once that is on the screen."""
    from PySide6.QtCore import QTimer

    def paint_event(self: Any, event: Any) -> None:
        super(window, self).paintEvent(event)
        if not told:
            told.append(True)
            QTimer.singleShot(0, lambda: then(self))  # Qt hands to the screen what was painted before it comes to this

    told: list[bool] = []
    window.paintEvent = paint_event


def beat(parent: Any, seen: Seen) -> None:
    """Note when the event loop serves a timer, from now on."""
    from PySide6.QtCore import Qt, QTimer

    timer = QTimer(parent, interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
    timer.timeout.connect(lambda: seen.beats.append(time.monotonic()))
    timer.start()


def studio(run: Run, seen: Seen, ends: bool) -> int:
    """The studio itself."""
    from matstudio.ui import app
    from matstudio.ui.main_window import MainWindow

    def first(window: MainWindow) -> None:
        seen.paint()
        if ends:
            _end(run, STUDIO, seen)
        beat(window, seen)
        _turn(window, run, seen)

    painted(MainWindow, first)
    if not ends:
        _count(seen)
    return app.studio(run)


def _count(seen: Seen) -> None:
    """Note the frames that the window hands to its views."""
    from matstudio.ui.streams import StreamView

    show = StreamView.show_frame

    def shown(self: Any, frame: Any) -> None:
        show(self, frame)
        if self.viewer is not None:
            seen.frames.append((time.monotonic(), frame.stream))

    StreamView.show_frame = shown  # type: ignore[method-assign]


def turning_path(run: Run) -> Path:
    """There from when the 3D view is turned."""
    return run.path / "turning"


def _turn(window: Any, run: Run, seen: Seen) -> None:
    """Turn the 3D view by hand, from when it shows something."""
    from PySide6.QtCore import QTimer

    from matstudio.bench.structure import Drag

    last: list[Any] = [None]
    hand: list[Drag] = []

    def step() -> None:
        canvas = window.structure.canvas
        view = canvas.view if canvas is not None else None
        if view is None or view.shown is None:
            return
        if not hand:
            hand.append(Drag(view))
            turning_path(run).touch()
        hand[0].step()
        if view.shown is not last[0]:
            last[0] = view.shown
            seen.pictures.append(time.monotonic())

    timer = QTimer(window, interval=STEP_MS)
    timer.timeout.connect(step)
    timer.start()


def _end(run: Run, kind: str, seen: Seen) -> None:
    seen.write(seen_path(run, kind))
    os._exit(0)


def bare(run: Run, seen: Seen, ends: bool) -> int:
    """An empty image, a plot and a 3D scene in one window, and nothing else."""
    import pyqtgraph as pg
    from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QWidget
    from vispy import scene
    from vispy.app import use_app

    from matstudio.bus import processes
    from matstudio.ui.app import NICE, SWITCH_S  # the same priority, or other work would count against one of the two

    processes.set_priority(NICE)
    sys.setswitchinterval(SWITCH_S)
    app = QApplication(["bare"])
    use_app("pyside6")

    class Window(QMainWindow):
        pass

    def first(window: Window) -> None:
        seen.paint()
        if ends:
            _end(run, BARE, seen)
        beat(window, seen)

    painted(Window, first)
    window = Window()
    view, box = pg.GraphicsView(), pg.ViewBox(lockAspect=True)
    view.setCentralItem(box)
    box.addItem(pg.ImageItem(axisOrder="row-major"))
    canvas = scene.SceneCanvas(keys=None, show=False)
    canvas.central_widget.add_view().camera = "turntable"
    whole = QWidget()
    row = QHBoxLayout(whole)
    for widget in (view, pg.PlotWidget(), canvas.native):
        row.addWidget(widget)
    window.setCentralWidget(whole)
    window.resize(*SIZE)
    window.show()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: app.quit())
    code: int = app.exec()
    canvas.close()
    return code


def main() -> int:
    """Show the window until it is ended."""
    run, seen, ends = Run.open(Path(sys.argv[1])), Seen(), ENDS in os.environ
    kind = os.environ.get(KIND, STUDIO)
    try:
        return bare(run, seen, ends) if kind == BARE else studio(run, seen, ends)
    finally:
        seen.write(seen_path(run, kind))


if __name__ == "__main__":
    sys.exit(main())
