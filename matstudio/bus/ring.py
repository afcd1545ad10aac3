"""A ring of frames in a memory-mapped file: one writer, any number of readers, nobody waits for anybody.

Layout: a 4,096-byte head (magic, version, slots, slot size, frames written), then the slots. A slot holds the number of
its frame before and after its content (a seqlock): a reader that finds them unequal, or changed, has been overtaken.
The writer holds a lock on the file for as long as it lives; a ring whose lock is free is a dead one.
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np

from matstudio.bus import wire
from matstudio.bus.lock import try_lock
from matstudio.domain.frame import Frame

_MAGIC = b"MATSRING"
_VERSION = 1
_HEAD = 4096
_HEAD_FORMAT = struct.Struct("<8sIIQ")
_COUNT_AT = 64
_SLOT_HEAD = 64  # begin, end, header bytes, data bytes: four uint64, padded


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


class RingReader:
    """Reads a ring: `newest` for viewers and models, `next` for the recorder.

    Raises:
        FileNotFoundError: there is no such ring.
        RingError: the file is no ring of this version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with open(path, "rb") as file:
            self._inode = os.fstat(file.fileno()).st_ino
            size = os.fstat(file.fileno()).st_size
            if size < _HEAD:
                raise RingError(f"{path}: not a ring ({size} bytes)")
            self._map = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
        magic, version, self._slots, self._slot = _HEAD_FORMAT.unpack_from(self._map, 0)
        if magic != _MAGIC or version != _VERSION or size != _HEAD + self._slots * self._slot:
            self._map.close()
            raise RingError(f"{path}: not a ring of version {_VERSION}")
        self._words = np.frombuffer(self._map, np.uint64)
        self.position = 0
        self.missed = 0

    @property
    def written(self) -> int:
        """Frames written to the ring so far."""
        return int(self._words[_COUNT_AT // 8])

    def replaced(self) -> bool:
        """Whether the ring at `path` is gone or is another one now (its writer was restarted)."""
        try:
            return os.stat(self.path).st_ino != self._inode
        except FileNotFoundError:
            return True

    def newest(self) -> Frame | None:
        """The newest frame, or None where nothing came since the last call. `missed` counts what was passed over."""
        while True:
            count = self.written
            if count == self.position:
                return None
            frame = self._copy(count)
            if frame is not None:
                self.missed += count - self.position - 1
                self.position = count
                return frame

    def next(self) -> Frame | None:
        """The oldest frame not read yet, or None. `missed` counts frames overwritten before they were read."""
        while True:
            count = self.written
            if count == self.position:
                return None
            oldest = max(self.position + 1, count - self._slots + 2)
            frame = self._copy(oldest)
            if frame is not None:
                self.missed += oldest - self.position - 1
                self.position = oldest
                return frame

    def skip_to_end(self) -> None:
        """Leave out what was written so far, without counting it as missed."""
        self.position = self.written

    def skip_to_oldest(self) -> None:
        """Leave out what was overwritten already, without counting it as missed."""
        self.position = max(self.position, self.written - self._slots + 1)

    def _copy(self, number: int) -> Frame | None:
        at = _HEAD + ((number - 1) % self._slots) * self._slot
        word = at // 8
        if int(self._words[word]) != number or int(self._words[word + 1]) != number:
            return None
        start = at + _SLOT_HEAD
        head_bytes, data_bytes = int(self._words[word + 2]), int(self._words[word + 3])
        if _SLOT_HEAD + head_bytes + data_bytes > self._slot:
            return None
        head = self._map[start : start + head_bytes]
        raw = self._map[start + head_bytes : start + head_bytes + data_bytes]
        if int(self._words[word]) != number:
            return None
        dtype, frame, axes, shape = wire.unpack(head)
        data = np.frombuffer(raw, np.dtype(dtype)).reshape(shape)
        return replace(frame, data=data, axes=axes)

    def close(self) -> None:
        """Let go of the ring."""
        if not self._map.closed:
            del self._words
            self._map.close()
