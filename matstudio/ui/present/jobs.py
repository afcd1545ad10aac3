"""The jobs: what stands in each row, and what is said of all of them. Knows no Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matstudio.widgets.text import duration
from matstudio.workers.job import Job, State

MARKS = {
    State.WAITING: "○",
    State.RUNNING: "●",
    State.STOPPING: "●",
    State.DONE: "✓",
    State.FAILED: "▲",
    State.CANCELLED: "□",
}


@dataclass(frozen=True)
class Row:
    """One job.

    Args:
        id: its number.
        title: what it does.
        state, level: how far it is, with a shape; "caution" where it failed.
        fraction: of the steps that are done, 0..1; NaN: not known.
        count: "120 of 800, film.nxs", or "".
        time: how long it took, or will take.
        line: why it failed, or what it said at last; "" where there is nothing to say.
        cancel, kill: whether it can be cancelled, or is being cancelled and can be killed.
        again: whether it was cut short and can be gone on with.
        open, folder: whether its result can be opened, and the folder of that be shown.
    """

    id: int
    title: str
    state: str
    level: str
    fraction: float
    count: str
    time: str
    line: str
    cancel: bool
    kill: bool
    again: bool
    open: bool
    folder: bool


def row(job: Job, now: float) -> Row:
    """The row of a job; `now` in seconds of its clock."""
    part = "" if job.part in job.work.title else job.part
    steps = f"{job.done:,} of {job.total:,}" if job.total else ""
    fraction = 1.0 if job.state is State.DONE else job.done / job.total if job.total else math.nan
    line = job.line
    if job.state is State.CANCELLED and job.written:
        line = "; ".join(x for x in (line, f"{_name(job)} keeps what was done") if x)
    return Row(
        job.id,
        job.work.title,
        f"{MARKS[job.state]} {job.state}",
        "caution" if job.state is State.FAILED else "",
        fraction,
        ", ".join(x for x in (steps, part) if x),
        _time(job, now),
        line,
        job.state in (State.WAITING, State.RUNNING),
        job.state is State.STOPPING,
        job.state in (State.FAILED, State.CANCELLED) and job.work.again is not None,
        job.over and job.written and job.work.opens,
        job.over and job.written,
    )


def ordered(jobs: Sequence[Job]) -> list[Job]:
    """Those under way first, then those that wait, in their turn, then those that are over, the newest first."""
    place = {State.RUNNING: 0, State.STOPPING: 0, State.WAITING: 1}
    return sorted(jobs, key=lambda job: (place.get(job.state, 2), -job.id if job.over else job.id))


def summary(jobs: Sequence[Job], now: float) -> str:
    """The title line of the dock."""
    counts = [
        f"{n} {word}"
        for word, states in (
            ("running", (State.RUNNING, State.STOPPING)),
            ("waiting", (State.WAITING,)),
            ("failed", (State.FAILED,)),
        )
        if (n := sum(job.state in states for job in jobs))
    ]
    return ", ".join(counts) if counts else f"{len(jobs)} over" if jobs else "none"


def tab(jobs: Sequence[Job]) -> str:
    """The name of the dock's tab: with the number of those that are not over."""
    n = sum(not job.over for job in jobs)
    return f"Jobs ({n})" if n else "Jobs"


def ending(job: Job) -> tuple[str, str]:
    """What a notice says of a job that is over, and its level."""
    said = row(job, job.ended or 0.0).line
    if job.state is State.FAILED:
        return f"{job.work.title}: failed: {said}", "caution"
    if job.state is State.CANCELLED:
        return f"{job.work.title}: cancelled" + (f", {said}" if said else ""), ""
    return f"{job.work.title}: done" + (f", {said}" if said and job.work.summary else ""), ""


def at_closing(jobs: Sequence[Job]) -> str:
    """What closing the window means for these jobs, which are not over; "" where there are none."""
    if not jobs:
        return ""
    what = jobs[0].work.title if len(jobs) == 1 else f"{len(jobs)} jobs"
    verb, it = ("is", "it keeps") if len(jobs) == 1 else ("are", "they keep")
    return f"{what} {verb} under way and will be cancelled; {it} what was done."


def _time(job: Job, now: float) -> str:
    if job.began is None:
        return ""
    if job.ended is not None:
        return f"took {duration(job.ended - job.began)}"
    left = job.left_s(now)
    if left is None:
        return f"for {duration(now - job.began)}"
    return f"{duration(left)} left"


def _name(job: Job) -> str:
    return job.work.result.name if job.work.result is not None else "the file"
