"""`python -m matstudio.ui.guests.host RUN_DIRECTORY PLUGIN`: the process in which a plugin's widgets run."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication, QWidget

from matstudio import plugins
from matstudio.bus import processes
from matstudio.bus.messages import Subscriber
from matstudio.bus.rundir import MODELHOST, Run
from matstudio.domain.device import Stream
from matstudio.domain.estimate import Estimate, MaterialState
from matstudio.domain.frame import Frame
from matstudio.ui import theme
from matstudio.ui.guests import MODALITY, view_ring
from matstudio.ui.guests.canvas import Canvas
from matstudio.workers.frames import FrameWorker

log = logging.getLogger(__name__)
NICE = 5
PAINT_MS, IDLE_S, LISTEN_MS, ALIVE_MS = 80, 0.5, 50, 1000
DATA_BYTES = 2 << 30
END_S = 1.0


class Host(QObject):
    """Makes the widgets that the window asks for, feeds them, and sends their pictures.

    A widget of a modality has the frames and estimates of its stream, one of a dock those of all, and the fused state,
    as far as it has `show_frame`, `show_estimate` and `show_state`.

    Args:
        run: that the window shows.
        plugin: whose widgets.
        answers: file descriptor of the window's end.
    """

    line = Signal(object)
    """What the window has written, a map; None: it has gone."""

    def __init__(self, run: Run, plugin: plugins.Plugin, answers: int) -> None:
        super().__init__()
        self._run, self._plugin, self._answers = run, plugin, answers
        self._views: dict[int, Canvas] = {}
        self._streams_of: dict[int, str] = {}
        self._viewers: set[int] = set()  # those of a stream's kind; the others are docks
        self._newest: dict[str, Frame] = {}
        self._fresh: set[int] = set()
        self._touched = self._painted = 0.0
        self._look: dict[str, Any] = {}
        self._frames = FrameWorker(self)
        self._frames.frame.connect(self._frame)
        self._subscriber = Subscriber(run.socket(MODELHOST, "pub"), topics=("estimate", "state"))
        self.line.connect(self._do)
        for interval, do in ((PAINT_MS, self._paint), (LISTEN_MS, self._listen), (ALIVE_MS, self._alive)):
            timer = QTimer(self, interval=interval)
            timer.timeout.connect(do)
            timer.start()
        self._frames.start()
        self._say("ready")

    def close(self) -> None:
        """Let go of everything."""
        self._frames.stop()
        self._subscriber.close()
        for view in self._views.values():
            view.close()

    def _say(self, what: str, **more: object) -> None:
        with contextlib.suppress(OSError):
            os.write(self._answers, json.dumps({"say": what, **more}).encode() + b"\n")

    def _do(self, order: Mapping[str, Any] | None) -> None:
        if order is None:
            QApplication.quit()
            return
        rest = {k: v for k, v in order.items() if k not in ("do", "view")}
        view = order.get("view")
        self._touched = time.monotonic()
        match order["do"]:
            case "streams":
                self._frames.set_streams(tuple(Stream(**s) for s in rest["streams"]))
            case "look":
                self._dress(rest)
            case "make":
                self._make(int(order["view"]), **rest)
            case "drop":
                self._streams_of.pop(view, None)
                self._viewers.discard(view)
                gone = self._views.pop(view, None)
                if gone is not None:
                    gone.close()
            case "place" if view in self._views:
                before, self._streams_of[view] = self._streams_of.get(view), str(rest.pop("stream"))
                self._views[view].place(**rest)
                if self._streams_of[view] != before:  # no other frame may come for long
                    for frame in tuple(self._newest.values()):
                        self._give(view, "show_frame", frame, frame.stream)
            case ("mouse" | "wheel" | "key") as act if view in self._views:
                self._try(view, lambda: getattr(self._views[view], act)(**rest))

    def _make(self, view: int, what: str, name: str) -> None:
        self._say("making", view=view)
        found = plugins.entry(what, name)
        try:
            if found is None:
                raise ValueError(f"no {what} {name!r}")
            plugin, entry = found
            widget = plugins.load(plugin, entry.viewer if what == MODALITY else entry.widget)()
            if not isinstance(widget, QWidget):
                raise TypeError(f"{type(widget).__name__} is no QWidget")
        except (Exception, SystemExit) as error:  # noqa: BLE001  the border to a plugin
            self._failed(view, error)
            return
        if what == MODALITY:
            self._viewers.add(view)
        self._views[view] = Canvas(widget, view_ring(self._run, self._plugin.name, view))
        for signal, say in (("title_changed", "title"), ("asked", "asked")):
            if hasattr(widget, signal):
                getattr(widget, signal).connect(lambda text, say=say: self._say(say, view=view, text=str(text)[:200]))
        self._call(view, "set_head_visible", False)
        self._dress({})
        self._say("made", view=view)

    def _dress(self, look: Mapping[str, Any]) -> None:
        self._look |= look
        if "paused" in look:
            self._frames.set_paused(bool(look["paused"]))
        application = QApplication.instance()
        if "theme" in look and isinstance(application, QApplication):
            theme.apply(application, theme.Theme(look["theme"]))
        for view in tuple(self._views):
            for name, key in (("set_paused", "paused"), ("set_colormap", "colormap")):
                if key in self._look:
                    self._call(view, name, self._look[key])

    def _frame(self, frame: Frame) -> None:
        self._newest[frame.stream] = frame
        self._feed("show_frame", frame, frame.stream)

    def _listen(self) -> None:
        if self._look.get("paused"):
            return
        for topic, value in self._subscriber.receive(0):
            if topic == "estimate" and isinstance(value, Estimate):
                self._feed("show_estimate", value, value.stream)
            elif topic == "state" and isinstance(value, MaterialState):
                self._feed("show_state", value, "")

    def _feed(self, name: str, value: object, stream: str) -> None:
        for view in tuple(self._views):
            self._give(view, name, value, stream)

    def _give(self, view: int, name: str, value: object, stream: str) -> None:
        """Give a view what is of its stream; a dock all, a viewer nothing before its stream is known."""
        if view not in self._views:
            return
        wanted = self._streams_of.get(view, "")
        if (wanted and wanted == stream) or (not wanted and view not in self._viewers):
            self._fresh.add(view)
            self._call(view, name, value)

    def _call(self, view: int, name: str, value: object) -> None:
        method = getattr(self._views[view].widget, name, None)
        if method is not None:
            self._try(view, lambda: method(value))

    def _try(self, view: int, do: Any) -> None:
        try:
            do()
        except (Exception, SystemExit) as error:  # noqa: BLE001  the border to a plugin
            gone = self._views.pop(view, None)
            if gone is not None:
                gone.close()
            self._failed(view, error)

    def _failed(self, view: int, error: BaseException) -> None:
        log.exception("view %d", view)
        text = " ".join(str(error).split())[:200]
        self._say("failed", view=view, line=f"{type(error).__name__}: {text}" if text else type(error).__name__)

    def _paint(self) -> None:
        now = time.monotonic()
        everything = now - self._touched < 1.0 or now - self._painted > IDLE_S
        if everything:
            self._painted = now
        for view in tuple(self._views) if everything else tuple(self._fresh & set(self._views)):
            self._try(view, lambda view=view: self._views[view].paint() and self._say("picture", view=view))
        self._fresh.clear()

    def _alive(self) -> None:
        self._say("alive", cpu=time.process_time())


def _limit() -> None:
    """Bound the memory that this process takes and the files that it writes, where the system can."""
    processes.limit_files()
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_DATA, (DATA_BYTES, DATA_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read(host: Host) -> None:
    """Body of the thread that hears the window; when that has gone the process ends, whatever its plugin does."""
    for line in sys.stdin.buffer:
        host.line.emit(json.loads(line))
    host.line.emit(None)
    time.sleep(END_S)
    os._exit(0)


def main(argv: list[str]) -> int:
    """Body of the process."""
    processes.die_with_parent()
    processes.set_priority(NICE)
    _limit()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    answers = os.dup(1)
    os.dup2(2, 1)  # what a plugin prints goes to the log
    run = Run.open(Path(argv[0]))
    found = next((p for p in plugins.active() if p.name == argv[1]), None)
    if found is None:
        print(f"no plugin {argv[1]!r} in use", file=sys.stderr)
        return 2
    application = QApplication(["matstudio"])
    host = Host(run, found, answers)
    threading.Thread(target=_read, args=(host,), daemon=True, name="window").start()
    code = int(application.exec())
    host.close()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
