"""A played run and a window on it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_run import FakeRun

from matstudio.bus.rundir import Run
from matstudio.ui.main_window import MainWindow
from matstudio.ui.theme import Theme, apply


@pytest.fixture
def fake() -> Iterator[FakeRun]:
    made = FakeRun(Run.create("twin")).start()
    yield made
    made.stop()
    made.run.remove()


@pytest.fixture
def replay() -> Iterator[FakeRun]:
    made = FakeRun(Run.create("replay:/data/insitu_ti.h5"), kind="replay").start()
    yield made
    made.stop()
    made.run.remove()


def open_window(run: Run, qapp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MainWindow:
    monkeypatch.setattr("matstudio.ui.session.sessions_folder", lambda: tmp_path / "sessions")
    apply(qapp, Theme.DARK)
    window = MainWindow(run, ask=False)
    window.resize(1600, 1000)
    window.show()
    window.start()
    return window


def close_window(window: MainWindow) -> None:
    window.leave()
    window.deleteLater()


@pytest.fixture
def window(fake: FakeRun, qapp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MainWindow]:
    made = open_window(fake.run, qapp, monkeypatch, tmp_path)
    yield made
    close_window(made)


@pytest.fixture
def replay_window(replay: FakeRun, qapp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MainWindow]:
    made = open_window(replay.run, qapp, monkeypatch, tmp_path)
    yield made
    close_window(made)
