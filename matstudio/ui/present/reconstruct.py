"""What the operator chose to have reconstructed: whether it can be begun, and as which command. Knows no Qt."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from matstudio.workers.job import Work

SUFFIX = ".nxs"
DEFAULT = ""
"""In place of a model's name: the one that was recorded, else the first."""


@dataclass(frozen=True)
class Stream:
    """A stream of the files: its kind, how many frames it has, and the models that there are for it."""

    name: str
    kind: str
    frames: int
    models: tuple[str, ...]

    @property
    def text(self) -> str:
        """ "image, 1,204 frames"."""
        return f"{self.name}, {self.frames:,} frame{'s' if self.frames != 1 else ''}"


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Args:
        files: to be read, in their order.
        out: to be written; of several files the others go to NAME-2 and so on.
        models: stream -> name of the model, `DEFAULT` where nothing was chosen.
        every: analyse every frame, not only those that were analysed live.
        resume: go on with what was begun there and cut short.
    """

    files: tuple[Path, ...] = ()
    out: Path | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    every: bool = False
    resume: bool = False

    @property
    def begun(self) -> bool:
        """Whether something was begun there that can be gone on with."""
        return self.out is not None and _kept(self.out).is_dir()

    def refusal(self) -> str:
        """Why it cannot be begun, in words, or ""."""
        if not self.files:
            return "choose one file or more"
        if self.out is None:
            return "choose where the estimates go"
        if self.out.suffix != SUFFIX:
            return f"{self.out.name}: the estimates go to a file {SUFFIX}"
        if self.out in self.files:
            return f"{self.out.name}: is read, and cannot be written"
        if not self.out.parent.is_dir():
            return f"{self.out.parent}: no such folder"
        if self.begun:
            return "" if self.resume else f"{self.out.name}: was begun already: go on with it, or choose another name"
        return f"{self.out.name}: exists already" if self.out.exists() else ""

    def work(self) -> Work:
        """The job."""
        first = self.files[0].name
        title = f"reconstruct {first}" + (f" and {len(self.files) - 1} more" if len(self.files) > 1 else "")
        options = [f"--model={stream}={name}" for stream, name in self.models.items() if name != DEFAULT]
        options += ["--all"] * self.every + ["--resume"] * self.resume
        command = ("-m", "matstudio", "reconstruct", "--json", f"--out={self.out}", *options, "--")
        return Work(
            title, lambda _: (*command, *map(str, self.files)), self.out, True, again=self._again, summary=summary
        )

    def _again(self) -> Work:
        """The job that goes on with this one."""
        return replace(self, resume=self.begun).work()


def streams(said: str) -> tuple[Stream, ...]:
    """What `matstudio.modelhost.streams` printed.

    Raises:
        ValueError: it is something else.
    """
    try:
        found = json.loads(said)["streams"]
        return tuple(
            Stream(n, str(s["kind"]), int(s["frames"]), tuple(map(str, s["models"]))) for n, s in found.items()
        )
    except (KeyError, TypeError, AttributeError):
        raise ValueError("it is not known what the files hold") from None


def summary(said: str) -> str:
    """One line of what `matstudio reconstruct --json` printed.

    Raises:
        ValueError: it is something else.
    """
    try:
        told = json.loads(said)
        inputs, left_out = told["inputs"], len(told.get("left_out", ()))
        analysed = sum(int(i["analysed"]) for i in inputs)
        streams = [s for i in inputs for s in i["streams"].values()]
        compared, same = (sum(int(s[key]) for s in streams) for key in ("compared", "identical"))
    except (KeyError, TypeError, AttributeError):
        raise ValueError("it is not known what was done") from None
    parts = [f"{analysed:,} frames analysed"]
    if compared:
        parts.append(f"{same:,} of {compared:,} estimates exactly as they were recorded")
    if left_out:
        parts.append(f"{left_out} input{'s' if left_out > 1 else ''} left out")
    return "; ".join(parts)


def free(files: Sequence[Path]) -> Path | None:
    """A name beside the first file that nothing has yet; None without files."""
    if not files:
        return None
    first = files[0]
    names = (f"{first.stem}-again{SUFFIX}", *(f"{first.stem}-again-{n}{SUFFIX}" for n in range(2, 1000)))
    paths = (first.with_name(name) for name in names)
    return next((path for path in paths if not path.exists() and not _kept(path).exists()), None)


def _kept(out: Path) -> Path:
    """Where `matstudio reconstruct` keeps what it has done."""
    return out.with_name(f"{out.name}.job")
