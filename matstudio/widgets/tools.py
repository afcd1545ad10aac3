"""The tools of a viewer: their buttons, and what is common to those that measure."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from matstudio.widgets.text import scaled

ROI, LINE, FFT = "roi", "line", "fft"
IMAGE_TOOLS = (
    (ROI, "ROI", "Region: statistics of the pixels in a rectangle"),
    (LINE, "line", "Line: profile along it, and its length"),
    (FFT, "FFT", "Fourier transform of the region, or of the whole picture"),
)
PLOT_TOOLS = ((ROI, "ROI", "Range: statistics of a part of the curve"),)
PERIOD_S, TICK_MS = 0.2, 50
REST, LONGEST_REST_S = 3.0, 2.0  # what takes long to measure rests so many times as long: a quarter of a core


class ToolStrip(QWidget):
    """A column of small buttons beside a picture: those of tools, which are on or off, and below them menus.

    Signals:
        toggled (name, on): a tool was switched.
        asked (key): an entry of a menu was chosen.
    """

    toggled = Signal(str, bool)
    asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tools: dict[str, QToolButton] = {}
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(2)
        self._box.addStretch(1)

    def add(self, name: str, text: str, tip: str) -> None:
        """A tool; off at first."""
        button = self._button(text, tip, len(self._tools))
        button.setCheckable(True)
        button.toggled.connect(lambda on: self.toggled.emit(name, on))
        self._tools[name] = button

    def add_menu(self, text: str, tip: str, entries: Sequence[tuple[str, str]]) -> None:
        """A button that opens a menu of entries (key, text)."""
        button = self._button(text, tip, self._box.count() - 1)
        menu = QMenu(button)
        for key, entry in entries:
            menu.addAction(entry, lambda key=key: self.asked.emit(key))
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)

    def usable(self, name: str) -> bool:
        """Whether there is such a tool, and it can be used now."""
        return name in self._tools and self._tools[name].isEnabled()

    def set_usable(self, name: str, usable: bool) -> None:
        """Let a tool be used, or not."""
        self._tools[name].setEnabled(usable)

    def is_on(self, name: str) -> bool:
        """Whether a tool is on."""
        return name in self._tools and self._tools[name].isChecked()

    def set_on(self, name: str, on: bool) -> None:
        """Switch a tool."""
        self._tools[name].setChecked(on)

    def _button(self, text: str, tip: str, at: int) -> QToolButton:
        button = QToolButton()
        button.setObjectName("tool")
        button.setText(text)
        button.setToolTip(tip)
        button.setAccessibleName(f"{text}: {tip}")
        button.setFont(scaled(self.font(), 0.85))
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._box.insertWidget(at, button)
        return button


class Measuring(QWidget):
    """Holds a picture and measures on it while a tool is on and it can be seen: `PERIOD_S` apart at least.

    A subclass gives `NAMES`, `switch` and `tick`.

    Signals:
        measured (list of (label, value)): what is to be told.
    """

    measured = Signal(object)
    NAMES: frozenset[str] = frozenset()
    """The tools that there are."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._on: set[str] = set()
        self._next = 0.0
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self.tick)

    def is_on(self, name: str) -> bool:
        """Whether a tool is on."""
        return name in self._on

    def set_on(self, name: str, on: bool) -> None:
        """Switch a tool; without effect where there is no such one."""
        if name in self.NAMES and on != self.is_on(name):
            (self._on.add if on else self._on.discard)(name)
            self.switch(name, on)
            self._next = 0.0
            self._wake()

    def switch(self, name: str, on: bool) -> None:
        """Show or hide a tool."""
        raise NotImplementedError

    def tick(self) -> None:
        """Measure, where something is new and it is time."""
        raise NotImplementedError

    def due(self) -> bool:
        """Whether it is time to measure again; if so, the next time is counted from now."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + PERIOD_S
        return True

    def rest(self, seconds: float) -> None:
        """It took so much of a processor: rest in proportion. (The first time brings libraries with it.)"""
        self._next = max(self._next, time.monotonic() + min(REST * seconds, LONGEST_REST_S))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._wake()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _wake(self) -> None:
        if self._on and self.isVisible():
            self._timer.start()
        else:
            self._timer.stop()
