"""The station's alarms: which conditions hold now, the list that follows from them, and the commands of people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from matstudio.control import alarms, modes
from matstudio.control.alarms import AlarmState, Board, Change, Condition, Priority
from matstudio.domain.clock import Clock
from matstudio.domain.process import Mode

_CONNECT_S = 10.0
_OFF_S = 2.0  # of what may chatter: a reading at the edge of its age or range
TRIP = "trip"
"""Group of the alarms that lead to SAFE: its first one is the cause."""
_SHOWN = ("id", "text", "priority", "state", "t", "group", "first", "until", "by", "reason")


@dataclass(frozen=True)
class Seen:
    """What the station knows when it looks for conditions; texts are "" where nothing is wrong.

    Args:
        mode, why: of the station.
        waited_s: real seconds since the station began.
        device: its name, "" before it was reached. driven: whether it has actuators.
        device_state: "good", "late", "gone". device_age: seconds since it spoke.
        sensor: what is wrong with the controlled temperature.
        interlocks: (name, reason) of those that hold.
        unlike: which actuator does not follow. audit, recording, limits: what is wrong with them.
        launcher_gone: whether nothing that ends is started again.
        client_s: real seconds since a client was heard.
    """

    mode: Mode
    why: str
    waited_s: float
    device: str
    driven: bool
    device_state: str
    device_age: float
    sensor: str
    interlocks: tuple[tuple[str, str], ...]
    unlike: str
    audit: str
    recording: str
    limits: str
    launcher_gone: bool
    client_s: float


def conditions(seen: Seen) -> dict[str, Condition]:
    """What is abnormal now; causes before consequences."""
    found: dict[str, Condition] = {}
    trip = TRIP if seen.mode is not Mode.OFF else ""
    if not seen.device:
        if seen.waited_s > _CONNECT_S:
            found["device"] = Condition("the device has not been reached", Priority.HIGH)
    elif seen.driven:
        if seen.device_state != "good":
            text = f"{seen.device} has not been heard for {seen.device_age:.1f} s"
            priority = Priority.URGENT if seen.device_state == "gone" and trip else Priority.HIGH
            found["device"] = Condition(text, priority, group=trip, off_s=_OFF_S)
        if seen.sensor:
            found["sensor.temperature"] = Condition(seen.sensor, Priority.HIGH, group=trip, off_s=_OFF_S)
    for name, reason in seen.interlocks:
        found[f"interlock.{name}"] = Condition(reason, Priority.URGENT, latch=True, group=trip)
    if seen.unlike:
        found["output"] = Condition(seen.unlike, Priority.URGENT, latch=True, group=trip)
    if seen.mode is Mode.SAFE:
        found["safe"] = Condition(f"SAFE: {seen.why}", Priority.HIGH, group=trip)
    for name, text in (("audit", seen.audit), ("recording", seen.recording), ("limits", seen.limits)):
        if text:
            found[name] = Condition(text, Priority.HIGH)
    if seen.launcher_gone:
        found["launcher"] = Condition("the launcher is gone: what ends is not started again", Priority.MEDIUM)
    return found


class Alarming:
    """The list of alarms, and who changes it. One thread calls everything.

    Args:
        clock: run time.
        note: the audit log.
        speed: seconds of run time per second of real time; shelving is counted in real time.
        heard: told of each person who gives a command.
    """

    def __init__(self, clock: Clock, note: Callable[..., None], speed: float, heard: Callable[[str], object]) -> None:
        self._clock, self._note, self._speed, self._heard = clock, note, max(1.0, speed), heard
        self.board = Board()
        self._silence: dict[str, Condition] = {}

    def tell(self, name: str, text: str, priority: Priority) -> None:
        """An alarm of something that has passed: it stays until a person acknowledges it."""
        self._take(alarms.tell(self.board, name, Condition(text, priority), self._clock.now()), "station")

    def silent(self, why: str, mode: Mode) -> None:
        """Nobody is there, which has just changed the mode from `mode`: an alarm until somebody is."""
        self._silence = {"client": Condition(f"{why} (the mode was {mode})", Priority.MEDIUM)}

    def look(self, seen: Seen, more: Mapping[str, Condition]) -> None:
        """Renew the list; `more` are conditions of the device itself."""
        if seen.client_s <= modes.WINDOW_SILENT_S:
            self._silence = {}
        self._take(
            alarms.update(self.board, conditions(seen) | dict(more) | self._silence, self._clock.now()), "station"
        )

    def rows(self) -> tuple[dict[str, Any], ...]:
        """The list as the status has it."""
        return tuple({key: getattr(alarm, key) for key in _SHOWN} for alarm in self.board.alarms.values())

    def latched(self) -> bool:
        """Whether a reset changes anything."""
        return any(a.state in (AlarmState.LATCH_UNACK, AlarmState.LATCH_ACK) for a in self.board.alarms.values())

    def reset(self, who: str) -> None:
        """Let go of what is latched."""
        self._take(alarms.reset(self.board, self._clock.now()), who)

    def handlers(self) -> dict[str, Callable[..., Mapping[str, Any] | None]]:
        """The commands, for `CommandServer`."""
        return {"acknowledge": self.acknowledge, "shelve": self.shelve, "unshelve": self.unshelve}

    def acknowledge(self, who: str, alarm: str) -> None:
        """A person has seen an alarm."""
        self._heard(who)
        self._note_act(
            "acknowledge", who, alarm, "acknowledged", alarms.acknowledge(self.board, alarm, self._clock.now())
        )

    def shelve(self, who: str, alarm: str, minutes: float, reason: str) -> None:
        """A person puts an alarm aside for some real minutes."""
        self._heard(who)
        if not 0 < minutes <= alarms.SHELVE_MOST_MIN:
            raise ValueError(f"shelve: {minutes:g} min is not within 0 to {alarms.SHELVE_MOST_MIN:g} min")
        now = self._clock.now()
        made = alarms.shelve(self.board, alarm, now, now + 60.0 * minutes * self._speed, who, reason)
        why = made[0].alarms[alarm].reason
        self._note_act("shelve", who, alarm, f"shelved for {minutes:g} min: {why}", made, minutes=minutes, why=why)

    def unshelve(self, who: str, alarm: str) -> None:
        """A person takes an alarm from the shelf."""
        self._heard(who)
        made = alarms.unshelve(self.board, alarm, self._clock.now())
        self._note_act("unshelve", who, alarm, "taken from the shelf", made)

    def _note_act(
        self, kind: str, who: str, alarm: str, text: str, made: tuple[Board, list[Change]], **more: object
    ) -> None:
        """Take what a person did with an alarm, as one entry of the audit log."""
        old = self.board.alarms[alarm].state
        new = made[0].alarms[alarm].state if alarm in made[0].alarms else AlarmState.NORM
        self.board = made[0]
        self._note(kind, f"operator:{who}", f"{alarm} {text}", id=alarm, old=old, new=new, **more)

    def _take(self, made: tuple[Board, Iterable[Change]], who: str) -> None:
        self.board, changed = made
        for change in changed:
            a = change.alarm
            facts = {"id": a.id, "old": change.old, "state": a.state, "priority": a.priority, "first": a.first}
            self._note("alarm", who, f"{a.id}: {a.text}", **facts)
