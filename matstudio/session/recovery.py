"""Session files left by a crash: who holds a file, and making it open plainly again.

A recorder that dies leaves the superblock's write flag set, and HDF5 then refuses to open the file plainly. The flag is
byte 11 of a version 3 superblock, which ends in Jenkins' lookup3 checksum of what stands before it (HDF5 File Format
Specification 3.0, section II.A; Bob Jenkins, lookup3.c, 2006).
"""

from __future__ import annotations

import io
import os
import struct
import sys
import time
from enum import Enum, auto
from pathlib import Path
from typing import IO, Any

from matstudio.bus.lock import try_lock

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_FLAGS_AT = 11
_END_AT = 28  # end-of-file address
_SIZE = 48  # of a version 3 superblock with 8-byte offsets
_MASK = 0xFFFFFFFF
_MOST_MISSING = 1 << 30  # bytes that a crash may have kept from being written; more is a damaged file


class InUse(ValueError):
    """The file is open in another program; the text is one line."""


def hold(path: Path) -> int:
    """Mark `path` as being written for as long as the returned descriptor is open: others may read it, not repair it.

    HDF5 gives its own lock back when SWMR writing begins.

    Raises:
        OSError: another program holds the file.
    """
    fd = os.open(path, os.O_RDWR)
    if sys.platform != "win32":
        import fcntl

        until = time.monotonic() + 1.0
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
                break
            except OSError:  # somebody looks whether the file is held
                if time.monotonic() > until:
                    os.close(fd)
                    raise
                time.sleep(0.01)
    return fd


class Condition(Enum):
    """What a file's superblock and lock say."""

    CLOSED = auto()
    LIVE = auto()  # the write flag is set, and a recorder lives
    CRASHED = auto()  # the write flag is set, and nobody lives


def condition(path: Path) -> Condition:
    """Whether a session is closed, being written or left by a crash.

    Raises:
        ValueError: no HDF5 file, truncated, or its superblock is damaged; one line.
    """
    head = _superblock(path)
    if not _flags(head):
        return Condition.CLOSED
    try:
        fd = os.open(path, os.O_RDONLY)
        try:
            return Condition.CRASHED if try_lock(fd) else Condition.LIVE
        finally:
            os.close(fd)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None


def clear_write_flag(path: Path) -> bool:
    """Clear the write flag that a crash left behind; True where there was one. A file that is shorter than it says,
    because the crash (or a full disk) came before all was written, gets zeros at its end: without them HDF5 refuses all
    of it. Nothing else changes.

    Raises:
        InUse: another program has the file open.
        ValueError: no HDF5 file, truncated, its superblock is damaged, or no right to change it; one line.
    """
    if not _flags(_superblock(path)):
        return False
    try:
        fd = os.open(path, os.O_RDWR)
    except OSError as error:
        raise ValueError(f"{path}: left open by a crash, and cannot be repaired: {error.strerror}") from None
    try:
        if not try_lock(fd):
            raise InUse(f"{path}: open in another program (a recorder?); read it with swmr=True")
        head = os.read(fd, _SIZE)
        if _end(head) > os.fstat(fd).st_size:
            os.ftruncate(fd, _end(head))
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, cleared(head))
        os.fsync(fd)
        return True
    except OSError as error:
        raise ValueError(f"{path}: left open by a crash, and cannot be repaired: {error.strerror}") from None
    finally:
        os.close(fd)


def never_written(path: Path) -> int:
    """Bytes that a file left by a crash says to have and lacks at its end; 0 for any other file.

    Raises:
        ValueError: as `condition`.
    """
    head = _superblock(path)
    return max(0, _end(head) - path.stat().st_size) if _flags(head) else 0


def open_crashed(path: Path) -> IO[bytes]:
    """A file object that shows `path` as `clear_write_flag` would leave it; the file itself is left alone."""
    return _Cleared(path)


class _Cleared(io.FileIO):
    """Reads a file whose first 48 bytes are replaced, with zeros behind its end as far as it should go."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "r")
        head = os.pread(self.fileno(), _SIZE, 0) if hasattr(os, "pread") else super().read(_SIZE)
        self._head = cleared(head)
        self._end = max(_end(head), super().seek(0, os.SEEK_END))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return super().seek(self._end + offset) if whence == os.SEEK_END else super().seek(offset, whence)

    def readinto(self, buffer: Any) -> int | None:
        at = self.tell()
        view = memoryview(buffer)[: max(0, self._end - at)]
        n = super().readinto(view) or 0
        if n and at < _SIZE:
            part = self._head[at : at + n]
            view[: len(part)] = part
        view[n:] = bytes(len(view) - n)
        super().seek(at + len(view))
        return len(view)


def cleared(head: bytes) -> bytes:
    """A version 3 superblock (48 bytes) without write flags and with the checksum that belongs to it."""
    body = head[:_FLAGS_AT] + b"\0" + head[_FLAGS_AT + 1 : -4]
    return body + struct.pack("<I", lookup3(body))


def _flags(head: bytes) -> int:
    return head[_FLAGS_AT] if head[8] == 3 and head[9] == 8 else 0


def _end(head: bytes) -> int:
    """Bytes that the whole file has, as its superblock says."""
    return int(struct.unpack_from("<Q", head, _END_AT)[0])


def _superblock(path: Path) -> bytes:
    """The first 48 bytes; a ValueError of one line where they are not those of a whole HDF5 file, or of one that was
    being written."""
    try:
        for _ in range(5):  # a live file may be longer in its superblock than on the disk for a moment
            with open(path, "rb") as file:
                head = file.read(_SIZE)
                size = os.fstat(file.fileno()).st_size
            if not head:
                raise ValueError(f"{path}: empty file")
            if head[:8] != _SIGNATURE[: len(head)] or len(head) < 8:
                raise ValueError(f"{path}: not an HDF5 file")
            if len(head) < _SIZE:
                raise ValueError(f"{path}: truncated: {size} bytes")
            if head[8] != 3 or head[9] != 8:
                return head
            if lookup3(head[:-4]) == struct.unpack("<I", head[-4:])[0]:
                if _end(head) <= size:
                    return head
                wrong = f"truncated: {size} of {_end(head)} bytes"
            else:
                wrong = "damaged superblock (checksum)"
            time.sleep(0.02)
        if wrong.startswith("truncated") and _flags(head) and _end(head) - size <= _MOST_MISSING:
            return head
    except IsADirectoryError:
        raise ValueError(f"{path}: a folder, not a session") from None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None
    raise ValueError(f"{path}: {wrong}")


def _rot(x: int, k: int) -> int:
    return (x << k | x >> (32 - k)) & _MASK


def lookup3(data: bytes, seed: int = 0) -> int:
    """Bob Jenkins' lookup3 hash ("hashlittle") of `data`, 32 bits."""
    a: int
    b: int
    c: int
    a = b = c = (0xDEADBEEF + len(data) + seed) & _MASK
    if not data:
        return c
    whole = (len(data) - 1) // 12 * 12
    for at in range(0, whole, 12):
        x, y, z = struct.unpack_from("<3I", data, at)
        a, b, c = (a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK
        for k1, k2, k3 in ((4, 6, 8), (16, 19, 4)):
            a = (a - c) & _MASK ^ _rot(c, k1)
            c = (c + b) & _MASK
            b = (b - a) & _MASK ^ _rot(a, k2)
            a = (a + c) & _MASK
            c = (c - b) & _MASK ^ _rot(b, k3)
            b = (b + a) & _MASK
    x, y, z = struct.unpack("<3I", data[whole:].ljust(12, b"\0"))
    a, b, c = (a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK
    c = ((c ^ b) - _rot(b, 14)) & _MASK
    a = ((a ^ c) - _rot(c, 11)) & _MASK
    b = ((b ^ a) - _rot(a, 25)) & _MASK
    c = ((c ^ b) - _rot(b, 16)) & _MASK
    a = ((a ^ c) - _rot(c, 4)) & _MASK
    b = ((b ^ a) - _rot(a, 14)) & _MASK
    return ((c ^ b) - _rot(b, 24)) & _MASK
