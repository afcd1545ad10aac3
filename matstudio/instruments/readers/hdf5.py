"""HDF5 files: which flavour they are, and the flavours that RosettaSciIO leaves out. Runs in the guarded child only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from matstudio import plugins
from matstudio.domain.frame import Axis, kind_named
from matstudio.instruments.readers.rosetta import plain
from matstudio.instruments.readers.rosetta import read as read_rosetta
from matstudio.instruments.readers.signal import SERIES, ReaderError, Signal, axis, coordinates, kind_of, pixels
from matstudio.session.reader import Session, is_session

_MAX_GROUPS = 10_000


def read_hdf5(path: Path) -> list[Signal]:
    """The signals of an HDF5 file: HyperSpy, EMD, DM5, NeXus (each NXdata), or else every array of numbers."""
    if is_session(path):
        return read_session(path)
    with _open(path) as file:
        keys = set(file)
        attributes = {k: _text(v) for k, v in file.attrs.items()}
        if "Experiments" in keys and (
            "hyperspy" in attributes.get("file_format", "").lower() or path.suffix == ".hspy"
        ):
            module = "hspy"
        elif {"Data", "Version"} <= keys or "version_major" in attributes or path.suffix.lower() == ".emd":
            module = "emd"
        else:
            module = ""
            signals = _dm5(file) if "ImageList" in keys else _nexus(path, file)
            if not signals:
                signals = _datasets(path, file)
            loaded = [_loaded(path, s) for s in signals]
    if module:
        return read_rosetta(path, module)
    if not loaded:
        raise ReaderError(path, f"an HDF5 file without an array of numbers (groups: {', '.join(sorted(keys)[:8])})")
    return loaded


def read_session(path: Path) -> list[Signal]:
    """The streams and process values of a session recorded by MatStudio."""
    try:
        with Session.open(path) as session:
            signals = _of_session(path, session)
    except ReaderError:
        raise
    except ValueError as error:
        raise ReaderError(path, str(error).removeprefix(f"{path}: ")) from None
    if not signals:
        raise ReaderError(path, "a session without a frame or a reading")
    return signals


def _of_session(path: Path, session: Session) -> list[Signal]:
    signals = []
    for stream in session.streams.values():
        if stream.n == 0:
            continue
        step = float(stream.t_end[-1] - stream.t_end[0]) / max(1, stream.n - 1) or 1.0
        axes = (Axis("time", "s", step, float(stream.t_end[0]), stream.n), *stream.axes)
        facts = stream.metadata | {"stream": stream.name, "recorded": session.origin}
        quantity, unit = str(facts.get("quantity", "intensity")), str(facts.get("unit", "1"))
        data = _SessionData(path, stream.name, (stream.n, *stream.shape), stream.dtype)
        signals.append(
            Signal(
                stream.title or stream.name,
                stream.kind,
                data,
                axes,
                quantity,
                unit,
                "matstudio",
                signal_dims=len(stream.axes),
                metadata=facts,
                times=stream.t_end - stream.t_end[0],
            )
        )
    for name, (t, value, unit, _) in session.readings().items():
        if len(t) > 1:
            axis = Axis("Time", "s", float(t[-1] - t[0]) / (len(t) - 1) or 1.0, float(t[0]), len(t))
            signals.append(Signal(name, None, value, (axis,), name, unit, "matstudio", SERIES, 1, {}, t))
    return signals


class _SessionData:
    """The frames of a session's stream, left in the file until they are asked for."""

    def __init__(self, path: Path, stream: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.path, self.stream, self.shape, self.dtype = path, stream, shape, dtype

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        with Session.open(self.path) as session:
            return np.asarray(session.group(self.stream)["data"][: self.shape[0]])

    def __getitem__(self, index: Any) -> Any:
        return np.asarray(self)[index]


def _open(path: Path) -> Any:
    import h5py
    import hdf5plugin  # noqa: F401  (registers the filters)

    return h5py.File(path, "r")


class Claimed:
    """Data that was left in the file because it is large."""

    def __init__(self, path: Path, name: str, dataset: Any) -> None:
        self.path, self.name, self.dtype = path, name, dataset.dtype
        self.shape = tuple(int(n) for n in dataset.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        with _open(self.path) as file:
            return np.asarray(file[self.name][...])

    def __getitem__(self, index: Any) -> Any:
        return np.asarray(self)[index]


def _loaded(path: Path, signal: Signal) -> Signal:
    from dataclasses import replace

    dataset: Any = signal.data
    if isinstance(dataset, np.ndarray):
        return signal
    return replace(signal, data=Claimed(path, dataset.name, dataset))


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray) and value.size == 1:
        return _text(value.reshape(-1)[0])
    return str(value)


def _groups(group: Any) -> Iterator[Any]:
    """Every group below, once each, however it is linked."""
    import h5py

    waiting, seen = [group], set()
    while waiting and len(seen) < _MAX_GROUPS:
        here = waiting.pop(0)
        key = h5py.h5o.get_info(here.id).addr
        if key in seen:
            continue
        seen.add(key)
        yield here
        for name in here:
            if isinstance(here.get(name, getlink=True), h5py.ExternalLink):
                continue
            child = here.get(name)
            if isinstance(child, h5py.Group):
                waiting.append(child)


def _numeric(item: Any) -> bool:
    import h5py

    return isinstance(item, h5py.Dataset) and item.dtype.kind in "uif" and item.shape is not None and item.size > 1


def _units(dataset: Any) -> str:
    return _text(dataset.attrs.get("units", ""))


def _nexus(path: Path, file: Any) -> list[Signal]:
    """The default signal of each NXdata group (NeXus manual, "Associating plottable data using attributes applied to
    the NXdata group"; the older `signal=1` on the dataset is understood too)."""
    signals, seen = [], set()
    for group in _groups(file):
        if _text(group.attrs.get("NX_class", "")) != "NXdata":
            continue
        name = _text(group.attrs.get("signal", ""))
        if name not in group:
            marked = [k for k in group if _numeric(group.get(k)) and _text(group[k].attrs.get("signal", "")) == "1"]
            name = marked[0] if marked else ""
        names = [name, *(_strings(group.attrs.get("auxiliary_signals", [])))]
        for one in names:
            if one not in group or not _numeric(group[one]):
                continue
            import h5py

            key = h5py.h5o.get_info(group[one].id).addr
            if key not in seen:
                seen.add(key)
                signals.append(_nxdata(path, group, one))
    return signals


def _strings(value: Any) -> list[str]:
    if isinstance(value, bytes | str):
        text = _text(value)
        return text.split(":") if ":" in text else [text]
    return [_text(v) for v in np.atleast_1d(value)] if len(np.atleast_1d(value)) else []


def _own_facts(group: Any) -> dict[str, Any]:
    """The frame's facts in a file that MatStudio wrote of one frame: JSON beside its NXdata."""
    text = group.parent.get("metadata") if _text(group.file.attrs.get("creator", "")) == "MatStudio" else None
    try:
        told = json.loads(_text(text[()])) if text is not None and text.shape == () else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _nxdata(path: Path, group: Any, name: str) -> Signal:
    data = group[name]
    axes_text = group.attrs.get("axes", data.attrs.get("axes", []))
    names = _strings(axes_text)
    axes: list[Axis] = list(pixels(data.shape))
    points = None
    for i, key in enumerate(names[: data.ndim]):
        if key in group and _numeric(group[key]) and group[key].shape == (data.shape[i],):
            values = group[key][()]
            try:
                axes[i], where, order = coordinates(key, _units(group[key]), values)
            except ValueError:
                continue
            if i == data.ndim - 1 and order is None:
                points = where
            elif order is not None and values[0] > values[-1]:
                axes[i] = Axis(
                    key,
                    axes[i].units,
                    -axes[i].scale,
                    axes[i].offset + axes[i].scale * (data.shape[i] - 1),
                    data.shape[i],
                )
    written = _text(group["title"][()]) if "title" in group else ""
    title = _text(group.attrs.get("title", "")) or written or group.name
    quantity = _text(data.attrs.get("long_name", "")) or name
    facts = _own_facts(group) | {"group": group.name, "attributes": plain({k: group.attrs[k] for k in group.attrs})}
    is_series = data.ndim == 1 and axes[0].units == "s"
    dims = min(2, data.ndim)
    interpretation = _text(data.attrs.get("interpretation", group.attrs.get("interpretation", "")))
    if interpretation == "spectrum":
        dims = 1
    if is_series:
        times = points if points is not None else axes[0].values
        return Signal(
            f"{title}: {name}",
            None,
            data,
            tuple(axes),
            quantity,
            _units(data) or "1",
            "nexus",
            SERIES,
            1,
            facts,
            times=times,
        )
    stated = _text(group.attrs.get("kind", ""))
    kind = kind_named(stated) if stated in plugins.kinds() else kind_of(tuple(axes), dims)
    return Signal(
        title,
        kind,
        data,
        tuple(axes),
        quantity,
        _units(data) or "1",
        "nexus",
        signal_dims=dims,
        metadata=facts,
        points=points if dims == 1 else None,
    )


def _dm5(file: Any) -> list[Signal]:
    """The images of a DigitalMicrograph 5 file; its first one is the preview where there are several."""
    groups = [g for g in _groups(file["ImageList"]) if "ImageData" in g and "Data" in g["ImageData"]]
    signals = []
    for group in groups:
        image = group["ImageData"]
        data = image["Data"]
        if not _numeric(data):
            continue
        dims = [image.get(f"Calibrations/Dimension/[{i}]") for i in range(data.ndim)]
        axes = []
        for i, (d, size) in enumerate(zip(reversed(dims), data.shape, strict=True)):
            facts = {k: d.attrs[k] for k in d.attrs} if d is not None else {}
            name = ("y", "x")[i - data.ndim + 2] if data.ndim - i <= 2 else f"axis {i}"
            scale, origin = float(facts.get("Scale", 1.0)), float(facts.get("Origin", 0.0))
            axes.append(axis(name, _text(facts.get("Units", "")), scale, -origin * scale, int(size)))
        n = min(2, data.ndim)
        title = _text(group.attrs.get("Name", "")) or group.name
        signals.append(Signal(title, kind_of(tuple(axes), n), data, tuple(axes), reader="dm5", signal_dims=n))
    return signals


def _datasets(path: Path, file: Any) -> list[Signal]:
    signals = []
    for group in _groups(file):
        for name in group:
            data = group.get(name)
            if _numeric(data) and len(signals) < 100:
                dims = min(2, data.ndim)
                axes = pixels(data.shape)
                signals.append(
                    Signal(
                        data.name,
                        kind_of(axes, dims),
                        data,
                        axes,
                        data.name.rpartition("/")[2],
                        _units(data) or "1",
                        "hdf5",
                        signal_dims=dims,
                    )
                )
    return signals
