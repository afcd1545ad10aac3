"""The newest frame without its noise, made by a process of its own, for which the window does not wait."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, QThread, QTimer, Signal

from matstudio.bus.processes import ONE_THREAD
from matstudio.domain.frame import Frame
from matstudio.modalities.image.denoise_child import request
from matstudio.modalities.image.reconstruct import pixel_A

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Denoised:
    """A frame without its noise.

    Args:
        frame: as it was recorded.
        image: (rows, columns) float32 in the frame's unit.
        model: name and version.
        seconds: that it took.
    """

    frame: Frame
    image: np.ndarray
    model: str
    seconds: float


class DenoiseThread(QThread):
    """Denoises the newest frame that is wanted; one that came in between is passed over.

    Args:
        weights: of the network.

    Signals:
        made (Denoised): in the order of the frames.
        refused (str): why a frame cannot be denoised; one line.
        failed (str): why there will be none any more; one line.
    """

    made = Signal(object)
    refused = Signal(str)
    failed = Signal(str)

    def __init__(self, weights: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("denoise")
        self._weights = weights
        self._change = threading.Condition()
        self._wanted: Frame | None = None
        self._stopped = False
        self._child: subprocess.Popen[bytes] | None = None
        self._since = math.inf  # when the frame that it works on was handed over
        self._watch = QTimer(self)
        self._watch.timeout.connect(self._look)
        self._watch.start(1000)

    def want(self, frame: Frame) -> None:
        """Denoise this one next."""
        with self._change:
            self._wanted = frame
            self._change.notify()

    def stop(self) -> None:
        """End the process and the thread; returns when they have ended."""
        self._watch.stop()
        with self._change:
            self._stopped = True
            if self._child is not None:
                self._child.kill()
            self._change.notify()
        self.wait()

    def _look(self) -> None:
        """End a process that hangs."""
        if time.monotonic() - self._since > PATIENCE_S and self._child is not None:
            self._child.kill()

    def run(self) -> None:
        """Body of the thread."""
        module = "matstudio.modalities.image.denoise_child"
        command = [sys.executable, "-m", module, str(self._weights)]
        pipe = subprocess.PIPE
        with self._change:
            if self._stopped:
                return
            child = self._child = subprocess.Popen(
                command,
                stdin=pipe,
                stdout=pipe,
                stderr=subprocess.DEVNULL,
                env=os.environ | ONE_THREAD,
                start_new_session=True,
            )
        try:
            self._work(child)
        except (OSError, ValueError, EOFError) as error:
            if not self._stopped:
                self.failed.emit(str(error) or "its process ended")
        finally:
            child.kill()
            child.wait()
            for end in (child.stdin, child.stdout):
                with contextlib.suppress(OSError):  # what was not sent before it died
                    if end is not None:
                        end.close()

    def _work(self, child: subprocess.Popen[bytes]) -> None:
        first = _answer(child)
        if "error" in first:
            raise ValueError(first["error"])
        model = f"denoise {first['version']}"
        while True:
            with self._change:
                while self._wanted is None and not self._stopped:
                    self._change.wait()
                frame, self._wanted = self._wanted, None
            if self._stopped or frame is None:
                return
            assert child.stdin is not None
            assert child.stdout is not None
            self._since = time.monotonic()
            child.stdin.write(request(frame, pixel_A(frame)))
            child.stdin.flush()
            facts = _answer(child)
            size = 0 if "error" in facts else 4 * frame.data.size
            data = child.stdout.read(size)
            self._since = math.inf
            if "error" in facts:
                self.refused.emit(str(facts["error"]))
                continue
            if len(data) < size:
                raise EOFError
            image = np.frombuffer(data, np.float32).reshape(frame.data.shape)
            self.made.emit(Denoised(frame, image, model, float(facts["seconds"])))


def _answer(child: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert child.stdout is not None
    line = child.stdout.readline()
    if not line:
        raise EOFError
    facts: dict[str, Any] = json.loads(line)
    return facts
