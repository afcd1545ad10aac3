"""Shows the transform of a picture: frequencies, and the spacings that they stand for."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSizeF

from matstudio.domain.frame import Axis
from matstudio.widgets.fourier import Fourier, peak, reciprocal
from matstudio.widgets.image_canvas import ImageCanvas, digits
from matstudio.widgets.text import number, significant

_REACH = 6.0
_MARGIN = 1.25
_LEVELS = (88.0, 99.97)


class FourierCanvas(ImageCanvas):
    """A transform with frequency 0 in the middle. The greatest value near the cursor is ringed and told: its frequency
    and the spacing d, one over it."""

    def __init__(self) -> None:
        super().__init__()
        self.set_percentiles(_LEVELS)
        self._found: Fourier | None = None

    def pool(self) -> int:
        """How many pixels of the transform lie in one of the screen, at least 1."""
        if self._found is None:
            return 1
        column = self._found.axes[1]
        across = self.box.viewRect().width() / abs(column.scale)
        return max(1, int(across / max(1.0, self.box.width() * self.devicePixelRatioF())))

    def show_fourier(self, found: Fourier, picture: np.ndarray, pool: int) -> None:
        """Show a transform.

        Args:
            found: it.
            picture: `found.magnitude`, the greatest value of each `pool` pixels a side.
            pool: see there.
        """
        fresh = self._found is None or not _alike(self._found.axes, found.axes)
        self._found = found
        row, column = (
            Axis(a.name, a.units, a.scale * pool, a.offset + a.scale * (pool - 1) / 2, n)
            for a, n in zip(found.axes, picture.shape, strict=True)
        )
        self.set_frame(picture, (row, column))
        if fresh:
            self._show_part(min(_MARGIN * found.reach, 1.0))

    def _show_part(self, part: float) -> None:
        """Show so much of each axis about frequency 0."""
        if part < 1:
            area = self.area()
            middle = area.center()
            size = QSizeF(area.width() * part, area.height() * part)
            self.box.setRange(QRectF(QPointF(), size).translated(middle - QPointF(size.width() / 2, size.height() / 2)))

    def _calibrate(self, axes: tuple[Axis, Axis]) -> None:
        """Axes that reach about as far leave what is shown where it is, unless that is everything."""
        before, old = self.box.viewRect(), self._axes
        free = not any(self.box.autoRangeEnabled())
        super()._calibrate(axes)
        if free and old is not None and _alike(old, axes):
            self.box.setRange(before, padding=0)

    def read_out(self) -> None:
        """Ring the greatest value near the cursor and tell it."""
        text, at = "", None
        if self.cursor_at is not None and self._found is not None:
            row, column = self._found.axes
            where = self.box.mapSceneToView(self.cursor_at)
            step = self.box.viewRect().width() / max(1.0, self.box.width())
            reach = max(1, round(_REACH * step / abs(column.scale)))
            at = peak(self._found, column.index(where.x()), row.index(where.y()), reach)
        if at is not None and self._found is not None:
            text = self._text(self._found, *at)
        self._hud.set_readout(text)
        self._ring(at)

    def _ring(self, at: tuple[float, float] | None) -> None:
        if self._axes is None or self._found is None:
            return
        xy = np.empty((0, 2))
        if at is not None:
            place = [a.offset + a.scale * v for a, v in zip(reversed(self._found.axes), at, strict=True)]
            xy = np.array([[a.index(v) for a, v in zip(reversed(self._axes), place, strict=True)]])
        elif self.layer("peak") is None:
            return
        self.set_marks("peak", xy, [""] * len(xy))

    @staticmethod
    def _text(found: Fourier, x: float, y: float) -> str:
        row, column = found.axes
        fx, fy = column.offset + column.scale * x, row.offset + row.scale * y
        sx, sy = number(fx, digits(column) + 1), number(fy, digits(row) + 1)
        if row.units != column.units:
            return f"{sx} {column.units}, {sy} {row.units}"
        f = math.hypot(fx, fy)
        spacing = f"   d {significant(1 / f)} {reciprocal(row.units)}" if f > 0 else ""
        return f"{sx}, {sy} {row.units}\n|f| {significant(f)} {row.units}{spacing}"


def _alike(old: tuple[Axis, Axis], new: tuple[Axis, Axis]) -> bool:
    """Whether axes have the same units and reach about as far."""
    return all(
        a.units == b.units and 0.9 < abs(a.scale * a.size / (b.scale * b.size)) < 1.1
        for a, b in zip(old, new, strict=True)
    )
