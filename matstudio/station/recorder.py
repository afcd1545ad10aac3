"""What the recorder says of itself, for the station's alarms."""

from __future__ import annotations

import time

from matstudio.bus.messages import Subscriber
from matstudio.bus.rundir import RECORDER, Run

SILENT_S = 5.0


class RecorderWatch:
    """Hears the recorder of a run; nothing blocks, and nothing in the control cycle depends on it."""

    def __init__(self, run: Run) -> None:
        self._subscriber = Subscriber(run.socket(RECORDER, "pub"), topics=("recording",))
        self._state = self._error = ""
        self._heard = 0.0

    def trouble(self) -> str:
        """Why the recording does not go on, though nobody stopped it, in one line, or ""."""
        for _, message in self._subscriber.receive():
            self._state, self._error = str(message.get("state")), str(message.get("error") or "")
            self._heard = time.monotonic()
        silence = time.monotonic() - self._heard
        if self._state == "failed":
            return f"recording stopped: {self._error}"
        if self._state == "recording" and silence > SILENT_S:
            return "the recorder is silent: what comes may not be recorded"
        return ""

    def close(self) -> None:
        """Stop hearing."""
        self._subscriber.close()
