"""The middle of the window: its docks, where they stand at first, and which of them the device has something for."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMainWindow, QWidget

from matstudio.domain.device import Description
from matstudio.domain.frame import Kind
from matstudio.ui.layout import VERSION
from matstudio.ui.parts import Dock
from matstudio.ui.presets import ACROSS, DOWN, OVERVIEW, Preset

_WAYS = {ACROSS: Qt.Orientation.Horizontal, DOWN: Qt.Orientation.Vertical}


class Stage(QMainWindow):
    """Holds the docks.

    Args:
        docks: by name, in the order of the menu; `further` docks come later, one a stream that is not the first of its
            kind.
        kinds: which of them shows the first stream of a kind.
        parent: the window.
    """

    def __init__(self, docks: dict[str, Dock], kinds: Mapping[str, Dock], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowFlags(Qt.WindowType.Widget)
        self.setDockNestingEnabled(True)
        self.docks = docks
        self._kinds = kinds
        self._further: list[tuple[Dock, Dock]] = []
        self._wanted: dict[str, bool] = {}
        self._closed: frozenset[str] = frozenset()
        self.names = tuple(docks)
        for dock in docks.values():
            dock.setParent(self)
        self.arrange()

    def arrange(self, preset: Preset = OVERVIEW) -> None:
        """Put every dock where a layout that comes with MatStudio has it."""
        docks = self.docks
        for dock in docks.values():
            dock.setFloating(False)
            self.removeDockWidget(dock)
        self.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, docks[preset.first])
        for there, new, way in preset.splits:
            self.splitDockWidget(docks[there], docks[new], _WAYS[way])
        for there, new in preset.tabs:
            self.tabifyDockWidget(docks[there], docks[new])
        for home, dock in self._further:
            self.tabifyDockWidget(home, dock)
        for name, dock in docks.items():
            dock.setVisible(self._wanted.get(name, True) and name not in preset.closed)
        for name in preset.front:
            docks[name].raise_()
        for names, sizes, way in preset.sizes:
            self.resizeDocks([docks[n] for n in names], list(sizes), _WAYS[way])

    def add(self, name: str, kind: str, dock: Dock) -> None:
        """A dock for a further stream of a kind, as a tab beside the first; of another kind beside the spectrum's."""
        home = self._kinds.get(kind, self._kinds[Kind.SPECTRUM])
        self.tabifyDockWidget(home, dock)
        self.docks[name] = dock
        self._further.append((home, dock))

    def suit(self, description: Description, *, structure: bool) -> None:
        """Where it is another device: close the docks of what it does not have, and open those of what it has.

        Args:
            description: of the device.
            structure: whether there was a structure already.
        """
        kinds = {s.kind for s in description.streams}
        values = bool(description.readings or description.actuators)
        names = {dock: name for name, dock in self.docks.items()}
        wanted = {names[dock]: kind in kinds for kind, dock in self._kinds.items()}
        wanted |= {"Process control": values, "Trends": values, "Structure": description.kind == "twin" or structure}
        closed = self.closed() if self._wanted else self._closed
        for name, there in wanted.items():
            if self._wanted.get(name) is not there:
                self.docks[name].setVisible(there and name not in closed)
        self._wanted = wanted

    def closed(self) -> frozenset[str]:
        """Names of the docks that the operator has closed."""
        return frozenset(n for n in self.names if self.docks[n].isHidden() and self._wanted.get(n, True))

    def restore(self, state: bytes, closed: Collection[str]) -> bool:
        """Put the docks where they stood when `saveState(VERSION)` gave `state`; whether Qt would have it."""
        if not self.restoreState(state, VERSION):
            self.arrange()
            return False
        self._closed = frozenset(closed)
        return True

    def restore_now(self, state: bytes, closed: Collection[str]) -> bool:
        """As `restore`, while the device is known: what it does not have stays closed."""
        if not self.restore(state, closed):
            return False
        for name in self.names:
            self.docks[name].setVisible(self._wanted.get(name, True) and name not in closed)
        return True
