"""Actions that come with what the window shows: the models of its streams, and the buttons of its viewers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QAbstractButton, QCheckBox, QPushButton
from shiboken6 import isValid

from matstudio.ui.actions import Action, Actions
from matstudio.ui.live import Live
from matstudio.ui.parts import Dock
from matstudio.ui.streams import StreamView

if TYPE_CHECKING:
    from matstudio.widgets.histogram import Levels

MODELS = "Control/Model"
_LEVELS = "Black and white follow these percentiles of the frames"


class Offers:
    """Adds what has become possible to the register.

    Args:
        actions: the register. live: knows the models.
        docks: every dock by name; those of streams are looked through for buttons.
        choose: is called with stream and model.
    """

    def __init__(
        self, actions: Actions, live: Live, docks: Mapping[str, Dock], choose: Callable[[str, str], object]
    ) -> None:
        self._actions, self._live, self._docks, self._choose = actions, live, docks, choose
        self._titles: dict[str, str] = {}
        self._new: dict[str, Action] = {}

    def update(self) -> None:
        """Look again."""
        for stream, names in self._live.choices.items():
            for name in names:
                self._offer(
                    Action(
                        f"model.{_slug(stream)}.{_slug(name)}",
                        f"{stream}: {name}",
                        MODELS,
                        partial(self._choose, stream, name),
                        checked=partial(self._runs, stream, name),
                        tip=f"Let this model read the stream {stream}",
                    )
                )
        for name, dock in list(self._docks.items()):
            self._offer(
                Action(
                    f"view.float.{dock.key}",
                    f"Float {name}",
                    "View/Float",
                    partial(_float, dock),
                    when=partial(_shown, dock),
                    needs="the dock to be open",
                    checked=dock.isFloating,
                    tip="In a window of its own, or back",
                )
            )
            if isinstance(dock.inner, StreamView):
                self._titles.setdefault(dock.key, dock.windowTitle())
                self._buttons(dock.key, f"View/{self._titles[dock.key]}", dock.inner)
        new, self._new = self._new, {}
        if new:
            self._actions.add(*new.values())

    def _buttons(self, key: str, menu: str, view: StreamView) -> None:
        """The switches and buttons of a viewer that have a text."""
        viewer = view.viewer
        for button in [] if viewer is None else viewer.findChildren(QAbstractButton):
            if not isinstance(button, (QCheckBox, QPushButton)) or not button.text():
                continue
            text = re.sub(r", [\d.]+ σ$", "", button.text())
            self._offer(
                Action(
                    f"show.{key}.{_slug(button.objectName() or text)}",
                    text,
                    menu,
                    partial(_press, button),
                    when=partial(_usable, button),
                    needs="something to show",
                    checked=partial(_is_on, button) if button.isCheckable() else None,
                    tip=button.toolTip(),
                )
            )

        if viewer is None:
            return
        from matstudio.widgets.histogram import CHOICES, Levels, percentiles_text

        for levels in viewer.findChildren(Levels):
            for choice in CHOICES:
                text = "default" if choice is None else percentiles_text(choice)
                run = partial(_levels, levels, choice)
                self._offer(Action(f"levels.{key}.{_slug(text)}", f"Levels: {text}", menu, run, tip=_LEVELS))

    def _offer(self, action: Action) -> None:
        if action.id not in self._actions:
            self._new.setdefault(action.id, action)

    def _runs(self, stream: str, name: str) -> bool:
        return (self._live.models.get(stream) or {}).get("model") == name


def _slug(text: str) -> str:
    return re.sub(r"\W+", "_", text.casefold()).strip("_")


def _press(button: QAbstractButton) -> None:
    if isValid(button):
        button.click()


def _float(dock: Dock) -> None:
    dock.setFloating(not dock.isFloating())


def _shown(dock: Dock) -> bool:
    return not dock.isHidden()


def _levels(levels: Levels, choice: tuple[float, float] | None) -> None:
    if isValid(levels):
        levels.choose(choice)


def _usable(button: QAbstractButton) -> bool:
    return isValid(button) and button.isEnabled()


def _is_on(button: QAbstractButton) -> bool:
    return isValid(button) and button.isChecked()
