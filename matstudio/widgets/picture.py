"""Counts to colours: the image item of the image canvas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter

Part = tuple[int, int, int]
"""What is shown of one axis of an image: the first and the last but one of the pixels on the screen, and how many of
them the whole axis would have; where that is the axis' own number of pixels, they are its own."""


def is_counts(data: np.ndarray) -> bool:
    """Whether `Picture.show_counts` takes an array: (rows, columns) of native uint8 or uint16."""
    return data.ndim == 2 and data.dtype in (np.uint8, np.uint16)


class Picture(pg.ImageItem):
    """An image, row 0 first. Counts become colours by one look into a table, and only those that are seen: where there
    are fewer pixels on the screen, the nearest to the middle of each, as Qt would choose them."""

    def __init__(self) -> None:
        self._logarithmic = False
        self._parts: tuple[Part, Part] = ((0, 0, 0), (0, 0, 0))
        self._table: tuple[object, np.ndarray] = (None, np.empty(0, np.uint32))
        self._pixels = np.empty((0, 0), np.uint32)
        super().__init__(axisOrder="row-major")

    def show_counts(self, data: np.ndarray, levels: tuple[float, float], *, log: bool) -> None:
        """Show what `is_counts`; with `log`, levels are of log10(counts + 1), and so are the colours."""
        self._logarithmic = log
        if self.image is None or self.image.shape != data.shape:
            self.setImage(data, autoLevels=False, levels=levels)
            return
        self.image, self._imageHasNans = data, None
        self.setLevels(levels, update=False)
        self._renderRequired = True
        self.update()

    def show_values(self, data: np.ndarray, levels: tuple[float, float]) -> None:
        """Show any other array of real numbers."""
        self._logarithmic = False
        self.setImage(data, autoLevels=False, levels=levels)

    def setLookupTable(self, lut: np.ndarray, update: bool = True) -> None:
        """Use these colours, (N, 3) uint8."""
        self._table = (None, self._table[1])
        super().setLookupTable(lut, update)

    def render(self) -> None:
        """Make the image that `paint` draws."""
        data = self.image
        if data is None or not is_counts(data) or self.lut is None:
            super().render()
            return
        some = data
        for axis, part in enumerate(self._parts):
            some = _taken(some, axis, part)
        self._pixels = np.take(self._colours(data.dtype), some, mode="clip")
        height, width = some.shape
        self.qimage = QImage(self._pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)
        self._renderRequired = self._unrenderable = False

    def paint(self, painter: QPainter, *args: Any) -> None:
        """Draw it; made anew where another part of it is seen, or at another size."""
        data = self.image
        if data is None or not is_counts(data) or self.lut is None:
            super().paint(painter, *args)
            return
        onto, device = painter.deviceTransform(), painter.device()
        there = QRectF(0, 0, device.width(), device.height())
        seen = painter.worldTransform().inverted()[0].mapRect(there)
        parts = (
            _part(data.shape[0], seen.top(), seen.bottom(), math.hypot(onto.m21(), onto.m22())),
            _part(data.shape[1], seen.left(), seen.right(), math.hypot(onto.m11(), onto.m12())),
        )
        if parts != self._parts:
            self._parts, self._renderRequired = parts, True
        if not all(first < last for first, last, _ in parts):
            return
        if self._renderRequired:
            self.render()
        (top, bottom), (left, right) = (
            (first * size / whole, last * size / whole)
            for (first, last, whole), size in zip(parts, data.shape, strict=True)
        )
        painter.drawImage(QRectF(left, top, right - left, bottom - top), self.qimage)

    def _colours(self, dtype: np.dtype) -> np.ndarray:
        """Colour of each count, 0xffRRGGBB."""
        key = (dtype, tuple(self.levels), self._logarithmic)
        if key != self._table[0]:
            counts = np.arange(1 << 8 * dtype.itemsize, dtype=np.float32)
            values = np.log10(counts + 1) if self._logarithmic else counts
            low, high = (float(v) for v in self.levels)
            lut = np.asarray(self.lut, np.uint32)
            at = np.clip((values - low) * (len(lut) / ((high - low) or 1.0)), 0, len(lut) - 1).astype(np.intp)
            red, green, blue = (lut[:, i] for i in range(3))
            self._table = (key, (0xFF000000 | red << 16 | green << 8 | blue).astype(np.uint32)[at])
        return self._table[1]


def _part(size: int, low: float, high: float, scale: float) -> Part:
    """What is seen of an axis of `size` pixels from `low` to `high`, at `scale` pixels of the screen for each."""
    whole = min(size, max(1, round(size * scale)))
    first, last = math.floor(low * whole / size), math.ceil(high * whole / size)
    return min(max(first, 0), whole), min(max(last, 0), whole), whole


def _taken(data: np.ndarray, axis: int, part: Part) -> np.ndarray:
    """That part of the data, contiguous along the last axis."""
    first, last, whole = part
    size = data.shape[axis]
    if whole == size:
        return data[first:last] if axis == 0 else data[:, first:last]
    at = ((np.arange(first, last) + 0.5) * (size / whole)).astype(np.intp)
    return np.take(data, at, axis, mode="clip")
