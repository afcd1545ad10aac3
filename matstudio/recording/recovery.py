"""Session files left by a crash: who holds a file, and making it open plainly again.

A recorder that dies leaves the superblock's write flag set, and HDF5 then refuses to open the file plainly. The flag is
byte 11 of a version 3 superblock, which ends in Jenkins' lookup3 checksum of what stands before it (HDF5 File Format
Specification 3.0, section II.A; Bob Jenkins, lookup3.c, 2006).
"""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

from matstudio.bus.lock import try_lock

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_FLAGS_AT = 11
_SIZE = 48  # of a version 3 superblock with 8-byte offsets
_MASK = 0xFFFFFFFF


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

        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            raise
    return fd


def check_signature(path: Path) -> None:
    """Raise a ValueError of one line where `path` is no HDF5 file at all."""
    try:
        with open(path, "rb") as file:
            head = file.read(8)
    except IsADirectoryError:
        raise ValueError(f"{path}: a folder, not a session") from None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None
    if not head:
        raise ValueError(f"{path}: empty file")
    if head != _SIGNATURE:
        raise ValueError(f"{path}: not an HDF5 file")


def clear_write_flag(path: Path) -> bool:
    """Clear the write flag that a crash left behind; True where there was one. Nothing else of the file changes.

    Raises:
        InUse: another program has the file open.
        ValueError: no HDF5 file, or its superblock is damaged; one line.
    """
    check_signature(path)
    try:
        fd = os.open(path, os.O_RDWR)
    except PermissionError:
        with open(path, "rb") as file:
            start = file.read(_SIZE)
        if len(start) == _SIZE and start[8] == 3 and start[_FLAGS_AT]:
            raise ValueError(f"{path}: was left open by a crash, and there is no right to repair it") from None
        return False
    try:
        if not try_lock(fd):
            raise InUse(f"{path}: open in another program (a recorder?); read it with swmr=True")
        head = bytearray(os.read(fd, _SIZE))
        if len(head) < _SIZE:
            raise ValueError(f"{path}: truncated: {len(head)} bytes")
        if head[8] != 3 or head[9] != 8:
            return False
        if lookup3(bytes(head[:-4])) != struct.unpack("<I", head[-4:])[0]:
            raise ValueError(f"{path}: damaged superblock (checksum)")
        if not head[_FLAGS_AT]:
            return False
        head[_FLAGS_AT] = 0
        head[-4:] = struct.pack("<I", lookup3(bytes(head[:-4])))
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, bytes(head))
        os.fsync(fd)
        return True
    finally:
        os.close(fd)


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
