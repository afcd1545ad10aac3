"""Which model each stream has, and what the model host is doing: kept in the run directory, where they outlive it."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Sequence

from matstudio.bus.rundir import Run
from matstudio.domain.estimate import Estimate
from matstudio.domain.frame import Frame

_BYTES = 256
_DOING = "modelhost.doing"


class Choices:
    """The models that a person has chosen, and those that were left out because they hung.

    A model that was left out is not used again until a person chooses it again.

    Args:
        run: whose choices; every call reads the file anew.
    """

    def __init__(self, run: Run) -> None:
        self._path = run.path / "models.json"

    def model(self, stream: str, offered: Sequence[str]) -> str:
        """The model of a stream: the one chosen, else the first of those `offered` that is not left out; "": none."""
        chosen, left_out = self._read()
        names = [chosen[stream], *offered] if chosen.get(stream) in offered else offered
        return next((name for name in names if [stream, name] not in left_out), "")

    def choose(self, stream: str, model: str) -> None:
        """A person has chosen a model."""
        chosen, left_out = self._read()
        self._write(chosen | {stream: model}, [pair for pair in left_out if pair != [stream, model]])

    def leave_out(self, stream: str, model: str) -> None:
        """A model has hung again and again. To be called while no model host runs."""
        chosen, left_out = self._read()
        self._write(chosen, [*left_out, [stream, model]])

    def _read(self) -> tuple[dict[str, str], list[list[str]]]:
        try:
            body = json.loads(self._path.read_text())
            return dict(body["chosen"]), list(body["left_out"])
        except (OSError, ValueError, KeyError, TypeError):  # nothing was chosen yet
            return {}, []

    def _write(self, chosen: dict[str, str], left_out: list[list[str]]) -> None:
        temporary = self._path.with_suffix(".new")
        temporary.write_text(json.dumps({"chosen": chosen, "left_out": left_out}))
        temporary.replace(self._path)


class NoModel:
    """What a stream has that no model reads.

    Args:
        why: what it says of every frame, one line.
    """

    name, version = "none", "0"

    def __init__(self, why: str) -> None:
        self._why = why

    def __call__(self, frame: Frame) -> Estimate:
        raise ValueError(self._why)


class Doing:
    """What the model host is doing now, readable by others after it was killed.

    Args:
        run: whose model host this is.
    """

    def __init__(self, run: Run) -> None:
        self._fd = os.open(run.path / _DOING, os.O_RDWR | os.O_CREAT, 0o600)
        self._tell(b"")

    @contextlib.contextmanager
    def model(self, stream: str, model: str) -> Iterator[None]:
        """A model works on a stream within this block."""
        self._tell(json.dumps([stream, model]).encode())
        try:
            yield
        finally:
            self._tell(b"")

    def _tell(self, text: bytes) -> None:
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, text[:_BYTES].ljust(_BYTES))

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)


def doing(run: Run) -> tuple[str, str, float] | None:
    """Stream and model that the run's model host works on, or worked on when it ended, and for how many seconds it
    does; None: on none."""
    path = run.path / _DOING
    try:
        stream, model = json.loads(path.read_bytes())
        return str(stream), str(model), time.time() - path.stat().st_mtime
    except (OSError, ValueError):
        return None


def forget(run: Run) -> None:
    """Take back what a model host that was killed was doing."""
    (run.path / _DOING).unlink(missing_ok=True)
