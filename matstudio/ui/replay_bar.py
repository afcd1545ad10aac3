"""Play, pause, speed and position of a replay; there only when the device is one."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QPushButton, QSlider, QVBoxLayout

from matstudio.ui.parts import Elided, label
from matstudio.ui.present.status_line import Replay

SPEEDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 50.0)
_STEPS = 10000


class ReplayBar(QFrame):
    """Draws a `Replay`; tells what the operator wants of it."""

    play = Signal()
    pause = Signal()
    seek = Signal(float)
    speed = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("header")
        self._state: Replay | None = None
        box = QVBoxLayout(self)
        box.setContentsMargins(12, 4, 12, 4)
        box.setSpacing(2)
        row = QHBoxLayout()
        box.addLayout(row)
        row.setSpacing(10)
        self._button = QPushButton("Pause")
        self._button.setMinimumWidth(self._button.fontMetrics().horizontalAdvance("Pause") + 36)
        self._button.clicked.connect(self._pressed)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, _STEPS)
        self._slider.setAccessibleName("Position in the recording")
        self._slider.sliderReleased.connect(self._released)
        self._slider.actionTriggered.connect(self._stepped)
        self._text = label("", "dim")
        self._text.setMinimumWidth(
            self._text.fontMetrics().horizontalAdvance("000:00 min of 000:00 min  0.25×  paused")
        )
        self._speed = QComboBox()
        self._speed.setAccessibleName("Speed of the replay")
        for factor in SPEEDS:
            self._speed.addItem(f"{factor:g}×", factor)
        self._speed.setCurrentIndex(SPEEDS.index(1.0))
        self._speed.activated.connect(lambda i: self.speed.emit(SPEEDS[i]))
        row.addWidget(label("Replay", "name"))
        row.addWidget(self._button)
        row.addWidget(self._slider, 1)
        row.addWidget(self._text)
        row.addWidget(label("speed", "dim"))
        row.addWidget(self._speed)
        self._notes = Elided()
        self._notes.hide()
        box.addWidget(self._notes)
        self.hide()

    def show_replay(self, state: Replay | None) -> None:
        """Show where the replay is; None hides the bar."""
        self._state = state
        self.setVisible(state is not None)
        if state is None:
            return
        self._notes.set_text("; ".join(state.notes))
        self._notes.setToolTip("\n".join(state.notes))
        self._notes.setVisible(bool(state.notes))
        self._button.setText("Pause" if state.playing else "Play")
        self._text.setText(state.text)
        self._slider.setEnabled(state.duration > 0)
        if state.duration > 0 and not self._slider.isSliderDown():
            self._slider.setValue(round(_STEPS * min(1.0, state.position / state.duration)))
        if state.speed in SPEEDS and not self._speed.view().isVisible():
            self._speed.setCurrentIndex(SPEEDS.index(state.speed))

    def _pressed(self) -> None:
        if self._state is not None:
            (self.pause if self._state.playing else self.play).emit()

    def _released(self) -> None:
        self._seek(self._slider.value())

    def _stepped(self, _: int) -> None:
        if not self._slider.isSliderDown():
            self._seek(self._slider.sliderPosition())

    def _seek(self, position: int) -> None:
        if self._state is not None and self._state.duration > 0:
            self.seek.emit(position / _STEPS * self._state.duration)
