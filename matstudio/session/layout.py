"""The file layout: names, attributes and the NeXus groups of a session. docs/recording.md shows the whole tree."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from matstudio.domain.device import Actuator, Description, Stream
from matstudio.domain.frame import Axis, Frame, kind_named
from matstudio.domain.process import Limits, Quality

FORMAT = "matstudio-session"
FORMAT_VERSION = 2  # 1 had no checksums of frames and no counts at the end
ENTRY = "entry"
METADATA_WIDTH = 1024  # bytes of a frame's metadata beside the frame; what is longer goes on in metadata_more
TEXT_WIDTH = 512  # bytes of one chunk of a text table
QUALITIES = tuple(Quality)  # a reading's quality is stored as its index here
QUANTITIES = {
    "order_parameter": "1",
    "composition": "1",
    "lattice_a": "Å",
    "temperature": "K",
    "pressure": "GPa",
    "free_energy": "meV/atom",
}  # those that have a column of their own, for other programs' plots; all of them stand in the record's JSON
RESERVED = frozenset({"instrument", "process", "estimates", "state", "events", "session"})


def to_json(value: object) -> str:
    """JSON on one line; domain dataclasses as maps, arrays as lists. NaN and infinities as Python writes them.

    Raises:
        TypeError: for anything else that JSON does not know.
    """
    return json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no place in a session file")


def description_from_json(text: str) -> Description:
    """The description that `to_json` wrote.

    Raises:
        ValueError, KeyError, TypeError: the text is no description.
    """
    body = json.loads(text)
    return Description(
        name=body["name"],
        kind=body["kind"],
        streams=tuple(Stream(**(s | {"kind": kind_named(s["kind"])})) for s in body["streams"]),
        readings={k: (str(u), float(lo), float(hi)) for k, (u, lo, hi) in body["readings"].items()},
        actuators=tuple(Actuator(**(a | {"limits": Limits(**a["limits"])})) for a in body["actuators"]),
        state=body["state"],
    )


def signature(frame: Frame) -> tuple[object, ...]:
    """What all frames of a stream have in common within one file."""
    return frame.kind, frame.data.shape, frame.data.dtype, tuple((a.name, a.units) for a in frame.axes)


def set_text(owner: Any, name: str, value: str | Sequence[str]) -> None:
    """Give a group or dataset an attribute of fixed-length UTF-8 text."""
    import h5py

    many = not isinstance(value, str)
    encoded = [v.encode() for v in ([value] if isinstance(value, str) else value)]
    dtype = h5py.string_dtype("utf-8", max(1, *map(len, encoded)))
    owner.attrs.create(name, np.array(encoded if many else encoded[0], dtype), dtype=dtype)


def get_text(owner: Any, name: str, default: str = "") -> str:
    """A text attribute of a group or dataset."""
    value = owner.attrs.get(name, default)
    return value.decode() if isinstance(value, bytes) else str(value)


def put_text(group: Any, name: str, value: str, width: int = 0) -> Any:
    """A scalar dataset of fixed-length UTF-8 text, at least `width` bytes wide."""
    import h5py

    encoded = value.encode()
    return group.create_dataset(name, data=encoded, dtype=h5py.string_dtype("utf-8", max(1, width, len(encoded))))


def read_text(dataset: Any) -> str:
    """The text of a scalar dataset."""
    value = dataset[()]
    return value.decode() if isinstance(value, bytes) else str(value)


def make_group(parent: Any, name: str, nx_class: str) -> Any:
    """A group with its NeXus class."""
    group = parent.create_group(name)
    set_text(group, "NX_class", nx_class)
    return group


def nexus_name(text: str, taken: Sequence[str] = ()) -> str:
    """A valid NeXus name close to `text` that is not taken yet."""
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "axis"
    while name in taken:
        name += "_"
    return name.rstrip("_") + "_" * (len(name) - len(name.rstrip("_")))


def group_name(stream: str) -> str:
    """Name of a stream's NXdata group."""
    name = nexus_name(stream)
    return f"stream_{name}" if name in RESERVED else name


def estimates_name(stream: str) -> str:
    """Name of the table of a stream's estimates; another than the stream's own, because readers show it as a title."""
    return f"{group_name(stream)}_estimates"


def column(group: Any, name: str, dtype: Any, *, width: tuple[int, ...] = (), rows: int = 1024, units: str = "") -> Any:
    """An empty dataset (0, *width) that grows by rows; uncompressed, because partly filled chunks are rewritten."""
    fill = {"f": np.nan, "i": -1}.get(np.dtype(dtype).kind)  # shows rows that a crash kept from being written
    dataset = group.create_dataset(
        name, (0, *width), dtype, maxshape=(None, *width), chunks=(rows, *width), fillvalue=fill
    )
    if units:
        set_text(dataset, "units", units)
    return dataset


def make_stream(entry: Any, instrument: Any, frame: Frame, title: str) -> Any:
    """The NXdetector and NXdata groups of a stream whose frames look like `frame`; returns the NXdata group."""
    import hdf5plugin

    name = group_name(frame.stream)
    detector = make_group(instrument, name, "NXdetector")
    put_text(detector, "local_name", frame.stream)
    put_text(detector, "description", title or frame.stream)
    put_text(detector, "type", str(frame.kind))

    group = make_group(entry, name, "NXdata")
    for key, text in (
        ("signal", "data"),
        ("interpretation", "spectrum" if frame.data.ndim == 1 else "image"),
        ("stream", frame.stream),
        ("kind", str(frame.kind)),
        ("clock", frame.clock),
        ("title", title or frame.stream),
    ):
        set_text(group, key, text)
    data = group.create_dataset(
        "data",
        (0, *frame.data.shape),
        frame.data.dtype.newbyteorder("="),
        maxshape=(None, *frame.data.shape),
        chunks=(1, *frame.data.shape),
        fletcher32=True,
        **hdf5plugin.Bitshuffle(cname="lz4"),
    )
    describe_data(data, frame)
    column(group, "t_start", "f8", units="s")
    column(group, "t_end", "f8", units="s")
    column(group, "seq", "i8")
    column(group, "missed", "i8")
    column(group, "metadata", f"S{METADATA_WIDTH}", rows=16)
    column(group, "metadata_bytes", "u4")
    text_table(make_group(group, "metadata_more", "NXcollection"))

    put_axes(group, frame.axes, ["t_start"])
    return group


def describe_data(data: Any, frame: Frame) -> None:
    """Name and unit of a frame's values as attributes."""
    set_text(data, "long_name", str(frame.metadata.get("quantity") or frame.stream))
    if frame.metadata.get("unit"):
        set_text(data, "units", str(frame.metadata["unit"]))


def put_axes(group: Any, axes: Sequence[Axis], before: Sequence[str]) -> None:
    """Datasets of the axes, and the attributes that name them; `before` are names of dimensions that stand first."""
    names = list(before)
    for axis in axes:
        key = nexus_name(axis.name, [*names, *group])
        names.append(key)
        values = group.create_dataset(key, data=axis.values.astype("f8"))
        set_text(values, "units", axis.units)
        set_text(values, "long_name", axis.name)
        values.attrs["scale"], values.attrs["offset"] = float(axis.scale), float(axis.offset)
    set_text(group, "axes", names)
    for i, key in enumerate(names):
        group.attrs[f"{key}_indices"] = i


def axes_of(group: Any) -> tuple[Axis, ...]:
    """The axes of one frame of a stream, as `make_stream` wrote them."""
    out = []
    for raw in group.attrs["axes"][1:]:
        values = group[raw]
        name, units = get_text(values, "long_name"), get_text(values, "units")
        out.append(Axis(name, units, float(values.attrs["scale"]), float(values.attrs["offset"]), values.shape[0]))
    return tuple(out)


def text_table(group: Any) -> None:
    """Datasets for rows of text of any length: chunks of fixed length, each with its row and the bytes to come."""
    column(group, "text", f"S{TEXT_WIDTH}", rows=16)
    column(group, "row", "i8")
    column(group, "left", "u4")


def make_log(parent: Any, name: str, unit: str, start: str) -> Any:
    """An NXlog of one process value, whose times count from `start` (ISO 8601)."""
    group = make_group(parent, nexus_name(name, list(parent)), "NXlog")
    set_text(group, "name", name)
    column(group, "value", "f8", units=unit or "1")
    set_text(column(group, "time", "f8", units="s"), "start", start)
    set_text(column(group, "quality", "u1"), "meanings", [str(q) for q in QUALITIES])
    return group


def make_records(parent: Any, name: str) -> Any:
    """A table of estimates or states: NXdata without an `axes` attribute, so that it may be empty."""
    group = make_group(parent, name, "NXdata")
    set_text(group, "signal", "order_parameter")
    column(group, "time", "f8", units="s")
    column(group, "seq", "i8")
    for key, unit in QUANTITIES.items():
        column(group, key, "f8", units=unit)
        column(group, f"{key}_errors", "f8", units=unit)
    text_table(make_group(group, "record", "NXcollection"))
    column(group, "values", "f4", rows=16384)
    column(group, "values_end", "i8")
    return group
