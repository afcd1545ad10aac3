"""What can be measured on a picture: a region, a line, the periods in it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSpinBox, QSplitter, QVBoxLayout, QWidget

from matstudio.domain.frame import Axis
from matstudio.widgets.aside import Aside
from matstudio.widgets.axes import drawable
from matstudio.widgets.fourier_canvas import FourierCanvas
from matstudio.widgets.image_canvas import ImageCanvas, digits
from matstudio.widgets.measures import WIDEST, Point, Profile, Region
from matstudio.widgets.measuring import Found, Wanted, measure
from matstudio.widgets.plot import LinePlot
from matstudio.widgets.regions import Rectangle, Segment
from matstudio.widgets.rows import Line
from matstudio.widgets.text import number, scaled, significant
from matstudio.widgets.tools import FFT, LINE, ROI, Measuring

_WIDE = 1.0
_START_WIDTH = 5
_SHARES = [550, 450]


class ImageTools(Measuring):
    """A canvas, and beside it (below it where there is more room) what its tools show.

    Args:
        canvas: on which is measured.
    """

    NAMES = frozenset({ROI, LINE, FFT})

    def __init__(self, canvas: ImageCanvas, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._data: np.ndarray | None = None
        self._axes: tuple[Axis, Axis] | None = None
        self._unit = ""
        self._region: Rectangle | None = None
        self._line: Segment | None = None
        self._asked: Wanted | None = None
        self._aside: Aside[Found] = Aside()
        self.fft, self.profile = FourierCanvas(), LinePlot()
        self._why = Line("dim")
        self._width = QSpinBox(minimum=1, maximum=WIDEST, value=_START_WIDTH, suffix=" px")
        self._lay_out()

    @property
    def region(self) -> Rectangle | None:
        """The region, once it was switched on."""
        return self._region

    @property
    def line(self) -> Segment | None:
        """The line, once it was switched on."""
        return self._line

    def set_width(self, pixels: int) -> None:
        """Average over so many pixels across the line."""
        self._width.setValue(pixels)

    def set_frame(self, data: np.ndarray, axes: Sequence[Axis], unit: str = "") -> None:
        """The frame (rows, columns) that the canvas shows, and the unit of its values."""
        pair = (drawable(axes[0]), drawable(axes[1]))
        old, self._axes = self._axes, pair
        self._data, self._unit = data, unit
        if old is not None and old != pair:
            self._carry(old, pair)
            self._tell(None)  # what was told was of other pixels
        for name, there in ((ROI, self._region), (LINE, self._line)):
            if self.is_on(name) and there is None:
                self.switch(name, True)

    def switch(self, name: str, on: bool) -> None:
        """Show or hide a tool; it stands where it stood before, or in the middle of what can be seen."""
        if name in (ROI, LINE) and self._axes is not None:
            item = self._region if name == ROI else self._line
            if on and (item is None or not self._seen(item.ends())):
                self._place(name, self._start())
            if item is not None:
                item.setVisible(on)
        self._fft_box.setVisible(self.is_on(FFT))
        self._profile_box.setVisible(self.is_on(LINE))
        self._pane.setVisible(self.is_on(FFT) or self.is_on(LINE))
        self._asked = None
        if not on:
            self._tell(None)

    def tick(self) -> None:
        """Show what was found; measure what is new."""
        done = self._aside.take()
        if done is not None:
            self.rest(done.seconds)
            if done.value is not None:
                self._show(done.value)
            else:
                self.measured.emit([("Not measured", done.error)])
        if self._data is None or self._axes is None or self._aside.busy:
            return
        wanted = Wanted(
            self._data,
            self._axes,
            self._region.ends() if self._region is not None and self.is_on(ROI) else None,
            self._line.ends() if self._line is not None and self.is_on(LINE) else None,
            self._width.value(),
            self.is_on(FFT),
            self.fft.pool(),
        )
        if not wanted.same(self._asked) and self.due():
            self._asked = wanted
            self._aside.start(lambda: measure(wanted))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wide = self.width() > _WIDE * self.height()
        across, down = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        self._body.setOrientation(across if wide else down)
        self._pane.setOrientation(down if wide else across)

    def _show(self, found: Found) -> None:
        if found.wanted.axes != self._axes:
            return
        if self._line is not None:
            self._line.set_band(self._across(found.wanted.width) if found.profile is not None else (0.0, 0.0))
        if found.profile is not None and self.is_on(LINE):
            self.profile.set_title(f"{self._unit or 'value'} over {found.profile.units}", right=True)
            self.profile.set_line("profile", found.profile.distance, found.profile.values)
        if found.wanted.fourier and self.is_on(FFT):
            self._show_fft(found)
        self._tell(found)

    def _show_fft(self, found: Found) -> None:
        text = found.why
        if found.fourier is not None and found.picture is not None:
            self.fft.show_fourier(found.fourier, found.picture, found.wanted.pool)
            rows, columns = found.fourier.size
            part = "of the region" if found.wanted.region is not None else ""
            if not part and (rows, columns) != found.wanted.data.shape:
                part = "of the middle"
            text = " ".join(t for t in ("FFT", part, f"{columns}×{rows} px") if t)
        self._why.set_text(text, "dim" if found.fourier is not None else "caution")

    def _tell(self, found: Found | None) -> None:
        rows: list[tuple[str, str]] = []
        if found is not None and self._axes is not None:
            if found.wanted.region is not None and self.is_on(ROI):
                rows += region_rows(found.region, self._axes, self._unit)
            if found.profile is not None and self.is_on(LINE):
                rows += profile_rows(found.profile, self._axes, found.wanted.width)
        self.measured.emit(rows)

    def _start(self) -> QRectF:
        """Where a tool stands at first: the middle half of what can be seen of the frame."""
        area = self._canvas.area()
        self._canvas.box.updateAutoRange()  # it may wait for the next picture to be drawn
        seen = area.intersected(self._canvas.box.viewRect())
        area = area if seen.isEmpty() else seen
        return QRectF(
            area.left() + area.width() / 4, area.top() + area.height() / 4, area.width() / 2, area.height() / 2
        )

    def _seen(self, ends: tuple[Point, Point]) -> bool:
        (x, y), (u, v) = ends
        reach = QRectF(x, y, u - x, v - y).normalized()
        area = self._canvas.area()
        return (
            reach.right() > area.left()
            and reach.left() < area.right()
            and reach.bottom() > area.top()
            and reach.top() < area.bottom()
        )

    def _place(self, name: str, area: QRectF) -> None:
        """Put a tool there; it is made once and never taken out of the scene, which is where it can end safely."""
        if name == ROI and self._region is not None:
            self._region.place(area)
        elif name == ROI:
            self._region = Rectangle(area)
            self._canvas.box.addItem(self._region, ignoreBounds=True)
        else:
            inset, y = 0.1 * area.width(), area.top() + 0.3 * area.height()
            ends = (area.left() + inset, y), (area.right() - inset, y)
            if self._line is not None:
                self._line.place(*ends)
            else:
                self._line = Segment(*ends)
                self._canvas.box.addItem(self._line, ignoreBounds=True)

    def _carry(self, old: tuple[Axis, Axis], new: tuple[Axis, Axis]) -> None:
        """Put region and line at the same part of a frame of other axes."""

        def moved(point: Point) -> Point:
            x, y = (
                n.offset + n.scale * ((o.index(v) + 0.5) / o.size * n.size - 0.5)
                for v, o, n in zip(point, reversed(old), reversed(new), strict=True)
            )
            return x, y

        if self._region is not None:
            (x, y), (u, v) = map(moved, self._region.ends())
            self._region.place(QRectF(x, y, u - x, v - y))
        if self._line is not None:
            a, b = map(moved, self._line.ends())
            self._line.place(a, b)

    def _across(self, width: int) -> Point:
        """Half the width of the line, as a vector in the view's coordinates."""
        if self._line is None or self._axes is None or width < 2:
            return (0.0, 0.0)
        row, column = self._axes
        (x, y), (u, v) = self._line.ends()
        if row.units == column.units:
            length = math.hypot(u - x, v - y)
            half = width / 2 * math.sqrt(abs(row.scale * column.scale))
            return (-(v - y) / length * half, (u - x) / length * half) if length else (0.0, 0.0)
        dx, dy = (u - x) / column.scale, (v - y) / row.scale
        length = math.hypot(dx, dy)
        return (-dy / length * width / 2 * column.scale, dx / length * width / 2 * row.scale) if length else (0.0, 0.0)

    def _lay_out(self) -> None:
        self._fft_box, self._profile_box = QWidget(), QWidget()
        above = QVBoxLayout(self._fft_box)
        above.addWidget(self._why)
        above.addWidget(self.fft, 1)
        self._width.setFont(scaled(self.font(), 0.9))
        self._width.setToolTip("Width of the line: so many pixels across it are averaged")
        self._width.setAccessibleName("Width of the line in pixels")
        head = QHBoxLayout()
        name = Line("dim")
        name.set_text("width")
        head.addWidget(name, 1)
        head.addWidget(self._width)
        below = QVBoxLayout(self._profile_box)
        below.addLayout(head)
        below.addWidget(self.profile, 1)
        self._pane, self._body = QSplitter(Qt.Orientation.Vertical), QSplitter()
        for box in (self._fft_box, self._profile_box):
            self._pane.addWidget(box)
            box.hide()
        for layout in (above, below):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(2)
        self._body.addWidget(self._canvas)
        self._body.addWidget(self._pane)
        self._pane.hide()
        for splitter in (self._pane, self._body):
            splitter.setChildrenCollapsible(False)
            splitter.setStretchFactor(0, 1)
            splitter.setStretchFactor(1, 1)
        self._body.setSizes(_SHARES)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._body)


def region_rows(found: Region | None, axes: tuple[Axis, Axis], unit: str) -> list[tuple[str, str]]:
    """What is told of a region; `unit` of the values."""
    if found is None:
        return [("Region", "beside the frame")]
    row, column = axes
    width, height = number(found.width, digits(column)), number(found.height, digits(row))
    same = row.units == column.units
    size = f"{width} × {height}{after(row.units)}"
    if not same:
        size = f"{width}{after(column.units)} × {height}{after(row.units)}"
    of = found.values
    lost = f", {of.number - of.finite:,} not finite" if of.finite < of.number else ""
    rows = [("Region", size)]
    if row.units != "px":
        rows.append(("Pixels", f"{found.columns} × {found.rows}{lost}"))
    elif lost:
        rows.append(("Pixels", lost[2:]))
    square = squared(row.units) if same else f"{column.units}·{row.units}"
    rows.append(("Area", f"{significant(found.width * found.height, 4)}{after(square)}"))
    tail = f" {unit}".rstrip()
    rows += [
        ("Mean", f"{significant(of.mean, 5)}{tail}"),
        ("Std. dev.", f"{significant(of.sigma)}{tail}"),
        ("Min, max", f"{significant(of.least)}, {significant(of.most)}{tail}"),
        ("Sum", f"{significant(of.total, 7)}{tail}"),
    ]
    return rows


def profile_rows(found: Profile, axes: tuple[Axis, Axis], width: int) -> list[tuple[str, str]]:
    """What is told of a line of so many pixels' width."""
    places = digits(axes[1]) if found.units != "px" else 1
    rows = [("Line", f"{number(found.length, places)}{after(found.units)}")]
    if found.units.startswith("1/") and found.length:
        rows.append(("d = 1/length", f"{significant(1 / found.length)} {found.units[2:]}"))
    if found.units != "px":
        rows.append(("Width", f"{width} px, {number(found.width, places)}{after(found.units)}"))
    return rows


def after(units: str) -> str:
    """What stands after a number: " Å"; nothing for pure numbers."""
    return "" if units in ("", "1") else f" {units}"


def squared(units: str) -> str:
    """The unit of an area: "Å²", "1/Å²", "px", and "1" of pure numbers."""
    return units if units in ("px", "1") else f"{units}²"
