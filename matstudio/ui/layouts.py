"""The layouts of the window: the last one, those that come with it, and those that the operator has given a name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMainWindow

from matstudio.ui import dialogs
from matstudio.ui.actions import Action, Actions
from matstudio.ui.kept import Kept
from matstudio.ui.layout import VERSION, Layout, unfit
from matstudio.ui.presets import PRESETS
from matstudio.ui.stage import Stage

MENU = "View/Layouts"


class Layouts(QObject):
    """Puts the docks where they are wanted, and keeps where they stand.

    Args:
        window: whose size and place are kept too. stage: its docks.
        kept: the files.
        tell: shows (text, level) for some seconds.
    """

    def __init__(self, window: QMainWindow, stage: Stage, kept: Kept, tell: Callable[[str, str], object]) -> None:
        super().__init__(window)
        self._window, self._stage, self._kept, self._tell = window, stage, kept, tell
        self._named: dict[str, Layout] = {}
        self._register: Actions | None = None

    def actions(self) -> list[Action]:
        """What can be done with layouts; those of the operator's own follow with `attach`."""
        made = [
            Action(f"view.layout.{n.lower()}", n, MENU, partial(self._stage.arrange, p), tip=p.tip)
            for n, p in PRESETS.items()
        ]
        made.append(Action("view.layout.save", "Save this layout as …", MENU, self.ask, tip="Under a name"))
        return made

    def attach(self, register: Actions) -> None:
        """Offer the layouts that have a name."""
        self._register = register
        self._named = self._kept.layouts(self._stage.names)
        for name in sorted(self._named):
            self._offer(name)
        self.tell_refused()

    def restore_last(self) -> None:
        """Put docks and window as they were when the window was closed."""
        layout = self._kept.layout(self._stage.names)
        if layout is not None:
            self._window.restoreGeometry(layout.window)
            if not self._stage.restore(layout.stage, layout.closed):
                self._kept.refuse_layout("not understood")

    def keep_last(self) -> None:
        """Keep how docks and window are now, for the next start."""
        self._kept.keep_layout(self._now())

    def ask(self) -> None:
        """Ask for a name and keep the layout under it."""
        names = f" (there are {', '.join(sorted(self._named))})" if self._named else ""
        dialogs.line(self._window, "Save this layout", f"Name of the layout{names}", self.save)

    def save(self, name: str) -> None:
        """Keep the layout under a name; one of the same name is replaced."""
        why = unfit(name) or ("this one comes with MatStudio" if name in PRESETS else "")
        other = next((n for n in self._named if n != name and n.casefold() == name.casefold()), "")
        if other:
            why = f"there is {other}, which differs in case only"
        if why:
            self._tell(f"layout {name[:60]}: {why}", "caution")
            return
        layout = self._now()
        try:
            self._kept.keep_named(name, layout)
        except OSError as error:
            self._tell(f"layout {name}: not saved: {error.strerror}", "caution")
            return
        self._tell(f"layout {name}: {'replaced' if name in self._named else 'saved'}", "")
        self._named[name] = layout
        self._offer(name)

    def use(self, name: str) -> None:
        """Put the docks where they stand in a layout; the window stays as large as it is."""
        layout = self._named[name]
        if not self._stage.restore_now(layout.stage, layout.closed):
            self._kept.refuse_named(name, "not understood")
            self._forget(name)
            self.tell_refused()

    def delete(self, name: str) -> None:
        """Delete a layout."""
        try:
            self._kept.delete_named(name)
        except OSError as error:
            self._tell(f"layout {name}: not deleted: {error.strerror}", "caution")
            return
        self._forget(name)
        self._tell(f"layout {name}: deleted", "")

    def tell_refused(self) -> None:
        """Say which files could not be used."""
        for line in self._kept.told():
            self._tell(line, "caution")

    def _now(self) -> Layout:
        stage = self._stage
        state, place = bytes(stage.saveState(VERSION).data()), bytes(self._window.saveGeometry().data())
        return Layout(stage.names, tuple(sorted(stage.closed())), state, place)

    def _offer(self, name: str) -> None:
        register, id = self._register, f"view.layout.own.{name}"
        if register is None or id in register:
            return
        register.add(Action(id, name, MENU, partial(self.use, name), tip="A layout of your own"))
        register.add(
            Action(f"view.layout.delete.{name}", f"Delete {name}", f"{MENU}/Delete", partial(self.delete, name))
        )

    def _forget(self, name: str) -> None:
        self._named.pop(name, None)
        if self._register is not None:
            self._register.remove(f"view.layout.own.{name}")
            self._register.remove(f"view.layout.delete.{name}")
