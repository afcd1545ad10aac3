"""One frame in a file of its own, in the format that the file's ending names."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np

from matstudio import __version__
from matstudio.domain.frame import Axis, Frame
from matstudio.recording.single import nexus, put
from matstudio.session import layout

_ASCII = {"Å": ("nm", 0.1), "1/Å": ("1/nm", 10.0), "°": ("deg", 1.0)}
"""Units that a TIFF cannot name, what it names instead, and how many of those one is."""
_DOCUMENT_NAME = 269


def suffixes(dimensions: int) -> tuple[str, ...]:
    """Endings of the files that a frame of so many dimensions can be written to; the first keeps all of it."""
    return {1: (".nxs", ".csv"), 2: (".nxs", ".tif", ".npy")}.get(dimensions, (".nxs",))


def write(path: Path, frame: Frame) -> None:
    """Write a frame; a file that is there is replaced, and one that cannot be finished does not appear.

    .nxs keeps values, axes and metadata, .tif values and axes (as ImageJ and DigitalMicrograph name them), .csv the
    coordinate and the value of each point with the metadata above, .npy the values. Truth values become 0 and 1.

    Raises:
        ValueError: the ending names no format for such a frame; one line.
        OSError: it cannot be written; `strerror` says why.
    """
    ending = path.suffix.lower()
    if ending not in suffixes(frame.data.ndim):
        raise ValueError(f"{path.name}: written as {', '.join(suffixes(frame.data.ndim))}")
    if frame.data.dtype == bool:
        frame = replace(frame, data=frame.data.astype(np.uint8))
    put(path, _FORMATS[ending](frame))


def _npy(frame: Frame) -> bytes:
    file = io.BytesIO()
    np.save(file, frame.data, allow_pickle=False)
    return file.getvalue()


def _tif(frame: Frame) -> bytes:
    from rsciio.tiff import file_writer

    axes = [
        {
            "name": axis.name,
            "size": axis.size,
            "units": units,
            "scale": axis.scale * factor,
            "offset": axis.offset * factor,
            "navigate": False,
            "index_in_array": i,
        }
        for i, axis in enumerate(frame.axes)
        for units, factor in (_ASCII.get(axis.units, (_ascii(axis.units.replace("µ", "u")), 1.0)),)
    ]
    data = np.ascontiguousarray(frame.data)
    signal = {"data": data, "axes": axes, "metadata": {"General": {"title": frame.stream}}, "original_metadata": {}}
    instrument = str(frame.metadata.get("instrument", ""))
    told = _ascii(f"MatStudio {__version__} {instrument}, stream {frame.stream}, frame {frame.seq}")
    tag = (_DOCUMENT_NAME, "s", 0, told, True)
    file = io.BytesIO()
    file_writer(file, signal, export_scale=True, extratags=[tag])
    return file.getvalue()


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()


def _csv(frame: Frame) -> bytes:
    axis: Axis = frame.axes[0]
    facts = {k: v for k, v in frame.metadata.items() if k not in ("quantity", "unit")}
    lines = [f"# MatStudio {__version__}, stream {frame.stream}, frame {frame.seq}"]
    lines += [f"# {key}: {layout.to_json(value)}" for key, value in facts.items()]
    quantity, unit = str(frame.metadata.get("quantity") or "value"), str(frame.metadata.get("unit") or "")
    heads = (f"{axis.name} / {axis.units}", f"{quantity} / {unit}" if unit else quantity)
    lines.append(",".join(head.replace(",", " ") for head in heads))
    whole = frame.data.dtype.kind in "biu"
    lines += [f"{x!r},{int(y) if whole else float(y)!r}" for x, y in zip(axis.values.tolist(), frame.data, strict=True)]
    return ("\n".join(lines) + "\n").encode()


_FORMATS = {".nxs": nexus, ".tif": _tif, ".npy": _npy, ".csv": _csv}
