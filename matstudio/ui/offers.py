"""Actions that come with what the window shows: the models of its streams, and the buttons of its viewers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtWidgets import QAbstractButton, QCheckBox, QPushButton
from shiboken6 import isValid

from matstudio.ui.actions import Action, Actions
from matstudio.ui.live import Live
from matstudio.ui.parts import Dock
from matstudio.ui.streams import StreamView

MODELS = "Control/Model"


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
        for dock in list(self._docks.values()):
            if isinstance(dock.inner, StreamView):
                self._titles.setdefault(dock.key, dock.windowTitle())
                self._buttons(dock.key, f"View/{self._titles[dock.key]}", dock.inner)

    def _buttons(self, key: str, menu: str, view: StreamView) -> None:
        """The switches and buttons of a viewer that have a text."""
        viewer = view.viewer
        for button in [] if viewer is None else viewer.findChildren(QAbstractButton):
            if not isinstance(button, (QCheckBox, QPushButton)) or not button.text():
                continue
            name = _slug(button.objectName() or button.text().partition(",")[0])
            self._offer(
                Action(
                    f"show.{key}.{name}",
                    button.text().partition(",")[0],
                    menu,
                    partial(_press, button),
                    when=partial(_usable, button),
                    needs="something to show",
                    checked=partial(_is_on, button) if button.isCheckable() else None,
                    tip=button.toolTip(),
                )
            )

    def _offer(self, action: Action) -> None:
        if action.id not in self._actions:
            self._actions.add(action)

    def _runs(self, stream: str, name: str) -> bool:
        return (self._live.models.get(stream) or {}).get("model") == name


def _slug(text: str) -> str:
    return re.sub(r"\W+", "_", text.casefold()).strip("_")


def _press(button: QAbstractButton) -> None:
    if isValid(button):
        button.click()


def _usable(button: QAbstractButton) -> bool:
    return isValid(button) and button.isEnabled()


def _is_on(button: QAbstractButton) -> bool:
    return isValid(button) and button.isChecked()
