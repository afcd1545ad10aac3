"""Notices at the lower right of the window: over the docks, never over the header, and never with the focus."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QEnterEvent, QMouseEvent
from PySide6.QtWidgets import (
    QFrame,
    QGraphicsOpacityEffect,
    QHBoxLayout,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from matstudio.ui.parts import label, restyle
from matstudio.ui.present.notices import Notice, Notices

ROOM = 4
TICK_MS = 250
_MARKS = {"": "", "caution": "▲", "bad": "■"}
_CHARACTERS = 52
_MARGIN = 12


class Toast(QFrame):
    """One notice; tells when it is pressed, or closed."""

    pressed = Signal()
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("toast")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._mark, self._text = label("", "name"), label()
        self._text.setWordWrap(True)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self._close = QToolButton()
        self._close.setText("✕")
        self._close.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._close.setToolTip("Close this notice; it stays in the log")
        self._close.setAccessibleName("Close this notice")
        self._close.clicked.connect(self.closed)
        self._effect = QGraphicsOpacityEffect(self)
        self._effect.setEnabled(False)
        self.setGraphicsEffect(self._effect)
        row = QHBoxLayout(self)
        row.setContentsMargins(9, 6, 5, 6)
        row.setSpacing(7)
        top = Qt.AlignmentFlag.AlignTop
        row.addWidget(self._mark, 0, top)
        row.addWidget(self._text, 1)
        row.addWidget(self._close, 0, top)

    def show_line(self, text: str, level: str, leads: bool, *, closable: bool = True) -> None:
        """Show a line."""
        metrics = self.fontMetrics()
        self._text.setText(text if len(text) <= 240 else text[:239] + "…")
        self._text.setFixedWidth(metrics.averageCharWidth() * _CHARACTERS)
        self._mark.setText(_MARKS[level])
        self._mark.setVisible(bool(level))
        self._close.setVisible(closable)
        self.setToolTip(text if len(text) > 240 else "")
        self.setAccessibleName(text)
        restyle(self, "level", level)
        self.setCursor(Qt.CursorShape.PointingHandCursor if leads else Qt.CursorShape.ArrowCursor)

    def set_strength(self, strength: float) -> None:
        """Draw it faintly (0) or plainly (1)."""
        self._effect.setEnabled(strength < 1)
        if strength < 1:
            self._effect.setOpacity(strength)

    def text(self) -> str:
        """The line."""
        return self._text.text()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.pressed.emit()
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()  # not what lies below


class Toasts(QWidget):
    """The stack of notices.

    Args:
        window: over which it stands. below: nothing is covered above the lower edge of this one. above: nor below the
            upper edge of this one.
    """

    leads = Signal(str)
    """Id of the action that shows more of the notice that was pressed."""

    def __init__(self, window: QWidget, below: QWidget, above: QWidget) -> None:
        super().__init__(window)
        self._window, self._below, self._above = window, below, above
        self.notices = Notices()
        self._rows: list[tuple[Toast, Notice | None]] = []
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(4)
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._show)
        window.installEventFilter(self)
        self.hide()

    def add(self, text: str, level: str = "", leads: str = "") -> None:
        """Show a line for some seconds."""
        self.notices.add(text, level, leads)
        self._show()

    def clear(self) -> None:
        """Take all away."""
        self.notices.clear()
        self._show()

    def stop(self) -> None:
        """Show none any more."""
        self._timer.stop()
        self.clear()

    def text(self) -> str:
        """The newest notice, or ""."""
        return self.notices.text()

    def lines(self) -> list[str]:
        """What is shown, from top to bottom."""
        return [toast.text() for toast, _ in self._rows]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._window and event.type() == QEvent.Type.Resize and self._rows:
            self._show()
        return False

    def enterEvent(self, event: QEnterEvent) -> None:
        self.notices.hold(True)

    def leaveEvent(self, event: QEvent) -> None:
        self.notices.hold(False)

    def _show(self) -> None:
        """Show what is to be shown now, as many as there is room for."""
        for room in range(ROOM, -1, -1):
            notices, more = self.notices.shown(room)
            self._fill(notices, more)
            if self._place():
                break
        if self._rows and not self._timer.isActive():
            self._timer.start()
        elif not self._rows:
            self._timer.stop()

    def _fill(self, notices: tuple[Notice, ...], more: int) -> None:
        wanted: list[Notice | None] = [*([None] if more else []), *notices]
        while len(self._rows) < len(wanted):
            toast = Toast()
            toast.pressed.connect(lambda t=toast: self._pressed(t))
            toast.closed.connect(lambda t=toast: self._closed(t))
            self._box.addWidget(toast)
            self._rows.append((toast, None))
        while len(self._rows) > len(wanted):
            toast = self._rows.pop()[0]
            self._box.removeWidget(toast)
            toast.hide()
            toast.deleteLater()
        for i, notice in enumerate(wanted):
            toast = self._rows[i][0]
            self._rows[i] = (toast, notice)
            if notice is None:
                toast.show_line(f"and {more:,} more, in the log", "", True, closable=False)
                toast.set_strength(1.0)
            else:
                toast.show_line(notice.line, notice.level, bool(notice.leads))
                toast.set_strength(self.notices.strength(notice))
            toast.show()

    def _place(self) -> bool:
        """Go to the lower right; whether there is room between header and status bar, or nothing to show."""
        self.setVisible(bool(self._rows))
        if not self._rows:
            return True
        self._box.activate()
        size = self.sizeHint()
        size.setHeight(max(size.height(), self.heightForWidth(size.width())))
        self.resize(size)
        top = self._below.mapTo(self._window, self._below.rect().bottomLeft()).y()
        bottom = self._above.mapTo(self._window, self._above.rect().topLeft()).y()
        self.move(self._window.width() - size.width() - _MARGIN, bottom - size.height() - _MARGIN // 2)
        self.raise_()
        return self.y() > top

    def _notice(self, toast: Toast) -> Notice | None:
        return next((notice for row, notice in self._rows if row is toast), None)

    def _pressed(self, toast: Toast) -> None:
        notice = self._notice(toast)
        if notice is None:
            self.leads.emit("view.log")
        elif notice.leads:
            self.notices.close(notice.key)
            self._show()
            self.leads.emit(notice.leads)

    def _closed(self, toast: Toast) -> None:
        notice = self._notice(toast)
        if notice is not None:
            self.notices.close(notice.key)
            self._show()
