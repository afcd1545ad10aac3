"""Damaged session files: what reading one raises becomes one line; what claims more than it holds is refused."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

DAMAGE = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What h5py, json and a reader's own code raise on data that are not as they were written."""
MOST_FRAME_BYTES = 2**30
_SLACK = 2**26  # bytes that a live file's columns may be ahead of its size


@contextlib.contextmanager
def naming(path: Path, what: str) -> Iterator[None]:
    """Turn what damaged data raise into a ValueError of one line: file, what was read, and what is wrong."""
    try:
        yield
    except DAMAGE as error:
        text = one_line(error)
        raise ValueError(text if str(path) in text else f"{path}: {what}: {text}") from None


def one_line(error: BaseException) -> str:
    """The error's text on one line of at most 300 characters, never empty."""
    text = " ".join(str(error.args[0] if isinstance(error, KeyError) and error.args else error).split())
    text = f"{type(error).__name__}: {text}" if isinstance(error, LookupError | TypeError | AttributeError) else text
    text = text or type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."


def check_sizes(entry: Any, path: Path) -> None:
    """Refuse datasets that claim more rows than the file has bytes for, before anybody asks for them.

    All but the frames are stored uncompressed, so that an honest column is no larger than the file.

    Raises:
        ValueError: one does.
    """
    size = os.stat(path).st_size
    for group in _groups(entry):
        for name, item in group.items():
            if not hasattr(item, "shape"):
                continue
            shape = tuple(item.shape or ())
            frames = "stream" in group.attrs and name == "data"
            claimed = int(np.prod(shape[1:] if frames else shape, dtype=object)) * item.dtype.itemsize
            if claimed > (MOST_FRAME_BYTES if frames else size + _SLACK):
                raise ValueError(f"{item.name} claims {shape} {item.dtype}, the file has {size} bytes")


def _groups(entry: Any) -> Iterator[Any]:
    """The groups below, three deep, as deep as a session goes."""
    below = [entry]
    for _ in range(4):
        yield from below
        below = [g for group in below for g in group.values() if not hasattr(g, "shape")]
