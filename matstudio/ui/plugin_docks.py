"""What plugins bring to the window: viewers for its streams, docks of their own, and the dialog that switches them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from matstudio import plugins
from matstudio.domain.device import Description
from matstudio.ui.actions import Action
from matstudio.ui.guests.guests import Guests
from matstudio.ui.guests.view import GuestView
from matstudio.ui.parts import Dock
from matstudio.ui.plugins_dialog import PluginsDialog
from matstudio.ui.present.plugins import rows

if TYPE_CHECKING:
    from matstudio.ui.main_window import MainWindow


class PluginDocks(QObject):
    """The plugins of one window.

    Args:
        window: the window.
        add: puts a dock, given with its name, into the window and its menu.
    """

    def __init__(self, window: MainWindow, add: Callable[[str, Dock], object]) -> None:
        super().__init__(window)
        self._window, self._add = window, add
        self.guests = Guests(window.session.run, self._look, self)
        self.guests.told.connect(self._tell)
        self.guests.dropped.connect(self._dropped)
        self._dialog: PluginsDialog | None = None
        self.viewer = self.guests.viewer

    def actions(self) -> list[Action]:
        """The actions of the plugins."""
        text = "What is installed, how it fares, and a switch for each"
        return [Action("view.plugins", "Plugins …", "View", self.show_dialog, tip=text)]

    def start(self) -> None:
        """Make the docks that plugins bring, and say which plugins cannot be used. To be called once."""
        for plugin in plugins.found():
            if plugin.problem:
                self._window.tell(plugin.problem)
        for plugin, entry in self.guests.docks():
            self._add(
                entry.title, Dock(f"plugin.{entry.key}", entry.title, self.guests.dock(plugin, entry), self._window)
            )

    def describe(self, description: Description) -> None:
        """There are these streams now."""
        self.guests.describe(description)

    def show_dialog(self) -> None:
        """Show the plugins."""
        if self._dialog is None:
            self._dialog = PluginsDialog(lambda: rows(plugins.found(), self.guests.state), self.switch, self._window)
            self._dialog.destroyed.connect(self._closed)
        self._dialog.show()
        self._dialog.raise_()

    def switch(self, name: str, on: bool) -> None:
        """Use a plugin, or leave it out."""
        if on:
            self.guests.switch_on(name)
        else:
            self.guests.switch_off(name, "by the operator")

    def stop(self) -> None:
        """End what plugins do in this window."""
        if self._dialog is not None:
            self._dialog.close()
        for view in self._window.findChildren(GuestView):
            view.close_view()
        self.guests.stop()

    def _look(self) -> Mapping[str, Any]:
        w = self._window
        return {"theme": str(w.theme), "colormap": w.colormap, "paused": w.paused}

    def _closed(self) -> None:
        self._dialog = None

    def _tell(self, line: str) -> None:
        """Say a line in the audit log, from which the window has it, or in the window where no station answers."""
        if self._window.session.live.attached:
            self._window.session.commands.station("event", text=line)
        else:
            self._window.tell(line)

    def _dropped(self, name: str) -> None:
        """A plugin's streams end: its detectors make no more frames, and its models read none."""
        found = next((p for p in plugins.found() if p.name == name), None)
        description = self._window.session.live.description
        kinds = {m.kind for m in found.manifest.modality} if found is not None and found.manifest is not None else set()
        streams = [s.name for s in description.streams if s.kind in kinds] if description is not None else []
        if streams and description is not None and description.kind == "twin":
            self._window.session.commands.device("configure", options={"rates": dict.fromkeys(streams, 0.0)})
        for stream in streams:
            self._window.session.commands.models("use", stream=stream, model="none")
