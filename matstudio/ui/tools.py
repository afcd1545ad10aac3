"""The tools of the streams' viewers as actions, and the files that are made of what is shown."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject

from matstudio.domain.frame import Frame, Kind
from matstudio.recording.exports import suffixes
from matstudio.ui import dialogs
from matstudio.ui.actions import Action
from matstudio.ui.session import sessions_folder
from matstudio.ui.streams import StreamView
from matstudio.widgets.tools import FFT, LINE, ROI
from matstudio.widgets.viewer import FrameViewer
from matstudio.workers.snapshots import Snapshots

_TOOLS = {
    ROI: ("Region", "Statistics of a part of the frame"),
    LINE: ("Line profile", "Values along a line, and its length"),
    FFT: ("Fourier transform", "Of the region, or of the whole picture"),
}
_NAMES = {".nxs": "NeXus", ".tif": "TIFF", ".npy": "NumPy", ".csv": "CSV"}


class StreamTools(QObject):
    """Actions for the tools of every viewer, and one thread that writes files.

    Args:
        tell: shows (text, level) for some seconds.
        parent: the window.
    """

    def __init__(self, tell: Callable[[str, str], object], parent: QObject) -> None:
        super().__init__(parent)
        self._tell = tell
        self._files = Snapshots(self)
        self._files.written.connect(self._written)

    def shutdown(self) -> None:
        """Write what is waiting, and end the thread."""
        self._files.stop()

    def actions(self, key: str, title: str, view: StreamView) -> list[Action]:
        """The actions of one view, in a menu of its own.

        Args:
            key: unique, for their ids.
            title: of the menu.
            view: whose viewer it is, as soon as there is one.
        """
        view.asked.connect(lambda what: self.ask(view, what))
        menu = f"View/{title}"
        names = (ROI,) if view.kind == Kind.SPECTRUM else tuple(_TOOLS)
        made = [
            Action(
                f"tools.{name}.{key}",
                _TOOLS[name][0],
                menu,
                partial(_toggle, view, name),
                when=partial(_usable, view, name),
                checked=partial(_is_on, view, name),
                tip=_TOOLS[name][1],
                needs="a picture" if name != ROI else "a frame",
            )
            for name in names
        ]
        made += [
            Action(
                f"tools.{what}.{key}",
                text,
                menu,
                partial(self.ask, view, what),
                when=partial(_there, view),
                needs="a frame",
            )
            for what, text in FrameViewer.SAVE
        ]
        return made

    def ask(self, view: StreamView, what: str) -> None:
        """Ask for a file, and write to it what was shown when the question was put."""
        viewer = view.viewer
        if viewer is None or viewer.frame is None:
            self._tell("nothing is shown yet", "caution")
            return
        frame = viewer.frame
        folder = sessions_folder()
        with contextlib.suppress(OSError):  # the operator may choose another one
            folder.mkdir(parents=True, exist_ok=True)
        start = folder / file_name(frame)
        if what == "data":
            endings = suffixes(frame.data.ndim)
            kinds = ";;".join(f"{_NAMES[e]} (*{e})" for e in endings)
            start = start.with_name(start.name + endings[0])
            dialogs.save_as(view, "Save the frame", start, kinds, lambda path: self._files.data(path, frame))
            return
        image = viewer.picture(2.0 if what == "picture2" else 1.0)
        start = start.with_name(start.name + ".png")
        dialogs.save_as(view, "Save the picture", start, "PNG (*.png)", lambda path: self._files.picture(path, image))

    def _written(self, path: Path, error: str) -> None:
        text = f"{path.name}: saved in {path.parent}"
        self._tell(text if not error else f"{path.name}: not saved: {error}", "caution" if error else "")


def file_name(frame: Frame) -> str:
    """A name for a file of a frame, without ending: "twin_haadf_000123"."""
    source = str(frame.metadata.get("instrument", ""))
    words = (source if source != frame.stream else "", frame.stream, f"{frame.seq:06d}")
    return "_".join(re.sub(r"[^\w.-]+", "-", word) for word in words if word)


def _there(view: StreamView) -> bool:
    return getattr(view.viewer, "frame", None) is not None


def _usable(view: StreamView, name: str) -> bool:
    strip = getattr(view.viewer, "strip", None)  # of a plugin's viewer it is in another process
    return strip is not None and bool(strip.usable(name))


def _is_on(view: StreamView, name: str) -> bool:
    strip = getattr(view.viewer, "strip", None)
    return strip is not None and bool(strip.is_on(name))


def _toggle(view: StreamView, name: str) -> None:
    if view.viewer is not None:
        view.viewer.strip.set_on(name, not view.viewer.strip.is_on(name))
