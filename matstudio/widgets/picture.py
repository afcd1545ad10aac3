"""Counts to colours: the image item of the image canvas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter


def is_counts(data: np.ndarray) -> bool:
    """Whether `Picture.show_counts` takes an array: (rows, columns) of native uint8 or uint16."""
    return data.ndim == 2 and data.dtype in (np.uint8, np.uint16)


class Picture(pg.ImageItem):
    """An image, row 0 first. Counts become colours by one look into a table, and only as many of them as there are
    pixels on the screen: where the image is shown smaller, each so-many-eth, as Qt would choose them.

    2048 x 2048 counts then take 2 ms in place of 9 (`matstudio bench window`).
    """

    def __init__(self) -> None:
        self._logarithmic = False
        self._step = (1, 1)
        self._table: tuple[object, np.ndarray] = (None, np.empty(0, np.uint32))
        self._pixels = np.empty((0, 0), np.uint32)
        super().__init__(axisOrder="row-major")

    def show_counts(self, data: np.ndarray, levels: tuple[float, float], *, log: bool) -> None:
        """Show what `is_counts`; with `log`, levels are of log10(counts + 1), and so are the colours."""
        self._logarithmic = log
        self.setImage(data, autoLevels=False, levels=levels)

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
            self._step = (1, 1)
            super().render()
            return
        down, right = self._step
        some = np.ascontiguousarray(data[down // 2 :: down, right // 2 :: right])
        self._pixels = np.take(self._colours(data.dtype), some, mode="clip")
        height, width = some.shape
        self.qimage = QImage(self._pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)
        self._renderRequired = self._unrenderable = False

    def paint(self, painter: QPainter, *args: Any) -> None:
        """Draw it, made anew where it is shown at another size."""
        data = self.image
        if data is None or not is_counts(data):
            super().paint(painter, *args)
            return
        onto = painter.deviceTransform()
        right, down = math.hypot(onto.m11(), onto.m12()), math.hypot(onto.m21(), onto.m22())
        step = tuple(min(max(1, int(1 / max(s, 1e-6))), n) for s, n in zip((down, right), data.shape, strict=True))
        if step != self._step:
            self._step, self._renderRequired = (step[0], step[1]), True
        if self._renderRequired:
            self.render()
        rows, columns = self._pixels.shape
        painter.drawImage(QRectF(0, 0, columns * step[1], rows * step[0]), self.qimage)

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
