"""The window's side of programs and auto-tune: actions, dialogs, and the card in the process dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matstudio.domain.process import Mode
from matstudio.ui.actions import Action
from matstudio.ui.autotune_dialog import AutotuneDialog
from matstudio.ui.present import sequence
from matstudio.ui.recipe_dialog import RecipeDialog

if TYPE_CHECKING:
    from matstudio.ui.main_window import MainWindow

_NEEDS = "mode PID, and a station that answers"


def actions(window: MainWindow) -> list[Action]:
    """Programs and auto-tune."""
    live, send = window.session.live, window.session.commands.station

    def free() -> bool:
        return live.attached and live.mode is Mode.PID and not sequence.tuning(live)

    def why_no_tuning() -> str:
        if sequence.active(live, "running", "paused"):
            return "a program runs: stop it first"
        return "" if live.attached and live.mode is Mode.PID else f"needs {_NEEDS}"

    def why_no_program() -> str:
        if sequence.active(live, "running", "paused"):
            return "a program runs already: stop it first"
        if sequence.tuning(live):
            return "an auto-tune runs: abort it first"
        return "" if free() else f"needs {_NEEDS}"

    def autotune() -> None:
        dialog = AutotuneDialog(window, live, send, why_no_tuning)
        window.session.changed.connect(dialog.heard)
        dialog.show()

    def recipe() -> None:
        dialog = RecipeDialog(window, live, lambda text: send("program", action="start", recipe=text), why_no_program)
        window.session.changed.connect(dialog.heard)
        dialog.show()

    def program(name: str, text: str, states: tuple[str, ...], tip: str = "") -> Action:
        return Action(
            f"control.program.{name}",
            text,
            "Control/Program",
            lambda: send("program", action=name),
            when=lambda: live.attached and sequence.active(live, *states),
            needs=f"a program that is {' or '.join(states)}",
            tip=tip,
        )

    window.process.sequence.wanted.connect(window.do)
    settable = "a device that takes setpoints"
    return [
        Action(
            "control.autotune",
            "Auto-tune …",
            "Control",
            autotune,
            when=lambda: live.settable,
            needs=settable,
            tip="Find settings of the PID by a relay experiment; nothing changes until you choose",
        ),
        Action(
            "control.autotune.abort",
            "Abort the auto-tune",
            "Control",
            lambda: send("autotune", action="abort"),
            when=lambda: live.attached and sequence.tuning(live),
            needs="an auto-tune that runs",
            tip="The loop goes on as it was",
        ),
        Action(
            "control.program",
            "Program …",
            "Control/Program",
            recipe,
            when=lambda: live.settable,
            needs=settable,
            tip="Edit, preview and start a ramp/soak program",
        ),
        program("pause", "Pause the program", ("running",), "The setpoint stands still"),
        program("resume", "Resume the program", ("paused",)),
        program("skip", "Skip a segment", ("running", "paused"), "The setpoint stays; the next segment begins"),
        program("stop", "Stop the program", ("running", "paused"), "The setpoint stays where it is, in PID"),
    ]
