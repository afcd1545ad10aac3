"""All plugins of a window: what they bring to it, and switching them off and on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QObject, Signal

from matstudio import plugins
from matstudio.bus.rundir import Run
from matstudio.domain.device import Description, Stream
from matstudio.modalities.base import modalities
from matstudio.plugins import DockEntry, Plugin, Switches
from matstudio.ui.guests import DOCK, MODALITY
from matstudio.ui.guests.guest import Guest
from matstudio.ui.guests.view import GuestView

log = logging.getLogger(__name__)


class Guests(QObject):
    """The processes of the plugins that others wrote, and the widgets that they give.

    Signals:
        told (str): what became of one, a line for the operator.
        dropped (str): a plugin was switched off; its widgets are empty from now on.

    Args:
        run: that the window shows.
        look: theme, colour map and pause of the window, as the processes are to have them.
    """

    told = Signal(str)
    dropped = Signal(str)

    def __init__(self, run: Run, look: Callable[[], Mapping[str, Any]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._run, self._look = run, look
        self._guests: dict[str, Guest] = {}
        self._off: dict[str, str] = {}
        self._views = 0
        self._streams: tuple[Stream, ...] = ()

    def viewer(self, kind: str) -> Any:
        """A viewer for frames of a kind: a plugin's own where that is a part of MatStudio, else a `GuestView`.

        Raises:
            ValueError: no plugin in use has one; one line.
        """
        found = plugins.entry(MODALITY, kind)
        if found is None or found[0].name in self._off:
            name, why = self._switched_off(kind)
            raise ValueError(f"plugin {name} is switched off: {why}" if name else f"no plugin for {kind}")
        plugin, entry = found
        if plugin.own:
            return modalities()[kind].make("viewer")
        if not entry.viewer:
            raise ValueError(f"plugin {plugin.name} has no viewer for {kind}")
        return self._view(plugin, MODALITY, kind)

    def docks(self) -> list[tuple[Plugin, DockEntry]]:
        """The docks that plugins in use bring."""
        return [(p, d) for p in plugins.active() if p.manifest and p.name not in self._off for d in p.manifest.dock]

    def dock(self, plugin: Plugin, entry: DockEntry) -> GuestView:
        """A widget for a dock that a plugin brings."""
        return self._view(plugin, DOCK, entry.key)

    def describe(self, description: Description) -> None:
        """There are these streams now."""
        self._streams = description.streams
        for guest in self._guests.values():
            guest.send_streams(self._streams)

    def state(self, plugin: Plugin) -> str:
        """How a plugin fares, one line for people."""
        off = self._off.get(plugin.name, plugin.off)
        if plugin.problem:
            return plugin.problem
        if off:
            return f"off: {off}"
        guest = self._guests.get(plugin.name)
        if guest is None:
            return "on"
        return f"on: {guest.state}, {100 * guest.cpu:.0f} % of a core" if guest.running else f"on: {guest.state}"

    def switch_off(self, name: str, why: str) -> None:
        """End what a plugin does in this window, and leave it out from now on."""
        self._off[name] = why
        guest = self._guests.pop(name, None)
        if guest is not None:
            guest.left_out.emit(why)
            guest.stop()
        try:
            Switches().switch_off(name, why)
        except OSError as error:
            self.told.emit(f"plugin {name}: cannot be switched off for the next start: {error}")
        self.told.emit(f"plugin {name} is switched off: {why}")
        self.dropped.emit(name)

    def switch_on(self, name: str) -> None:
        """Use a plugin again, from the next run on."""
        try:
            Switches().switch_on(name)
            self.told.emit(f"plugin {name} is used again from the next start on")
        except OSError as error:
            self.told.emit(f"plugin {name}: cannot be switched on: {error}")

    def stop(self) -> None:
        """End all processes."""
        for guest in self._guests.values():
            guest.stop()

    def _switched_off(self, kind: str) -> tuple[str, str]:
        for p in plugins.found():
            why = self._off.get(p.name, p.off)
            if why and p.manifest is not None and any(m.kind == kind for m in p.manifest.modality):
                return p.name, why
        return "", ""

    def _view(self, plugin: Plugin, what: str, name: str) -> GuestView:
        guest = self._guests.get(plugin.name)
        if guest is None:
            guest = self._guests[plugin.name] = Guest(self._run, plugin.name, self)
            guest.told.connect(self.told)
            guest.said.connect(lambda _, line: self._heard(plugin.name, line))
            guest.restarted.connect(lambda: guest.send_streams(self._streams))
            guest.left_out.connect(lambda why: self._left_out(plugin.name, why))
        self._views += 1
        view = GuestView(guest, self._views, what, name, self._look)
        if not guest.running:
            guest.start()
        return view

    def _heard(self, plugin: str, line: Mapping[str, Any]) -> None:
        if line["say"] == "failed":
            self.told.emit(f"plugin {plugin} failed: {line['line']}")

    def _left_out(self, name: str, why: str) -> None:
        if name not in self._off:
            self.switch_off(name, why)
