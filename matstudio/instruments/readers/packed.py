"""Files that are packed: gzip or bzip2 around one file, and tar archives that hold one."""

from __future__ import annotations

import bz2
import gzip
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from matstudio.instruments.readers.signal import ReaderError, Signal

_OPENED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open}
_MOST_BYTES = 2**29
_MOST_MEMBERS = 1000
_ENDINGS = {".tgz": ".tar", ".tbz2": ".tar"}


def opener(head: bytes) -> Callable[[Path], IO[bytes]] | None:
    """What unpacks a file that begins so; None where it is not packed."""
    found: Callable[[Path], IO[bytes]] | None = next(
        (o for magic, o in _OPENED.items() if head.startswith(magic)), None
    )
    return found


def read_packed(path: Path, read: Callable[[Path], list[Signal]]) -> list[Signal]:
    """The signals of the one file within a packed one.

    Args:
        read: reads the file once it is unpacked.

    Raises:
        ReaderError: damaged, of more than 512 MiB, more than one file, or what `read` says of it.
    """
    with tempfile.TemporaryDirectory(prefix="matstudio-read-", ignore_cleanup_errors=True) as name:
        inner = path
        try:
            with open(path, "rb") as file:
                opened = opener(file.read(6))
            if opened is not None:
                inner = Path(name) / (path.stem + _ENDINGS.get(path.suffix.lower(), ""))
                with opened(path) as source:
                    _copy(path, source, inner)
            if is_tar(inner):
                inner = _member(path, inner, Path(name) / "tar")
        except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
            raise ReaderError(path, f"damaged: {error}") from None
        try:
            signals = read(inner)
        except ReaderError as error:
            raise ReaderError(path, f"{inner.name} in it: {str(error).removeprefix(f'{inner}: ')}") from None
        return [replace(s, metadata=dict(s.metadata) | {"unpacked": inner.name}) for s in signals]


def is_tar(path: Path) -> bool:
    """Whether a file begins as a tar archive does."""
    with open(path, "rb") as file:
        return file.read(512)[257:262] == b"ustar"


def _member(path: Path, archive: Path, folder: Path) -> Path:
    """The one file of a tar archive, in `folder`; hidden ones do not count."""
    folder.mkdir()
    found: list[str] = []
    with tarfile.open(archive, "r:") as members:
        for number, member in enumerate(members):
            name = Path(member.name).name
            if number >= _MOST_MEMBERS:
                raise ReaderError(path, f"a tar archive of more than {_MOST_MEMBERS} files; unpack it first")
            if not member.isfile() or name.startswith("."):
                continue
            found.append(name)
            if len(found) == 1 and name:
                source = members.extractfile(member)
                assert source is not None
                _copy(path, source, folder / name)
    if len(found) != 1:
        raise ReaderError(path, f"a tar archive of {len(found)} files; unpack it first")
    return folder / found[0]


def _copy(path: Path, source: IO[bytes], target: Path) -> None:
    done = 0
    with open(target, "wb") as out:
        while chunk := source.read(2**20):
            done += len(chunk)
            if done > _MOST_BYTES:
                raise ReaderError(path, f"unpacks to more than {_MOST_BYTES} bytes")
            out.write(chunk)
