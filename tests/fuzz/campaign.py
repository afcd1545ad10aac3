"""Mutated files by seed, from the project's root: `python tests/fuzz/campaign.py FIRST:END`. Same seed, same file.

Prints a line for each fault with its seed, and the figures. `FIRST:END` of another range goes on, or runs beside it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path[:0] = [
    str(p) for p in (HERE, HERE.parent / "recording", HERE.parent / "instruments" / "readers") if str(p) not in sys.path
]

import hdf5_edits  # noqa: E402
from corpus import Corpus, content, kind_of, make, real  # noqa: E402
from mutate import MARK, mutated  # noqa: E402

MOST_SECONDS, MOST_RSS = 10.0, 2_000_000  # kB resident
_HDF5 = b"\x89HDF"


@dataclass
class Figures:
    """What a campaign found."""

    mutations: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    files: set[str] = field(default_factory=set)
    longest: tuple[float, int] = (0.0, -1)
    largest: tuple[int, int] = (0, -1)
    faults: list[str] = field(default_factory=list)

    def text(self) -> str:
        """For people."""
        kinds = ", ".join(f"{k} {n}" for k, n in sorted(self.kinds.items()))
        return (
            f"{self.mutations} mutations of {len(self.files)} files of {len(self.kinds)} kinds ({kinds}): "
            f"{self.outcomes['refused']} refused with one line, {self.outcomes['opened']} opened, "
            f"{len(self.faults)} faults; longest {self.longest[0]:.1f} s of processor (seed {self.longest[1]}), "
            f"largest {self.largest[0] / 1e6:.2f} GB (seed {self.largest[1]})"
        )


class Server:
    """The process that forks one for each file."""

    def __init__(self, mark: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(HERE / "server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {MARK: str(mark), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise RuntimeError("the server of the fuzzing did not start")

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())  # type: ignore[no-any-return]

    def close(self) -> None:
        self._process.communicate()


@contextmanager
def workshop() -> Iterator[tuple[Path, Path, Server]]:
    """A folder for files, the mark of a planted pickle, and the server."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=shm if shm.is_dir() else None) as name:
        mark = Path(name) / "mark"
        server = Server(mark)
        try:
            yield Path(name), mark, server
        finally:
            server.close()


def mutant(seed: int, corpus: Corpus, folder: Path) -> tuple[Path, Path, str]:
    """Write the file of a seed; returns its path, what it was made of, and how."""
    random = np.random.default_rng([seed, 20261121])
    source, other = corpus.pick(random)
    path = folder / f"m{seed}" / source.name
    path.parent.mkdir()
    raw = content(source)
    if raw[:4] == _HDF5 and random.random() < 0.7:
        path.write_bytes(raw)
        how = hdf5_edits.edit(path, random)
        if random.random() < 0.1:
            body, more = mutated(path.read_bytes(), "", random, content(other))
            path.write_bytes(body)
            how += f"+{more}"
    else:
        body, how = mutated(raw, source.suffix.lower().lstrip("."), random, content(other))
        path.write_bytes(body)
    if source.suffix == ".rpl":
        path.with_suffix(".raw").write_bytes(content(source.with_suffix(".raw")))
    return path, source, how


def run(seeds: Iterable[int], corpus: Corpus, log: Any = None, tell: Any = print) -> Figures:
    """Examine the files of the seeds."""
    import shutil

    figures = Figures()
    with workshop() as (folder, mark, server):
        for seed in seeds:
            path, source, how = mutant(seed, corpus, folder)
            kind = kind_of(source)
            told = server.ask(path=str(path), kind=kind, seed=seed)
            wrong = _wrong(told, mark)
            figures.mutations += 1
            figures.outcomes["fault" if wrong else told["outcome"]] += 1
            figures.kinds[kind] += 1
            figures.files.add(str(source))
            figures.longest = max(figures.longest, (told["longest"], seed))
            figures.largest = max(figures.largest, (told["rss"], seed))
            if wrong:
                figures.faults.append(f"seed {seed} ({source.name}: {how}): {wrong}")
                tell(figures.faults[-1])
            if log is not None:
                facts = {"seed": seed, "file": source.name, "kind": kind, "how": how, "wrong": wrong} | told
                log.write(json.dumps(facts) + "\n")
                log.flush()
            shutil.rmtree(path.parent)
    return figures


def _wrong(told: dict[str, Any], mark: Path) -> str:
    if mark.exists():
        mark.unlink()
        return "something was unpickled, or a program started"
    if told["outcome"] == "fault":
        return str(told["line"])
    if told["rss"] > MOST_RSS:
        return f"took {told['rss'] / 1e6:.2f} GB"
    if told["longest"] > MOST_SECONDS:
        return f"took {told['longest']:.1f} s of processor for one thing"
    return ""


def main() -> int:
    """`campaign.py FIRST:END [LOG [KIND,KIND...]]`; with kinds, the files of these only."""
    first, _, end = sys.argv[1].partition(":")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as made:
        kinds = sys.argv[3].split(",") if len(sys.argv) > 3 else None
        corpus = Corpus([p for p in make(Path(made)) + real() if kinds is None or kind_of(p) in kinds])
        with open(sys.argv[2] if len(sys.argv) > 2 else os.devnull, "a") as log:
            figures = run(range(int(first), int(end)), corpus, log, lambda line: print(line, flush=True))
    print(figures.text(), f"in {time.monotonic() - begun:.0f} s")
    return bool(figures.faults)


if __name__ == "__main__":
    sys.exit(main())
