"""A plugin's widget as it stands in a dock: its newest picture, and the operator's hand sent to it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QHideEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from matstudio.bus.ring import RingError, RingReader
from matstudio.domain.estimate import Estimate
from matstudio.domain.frame import Frame
from matstudio.ui.guests import view_ring
from matstudio.ui.guests.guest import Guest

MOVE_MS = 30
OWN_KEYS = (Qt.Key.Key_F2,)  # the window's, wherever the focus is


class GuestView(QWidget):
    """Stands in the place of a plugin's widget; what it has of `FrameViewer` it passes on or can do without.

    The frames and estimates reach the plugin's process by themselves.

    Args:
        guest: the plugin's process.
        number: of this widget in it.
        what, name: the contribution: "modality" and its kind, or "dock" and its key.
        ring_run: run whose rings.
    """

    title_changed = Signal(str)
    asked = Signal(str)

    def __init__(self, guest: Guest, number: int, what: str, name: str, look: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__()
        self._guest, self._number, self._what, self._name, self._look = guest, number, what, name, look
        self.stream = ""
        self.frame: Frame | None = None
        self._ring: RingReader | None = None
        self._image: QImage | None = None
        self._pixels: bytes | memoryview = b""
        self._line = f"plugin {guest.plugin} starts"
        self._moved: QMouseEvent | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(60, 40)
        self._move = QTimer(self, singleShot=True, interval=MOVE_MS)
        self._move.timeout.connect(self._send_move)
        guest.said.connect(self._heard)
        guest.restarted.connect(self._make)
        guest.left_out.connect(self._left_out)
        if guest.state == "runs":
            self._make()

    def close_view(self) -> None:
        """Let go of the picture and of the plugin's widget."""
        self._move.stop()
        self._guest.send("drop", view=self._number)
        self._forget()

    def show_frame(self, frame: Frame) -> None:
        """Note which frame there is; the plugin's process reads it itself."""
        if frame.stream != self.stream:
            self.stream = frame.stream
            self._place()
        self.frame = frame

    def show_estimate(self, estimate: Estimate) -> None:
        """The plugin's process hears it itself."""

    def set_stats(self, text: str | None = None, **more: object) -> None:
        """The dock's title says it."""

    def set_head_visible(self, visible: bool) -> None:
        """The dock's title says it."""

    def set_paused(self, paused: bool) -> None:
        """Hold what is shown, or go on."""
        self._guest.send("look", paused=paused)

    def set_colormap(self, name: str) -> None:
        """Use a colour map."""
        self._guest.send("look", colormap=name)

    def prepare(self) -> None:
        """Nothing to make here."""

    def picture(self, scale: float) -> QImage:
        """The newest picture, with the pixels that it has, whatever `scale`."""
        return self.grab().toImage() if self._image is None else self._image.copy()

    def text(self) -> str:
        """What is written in the place of a picture; "" where there is one."""
        return self._line

    def _make(self) -> None:
        self._guest.send("look", **self._look())
        self._guest.send("make", view=self._number, what=self._what, name=self._name)

    def _place(self) -> None:
        self._guest.send(
            "place",
            view=self._number,
            width=self.width(),
            height=self.height(),
            scale=self.devicePixelRatioF(),
            shown=self.isVisible(),
            stream=self.stream,
        )

    def _heard(self, view: int, line: Mapping[str, Any]) -> None:
        if view != self._number:
            return
        if line["say"] == "made":
            self._place()
        elif line["say"] == "picture":
            self._take()
        elif line["say"] == "title":
            self.title_changed.emit(str(line["text"]))
        elif line["say"] == "asked":
            self.asked.emit(str(line["text"]))
        elif line["say"] == "failed":
            self._tell(f"plugin {self._guest.plugin} failed: {line['line']}")

    def _left_out(self, why: str) -> None:
        self._tell(f"plugin {self._guest.plugin} is switched off: {why}")

    def _tell(self, line: str) -> None:
        self._forget()
        self._line = line
        self.update()

    def _take(self) -> None:
        if self._ring is not None and self._ring.replaced():
            self._ring.close()
            self._ring = None
        if self._ring is None:
            with contextlib.suppress(FileNotFoundError, RingError):
                self._ring = RingReader(view_ring(self._guest.run, self._guest.plugin, self._number))
        frame = self._ring.newest() if self._ring is not None else None
        if frame is None or frame.data.ndim != 3 or frame.data.shape[2] != 4 or frame.data.dtype.itemsize != 1:
            return
        rows, columns, _ = frame.data.shape
        self._pixels = frame.data.data  # the image only refers to them
        self._image = QImage(self._pixels, columns, rows, 4 * columns, QImage.Format.Format_RGB32)
        self._line = ""
        self.update()

    def _forget(self) -> None:
        self._image, self._pixels = None, b""
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._image is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            scale = min(self.width() / self._image.width(), self.height() / self._image.height())
            painter.drawImage(QRectF(0, 0, self._image.width() * scale, self._image.height() * scale), self._image)
        else:
            place = self.rect().adjusted(12, 12, -12, -12)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap), self._line)
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._place()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._place()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._send_mouse("press", event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._send_mouse("release", event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._send_mouse("double", event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._moved = event.clone()
        if not self._move.isActive():
            self._move.start()

    def wheelEvent(self, event: QWheelEvent) -> None:
        at, turned = event.position(), event.angleDelta()
        mods = event.modifiers().value
        self._guest.send("wheel", view=self._number, x=at.x(), y=at.y(), dx=turned.x(), dy=turned.y(), mods=mods)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self._send_key("press", event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        self._send_key("release", event)

    def _send_move(self) -> None:
        if self._moved is not None:
            moved, self._moved = self._moved, None
            self._send_mouse("move", moved)

    def _send_mouse(self, what: str, event: QMouseEvent) -> None:
        if what != "move":
            self._send_move()
        at: QPointF = event.position()
        self._guest.send(
            "mouse",
            view=self._number,
            what=what,
            x=at.x(),
            y=at.y(),
            button=event.button().value,
            buttons=event.buttons().value,
            mods=event.modifiers().value,
        )
        event.accept()

    def _send_key(self, what: str, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_Escape):
            event.ignore()
            return
        mods, text = event.modifiers().value, event.text()
        self._guest.send("key", view=self._number, what=what, code=event.key(), mods=mods, text=text)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._guest.send("look", **self._look())
