"""Counts become the colours that their levels and the colour map say, whatever the size on the screen."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtGui import QImage, QPainter

from matstudio.widgets.picture import Picture, is_counts

LUT = np.stack([np.arange(256), np.arange(256)[::-1], np.full(256, 7)], axis=1).astype(np.uint8)


@pytest.fixture
def picture(qapp) -> Picture:
    made = Picture()
    made.setLookupTable(LUT)
    return made


def paint(picture: Picture, width: int, height: int) -> np.ndarray:
    """What it looks like drawn into so many pixels, (height, width, 3)."""
    onto = QImage(width, height, QImage.Format.Format_RGB32)
    painter = QPainter(onto)
    rows, columns = picture.image.shape
    painter.scale(width / columns, height / rows)
    picture.paint(painter)
    painter.end()
    return np.array(onto.constBits(), np.uint8).reshape(height, width, 4)[..., 2::-1]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_are_those_of_the_levels(picture: Picture, dtype: type) -> None:
    data = np.array([[0, 10, 20], [30, 110, 250]], dtype)
    picture.show_counts(data, (10.0, 110.0), log=False)
    expected = LUT[np.clip((data.astype(float) - 10) * 2.56, 0, 255).astype(int)]
    assert (paint(picture, 3, 2) == expected).all()
    picture.setLevels((10.0, 20.0))
    assert (paint(picture, 3, 2)[0] == LUT[[0, 0, 255]]).all()
    picture.setLookupTable(LUT[::-1].copy())
    assert (paint(picture, 3, 2)[0] == LUT[[255, 255, 0]]).all()


def test_colours_are_those_of_the_logarithms(picture: Picture) -> None:
    data = np.array([[0, 9, 99, 999, 65535]], np.uint16)
    picture.show_counts(data, (0.0, 4.0), log=True)
    assert (paint(picture, 5, 1)[0] == LUT[[0, 64, 128, 192, 255]]).all()
    picture.show_values(np.array([[0.0, 1.0]]), (0.0, 4.0))
    assert (paint(picture, 2, 1)[0] == LUT[[0, 64]]).all()


def test_an_image_that_is_shown_small_stays_where_it_is(picture: Picture) -> None:
    data = np.repeat(np.repeat(np.arange(30, dtype=np.uint16).reshape(5, 6), 100, 0), 100, 1)
    picture.show_counts(data, (0.0, 30.0), log=False)
    small = paint(picture, 60, 50)
    assert picture.qimage.width() == 60
    assert (small[5::10, 5::10] == LUT[(np.arange(30) * (256 / 30)).astype(int)].reshape(5, 6, 3)).all()
    paint(picture, 600, 500)
    assert picture.qimage.width() == 600
    odd = paint(picture, 41, 33)
    assert (odd[3, 3] == LUT[0]).all()
    assert (odd[-3, -3] == LUT[int(29 * 256 / 30)]).all()


def test_what_counts_are() -> None:
    assert is_counts(np.zeros((2, 2), np.uint16))
    assert not is_counts(np.zeros((2, 2), ">u2"))
    assert not is_counts(np.zeros((2, 2), np.int16))
    assert not is_counts(np.zeros((2, 2, 3), np.uint8))
