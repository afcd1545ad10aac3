"""A session that MatStudio recorded, as replay and `info` see it: frames, their facts, and process values.

The layout stands in docs/recording.md; `matstudio.recording.reader` reads all of it (estimates, states, events), but
lies above this room.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.instruments.readers.signal import ReaderError

FORMAT, VERSION = "matstudio-session", 1


@dataclass(frozen=True)
class SessionStream:
    """A recorded stream.

    Args:
        n: complete frames. shape, dtype, axes: of one frame.
        t_start, t_end: run time of each exposure, (n,) seconds.
        metadata: of the first frame.
    """

    name: str
    kind: Kind
    title: str
    n: int
    shape: tuple[int, ...]
    dtype: np.dtype
    axes: tuple[Axis, ...]
    t_start: np.ndarray
    t_end: np.ndarray
    metadata: dict[str, Any]


def is_session(path: Path) -> bool:
    """Whether an HDF5 file is one of ours (of any version)."""
    try:
        with open(path, "rb") as raw:
            if raw.read(8) != b"\x89HDF\r\n\x1a\n":
                return False
        with open_hdf5(path) as file:
            return _text(file.attrs.get("format", "")) == FORMAT
    except (OSError, RuntimeError, KeyError, ValueError):
        return False


def open_hdf5(path: Path) -> Any:
    """The file, read-only; also one that is being written, or that a crash left so.

    Raises:
        OSError: it cannot be opened.
    """
    import h5py
    import hdf5plugin  # noqa: F401  (registers the filter)

    try:
        return h5py.File(path, "r")
    except OSError as error:
        if "consistency flags" not in str(error):  # HDF5 tries for a minute to read a damaged file in SWMR mode
            raise
        return h5py.File(path, "r", swmr=True)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class SessionFile:
    """An open session; belongs to one thread.

    Args:
        streams: by name. description: of the recorded device, as its JSON. origin: "twin", "replay" or "real".

    Raises:
        ReaderError: no session of a version that is known, or a damaged one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = open_hdf5(path)
        except OSError as error:
            raise ReaderError(path, f"damaged HDF5 file: {error}") from None
        try:
            if _text(self._file.attrs.get("format", "")) != FORMAT:
                raise ReaderError(path, "an HDF5 file, but not a MatStudio session")
            version = int(self._file.attrs.get("format_version", 0))
            if version > VERSION:
                raise ReaderError(path, f"format version {version}, written by a newer MatStudio")
            entry = self._entry = self._file["entry"]
            self.origin = _text(entry["origin"][()])
            self.description: dict[str, Any] = json.loads(_text(entry["session"]["description"][()]))
            self._groups = {
                _text(group.attrs["stream"]): group
                for group in entry.values()
                if _text(group.attrs.get("NX_class", "")) == "NXdata" and "stream" in group.attrs
            }
            self.streams = {name: self._stream(name, group) for name, group in self._groups.items()}
        except (KeyError, OSError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            self._file.close()
            raise error if isinstance(error, ReaderError) else ReaderError(path, f"damaged session: {error}") from None

    def group_of(self, stream: str) -> str:
        """Where the stream's group stands in the file."""
        return str(self._groups[stream].name).strip("/")

    def _stream(self, name: str, group: Any) -> SessionStream:
        columns = [group[k] for k in ("data", "t_start", "t_end", "metadata", "metadata_bytes")]
        n = min(c.shape[0] for c in columns)
        data = columns[0]
        facts = self._metadata(group, 0) if n else {}
        facts.pop("", None)
        return SessionStream(
            name,
            Kind(_text(group.attrs["kind"])),
            _text(group.attrs.get("title", name)),
            n,
            tuple(int(s) for s in data.shape[1:]),
            data.dtype,
            _axes(group),
            group["t_start"][:n],
            group["t_end"][:n],
            facts,
        )

    @staticmethod
    def _metadata(group: Any, index: int) -> dict[str, Any]:
        text, size = group["metadata"][index], int(group["metadata_bytes"][index])
        if len(text) < size:
            more = group["metadata_more"]
            text += b"".join(more["text"][np.flatnonzero(more["row"][()] == index)])
        if len(text) != size:
            raise ValueError(f"metadata of frame {index} has {len(text)} bytes of {size}")
        facts = json.loads(text)
        if not isinstance(facts, dict):
            raise ValueError(f"metadata of frame {index} is {type(facts).__name__}")
        return facts

    def frame(self, stream: str, index: int) -> Frame:
        """Frame `index` of a stream as it was recorded, with its run time then.

        Raises:
            ReaderError: it cannot be read.
        """
        info, group = self.streams[stream], self._groups[stream]
        try:
            data, facts = group["data"][index], self._metadata(group, index)
            own = facts.pop("", {})
            axes = tuple(Axis(**a) for a in own["axes"]) if "axes" in own else info.axes
            times = float(info.t_start[index]), float(info.t_end[index])
            return Frame(stream, info.kind, index, data, axes, *times, "recorded", facts)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ReaderError(self.path, f"{stream} frame {index}: {error}") from None

    def readings(self) -> dict[str, tuple[np.ndarray, np.ndarray, str, np.ndarray]]:
        """Process values by name: times (n,) seconds, values (n,), unit, quality (n,) as index into `Quality`."""
        out = {}
        for group in self._entry["process"].values():
            columns = [group[k] for k in ("time", "value", "quality")]
            n = min(c.shape[0] for c in columns)
            t, value, quality = (c[:n] for c in columns)
            out[_text(group.attrs["name"])] = (t, value, _text(columns[1].attrs.get("units", "1")), quality)
        return out

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _axes(group: Any) -> tuple[Axis, ...]:
    axes = []
    for key in group.attrs["axes"][1:]:
        values = group[key]
        name, units = (_text(values.attrs[k]) for k in ("long_name", "units"))
        scale, offset = float(values.attrs["scale"]), float(values.attrs["offset"])
        axes.append(Axis(name, units, scale, offset, int(values.shape[0])))
    return tuple(axes)
