"""The live models over files: a recorded session once more, or whatever else the readers open."""

from __future__ import annotations

import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from matstudio.domain.estimate import Estimate, FrameRef
from matstudio.domain.process import Reading
from matstudio.fusion.inverse_variance import MAX_AGE_S, fuse
from matstudio.fusion.order import with_boundaries
from matstudio.modalities.base import Inverse, modality
from matstudio.modelhost.compare import Comparison
from matstudio.modelhost.inputs import Film, Input
from matstudio.recording.writer import SessionWriter

log = logging.getLogger(__name__)
FLUSH_S = 1.0
STATE = "state"
_KEPT = 64  # estimates that others may still refer to
Known = Callable[[int], Estimate | str | None]
"""What was made before of a frame, by its place among those to be analysed: its estimate, or why there is none; None
where it is still to be made."""


class _ToBeMade(Exception):
    """A frame that is still to be analysed, where only what is known counts."""


@dataclass(frozen=True)
class Step:
    """One thing to do: to analyse a frame, or (`stream` "state") to fuse a state.

    Args:
        t: run time, s.
        stream, seq: of the frame.
        record: number of the recorded estimate or state that is made again, or -1.
    """

    t: float
    stream: str
    seq: int
    record: int = -1


@dataclass
class Report:
    """What became of one input.

    Args:
        title: its name. out: the file with the estimates.
        planned, analysed: frames. failed: those that could not be read or that the model refused; `error`: the first.
        absent: recorded estimates and states that rest on frames which are not in the file; they are not compared.
        complete: False where it was interrupted; `out` then holds what was done.
        comparisons: by stream, "state" for the fused states.
        versions: library -> version that was recorded and the one now, where they differ.
        seconds: real time that it took.
    """

    title: str
    out: str
    planned: int
    analysed: int = 0
    failed: int = 0
    error: str = ""
    absent: int = 0
    complete: bool = True
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    versions: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def broken(self) -> list[str]:
        """What the same models did not give again as it was recorded; [] where a model is another."""
        same = all(c.same_model == c.compared for name, c in self.comparisons.items() if name != STATE)
        return [name for name, c in self.comparisons.items() if same and c.identical < c.compared]

    def as_dict(self) -> dict[str, Any]:
        """The report, JSON-able."""
        own = {k: v for k, v in vars(self).items() if k != "comparisons"}
        return own | {"streams": {name: c.as_dict() for name, c in self.comparisons.items()}}

    def text(self) -> str:
        """The report in a few lines, without `out`."""
        lines = [f"{self.title}: {self.analysed} of {self.planned} frames analysed in {self.seconds:.1f} s"]
        if self.failed:
            lines.append(f"{self.failed} frames failed, the first: {self.error}")
        if self.absent:
            lines.append(f"{self.absent} recorded estimates and states rest on frames that are not in the file")
        for comparison in self.comparisons.values():
            lines += comparison.text()
        if any(c.identical < c.compared for c in self.comparisons.values()):
            lines += [f"recorded with {name} {then}, now {now}" for name, (then, now) in self.versions.items()]
        return "\n".join(lines)


class Rerun:
    """Runs the models over one input and writes what they say as a session file.

    A recorded estimate is made again from its frame and, where it names frames of other streams, from those; a recorded
    state from the estimates that it names and the process values that it used itself. Frames that the live run did not
    analyse are fused with the newest of the other streams.

    Args:
        source: the frames.
        models: stream -> name of the model; a stream without one has the model that was recorded, or its default.
        every: analyse every frame, not only those with a recorded estimate.

    Raises:
        ValueError: a stream has no such model, or there is nothing to do; one line.
    """

    def __init__(self, source: Input, models: Mapping[str, str], *, every: bool = False) -> None:
        self._source = source
        self._wanted = dict(models)
        self._models: dict[tuple[str, str], Inverse] = {}
        self._raw: OrderedDict[int | FrameRef, Estimate] = OrderedDict()
        self._known: Known = lambda place: None
        self._only_known = False
        self._newest: dict[str, Estimate] = {}
        self._each = every or source.states is None  # a state after each frame
        self._steps = _steps(source, every=self._each)
        self._frames = [s for s in self._steps if s.stream != STATE]
        self._place = {FrameRef(s.stream, s.seq): i for i, s in enumerate(self._frames)}
        self.planned = len(self._frames)
        if not self.planned:
            raise ValueError(f"{source.title}: holds no recorded estimate; --all analyses every frame")

    def load(self) -> None:
        """Make the models that were asked for, so that one that cannot be used shows before any frame.

        Raises:
            ValueError: it cannot be used; one line.
        """
        for stream, name in self._wanted.items():
            self._model(self._source.films[stream], name)

    def raw(self, place: int) -> Estimate | str:
        """What the model says of a frame, before other streams count, or why it says nothing.

        Args:
            place: of the frame among those to be analysed, 0 to `planned` - 1.
        """
        try:
            return self._of_place(place)
        except Exception as error:  # noqa: BLE001  a model is a guest: whatever it raises is told, and the rest goes on
            return str(error) or type(error).__name__

    def kind(self, place: int) -> str:
        """Kind of the frame at a place."""
        return self._source.films[self._frames[place].stream].kind

    def run(
        self,
        out: Path,
        progress: Callable[[int, int], None] = lambda done, total: None,
        known: Known = lambda place: None,
        *,
        only_known: bool = False,
    ) -> Report:
        """Do it all, or what there is time for before Ctrl-C; what was done is in `out` in either case.

        Args:
            out: a file that does not exist.
            progress: called with frames done and frames in all.
            known: what was made before.
            only_known: leave out what is not known.

        Raises:
            ValueError: the first frame of a stream cannot be read. OSError: `out` cannot be written.
        """
        self._known, self._only_known = known, only_known
        self._raw.clear()
        self._newest.clear()
        if not only_known:
            self.load()
        report = Report(self._source.title, str(out), self.planned, complete=not only_known)
        report.versions = self._source.changed
        again = dict.fromkeys(s.stream for s in self._steps if s.record >= 0)
        report.comparisons = {name: Comparison(name) for name in sorted(again, key=lambda n: n == STATE)}
        writer = self._writer(out)
        begun = flushed = time.monotonic()
        done = 0
        try:
            for step in self._steps:
                if step.stream == STATE:
                    self._fuse(step, report, writer)
                    continue
                self._analyse(step, done, report, writer)
                done += 1
                progress(done, self.planned)
                if time.monotonic() - flushed > FLUSH_S:
                    flushed = time.monotonic()
                    writer.flush()
        except KeyboardInterrupt:
            report.complete = False
        finally:
            report.seconds = time.monotonic() - begun
            writer.close(f"reconstruction of {report.title}: {report.analysed} of {report.planned} frames")
        return report

    def _writer(self, out: Path) -> SessionWriter:
        """A session with one frame of each stream, which its layout needs, and all process values."""
        source = self._source
        used = {s.stream for s in self._steps}
        first = [film.load(0) for name, film in source.films.items() if name in used]
        readings = list(source.readings())
        start = {r.name: r for r in reversed(readings)}
        run = {**source.run, "reconstructed_from": source.title}
        writer = SessionWriter(out, source.description, source.clock, first, tuple(start.values()), run)
        writer.add_readings([r for r in readings if start[r.name] is not r])
        return writer

    def _analyse(self, step: Step, place: int, report: Report, writer: SessionWriter) -> None:
        film = self._source.films[step.stream]
        recorded = film.estimates[step.record] if film.estimates is not None and step.record >= 0 else None
        try:
            raw = self._of_place(place)
            others = list(self._newest.values()) if recorded is None else self._all(recorded.sources)
        except _ToBeMade:
            return
        except Exception as error:  # noqa: BLE001  a model is a guest: whatever it raises is told, and the rest goes on
            report.failed += 1
            report.error = report.error or f"{step.stream} #{step.seq}: {error}".splitlines()[0]
            return
        self._newest[step.stream] = raw
        now = with_boundaries(raw, others)
        report.analysed += 1
        writer.add_estimate(now)
        if recorded is not None:
            if self._there(recorded.sources):
                report.comparisons[step.stream].add(recorded, now)
            else:
                report.absent += 1
        if self._each:
            age = MAX_AGE_S * max(1.0, self._source.clock.speed)
            writer.add_state(fuse(self._newest, self._source.readings_at(step.t), step.t, age))

    def _fuse(self, step: Step, report: Report, writer: SessionWriter) -> None:
        assert self._source.states is not None
        recorded = self._source.states[step.record]
        named = sorted(recorded.sources.values(), key=len, reverse=True)  # the longest has the order of all
        refs = list(dict.fromkeys(ref for refs in named for ref in refs))
        if not self._there(refs):
            report.absent += 1
            return
        readings = {
            name: Reading(name, q.value, q.unit, recorded.t)
            for name, q in recorded.quantities.items()
            if not recorded.sources.get(name)
        }
        try:
            estimates = {e.stream: e for e in self._all(refs)}
        except _ToBeMade:
            return
        except Exception as error:  # noqa: BLE001  as above; counted where the estimate itself failed
            log.warning("state at %.2f s: %s", recorded.t, error)
            return
        # the newest estimate may have given nothing that is fused, and is not named then: the time stays
        now = replace(fuse(estimates, readings, recorded.t, math.inf), t=recorded.t)
        writer.add_state(now)
        report.comparisons[STATE].add(recorded, now)

    def _there(self, refs: Sequence[FrameRef]) -> bool:
        films = self._source.films
        return all(r.stream in films and r.seq in films[r.stream].at for r in refs)

    def _all(self, refs: Sequence[FrameRef]) -> list[Estimate]:
        """The estimates of frames; those that are not in the file are left out."""
        return [self._of_frame(r) for r in refs if self._there([r])]

    def _of_frame(self, ref: FrameRef) -> Estimate:
        """What the model of a frame's stream says of it, before other streams count."""
        return self._of_place(self._place[ref]) if ref in self._place else self._estimate(ref, ref, None)

    def _of_place(self, place: int) -> Estimate:
        if place not in self._raw:
            known = self._known(place)
            if isinstance(known, str):
                raise ValueError(known)
            if known is not None:
                return self._keep(place, known)
        step = self._frames[place]
        return self._estimate(place, FrameRef(step.stream, step.seq), step.record)

    def _estimate(self, key: int | FrameRef, ref: FrameRef, record: int | None) -> Estimate:
        if key in self._raw:
            return self._keep(key, self._raw[key])
        if self._only_known:
            raise _ToBeMade
        film = self._source.films[ref.stream]
        name = self._wanted.get(ref.stream)
        if name is None:
            at_place = film.estimates is not None and record is not None and record >= 0
            recorded = film.estimates[record] if at_place else film.recorded(ref.seq)  # type: ignore[index]
            name = recorded.model.name if recorded is not None else None
        model, frame = self._model(film, name), film.frame(ref.seq)
        begun = time.perf_counter()
        made = model(frame)
        return self._keep(key, replace(made, seconds=time.perf_counter() - begun))

    def _keep(self, key: int | FrameRef, estimate: Estimate) -> Estimate:
        self._raw[key] = estimate
        self._raw.move_to_end(key)
        if len(self._raw) > _KEPT:
            self._raw.popitem(last=False)
        return estimate

    def _model(self, film: Film, name: str | None) -> Inverse:
        key = film.name, name or modality(film.kind).offered()[0]
        if key not in self._models:
            self._models[key] = modality(film.kind).inverse(key[1])
        return self._models[key]


def _steps(source: Input, *, every: bool) -> list[Step]:
    """What is to be done, in the order of time."""
    steps = []
    for name, film in source.films.items():
        known: set[int] = set()
        if film.estimates is not None:
            seqs, times = film.estimates.seq.tolist(), film.estimates.t.tolist()
            steps += [
                Step(t, name, seq, i) for i, (seq, t) in enumerate(zip(seqs, times, strict=True)) if seq in film.at
            ]
            known.update(seqs)
        if every:
            steps += [Step(t, name, seq) for seq, t in zip(film.at, film.t.tolist(), strict=True) if seq not in known]
    if source.states is not None and not every:
        steps += [Step(t, STATE, -1, i) for i, t in enumerate(source.states.t.tolist())]
    return sorted(steps, key=lambda s: (s.t, s.stream == STATE))
