"""The docks of the streams: one viewer each, made by the modality that knows the kind."""

from __future__ import annotations

import logging
from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from matstudio.domain.device import Stream
from matstudio.domain.estimate import Estimate
from matstudio.domain.frame import Frame
from matstudio.ui.model_button import ModelButton
from matstudio.ui.parts import Dock
from matstudio.widgets.viewer import FrameViewer

log = logging.getLogger(__name__)


class StreamView(QWidget):
    """Holds the viewer of one stream, which is made when the first frame comes or `prepare` is called.

    Args:
        kind: of the stream.
        make: gives a new viewer for a kind, or raises.
    """

    titled = Signal(str)
    """What is shown, for the dock's title."""
    asked = Signal(str)
    """A key of `FrameViewer.SAVE`."""

    def __init__(self, kind: str, make: Callable[[str], FrameViewer]) -> None:
        super().__init__()
        self._make = make
        self.kind = kind
        self.stream: Stream | None = None
        self.viewer: FrameViewer | None = None
        self.model = ModelButton()
        self._failed = ""
        self._colormap = ""
        self._paused = False
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._empty = QLabel(f"no {kind} stream yet")
        self._empty.setProperty("role", "dim")
        self._empty.setMargin(12)
        self._box.addWidget(self._empty)

    def prepare(self) -> None:
        """Make the viewer now."""
        if self.viewer is not None or self._failed:
            return
        try:
            viewer = self._make(self.kind)
        except Exception as error:  # a viewer is a guest of the window: without it the rest goes on
            log.exception("no viewer for %s", self.kind)
            self._fail(f"no viewer for {self.kind}: {error}")
            return
        self._empty.hide()
        self._box.addWidget(viewer)
        viewer.set_head_visible(False)
        viewer.title_changed.connect(self.titled)
        viewer.asked.connect(self.asked)
        self.viewer = viewer
        self.set_paused(self._paused)
        if self._colormap:
            self.set_colormap(self._colormap)

    def show_frame(self, frame: Frame) -> None:
        """Show a frame of this stream."""
        self.prepare()
        self._call("show_frame", frame)

    def show_estimate(self, estimate: Estimate) -> None:
        """Show what a model says of this stream."""
        self._call("show_estimate", estimate)

    def tell(self, age: float) -> None:
        """Say how old the frame shown is, in real seconds."""
        self._call("set_stats", None, age=age)

    def frame_end(self) -> float | None:
        """Run time at which the exposure of the frame shown ended, s; None before the first frame."""
        frame = getattr(self.viewer, "frame", None)
        return None if frame is None else float(frame.t_end)

    def set_paused(self, paused: bool) -> None:
        """Keep what is shown, or go on."""
        self._paused = paused
        self._call("set_paused", paused)

    def set_colormap(self, name: str) -> None:
        """Use a colour map, where the viewer has one."""
        self._colormap = name
        self._call("set_colormap", name)

    def renew_denoiser(self) -> None:
        """Use the denoiser's weights that are there now, where the viewer denoises."""
        if hasattr(self.viewer, "renew_denoiser"):
            self.viewer.renew_denoiser()

    def _call(self, name: str, value: object, **more: object) -> None:
        if self.viewer is None:
            return
        try:
            getattr(self.viewer, name)(value, **more)
        except Exception as error:  # a viewer is a guest of the window: without it the rest goes on
            log.exception("the viewer of %s failed in %s", self.kind, name)
            self.viewer.hide()
            self.viewer.deleteLater()
            self.viewer = None
            self._fail(f"the viewer of {self.kind} failed: {error}")

    def _fail(self, line: str) -> None:
        self._failed = line
        self._empty.setText(line)
        self._empty.setWordWrap(True)
        self._empty.show()


class StreamDocks:
    """Which stream is shown in which dock: the first of each kind in the kind's own, a further one in a new dock."""

    def __init__(self, docks: dict[str, Dock]) -> None:
        self._home = docks
        self._by_stream: dict[str, Dock] = {}

    def view(self, stream: str) -> StreamView | None:
        """The view of a stream."""
        dock = self._by_stream.get(stream)
        return dock.inner if dock is not None and isinstance(dock.inner, StreamView) else None

    def dock(self, stream: str) -> Dock | None:
        """The dock of a stream."""
        return self._by_stream.get(stream)

    def docks(self) -> list[Dock]:
        """Every dock that there is."""
        return list({d.key: d for d in (*self._home.values(), *self._by_stream.values())}.values())

    def views(self) -> list[StreamView]:
        """Every view that there is."""
        return [d.inner for d in self.docks() if isinstance(d.inner, StreamView)]

    def assign(self, streams: tuple[Stream, ...]) -> list[Stream]:
        """Give each stream its dock; returns those for which a new dock must be made (see `put`)."""
        left = []
        for stream in streams:
            if stream.name in self._by_stream:
                continue
            dock = self._home.get(stream.kind)
            if dock is None or dock in self._by_stream.values():
                left.append(stream)
            else:
                self.put(stream, dock)
        return left

    def put(self, stream: Stream, dock: Dock) -> None:
        """Show a stream in a dock."""
        self._by_stream[stream.name] = dock
        dock.set_name(stream.title)
        if isinstance(dock.inner, StreamView):
            dock.inner.stream = stream
            dock.inner.titled.connect(dock.set_name)
