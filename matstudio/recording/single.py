"""One frame as a NeXus file of its own."""

from __future__ import annotations

from pathlib import Path

from matstudio import __version__
from matstudio.domain.frame import Frame
from matstudio.session import layout


def write_frame(path: Path, frame: Frame) -> None:
    """Write one frame with its axes as an NXdata group; a file that is there is replaced.

    Compressed with gzip, which every HDF5 program reads.

    Raises:
        OSError: it cannot be written.
    """
    import h5py

    temporary = path.with_name(f".{path.name}.new")
    try:
        with h5py.File(temporary, "w") as file:
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
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
