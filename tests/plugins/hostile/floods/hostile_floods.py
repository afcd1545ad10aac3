"""Works, and floods whatever there is to flood: the processor, the log, the titles, the values."""

import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from matstudio.domain import estimate
from matstudio.domain.frame import Axis
from matstudio.instruments.readers.signal import Signal, pixels


class Widget(QWidget):
    title_changed = QtSignal(str)

    def __init__(self):
        super().__init__()
        self.shown = 0
        timer = QTimer(self, interval=0)
        timer.timeout.connect(self.flood)
        timer.start()

    def flood(self):
        self.shown += 1
        print("flood " * 100)
        self.title_changed.emit("flood " * 100)
        self.update()

    def show_frame(self, frame):
        pass

    def show_estimate(self, estimate):
        pass

    def paintEvent(self, event):
        painter = QPainter(self)
        painter.drawText(20, 20, str(self.shown))
        painter.end()


class Forward:
    def axes(self):
        return (Axis("x", "px", 1.0, 0.0, 16),)

    def metadata(self):
        return {"mode": "flood"}

    def expected(self, atoms):
        for _ in range(200):
            print("flood " * 100)
        return np.full(16, 1e9, np.float32)


class Model:
    name, version = "flood", "1"

    def __call__(self, frame):
        arrays = {str(i): np.zeros(1000) for i in range(100)}
        model = estimate.Model("flood", "1", "")
        return estimate.Estimate(frame.stream, frame.seq, frame.t_end, model, {}, arrays)


def read(path):
    for _ in range(1000):
        print("flood " * 100)
    data = np.zeros(1 << 31, np.uint8)
    return [Signal("flood", "image", data.reshape(1 << 16, 1 << 15), pixels((1 << 16, 1 << 15)), signal_dims=2)]
