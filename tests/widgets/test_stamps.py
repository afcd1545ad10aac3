"""Small drawings come where they belong."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QTransform

from matstudio.widgets.stamps import Stamps, on_screen

COLOURS = (QColor("#ff0000"), QColor("#00ff00"))


def dot(painter: QPainter, kind: int, size: float) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(COLOURS[kind])
    painter.drawEllipse(QPointF(), size - 1, size - 1)


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_each_kind_at_its_places(qapp, ratio: float) -> None:
    image = QImage(round(100 * ratio), round(50 * ratio), QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.black)
    stamps = Stamps(2, dot)
    painter = QPainter(image)
    xy = np.array([[20.0, 10.0], [70.0, 40.0], [np.nan, 3.0], [1e300, 3.0]])
    stamps.put(painter, xy, np.array([0, 1, 0, 1]), 5.0)
    painter.end()

    def colour(x: float, y: float) -> str:
        return image.pixelColor(round(x * ratio), round(y * ratio)).name()

    assert (colour(20, 10), colour(70, 40)) == ("#ff0000", "#00ff00")
    assert (colour(22.5, 10), colour(70, 42.5)) == ("#ff0000", "#00ff00")
    assert colour(26, 10) == colour(45, 25) == "#000000"


def test_none_at_all(qapp) -> None:
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    Stamps(1, dot).put(painter, np.empty((0, 2)), np.empty(0, int), 3.0)
    painter.end()


def test_where_things_come_to_lie() -> None:
    onto = QTransform(2, 0, 0, -3, 10, 20)
    assert on_screen(onto, np.array([1.0, 0.0]), np.array([1.0, 2.0])).tolist() == [[12.0, 17.0], [10.0, 14.0]]
