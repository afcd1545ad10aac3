"""`matstudio reconstruct`: the live models over files."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matstudio.bus.processes import ONE_THREAD
from matstudio.cli.files import writable
from matstudio.cli.main import CheckFailed, UsageError

if TYPE_CHECKING:
    from matstudio.modelhost.job import Job
    from matstudio.modelhost.schedule import Outcome, Pool, Progress

INTERRUPTED = 130
TELL_S = 0.5


def reconstruct(arguments: argparse.Namespace) -> int:
    """Run the models over files, write the estimates, and hold them against those that were recorded."""
    os.environ.update(ONE_THREAD)  # as in the model host: sums over several threads end in other bits
    from matstudio.modelhost import schedule
    from matstudio.modelhost.batch import offered
    from matstudio.modelhost.inputs import groups
    from matstudio.modelhost.job import Job

    for text in arguments.model:
        if text.rpartition("=")[2] not in offered():
            raise UsageError(f"--model {text}: no such model, only {', '.join(sorted(offered()))}")
    out = writable(arguments.out)
    inputs = groups(arguments.file)
    if not inputs:
        raise UsageError(f"{', '.join(arguments.file)}: holds no file")
    with contextlib.ExitStack() as opened:
        pool: Pool = schedule.Serial()
        if arguments.scheduler:
            from matstudio.modelhost.cluster import Cluster

            pool = opened.enter_context(Cluster(arguments.scheduler))
        job = Job(inputs, out, arguments.model, every=arguments.all, resume=arguments.resume)
        opened.callback(job.close)
        teller = _Teller(job, as_json=arguments.json)
        interrupted = False
        try:
            outcome = schedule.run(job.works, pool, teller.told)
        except KeyboardInterrupt:
            interrupted = True
        if interrupted:
            opened.pop_all().close()  # the workers first: they may be writing
            outcome = _kept(job, teller)
    teller.end(outcome)
    if interrupted:
        return INTERRUPTED
    if not outcome.results:
        raise UsageError(teller.named(1, outcome.errors[1]) if len(inputs) == 1 else "none of the inputs can be read")
    broken = [f"{r['report']['title']}: {name}" for r in outcome.results.values() for name in r["broken"]]
    if broken:
        raise CheckFailed(f"the same models gave other estimates: {', '.join(broken)}")
    unused = [{line.partition(": ")[0] for line in r["unused"]} for r in outcome.results.values()]
    if set.intersection(*unused):
        raise CheckFailed(f"{', '.join(sorted(set.intersection(*unused)))}: of no use to any of the inputs")
    if outcome.errors:
        raise CheckFailed(f"{len(outcome.errors)} of {len(inputs)} inputs cannot be read")
    return 0


def _kept(job: Job, teller: _Teller) -> Outcome:
    """What there is after Ctrl-C: finished inputs, and of those under way a session of what was done."""
    from matstudio.modelhost.batch import finish, result
    from matstudio.modelhost.kept import Kept
    from matstudio.modelhost.schedule import Outcome

    outcome = Outcome()
    for work in job.works:
        found = result(work)
        if found is None and Kept(job.folder).names(f"{work.number}-*.part"):
            with contextlib.suppress(ValueError, OSError):  # told when it is tried again
                found = finish(work, only_known=True)
        if found is not None:
            outcome.results[work.number] = found
    return outcome


class _Teller:
    """Says how far a job is: on stderr what goes on, on stdout what came of it.

    Args:
        as_json: a line of JSON for each step, and one at the end.
    """

    def __init__(self, job: Job, *, as_json: bool) -> None:
        self._job, self._json = job, as_json
        self._begun, self._before, self._told = time.monotonic(), -1, 0.0
        self._counts = (-1, -1)
        self._left_out: set[int] = set()
        self._shown = 0
        self._line = ""
        if job.note:
            self._say(job.note)

    def told(self, progress: Progress, outcome: Outcome) -> None:
        """Called after each piece."""
        now = time.monotonic()
        self._errors(outcome)
        if not self._json:
            self._reports(outcome)
        done, total = progress.frames_done, progress.frames
        if self._before < 0:  # what was there when it began took no time
            self._before = done
        if (now - self._told < TELL_S and done < total) or len(outcome.errors) == progress.files:
            return
        if (done, total) == self._counts:
            return
        self._told, self._counts = now, (done, total)
        if self._json:
            self._say(json.dumps({"progress": {"input": progress.title, "done": done, "total": total}}))
            return
        pace = (done - self._before) / (now - self._begun)
        left = f", {_span((total - done) / pace)} left" if pace > 0 and done < total else ""
        files = f"{progress.files_done}/{progress.files} files, " if progress.files > 1 else ""
        self._clear()
        self._line = f"{files}{done}/{total} frames{left}  {progress.title}"[:118]
        print(self._line, end="", file=sys.stderr, flush=True)

    def end(self, outcome: Outcome) -> None:
        """Say what is still to be said."""
        self._errors(outcome)
        self._clear()
        shown = [self._as_given(number, r) for number, r in sorted(outcome.results.items())]
        if self._json:
            left_out = [
                {"input": self._job.works[n - 1].title, "error": self.named(n, e)}
                for n, e in sorted(outcome.errors.items())
            ]
            print(json.dumps({"inputs": [r["report"] for r in shown], "left_out": left_out}, ensure_ascii=False))
        else:
            self._reports(outcome, last=True)

    def _reports(self, outcome: Outcome, *, last: bool = False) -> None:
        """Print the reports in the order of the inputs, as soon as all before them are there."""
        while self._shown < len(self._job.works):
            number = self._shown + 1
            found = outcome.results.get(number)
            if found is None and number not in outcome.errors and not last:
                return
            self._shown = number
            if found is not None:
                self._clear()
                print(found["text"], f"estimates: {self._job.path(number)}", sep="\n", flush=True)

    def _errors(self, outcome: Outcome) -> None:
        for number in sorted(outcome.errors.keys() - self._left_out):
            self._left_out.add(number)
            if len(self._job.works) > 1:
                self._say(f"left out: {self.named(number, outcome.errors[number])}")

    def named(self, number: int, error: str) -> str:
        """An error with the path as it was given."""
        for path in self._job.inputs[number - 1]:
            error = error.replace(str(path.absolute()), str(path))
        title = self._job.works[number - 1].title
        return error if title in error else f"{title}: {error}"

    def _as_given(self, number: int, result: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**result, "report": {**result["report"], "out": str(self._job.path(number))}}

    def _say(self, line: str) -> None:
        self._clear()
        print(line, file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self._line:
            print("\r" + " " * len(self._line) + "\r", end="", file=sys.stderr, flush=True)
            self._line = ""


def _span(seconds: float) -> str:
    """A length of time for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
