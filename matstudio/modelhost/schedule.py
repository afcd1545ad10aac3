"""Who does the pieces of a job, and in which order they are handed out."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from matstudio.modelhost import batch
from matstudio.modelhost.batch import Begun, OtherModels, Work

_LEAST_BEGUN, _MOST_BEGUN = 1, 32  # inputs in one piece; how many are begun the second that it has decides


class WorkerLost(RuntimeError):
    """The processes that tried a piece died one after the other."""


@dataclass(frozen=True)
class Piece:
    """Something to do, and for which inputs.

    Args:
        call: a function of `batch`. arguments: its arguments.
        works: the inputs that it is about. rank: what has a lower one is done first.
    """

    call: Callable[..., Any]
    arguments: tuple[Any, ...]
    works: tuple[Work, ...]
    rank: int


class Pool(Protocol):
    """Whoever does pieces. Used by one thread."""

    workers: int

    def submit(self, piece: Piece) -> None:
        """Take a piece; does not block."""
        ...

    def results(self) -> Iterator[tuple[Piece, Any]]:
        """Pieces that are done, each with what it gave or the exception that it raised, until all are.

        More may be submitted meanwhile.
        """
        ...


class Serial:
    """Does the pieces itself, one after the other."""

    workers = 1

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, Piece]] = []
        self._count = itertools.count()

    def submit(self, piece: Piece) -> None:
        """Take a piece."""
        heapq.heappush(self._waiting, (piece.rank, next(self._count), piece))

    def results(self) -> Iterator[tuple[Piece, Any]]:
        """Do them."""
        try:
            while self._waiting:
                piece = heapq.heappop(self._waiting)[2]
                try:
                    yield piece, piece.call(*piece.arguments)
                except Exception as error:  # noqa: BLE001  the border to readers and models; told by who asked
                    yield piece, error
        finally:
            batch.close()


@dataclass
class Progress:
    """How far a job is.

    Args:
        files: inputs in all. files_done: of these.
        title: of the input that was worked on last.
        done: frames of each input that are done. planned: of all its frames; 1 until it was opened.
    """

    files: int
    files_done: int = 0
    title: str = ""
    done: dict[int, int] = field(default_factory=dict)
    planned: dict[int, int] = field(default_factory=dict)

    @property
    def frames_done(self) -> int:
        """Frames done of all inputs."""
        return sum(self.done.values())

    @property
    def frames(self) -> int:
        """Frames of all inputs."""
        return sum(self.planned.values())


@dataclass
class Outcome:
    """What became of the inputs, by number: what `batch.finish` returned, or why there is nothing, in one line."""

    results: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)


def run(
    works: Sequence[Work], pool: Pool, told: Callable[[Progress, Outcome], None] = lambda progress, outcome: None
) -> Outcome:
    """Do all of a job that is not done yet.

    Args:
        told: called after each piece.

    Raises:
        OtherModels: the job began with others. KeyboardInterrupt: what was done is kept.
    """
    progress = Progress(len(works), planned={w.number: 1 for w in works})
    outcome = Outcome()
    pending: dict[int, int] = {}

    def end(work: Work, result: Mapping[str, Any] | None, error: str = "") -> None:
        if work.number in outcome.errors or work.number in outcome.results:
            return
        progress.files_done += 1
        if result is not None:
            outcome.results[work.number] = result
            progress.planned[work.number] = result["report"]["planned"]
        else:
            outcome.errors[work.number] = _line(error)
        progress.done[work.number] = progress.planned[work.number]

    def begun(piece: Piece, found: Sequence[Begun]) -> None:
        for work, one in zip(piece.works, found, strict=False):
            if one.error or one.result is not None:
                end(work, one.result, one.error)
                continue
            progress.planned[work.number], progress.done[work.number] = one.planned, one.done
            pieces = one.pieces()
            pending[work.number] = len(pieces)
            for first, last in pieces:
                pool.submit(Piece(batch.analyse, (work, first, last), (work,), work.number))
        rest = piece.works[len(found) :]
        half = (len(rest) + 1) // 2
        for some in (rest[:half], rest[half:]):
            _submit_begin(pool, some)

    size = max(_LEAST_BEGUN, min(_MOST_BEGUN, len(works) // (4 * pool.workers)))
    for i in range(0, len(works), size):
        _submit_begin(pool, tuple(works[i : i + size]))
    for piece, got in pool.results():
        work = piece.works[0]
        progress.title = work.title
        if isinstance(got, OtherModels):
            raise got
        if isinstance(got, WorkerLost) and len(piece.works) > 1:  # one of them is to blame
            for one in piece.works:
                _submit_begin(pool, (one,))
        elif isinstance(got, BaseException):
            for one in piece.works:
                end(one, None, str(got) or type(got).__name__)
        elif piece.call is batch.begin:
            begun(piece, got)
        elif piece.call is batch.finish:
            end(work, got)
        elif work.number not in outcome.errors:
            progress.done[work.number] += got
            pending[work.number] -= 1
            if not pending[work.number]:
                pool.submit(Piece(batch.finish, (work,), (work,), work.number))
        told(progress, outcome)
    return outcome


def _submit_begin(pool: Pool, works: tuple[Work, ...]) -> None:
    if works:
        pool.submit(Piece(batch.begin, (works,), works, 0))  # first, so that all is known of how much there is


def _line(error: str) -> str:
    return " ".join(error.split())
