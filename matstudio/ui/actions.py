"""Everything that the window can be told to do, in one register that drives menus and shortcuts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QIcon, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

ICONS = Path(__file__).resolve().parents[2] / "resources" / "icons"
MENUS = ("File", "View", "Control", "Record", "Timeline")


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
        shortcut: "F2", or "".
        icon: name of a file in resources/icons without its suffix, or "".
        when: whether it can be used now.
        checked: for an action that is on or off: whether it is on now.
        tip: one sentence more.
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


class Actions:
    """The register. `attach` makes Qt actions of it, once, and of those added later; `refresh` asks every `when` and
    `checked` again."""

    def __init__(self) -> None:
        self._actions: dict[str, Action] = {}
        self._qt: dict[str, QAction] = {}
        self._window: QWidget | None = None
        self._menus: dict[str, QMenu] = {}

    def add(self, action: Action) -> None:
        """Register an action.

        Raises:
            ValueError: its id or shortcut is taken, or its menu is unknown.
        """
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

    def __iter__(self) -> Iterator[Action]:
        return iter(self._actions.values())

    def __getitem__(self, id: str) -> Action:
        return self._actions[id]

    def trigger(self, id: str) -> bool:
        """Run an action if it can be used now; whether it ran."""
        action = self._actions[id]
        if not action.when():
            return False
        action.run()
        return True

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
        self.refresh()

    def submenu(self, menu: str, title: str) -> QMenu:
        """After `attach`: a menu in a menu, that someone else fills, below its first entry."""
        made = QMenu(title, self._menus[menu])
        entries = self._menus[menu].actions()
        self._menus[menu].insertMenu(entries[1] if len(entries) > 1 else entries[0], made)
        return made

    def _place(self, action: Action, window: QWidget) -> None:
        top, _, sub = action.menu.partition("/")
        if action.menu not in self._menus:
            self._menus[action.menu] = self._menus[top].addMenu(sub)
            self._menus[action.menu].aboutToShow.connect(self.refresh)
        qt = QAction(action.text, window)
        qt.setObjectName(action.id)
        if action.shortcut:
            qt.setShortcut(QKeySequence(action.shortcut))
            qt.setShortcutContext(Qt.ShortcutContext.ApplicationShortcut)
        if action.icon:
            qt.setIcon(icon(action.icon))
        if action.tip:
            qt.setToolTip(action.tip)
            qt.setStatusTip(action.tip)
        qt.setCheckable(action.checked is not None)
        qt.triggered.connect(lambda _=False, id=action.id: self._triggered(id))
        self._menus[action.menu].addAction(qt)
        window.addAction(qt)
        self._qt[action.id] = qt

    def refresh(self) -> None:
        """Bring the Qt actions up to date."""
        for id, qt in self._qt.items():
            action = self._actions[id]
            qt.setEnabled(action.when())
            if action.checked is not None:
                qt.setChecked(action.checked())

    def _triggered(self, id: str) -> None:
        self.trigger(id)
        self.refresh()


def icon(name: str) -> QIcon:
    """The icon of that name in resources/icons; an empty one where it is not there."""
    return QIcon(str(ICONS / f"{name}.svg"))
