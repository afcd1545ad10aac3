"""A ring of frames in a memory-mapped file: one writer, any number of readers, nobody waits for anybody.

Layout: a 4,096-byte head (magic, version, slots, slot size, frames written), then the slots. A slot holds the number of
its frame before and after its content (a seqlock): a reader that finds them unequal, or changed, has been overtaken.
The writer holds a lock on the file for as long as it lives; a ring whose lock is free is a dead one.
"""

from __future__ import annotations

import logging
import mmap
import os
import stat
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from matstudio.bus import wire
from matstudio.bus.lock import try_lock
from matstudio.domain.frame import Axis, Frame
from matstudio.domain.typed import wrong

_MAGIC = b"MATSRING"
_VERSION = 1
_HEAD = 4096
_HEAD_FORMAT = struct.Struct("<8sIIQ")
_COUNT_AT = 64
_SLOT_HEAD = 64  # begin, end, header bytes, data bytes: four uint64, padded
_SLOT, _WORD = struct.Struct("=4Q"), struct.Struct("=Q")
_AGAIN_S = 1.0  # after which a damaged ring is looked at again
_TRIES = 20  # of a reader that finds a frame torn while the writer stands still
log = logging.getLogger(__name__)


class RingError(ValueError):
    """A file that is no ring of ours, or a frame that does not fit; the text is one line."""


class RingWriter:
    """Makes the ring and writes frames to it.

    Args:
        path: where; made with mode 0600, an old file there is replaced.
        frame_bytes: data bytes of the largest frame.
        slots: frames held; a sequential reader that falls further behind loses frames (and counts them).
    """

    def __init__(self, path: Path, frame_bytes: int, slots: int = 16) -> None:
        self.path = path
        self._slot = -(-(frame_bytes + _SLOT_HEAD + 65536) // 4096) * 4096
        self._slots = slots
        temporary = path.with_name(path.name + ".new")
        temporary.unlink(missing_ok=True)
        self._fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        size = _HEAD + slots * self._slot
        try:
            os.ftruncate(self._fd, size)
            if hasattr(os, "posix_fallocate"):  # a full /dev/shm is an error here, not a SIGBUS at some frame
                os.posix_fallocate(self._fd, 0, size)
        except OSError as error:
            os.close(self._fd)
            temporary.unlink()
            raise RingError(f"{path}: no room for {size / 1e6:.0f} MB of frames: {error.strerror}") from None
        if not try_lock(self._fd):
            raise RingError(f"{path}: locked by another writer")
        self._map = mmap.mmap(self._fd, size)
        _HEAD_FORMAT.pack_into(self._map, 0, _MAGIC, _VERSION, slots, self._slot)
        self._words = np.frombuffer(self._map, np.uint64)
        self._count = 0
        os.replace(temporary, path)

    def write(self, frame: Frame) -> None:
        """Write a frame over the oldest one. Copies the data; takes microseconds, blocks on nothing.

        Raises:
            RingError: the frame is larger than the ring was made for.
        """
        data = np.ascontiguousarray(frame.data)
        head = wire.pack((data.dtype.str, replace(frame, data=np.zeros(()), axes=()), frame.axes, data.shape))
        if _SLOT_HEAD + len(head) + data.nbytes > self._slot:
            raise RingError(f"{frame.stream} #{frame.seq}: {data.nbytes} bytes do not fit in a slot of {self._slot}")
        number = self._count + 1
        at = _HEAD + (self._count % self._slots) * self._slot
        word = at // 8
        self._words[word] = number
        self._words[word + 2] = len(head)
        self._words[word + 3] = data.nbytes
        start = at + _SLOT_HEAD
        self._map[start : start + len(head)] = head
        start += len(head)
        np.frombuffer(self._map, np.uint8, data.nbytes, start)[:] = data.reshape(-1).view(np.uint8)
        self._words[word + 1] = number
        self._words[_COUNT_AT // 8] = number
        self._count = number

    def close(self) -> None:
        """Remove the ring. Readers that have it open keep what they see."""
        if self._fd < 0:
            return
        del self._words
        self._map.close()
        if self.path.exists() and os.stat(self.path).st_ino == os.fstat(self._fd).st_ino:
            self.path.unlink()
        os.close(self._fd)
        self._fd = -1


class JoinedRing(RingWriter):
    """Writes to a ring that another process has made, and holds. Only one at a time may write; it goes on where the
    last one was stopped, even in the midst of a frame.

    Args:
        path: of the ring; not looked at closely, its maker is ours.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        self._map = mmap.mmap(self._fd, 0)
        _, _, self._slots, self._slot = _HEAD_FORMAT.unpack_from(self._map)
        self._words = np.frombuffer(self._map, np.uint64)
        self._count = int(self._words[_COUNT_AT // 8])

    def close(self) -> None:
        """Let go of the ring, which stays."""
        del self._words
        self._map.close()
        os.close(self._fd)


class RingReader:
    """Reads a ring: `newest` for viewers and models, `next` for the recorder.

    What the file holds is not trusted: a ring that was cut short or overwritten leaves one line in `damaged`, and gives
    frames again when it is whole, which is looked at every second. Touching a mapped page that a file no longer has
    ends the process (SIGBUS); therefore the file's length is looked at before each copy. (`os.pread` would not have
    the microseconds between look and copy, but takes 2.5 times as long.)

    Raises:
        FileNotFoundError: there is no such ring.
        RingError: the file is no ring of this version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0
        self.missed = 0
        self.damaged, self._told, self._again = "", "", 0.0
        self._map: Any = None
        try:
            self._fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            raise RingError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        found = os.fstat(self._fd)
        self._inode, size = found.st_ino, found.st_size
        if not stat.S_ISREG(found.st_mode) or size < _HEAD:
            raise RingError(f"{self.path}: not a ring ({size} bytes)")
        self._size = size
        self._map = mmap.mmap(self._fd, size, access=mmap.ACCESS_READ)
        magic, version, self._slots, self._slot = _HEAD_FORMAT.unpack(self._read(0, _HEAD_FORMAT.size))
        whole = size == _HEAD + self._slots * self._slot and self._slots > 1 and self._slot % 8 == 0
        if magic != _MAGIC or version != _VERSION or not whole or self._slot < _SLOT_HEAD:
            raise RingError(f"{self.path}: not a ring of version {_VERSION}")

    def _read(self, at: int, n: int) -> bytes:
        size = os.fstat(self._fd).st_size
        if size < self._size:
            raise RingError(f"{self.path}: cut short: {size} of {self._size} bytes")
        return self._map[at : at + n]

    @property
    def written(self) -> int:
        """Frames written to the ring so far; of a damaged ring those up to `position`."""
        if self.damaged and time.monotonic() < self._again:
            return self.position
        try:
            count = int(_WORD.unpack(self._read(_COUNT_AT, 8))[0])
        except RingError as error:
            self._damage(error)
            return self.position
        if self.damaged:
            self.damaged, self.position = "", min(self.position, count)
        return count

    def replaced(self) -> bool:
        """Whether the ring at `path` is gone or is another one now (its writer was restarted)."""
        try:
            return os.stat(self.path).st_ino != self._inode
        except FileNotFoundError:
            return True

    def newest(self) -> Frame | None:
        """The newest frame, or None where nothing came since the last call. `missed` counts what was passed over."""
        return self._take(lambda count: count)

    def next(self) -> Frame | None:
        """The oldest frame not read yet, or None. `missed` counts frames overwritten before they were read."""
        return self._take(lambda count: max(self.position + 1, count - self._slots + 2))

    def _take(self, choose: Callable[[int], int]) -> Frame | None:
        failed, tries = -1, 0
        while (count := self.written) != self.position:
            number = choose(count)
            try:
                frame = self._copy(number) if count > self.position else None
            except (ValueError, TypeError) as error:
                self._damage(error)
                return None
            if frame is not None:
                self.missed += number - self.position - 1
                self.position = number
                return frame
            # a frame that is not where the count says, and the writer has not gone on meanwhile
            tries = tries + 1 if count == failed else 0
            failed = count
            if tries > _TRIES:
                self._damage(RingError(f"{self.path}: frame {number} of {count} is not in its slot"))
                return None
        return None

    def _damage(self, error: Exception) -> None:
        line = " ".join(f"{error}".split())[:300]
        self.damaged = line if str(self.path) in line else f"{self.path}: damaged frame: {line}"
        self._again = time.monotonic() + _AGAIN_S
        if self.damaged != self._told:
            self._told = self.damaged
            log.warning("%s", self.damaged)

    def skip_to_end(self) -> None:
        """Leave out what was written so far, without counting it as missed."""
        self.position = self.written

    def skip_to_oldest(self) -> None:
        """Leave out what was overwritten already, without counting it as missed."""
        self.position = max(self.position, self.written - self._slots + 1)

    def _copy(self, number: int) -> Frame | None:
        at = _HEAD + ((number - 1) % self._slots) * self._slot
        begin, end, head_bytes, data_bytes = _SLOT.unpack(self._read(at, _SLOT.size))
        if begin != number or end != number or _SLOT_HEAD + head_bytes + data_bytes > self._slot:
            return None
        head = self._read(at + _SLOT_HEAD, head_bytes)
        raw = self._read(at + _SLOT_HEAD + head_bytes, data_bytes)
        if _WORD.unpack(self._read(at, 8))[0] != number:
            return None
        dtype, frame, axes, shape = wire.unpack(head)
        found = wrong((dtype, frame, axes, shape), tuple[str, Frame, tuple[Axis, ...], tuple[int, ...]])
        if found or not wire.plain_dtype(dtype):
            raise RingError(f"{self.path}: frame {number}{found or f': values of type {dtype!r}'}")
        data = np.frombuffer(raw, np.dtype(dtype)).reshape(shape)
        return replace(frame, data=data, axes=axes)

    def close(self) -> None:
        """Let go of the ring."""
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
