"""The structure's dock and its actions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from matstudio.domain.structure import SiteModel
from matstudio.session.structure_file import SUFFIXES
from matstudio.ui import dialogs
from matstudio.ui.actions import Action
from matstudio.ui.session import sessions_folder
from matstudio.widgets.atoms import BY
from matstudio.widgets.structure_camera import VIEWS
from matstudio.workers import export
from matstudio.workers.job import Work

if TYPE_CHECKING:
    from matstudio.widgets.structure_canvas import StructureCanvas

PICTURE_SCALES = (1, 2, 4)
MENU = "View/Structure"


class StructureDock(QWidget):
    """Holds the 3D view, which is made after the first paint, and writes what it shows into files.

    Args:
        tell: shows (text, level) for some seconds.
        start: begins a job.
    """

    def __init__(self, tell: Callable[[str, str], object], start: Callable[[Work], object]) -> None:
        super().__init__()
        self._tell, self._start = tell, start
        self._canvas: StructureCanvas | None = None
        QVBoxLayout(self).setContentsMargins(0, 0, 0, 0)

    @property
    def canvas(self) -> StructureCanvas | None:
        """The 3D view, once it was made."""
        return self._canvas

    @property
    def model(self) -> SiteModel | None:
        """The structure that is shown."""
        return self._canvas.model if self._canvas is not None else None

    def actions(self) -> list[Action]:
        """What can be done with the structure."""
        return _actions(self)

    def prepare(self) -> None:
        """Make the 3D view; takes some tens of milliseconds."""
        from matstudio.widgets.structure_canvas import StructureCanvas

        canvas = self._canvas = StructureCanvas()
        layout = self.layout()
        if layout is not None:
            layout.addWidget(canvas)

    def show_structure(self, model: SiteModel) -> bool:
        """Show a structure; whether there is a view yet."""
        if self._canvas is not None:
            self._canvas.set_structure(model)
        return self._canvas is not None

    def shutdown(self) -> None:
        """End its threads."""
        if self._canvas is not None:
            self._canvas.shutdown()

    def ask_picture(self, scale: int) -> None:
        """Ask for a file and save the picture."""
        start = sessions_folder() / "structure.png"
        dialogs.save_as(self, "Save the picture of the structure", start, "PNG (*.png)", lambda p: self.save(p, scale))

    def save(self, path: Path, scale: int) -> None:
        """Save the picture as PNG with `scale` times the pixels of the screen."""
        if self._canvas is not None:
            self._canvas.save_picture(path, scale, lambda error: self._written(path, error))

    def ask_structure(self) -> None:
        """Ask for a file and write the structure as it is now."""
        model = self.model
        if model is None:
            return
        kinds = f"CIF (*{SUFFIXES[0]});;Extended XYZ (*{' *'.join(SUFFIXES[1:])})"
        start = sessions_folder() / "structure.cif"
        dialogs.save_as(self, "Save the structure", start, kinds, lambda path: self.write(model, path))

    def write(self, model: SiteModel, path: Path) -> None:
        """Write a structure in the background."""
        if path.suffix.lower() not in SUFFIXES:
            self._tell(f"{path.name}: a structure is written as {', '.join(SUFFIXES)}", "caution")
        else:
            self._start(export.structure(model, path))

    def _written(self, path: Path, error: str) -> None:
        self._tell(error if path.name in error else f"{path.name}: {error or 'saved'}", "caution" if error else "")


def _actions(dock: StructureDock) -> list[Action]:
    def there() -> bool:
        return dock.model is not None

    def drawn() -> bool:
        return dock.canvas is not None and dock.canvas.has_gl and there()

    def canvas(do: Callable[[StructureCanvas], object]) -> Callable[[], object]:
        return lambda: do(dock.canvas) if dock.canvas is not None else None

    here, seen = "a structure", "a structure and OpenGL"
    made = [
        Action(
            "structure.save", "Save the structure …", MENU, dock.ask_structure, when=there, needs=here, tip="CIF or XYZ"
        )
    ]
    made += [
        Action(
            f"structure.picture.{scale}",
            "Save the picture …" if scale == 1 else f"Save the picture at {scale}× …",
            MENU,
            lambda s=scale: dock.ask_picture(s),
            when=drawn,
            needs=seen,
            tip="PNG of the 3D view, with legend and scale",
        )
        for scale in PICTURE_SCALES
    ]
    made += [
        Action(f"structure.view.{n}", f"Look {n}", MENU, canvas(lambda c, n=n: c.look(n)), when=drawn, needs=seen)
        for n in VIEWS
    ]
    made += [
        Action(
            f"structure.colour.{by}",
            f"Colour by {by}",
            MENU,
            canvas(lambda c, by=by: c.colour_by(by)),
            when=drawn,
            needs=seen,
            checked=lambda by=by: dock.canvas is not None and dock.canvas.colouring == by,
        )
        for by in BY
    ]
    made += [
        Action(
            "structure.bonds",
            "Bonds",
            MENU,
            canvas(lambda c: c.set_bonds(not c.with_bonds)),
            when=drawn,
            needs=seen,
            checked=lambda: dock.canvas is not None and dock.canvas.with_bonds,
        ),
        Action(
            "structure.perspective",
            "Perspective",
            MENU,
            canvas(lambda c: c.set_perspective(not c.in_perspective)),
            when=drawn,
            needs=seen,
            checked=lambda: dock.canvas is not None and dock.canvas.in_perspective,
        ),
    ]
    return made
