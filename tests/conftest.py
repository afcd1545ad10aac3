"""Fixtures for every test: a runtime directory of its own, and no thread, process, ring or widget left behind."""

from __future__ import annotations

import gc
import os
import threading
import time
from pathlib import Path

import psutil
import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--long`: soak tests in their long form (hours, not for CI)."""
    parser.addoption("--long", action="store_true", help="soak tests in their long form (hours)")


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether soak tests run in their long form."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real instrument files, or a skip."""
    path = Path(os.environ.get("MATSTUDIO_DATA", SHARED / "data"))
    if not path.is_dir():
        pytest.skip("MATSTUDIO_DATA is unset and ../shared/data is absent")
    return path


@pytest.fixture(scope="session")
def eval_data() -> Path:
    """The folder of evaluation sets, or a skip."""
    path = Path(os.environ.get("MATSTUDIO_EVAL", SHARED / "eval"))
    if not path.is_dir():
        pytest.skip("MATSTUDIO_EVAL is unset and ../shared/eval is absent")
    return path


@pytest.fixture(autouse=True)
def runtime(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runtime root and configuration of the test's own; short, because a socket's path has 107 characters at most."""
    import shutil
    import tempfile

    root = Path(tempfile.mkdtemp(prefix="ms"))
    monkeypatch.setenv("MATSTUDIO_RUNTIME", str(root))
    monkeypatch.setenv("MATSTUDIO_CONFIG", str(root / "config"))
    yield root
    shutil.rmtree(root, ignore_errors=True)


def _rings() -> set[str]:
    shm = Path("/dev/shm")
    return {p.name for p in shm.glob("matstudio-*")} if shm.is_dir() else set()


def _own_rings(runtime_root: Path) -> set[str]:
    ids = {p.name.removeprefix("run-") for p in runtime_root.glob("run-*")}
    return {n for n in _rings() if n.split("-")[1] in ids}


@pytest.fixture(autouse=True)
def leaves_nothing(runtime: Path):
    """Fail a test that leaves a thread, a child process, a widget, a running timer or a ring of its own behind."""
    threads = set(threading.enumerate())
    children = set(psutil.Process().children(recursive=True))
    yield
    rings = _own_rings(runtime)
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        left_threads = {t for t in threading.enumerate() if t.is_alive()} - threads
        left_children = {c for c in psutil.Process().children(recursive=True) if c not in children}
        if not left_threads and not left_children:
            break
        time.sleep(0.02)
    widgets, timers = _qt_leaks()
    left = [str(x) for x in (*left_threads, *left_children, *rings, *widgets, *timers)]
    assert not left, f"left behind: {left}"


def _qt_leaks() -> tuple[list[object], list[object]]:
    import sys

    qt = sys.modules.get("PySide6.QtWidgets")
    if qt is None or qt.QApplication.instance() is None:
        return [], []
    from PySide6.QtCore import QEvent, QTimer

    app = qt.QApplication.instance()
    gc.collect()
    gc.freeze()  # what is left are modules and caches: the next collection need not look at them (0.2 s a test)
    app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    app.processEvents()
    widgets = [w for w in app.topLevelWidgets() if w.isVisible()]
    timers = [t for t in app.findChildren(QTimer) if t.isActive()]
    return widgets, timers
