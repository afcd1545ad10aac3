"""A job of the models over many files: what it is about, and whether it may go on where it was cut short."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from matstudio import __version__
from matstudio.bus.lock import try_lock
from matstudio.modelhost import batch
from matstudio.modelhost.batch import Work
from matstudio.modelhost.kept import Kept

_LIBRARIES = ("numpy", "scipy", "torch", "pymatgen")  # what the last bits of an estimate may hang on


class Job:
    """The inputs of a job and where their outputs go: OUT.nxs, OUT-2.nxs, ... in the order of the inputs.

    What is kept of it lies in OUT.nxs.job: what it is about, parts of inputs that are under way, and a checksum of each
    output that is whole.

    Args:
        inputs: the paths of each.
        out: of the first output.
        models: as the command line has them.
        every: analyse every frame.
        resume: go on with what is there.

    Raises:
        ValueError: an output is there already and `resume` is not given; or what is there came from other inputs,
            models or libraries, or from no job, or another process is at it; one line.
    """

    def __init__(
        self, inputs: Sequence[Sequence[Path]], out: Path, models: Sequence[str], *, every: bool, resume: bool
    ) -> None:
        self.out, self.inputs = out, inputs
        self.note = ""
        """What a person should know: one line, or nothing."""
        self.folder = folder = out.with_name(out.name + ".job")
        self.works = [
            Work(
                number,
                tuple(str(p.absolute()) for p in paths),
                str(self.path(number).absolute()),
                str(folder.absolute()),
                tuple(models),
                every,
                len(inputs) == 1,
                batch.LEAST_S,
            )
            for number, paths in enumerate(inputs, 1)
        ]
        for work in self.works:
            if work.out in (p for other in self.works for p in other.paths):
                raise ValueError(f"{work.out}: exists already, as one of the inputs")
        begun = [folder] if any(folder.glob("*.part")) else []
        there = next((p for p in (*map(self.path, range(1, len(inputs) + 1)), *begun) if p.exists()), None)
        if there is not None and not resume:
            raise ValueError(f"{there}: exists already; --resume goes on with what was begun")
        if there is not None and not folder.is_dir():
            raise ValueError(f"{there}: exists already, and {folder.name}, which would tell how to go on, does not")
        folder.mkdir(exist_ok=True)
        kept = Kept(folder)
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not try_lock(self._lock):
                raise ValueError(f"{folder}: another process is at it")
            self._compare(kept, _about(inputs, models, every), resume)
            kept.sweep()
        except BaseException:
            os.close(self._lock)
            raise

    def path(self, number: int) -> Path:
        """The output of an input, as the first one was named."""
        return self.out if number == 1 else self.out.with_name(f"{self.out.stem}-{number}{self.out.suffix}")

    def _compare(self, kept: Kept, about: dict[str, Any], resume: bool) -> None:
        then = kept.get_json("about")
        if then is not None and resume:
            found = _different(then, about)
            if found:
                raise ValueError(f"{kept.folder}: cannot go on: {found}")
            return
        if kept.names("about") and resume:
            self.note = f"{kept.folder}: damaged: nobody can tell what it is of, so all of it is done again"
        for pattern in ("*.part", "*.done", "model-*"):
            kept.drop(pattern)
        kept.put_json("about", about)

    def close(self) -> None:
        """Let others at it; where nothing was done nothing stays."""
        kept = Kept(self.folder)
        if not kept.names("*.done") and not kept.names("*.part"):
            shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def _about(inputs: Sequence[Sequence[Path]], models: Sequence[str], every: bool) -> dict[str, Any]:
    versions = {"matstudio": __version__, "python": platform.python_version(), "machine": platform.machine()}
    for name in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {
        "inputs": [[facts for path in paths for facts in _facts(path)] for paths in inputs],
        "models": list(models),
        "every": every,
        "versions": versions,
    }


def _facts(path: Path) -> list[list[Any]]:
    """Name, size and time of the last change of a file, or of those in a folder."""
    files = sorted(path.iterdir()) if path.is_dir() else [path, path.with_suffix(".json")]
    facts = [(file, file.stat()) for file in dict.fromkeys(files) if file.is_file()]
    return [[str(file.absolute()), stat.st_size, stat.st_mtime_ns] for file, stat in facts]


def _different(then: dict[str, Any], now: dict[str, Any]) -> str:
    """In what two jobs differ first, in words; "" where in nothing."""
    for model in ("models", "every"):
        if then[model] != now[model]:
            return f"it was begun with {_options(then)}, not {_options(now)}"
    names_then, names_now = ([[f[0] for f in files] for files in about["inputs"]] for about in (then, now))
    if names_then != names_now:
        pairs = zip([*names_then, []], [*names_now, []], strict=False)
        was, given = next((a, b) for a, b in pairs if a != b)
        return f"it was begun with other inputs: {_short(was)} where {_short(given)} is given now"
    for files_then, files_now in zip(then["inputs"], now["inputs"], strict=True):
        for a, b in zip(files_then, files_now, strict=True):
            if a != b:
                return f"{b[0]} has changed since"
    for name in {**then["versions"], **now["versions"]}:
        a, b = (about["versions"].get(name, "none") for about in (then, now))
        if a != b:
            return f"it was begun with {name} {a}, and now there is {b}"
    return ""


def _options(about: dict[str, Any]) -> str:
    options = [f"--model {m}" for m in about["models"]] + ["--all"] * about["every"]
    return " ".join(options) or "no --model and no --all"


def _short(names: list[str]) -> str:
    return Path(names[0]).name if names else "none"
