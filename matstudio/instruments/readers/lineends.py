"""TIFF files that were copied as if they were text: with every CR LF of their description became LF, and all behind it
moved. Runs in the guarded child process only (`child.py`)."""

from __future__ import annotations

import struct
from pathlib import Path

_DESCRIPTION, _STRIP, _STRIP_BYTES = 270, 273, 279
_MOST_BYTES = 2**28


def restored(path: Path, folder: Path) -> tuple[Path, int]:
    """A TIFF file whose one strip lies beyond its end by as many bytes as its description has lines is put right again.

    Returns:
        the file, or one of the same name in `folder` that was put right; and how many bytes that took.
    """
    if path.stat().st_size > _MOST_BYTES:
        return path, 0
    raw = path.read_bytes()
    entries = _entries(raw)
    strip, size, text = (entries.get(tag, (0, 0)) for tag in (_STRIP, _STRIP_BYTES, _DESCRIPTION))
    lost = strip[1] + size[1] - len(raw)
    start, end = text[1], text[1] + text[0] - lost
    lines = raw[start:end]
    whole = strip[0] != 1 or size[0] != 1 or lost <= 0 or not start < end < strip[1]
    if whole or b"\r\n" in lines or lines.count(b"\n") != lost:
        return path, 0
    new = folder / path.name
    new.write_bytes(raw[:start] + lines.replace(b"\n", b"\r\n") + raw[end:])
    return new, lost


def _entries(raw: bytes) -> dict[int, tuple[int, int]]:
    """Count and value (or place) of each field of the first directory; {} where there is none."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(raw[:4])
    if order is None:
        return {}
    try:
        (at,) = struct.unpack_from(f"{order}I", raw, 4)
        (n,) = struct.unpack_from(f"{order}H", raw, at)
        fields = [struct.unpack_from(f"{order}HHII", raw, at + 2 + 12 * i) for i in range(min(n, 200))]
    except struct.error:
        return {}
    return {tag: (count, value) for tag, _, count, value in fields}
