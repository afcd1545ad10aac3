"""Small drawings that are made once and put at many places."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from pyqtgraph.Qt.internals import PrimitiveArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPixmap, QTransform

_FARTHEST = 1e6


class Stamps:
    """A sheet of drawings, made anew when their size changes.

    Args:
        kinds: how many different ones.
        draw: called with a painter, a kind from 0 and the size; draws it about the origin, in pixels of the screen.
    """

    def __init__(self, kinds: int, draw: Callable[[QPainter, int, float], object]) -> None:
        self._kinds, self._draw = kinds, draw
        self._made_for: tuple[float, float] = (0.0, 0.0)
        self._sheet = QPixmap()
        self._places = PrimitiveArray(QPainter.PixmapFragment, 10)

    def put(self, painter: QPainter, xy: np.ndarray, kind: np.ndarray, size: float) -> None:
        """Put drawing `kind[i]` at `xy[i]`.

        Args:
            painter: without a transform of its own.
            xy: (N, 2) pixels of the screen; what is not finite is left out.
            kind: (N,) whole numbers.
            size: half the side of the square about the origin that holds a drawing, pixels of the screen.
        """
        ratio = painter.device().devicePixelRatioF()
        side = 2 * math.ceil(size * ratio)
        if (size, ratio) != self._made_for:
            self._made_for = (size, ratio)
            self._make(side, ratio, size)
        seen = (np.abs(xy) < _FARTHEST).all(axis=1)
        self._places.resize(int(seen.sum()))
        rows = self._places.ndarray()
        rows[:, 0:2] = xy[seen]
        rows[:, 2], rows[:, 3] = side * kind[seen], 0.0
        rows[:, 4:6] = side
        rows[:, 6:10] = (1 / ratio, 1 / ratio, 0.0, 1.0)
        painter.drawPixmapFragments(*self._places.drawargs(), self._sheet)

    def _make(self, side: int, ratio: float, size: float) -> None:
        self._sheet = QPixmap(self._kinds * side, side)
        self._sheet.fill(Qt.GlobalColor.transparent)
        painter = QPainter(self._sheet)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for kind in range(self._kinds):
            painter.setTransform(QTransform(ratio, 0, 0, ratio, side * (kind + 0.5), side / 2))
            self._draw(painter, kind, size)
        painter.end()


def on_screen(onto: QTransform, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Where x, y (N,) come to lie, (N, 2); the transform has no perspective."""
    return np.column_stack((onto.m11() * x + onto.m21() * y + onto.dx(), onto.m12() * x + onto.m22() * y + onto.dy()))
