"""One frame as a NeXus file of its own."""

from __future__ import annotations

import os
from pathlib import Path

from matstudio import __version__
from matstudio.domain.frame import Frame
from matstudio.session import layout


def write_frame(path: Path, frame: Frame) -> None:
    """Write one frame with its axes as an NXdata group; a file that is there is replaced.

    Raises:
        OSError: it cannot be written.
    """
    put(path, nexus(frame))


def put(path: Path, content: bytes) -> None:
    """Write a whole file; one that is there is replaced, and one that cannot be finished does not appear.

    Raises:
        OSError: it cannot be written; `strerror` says why.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def nexus(frame: Frame) -> bytes:
    """A NeXus file of one frame with its axes as an NXdata group, compressed with gzip, which every HDF5 program reads.

    Made in memory: HDF5 may bring its process down (SIGBUS) where a disk takes no more.
    """
    import h5py

    with h5py.File("frame", "w", driver="core", backing_store=False) as file:
        layout.set_text(file, "NX_class", "NXroot")
        layout.set_text(file, "default", layout.ENTRY)
        layout.set_text(file, "creator", "MatStudio")
        layout.set_text(file, "creator_version", __version__)
        entry = layout.make_group(file, layout.ENTRY, "NXentry")
        name = layout.group_name(frame.stream)
        layout.set_text(entry, "default", name)
        layout.put_text(entry, "title", str(frame.metadata.get("mode", frame.stream)))
        layout.put_text(entry, "metadata", layout.to_json(frame.metadata))
        group = layout.make_group(entry, name, "NXdata")
        for key, text in (
            ("signal", "data"),
            ("interpretation", "spectrum" if frame.data.ndim == 1 else "image"),
            ("kind", str(frame.kind)),
        ):
            layout.set_text(group, key, text)
        data = group.create_dataset("data", data=frame.data, compression="gzip", shuffle=True)
        layout.describe_data(data, frame)
        layout.put_axes(group, frame.axes, [])
        file.flush()
        return bytes(file.id.get_file_image())
