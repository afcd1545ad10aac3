"""What a long job keeps while it goes on: small files in a folder, each whole or not there, with a checksum."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgpack

from matstudio.bus import wire
from matstudio.domain.estimate import Estimate

_HEAD = b"matstudio-kept 1 "
_DECODED = 8  # parts that are held unpacked


class Kept:
    """A folder of named bytes. Several processes may write to it at once; of two that write the same name one wins.

    Args:
        folder: is there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, data: bytes) -> None:
        """Keep bytes under a name, in place of what stands there."""
        new = self.scratch()
        try:
            new.write_bytes(_with_head(data))
            new.replace(self.folder / name)
        finally:
            new.unlink(missing_ok=True)

    def get(self, name: str) -> bytes | None:
        """The bytes of a name; None where there are none, or damaged ones."""
        try:
            head, _, data = (self.folder / name).read_bytes().partition(b"\n")
        except OSError:
            return None
        return data if head + b"\n" + data == _with_head(data) else None

    def put_json(self, name: str, value: Any) -> None:
        """As `put`, for what JSON can say."""
        self.put(name, json.dumps(value, ensure_ascii=False).encode())

    def get_json(self, name: str) -> Any:
        """What `put_json` kept, or None."""
        data = self.get(name)
        return None if data is None else json.loads(data)

    def first(self, name: str, data: bytes) -> bytes:
        """Keep bytes under a name where none stand there; those that then do."""
        new = self.scratch()
        try:
            new.write_bytes(_with_head(data))
            os.link(new, self.folder / name)  # unlike a rename it never takes another's place
        except FileExistsError:
            found = self.get(name)
            if found is not None:
                return found
            self.put(name, data)
        finally:
            new.unlink(missing_ok=True)
        return data

    def names(self, pattern: str) -> list[str]:
        """Names that match a shell pattern."""
        return sorted(p.name for p in self.folder.glob(pattern))

    def drop(self, pattern: str) -> None:
        """Forget the names that match a shell pattern."""
        for name in self.names(pattern):
            (self.folder / name).unlink(missing_ok=True)

    def scratch(self) -> Path:
        """A path for a file that is being written; what a kill leaves there `sweep` takes away."""
        return self.folder / f".{uuid.uuid4().hex}.new"

    def sweep(self) -> None:
        """Take away what was being written. Nobody may be writing."""
        for path in self.folder.glob(".*.new"):
            path.unlink(missing_ok=True)


class Parts:
    """The estimates of one input that are kept, in parts of some frames each.

    Args:
        kept: where. number: of the input.
    """

    def __init__(self, kept: Kept, number: int) -> None:
        self._kept, self._number = kept, number
        self._where: dict[int, tuple[str, int]] = {}
        self._decoded: dict[str, list[bytes]] = {}
        self.seconds = 0.0
        """Real time that those parts took."""
        for name in kept.names(f"{number}-*.part"):
            rows = self._read(name)
            if rows is not None:
                self._where |= {place: (name, i) for i, place in enumerate(range(rows[0], rows[0] + len(rows[2])))}
                self.seconds += rows[1]

    def __len__(self) -> int:
        return len(self._where)

    def get(self, place: int) -> Estimate | str | None:
        """The estimate of the frame at a place, or why it has none; None where it is not kept."""
        if place not in self._where:
            return None
        name, i = self._where[place]
        if name not in self._decoded:
            rows = self._read(name)
            if rows is None:
                return None
            if len(self._decoded) >= _DECODED:
                self._decoded.pop(next(iter(self._decoded)))
            self._decoded[name] = rows[2]
        found: Estimate | str = wire.unpack(self._decoded[name][i])
        return found

    def missing(self, planned: int) -> Iterator[tuple[int, int]]:
        """Runs of places, as (first, behind the last), out of `planned`, that are not kept."""
        start = None
        for place in range(planned + 1):
            here = place < planned and place not in self._where
            if here and start is None:
                start = place
            if not here and start is not None:
                yield start, place
                start = None

    def _read(self, name: str) -> tuple[int, float, list[bytes]] | None:
        data = self._kept.get(name)
        return None if data is None else msgpack.unpackb(data, use_list=True)


def put_part(kept: Kept, number: int, start: int, results: Sequence[Estimate | str], seconds: float) -> None:
    """Keep the results of some frames of input `number`, from place `start` on, and the time that they took."""
    if results:
        rows = [_packed(result) for result in results]
        kept.put(f"{number}-{start}.part", msgpack.packb((start, seconds, rows)))


def _with_head(data: bytes) -> bytes:
    return _HEAD + hashlib.sha256(data).hexdigest().encode() + b"\n" + data


def _packed(result: Estimate | str) -> bytes:
    try:
        data = wire.pack(result)
        wire.unpack(data)  # what cannot be read again is told now
    except (TypeError, wire.WireError) as error:
        return wire.pack(f"its estimate cannot be kept: {error}")
    return data
