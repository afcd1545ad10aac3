"""Atoms in three dimensions with their controls; a line of text where there is no OpenGL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QOffscreenSurface, QOpenGLContext, QShowEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QPushButton, QVBoxLayout, QWidget

from matstudio.domain.structure import SiteModel
from matstudio.widgets.atoms import BY
from matstudio.widgets.flow import FlowLayout
from matstudio.widgets.structure_camera import VIEWS
from matstudio.widgets.structure_drawing import MANY
from matstudio.widgets.structure_thread import Artist, step_back
from matstudio.widgets.structure_view import StructureView
from matstudio.widgets.text import number

NO_GL = "No OpenGL: the 3D view needs it"
_SHORT = dict(zip(VIEWS, ("beam", "a", "b", "c", "side"), strict=True))


def gl_renderer() -> str:
    """Name of the OpenGL renderer ("llvmpipe ..." is software), "" where there is none. Needs a QGuiApplication.

    A thread of low priority asks: software OpenGL draws, as long as the program runs, in threads that its first user
    starts and whose priority is his.
    """
    if QGuiApplication.platformName() in ("offscreen", "minimal"):
        return ""
    surface_ = QOffscreenSurface()
    surface_.create()
    found: list[str] = []
    asking = threading.Thread(target=_ask_renderer, args=(surface_, found), name="OpenGL")
    asking.start()
    asking.join()
    surface_.destroy()
    return found[0] if found else ""


def _ask_renderer(surface: QOffscreenSurface, found: list[str]) -> None:
    step_back()
    context = QOpenGLContext()
    if context.create() and context.makeCurrent(surface):
        found.append(str(context.functions().glGetString(0x1F01) or "unknown"))
        context.doneCurrent()


class StructureCanvas(QWidget):
    """Reconstructed sites as spheres in their box, with axes, legend and a camera.

    Drag turns, shift-drag and right drag pan, the wheel zooms, a click marks an atom and reads it out, double click and
    Home show all; arrows, + and - do the same from the keyboard. The beam runs along z; "along the beam" shows x to the
    right and y down, as the images do. A thread draws, from the first show until `shutdown`.

    Signals:
        info (str): what is shown ("16,384 sites along the beam").
        picked (str): what is known of the marked atom, or "".
    """

    info = Signal(str)
    picked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model: SiteModel | None = None
        self._by, self._looking = BY[0], VIEWS[0]
        self._artist: Artist | None = None
        self._view: StructureView | None = None
        self._stage = QVBoxLayout()
        self._stage.setContentsMargins(0, 0, 0, 0)
        self._problem = ""
        self._empty = QLabel("no structure yet")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._stage.addWidget(self._empty, 1)
        self._choice = QComboBox()
        self._choice.addItems(BY)
        self._choice.setToolTip("What the colours tell")
        self._choice.setAccessibleName("colour by")
        self._choice.activated.connect(lambda i: self.colour_by(BY[i]))
        self._bonds, self._perspective = QCheckBox("bonds"), QCheckBox("perspective")
        self._bonds.setToolTip(f"Balls and sticks, of {MANY:,} sites at most")
        self._perspective.setToolTip("Near things larger; without it, parallel projection")
        self._bonds.toggled.connect(lambda _: self._dress())
        self._perspective.toggled.connect(self._set_perspective)
        foot = FlowLayout(4)
        foot.addWidget(self._choice)
        for name in VIEWS:
            button = QPushButton(_SHORT[name])
            button.setToolTip(f"Look {name}")
            button.setAccessibleName(f"view {name}")
            button.clicked.connect(lambda _=False, n=name: self.look(n))
            foot.addWidget(button)
        foot.addWidget(self._bonds)
        foot.addWidget(self._perspective)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._stage, 1)
        layout.addLayout(foot)

    @property
    def has_gl(self) -> bool:
        """Whether the 3D view has been made."""
        return self._view is not None

    @property
    def view(self) -> StructureView | None:
        """The picture, where there is OpenGL and the widget was shown."""
        return self._view

    @property
    def model(self) -> SiteModel | None:
        """What is shown."""
        return self._model

    @property
    def colouring(self) -> str:
        """What the sites are coloured by, one of `atoms.BY`."""
        return self._by

    @property
    def with_bonds(self) -> bool:
        """Whether bonds are asked for."""
        return self._bonds.isChecked()

    @property
    def in_perspective(self) -> bool:
        """Whether near things are larger."""
        return self._perspective.isChecked()

    def set_structure(self, model: SiteModel) -> None:
        """Show these sites; those that are not finite are left out. The camera stays unless the box changes."""
        if not np.isfinite(model.positions.sum()):
            finite = np.isfinite(model.positions).all(axis=1)
            model = SiteModel(
                model.cell, model.positions[finite], model.species, model.occupancy[finite], model.sigma[finite]
            )
        self._model = model
        self._bonds.setEnabled(len(model.positions) <= MANY)
        if self._view is not None and self.isVisible():
            self._show_view()
            self._view.set_model(model)
        self._tell()

    def colour_by(self, by: str) -> None:
        """Colour the sites by one of `atoms.BY`."""
        self._by = by
        self._choice.setCurrentIndex(BY.index(by))
        self._dress()

    def set_bonds(self, on: bool) -> None:
        """Balls and sticks, where there are not too many sites."""
        self._bonds.setChecked(on)

    def set_perspective(self, on: bool) -> None:
        """Near things larger, or parallel projection."""
        self._perspective.setChecked(on)

    def look(self, view: str) -> None:
        """Look at everything from one of `structure_camera.VIEWS`."""
        self._looked(view)
        if self._view is not None:
            self._view.look(view)

    def save_picture(self, path: Path, scale: int, done: Callable[[str], object]) -> None:
        """Save the picture as PNG with `scale` times the pixels on the screen; `done` gets "" or what went wrong."""
        if self._view is None:
            done(self._problem or "there is no picture while the view is closed")
        else:
            self._view.save_picture(path, scale * self.devicePixelRatioF(), done)

    def shutdown(self) -> None:
        """End the thread and free the OpenGL context. The next show makes new ones."""
        view, self._view = self._view, None
        artist, self._artist = self._artist, None
        if artist is not None:
            artist.stop()
            artist.deleteLater()
        if view is not None:
            view.rest()
            self._stage.removeWidget(view)
            view.hide()
            view.deleteLater()
            self._empty.show()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._view is None:
            self._make_view()
        elif self._model is not None:
            self._show_view()
            self._view.set_model(self._model)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.shutdown()
        super().closeEvent(event)

    def _make_view(self) -> None:
        if not gl_renderer():
            self._fail("")
            return
        if not QOpenGLContext.supportsThreadedOpenGL():
            self._fail("this driver draws in one thread only")
            return
        self._artist = Artist(self)
        self.destroyed.connect(self._artist.stop)  # a running QThread that is deleted ends the program
        self._artist.failed.connect(self._fail)
        self._view = StructureView(self._artist, self)
        self._view.picked.connect(self.picked)
        self._view.looked.connect(self._looked)
        self._view.hide()
        self._stage.addWidget(self._view, 1)
        self._artist.start()
        self._view.set_perspective(self._perspective.isChecked())
        self._view.look(self._looking or VIEWS[0])
        self._dress()
        if self._model is not None:
            self._show_view()
            self._view.set_model(self._model)

    def _show_view(self) -> None:
        if self._view is not None:
            self._empty.hide()
            self._view.show()

    def _fail(self, reason: str) -> None:
        self._problem = f"{NO_GL} ({reason})" if reason else NO_GL
        self.shutdown()
        self._tell()

    def _dress(self) -> None:
        if self._view is not None:
            self._view.set_look(self._by, self._bonds.isChecked())

    def _set_perspective(self, on: bool) -> None:
        if self._view is not None:
            self._view.set_perspective(on)

    def _looked(self, view: str) -> None:
        self._looking = view
        self._tell()

    def _tell(self) -> None:
        model = self._model
        if self._problem:
            self._empty.setText(self._problem if model is None else f"{self._problem}\n{_in_words(model)}")
        if model is not None:
            self.info.emit(f"{len(model.positions):,} sites {self._looking}".strip())


def _in_words(model: SiteModel) -> str:
    """ "16,384 sites of Au and Cu in a box of 60.0 × 60.0 × 60.0 Å"."""
    lengths = " × ".join(number(float(x), 1) for x in np.linalg.norm(model.cell, axis=1))
    return f"{len(model.positions):,} sites of {' and '.join(model.species)} in a box of {lengths} Å"
