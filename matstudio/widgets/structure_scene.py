"""The OpenGL part of the 3D view. Imported only where OpenGL is there."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget
from vispy import scene
from vispy.app import use_app

from matstudio.domain.structure import SiteModel
from matstudio.widgets.atoms import box_edges, colours, surface
from matstudio.widgets.colours import scheme

MANY = 20_000
_DIAMETER = 2.2
_SETTLE_MS = 250


class Scene:
    """A vispy canvas with spheres, the box and the axes.

    Args:
        parent: whose palette gives the colours; it places `native`.

    Raises:
        Exception: whatever the driver raises where a context cannot be made.
    """

    def __init__(self, parent: QWidget) -> None:
        use_app("pyside6")
        self._canvas = scene.SceneCanvas(keys=None, show=False, config={"samples": 0, "depth_size": 24})
        self.native: QWidget = self._canvas.native
        self.native.setAttribute(Qt.WidgetAttribute.WA_DontCreateNativeAncestors)
        self.native.setAttribute(Qt.WidgetAttribute.WA_NativeWindow)
        self._view = self._canvas.central_widget.add_view()
        self._view.camera = scene.cameras.TurntableCamera(fov=0, elevation=-90, azimuth=0)
        self._atoms = scene.visuals.Markers(scaling="scene", antialias=0, spherical=True, parent=self._view.scene)
        self._atoms.light_position = (-0.4, -0.5, 0.8)
        self._atoms.light_ambient = 0.25
        self._box = scene.visuals.Line(connect="segments", method="gl", parent=self._view.scene)
        self._axes = scene.visuals.Line(connect="segments", method="gl", parent=self._view.scene)
        self._names = scene.visuals.Text(
            ["x", "y", "z"], font_size=parent.font().pointSizeF() * 0.9, parent=self._view.scene
        )
        self._all: tuple[np.ndarray, np.ndarray] | None = None
        self._outer: np.ndarray | None = None
        self._moving = False
        self.drawn = 0
        """Sites that the last drawing had."""
        self._settle = QTimer(self.native, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self._settled)
        self._canvas.events.mouse_move.connect(self._on_mouse)
        self._canvas.events.mouse_wheel.connect(self._on_mouse)
        self._background, self._text = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        self.recolour(parent)

    def recolour(self, widget: QWidget) -> None:
        """Take background and lines from the palette."""
        found = scheme(widget.palette())
        self._background, self._text = _rgb(found.background), _rgb(found.dim)
        self._canvas.bgcolor = self._background
        self._names.color = self._text
        self._box.set_data(color=(*self._text, 1.0))

    def place(self, model: SiteModel, by: str) -> None:
        """Draw the sites (finite positions) coloured by one of `atoms.BY`."""
        positions = np.asarray(model.positions, np.float32)
        rgb = colours(by, model.species, model.occupancy, model.sigma, self._background)
        self._all = (positions, np.column_stack([rgb, np.ones(len(rgb), np.float32)]))
        self._outer = surface(positions) if len(positions) > MANY else None
        cell = np.asarray(model.cell, float)
        origin = positions.min(axis=0) if len(positions) else np.zeros(3)
        self._box.set_data(pos=box_edges(cell, origin), color=(*self._text, 1.0))
        self._draw()
        arm = 0.12 * float(np.linalg.norm(cell, axis=1).max())
        start = origin - arm * 0.9
        ends = start + arm * np.eye(3)
        pairs = np.stack([np.repeat(start[None], 3, 0), ends], 1).reshape(-1, 3)
        self._axes.set_data(pos=pairs, color=(*self._text, 1.0))
        self._names.pos = start + 1.25 * arm * np.eye(3)

    def look(self, elevation: float, azimuth: float, cell: np.ndarray) -> None:
        """Look at the middle of the box from these angles (degrees), with all of it in view."""
        camera = self._view.camera
        camera.elevation, camera.azimuth = elevation, azimuth
        if self._all is not None and len(self._all[0]):
            low, high = self._all[0].min(axis=0), self._all[0].max(axis=0)
        else:
            low, high = np.zeros(3), np.asarray(cell).sum(axis=0)
        camera.center = tuple((low + high) / 2)
        flat = abs(elevation) == 90
        camera.fov = 0 if flat else 20
        extent = max(high[:2] - low[:2]) if flat else np.linalg.norm(high - low)
        camera.scale_factor = float(extent + 2 * _DIAMETER) * (1.35 if flat else 1.1)
        self._canvas.update()

    def close(self) -> None:
        """Free the context."""
        self._settle.stop()
        self._canvas.close()
        self.native.deleteLater()

    def _draw(self) -> None:
        if self._all is None:
            return
        positions, colour = self._all
        if self._moving and self._outer is not None:
            positions, colour = positions[self._outer], colour[self._outer]
        if len(positions):
            self._atoms.set_data(positions, size=_DIAMETER, face_color=colour, edge_width=0)
        self._atoms.visible = len(positions) > 0
        self.drawn = len(positions)
        self._canvas.update()

    def _on_mouse(self, event: object) -> None:
        if self._outer is None or (event.type == "mouse_move" and not event.is_dragging):  # type: ignore[attr-defined]
            return
        self._settle.start()
        if not self._moving:
            self._moving = True
            self._draw()

    def _settled(self) -> None:
        self._moving = False
        self._draw()


def _rgb(colour: QColor) -> tuple[float, float, float]:
    return colour.getRgbF()[:3]
