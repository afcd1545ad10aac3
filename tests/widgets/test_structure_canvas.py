"""3D view: colours, surfaces and bonds of atoms, and a canvas that works with and without OpenGL."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QImage, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from matstudio.domain.structure import SiteModel
from matstudio.widgets import structure_drawing
from matstudio.widgets.atoms import BY, bonds, box_edges, colours, ramp, surface
from matstudio.widgets.elements import COVALENT, species_colour
from matstudio.widgets.structure_canvas import NO_GL, StructureCanvas, gl_renderer
from matstudio.widgets.structure_overlay import Pick
from matstudio.widgets.structure_thread import NICE
from matstudio.widgets.structure_view import StructureView


def crystal(n: int, a: float = 3.748) -> SiteModel:
    cells = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    positions = ((cells + basis) * a).reshape(-1, 3)
    gold = np.tile([0.9, 0.1, 0.0, 0.1], n**3)
    return SiteModel(np.eye(3) * n * a, positions, ("Au", "Cu"), np.c_[gold, 1 - gold], np.full(len(gold), 0.1))


def test_surface_is_a_shell() -> None:
    model = crystal(16)
    outer = surface(model.positions)
    low, high = model.positions.min(axis=0), model.positions.max(axis=0)
    deep = ((model.positions - low > 8) & (high - model.positions > 8)).all(axis=1)
    skin = ((model.positions - low < 1) | (high - model.positions < 1)).any(axis=1)
    assert outer[skin].all()
    assert not outer[deep].any()
    assert surface(np.zeros((1, 3))).all()


def test_colours_tell_species_occupancy_and_doubt() -> None:
    occupancy = np.array([[1.0, 0.0], [0.0, 1.0], [0.55, 0.45], [math.nan, math.nan]])
    sigma = np.array([0.0, 0.1, 0.5, math.nan])
    by_species = colours("species", ("Au", "Cu"), occupancy, sigma, (0.0, 0.0, 0.0))
    assert by_species[0] == pytest.approx(species_colour("Au"), abs=1e-6)
    assert by_species[1] == pytest.approx(species_colour("Cu"), abs=1e-6)
    assert by_species[2].sum() < 0.7 * by_species[0].sum()
    assert colours("occupancy", ("Au", "Cu"), occupancy, sigma, (0, 0, 0))[:2] == pytest.approx(
        ramp(np.array([1.0, 0.0]))
    )
    assert np.isfinite(colours("uncertainty", ("Au", "Cu"), occupancy, sigma, (0, 0, 0))).all()
    assert all(0 <= c <= 1 for c in species_colour("Uuo"))
    with pytest.raises(ValueError, match="no colouring"):
        colours("taste", ("Au",), occupancy[:, :1], sigma, (0, 0, 0))


def test_a_box_has_twelve_edges() -> None:
    edges = box_edges(np.diag([2.0, 3.0, 4.0]), np.array([1.0, 0.0, 0.0])).reshape(-1, 2, 3)
    lengths = np.linalg.norm(edges[:, 1] - edges[:, 0], axis=1)
    assert sorted(lengths) == [2.0] * 4 + [3.0] * 4 + [4.0] * 4
    assert edges[:, :, 0].min() == 1.0


def test_radii_are_those_that_ase_has() -> None:
    from ase.data import chemical_symbols, covalent_radii

    assert {s: round(float(covalent_radii[chemical_symbols.index(s)]), 4) for s in COVALENT} == COVALENT


def test_bonds_are_the_nearest_neighbours() -> None:
    model = crystal(3)
    kinds = np.argmax(model.occupancy, axis=1)
    pairs = bonds(model.positions, model.species, kinds)
    inside = ((model.positions > 2) & (model.positions < 9)).all(axis=1)
    count = np.bincount(pairs.ravel(), minlength=len(kinds))
    assert inside.any()
    assert (count[inside] == 12).all()
    perovskite = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]) * 3.905
    found = bonds(perovskite, ("Sr", "Ti", "O"), np.array([0, 1, 2, 2, 2]))
    assert {tuple(sorted(p)) for p in found.tolist()} == {(1, 2), (1, 3), (1, 4), (0, 2), (0, 3), (0, 4)}


@pytest.mark.parametrize("by", BY)
def test_canvas_shows_sites_or_says_that_it_cannot(qtbot, by: str) -> None:
    canvas = StructureCanvas()
    said: list[str] = []
    canvas.info.connect(said.append)
    qtbot.addWidget(canvas, before_close_func=lambda c: c.shutdown())
    canvas.resize(460, 360)
    canvas.show()
    canvas.set_structure(crystal(4))
    canvas.colour_by(by)
    canvas.look("from the side")
    qtbot.wait(60)
    assert said[-1] == "256 sites from the side"
    assert canvas.model is not None
    if gl_renderer():
        qtbot.waitUntil(lambda: canvas.view.shown is not None, timeout=8000)
        assert canvas.view.shown.look.by == by
    else:
        assert canvas._empty.text() == f"{NO_GL}\n256 sites of Au and Cu in a box of 15.0 × 15.0 × 15.0 Å"


def test_sites_that_are_nowhere_are_left_out(qtbot) -> None:
    canvas = StructureCanvas()
    qtbot.addWidget(canvas, before_close_func=lambda c: c.shutdown())
    model = crystal(2)
    model.positions[3] = math.nan
    canvas.show()
    canvas.set_structure(model)
    qtbot.wait(30)
    assert len(canvas.model.positions) == 31
    empty = SiteModel(model.cell, np.empty((0, 3)), ("Au",), np.empty((0, 1)), np.empty(0))
    canvas.set_structure(empty)
    qtbot.wait(30)


needs_gl = pytest.mark.skipif("not __import__('os').environ.get('DISPLAY')", reason="needs a display for OpenGL")


def opened(qtbot, model: SiteModel, size: int = 400, view: str = "along the beam") -> StructureCanvas:
    """A canvas that has drawn a structure."""
    if not gl_renderer():
        pytest.skip(f"no OpenGL on {QGuiApplication.platformName()}")
    canvas = StructureCanvas()
    qtbot.addWidget(canvas, before_close_func=lambda c: c.shutdown())
    canvas.resize(size, size)
    canvas.show()
    canvas.look(view)
    canvas.set_structure(model)
    drawn(qtbot, canvas)
    return canvas


def drawn(qtbot, canvas: StructureCanvas) -> np.ndarray:
    """The picture of what is wanted now: (height, width, 3)."""
    view = canvas.view

    def there() -> bool:
        shown = view.shown
        return (
            shown is not None
            and not shown.moving
            and shown.drawing.model is canvas.model
            and shown.camera is view.camera
        )

    qtbot.waitUntil(there, timeout=15000)
    return view.shown.image[..., :3].astype(int)


def drag(view: StructureView, start: QPoint, steps: int, each: QPoint) -> None:
    QTest.mousePress(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    for n in range(1, steps + 1):
        where = QPointF(start + n * each)
        left = Qt.MouseButton.LeftButton
        event = QMouseEvent(QEvent.Type.MouseMove, where, where, left, left, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(view, event)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start + steps * each)


@needs_gl
def test_atoms_are_drawn_and_the_canvas_closes_and_opens_again(qtbot) -> None:
    canvas = opened(qtbot, crystal(6))
    for _ in range(2):
        picture = drawn(qtbot, canvas)
        middle = picture[picture.shape[0] // 2 - 40 :, picture.shape[1] // 2 - 40 :][:80, :80].reshape(-1, 3)
        assert len(np.unique(middle, axis=0)) > 50
        canvas.shutdown()
        assert not canvas.has_gl
        canvas.hide()
        canvas.show()
    canvas.close()


@needs_gl
def test_colours_and_places_are_those_of_the_atoms(qtbot) -> None:
    positions = np.array([[1.0, 1.0, 2.0], [9.0, 1.0, 2.0], [1.0, 9.0, 2.0], [9.0, 9.0, 2.0]])
    sure = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    canvas = opened(qtbot, SiteModel(np.eye(3) * 10, positions, ("Au", "O"), sure, np.zeros(4)))
    picture, view = drawn(qtbot, canvas), canvas.view
    places, _ = view.camera.project(positions, view.width(), view.height())
    assert places[0, 0] < places[1, 0]
    assert places[0, 1] < places[2, 1]  # x to the right and y down, as in the image
    for (x, y, _), species in zip(places, ("Au", "O", "O", "O"), strict=True):
        seen = picture[round(y), round(x)] / 255
        assert seen / seen.max() == pytest.approx(
            np.array(species_colour(species)) / max(species_colour(species)), abs=0.2
        )


@needs_gl
def test_of_many_atoms_those_deep_inside_are_left_out_and_hardly_missed(qtbot, monkeypatch) -> None:
    canvas = opened(qtbot, crystal(12), 300)
    for view in ("along the beam", "from the side"):
        canvas.look(view)
        pictures = []
        for many in (5_000, 10**9):
            monkeypatch.setattr(structure_drawing, "MANY", many)
            canvas.set_structure(crystal(12))
            pictures.append(drawn(qtbot, canvas))
            assert (len(canvas.view.shown.drawing.sites) < 0.7 * len(canvas.model.positions)) == (many == 5_000)
        changed = np.abs(pictures[0] - pictures[1]).max(axis=-1) > 8
        assert changed.mean() < 0.02, (view, changed.mean())


@needs_gl
def test_points_and_squares_look_the_same(qtbot, monkeypatch) -> None:
    from matstudio.widgets import structure_gl

    canvas = opened(qtbot, crystal(5), view="from the side")
    first = drawn(qtbot, canvas)
    monkeypatch.setattr(structure_gl, "_QUADS", 0)
    canvas.set_structure(crystal(5))
    changed = np.abs(first - drawn(qtbot, canvas)).max(axis=-1) > 40
    assert changed.mean() < 0.03


@needs_gl
@pytest.mark.parametrize("perspective", [False, True])
def test_a_click_marks_the_atom_in_front_and_the_mark_follows_it(qtbot, perspective: bool) -> None:
    model = crystal(4)
    canvas = opened(qtbot, model)
    canvas.set_perspective(perspective)
    drawn(qtbot, canvas)
    said: list[str] = []
    canvas.picked.connect(said.append)
    view = canvas.view
    site = int(np.flatnonzero(np.isclose(model.positions, np.array([2, 1, 0]) * 3.748).all(axis=1))[0])
    (x, y, _), _ = (v[0] for v in view.camera.project(model.positions[[site]], view.width(), view.height()))
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(round(x), round(y)))
    assert view.pick.site == site
    assert said[-1] == f"Au 0.90 ± 0.10   Cu 0.10   x 7.50   y 3.75   z 0.00 Å   site {site} of 256"
    moved = SiteModel(model.cell, model.positions[::-1] + 0.1, model.species, model.occupancy[::-1], model.sigma)
    canvas.set_structure(moved)
    assert view.pick.site == 255 - site
    gone = np.linalg.norm(moved.positions - moved.positions[255 - site], axis=1) > 1
    canvas.set_structure(
        SiteModel(model.cell, moved.positions[gone], model.species, moved.occupancy[gone], moved.sigma[gone])
    )
    assert view.pick is None
    assert said[-1] == ""
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(1, 1))
    assert view.pick is None


@needs_gl
def test_dragging_turns_and_new_structures_leave_the_camera_alone(qtbot) -> None:
    canvas = opened(qtbot, crystal(4))
    view = canvas.view
    before = view.camera
    drag(view, QPoint(200, 200), 10, QPoint(4, 2))
    turned = view.camera
    assert not np.allclose(before.rotation, turned.rotation)
    assert turned.span == before.span
    assert view.pick is None  # a drag is not a click
    for n in range(4):
        model = crystal(4, 3.748 + 0.002 * n)
        canvas.set_structure(model)
        assert view.camera is turned
    drawn(qtbot, canvas)
    canvas.set_structure(crystal(4, 5.0))  # another box
    assert view.camera is not turned
    assert drawn(qtbot, canvas).shape[0] > 100


@needs_gl
def test_keys_turn_zoom_show_all_and_take_the_mark_away(qtbot) -> None:
    canvas = opened(qtbot, crystal(3))
    view = canvas.view
    start = view.camera
    QTest.keyClick(view, Qt.Key.Key_Left)
    QTest.keyClick(view, "+")
    assert not np.allclose(view.camera.rotation, start.rotation)
    assert view.camera.span == pytest.approx(start.span / 1.2)
    QTest.keyClick(view, Qt.Key.Key_Home)
    assert view.camera.span > start.span
    view.mark(Pick(0, canvas.model.positions[0], 1.0))
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert view.pick is None


@needs_gl
def test_the_picture_is_saved_at_a_scale_with_what_is_written_over_it(qtbot, tmp_path: Path) -> None:
    canvas = opened(qtbot, crystal(4))
    said: list[str] = []
    for scale in (1, 2):
        canvas.save_picture(tmp_path / f"{scale}.png", scale, said.append)
    canvas.save_picture(tmp_path / "no" / "such.png", 1, said.append)
    canvas.save_picture(tmp_path / "huge.png", 100, said.append)
    qtbot.waitUntil(lambda: len(said) == 4, timeout=20000)
    assert said[:2] == ["", ""]
    assert "such.png" in said[2]
    assert "pixels a side at most" in said[3]
    small, large = QImage(str(tmp_path / "1.png")), QImage(str(tmp_path / "2.png"))
    assert large.size() == 2 * small.size()
    assert small.width() == round(canvas.view.width() * canvas.devicePixelRatioF())
    corner = small.copy(0, small.height() - 30, 120, 30)  # the legend
    assert len({corner.pixel(x, y) for x in range(120) for y in range(30)}) > 20


@needs_gl
def test_what_comes_while_a_fine_picture_is_drawn_is_not_lost(qtbot) -> None:
    canvas = opened(qtbot, crystal(14))
    for n in range(6):
        canvas.colour_by(BY[n % 3])
        canvas.look("from the side" if n % 2 else "along a")
        drag(canvas.view, QPoint(100, 100), 5, QPoint(3, 3))
    wanted = canvas.view.camera
    drawn(qtbot, canvas)
    assert canvas.view.shown.camera is wanted
    assert canvas.view.shown.look.by == BY[2]


def test_a_driver_that_fails_is_told_and_nothing_else_breaks(qtbot, monkeypatch: pytest.MonkeyPatch) -> None:
    from matstudio.widgets import structure_canvas, structure_thread

    class Broken(structure_thread.Artist):
        def run(self) -> None:
            self.failed.emit("no framebuffer")

    monkeypatch.setattr(structure_canvas, "gl_renderer", lambda: "broken")
    monkeypatch.setattr(structure_canvas, "Artist", Broken)
    monkeypatch.setattr(structure_canvas.QOpenGLContext, "supportsThreadedOpenGL", lambda: True)
    canvas = StructureCanvas()
    qtbot.addWidget(canvas)
    canvas.show()
    canvas.set_structure(crystal(2))
    canvas.look("from the side")
    qtbot.waitUntil(lambda: not canvas.has_gl, timeout=4000)
    assert canvas._empty.text().splitlines()[0] == f"{NO_GL} (no framebuffer)"
    assert "32 sites" in canvas._empty.text()
    said: list[str] = []
    canvas.save_picture(Path("nowhere.png"), 1, said.append)
    assert said == [f"{NO_GL} (no framebuffer)"]
    canvas.shutdown()


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads are Linux's")
def test_threads_of_software_opengl_step_back_before_the_window(qtbot) -> None:
    if "llvmpipe" not in gl_renderer():
        pytest.skip("no software OpenGL here")
    code = (
        "import os; from pathlib import Path; from PySide6.QtWidgets import QApplication; app = QApplication([]);"
        "from matstudio.widgets.structure_canvas import gl_renderer; gl_renderer();"
        "tasks = [t for t in Path('/proc/self/task').iterdir() if 'llvmpipe' in (t / 'comm').read_text()];"
        "print([os.getpriority(os.PRIO_PROCESS, int(t.name)) for t in tasks])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    levels = json.loads(told.stdout)
    assert levels
    assert min(levels) >= NICE
