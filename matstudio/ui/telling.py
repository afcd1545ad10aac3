"""What the run tells that an operator should know at once, as notices: refusals, failures, new alarms, restarts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QObject

from matstudio.ui.present import log
from matstudio.ui.process_dock import ProcessView
from matstudio.ui.session import Session
from matstudio.workers.commands import Result

logger = logging.getLogger(__name__)
DEVICE_ERRORS = 100


class Teller(QObject):
    """Turns what the run says into notices and lines of the log.

    Args:
        session: of the window.
        process: takes back, or says beside the value, what was refused of setpoints and outputs.
        tell: shows (text, level, id of the action that shows more) for some seconds.
    """

    def __init__(self, session: Session, process: ProcessView, tell: Callable[[str, str, str], object]) -> None:
        super().__init__(session)
        self._session, self._process, self._tell = session, process, tell
        self._entries: list[log.Entry] = []
        self._failed = ""
        self._refused: dict[str, str] = {}
        self._device_errors: list[object] = []
        self._alarms: set[tuple[str, float]] | None = None
        session.changed.connect(self._changed)
        session.messages.entries.connect(self._logged)
        session.commands.result.connect(self._answered)

    def note(self, text: str) -> None:
        """Leave a line of the window's own in the log."""
        self._entries.append(log.Entry(0, log.clock(time.time()), "window", "notice", text))

    def entries(self) -> list[log.Entry]:
        """What has come for the log since this was asked last."""
        new, self._entries = self._entries, []
        return new

    def model(self, stream: str, wrong: str) -> None:
        """What is wrong with a stream's model now, or ""; told when it is something else than before."""
        if wrong != self._refused.get(stream, ""):
            self._refused[stream] = wrong
            if wrong:
                self._say(f"{stream}: {wrong}")

    def _say(self, text: str, level: str = "caution", leads: str = "") -> None:
        self.note(text)
        self._tell(text, level, leads)

    def _changed(self, topic: str) -> None:
        live = self._session.live
        if topic == "recording":
            failed = str(live.recording.get("error") or "") if live.recording.get("state") == "failed" else ""
            if failed and failed != self._failed:
                self._say(f"recorder: {failed}", "bad")
            self._failed = failed
        elif topic == "readings":
            self._tell_device()
        elif topic == "status":
            self._tell_alarms()

    def _tell_device(self) -> None:
        """New lines of what the device could not do; a device that finds ever new ones is heard for the first 100."""
        errors = self._session.live.device_state.get("errors")
        for error in errors if isinstance(errors, list | tuple) else ():
            if error not in self._device_errors and len(self._device_errors) < DEVICE_ERRORS:
                self._device_errors.append(error)
                self._say(f"device: {str(error)[:200]}")

    def _tell_alarms(self) -> None:
        """Alarms that have come since the window attached; the log has them from the audit log."""
        new = [a for a in self._session.live.status.get("alarms") or () if a["state"] == "UNACK"]
        known, self._alarms = self._alarms, {(a["id"], a["t"]) for a in new}
        if known is None:
            return
        for alarm in new:
            if (alarm["id"], alarm["t"]) not in known:
                level = "bad" if alarm["priority"] in ("high", "urgent") else "caution"
                self._tell(f"alarm, {alarm['priority']}: {alarm['text']}", level, "view.alarms")

    def _logged(self, new: Sequence[Mapping[str, Any]]) -> None:
        """Events of the audit log; what has just become of a process is shown as a notice too."""
        self._entries.extend(log.entry(e) for e in new)
        for event in new:
            if log.is_news(event, time.time()):
                self._tell(str(event["text"]), "caution", "view.log")

    def _answered(self, result: Result) -> None:
        card = None
        if result.name in ("setpoint", "output"):
            card = self._process.card_of(str(result.fields.get("name")))
        if result.name == "use" and not result.error:
            text = "{stream}: model {model} chosen".format(**result.fields)
            self._session.commands.station("event", text=text)
        if not result.error:
            if card is not None:
                card.accept()
            return
        logger.info("%s refused: %s", result.name, result.error)
        if card is not None:
            card.refuse(result.error)
        self._say(f"{result.name.replace('_', ' ')}: {result.error}")
