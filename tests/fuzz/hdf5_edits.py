"""Mutations of HDF5 files through h5py: what bytes changed at random would hardly ever give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  (registers the filters)
import numpy as np
from mutate import planted

_VALUES: tuple[Any, ...] = (
    np.nan, np.inf, -1, 0, 2**63 - 1, 1e308, b"", b"\xff\xfe", "text", "x" * 30_000, np.arange(5), np.zeros((0,)), True,
    np.array([b"a", b"b"]), np.array(["a", "\u00e9"], dtype=object), h5py.Empty("f"), np.float16(1), 1 + 2j,
)  # fmt: skip
_JSON = (
    "",
    "{",
    "[]",
    "null",
    "NaN",
    "5",
    '"a"',
    "[" * 100_000,
    '{"a":' * 2000,
    "{}",
    '{"streams": 5}',
    "\\u0000",
    "é",
)


def edit(path: Path, random: np.random.Generator) -> str:
    """Change the file at `path` in one to three ways; returns their names. A file that cannot be opened stays."""
    names = []
    for _ in range(int(random.integers(1, 4))):
        name = _EDITS[int(random.integers(len(_EDITS)))]
        try:
            with h5py.File(path, "r+") as file:
                items = _items(file)
                if items:
                    name(file, items, random)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError, OverflowError) as error:
            names.append(f"({name.__name__}: {type(error).__name__})")
            continue
        names.append(name.__name__)
    return "+".join(names)


def _items(file: Any) -> list[Any]:
    found: list[Any] = []
    file.visititems(lambda _, item: found.append(item) if len(found) < 3000 else True)
    return found


def _one(items: list[Any], random: np.random.Generator, kind: type | None = None) -> Any:
    fitting = [i for i in items if kind is None or isinstance(i, kind)] or items
    return fitting[int(random.integers(len(fitting)))]


def _value(random: np.random.Generator) -> Any:
    return _VALUES[int(random.integers(len(_VALUES)))]


def attribute(file: Any, items: list[Any], random: np.random.Generator) -> None:
    owner = _one([file, *items] if random.random() < 0.2 else [i for i in items if len(i.attrs)] or items, random)
    keys = list(owner.attrs) or ["units"]
    key = keys[int(random.integers(len(keys)))]
    kind = random.integers(4)
    if kind == 0:
        del owner.attrs[key]
    elif kind == 1:
        owner.attrs[key] = np.void(planted())
    elif kind == 2:
        owner.attrs.create(key, file.ref, dtype=h5py.ref_dtype)
    else:
        owner.attrs[key] = _value(random)


def remove(file: Any, items: list[Any], random: np.random.Generator) -> None:
    del file[_one(items, random).name]


def value(file: Any, items: list[Any], random: np.random.Generator) -> None:
    data = _one(items, random, h5py.Dataset)
    other = _value(random)
    if data.shape == ():
        data[()] = other
    elif data.size:
        data[int(random.integers(data.shape[0]))] = other


def other_data(file: Any, items: list[Any], random: np.random.Generator) -> None:
    """A dataset of another type, shape or size in its place."""
    data = _one(items, random, h5py.Dataset)
    name, parent, attrs = data.name, data.parent, dict(data.attrs)
    kinds: tuple[Any, ...] = (
        lambda: parent.create_dataset(name, data=_value(random)),
        lambda: parent.create_dataset(name, (10**6, 10**6), "f4", chunks=(64, 64)),
        lambda: parent.create_dataset(name, (2**40,), "i8", chunks=(1024,)),
        lambda: parent.create_dataset(name, (2**33, 2, 2), "u1", chunks=(1, 2, 2)),
        lambda: parent.create_dataset(name, (3,), dtype=h5py.ref_dtype),
        lambda: parent.create_dataset(name, data=np.zeros(4, [("a", "f4"), ("b", "S9")])),
        lambda: parent.create_dataset(name, (4,), dtype=h5py.vlen_dtype("f4")),
        lambda: parent.create_dataset(name, (5,), dtype=h5py.string_dtype()),
        lambda: parent.create_dataset(name, data=np.arange(24.0).reshape(2, 3, 4)),
        lambda: parent.create_dataset(name, data=np.zeros((1,) * 20)),
        lambda: parent.create_dataset(name, (0, 5), "f4"),
        lambda: parent.create_dataset(name, (70_000, 70_000), "f8", chunks=(60_000, 1000), compression="gzip"),
        lambda: parent.create_dataset(name, data=np.frombuffer(planted(), np.uint8)),
        lambda: parent.create_dataset(name, (4, 4), dtype=h5py.enum_dtype({"a": 1, "b": 2})),
        lambda: parent.create_group(name),
    )
    del parent[name]
    kinds[int(random.integers(len(kinds)))]()
    if random.random() < 0.8:
        for key, held in attrs.items():
            parent[name].attrs[key] = held


def link(file: Any, items: list[Any], random: np.random.Generator) -> None:
    """A link to another file, to nowhere, or in a circle in an item's place."""
    item = _one(items, random)
    name = item.name
    links: tuple[Any, ...] = (
        h5py.ExternalLink("/etc/passwd", "/x"),
        h5py.ExternalLink(file.filename, "/"),
        h5py.ExternalLink("/dev/zero", "/"),
        h5py.SoftLink(name),
        h5py.SoftLink("/"),
        h5py.SoftLink("/nowhere"),
    )
    kind = int(random.integers(len(links) + 1))
    del file[name]
    file[name] = links[kind] if kind < len(links) else file["/"]  # the last one: a hard link to the root


def virtual(file: Any, items: list[Any], random: np.random.Generator) -> None:
    """A dataset whose data lie in other files, in itself, or nowhere."""
    data = _one(items, random, h5py.Dataset)
    name, shape = data.name, data.shape or (4,)
    sources = (str(file.filename), "/etc/passwd", "/nowhere.h5", ".")
    layout = h5py.VirtualLayout(shape, "f4")
    layout[...] = h5py.VirtualSource(sources[int(random.integers(len(sources)))], name, shape)
    del file[name]
    file.create_virtual_dataset(name, layout, fillvalue=np.nan)


def outside(file: Any, items: list[Any], random: np.random.Generator) -> None:
    """Raw data that lie in another file (external storage)."""
    data = _one(items, random, h5py.Dataset)
    name = data.name
    del file[name]
    paths = ("/etc/hostname", "/dev/zero", "/nowhere")
    file.create_dataset(name, (100,), "u1", external=[(paths[int(random.integers(len(paths)))], 0, 100)])


def chunk(file: Any, items: list[Any], random: np.random.Generator) -> None:
    """The bytes of a stored chunk are others, or were put there without their filter."""
    chunked = [i for i in items if isinstance(i, h5py.Dataset) and i.chunks and i.id.get_num_chunks()]
    if not chunked:
        return value(file, items, random)
    data = _one(chunked, random)
    info = data.id.get_chunk_info(int(random.integers(data.id.get_num_chunks())))
    mask, raw = data.id.read_direct_chunk(info.chunk_offset)
    kind = random.integers(5)
    body = bytearray(raw)
    if kind == 0 and body:
        for _ in range(5):
            body[int(random.integers(len(body)))] = int(random.integers(256))
    elif kind == 1:
        body = body[: int(random.integers(len(body) + 1))] or bytearray(b"\0")
    elif kind == 2:  # bitshuffle begins with the unpacked size and the size of its blocks
        body[:12] = int(random.choice((2**62, 2**31, 0, 7))).to_bytes(8, "big") + int(
            random.choice((0, 2**31 - 1, 8, 2**32 - 1))
        ).to_bytes(4, "big")
    elif kind == 3:
        mask ^= 1
    else:
        body += bytes(5000)
    data.id.write_direct_chunk(info.chunk_offset, bytes(body), mask)
    return None


def missing_filter(file: Any, items: list[Any], random: np.random.Generator) -> None:
    """A filter that nobody has."""
    data = _one(items, random, h5py.Dataset)
    name, shape = data.name, data.shape
    if not shape or 0 in shape:
        return
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(shape)
    plist.set_filter(h5py.h5z.FILTER_SZIP if random.random() < 0.3 else 31999, h5py.h5z.FLAG_OPTIONAL, (1, 2))
    del file[name]
    space = h5py.h5s.create_simple(shape)
    made = h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_FLOAT, space, plist)
    made.write_direct_chunk((0,) * len(shape), bytes(10), 0)


def resize(file: Any, items: list[Any], random: np.random.Generator) -> None:
    """Columns of other lengths than their neighbours', up to the absurd."""
    growing = [i for i in items if isinstance(i, h5py.Dataset) and i.maxshape and i.maxshape[0] is None]
    if not growing:
        return other_data(file, items, random)
    length = int(random.choice((0, 1, 3, 10**6, 10**9, 2**40)))
    some = growing if random.random() < 0.3 else [_one(growing, random)]
    for data in some:
        data.resize((length, *data.shape[1:]))
    return None


def json_text(file: Any, items: list[Any], random: np.random.Generator) -> None:
    """JSON that is none, or is nested, or is something else."""
    texts = [i for i in items if isinstance(i, h5py.Dataset) and i.dtype.kind in "SO" and i.size]
    if not texts:
        return attribute(file, items, random)
    data, text = _one(texts, random), _JSON[int(random.integers(len(_JSON)))]
    if data.shape == ():
        name = data.name
        del file[name]
        file.create_dataset(name, data=text)
    else:
        data[int(random.integers(data.shape[0]))] = text.encode()
    return None


def json_fields(file: Any, items: list[Any], random: np.random.Generator) -> None:
    """One value within a JSON text becomes another."""
    import json

    texts = [i for i in items if isinstance(i, h5py.Dataset) and i.dtype.kind in "SO" and i.shape == ()]
    good = []
    for data in texts:
        try:
            good.append((data, json.loads(data[()])))
        except ValueError:
            continue
    if not good:
        return json_text(file, items, random)
    data, told = good[int(random.integers(len(good)))]
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, held in pairs:
            places.append((node, key))
            walk(held)

    walk(told)
    if places:
        node, key = places[int(random.integers(len(places)))]
        others = (None, -1, 1e999, "x", [], {}, [1, 2], {"a": [1]}, 2**70, "é" * 5000, True)
        if random.random() < 0.2 and isinstance(node, dict):
            del node[key]
        else:
            node[key] = others[int(random.integers(len(others)))]
    name = data.name
    del file[name]
    file.create_dataset(name, data=json.dumps(told).encode())
    return None


_EDITS = (
    attribute, attribute, remove, value, other_data, other_data, link, virtual, outside, chunk, chunk, missing_filter,
    resize, resize, json_text, json_fields, json_fields,
)  # fmt: skip
