"""Reads a session, closed, live or left by a crash: for replay and analysis."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar, overload

import numpy as np

from matstudio.domain.clock import RealClock
from matstudio.domain.device import Description
from matstudio.domain.estimate import Estimate, FrameRef, MaterialState, Model, Quantity
from matstudio.domain.frame import Axis, Frame, kind_named
from matstudio.domain.structure import SiteModel
from matstudio.session import layout
from matstudio.session.damage import check_layout, naming
from matstudio.session.recovery import Condition, condition, open_crashed

T = TypeVar("T")


@dataclass(frozen=True)
class StreamInfo:
    """What a session holds of one stream.

    Args:
        name, kind, title: of the stream.
        n: complete frames.
        shape, dtype, axes: of one frame.
        t: run time at which each exposure began, (n,) seconds.
        t_end: run time at which it ended, (n,) seconds.
        seq: number of each frame, (n,).
        missed: frames that the recorder had lost by then, (n,).
        clock: id of the clock of the times.
        metadata: of the first frame.
    """

    name: str
    kind: str
    title: str
    n: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: tuple[Axis, ...]
    t: np.ndarray
    t_end: np.ndarray
    seq: np.ndarray
    missed: np.ndarray
    clock: str
    metadata: dict[str, Any]


class Records(Sequence[T], Generic[T]):
    """Estimates or states, made when they are asked for.

    Args:
        t: run time of each, (n,) seconds.
        seq: the frame's number of each, (n,); -1 for states.
    """

    def __init__(self, group: Any, make: Callable[[dict[str, Any], dict[str, np.ndarray]], T], path: Path) -> None:
        self._make, self._path = make, path
        self._texts = read_texts(group["record"])
        ends = group["values_end"][()]
        n = min(len(self._texts), int((ends >= 0).sum()), group["time"].shape[0], group["seq"].shape[0])
        n = min(n, int(np.searchsorted(ends[:n], group["values"].shape[0], side="right")))
        self.t, self.seq = group["time"][:n], group["seq"][:n]
        self._values = group["values"]

    def __len__(self) -> int:
        return len(self.t)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        with naming(self._path, f"record {index}"):
            record = json.loads(self._texts[index % len(self)])
            arrays = {}
            for name, where in record.pop("arrays").items():
                shape, start = tuple(where["shape"]), where["start"]
                flat = self._values[start : start + int(np.prod(shape, dtype=int))]
                arrays[name] = flat.reshape(shape).astype(where["dtype"])
            return self._make(record, arrays)

    def models(self) -> list[dict[str, str]]:
        """The different models that spoke, with name, version and checksum."""
        with naming(self._path, "models"):
            found = {json.dumps(json.loads(text).get("model", {}), sort_keys=True) for text in self._texts[: len(self)]}
            return [json.loads(text) for text in sorted(found)]

    def quantity(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Times (m,), values (m,) and standard deviations (m,) of a quantity, where it was given."""
        found = []
        with naming(self._path, name):
            for t, text in zip(self.t, self._texts, strict=False):
                q = json.loads(text)["quantities"].get(name)
                if q is not None:
                    found.append((t, q[0], q[1]))
            array = np.array(found, "f8").reshape(-1, 3)
        return array[:, 0], array[:, 1], array[:, 2]


def read_texts(group: Any) -> list[bytes]:
    """The complete rows of a text table."""
    n = min(group[k].shape[0] for k in ("text", "row", "left"))
    rows: list[bytes] = []
    parts: list[bytes] = []
    n = int((group["row"][:n] >= 0).sum())
    for text, left in zip(group["text"][:n], group["left"][:n], strict=True):
        parts.append(text)
        if not left:
            rows.append(b"".join(parts))
            parts = []
    return rows


def complete_rows(group: Any) -> int:
    """Frames of a stream of which everything is in the file. A crash may leave rows that were begun: columns of unequal
    length, fill values, frames without their chunk."""
    n: int = min(group[k].shape[0] for k in ("data", "metadata", *_FILLS))
    for name, fill in _FILLS.items():
        n = _filled(group[name][:n], fill)
    while n and not _written(group["data"], n - 1):
        n -= 1
    while n and not group["metadata"][n - 1]:
        n -= 1
    return n


def _written(data: Any, index: int) -> bool:
    """Whether a frame's chunk is in the file; HDF5 reads one that is not as zeros."""
    return data.id.get_chunk_info_by_coord((index, *(0,) * (data.ndim - 1))).byte_offset is not None


def _filled(values: np.ndarray, fill: float) -> int:
    """Length without the fill values at the end."""
    present = np.flatnonzero(~np.isnan(values) if np.isnan(fill) else values != fill)
    return int(present[-1]) + 1 if present.size else 0


_FILLS = {"t_start": np.nan, "t_end": np.nan, "seq": -1, "missed": -1, "metadata_bytes": 0}


class Session:
    """A session file, read-only. Use `Session.open`; belongs to one thread. What is damaged shows when it is read:
    every method then raises a ValueError of one line that names the file.

    Args:
        live: a recorder is writing it. crashed: a crash left it.
        file: the h5py file.
        streams: by name. description: of the recorded device. origin: "twin", "replay" or "real".
        t0, t1: run time of the first and last exposure's beginning and end, seconds.
    """

    def __init__(self, file: Any, path: Path, found: Condition) -> None:
        self.path = path
        self.live = found is Condition.LIVE
        self.opened = contextlib.ExitStack()
        self.crashed = found is Condition.CRASHED
        self.file = file
        self._entry = entry = file[layout.ENTRY]
        check_layout(entry, path)
        facts = entry["session"]
        self.description: Description = layout.description_from_json(layout.read_text(facts["description"]))
        self.origin = layout.read_text(entry["origin"])
        self.run: dict[str, Any] = json.loads(layout.read_text(facts["run"]))
        self.versions: dict[str, str] = json.loads(layout.read_text(facts["versions"]))
        self.clock = RealClock(
            float(facts["clock_origin"][()]),
            float(facts["clock_epoch"][()]),
            float(facts["clock_speed"][()]),
            layout.read_text(facts["clock_id"]),
        )
        self._groups: dict[str, Any] = {}
        self.streams: dict[str, StreamInfo] = {}
        self.refresh()

    @classmethod
    def open(cls, path: Path | str) -> Session:
        """Open a session, whether closed, being written or left by a crash.

        Raises:
            ValueError: it is not a session of this format, or damaged; one line.
        """
        import h5py
        import hdf5plugin  # noqa: F401  (registers the filter)

        path = Path(path)
        found = condition(path)
        with contextlib.ExitStack() as opened, naming(path, "damaged session"):
            # not SWMR where nobody writes: HDF5 then tries again for ever to read what is damaged
            source = opened.enter_context(open_crashed(path)) if found is Condition.CRASHED else path
            file = opened.enter_context(h5py.File(source, "r", swmr=found is Condition.LIVE))
            check_format(file, path)
            session = cls(file, path, found)
            session.opened = opened.pop_all()
            return session

    def refresh(self) -> None:
        """Take in what a live recorder has flushed since."""
        for group in self._entry.values():
            if layout.get_text(group, "NX_class") == "NXdata" and "stream" in group.attrs:
                stream = layout.get_text(group, "stream")
                self._groups[stream] = group
                self.streams[stream] = self._info(stream, group)
        t = [s.t[:1] for s in self.streams.values()]
        ends = [s.t_end[-1:] for s in self.streams.values()]
        self.t0 = float(np.min(np.concatenate(t))) if any(map(len, t)) else 0.0
        self.t1 = float(np.max(np.concatenate(ends))) if any(map(len, ends)) else self.t0

    def _info(self, stream: str, group: Any) -> StreamInfo:
        columns = [group[k] for k in ("data", "t_start", "t_end", "seq", "missed", "metadata", "metadata_bytes")]
        if self.live:
            for dataset in (*columns, *group["metadata_more"].values()):
                dataset.id.refresh()
        n, data = complete_rows(group), columns[0]
        info = StreamInfo(
            name=stream,
            kind=kind_named(layout.get_text(group, "kind")),
            title=layout.get_text(group, "title"),
            n=n,
            shape=data.shape[1:],
            dtype=data.dtype,
            axes=layout.axes_of(group),
            t=group["t_start"][:n],
            t_end=group["t_end"][:n],
            seq=group["seq"][:n],
            missed=group["missed"][:n],
            clock=layout.get_text(group, "clock"),
            metadata={},
        )
        if n:
            info.metadata.update(self._metadata(group, 0))
            info.metadata.pop("", None)
        return info

    @staticmethod
    def _metadata(group: Any, index: int) -> dict[str, Any]:
        text, size = group["metadata"][index], int(group["metadata_bytes"][index])
        if size > layout.METADATA_WIDTH:
            more = group["metadata_more"]
            text += b"".join(more["text"][np.flatnonzero(more["row"][()] == index)])
        if len(text) != size:
            raise ValueError(f"metadata of frame {index} has {len(text)} bytes of {size}")
        return json.loads(text)  # type: ignore[no-any-return]

    def group(self, stream: str) -> Any:
        """The h5py group of a stream."""
        return self._groups[stream]

    def frame(self, stream: str, index: int) -> Frame:
        """Frame `index` (0 .. n-1; negative counts from the end) of a stream, as it was received.

        Raises:
            KeyError: no such stream. IndexError: no such frame. ValueError: it cannot be read; one line.
        """
        info, group = self.streams[stream], self._groups[stream]
        if not -info.n <= index < info.n:
            raise IndexError(f"frame {index} of {info.n} in {stream}")
        index %= info.n
        with naming(self.path, f"{stream} frame {index}"):
            if not _written(group["data"], index):
                raise ValueError("its data were never written")
            data = group["data"][index]
            facts = self._metadata(group, index)
            own = facts.pop("", {})
            return Frame(
                stream=stream,
                kind=info.kind,
                seq=int(info.seq[index]),
                data=data,
                axes=tuple(Axis(**a) for a in own["axes"]) if "axes" in own else info.axes,
                t_start=float(info.t[index]),
                t_end=float(info.t_end[index]),
                clock=own.get("clock", info.clock),
                metadata={k: _as_sent(v) for k, v in facts.items()},
            )

    def index_at(self, stream: str, t: float) -> int:
        """The newest frame whose exposure had ended at run time `t`; the first one before that; -1: no frame at all."""
        info = self.streams[stream]
        return min(info.n - 1, max(0, int(np.searchsorted(info.t_end, t, side="right")) - 1))

    def readings(self) -> dict[str, tuple[np.ndarray, np.ndarray, str, np.ndarray]]:
        """Process values by name: times (n,) seconds, values (n,), unit, quality (n,) as index into `QUALITIES`."""
        out = {}
        with naming(self.path, "process values"):
            for group in self._entry["process"].values():
                columns = [group[k] for k in ("time", "value", "quality")]
                if self.live:
                    for dataset in columns:
                        dataset.id.refresh()
                n = min(c.shape[0] for c in columns)
                n = _filled(columns[0][:n], np.nan)
                t, value, quality = (c[:n] for c in columns)
                out[layout.get_text(group, "name")] = (t, value, layout.get_text(columns[1], "units"), quality)
        return out

    def estimates(self, stream: str) -> Records[Estimate]:
        """What the inverse models said of a stream's frames, in the order in which it came."""
        with naming(self.path, f"estimates of {stream}"):
            group = self._entry["estimates"][layout.estimates_name(stream)]
            return Records(self._fresh(group), _estimate, self.path)

    def states(self) -> Records[MaterialState]:
        """The fused states, in the order in which they came."""
        with naming(self.path, "states"):
            return Records(self._fresh(self._entry["state"]), _state, self.path)

    def event_lines(self) -> list[bytes]:
        """The audit log's lines as they stood there, and the recorder's own notes (without "hash") between them."""
        with naming(self.path, "events"):
            return read_texts(self._fresh(self._entry["events"]))

    def events(self) -> list[dict[str, Any]]:
        """The entries of `event_lines`; one that is no JSON object becomes `{"kind": "damaged", "text": ...}`."""
        return [parse_event(line) for line in self.event_lines()]

    def _fresh(self, group: Any) -> Any:
        if self.live:
            for dataset in _datasets(group):
                dataset.id.refresh()
        return group

    def close(self) -> None:
        """Let go of the file."""
        self.opened.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def is_session(path: Path | str) -> bool:
    """Whether `path` is a session file of ours, of any version; never raises for what a file may hold."""
    try:
        Session.open(path).close()
    except ValueError as error:
        return "written by a newer MatStudio" in str(error)
    return True


def check_format(file: Any, path: Path) -> None:
    """Raise a ValueError of one line where an open HDF5 file is no session of this format."""
    if layout.get_text(file, "format") != layout.FORMAT:
        raise ValueError(f"{path}: an HDF5 file, but not a MatStudio session")
    version = int(file.attrs.get("format_version", 0))
    if version > layout.FORMAT_VERSION:
        raise ValueError(f"{path}: format version {version}, written by a newer MatStudio")


def parse_event(line: bytes) -> dict[str, Any]:
    """An entry of the events table."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    return entry if isinstance(entry, dict) else {"kind": "damaged", "text": repr(line[:80])}


def _datasets(group: Any) -> Iterator[Any]:
    for item in group.values():
        if hasattr(item, "shape"):
            yield item
        else:
            yield from _datasets(item)


def _quantities(record: dict[str, Any]) -> dict[str, Quantity]:
    return {k: Quantity(v, s, u) for k, (v, s, u) in record["quantities"].items()}


def _as_sent(value: Any) -> Any:
    """A value of JSON as it comes out of a ring: sequences are tuples."""
    if isinstance(value, list):
        return tuple(_as_sent(v) for v in value)
    if isinstance(value, dict):
        return {k: _as_sent(v) for k, v in value.items()}
    return value


def _refs(refs: Iterable[tuple[str, int]]) -> tuple[FrameRef, ...]:
    return tuple(FrameRef(stream, seq) for stream, seq in refs)


def _pop_structure(record: dict[str, Any], arrays: dict[str, np.ndarray]) -> SiteModel | None:
    parts = {k.removeprefix("structure."): arrays.pop(k) for k in list(arrays) if k.startswith("structure.")}
    return SiteModel(species=tuple(record["species"]), **parts) if parts else None


def _estimate(record: dict[str, Any], arrays: dict[str, np.ndarray]) -> Estimate:
    structure = _pop_structure(record, arrays)
    return Estimate(
        stream=record["stream"],
        seq=record["seq"],
        t=record["t"],
        model=Model(**record["model"]),
        quantities=_quantities(record),
        arrays=arrays,
        labels={k: tuple(v) for k, v in record["labels"].items()},
        notes=tuple(record["notes"]),
        structure=structure,
        seconds=record["seconds"],
        sources=_refs(record.get("sources", ())),
    )


def _state(record: dict[str, Any], arrays: dict[str, np.ndarray]) -> MaterialState:
    return MaterialState(
        t=record["t"],
        quantities=_quantities(record),
        sources={k: _refs(refs) for k, refs in record["sources"].items()},
        structure=_pop_structure(record, arrays),
        notes=tuple(record.get("notes", ())),
    )
