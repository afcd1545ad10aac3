"""The window's actions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matstudio.domain.process import Mode
from matstudio.ui import adapt, dialogs, sequences, shortcuts_dialog
from matstudio.ui.actions import Action, Actions
from matstudio.ui.palette import ID as PALETTE
from matstudio.ui.parts import Dock
from matstudio.ui.present.process import ROWS
from matstudio.ui.session import sessions_folder
from matstudio.ui.theme import Theme
from matstudio.widgets.colours import COLORMAPS

if TYPE_CHECKING:
    from matstudio.ui.main_window import MainWindow

KEYS = {"take_over": "F2", "halt": "Ctrl+Shift+H"}


def build(window: MainWindow, more: Sequence[Action] = ()) -> Actions:
    """Every action of a window, and `more` that its parts bring."""
    actions = Actions()
    actions.add(*_file(window), *_view(window), *_control(window), *_record(window), *adapt.actions(window))
    actions.add(*sequences.actions(window), *more)
    return actions


def _file(window: MainWindow) -> list[Action]:
    def screenshot() -> None:
        def done(path: Path) -> None:
            window.try_to("screenshot", lambda: window.screenshot(path))

        dialogs.save_as(window, "Save a picture of the window", Path("matstudio.png"), "PNG (*.png)", done)

    return [
        *window.opener.actions(),
        *window.jobs.actions(),
        Action("file.screenshot", "Save picture of the window …", "File", screenshot),
        Action("file.note", "Note about this moment …", "File", window.ask_note, "Ctrl+N"),
        Action("file.quit", "Quit …", "File", window.close, "Ctrl+Q", tip="Asks whether the run goes on"),
    ]


def dock_action(name: str, dock: Dock) -> Action:
    """Shows a dock, or closes it."""
    return Action(
        f"view.dock.{dock.key}",
        name,
        "View/Docks",
        lambda: dock.setVisible(dock.isHidden()),
        checked=lambda: not dock.isHidden(),
    )


def _view(window: MainWindow) -> list[Action]:
    made = [dock_action(name, dock) for name, dock in window.docks.items()]
    made += [
        Action(
            f"view.theme.{theme}",
            theme.value.capitalize(),
            "View/Theme",
            lambda t=theme: window.set_theme(t),
            checked=lambda t=theme: window.theme is t,
        )
        for theme in Theme
    ]
    made += [
        Action(
            f"view.colormap.{name.replace(' ', '_')}",
            name,
            "View/Colour map",
            lambda n=name: window.set_colormap(n),
            checked=lambda n=name: window.colormap == n,
        )
        for name in COLORMAPS
    ]
    made.append(
        Action(
            "view.pause",
            "Pause the views",
            "View",
            lambda: window.set_paused(not window.paused),
            "Ctrl+P",
            "pause",
            checked=lambda: window.paused,
            tip="Images and spectra stand still; control and recording go on",
        )
    )
    made += [
        Action(
            PALETTE,
            "Command palette …",
            "View",
            lambda: window.palette_.open_palette(window.actions_),
            "Ctrl+K",
            tip="Every command, found by a few letters",
        ),
        Action("view.shortcuts", "Keyboard shortcuts …", "View", lambda: shortcuts_dialog.show(window)),
        *window.layouts.actions(),
        Action("view.alarms", "Show the alarms", "View", lambda: window.show_dock("Alarms and log")),
        Action("view.jobs", "Show the jobs", "View", lambda: window.show_dock("Jobs")),
        Action("view.log", "Show the log", "View", lambda: window.show_dock("Alarms and log")),
        Action("view.notices", "Close all notices", "View", window.toasts.clear, tip="They stay in the log"),
    ]
    return made


def _control(window: MainWindow) -> list[Action]:
    station = window.session.commands.station
    live = window.session.live

    def edit(name: str, *, output: bool = False) -> None:
        window.show_dock("Process control")
        window.process.cards[name].begin(output=output)

    def settable(name: str) -> bool:
        return live.settable and live.attached and live.has(name)

    made = [
        Action(
            f"control.mode.{mode.value.lower()}",
            mode.value,
            "Control/Mode",
            lambda m=mode: station("mode", mode=m.value),
            when=lambda: live.attached,
            needs="a station that answers",
            checked=lambda m=mode: live.mode is m,
        )
        for mode in Mode
        if mode is not Mode.SAFE
    ]
    made += [
        Action(
            "control.take_over",
            "Take over",
            "Control",
            lambda: station("take_over"),
            KEYS["take_over"],
            "take_over",
            tip="MANUAL at once; outputs stay as they are",
            fixed=True,
        ),
        Action(
            "control.halt",
            "HALT",
            "Control",
            lambda: station("halt", why="HALT in the window"),
            KEYS["halt"],
            "halt",
            tip="Make everything safe at once, latched until reset",
            fixed=True,
        ),
        Action(
            "control.reset",
            "Reset SAFE and latched alarms",
            "Control",
            lambda: station("reset"),
            when=lambda: live.mode is Mode.SAFE or window.log.latched(),
            needs="mode SAFE, or a latched alarm",
            tip="From SAFE to OFF, and latched alarms go; nothing heats by itself",
        ),
        Action(
            "control.accept",
            "Accept the advice",
            "Control",
            window.process.advice.take,
            when=lambda: live.mode is Mode.ADVISE,
            needs="mode ADVISE",
            tip="The policy's setpoints become yours; ADVISE goes on",
        ),
        *(
            Action(
                f"control.policy.{name}",
                text,
                "Control/Policy moves",
                lambda n=name: station("policy", name=n),
                when=lambda: live.settable and live.attached,
                needs="a device that takes setpoints, and a station that answers",
                checked=lambda n=name: live.advice.get("policy") == n,
            )
            for name, text in (
                ("policy", "The temperature alone"),
                ("policy3", "Temperature, pressure and composition"),
            )
        ),
        Action(
            "control.reject",
            "Reject the advice",
            "Control",
            lambda: station("reject"),
            when=lambda: live.mode is Mode.ADVISE,
            needs="mode ADVISE",
            tip="Not proposed again for a minute, unless it changes",
        ),
        Action(
            "control.acknowledge",
            "Acknowledge an alarm",
            "Control",
            window.log.acknowledge_next,
            "F4",
            when=window.log.waiting,
            needs="an alarm that waits for it",
            tip="The one that is selected, or the first",
        ),
        Action(
            "control.acknowledge_all",
            "Acknowledge all alarms",
            "Control",
            window.log.acknowledge_all,
            "Shift+F4",
            when=window.log.waiting,
            needs="an alarm that waits for it",
            tip="Those that the list shows now",
        ),
        Action(
            "control.shelve",
            "Shelve the alarm, or take it from the shelf …",
            "Control",
            window.log.shelve,
            "Ctrl+Shift+S",
            when=window.log.chosen,
            needs="an alarm that is selected in the list",
            tip="Put aside for some minutes, with a reason",
        ),
    ]
    for row in ROWS:
        made.append(
            Action(
                f"control.setpoint.{row.name}",
                f"Setpoint of {row.title} …",
                "Control/Value",
                lambda n=row.name: edit(n),
                when=lambda n=row.name: settable(n),
                needs="a device that takes it, and a station that answers",
                tip="Type it in Process control; Enter sends it",
            )
        )
        if row.percent:
            made.append(
                Action(
                    f"control.output.{row.actuator}",
                    f"Output of {row.title} in % …",
                    "Control/Value",
                    lambda n=row.name: edit(n, output=True),
                    when=lambda n=row.name: settable(n),
                    needs="a device that takes it, and a station that answers",
                    tip="Type it in Process control; Enter sends it, and goes to MANUAL",
                )
            )
    return made


def _record(window: MainWindow) -> list[Action]:
    recorder = window.session.commands.recorder

    def on() -> bool:
        return window.session.live.recording.get("state") == "recording"

    def toggle() -> None:
        if on():
            recorder("stop_recording")
        else:
            window.try_to("record", window.session.record)

    def to_file() -> None:
        start = sessions_folder() / "session.nxs"
        dialogs.save_as(window, "Record to", start, "NeXus (*.nxs)", window.session.record)

    return [
        Action(
            "record.toggle",
            "Record",
            "Record",
            toggle,
            "Ctrl+R",
            "record",
            checked=on,
            tip="Start or end the recording",
        ),
        Action("record.to", "Record to …", "Record", to_file, when=lambda: not on(), needs="the recording to be off"),
    ]
