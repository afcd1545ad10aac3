"""Everything that the window can be told to do, in one register that drives menus, shortcuts and the palette."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QIcon, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from matstudio.ui.present import shortcuts

ICONS = Path(__file__).resolve().parents[2] / "resources" / "icons"
MENUS = ("File", "View", "Control", "Record", "Timeline")
RECENT = 8
"""So many actions that were used last are known."""


def always() -> bool:
    """`when` of an action that can be used at any time."""
    return True


@dataclass(frozen=True)
class Action:
    """One thing that the window can do.

    Args:
        id: "control.halt"; unique and stable, for shortcuts and for the audit log.
        text: as in the menu.
        menu: one of `MENUS`, or "View/Theme": a menu within it.
        run: does it; returns at once.
        shortcut: "F2", or "": the one that it has unless the operator chose another.
        icon: name of a file in resources/icons without its suffix, or "".
        when: whether it can be used now.
        checked: for an action that is on or off: whether it is on now.
        tip: one sentence more.
        needs: where `when` may say no: what it needs, for people ("a replay").
        fixed: whether its shortcut can be changed, but never be taken away.
    """

    id: str
    text: str
    menu: str
    run: Callable[[], object]
    shortcut: str = ""
    icon: str = ""
    when: Callable[[], bool] = always
    checked: Callable[[], bool] | None = None
    tip: str = ""
    needs: str = ""
    fixed: bool = False


class Actions:
    """The register. `attach` makes Qt actions of it, once, and of those added later; `refresh` asks every `when` and
    `checked` again.

    Attributes:
        recent: ids of those that were used last, the newest first.
    """

    def __init__(self) -> None:
        self.recent: tuple[str, ...] = ()
        self._actions: dict[str, Action] = {}
        self._wanted: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self._qt: dict[str, QAction] = {}
        self._window: QWidget | None = None
        self._menus: dict[str, QMenu] = {}

    def add(self, *actions: Action) -> None:
        """Register actions.

        Raises:
            ValueError: the id or shortcut of one is taken, or its menu is unknown; those before it are registered.
        """
        try:
            for action in actions:
                self._add(action)
        finally:
            self._settle()

    def remove(self, id: str) -> None:
        """Take an action out of the register and out of its menu."""
        del self._actions[id]
        qt = self._qt.pop(id, None)
        if qt is not None:
            qt.deleteLater()
        self._settle()

    def __iter__(self) -> Iterator[Action]:
        return iter(self._actions.values())

    def __contains__(self, id: object) -> bool:
        return id in self._actions

    def __getitem__(self, id: str) -> Action:
        return self._actions[id]

    def trigger(self, id: str) -> bool:
        """Run an action if it can be used now; whether it ran."""
        action = self._actions[id]
        if not action.when():
            return False
        self.recent = (id, *(r for r in self.recent if r != id))[:RECENT]
        action.run()
        return True

    def why_not(self, id: str) -> str:
        """Why an action cannot be used now, in a few words, or ""."""
        action = self._actions[id]
        if action.when():
            return ""
        return f"needs {action.needs}" if action.needs else "cannot be used now"

    def shortcut(self, id: str) -> str:
        """The key that an action has now, or ""."""
        return self._keys[id]

    def shortcuts(self) -> dict[str, str]:
        """The key of every action, by id."""
        return dict(self._keys)

    def refusal(self, id: str, key: str) -> str:
        """Why an action may not have a key ("": none), in words, or ""."""
        return shortcuts.refusal(id, key, self._keys, self._names(), self._fixed())

    def set_shortcuts(self, wanted: Mapping[str, str]) -> list[str]:
        """Give actions other keys than they have from the start, by id; those of actions that are not there wait for
        them. Returns a line for each that is refused."""
        self._wanted = dict(wanted)
        return self._settle()

    def qt(self, id: str) -> QAction:
        """The Qt action, after `attach`."""
        return self._qt[id]

    def attach(self, window: QWidget, menus: dict[str, QMenu]) -> None:
        """Fill the menus and make the shortcuts work in every window of the application."""
        self._window, self._menus = window, dict(menus)
        for menu in menus.values():
            menu.aboutToShow.connect(self.refresh)
        for action in self._actions.values():
            self._place(action, window)
        self._settle()
        self.refresh()

    def refresh(self) -> None:
        """Bring the Qt actions up to date."""
        for id, qt in self._qt.items():
            action = self._actions[id]
            qt.setEnabled(action.when())
            if action.checked is not None:
                qt.setChecked(action.checked())

    def _add(self, action: Action) -> None:
        if action.id in self._actions:
            raise ValueError(f"action {action.id!r} is there already")
        if action.menu.partition("/")[0] not in MENUS:
            raise ValueError(f"action {action.id!r}: no menu {action.menu!r}")
        for other in self._actions.values():
            if action.shortcut and action.shortcut == other.shortcut:
                raise ValueError(f"action {action.id!r}: {action.shortcut} is the shortcut of {other.id!r}")
        self._actions[action.id] = action
        if self._window is not None:
            self._place(action, self._window)

    def _menu(self, path: str) -> QMenu:
        if path not in self._menus:
            above, _, title = path.rpartition("/")
            self._menus[path] = self._menu(above).addMenu(title)
            self._menus[path].aboutToShow.connect(self.refresh)
        return self._menus[path]

    def _place(self, action: Action, window: QWidget) -> None:
        qt = QAction(action.text.replace("&", "&&"), window)
        qt.setObjectName(action.id)
        qt.setShortcutContext(Qt.ShortcutContext.ApplicationShortcut)
        if action.icon:
            qt.setIcon(icon(action.icon))
        if action.tip:
            qt.setToolTip(action.tip)
            qt.setStatusTip(action.tip)
        qt.setCheckable(action.checked is not None)
        qt.triggered.connect(lambda _=False, id=action.id: self._triggered(id))
        self._menu(action.menu).addAction(qt)
        window.addAction(qt)
        self._qt[action.id] = qt

    def _settle(self) -> list[str]:
        defaults = {a.id: a.shortcut for a in self}
        self._keys, lines = shortcuts.settle(defaults, self._wanted, self._names(), self._fixed())
        for id, qt in self._qt.items():
            key = QKeySequence(self._keys[id])
            if qt.shortcut() != key:
                qt.setShortcut(key)
        return lines

    def _names(self) -> dict[str, str]:
        return {a.id: a.text for a in self}

    def _fixed(self) -> set[str]:
        return {a.id for a in self if a.fixed}

    def _triggered(self, id: str) -> None:
        self.trigger(id)
        self.refresh()


def icon(name: str) -> QIcon:
    """The icon of that name in resources/icons; an empty one where it is not there."""
    return QIcon(str(ICONS / f"{name}.svg"))
