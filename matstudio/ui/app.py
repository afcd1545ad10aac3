"""The studio's process: one window on a run that goes on."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QPixmapCache
from PySide6.QtWidgets import QApplication

from matstudio.bus import processes
from matstudio.bus.messages import CommandServer
from matstudio.bus.rundir import LAUNCHER, STUDIO, Run
from matstudio.ui.actions import icon
from matstudio.ui.garbage import collected_here
from matstudio.ui.main_window import MainWindow
from matstudio.ui.theme import Theme, apply

log = logging.getLogger(__name__)
STOP_RUN, KEEP_RUNNING, OPEN_NEXT = 0, 10, 11
SERVE_MS = 100
CACHE_KB = 128 * 1024  # what lies on the pictures is kept as pixmaps: some 5 MB of them, 20 MB at twice the scale
NICE = -5
SWITCH_S = 0.0002  # how long a thread keeps the interpreter from the one that draws and hears the operator


def application() -> QApplication:
    """The Qt application, made once.

    Its event loop is Qt's own: in GLib's, timers and what the operator does wait until all that was posted has been
    done twice over. GTK's dialogs, which need GLib's and know no red theme, are not used.
    """
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    os.environ.setdefault("QT_NO_GLIB", "1")
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
    made = QApplication(["matstudio"])
    made.setApplicationName("MatStudio")
    made.setDesktopFileName("matstudio")
    made.setWindowIcon(icon("matstudio"))
    QPixmapCache.setCacheLimit(CACHE_KB)
    return made


def run_studio(
    run: Run, *, screenshot: Path | None = None, duration: float | None = None, theme: Theme | None = None
) -> int:
    """Open a window on a run and return when it was closed.

    Args:
        run: the run; its processes need not live yet.
        screenshot: with `duration`: where a picture of the window goes at its end.
        duration: real seconds after which the window closes by itself, without asking.
        theme: colours; default: those of the settings.

    Returns:
        `STOP_RUN` where the run is to be stopped, `KEEP_RUNNING` where it goes on, `OPEN_NEXT` where
        it is to be stopped and files are to be opened, 3: no screenshot could be made.
    """
    app = application()
    window = MainWindow(run, theme, ask=duration is None)
    apply(app, window.theme)
    area = app.primaryScreen().availableGeometry()
    frame = area if not run.headless and duration is None else app.primaryScreen().geometry()
    window.resize(min(frame.width(), 1920), min(frame.height(), 1200))
    if area.width() <= 1920:
        window.setGeometry(frame)
    failed: list[str] = []

    def picture(path: str) -> None:
        window.screenshot(Path(path))

    server = CommandServer(run.socket(STUDIO, "cmd"), STUDIO, {"screenshot": picture, "status": window.status})
    poll = QTimer(window, interval=SERVE_MS)
    poll.timeout.connect(lambda: server.serve(0))
    launcher = processes.LauncherWatch(run)
    if run.headless:  # a window that nobody closes ends with its launcher
        poll.timeout.connect(lambda: window.leave() if launcher.gone_s() else None)
    poll.start()

    def finish() -> None:
        if screenshot is not None:
            try:
                window.screenshot(screenshot)
            except OSError as error:
                failed.append(str(error))
                log.error("%s", error)
        window.leave()

    if duration is not None:
        QTimer.singleShot(round(duration * 1000), window, finish)
    before = {n: signal.signal(n, lambda *_: window.leave()) for n in (signal.SIGTERM, signal.SIGINT)}
    window.prepared.connect(processes.settle)
    try:
        window.show()
        window.start()
        with collected_here():
            app.exec()
    finally:
        poll.stop()
        server.close()
        for number, handler in before.items():
            signal.signal(number, handler)
        window.deleteLater()
        app.processEvents()
    if failed:
        return 3
    return OPEN_NEXT if window.open_next else KEEP_RUNNING if window.keep_running else STOP_RUN


def main(argv: list[str]) -> int:
    """`python -m matstudio.ui RUN_DIRECTORY`."""
    if len(argv) != 1:
        print("usage: python -m matstudio.ui RUN_DIRECTORY", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        run = Run.open(Path(argv[0]))
    except (OSError, ValueError) as error:
        print(f"matstudio.ui: {error}", file=sys.stderr)
        return 2
    code = studio(run)
    if code == STOP_RUN and run.process(LAUNCHER) is None:  # nobody else is left to end it
        processes.stop(run)
        run.remove()
    return code


def studio(run: Run) -> int:
    """Be the studio of a run until its window is closed; returns what `run_studio` does."""
    processes.set_priority(NICE)
    sys.setswitchinterval(SWITCH_S)
    run.register(STUDIO, os.getpid())
    try:
        wanted = os.environ.get("MATSTUDIO_THEME", "")
        return run_studio(run, theme=Theme(wanted) if wanted in tuple(Theme) else None)
    finally:
        run.forget(STUDIO)
