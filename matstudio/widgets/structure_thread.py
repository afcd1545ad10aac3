"""The thread that draws structures: by software a picture takes 20 ms to a second, and the window waits for none."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Qt, QThread, Signal
from PySide6.QtGui import QImage, QOffscreenSurface, QOpenGLContext

from matstudio.domain.structure import SiteModel
from matstudio.widgets.structure_camera import Camera
from matstudio.widgets.structure_detail import SMOOTH, STILL, Chooser
from matstudio.widgets.structure_drawing import Drawing, Look, make, shown_sites

if TYPE_CHECKING:
    from matstudio.widgets.structure_gl import Painter

REST_S = 2.5
NICE = 5
MOVING_S = 1 / 30
_SLOW_S = 0.05


def step_back() -> None:
    """Let control and window go before this thread and those that it starts, as software OpenGL does; on Linux only."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(NICE, os.getpriority(os.PRIO_PROCESS, thread)))


@dataclass(frozen=True)
class Shown:
    """A finished picture.

    Args:
        image: (height, width, 4) uint8, red, green, blue, 255.
        ready: the same in the format that the window's own pictures have, which is drawn without being converted.
        camera, drawing, look: what it shows.
        moving: whether it was drawn fast rather than finely.
        seconds: how long the drawing took.
    """

    image: np.ndarray
    ready: QImage
    camera: Camera
    drawing: Drawing
    look: Look
    moving: bool
    seconds: float


@dataclass(frozen=True)
class Wanted:
    """What the newest picture is to show; `size` in pixels of the screen."""

    model: SiteModel | None = None
    look: Look = field(default_factory=Look)
    camera: Camera | None = None
    size: tuple[int, int] = (0, 0)
    moving: bool = False


Finish = Callable[[QImage, Shown], str]


class Artist(QThread):
    """Draws what is wanted now; what was wanted before and is not drawn yet is forgotten.

    While the view moves there are 30 pictures a second at most. A structure that takes long to prepare waits until the
    view rests. A picture that rests for `REST_S` is drawn once
    more at twice the pixels where that is quick.

    Signals:
        drawn: there is a new picture; take it with `newest`.
        failed (str): OpenGL cannot be used, and the thread has ended.
        finished_picture (str): what `picture` had done ("" or what went wrong).
    """

    drawn = Signal()
    failed = Signal(str)
    finished_picture = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("structure")
        self._surface = QOffscreenSurface()
        self._surface.create()
        self._change = threading.Condition()
        self._wanted = Wanted()
        self._stopped, self._dirty = False, False
        self._jobs: list[tuple[Wanted, Finish]] = []
        self._newest: Shown | None = None
        self._told = False
        self._drawing: Drawing | None = None
        self._look = Look()
        self._chooser = Chooser()
        self._slow = False

    def want(self, wanted: Wanted) -> None:
        """Draw this as soon as possible."""
        with self._change:
            self._wanted, self._dirty = wanted, True
            self._change.notify()

    def picture(self, wanted: Wanted, finish: Finish) -> None:
        """Draw this once, finely, and call `finish` with it in the thread; what it returns is signalled."""
        with self._change:
            self._jobs.append((wanted, finish))
            self._change.notify()

    def newest(self) -> Shown | None:
        """The newest picture."""
        with self._change:
            self._told = False
            return self._newest

    def stop(self) -> None:
        """End the thread; returns when it has ended. May be called again."""
        with self._change:
            self._stopped = True
            self._change.notify()
        self.wait()

    def run(self) -> None:
        """Body of the thread."""
        step_back()
        context = QOpenGLContext()
        try:
            if not (context.create() and context.makeCurrent(self._surface)):
                raise RuntimeError("no context")
            from matstudio.widgets.structure_gl import Painter

            self._loop(Painter())
        except Exception as error:  # noqa: BLE001  the border to OpenGL: drivers fail in ways of their own
            self.failed.emit(" ".join(str(error).split()))
        finally:
            context.doneCurrent()

    def _loop(self, painter: Painter) -> None:
        smooth = False
        while True:
            with self._change:
                self._change.wait_for(lambda: self._stopped or self._dirty or self._jobs, REST_S if smooth else None)
                if self._stopped:
                    return
                wanted, dirty, self._dirty = self._wanted, self._dirty, False
                jobs, self._jobs = self._jobs, []
            begun = time.monotonic()
            for job, finish in jobs:
                self.finished_picture.emit(self._once(painter, job, finish))
            if dirty or (smooth and not jobs):
                again = smooth and not dirty
                smooth = self._picture(painter, wanted, again) and not again
            if wanted.moving:
                self._pause(begun + MOVING_S)

    def _pause(self, until: float) -> None:
        """Until then, or until the view rests or there is something else to do."""
        with self._change:
            self._change.wait_for(
                lambda: self._stopped or self._jobs or not self._wanted.moving, max(0.0, until - time.monotonic())
            )

    def _picture(self, painter: Painter, wanted: Wanted, again: bool) -> bool:
        """Draw what is wanted; whether it is worth to be drawn smoothly later."""
        if wanted.model is None or wanted.camera is None or min(wanted.size) < 2:
            return False
        self._prepare(painter, wanted)
        drawing = self._drawing
        if drawing is None:
            return False
        sites = len(drawing.sites)
        if wanted.moving:
            detail = self._chooser.moving(sites)
        else:
            detail = SMOOTH if again else self._chooser.still(sites, wanted.size)
        size = _scaled(wanted.size, detail.pixels, painter.largest)
        start = time.perf_counter()
        image = painter.draw(wanted.camera, size, detail, self._look, lambda: self._overtaken(wanted))
        seconds = time.perf_counter() - start
        if image is None:
            return False
        if wanted.moving:
            self._chooser.took(seconds)
        if detail.pixels > 1:
            image = _shrunk(image, wanted.size)
        ready = as_image(image).convertToFormat(QImage.Format.Format_RGB32)
        with self._change:
            self._newest = Shown(image, ready, wanted.camera, drawing, self._look, wanted.moving, seconds)
            told, self._told = self._told, True
        if not told:
            self.drawn.emit()
        return detail is STILL and self._chooser.worth_smoothing(seconds)

    def _overtaken(self, wanted: Wanted) -> bool:
        """Whether a fine picture is given up: the operator turns the view meanwhile."""
        return self._stopped or (self._dirty and self._wanted.moving and not wanted.moving)

    def _prepare(self, painter: Painter, wanted: Wanted) -> None:
        old = self._drawing
        if wanted.model is None or (old is not None and old.model is wanted.model and self._look == wanted.look):
            return
        if wanted.moving and self._slow and old is not None and self._look == wanted.look:
            return
        start = time.perf_counter()
        sites = old.sites if old is not None and old.model is wanted.model else shown_sites(wanted.model)
        self._drawing, self._look = make(wanted.model, wanted.look, sites), wanted.look
        painter.load(self._drawing)
        self._slow = time.perf_counter() - start > _SLOW_S

    def _once(self, painter: Painter, wanted: Wanted, finish: Finish) -> str:
        try:
            if wanted.camera is None or wanted.model is None:
                raise ValueError("there is no structure yet")
            if max(wanted.size) > painter.largest:
                raise ValueError(f"OpenGL draws {painter.largest:,} pixels a side at most, not {max(wanted.size):,}")
            self._prepare(painter, replace(wanted, moving=False))
            if self._drawing is None:
                raise ValueError("there is no structure yet")
            start = time.perf_counter()
            factor = int(SMOOTH.pixels) if SMOOTH.pixels * max(wanted.size) <= painter.largest else 1
            size = (factor * wanted.size[0], factor * wanted.size[1])
            image = painter.draw(wanted.camera, size, SMOOTH, self._look, lambda: self._stopped)
            if image is None:
                raise ValueError("the view was closed")
            if factor > 1:
                image = _shrunk(image, wanted.size)
            seconds = time.perf_counter() - start
            drawn = as_image(image)
            return finish(drawn, Shown(image, drawn, wanted.camera, self._drawing, self._look, False, seconds))
        except (ValueError, RuntimeError, OSError) as error:
            return str(error)


def as_image(pixels: np.ndarray) -> QImage:
    """A QImage on the same memory as (height, width, 4) uint8; keep the array as long as the image."""
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBX8888)


def _shrunk(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    small = as_image(pixels).scaled(*size, mode=Qt.TransformationMode.SmoothTransformation)
    small.convertTo(QImage.Format.Format_RGBX8888)
    return np.array(small.constBits(), np.uint8).reshape(size[1], -1)[:, : 4 * size[0]].reshape(size[1], size[0], 4)


def _scaled(size: tuple[int, int], factor: float, largest: int) -> tuple[int, int]:
    factor = min(factor, largest / max(size))
    return max(2, round(size[0] * factor)), max(2, round(size[1] * factor))
