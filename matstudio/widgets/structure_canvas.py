"""Atoms in three dimensions, drawn by vispy; a line of text where there is no OpenGL."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QOffscreenSurface, QOpenGLContext, QShowEvent
from PySide6.QtWidgets import QComboBox, QLabel, QPushButton, QVBoxLayout, QWidget

from matstudio.domain.structure import SiteModel
from matstudio.widgets.atoms import BY, ramp, species_colour
from matstudio.widgets.flow import FlowLayout

if TYPE_CHECKING:
    from matstudio.widgets.structure_scene import Scene

NO_GL = "No OpenGL: the 3D view needs it"
_PERIOD = 0.5
_VIEWS = {"along [001]": (-90.0, 0.0), "general": (24.0, 32.0)}


def gl_renderer() -> str:
    """Name of the OpenGL renderer ("llvmpipe ..." is software), "" where there is none. Needs a QGuiApplication."""
    if QGuiApplication.platformName() in ("offscreen", "minimal"):
        return ""
    surface_, context = QOffscreenSurface(), QOpenGLContext()
    surface_.create()
    if not (context.create() and context.makeCurrent(surface_)):
        return ""
    name = context.functions().glGetString(0x1F01)
    context.doneCurrent()
    surface_.destroy()
    return str(name or "unknown")


class StructureCanvas(QWidget):
    """Reconstructed sites as spheres, with the box, axes and a turntable camera.

    Drag turns, wheel zooms, shift-drag pans. Of more than 5,000 sites only those near a surface are drawn.
    The beam runs along z; "along [001]" shows x to the right and y down, as the images do.

    Signals:
        info (str): what is shown ("16,384 sites along [001]").
    """

    info = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model: SiteModel | None = None
        self._by, self._view_name, self._aimed = BY[0], "along [001]", False
        self._scene: Scene | None = None
        self._stage = QVBoxLayout()
        self._stage.setContentsMargins(0, 0, 0, 0)
        self._empty = QLabel("no structure yet")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._stage.addWidget(self._empty, 1)
        self._legend = QLabel()
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self._choice = QComboBox()
        self._choice.addItems([f"colour: {by}" for by in BY])
        self._choice.setAccessibleName("colour by")
        self._choice.activated.connect(lambda i: self.colour_by(BY[i]))
        foot = FlowLayout(8)
        foot.addWidget(self._choice)
        for name in _VIEWS:
            button = QPushButton(name)
            button.clicked.connect(lambda _=False, n=name: self.look(n))
            foot.addWidget(button)
        foot.addWidget(self._legend)
        self._later = QTimer(self, singleShot=True)
        self._later.timeout.connect(self._place)
        self._last = time.monotonic() - _PERIOD
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._stage, 1)
        layout.addLayout(foot)
        self.colour_by(self._by)

    @property
    def has_gl(self) -> bool:
        """Whether the 3D view has been made."""
        return self._scene is not None

    @property
    def model(self) -> SiteModel | None:
        """What is shown."""
        return self._model

    def set_structure(self, model: SiteModel) -> None:
        """Show these sites. Sites that are not finite are left out; the camera stays unless the box changes.
        Drawn at most twice a second, and only while the widget can be seen."""
        finite = np.isfinite(model.positions).all(axis=1)
        if not finite.all():
            model = SiteModel(
                model.cell, model.positions[finite], model.species, model.occupancy[finite], model.sigma[finite]
            )
        old, self._model = self._model, model
        if old is None or not np.allclose(old.cell, model.cell, rtol=0.05):
            self._aimed = False
        if not self._later.isActive():
            self._later.start(max(0, round(1000 * (self._last + _PERIOD - time.monotonic()))))
        self._tell()

    def colour_by(self, by: str) -> None:
        """Colour the sites by one of `atoms.BY`."""
        self._by = by
        self._choice.setCurrentIndex(BY.index(by))
        self._place()
        self._tell()

    def look(self, view: str) -> None:
        """Look "along [001]" (the beam) or from a "general" direction, at the whole box."""
        elevation, azimuth = _VIEWS[view]
        self._view_name = view
        if self._scene is not None and self._model is not None:
            self._scene.look(elevation, azimuth, self._model.cell)
        self._tell()

    def shutdown(self) -> None:
        """Free the OpenGL context. The next show makes a new one."""
        self._later.stop()
        scene, self._scene = self._scene, None
        if scene is not None:
            self._stage.removeWidget(scene.native)
            scene.close()
            self._empty.show()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._scene is None:
            self._make_scene()
        else:
            self._place()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.shutdown()
        super().closeEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange and self._scene is not None:
            self._scene.recolour(self)
            self.colour_by(self._by)
        super().changeEvent(event)

    def _make_scene(self) -> None:
        if not gl_renderer():
            self._empty.setText(NO_GL)
            return
        from matstudio.widgets.structure_scene import Scene

        try:
            self._scene = Scene(self)
        except Exception as error:  # noqa: BLE001  the border to OpenGL: drivers fail in ways of their own
            self._empty.setText(f"{NO_GL} ({error})")
            return
        self._empty.hide()
        self._stage.addWidget(self._scene.native, 1)
        self._aimed = False
        self._place()

    def _place(self) -> None:
        if self._scene is None or self._model is None or not self.isVisible():
            return
        self._last = time.monotonic()
        self._scene.place(self._model, self._by)
        if not self._aimed:
            self._aimed = True
            self.look(self._view_name)

    def _tell(self) -> None:
        model = self._model
        if model is None:
            return
        if self._by == "species":
            marks = "".join(f"<span style='color:{_hex(s)}'>●</span> {s}&nbsp;&nbsp;" for s in model.species)
            text = marks + "faint: unsure"
        elif self._by == "occupancy":
            text = f"{_bar()} {model.species[0]} fraction 0 to 1"
        else:
            text = f"{_bar()} σ of {model.species[0]} fraction 0 to 0.5"
        self._legend.setText(text)
        self.info.emit(f"{len(model.positions):,} sites {self._view_name}")


def _hex(symbol: str) -> str:
    return "#" + "".join(f"{round(255 * c):02x}" for c in species_colour(symbol))


def _bar() -> str:
    """The colour ramp as text of coloured squares."""
    steps = np.round(255 * ramp(np.linspace(0, 1, 7))).astype(int)
    return "".join(f"<span style='color:#{r:02x}{g:02x}{b:02x}'>■</span>" for r, g, b in steps)
