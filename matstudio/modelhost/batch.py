"""The live models over many files, in pieces that any process can do: a job, and what is done of one input.

The pieces are functions of paths and of places in the order of the frames; no frame and no estimate goes through
whoever hands them out. What a piece makes it keeps in the job's folder, so that a job that was cut short goes on, and a
piece that is done twice is there once.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matstudio.domain.estimate import Estimate
from matstudio.modalities.base import modalities, modality
from matstudio.modelhost.inputs import Input, open_input
from matstudio.modelhost.kept import Kept, Parts, put_part
from matstudio.modelhost.rerun import Rerun

LEAST_S, MOST_S = 1.0, 5.0
"""Work of one piece, seconds: not so little that handing it out counts, not so much that losing it hurts."""
_OPEN = 2  # inputs that a thread holds open
_here = threading.local()


class OtherModels(ValueError):
    """A model is not the one that the job began with; one line."""


@dataclass(frozen=True)
class Work:
    """One input of a job.

    Args:
        number: of the input, from 1.
        paths: of its files, absolute, played together.
        out: file of its estimates, absolute. folder: of the job, absolute.
        models: as the command line has them, "NAME" or "STREAM=NAME".
        every: analyse every frame.
        alone: it is the only input, and must have a stream for each of the models.
        piece_s: work of one piece, s, at least.
    """

    number: int
    paths: tuple[str, ...]
    out: str
    folder: str
    models: tuple[str, ...]
    every: bool
    alone: bool
    piece_s: float

    @property
    def title(self) -> str:
        """For people."""
        return " + ".join(Path(p).name for p in self.paths)


@dataclass(frozen=True)
class Begun:
    """What is known of an input once it was opened.

    Args:
        number: of the input.
        planned: frames to be analysed. done: of these.
        left: runs of places that are to be analysed, as (first, behind the last).
        each_s: time that a frame takes, s. piece_s: work of one piece, s, at least.
        result: of `finish`, where nothing is left.
        error: why it cannot be read; "" where it can.
    """

    number: int
    planned: int = 0
    done: int = 0
    left: tuple[tuple[int, int], ...] = ()
    each_s: float = 0.0
    piece_s: float = LEAST_S
    result: Mapping[str, Any] | None = None
    error: str = ""

    def pieces(self) -> list[tuple[int, int]]:
        """`left` cut into pieces of some seconds each."""
        todo = self.each_s * sum(b - a for a, b in self.left)
        size = max(1, round(min(max(self.piece_s, todo / 100), MOST_S) / max(self.each_s, 1e-6)))
        return [(i, min(i + size, b)) for a, b in self.left for i in range(a, b, size)]


def begin(works: Sequence[Work]) -> list[Begun]:
    """Open inputs one after the other until the time of a piece has passed, at least the first, and do the first piece
    of each: all of it where it holds little.

    Raises:
        OtherModels: the job began with others.
    """
    out: list[Begun] = []
    started = time.monotonic()
    for work in works:
        try:
            out.append(_begin(work))
        except OtherModels:
            raise
        except Exception as error:  # noqa: BLE001  the border to readers and models: an input that fails leaves the rest
            close(work)
            out.append(Begun(work.number, error=str(error) or type(error).__name__))
        if time.monotonic() - started > work.piece_s:
            break
    return out


def _begin(work: Work) -> Begun:
    kept = Kept(Path(work.folder))
    finished = result(work)
    if finished is not None:
        frames = finished["report"]["planned"]
        return Begun(work.number, frames, frames, result=finished)
    (_, rerun), parts = _opened(work), Parts(kept, work.number)
    left = list(parts.missing(rerun.planned))
    each_s = 0.0
    if left:
        rerun.load()
        first, end = left[0]
        each_s, at = _analyse(work, first, end, work.piece_s)
        left = [(at, end)][: at < end] + left[1:]
    if not left:
        return Begun(work.number, rerun.planned, rerun.planned, result=finish(work))
    todo = sum(b - a for a, b in left)
    return Begun(work.number, rerun.planned, rerun.planned - todo, tuple(left), each_s, work.piece_s)


def analyse(work: Work, first: int, end: int) -> int:
    """Analyse the frames at places `first` to `end` - 1 and keep what the models say; how many frames these are.

    Raises:
        ValueError, OSError: the input cannot be read. OtherModels: the job began with others.
    """
    _analyse(work, first, end)
    return end - first


def _analyse(work: Work, first: int, end: int, seconds: float = float("inf")) -> tuple[float, int]:
    """As `analyse`, but only until so many seconds have passed; the time that a frame takes, s, and the place reached.
    After Ctrl-C what was done is kept, too."""
    _, rerun = _opened(work)
    results: list[Estimate | str] = []
    begun = warm = time.monotonic()
    try:
        for place in range(first, end):
            made = rerun.raw(place)
            _check_model(work, rerun.kind(place), made)
            results.append(made)
            if place == first:
                warm = time.monotonic()
            elif time.monotonic() - begun > seconds:
                break
    finally:
        now = time.monotonic()
        put_part(Kept(Path(work.folder)), work.number, first, results, now - begun)
    each_s = (now - warm) / (len(results) - 1) if len(results) > 1 else now - begun
    return each_s, first + len(results)


def _check_model(work: Work, kind: str, made: Estimate | str) -> None:
    """Refuse an estimate of a model that is not, bit for bit, the one that the job began with."""
    if isinstance(made, str):
        return
    model = made.model
    known: dict[tuple[str, str, str], bytes] = _here.__dict__.setdefault("models", {})
    key = work.folder, kind, model.name
    now = f"{model.version} {model.checksum}".encode()
    if key not in known:
        name = hashlib.sha256(f"{kind} {model.name}".encode()).hexdigest()[:16]
        known[key] = Kept(Path(work.folder)).first(f"model-{name}", now)
    if known[key] != now:
        raise OtherModels(f"{kind}: began with {model.name} {known[key].decode()}, which is {now.decode()} now")


def finish(work: Work, *, only_known: bool = False) -> Mapping[str, Any]:
    """Write the session of an input from what is kept of it.

    Args:
        only_known: leave out the frames that were not analysed yet, and keep all for the rest of the job.

    Returns:
        {"report": `Report.as_dict`, "text": its lines, "broken": `Report.broken`, "unused": why models are of no
        use here, "sha256": of the file}.

    Raises:
        ValueError, OSError: the input cannot be read, or the file not written.
    """
    kept = Kept(Path(work.folder))
    (source, rerun), parts = _opened(work), Parts(kept, work.number)
    new, out = kept.scratch(), Path(work.out)
    begun = time.monotonic()
    try:
        report = rerun.run(new, known=parts.get, only_known=only_known)
        if not report.complete and not only_known:
            raise KeyboardInterrupt
        report.out, report.seconds = work.out, parts.seconds + time.monotonic() - begun
        told = {
            "report": report.as_dict(),
            "text": report.text(),
            "broken": report.broken,
            "unused": wanted(work.models, source)[1],
            "sha256": _digest(new),
        }
        new.replace(out)
    finally:
        new.unlink(missing_ok=True)
        close(work)
    if not only_known:
        kept.put_json(f"{work.number}.done", told)
        kept.drop(f"{work.number}-*.part")
    return told


def result(work: Work) -> Mapping[str, Any] | None:
    """What `finish` returned for an input whose output is there and whole; None where it is to be made."""
    told: Mapping[str, Any] | None = Kept(Path(work.folder)).get_json(f"{work.number}.done")
    try:
        return told if told is not None and told["sha256"] == _digest(Path(work.out)) else None
    except OSError:
        return None


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _opened(work: Work) -> tuple[Input, Rerun]:
    """The input, which stays open in this thread until others take its place."""
    held: OrderedDict[Work, tuple[Input, Rerun]] = _here.__dict__.setdefault("held", OrderedDict())
    if work not in held:
        source = open_input([Path(p) for p in work.paths])
        try:
            models, unused = wanted(work.models, source)
            if work.alone and unused:
                raise ValueError(unused[0])
            held[work] = source, Rerun(source, models, every=work.every)
        except BaseException:
            source.close()
            raise
        while len(held) > _OPEN:
            held.popitem(last=False)[1][0].close()
    held.move_to_end(work)
    return held[work]


def close(work: Work | None = None) -> None:
    """Let go of the files of an input, or of all that this thread holds open."""
    held: OrderedDict[Work, tuple[Input, Rerun]] = _here.__dict__.setdefault("held", OrderedDict())
    for key in [work] if work is not None else list(held):
        if key in held:
            held.pop(key)[0].close()


def wanted(models: Sequence[str], source: Input) -> tuple[dict[str, str], list[str]]:
    """Model by stream, from "STREAM=NAME", or "NAME" for every stream that has one of that name; and why some of them
    are of no use here, one line each."""
    out: dict[str, str] = {}
    unused = []
    for text in models:
        stream, equals, name = text.rpartition("=")
        kinds = {n: film.kind for n, film in source.films.items() if not equals or n == stream}
        having = [n for n, kind in kinds.items() if name in modality(kind).offered()]
        if not kinds:
            has = ", ".join(source.films)
            unused.append(f"--model {text}: {source.title} has no stream {stream!r}, only {has}")
        elif not having:
            known = sorted({m for kind in kinds.values() for m in modality(kind).offered()})
            unused.append(f"--model {text}: no such model for {source.title}, only {', '.join(known)}")
        out |= dict.fromkeys(having, name)
    return out, unused


def offered() -> set[str]:
    """The names of all models that there are."""
    return {name for m in modalities().values() for name in m.offered()}
