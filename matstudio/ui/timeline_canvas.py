"""The timeline as it is drawn: time axis, band of modes, lanes of marks, frames, curves, and where we are."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from matstudio.ui.present.happenings import LEVELS, Happening, Lane, Shape
from matstudio.ui.present.timeline import Mark, Picture, Timeline
from matstudio.ui.timeline_shapes import MARK, draw_shape, hatched, ink_of
from matstudio.widgets.colours import Scheme, mix, scheme
from matstudio.widgets.text import scaled

_APART, _TICK_WIDTH = 20.0, 1.7
_FRAMES_PX, _GAP = 9.0, 3.0
_REST_S, _REST = 0.5, 40.0  # between two drawings of a live run: at least so long, and so many times what one took


class TimelineCanvas(QWidget):
    """Draws a `Timeline`; tells what the operator does on it. Times are run time, s."""

    seek = Signal(float)
    chosen = Signal(object)
    """`Happening` that was clicked."""
    moved = Signal()
    """Another part is in view."""
    stepped = Signal(int)
    jumped = Signal(bool)
    toggled = Signal()
    ended = Signal(bool)

    def __init__(self, model: Timeline) -> None:
        super().__init__()
        self.model = model
        self._layer: QPixmap | None = None
        self._picture: Picture | None = None
        self._letters: QFontMetricsF | None = None
        self._gutter = self._least = 0.0
        self._drawn_at = 0.0
        self._painted_at: tuple[int, Happening | None] | None = None
        self._news, self._rests_until = False, 0.0
        self._drag: str = ""
        self._from = QPointF()
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Timeline")

    def sizeHint(self) -> QSize:
        return QSize(700, self.minimumSizeHint().height() + 20)

    def minimumSizeHint(self) -> QSize:
        line = QFontMetricsF(self.font()).height()
        return QSize(260, int(2 * line + len(self._rows()) * (line + 1) + _FRAMES_PX + 30))

    def renew(self) -> None:
        """What is shown has changed."""
        self._layer = None
        self.update()

    def renew_when_due(self, news: bool = False) -> None:
        """Draw a live run anew once time has gone on by a pixel or there is `news`, but not so often that it would
        take more than a part of the window's time."""
        self._news |= news or abs(self.model.now - self._drawn_at) >= self._seconds(1.0)
        if self._news and time.monotonic() >= self._rests_until:
            self.renew()

    def follow(self) -> None:
        """Show where we are, if that is another pixel than before."""
        if self._at() != self._painted_at:
            self.update()

    def _at(self) -> tuple[int, Happening | None]:
        return round(self._x(self.model.now)), self.model.chosen

    def dragging(self) -> bool:
        """Whether the operator holds the scrubber."""
        return self._drag == "seek"

    # ---- places

    @staticmethod
    def _rows() -> tuple[str, ...]:
        return ("Mode", *(lane.value for lane in Lane))

    def _metrics(self) -> QFontMetricsF:
        if self._letters is None:
            self._letters = QFontMetricsF(scaled(self.font(), 0.9))
            names = (*self._rows(), "run time", "clock", "Frames")
            self._gutter = max(self._letters.horizontalAdvance(n) for n in names) + 12
            self._least = self._letters.horizontalAdvance("MMM")
        return self._letters

    def _left(self) -> float:
        self._metrics()
        return self._gutter

    def _plot(self) -> QRectF:
        return QRectF(self._left(), 0, max(10.0, self.width() - self._left() - 4), self.height())

    def _x(self, t: float) -> float:
        return self._across()(t)

    def _across(self) -> Callable[[float], float]:
        """Gives the pixel of a run time, as long as the view is the same."""
        start, end = self.model.view
        left, scale = self._plot().left(), self._plot().width() / (end - start)
        return lambda t: min(max(left + (t - start) * scale, -1e5), 1e5)

    def _t(self, x: float) -> float:
        start, end = self.model.view
        plot = self._plot()
        return start + (x - plot.left()) / plot.width() * (end - start)

    def _seconds(self, pixels: float) -> float:
        start, end = self.model.view
        return pixels / self._plot().width() * (end - start)

    def _axis_height(self) -> float:
        return 2 * self._metrics().height() + 2

    def _row(self, index: int) -> tuple[float, float]:
        """Top and height of a lane: they share half of what is left by axis, frames and curves."""
        line = self._metrics().height() + 1
        free = self.height() - self._axis_height() - _FRAMES_PX - 2 * _GAP
        high = min(max(0.8 * free / len(self._rows()), line), 1.7 * line)
        return self._axis_height() + index * high, high

    def _bottom(self) -> float:
        top, high = self._row(len(self._rows()) - 1)
        return top + high

    def _lane_at(self, y: float) -> Lane | None:
        for i, lane in enumerate(Lane, 1):
            top, high = self._row(i)
            if top <= y < top + high:
                return lane
        return None

    def mark_at(self, at: QPointF) -> Mark | None:
        """The mark under the pointer."""
        lane = self._lane_at(at.y())
        if self._picture is None or lane is None:
            return None
        near = [m for m in self._picture.marks if m.lane is lane and abs(self._x(m.t) - at.x()) <= MARK + 2]
        return min(near, key=lambda m: abs(self._x(m.t) - at.x()), default=None)

    # ---- drawing

    def paintEvent(self, event: QPaintEvent) -> None:
        ratio = self.devicePixelRatioF()
        if self._layer is None or self._layer.devicePixelRatio() != ratio:
            self._layer = QPixmap(self.size() * ratio)
            self._layer.setDevicePixelRatio(ratio)
            start = time.monotonic()
            self._draw(self._layer)
            took = time.monotonic() - start
            self._news, self._rests_until = False, start + took + max(_REST_S, _REST * took)
        self._painted_at = self._at()
        colours, plot = scheme(self.palette()), self._plot()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._layer)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(plot.adjusted(-6, 0, 4, 0))
        chosen = self.model.chosen
        if chosen is not None:
            x = self._x(chosen.t)
            painter.setPen(QPen(colours.text, 1, Qt.PenStyle.DotLine))
            painter.drawLine(QPointF(x, self._axis_height()), QPointF(x, self.height()))
            top, high = self._row(1 + list(Lane).index(chosen.lane))
            painter.setPen(QPen(colours.text, 1.4))
            painter.drawEllipse(QPointF(x, top + high / 2), MARK + 3, MARK + 3)
        x = self._x(self.model.now)
        painter.setPen(QPen(colours.dim if self.model.live else colours.accent, 1.6))
        painter.drawLine(QPointF(x, self._axis_height() - 4), QPointF(x, self.height()))
        if not self.model.live:
            painter.setBrush(colours.accent)
            top = self._axis_height() - 4
            painter.drawPolygon(QPolygonF([QPointF(x - 6, top - 9), QPointF(x + 6, top - 9), QPointF(x, top)]))
        if self.hasFocus():
            painter.setClipping(False)
            painter.setPen(QPen(colours.accent, 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()

    def _draw(self, layer: QPixmap) -> None:
        colours, plot = scheme(self.palette()), self._plot()
        layer.fill(colours.background)
        painter = QPainter(layer)
        painter.setFont(scaled(self.font(), 0.9))
        metrics = painter.fontMetrics()
        most = max(1, int(plot.width() / (_TICK_WIDTH * metrics.horizontalAdvance("00:00:00.0"))))
        self._drawn_at = self.model.now
        picture = self._picture = self.model.picture(self._seconds(_APART), most)
        self._draw_axis(painter, picture, colours)
        painter.setPen(colours.dim)
        names = [(*self._row(i), name) for i, name in enumerate(self._rows())]
        names.append((self._bottom() + _GAP, _FRAMES_PX + 2, "REC" if self.model.live else "Frames"))
        for top, high, name in names:
            painter.drawText(QRectF(4, top, plot.left() - 8, high), Qt.AlignmentFlag.AlignVCenter, name)
        painter.setClipRect(plot)
        for i in range(len(self._rows()) + 1):
            y = self._row(i)[0]
            painter.setPen(QPen(mix(colours.background, colours.grid, 0.5), 1))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
        self._draw_gaps(painter, picture, colours)
        self._draw_modes(painter, picture, colours)
        self._draw_alarms(painter, picture, colours)
        self._draw_marks(painter, picture, colours)
        self._draw_frames(painter, picture, colours)
        self._draw_curves(painter, picture, colours)
        painter.end()

    def _draw_axis(self, painter: QPainter, picture: Picture, colours: Scheme) -> None:
        x_of = self._across()
        plot, line = self._plot(), self._metrics().height()
        painter.setPen(colours.dim)
        painter.drawText(QRectF(4, 0, plot.left() - 8, line), Qt.AlignmentFlag.AlignVCenter, "run time")
        if picture.wall_name:
            painter.drawText(QRectF(4, line, plot.left() - 8, line), Qt.AlignmentFlag.AlignVCenter, "clock")
        for t, run, wall in picture.ticks:
            x = x_of(t)
            painter.setPen(QPen(mix(colours.background, colours.grid, 0.6), 1))
            painter.drawLine(QPointF(x, self._axis_height()), QPointF(x, self.height()))
            painter.setPen(colours.dim)
            for row, text in enumerate((run, wall)):
                wide = painter.fontMetrics().horizontalAdvance(text)
                left = min(max(x - wide / 2, plot.left()), plot.right() - wide)
                painter.drawText(QRectF(left, row * line, wide + 2, line), Qt.AlignmentFlag.AlignVCenter, text)

    def _draw_gaps(self, painter: QPainter, picture: Picture, colours: Scheme) -> None:
        """Where nothing was recorded, and where a file broke off: through all lanes."""
        x_of = self._across()
        top = self._axis_height()
        for gap in picture.gaps:
            x, wide = x_of(gap.start), max(2.0, x_of(gap.end) - x_of(gap.start))
            painter.fillRect(QRectF(x, top, wide, self.height() - top), mix(colours.background, colours.grid, 0.5))
            painter.fillRect(QRectF(x, top, wide, self.height() - top), hatched(colours.dim))
            self._label(painter, gap.text, x, wide, self._bottom() + 2 * _GAP + _FRAMES_PX, colours.text, colours)
        for end in picture.breaks:
            x = x_of(end.start)
            colour = colours.bad if end.level == "bad" else colours.caution
            painter.setPen(QPen(colour, 2, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(x, top), QPointF(x, self.height()))

    def _draw_modes(self, painter: QPainter, picture: Picture, colours: Scheme) -> None:
        x_of = self._across()
        plot, (top, high) = self._plot(), self._row(0)
        fills = {
            "PID": mix(colours.background, colours.text, 0.28),
            "ADVISE": mix(colours.background, colours.accent, 0.4),
            "POLICY": mix(colours.background, colours.accent, 0.6),
            "SAFE": mix(colours.background, colours.bad, 0.45),
            "MANUAL": mix(colours.background, colours.text, 0.12),
        }
        for band in picture.modes:
            left = x_of(band.start)
            box = QRectF(left, top + 2, x_of(band.end) - left, high - 4)
            fill = fills.get(band.text)
            if fill is not None:
                painter.fillRect(box, fill)
            if band.text == "HOLD":
                painter.fillRect(box, hatched(colours.dim))
            if box.width() < 4:  # many changes: an outline each would hide them
                painter.fillRect(box, colours.dim)
                continue
            painter.setPen(QPen(colours.dim, 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(box)
            inside = box.intersected(plot)
            self._label(painter, band.text, inside.left() + 2, inside.width() - 4, top, colours.text, colours, high)

    def _draw_alarms(self, painter: QPainter, picture: Picture, colours: Scheme) -> None:
        x_of = self._across()
        top, high = self._row(1)
        for band in picture.alarms:
            colour = colours.bad if band.level == "bad" else colours.caution if band.level else colours.dim
            left, right = x_of(band.start), x_of(band.end)
            painter.fillRect(QRectF(left, top + high - 4, max(1.5, right - left), 3), colour)

    def _draw_marks(self, painter: QPainter, picture: Picture, colours: Scheme) -> None:
        x_of = self._across()
        ends = [b.start for b in picture.breaks]
        last = dict.fromkeys(Lane, self._plot().right())
        places = {lane: self._row(i) for i, lane in enumerate(Lane, 1)}
        metrics = self._metrics()
        inks = {level: ink_of(level, colours) for level in LEVELS}
        grounds = {level: mix(colours.background, ink, 0.3) for level, ink in inks.items()}
        for mark in reversed(picture.marks):
            top, high = places[mark.lane]
            x = x_of(mark.t)
            limit = min([last[mark.lane], *(x_of(t) for t in ends if t >= mark.t)])
            last[mark.lane] = x - MARK - 3
            ink = inks[mark.level]
            if mark.count > 1:
                text = str(mark.count)
                wide = metrics.horizontalAdvance(text)
                box = QRectF(x - wide / 2 - 3, top + 2, wide + 6, high - 4)
                last[mark.lane] = box.left() - 2
                painter.fillRect(box, ink)
                painter.fillRect(box.adjusted(1, 1, -1, -1), grounds[mark.level])
                painter.setPen(colours.text)
                base = top + (high + metrics.ascent() - metrics.descent()) / 2
                painter.drawText(QPointF(x - wide / 2, base), text)
                continue
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            draw_shape(painter, mark.shape, QPointF(x, top + high / 2), ink, colours)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            left = x + MARK + (6 if mark.shape is Shape.FLAG else 3)
            self._label(painter, mark.text, left, limit - left - 3, top, colours.text, colours, high)

    def _draw_frames(self, painter: QPainter, picture: Picture, colours: Scheme) -> None:
        x_of = self._across()
        top = self._bottom() + _GAP
        for start, end, share in picture.filled:
            tall = max(0.3, share) * _FRAMES_PX
            wide = max(1.0, x_of(end) - x_of(start) + 0.3)
            painter.fillRect(QRectF(x_of(start), top + _FRAMES_PX - tall, wide, tall), colours.dim)
        for lost in picture.lost:
            wide = max(2.0, x_of(lost.end) - x_of(lost.start))
            painter.fillRect(QRectF(x_of(lost.start), top - 1, wide, _FRAMES_PX + 2), colours.caution)
        for end_ in picture.breaks:
            ink = colours.bad if end_.level == "bad" else colours.caution
            x = x_of(end_.start)
            wide = painter.fontMetrics().horizontalAdvance(end_.text) + 6
            left = x - 4 - wide if x - 4 - wide > self._plot().left() else x + 4
            self._label(painter, end_.text, left, wide, self.height() - self._metrics().height() - 1, ink, colours)

    def _draw_curves(self, painter: QPainter, picture: Picture, colours: Scheme) -> None:
        plot = self._plot()
        top = self._bottom() + 2 * _GAP + _FRAMES_PX
        box = QRectF(plot.left(), top, plot.width(), self.height() - top - 2)
        if box.height() < 8 or not picture.curves:
            return
        from pyqtgraph import arrayToQPath  # takes 0.3 s, which a window that opens does not have

        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for i, (curve, ink) in enumerate(zip(picture.curves, (colours.text, colours.accent), strict=False)):
            style = Qt.PenStyle.SolidLine if i == 0 else Qt.PenStyle.DashLine
            painter.setPen(QPen(ink, 1, style))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            start, end = self.model.view
            x = box.left() + (curve.t - start) / (end - start) * box.width()
            y = box.bottom() - 2 - curve.height * (box.height() - 4)
            painter.drawPath(arrayToQPath(x, y, connect="finite"))
        left = box.left() + 4
        for i, (curve, ink) in enumerate(zip(picture.curves, (colours.text, colours.accent), strict=False)):
            text = f"{curve.text} (dashed)" if i else curve.text
            wide = painter.fontMetrics().horizontalAdvance(text) + 4
            self._label(painter, text, left, wide, top, ink, colours)
            left += wide + 12

    def _label(
        self,
        painter: QPainter,
        text: str,
        left: float,
        wide: float,
        top: float,
        ink: QColor,
        colours: Scheme,
        high: float | None = None,
    ) -> None:
        """Text on a ground of its own, cut to `wide`; nothing where not even three letters fit."""
        metrics = self._metrics()
        if not text or wide < min(metrics.horizontalAdvance(text), self._least):
            return
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, wide + 1)
        tall = high if high is not None else metrics.height()
        ground = QColor(colours.background)
        ground.setAlpha(150)
        room = min(wide, metrics.horizontalAdvance(shown) + 2)
        painter.fillRect(QRectF(left - 1, top + (tall - metrics.height()) / 2 + 1, room, metrics.height() - 2), ground)
        painter.setPen(ink)
        painter.drawText(QRectF(left, top, wide + 3, tall), Qt.AlignmentFlag.AlignVCenter, shown)

    # ---- what the operator does

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._from = event.position()
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if event.button() != Qt.MouseButton.LeftButton or shift:
            self._drag = "pan"
            return
        mark = self.mark_at(event.position())
        if mark is not None:
            if mark.count > 1:
                self.model.zoom(0.2, mark.t)
                self.renew()
                self.moved.emit()
            self.chosen.emit(self.model.events[mark.first])
        elif self.model.live:
            self._drag = "pan"
        else:
            self._drag = "seek"
            self.seek.emit(self._t(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position()
        if self._drag == "seek":
            self.seek.emit(self._t(at.x()))
        elif self._drag == "pan":
            self.model.pan(self._seconds(self._from.x() - at.x()))
            self._from = at
            self.renew()
            self.moved.emit()
        elif self.mark_at(at) is not None:
            self._tell(at.toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._drag == "seek":
            self.seek.emit(self._t(event.position().x()))
        self._drag = ""

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self.mark_at(event.position()) is None:
            self.model.show_all()
            self.renew()
            self.moved.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        turn = event.angleDelta()
        if turn.x() or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.model.pan(self._seconds(-(turn.x() or turn.y()) / 120 * 60))
        else:
            self.model.zoom(1.25 ** (-turn.y() / 120), self._t(event.position().x()))
        event.accept()
        self.renew()
        self.moved.emit()

    def zoom(self, factor: float) -> None:
        """Show `factor` times as much, about the present time where that is in view."""
        start, end = self.model.view
        at = self.model.now if start <= self.model.now <= end else (start + end) / 2
        self.model.zoom(factor, at)
        self.renew()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        keys = Qt.Key
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        key = event.key()
        if key in (keys.Key_Left, keys.Key_Right):
            if shift:
                self.jumped.emit(key == keys.Key_Right)
            else:
                self.stepped.emit(1 if key == keys.Key_Right else -1)
        elif key == keys.Key_Space:
            self.toggled.emit()
        elif key in (keys.Key_Home, keys.Key_End):
            self.ended.emit(key == keys.Key_End)
        elif key in (keys.Key_Plus, keys.Key_Minus, keys.Key_Equal):
            self.zoom(1.5 if key == keys.Key_Minus else 1 / 1.5)
        else:
            super().keyPressEvent(event)

    def _tell(self, at: QPoint) -> None:
        where = QPointF(at)
        mark, lane = self.mark_at(where), self._lane_at(where.y())
        slack = self._seconds(_APART if mark is not None and mark.count > 1 else 2.0)
        lines = self.model.under(mark.t if mark is not None else self._t(at.x()), slack, lane if mark else None)
        if len(lines) > 12:
            lines = [*lines[:11], f"and {len(lines) - 11} more: zoom in"]
        QToolTip.showText(self.mapToGlobal(at), "\n".join(lines), self)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip:
            at = self.mapFromGlobal(event.globalPos())  # type: ignore[attr-defined]
            if self._plot().contains(QPointF(at)):
                self._tell(at)
            return True
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._letters = None
            self.renew()
        super().changeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.renew()
        super().resizeEvent(event)
