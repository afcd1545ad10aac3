"""What a file holds, whatever its format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from matstudio import plugins
from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.instruments.readers.units import is_reciprocal, normalise

if TYPE_CHECKING:
    from pymatgen.core import Structure

FRAMES, SERIES, TABLE, STRUCTURE = "frames", "series", "table", "structure"
UNIFORM = 0.05  # coordinates that lie within this fraction of a step of equal steps count as uniform


class ReaderError(ValueError):
    """A file that cannot be read; the text is one line that says what is wrong and where."""

    def __init__(self, path: Path | str, what: str) -> None:
        line = " ".join(str(what).split())
        super().__init__(f"{path}: {line if len(line) <= 300 else line[:297] + '...'}")


class Data(Protocol):
    """What `Signal.data` can do: an array, or something that loads a frame when it is asked for."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...

    def __getitem__(self, index: Any) -> Any: ...


@dataclass(frozen=True)
class Signal:
    """One signal of a file.

    Args:
        title: for people.
        kind: which modality treats it; None for process values, tables and structures.
        data: frames first, then rows and columns or channels. A structure's are the Cartesian positions (N, 3), Å.
        axes: one for each dimension of `data`, navigation first, in Å, 1/Å, eV, ° or s where the file's unit can be
            turned into that ("axes_in_file" of the metadata says what the file wrote).
        quantity: what the values are ("intensity", "absorption", "temperature", ...).
        unit: of the values; "1" where the file names none.
        reader: who read it.
        form: "frames", "series" (a process value against time), "table" or "structure".
        signal_dims: how many of the last axes make up one frame.
        metadata: the facts that the file states, JSON-able.
        times: time of each frame (or point of a series) in seconds since the first, where known; shape (frames,).
        points: coordinate of each channel where the last axis is not uniform, shape (channels,), rising; the axis
            then spans the same range in equal steps, and `frame` interpolates.
        structure: of form "structure".
    """

    title: str
    kind: str | None
    data: Data
    axes: tuple[Axis, ...]
    quantity: str = "intensity"
    unit: str = "1"
    reader: str = ""
    form: str = FRAMES
    signal_dims: int = 0
    metadata: Mapping[str, Any] = field(default_factory=dict)
    times: np.ndarray | None = None
    points: np.ndarray | None = None
    structure: Structure | None = None

    def __post_init__(self) -> None:
        if tuple(a.size for a in self.axes) != tuple(self.data.shape):
            raise ValueError(f"{self.title}: data {self.data.shape}, axes {[a.size for a in self.axes]}")

    @property
    def n_frames(self) -> int:
        """Number of frames; 1 where there is no navigation axis, 0 for what is no frames at all."""
        if self.form != FRAMES:
            return 0
        return int(np.prod([a.size for a in self.axes[: self._navigation]], dtype=np.int64))

    @property
    def frame_axes(self) -> tuple[Axis, ...]:
        """The axes of one frame."""
        return self.axes[self._navigation :]

    @property
    def _navigation(self) -> int:
        return len(self.axes) - self.signal_dims

    def array(self, index: int = 0) -> np.ndarray:
        """Frame `index` as an array, on its axes (interpolated where `points` says so)."""
        if not 0 <= index < self.n_frames:
            raise IndexError(f"{self.title}: frame {index} of {self.n_frames}")
        shape = tuple(a.size for a in self.axes[: self._navigation])
        where = tuple(int(i) for i in np.unravel_index(index, shape)) if shape else ()
        data = np.asarray(self.data[where] if where else self.data[...])
        if self.points is None:
            return data
        axis = self.axes[-1]
        return np.interp(axis.values, self.points, data).astype(np.float32)

    def frame(self, index: int = 0, *, stream: str = "file", seq: int = 1, t: float = 0.0) -> Frame:
        """Frame `index` as the rest of the program takes it; its time is `t`, run time in seconds."""
        if self.kind is None or self.form != FRAMES:
            raise ValueError(f"{self.title}: {self.form}, not frames")
        facts = {"instrument": "file", "quantity": self.quantity, "unit": self.unit} | dict(self.metadata)
        return Frame(stream, self.kind, seq, self.array(index), self.frame_axes, t, t, "file", facts)


def axis(name: str, units: str, scale: float, offset: float, size: int) -> Axis:
    """An axis in MatStudio's units. A scale that is zero or not finite counts as not calibrated."""
    shown, factor = _shown(units, scale)
    if not (np.isfinite(scale) and np.isfinite(offset)) or scale == 0:
        return Axis(name, "px", 1.0, 0.0, size)
    return Axis(name, shown, float(scale) * factor, float(offset) * factor, size)


def _shown(units: str, scale: float) -> tuple[str, float]:
    """`normalise`, but "1" for steps that are not 1 of a unit that nobody names."""
    shown, factor = normalise(units)
    return ("1", 1.0) if shown == "px" and not units.strip() and scale != 1 else (shown, factor)


def pixels(shape: tuple[int, ...]) -> tuple[Axis, ...]:
    """Axes of an image (or pattern, or spectrum) that nothing calibrates."""
    names = {1: ("channel",), 2: ("y", "x")}.get(len(shape)) or (
        *(f"n{i}" if len(shape) > 3 else "frame" for i in range(len(shape) - 2)),
        "y",
        "x",
    )
    return tuple(Axis(n, "px", 1.0, 0.0, s) for n, s in zip(names, shape, strict=True))


def coordinates(name: str, units: str, values: np.ndarray) -> tuple[Axis, np.ndarray | None, np.ndarray | None]:
    """The axis of measured coordinates, and what to do with the data on it.

    Args:
        values: (n,) coordinates in `units`, n >= 2, in any order.

    Returns:
        the axis; the rising coordinates where they are not uniform, else None; the order that sorts the data, or None.

    Raises:
        ValueError: a coordinate is not finite, or all are the same.
    """
    shown, factor = normalise(units)
    x = np.asarray(values, float) * factor
    if not np.isfinite(x).all():
        raise ValueError(f"{name}: value {int(np.argmin(np.isfinite(x))) + 1} is not a finite number")
    order = None
    if (np.diff(x) < 0).any():
        order = np.argsort(x, kind="stable")
        x = x[order]
    step = (x[-1] - x[0]) / (len(x) - 1)
    if step <= 0:
        raise ValueError(f"{name}: all {len(x)} values are the same")
    ideal = x[0] + step * np.arange(len(x))
    shown, _ = _shown(units, step)
    uniform = np.abs(x - ideal).max() < UNIFORM * step
    return Axis(name, shown, float(step), float(x[0]), len(x)), None if uniform else x, order


def kind_of(axes: tuple[Axis, ...], signal_dims: int, mode: str = "") -> str | None:
    """The kind that the axes of a frame (and the mode, where the file names one) speak for."""
    last = axes[-signal_dims:] if signal_dims else ()
    claimed = plugins.kinds(mode, signal_dims) if mode else []
    if claimed:
        return claimed[0]
    if signal_dims == 1:
        return Kind.DIFFRACTION if last[0].units == "°" or is_reciprocal(last[0].units) else Kind.SPECTRUM
    if signal_dims == 2:
        reciprocal = all(is_reciprocal(a.units) for a in last) or "diff" in mode.lower()
        return Kind.DIFFRACTION if reciprocal else Kind.IMAGE
    return None


def find_fact(facts: Any, key: str) -> Any:
    """The value of `key` in nested maps of facts, nearest the top of the first branch that has it; None: nowhere."""
    if isinstance(facts, dict):
        if key in facts:
            return facts[key]
        for value in facts.values():
            found = find_fact(value, key)
            if found is not None:
                return found
    return None
