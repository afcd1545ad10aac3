"""RHEED images of KSA-400 systems (.img). The layout is not published by its maker; this is what such files show."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from matstudio.domain.frame import Axis, Kind
from matstudio.instruments.readers.guard import MAX_BYTES
from matstudio.instruments.readers.signal import ReaderError, Signal

_HEADER = {b"KSA00F": 640, b"KSA00J": 685}  # bytes before each image, by the text at byte 39
_WIDTH_AT, _HEIGHT_AT = 49, 321  # big-endian 16-bit


def read_ksa(path: Path) -> list[Signal]:
    """The images of a file, uint16, (rows, columns) or (frames, rows, columns), in pixels.

    Raises:
        ReaderError: an unknown version, or a size that does not fit the header.
    """
    with open(path, "rb") as file:
        head = file.read(1024)
    version = head[39:45]
    if version not in _HEADER:
        raise ReaderError(path, f"a KSA-400 file of unknown version {version.decode('latin-1')!r}")
    before = _HEADER[version]
    width, height = (int.from_bytes(head[at : at + 2], "big") for at in (_WIDTH_AT, _HEIGHT_AT))
    size, one = path.stat().st_size, before + 2 * width * height
    if not width or not height or size % one:
        raise ReaderError(
            path, f"the header claims {width} x {height} pixels, {one} bytes an image; the file has {size} bytes"
        )
    if size > MAX_BYTES:
        raise ReaderError(path, f"{size} bytes; the limit is {MAX_BYTES}")
    record = np.dtype([("head", f"V{before}"), ("image", "<u2", (height, width))])
    images = np.fromfile(path, record)["image"].copy()
    axes = (Axis("y", "px", 1.0, 0.0, height), Axis("x", "px", 1.0, 0.0, width))
    n = len(images)
    if n > 1:
        axes = (Axis("frame", "px", 1.0, 0.0, n), *axes)
    facts = {"mode": "RHEED", "version": version.decode()}
    data = images if n > 1 else images[0]
    return [Signal(path.stem, Kind.DIFFRACTION, data, axes, "intensity", "counts", "rheed", "frames", 2, facts)]
