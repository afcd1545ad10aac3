"""Record > Adapt the denoiser: the job, what it changed for people to see, and the way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from matstudio.modalities import weights
from matstudio.ui import dialogs
from matstudio.ui.actions import Action
from matstudio.ui.parts import label
from matstudio.ui.session import sessions_folder
from matstudio.workers.job import Job, State, Work

if TYPE_CHECKING:
    from matstudio.ui.main_window import MainWindow

LONGEST_S = 1800.0
_WIDE = 900


def work(file: Path, picture: Path) -> Work:
    """The job that adapts the denoiser to a file, and leaves a picture of before and after."""
    command = ("-m", "matstudio", "adapt", "--json", f"--picture={picture}", "--", str(file))
    return Work(f"adapt denoiser to {file.name}", lambda _: command, picture, limit_s=LONGEST_S, summary=summary)


def summary(said: str) -> str:
    """What the job says of itself, one line; ValueError where that is nonsense."""
    try:
        return str(json.loads(said)["text"])
    except (KeyError, TypeError) as error:
        raise ValueError(str(error)) from None


class BeforeAfter(QDialog):
    """A frame, and it denoised with the old and with the new weights, which stay or go. Blocks nothing.

    Args:
        parent: the window.
        picture: the three side by side.
        text: what came of it.
        undo: goes back to the old weights; None where they are still in use.
    """

    def __init__(self, parent: QWidget, picture: Path, text: str, undo: Action | None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Denoiser, before and after")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.NonModal)
        grid = QGridLayout()
        for i, title in enumerate(("frame", "DENOISED, before", "DENOISED, after" if undo else "DENOISED, unchanged")):
            grid.addWidget(label(title, "name"), 0, i)
        shown = QLabel()
        pixels = QPixmap(str(picture))
        if pixels.width() > _WIDE:
            pixels = pixels.scaledToWidth(_WIDE, Qt.TransformationMode.SmoothTransformation)
        shown.setPixmap(pixels)
        shown.setAccessibleName("frame, before and after")
        grid.addWidget(shown, 1, 0, 1, 3)
        line = label(text)
        line.setWordWrap(True)
        box = QDialogButtonBox()
        keep = box.addButton("Keep" if undo else "Close", QDialogButtonBox.ButtonRole.AcceptRole)
        keep.setDefault(True)
        box.accepted.connect(self.accept)
        if undo is not None:
            box.addButton("Undo", QDialogButtonBox.ButtonRole.RejectRole)
            box.rejected.connect(undo.run)
            box.rejected.connect(self.reject)
        whole = QVBoxLayout(self)
        whole.addLayout(grid)
        whole.addWidget(line)
        whole.addWidget(box)


def actions(window: MainWindow) -> list[Action]:
    """Adapting, and the way back."""
    picture = weights.adapted().with_suffix(".png")

    def recorded() -> Path | None:
        path = window.session.live.recording.get("path")
        return Path(str(path)) if path else None

    def start() -> None:
        file = recorded()
        if file is not None:
            begin(file)
            return
        dialogs.open_files(window, "Adapt the denoiser to", sessions_folder(), lambda paths: begin(Path(paths[0])))

    def begin(file: Path) -> None:
        window.try_to("adapt", lambda: picture.parent.mkdir(parents=True, exist_ok=True))
        window.jobs.start(work(file, picture), done)

    def done(job: Job) -> None:
        if job.state is not State.DONE:
            window.tell(f"{job.work.title}: {job.state}" + (f": {job.line}" if job.line else ""))
            return
        try:
            kept = bool(json.loads(job.said)["kept"])
        except (ValueError, KeyError, TypeError):
            kept = False
        window.tell(f"{job.work.title}: {job.line}", "")
        window.renew_denoisers()
        dialog = BeforeAfter(window, picture, job.line, back if kept else None)
        dialog.show()

    def undo() -> None:
        def remove() -> None:
            weights.adapted().unlink(missing_ok=True)

        window.try_to("undo", remove)
        window.renew_denoisers()
        window.tell("the denoiser's weights are those that it came with again", "")

    back = Action(
        "record.unadapt",
        "Denoiser: back to the weights that it came with",
        "Record",
        undo,
        when=lambda: weights.adapted().is_file(),
        needs="a denoiser that was adapted",
    )
    return [
        Action(
            "record.adapt",
            "Adapt the denoiser to this session …",
            "Record",
            start,
            when=lambda: weights.denoiser() is not None,
            needs="the denoiser's weights",
            tip="It learns from recorded images, in the background; if frames held back get worse, nothing changes",
        ),
        back,
    ]
