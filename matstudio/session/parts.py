"""The files that the recordings of one run under one name are spread over: NAME.nxs, NAME-2.nxs, ..."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from matstudio.session.reader import Session

_FOREIGN = 5  # so many files of other runs in a row end the search


def run_id(path: Path) -> str:
    """Id of the run that a session belongs to; "" where `path` is no session that opens."""
    try:
        with Session.open(path) as session:
            return str(session.run.get("id", ""))
    except ValueError:
        return ""


def parts_of(path: Path, run_id: Callable[[Path], str] = run_id) -> list[Path]:
    """The session files of one run whose names differ from that of `path` in their number only, `path` among them.

    A file of another run between them is left out; so is what does not open.

    Args:
        run_id: tells the id of the run of a session that there is, "" where that does not open.
    """
    numbered = re.fullmatch(r"(.+)-([1-9]\d{0,3})", path.stem)
    run = run_id(path)
    if not run:
        return [path]
    stem, own = path.stem, 1
    if numbered and any(run_id(p) == run for p in _named(path, numbered[1], (int(numbered[2]) - 1, 1))):
        stem, own = numbered[1], int(numbered[2])
    found = {own: path}
    for step in (-1, 1):
        foreign, n = 0, own + step
        while n >= 1 and foreign < _FOREIGN:
            files = _named(path, stem, (n,))
            if files and run_id(files[0]) == run:
                found[n], foreign = files[0], 0
            else:
                foreign += 1
            n += step
    return [found[n] for n in sorted(found)]


def _named(path: Path, stem: str, numbers: tuple[int, ...]) -> list[Path]:
    """Those of the files of these numbers that there are."""
    names = [f"{stem}-{n}{path.suffix}" if n > 1 else f"{stem}{path.suffix}" for n in numbers if n >= 1]
    return [path.with_name(name) for name in names if path.with_name(name).is_file()]
