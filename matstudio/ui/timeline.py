"""What stands between the timeline's dock and the run: events in, seeking, jumping and notes out."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from matstudio.ui import dialogs
from matstudio.ui.actions import Action
from matstudio.ui.present import status_line
from matstudio.ui.present.axis import run_time
from matstudio.ui.present.happenings import Band, Happening
from matstudio.ui.present.timeline import FILTERS, Facts, Growing, Timeline, recorded
from matstudio.ui.session import Session, operator
from matstudio.ui.timeline_dock import SPEEDS, TimelineView
from matstudio.workers.commands import Result

logger = logging.getLogger(__name__)
_LIVE_EVERY = 5  # refreshes between two looks at the curves of a live run
_JUST_S = 1.0  # while it plays, "previous" passes over what was passed so recently (real s)


class TimelineControl(QObject):
    """Keeps the timeline of a window up to date, and does what its buttons ask.

    Args:
        session: of the window. window: asks for notes.
    """

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._window = session, window
        self._replays = session.run.instrument.partition(":")[0] == "replay"
        self.model = Timeline(live=not self._replays)
        self.view = TimelineView(self.model)
        self._curves = {"temperature": Growing(), "order_parameter": Growing()}
        self._rec: list[tuple[float, float, float]] = []
        self._dropped = 0
        self._have, self._loaded = 0, False  # events of the replay that have come, and whether the first page has
        self._asked = False
        self._boot: object = None
        self._wanted: float | None = None  # run time that was sought and is not shown yet
        self._waiting: float | None = None  # a further seek, to be sent when the last one is answered
        self._seeking = False
        self._ticks = 0
        if self.model.live:
            clock = session.run.clock
            self.model.set_facts(Facts(epoch=clock.epoch, speed=clock.speed))
            session.messages.entries.connect(self.model.add)
        session.changed.connect(self._changed)
        session.commands.result.connect(self._answered)
        view = self.view
        view.seek.connect(self.seek)
        view.toggled.connect(self.toggle)
        view.stepped.connect(self.step)
        view.jumped.connect(self.jump)
        view.ended.connect(lambda end: self.seek(math.inf if end else -math.inf))
        view.speed.connect(lambda factor: session.commands.device("speed", factor=factor))
        view.filtered.connect(self.filter)
        view.chosen.connect(self.choose)
        view.note.connect(lambda: self.ask_note(bookmark=False))
        view.bookmark.connect(lambda: self.ask_note(bookmark=True))

    # ---- what the window asks for

    def refresh(self) -> None:
        """Show what is known now."""
        self._ticks += 1
        if self.model.live:
            self._sample()
            self.view.canvas.renew_when_due()
        self.view.show_timeline(self._replay(), self.where())

    def line(self) -> str:
        """The dock's title line."""
        told = f"{len(self.model.events):,} events"
        if self.model.live:
            return f"this run, {told}"
        return f"recorded {told}"

    def where(self) -> str:
        """Where we are, and what held there; of a live run what was chosen."""
        if self.model.chosen is not None and (self.model.live or abs(self.model.chosen.t - self.model.now) < 1e-3):
            return self.model.describe(self.model.chosen)
        if self.model.live:
            return ""
        replay = self._replay()
        if replay is None or replay.duration <= 0:
            return "one frame, again and again" if replay is not None else ""
        at = self.model.now - self.model.facts.start
        place = f"{run_time(at, 0.1)} of {run_time(replay.duration, 0.1)}"
        return "  ".join(part for part in (place, self.model.at_now()) if part)

    def seek(self, t: float) -> None:
        """Go to a run time of the recording, s; the nearest there is."""
        replay = self._replay()
        if replay is None or replay.duration <= 0:
            return
        start = self.model.facts.start
        t = min(max(t, start), start + replay.duration)
        self._wanted = self.model.now = t
        self.view.follow()
        if self._seeking:
            self._waiting = t
            return
        self._seeking = True
        self._session.commands.device("seek", t=min(max(t - start, 0.0), replay.duration))

    def toggle(self) -> None:
        """Play or pause."""
        replay = self._replay()
        if replay is not None:
            self._session.commands.device("pause" if replay.playing else "play")

    def step(self, frames: int) -> None:
        """So many frames on or back."""
        if self._replay() is not None:
            self.model.chosen = None
            self._session.commands.device("step", frames=frames)

    def faster(self, by: int) -> None:
        """The next speed, or the one before."""
        replay = self._replay()
        if replay is not None:
            nearest = min(range(len(SPEEDS)), key=lambda i: abs(math.log(SPEEDS[i] / max(replay.speed, 1e-3))))
            factor = SPEEDS[min(max(nearest + by, 0), len(SPEEDS) - 1)]
            self._session.commands.device("speed", factor=factor)

    def jump(self, forward: bool) -> None:
        """To the next event that the filter lets through, or the previous one."""
        replay, t = self._replay(), self.model.now
        if self.model.live:
            t = self.model.chosen.t if self.model.chosen is not None else self.model.now
        elif replay is not None and replay.playing and not forward:
            t -= _JUST_S * replay.speed
        found = self.model.following(t, forward)
        if found is not None:
            self.choose(found)

    def choose(self, event: Happening) -> None:
        """Show an event, and in a replay the moment that it is about."""
        self.model.chosen = event
        self.model.reveal(event.t)
        self.seek(event.t)
        self.refresh()

    def filter(self, name: str) -> None:
        """List and jump to only these events (`FILTERS`)."""
        self.model.filter = name
        self.view.filters.setCurrentIndex(list(FILTERS).index(name))
        self.refresh()

    def ask_note(self, *, bookmark: bool) -> None:
        """Ask for a line about the present moment, and keep it: with a live run in the audit log, with a replay beside
        the recording."""
        at = self._session.run.clock.now() if self.model.live else self.model.now
        title = "Bookmark" if bookmark else "Note"
        place = "in the audit log" if self.model.live else "kept beside the recording"
        question = f"{title} at {self.model.time_text(at, 0.1)}, {place}" + (" (text may be empty)" if bookmark else "")

        def done(text: str) -> None:
            if self.model.live:
                self._session.commands.station("note", text=text, t=at, bookmark=bookmark)
            else:
                t = max(0.0, at - self.model.facts.start)
                self._session.commands.device("note", who=operator(), text=text, t=t, bookmark=bookmark)

        dialogs.line(self._window, title, question, done, empty=bookmark)

    def actions(self) -> list[Action]:
        """The menu Timeline."""

        def replays() -> bool:
            return self._replays

        made = [
            Action("timeline.bookmark", "Bookmark …", "Timeline", lambda: self.ask_note(bookmark=True), "Ctrl+B"),
            Action("timeline.next", "Next event", "Timeline", lambda: self.jump(True), "F3"),
            Action("timeline.previous", "Previous event", "Timeline", lambda: self.jump(False), "Shift+F3"),
            Action(
                "timeline.zoom_in", "Show less time, in more detail", "Timeline/Zoom", lambda: self.view.zoom(False)
            ),
            Action("timeline.zoom_out", "Show more time", "Timeline/Zoom", lambda: self.view.zoom(True)),
            Action("timeline.zoom_all", "Show the whole time", "Timeline/Zoom", self.view.show_all),
        ]
        for name, text, run, key in (
            ("play", "Play or pause", self.toggle, "F5"),
            ("back", "One frame back", lambda: self.step(-1), "F6"),
            ("forth", "One frame on", lambda: self.step(1), "F7"),
            ("slower", "Slower", lambda: self.faster(-1), "F8"),
            ("faster", "Faster", lambda: self.faster(1), "F9"),
            ("first", "To the beginning", lambda: self.seek(-math.inf), ""),
            ("last", "To the end", lambda: self.seek(math.inf), ""),
        ):
            made.append(Action(f"timeline.{name}", text, "Timeline", run, key, when=replays, needs="a replay"))
        return made + [self._filter_action(name) for name in FILTERS]

    def _filter_action(self, name: str) -> Action:
        return Action(
            f"timeline.filter.{name}",
            name.capitalize(),
            "Timeline/Events to jump to",
            lambda: self.filter(name),
            checked=lambda: self.model.filter == name,
        )

    # ---- what the run tells

    def _replay(self) -> status_line.Replay | None:
        return status_line.replay(self._session.live) if self._replays else None

    def _changed(self, topic: str) -> None:
        live = self._session.live
        if topic == "recording" and self.model.live:
            self._recording(live.recording)
        if topic != "readings" or self.model.live:
            return
        state = live.device_state
        events, start, position = (_number(state.get(k)) for k in ("events", "recorded_start", "position"))
        if state.get("boot") != self._boot:
            self._boot, self._have, self._loaded, self._asked = state.get("boot"), 0, False, False
        if not self._loaded or events > self._have:
            self._ask()
        if self._wanted is None and not self.view.canvas.dragging() and self._loaded:
            self.model.advance(start + position)
            self.view.follow()
        elif not self._seeking:
            self._wanted = None

    def _ask(self) -> None:
        if not self._asked:
            self._asked = True
            self._session.commands.device("timeline", start=self._have)

    def _answered(self, result: Result) -> None:
        if result.name == "timeline":
            self._asked = bool(result.error) and not result.silent  # who refused it would do so again
            if not result.error:
                try:
                    self._told(result.answer)
                except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                    logger.warning("the device's timeline cannot be read: %s: %s", type(error).__name__, error)
                    self._asked = True  # it would tell the same again
        elif result.name == "note" and result.process == "device" and not result.error:
            self._ask()
        elif result.name == "seek":
            self._seeking = False
            if self._waiting is not None:
                t, self._waiting = self._waiting, None
                self.seek(t)

    def _told(self, page: Mapping[str, Any]) -> None:
        if "facts" in page:
            self.model.set_facts(recorded(page["facts"]))
            self.model.clear()
            self._have, self._loaded = 0, True
        self.model.add(page["events"])
        self._have += len(page["events"])
        if self._have < page["total"]:
            self._ask()

    def _recording(self, told: Mapping[str, Any]) -> None:
        """Where this run was recorded, and where frames were dropped."""
        now, since = float(told.get("t") or 0.0), told.get("since")
        if told.get("state") == "recording" and isinstance(since, (int, float)):
            if self._rec and self._rec[-1][0] == float(since):
                self._rec.pop()
            self._rec.append((float(since), max(now, float(since)), 1.0))
        dropped = sum(int(n) for n in (told.get("dropped") or {}).values())
        if dropped > self._dropped:
            self.model.facts.lost.append(Band(now - 1.0, now, f"{dropped - self._dropped} frames not recorded"))
        self._dropped = dropped
        self.model.facts.filled = self._rec

    def _sample(self) -> None:
        live = self._session.live
        now = live.run.clock.now()
        self.model.advance(now)
        for name, value in (
            ("temperature", live.reading("temperature")),
            ("order_parameter", live.fused("order_parameter")),
        ):
            self._curves[name].add(now, value.value if value.quality == "good" else math.nan)
        if self._ticks % _LIVE_EVERY == 0:
            self.model.facts.curves = {name: curve.arrays() for name, curve in self._curves.items()}


def _number(value: object) -> float:
    """A finite number that a device told, or 0."""
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else 0.0
