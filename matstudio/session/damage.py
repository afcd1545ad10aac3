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
_MOST_GROUPS = 10_000
_FILTERS = {1, 2, 3, 32008}  # deflate, shuffle, checksum, bitshuffle


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


def check_layout(entry: Any, path: Path) -> None:
    """Refuse what no session has, before HDF5 is asked for it: links, data that lie in other files, filters and types
    of others (reading some of them ends the process), and columns that claim more rows than the file has bytes for.

    All but the frames are stored uncompressed, so that an honest column is no larger than the file.

    Raises:
        ValueError: there is something of that; one line without the path.
    """
    import h5py

    size = os.stat(path).st_size
    groups = [entry]
    for group in groups:
        if len(groups) > _MOST_GROUPS:
            raise ValueError(f"more than {_MOST_GROUPS} groups")
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{group.name}/{name} is a link; a session has none")
            item = group[name]
            if isinstance(item, h5py.Group):
                groups.append(item)
            elif isinstance(item, h5py.Dataset):
                _check_dataset(item, "stream" in group.attrs and name == "data", size)


def _check_dataset(item: Any, frames: bool, size: int) -> None:
    made = item.id.get_create_plist()
    filters = {made.get_filter(i)[0] for i in range(made.get_nfilters())}
    if item.is_virtual or item.external or not filters <= _FILTERS or item.dtype.kind not in "iufS":
        raise ValueError(f"{item.name}: {item.dtype}, filters {sorted(filters)}: not as a session is written")
    shape = tuple(item.shape or ())
    claimed = int(np.prod(shape[1:] if frames else shape, dtype=object)) * item.dtype.itemsize
    if claimed > (MOST_FRAME_BYTES if frames else size + _SLACK):
        raise ValueError(f"{item.name} claims {shape} {item.dtype}, the file has {size} bytes")
