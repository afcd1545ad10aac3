"""One widget of a plugin, drawn into pictures, with the operator's hand replayed on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QKeyEvent, QMouseEvent, QPainter, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from matstudio.bus.ring import RingWriter
from matstudio.domain.frame import Axis, Frame
from matstudio.ui.guests import MOST_PIXELS, SLOTS

_MOUSE = {
    "press": QEvent.Type.MouseButtonPress,
    "release": QEvent.Type.MouseButtonRelease,
    "move": QEvent.Type.MouseMove,
    "double": QEvent.Type.MouseButtonDblClick,
}


class Canvas:
    """Draws a widget that stands on no screen.

    Args:
        widget: is resized and shown, but on no screen.
        ring: where its pictures go: (rows, columns, 4) uint8, blue, green, red, unused.
    """

    def __init__(self, widget: QWidget, ring: Path) -> None:
        self.widget = widget
        self._path = ring
        self._ring: RingWriter | None = None
        self._room = 0
        self._scale, self._shown = 1.0, False
        self._last = b""
        self._seq = 0
        self._held: QWidget | None = None
        widget.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)

    def place(self, width: int, height: int, scale: float, shown: bool) -> None:
        """Give the widget a size in device-independent pixels and draw it at `scale` pixels for each, while shown."""
        self.widget.resize(max(1, width), max(1, height))
        self._scale = min(scale, (MOST_PIXELS / max(1, width * height)) ** 0.5)
        if shown != self._shown:
            self._shown = shown
            self.widget.setVisible(shown)
        self._last = b""

    def paint(self) -> bool:
        """Draw the widget, and a popup that it has open; whether there is a new picture."""
        if not self._shown:
            return False
        size = self.widget.size() * self._scale
        image = QImage(max(1, size.width()), max(1, size.height()), QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(self._scale)
        painter = QPainter(image)
        self.widget.render(painter, QPoint())
        popup = QApplication.activePopupWidget()
        if popup is not None and popup is not self.widget:
            popup.render(painter, popup.pos() - self.widget.pos())
        painter.end()
        data = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
        raw = data.tobytes()
        if raw == self._last:
            return False
        self._last = raw
        self._write(data)
        return True

    def mouse(self, what: str, x: float, y: float, button: int, buttons: int, mods: int) -> None:
        """Replay a press, release, move or double click at a place of the widget; who was pressed gets the rest."""
        where = QPointF(x, y)
        held = self._held if self._held is not None and isValid(self._held) else None
        target = held or self._under(where)
        event = QMouseEvent(
            _MOUSE[what],
            QPointF(target.mapFrom(self._top(target), where.toPoint() - self._offset(target))),
            QPointF(self.widget.pos()) + where,
            Qt.MouseButton(button),
            Qt.MouseButton(buttons),
            Qt.KeyboardModifier(mods),
        )
        if what in ("press", "double"):
            self._held = target
            if target.focusPolicy() & Qt.FocusPolicy.ClickFocus:
                target.setFocus(Qt.FocusReason.MouseFocusReason)
        elif what == "release" and not buttons:
            self._held = None
        QApplication.sendEvent(target, event)

    def wheel(self, x: float, y: float, dx: int, dy: int, mods: int) -> None:
        """Replay a turn of the wheel, in eighths of a degree."""
        target: QWidget | None = self._under(QPointF(x, y))
        top = self._top(target)
        while target is not None:
            at = QPointF(target.mapFrom(top, QPointF(x, y).toPoint() - self._offset(target)))
            event = QWheelEvent(
                at,
                QPointF(self.widget.pos()) + QPointF(x, y),
                QPoint(),
                QPoint(dx, dy),
                Qt.MouseButton.NoButton,
                Qt.KeyboardModifier(mods),
                Qt.ScrollPhase.NoScrollPhase,
                False,
            )
            if (QApplication.sendEvent(target, event) and event.isAccepted()) or target is top:
                return
            target = target.parentWidget()

    def key(self, what: str, code: int, mods: int, text: str) -> None:
        """Replay a key on what has the focus within the widget."""
        kind = QEvent.Type.KeyPress if what == "press" else QEvent.Type.KeyRelease
        target = QApplication.activePopupWidget() or self.widget.focusWidget() or self.widget
        QApplication.sendEvent(target, QKeyEvent(kind, code, Qt.KeyboardModifier(mods), text))

    def close(self) -> None:
        """Delete the widget and its ring."""
        self.widget.close()
        self.widget.deleteLater()
        if self._ring is not None:
            self._ring.close()

    def _under(self, where: QPointF) -> QWidget:
        popup = QApplication.activePopupWidget()
        at = where.toPoint()
        if popup is not None:
            return popup.childAt(at - popup.pos() + self.widget.pos()) or popup
        return self.widget.childAt(at) or self.widget

    def _top(self, target: QWidget | None) -> Any:
        popup = QApplication.activePopupWidget()
        return popup if popup is not None and target is not None and popup.isAncestorOf(target) else self.widget

    def _offset(self, target: QWidget) -> QPoint:
        top = self._top(target)
        return QPoint() if top is self.widget else top.pos() - self.widget.pos()

    def _write(self, data: np.ndarray) -> None:
        if self._ring is None or data.nbytes > self._room:
            if self._ring is not None:
                self._ring.close()
            self._room = data.nbytes
            self._ring = RingWriter(self._path, self._room, SLOTS)
        axes = tuple(Axis(name, "px", 1.0, 0.0, n) for name, n in zip(("y", "x", "bgr"), data.shape, strict=True))
        facts = {"scale": self._scale}
        self._ring.write(Frame("picture", "picture", self._seq, data, axes, 0.0, 0.0, "", facts))
        self._seq += 1
