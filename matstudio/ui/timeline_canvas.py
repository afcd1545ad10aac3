"""The timeline as it is drawn: time axis, band of modes, lanes of marks, frames, curves, and where we are."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QBrush,
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

from matstudio.ui.present.happenings import Lane, Shape
from matstudio.ui.present.timeline import Mark, Picture, Timeline
from matstudio.widgets.colours import Scheme, mix, scheme
from matstudio.widgets.text import scaled

_MARK, _APART, _TICK_WIDTH = 5.0, 13.0, 1.7
_FRAMES_PX, _GAP = 9.0, 3.0


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
        self._gutter = 0.0
        self._drawn_at = 0.0
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

    def renew_when_due(self) -> None:
        """Draw a live run anew once time has gone on by a pixel."""
        if abs(self.model.now - self._drawn_at) >= self._seconds(1.0):
            self.renew()

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
        return self._letters

    def _left(self) -> float:
        self._metrics()
        return self._gutter

    def _plot(self) -> QRectF:
        return QRectF(self._left(), 0, max(10.0, self.width() - self._left() - 4), self.height())

    def _x(self, t: float) -> float:
        start, end = self.model.view
        plot = self._plot()
        return min(max(plot.left() + (t - start) / (end - start) * plot.width(), -1e5), 1e5)

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
        near = [m for m in self._picture.marks if m.lane is lane and abs(self._x(m.t) - at.x()) <= _MARK + 2]
        return min(near, key=lambda m: abs(self._x(m.t) - at.x()), default=None)

    # ---- drawing

    def paintEvent(self, event: QPaintEvent) -> None:
        ratio = self.devicePixelRatioF()
        if self._layer is None or self._layer.devicePixelRatio() != ratio:
            self._layer = QPixmap(self.size() * ratio)
            self._layer.setDevicePixelRatio(ratio)
            self._draw(self._layer)
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
            painter.drawEllipse(QPointF(x, top + high / 2), _MARK + 3, _MARK + 3)
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
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
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
        plot, line = self._plot(), self._metrics().height()
        painter.setPen(colours.dim)
        painter.drawText(QRectF(4, 0, plot.left() - 8, line), Qt.AlignmentFlag.AlignVCenter, "run time")
        if picture.wall_name:
            painter.drawText(QRectF(4, line, plot.left() - 8, line), Qt.AlignmentFlag.AlignVCenter, "clock")
        for t, run, wall in picture.ticks:
            x = self._x(t)
            painter.setPen(QPen(mix(colours.background, colours.grid, 0.6), 1))
            painter.drawLine(QPointF(x, self._axis_height()), QPointF(x, self.height()))
            painter.setPen(colours.dim)
            for row, text in enumerate((run, wall)):
                wide = painter.fontMetrics().horizontalAdvance(text)
                left = min(max(x - wide / 2, plot.left()), plot.right() - wide)
                painter.drawText(QRectF(left, row * line, wide + 2, line), Qt.AlignmentFlag.AlignVCenter, text)

    def _draw_gaps(self, painter: QPainter, picture: Picture, colours: Scheme) -> None:
        """Where nothing was recorded, and where a file broke off: through all lanes."""
        top = self._axis_height()
        for gap in picture.gaps:
            x, wide = self._x(gap.start), max(2.0, self._x(gap.end) - self._x(gap.start))
            painter.fillRect(QRectF(x, top, wide, self.height() - top), mix(colours.background, colours.grid, 0.5))
            painter.fillRect(QRectF(x, top, wide, self.height() - top), _hatched(colours.dim))
            self._label(painter, gap.text, x, wide, self._bottom() + 2 * _GAP + _FRAMES_PX, colours.text, colours)
        for end in picture.breaks:
            x = self._x(end.start)
            colour = colours.bad if end.level == "bad" else colours.caution
            painter.setPen(QPen(colour, 2, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(x, top), QPointF(x, self.height()))

    def _draw_modes(self, painter: QPainter, picture: Picture, colours: Scheme) -> None:
        top, high = self._row(0)
        for band in picture.modes:
            box = QRectF(self._x(band.start), top + 2, self._x(band.end) - self._x(band.start), high - 4)
            fill = {
                "PID": mix(colours.background, colours.text, 0.28),
                "ADVISE": mix(colours.background, colours.accent, 0.4),
                "POLICY": mix(colours.background, colours.accent, 0.6),
                "SAFE": mix(colours.background, colours.bad, 0.45),
                "MANUAL": mix(colours.background, colours.text, 0.12),
            }.get(band.text)
            if fill is not None:
                painter.fillRect(box, fill)
            if band.text == "HOLD":
                painter.fillRect(box, _hatched(colours.dim))
            painter.setPen(QPen(colours.dim, 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(box)
            inside = box.intersected(self._plot())
            self._label(painter, band.text, inside.left() + 2, inside.width() - 4, top, colours.text, colours, high)

    def _draw_alarms(self, painter: QPainter, picture: Picture, colours: Scheme) -> None:
        top, high = self._row(1)
        for band in picture.alarms:
            colour = colours.bad if band.level == "bad" else colours.caution if band.level else colours.dim
            left, right = self._x(band.start), self._x(band.end)
            painter.fillRect(QRectF(left, top + high - 4, max(1.5, right - left), 3), colour)

    def _draw_marks(self, painter: QPainter, picture: Picture, colours: Scheme) -> None:
        ends = [b.start for b in picture.breaks]
        last: dict[Lane, float] = {}
        for mark in reversed(picture.marks):
            top, high = self._row(1 + list(Lane).index(mark.lane))
            x = self._x(mark.t)
            limit = min([last.get(mark.lane, self._plot().right()), *(self._x(t) for t in ends if t >= mark.t)])
            last[mark.lane] = x - _MARK - 3
            ink = _ink(mark.level, colours)
            if mark.count > 1:
                text = str(mark.count)
                wide = painter.fontMetrics().horizontalAdvance(text) + 5
                box = QRectF(x - wide / 2, top + 2, wide, high - 4)
                last[mark.lane] = box.left() - 2
                painter.setPen(QPen(ink, 1.2))
                painter.setBrush(mix(colours.background, ink, 0.3))
                painter.drawRoundedRect(box, 3, 3)
                painter.setPen(colours.text)
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
                continue
            draw_shape(painter, mark.shape, QPointF(x, top + high / 2), ink, colours)
            left = x + _MARK + (6 if mark.shape is Shape.FLAG else 3)
            self._label(painter, mark.text, left, limit - left - 3, top, colours.text, colours, high)

    def _draw_frames(self, painter: QPainter, picture: Picture, colours: Scheme) -> None:
        top = self._bottom() + _GAP
        for start, end, share in picture.filled:
            tall = max(0.3, share) * _FRAMES_PX
            wide = max(1.0, self._x(end) - self._x(start) + 0.3)
            painter.fillRect(QRectF(self._x(start), top + _FRAMES_PX - tall, wide, tall), colours.dim)
        for lost in picture.lost:
            wide = max(2.0, self._x(lost.end) - self._x(lost.start))
            painter.fillRect(QRectF(self._x(lost.start), top - 1, wide, _FRAMES_PX + 2), colours.caution)
        for end_ in picture.breaks:
            ink = colours.bad if end_.level == "bad" else colours.caution
            x = self._x(end_.start)
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
        metrics = painter.fontMetrics()
        if not text or wide < min(metrics.horizontalAdvance(text), metrics.horizontalAdvance("MMM")):
            return
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(wide) + 1)
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


def draw_shape(painter: QPainter, shape: Shape, at: QPointF, ink: QColor, colours: Scheme) -> None:
    """A mark's shape about a point."""
    x, y, r = at.x(), at.y(), _MARK
    painter.setPen(QPen(ink, 1.4))
    painter.setBrush(ink)
    if shape is Shape.TRIANGLE:
        painter.drawPolygon(QPolygonF([QPointF(x - r, y + r), QPointF(x + r, y + r), QPointF(x, y - r)]))
    elif shape is Shape.DIAMOND:
        painter.drawPolygon(QPolygonF([QPointF(x - r, y), QPointF(x, y + r), QPointF(x + r, y), QPointF(x, y - r)]))
    elif shape is Shape.DISC:
        painter.drawEllipse(at, r - 1, r - 1)
    elif shape is Shape.RING:
        painter.setBrush(colours.background)
        painter.drawEllipse(at, r - 1, r - 1)
    elif shape is Shape.SQUARE:
        painter.setBrush(colours.background)
        painter.drawRect(QRectF(x - r + 1, y - r + 1, 2 * r - 2, 2 * r - 2))
    elif shape is Shape.NOTE:
        painter.setBrush(colours.background)
        painter.drawRect(QRectF(x - r + 1, y - r, 2 * r - 2, 2 * r))
        for row in (-2, 1):
            painter.drawLine(QPointF(x - 2, y + row), QPointF(x + 2, y + row))
    elif shape is Shape.FLAG:
        painter.drawLine(QPointF(x, y - r - 1), QPointF(x, y + r + 1))
        painter.drawPolygon(QPolygonF([QPointF(x, y - r - 1), QPointF(x + r + 2, y - 2), QPointF(x, y + 1)]))
    else:
        painter.drawLine(QPointF(x, y - r), QPointF(x, y + r))


def _ink(level: str, colours: Scheme) -> QColor:
    return colours.bad if level == "bad" else colours.caution if level else colours.text


def _hatched(colour: QColor) -> QBrush:
    return QBrush(colour, Qt.BrushStyle.BDiagPattern)
