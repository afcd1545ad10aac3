"""One frame as a NeXus file of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from matstudio import __version__
from matstudio.domain.frame import Frame


def write_frame(path: Path, frame: Frame) -> None:
    """Write `frame` as the default NXdata of a new file; an old file there is replaced only by a whole new one.

    Raises:
        OSError: it cannot be written.
    """
    import h5py

    temporary = path.with_name(path.name + ".new")
    with h5py.File(temporary, "w") as file:
        file.attrs["default"] = "entry"
        file.attrs["creator"] = f"MatStudio {__version__}"
        entry = file.create_group("entry")
        entry.attrs.update({"NX_class": "NXentry", "default": "data"})
        data = entry.create_group("data")
        names = [_name(axis.name) for axis in frame.axes]
        data.attrs.update({"NX_class": "NXdata", "signal": "data", "axes": np.array(names, dtype=h5py.string_dtype())})
        signal = data.create_dataset("data", data=frame.data, compression="gzip", shuffle=True)
        signal.attrs["long_name"] = str(frame.metadata.get("quantity", "data"))
        signal.attrs["units"] = str(frame.metadata.get("unit", "counts"))
        for i, (name, axis) in enumerate(zip(names, frame.axes, strict=True)):
            values = data.create_dataset(name, data=axis.values)
            values.attrs.update({"units": axis.units, "long_name": axis.name})
            data.attrs[f"{name}_indices"] = i
        entry["kind"] = str(frame.kind)
        entry["metadata"] = json.dumps(dict(frame.metadata), default=str, ensure_ascii=False)
    temporary.replace(path)


def _name(text: str) -> str:
    """`text` as a NeXus name: letters, digits and underscores, not beginning with a digit."""
    plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in text).strip("_") or "axis"
    return f"axis_{plain}" if plain[0].isdigit() or plain == "data" else plain
