"""What is known of one piece of background work that the operator started. Knows no Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path


class State(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """What can become of a job."""

    START = "start"
    CANCEL = "cancel"
    SUCCEED = "succeed"
    FAIL = "fail"
    INTERRUPT = "interrupt"


TABLE = {
    (State.WAITING, Event.START): State.RUNNING,
    (State.WAITING, Event.CANCEL): State.CANCELLED,
    (State.RUNNING, Event.CANCEL): State.STOPPING,
    (State.RUNNING, Event.SUCCEED): State.DONE,
    (State.RUNNING, Event.FAIL): State.FAILED,
    (State.RUNNING, Event.INTERRUPT): State.CANCELLED,
    (State.STOPPING, Event.SUCCEED): State.DONE,
    (State.STOPPING, Event.FAIL): State.CANCELLED,
    (State.STOPPING, Event.INTERRUPT): State.CANCELLED,
}
"""Every transition; what is not in it cannot happen."""
OVER = (State.DONE, State.FAILED, State.CANCELLED)


@dataclass(frozen=True)
class Work:
    """What is to be done, in a process of its own.

    Args:
        title: for people, with the name of what it is about ("reconstruct film.nxs").
        command: arguments of Python. Called in the job's thread with an empty folder that goes with the job; raises
            OSError or ValueError (one line) where the work cannot be begun.
        result: the file that it writes, or None.
        opens: whether the window can open that file.
        light: whether it is done at once beside the others, because it is short; the others wait for each other.
        limit_s: after how many seconds it is given up.
        again: makes the work that goes on with this one where it was cut short.
        summary: makes one line of what it wrote to stdout, when it is done; ValueError where that is nonsense.
    """

    title: str
    command: Callable[[Path], Sequence[str]]
    result: Path | None = None
    opens: bool = False
    light: bool = False
    limit_s: float = float("inf")
    again: Callable[[], Work] | None = None
    summary: Callable[[str], str] | None = None


@dataclass(frozen=True)
class Job:
    """A job as it is now. Times are real seconds of one monotonic clock.

    Args:
        id: its number, from 1 on.
        work: what is to be done.
        state: how far it is.
        part: what it is at ("film.nxs"), or "".
        done, total: steps, of that part or of the whole; `total` 0: not known.
        began, ended: when it was started and was over; None before.
        part_began, part_from: when these steps began to be counted, and with how many done.
        line: what it said at last, or why it failed; one line.
        written: whether its result was there when it was over.
        said: the beginning of what it wrote to stdout; "" before it is over.
    """

    id: int
    work: Work
    state: State = State.WAITING
    part: str = ""
    done: int = 0
    total: int = 0
    began: float | None = None
    ended: float | None = None
    part_began: float = 0.0
    part_from: int = 0
    line: str = ""
    written: bool = False
    said: str = ""

    @property
    def over(self) -> bool:
        """Whether nothing more will become of it."""
        return self.state in OVER

    def after(self, event: Event, now: float, line: str | None = None) -> Job:
        """The job after an event.

        Raises:
            ValueError: that cannot happen in its state.
        """
        try:
            state = TABLE[self.state, event]
        except KeyError:
            raise ValueError(f"job {self.id} is {self.state}: no {event} now") from None
        new = replace(self, state=state, line=self.line if line is None else line)
        if event is Event.START:
            new = replace(new, began=now)
        if state in OVER:
            result = self.work.result
            new = replace(new, ended=now, written=result is not None and result.exists())
        return new

    def progressed(self, part: str, done: int, total: int, now: float) -> Job:
        """The job with so many steps done of a part."""
        if self.over or self.state is State.WAITING:
            return self
        new = replace(self, part=part, done=done, total=total)
        if done < self.done or not self.total or (part != self.part and total != self.total):
            new = replace(new, part_began=now, part_from=done)
        return new

    def left_s(self, now: float) -> float | None:
        """Seconds that these steps will still take at the pace that they had so far; None while that is not known."""
        steps = self.done - self.part_from
        if self.state is not State.RUNNING or steps <= 0 or not 0 < self.done <= self.total:
            return None
        return max(0.0, (now - self.part_began) / steps * (self.total - self.done))
