"""The window's part for real devices: their set-up, and the beam."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from matstudio.control import arming
from matstudio.domain.process import Mode
from matstudio.instruments.real.config import Configuration
from matstudio.ui.actions import Action
from matstudio.ui.device_dialog import DeviceDialog
from matstudio.ui.present import device_setup as present
from matstudio.ui.session import operator

if TYPE_CHECKING:
    from matstudio.ui.main_window import MainWindow


class DeviceSetup:
    """Brings the actions, and confirms.

    Args:
        window: whose part it is; its dose card's switch is connected here.
    """

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        window.process.dose.beam.connect(self._beam)

    def actions(self) -> list[Action]:
        """For the menu."""
        live = self._window.session.live

        def has_beam() -> bool:
            return live.attached and live.limits("beam") is not None

        needs = "a device with a beam to blank, and a station that answers"
        return [
            Action(
                "control.beam.blank",
                "Blank the beam",
                "Control",
                lambda: self._beam(False),
                when=has_beam,
                needs=needs,
                tip="Leaves the mode as it is",
            ),
            Action(
                "control.beam.on",
                "Beam on the specimen",
                "Control",
                lambda: self._beam(True),
                when=lambda: has_beam() and live.mode is not Mode.SAFE,
                needs=f"{needs}, that is not in SAFE",
                tip="Leaves the mode as it is",
            ),
            Action(
                "control.device",
                "Device set-up …",
                "Control",
                self.open,
                tip="Configurations of real devices: edit, test, confirm",
            ),
        ]

    def open(self) -> DeviceDialog:
        """Show the dialog."""
        dialog = DeviceDialog(self._confirm, self._window)
        dialog.show()
        return dialog

    def _beam(self, on: bool) -> None:
        self._window.session.commands.station("beam", on=on)

    def _confirm(self, config: Configuration) -> str:
        """Keep a confirmation, and tell the station where the device is there now."""
        key = present.digest(config)
        try:
            arming.confirm(key, f"{operator()}, {time.strftime('%Y-%m-%d %H:%M:%S')}, {config.name}")
        except OSError as error:
            return f"not confirmed: {arming.confirmed_path()}: {error.strerror}"
        if present.runs_now(self._window.session.live, config):
            self._window.session.commands.station("confirm", digest=key)
            return "confirmed: the station may drive this device"
        name = config.path.stem
        return f"confirmed: matstudio run --instrument {config.kind}:{name}"
