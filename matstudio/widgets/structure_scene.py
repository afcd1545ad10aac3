"""The OpenGL part of the 3D view. Imported only where OpenGL is there."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget
from vispy import scene
from vispy.app import use_app

from matstudio.domain.structure import SiteModel
from matstudio.widgets.atoms import box_edges, colours, surface
from matstudio.widgets.colours import scheme

MANY = 5_000
_DIAMETER = 2.3


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
        self._names.visible = False
        self.drawn = 0
        """Sites that the last drawing had."""
        self._extent: tuple[np.ndarray, np.ndarray] | None = None
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
        """Draw the sites (finite positions) coloured by one of `atoms.BY`.

        Of more than `MANY`, those that lie deep inside are left out: the spheres before them hide them
        (measured: 1 % of the pixels change).
        """
        positions = np.asarray(model.positions, np.float32)
        rgb = colours(by, model.species, model.occupancy, model.sigma, self._background)
        cell = np.asarray(model.cell, float)
        self._extent = (positions.min(axis=0), positions.max(axis=0)) if len(positions) else None
        origin = np.zeros(3) if self._extent is None else self._extent[0]
        if len(positions) > MANY:
            outer = surface(positions)
            positions, rgb = positions[outer], rgb[outer]
        self.drawn = len(positions)
        self._atoms.visible = self.drawn > 0
        if self.drawn:
            self._atoms.set_data(positions, size=_DIAMETER, face_color=rgb, edge_width=0)
        self._box.set_data(pos=box_edges(cell, origin), color=(*self._text, 1.0))
        arm = _arm(cell)
        start = origin - arm * 0.9
        ends = start + arm * np.eye(3)
        pairs = np.stack([np.repeat(start[None], 3, 0), ends], 1).reshape(-1, 3)
        self._axes.set_data(pos=pairs, color=(*self._text, 1.0))
        aside = np.array(
            [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [-0.35, -0.35, 0.0]]
        )  # z is seen too where one looks along it
        self._names.pos = start + arm * (1.25 * np.eye(3) + aside)
        self._names.visible = True
        self._canvas.update()

    def look(self, elevation: float, azimuth: float, cell: np.ndarray) -> None:
        """Look at the middle of the box from these angles (degrees), with all of it in view."""
        camera = self._view.camera
        camera.elevation, camera.azimuth = elevation, azimuth
        low, high = (np.zeros(3), np.asarray(cell).sum(axis=0)) if self._extent is None else self._extent
        flat = abs(elevation) == 90
        arm = _arm(np.asarray(cell, float)) if flat else 0.0  # of the axes, which stand beside the box
        camera.center = tuple((low + high) / 2 - 0.5 * arm)
        camera.fov = 0 if flat else 20
        extent = max(high[:2] - low[:2]) if flat else np.linalg.norm(high - low)
        camera.scale_factor = float(extent + 2 * _DIAMETER + 1.4 * arm) * (1.0 if flat else 0.9)
        self._canvas.update()

    def close(self) -> None:
        """Free the context."""
        self._canvas.close()
        self.native.deleteLater()


def _arm(cell: np.ndarray) -> float:
    """Length of the axes that name the directions."""
    return 0.08 * float(np.linalg.norm(cell, axis=1).max())


def _rgb(colour: QColor) -> tuple[float, float, float]:
    return colour.getRgbF()[:3]
