"""3D view: colours and surfaces of atoms, and a canvas that works with and without OpenGL."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtGui import QGuiApplication

from matstudio.domain.structure import SiteModel
from matstudio.widgets.atoms import BY, box_edges, colours, ramp, species_colour, surface
from matstudio.widgets.structure_canvas import NO_GL, StructureCanvas, gl_renderer


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
    canvas.look("general")
    qtbot.wait(60)
    assert said[-1] == "256 sites general"
    assert "Au" in canvas._legend.text()
    assert canvas.model is not None
    if gl_renderer():
        assert canvas.has_gl
    else:
        assert canvas._empty.text() == NO_GL


def test_sites_that_are_nowhere_are_left_out(qtbot) -> None:
    canvas = StructureCanvas()
    qtbot.addWidget(canvas, before_close_func=lambda c: c.shutdown())
    model = crystal(2)
    model.positions[3] = math.nan
    canvas.show()
    canvas.set_structure(model)
    assert len(canvas.model.positions) == 31
    empty = SiteModel(model.cell, np.empty((0, 3)), ("Au",), np.empty((0, 1)), np.empty(0))
    canvas.set_structure(empty)
    qtbot.wait(30)


needs_gl = pytest.mark.skipif("not __import__('os').environ.get('DISPLAY')", reason="needs a display for OpenGL")


@needs_gl
def test_atoms_are_drawn_and_the_canvas_closes_and_opens_again(qtbot) -> None:
    if not gl_renderer():
        pytest.skip(f"no OpenGL on {QGuiApplication.platformName()}")
    for _ in range(2):
        canvas = StructureCanvas()
        qtbot.addWidget(canvas, before_close_func=lambda c: c.shutdown())
        canvas.resize(400, 400)
        canvas.set_structure(crystal(6))
        canvas.show()
        qtbot.wait(100)
        for _ in range(2):
            picture = canvas._scene._canvas.render(alpha=False)
            middle = picture[picture.shape[0] // 2 - 40 :, picture.shape[1] // 2 - 40 :][:80, :80].reshape(-1, 3)
            assert len(np.unique(middle, axis=0)) > 50
            canvas.shutdown()
            assert not canvas.has_gl
            canvas.hide()
            canvas.show()
            qtbot.wait(50)
        canvas.close()


@needs_gl
def test_of_many_atoms_the_those_deep_inside_are_left_out_and_hardly_missed(qtbot, monkeypatch) -> None:
    if not gl_renderer():
        pytest.skip(f"no OpenGL on {QGuiApplication.platformName()}")
    from matstudio.widgets import structure_scene

    canvas = StructureCanvas()
    qtbot.addWidget(canvas, before_close_func=lambda c: c.shutdown())
    canvas.resize(300, 300)
    canvas.show()
    qtbot.wait(50)
    model = crystal(12)
    for view in ("along [001]", "general"):
        pictures = []
        for many in (5_000, 10**9):
            monkeypatch.setattr(structure_scene, "MANY", many)
            canvas.set_structure(model)
            canvas._place()
            canvas.look(view)
            assert (canvas._scene.drawn < 0.7 * len(model.positions)) == (many == 5_000)
            pictures.append(canvas._scene._canvas.render(alpha=False))
        changed = np.abs(pictures[0].astype(int) - pictures[1]).max(axis=-1) > 8
        assert changed.mean() < 0.02, (view, changed.mean())


def test_a_driver_that_fails_is_told_and_nothing_else_breaks(qtbot, monkeypatch: pytest.MonkeyPatch) -> None:
    from matstudio.widgets import structure_canvas, structure_scene

    def fail(_: object) -> None:
        raise RuntimeError("no framebuffer")

    monkeypatch.setattr(structure_canvas, "gl_renderer", lambda: "broken")
    monkeypatch.setattr(structure_scene, "Scene", fail)
    canvas = StructureCanvas()
    qtbot.addWidget(canvas)
    canvas.show()
    canvas.set_structure(crystal(2))
    canvas.look("general")
    assert canvas._empty.text() == f"{NO_GL} (no framebuffer)"
    assert not canvas.has_gl
    canvas.shutdown()
