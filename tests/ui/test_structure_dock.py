"""The structure's dock: its actions, and files from it, with and without OpenGL."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMainWindow

from matstudio.domain.structure import SiteModel
from matstudio.ui.parts import Dock
from matstudio.ui.structure_dock import StructureDock
from matstudio.workers.jobs import Jobs

MODEL = SiteModel(
    np.eye(3) * 8,
    np.array([[0.0, 0, 0], [4.0, 4, 0], [4.0, 0, 4], [0, 4.0, 4]]),
    ("Au", "Cu"),
    np.array([[0.9, 0.1], [0, 1], [0, 1], [0, 1]]),
    np.full(4, 0.1),
)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def dock(qtbot, told: list[str]):
    jobs = Jobs()
    jobs.changed.connect(lambda job: told.append(f"{job.work.title}: {job.state}"))
    made = StructureDock(lambda text, level: told.append(text), jobs.start)
    qtbot.addWidget(made, before_close_func=lambda d: (d.shutdown(), jobs.stop()))
    made.resize(500, 400)
    made.show()
    return made


def test_nothing_can_be_done_before_there_is_a_structure(dock: StructureDock) -> None:
    assert not any(a.when() for a in dock.actions())
    assert not dock.show_structure(MODEL)
    dock.prepare()
    assert dock.show_structure(MODEL)
    ids = {a.id: a for a in dock.actions()}
    assert ids["structure.save"].when()
    assert ids["structure.view.along a"].when() == dock.canvas.has_gl  # without OpenGL only the file can be written


def test_actions_change_the_view(dock: StructureDock) -> None:
    dock.prepare()
    dock.show_structure(MODEL)
    ids = {a.id: a for a in dock.actions()}
    for name in ("structure.bonds", "structure.perspective"):
        assert not ids[name].checked()
        ids[name].run()
        assert ids[name].checked()
    ids["structure.colour.occupancy"].run()
    assert ids["structure.colour.occupancy"].checked()
    assert not ids["structure.colour.species"].checked()
    said: list[str] = []
    dock.canvas.info.connect(said.append)
    ids["structure.view.along b"].run()
    assert said == ["4 sites along b"]


def test_files_are_written_and_told(dock: StructureDock, told: list[str], qtbot, tmp_path: Path) -> None:
    dock.prepare()
    dock.show_structure(MODEL)
    dock.write(MODEL, tmp_path / "s.cif")
    dock.write(MODEL, tmp_path / "s.doc")
    work = "write 4 sites to s.cif"
    assert told == [f"{work}: waiting", f"{work}: running", "s.doc: a structure is written as .cif, .xyz, .extxyz"]
    qtbot.waitUntil(lambda: told[-1] == f"{work}: done", timeout=30000)
    assert (tmp_path / "s.cif").exists()
    told.clear()
    dock.save(tmp_path / "s.png", 1)
    qtbot.waitUntil(lambda: len(told) == 1, timeout=15000)
    assert told[0] == ("s.png: saved" if dock.canvas.has_gl else "s.png: No OpenGL: the 3D view needs it")
    assert (tmp_path / "s.png").exists() == dock.canvas.has_gl


def test_it_goes_on_drawing_when_its_dock_floats_comes_back_closes_and_opens(qtbot, told: list[str]) -> None:
    main = QMainWindow()
    inner = StructureDock(lambda text, level: told.append(text), told.append)
    qtbot.addWidget(main, before_close_func=lambda _: inner.shutdown())
    dock = Dock("structure", "Structure", inner, main)
    main.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    main.resize(500, 400)
    main.show()
    inner.prepare()
    inner.show_structure(MODEL)
    qtbot.wait(50)
    if not inner.canvas.has_gl:
        pytest.skip("no OpenGL")
    view = inner.canvas.view
    qtbot.waitUntil(lambda: view.shown is not None, timeout=15000)
    steps = (lambda: dock.setFloating(True), lambda: dock.setFloating(False), dock.close, dock.show)
    for n, step in enumerate(steps):
        step()
        inner.show_structure(dataclasses.replace(MODEL, sigma=np.full(4, 0.1 * n)))
        if dock.isVisible():
            qtbot.waitUntil(lambda: view.shown.drawing.model is inner.model, timeout=8000)
    assert view.shown.drawing.model.sigma[0] == pytest.approx(0.3)
    inner.shutdown()
    main.close()
