"""One reading of one stream, and the axes that calibrate it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np

KIND = re.compile(r"[a-z][a-z0-9_]{0,30}")
"""What a kind is called."""


class Kind(StrEnum):
    """What a stream shows; the modality that knows how to treat it has the same name.

    These are the kinds of MatStudio's own modalities. A plugin's is another word: wherever a kind is stated, it is a
    `str` that `KIND` allows.
    """

    IMAGE = "image"
    DIFFRACTION = "diffraction"
    SPECTRUM = "spectrum"


def kind_named(text: str) -> str:
    """The kind of that name, a `Kind` where it is one of ours.

    Raises:
        ValueError: it is no name of a kind.
    """
    if text in tuple(Kind):
        return Kind(text)
    if not KIND.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no kind of stream")
    return text


@dataclass(frozen=True)
class Axis:
    """A uniform axis, in the words of HyperSpy: `value = offset + scale * index`.

    Args:
        name: "y", "x", "ky", "kx", "Energy loss", "2theta", ...
        units: "Å", "1/Å", "eV", "°", ...; "px" where nothing is calibrated.
        scale: step per index, in `units`.
        offset: value at index 0, in `units`.
        size: number of points.
    """

    name: str
    units: str
    scale: float
    offset: float
    size: int

    @property
    def values(self) -> np.ndarray:
        """The coordinate of each index, shape (size,), in `units`."""
        return self.offset + self.scale * np.arange(self.size)

    def index(self, value: float) -> float:
        """The (fractional) index of a coordinate given in `units`."""
        return (value - self.offset) / self.scale


@dataclass(frozen=True)
class Frame:
    """One reading of one stream.

    Args:
        stream: name of the stream, unique in a run.
        kind: what it shows.
        seq: number of the frame in its stream, rising by one; a gap is a lost frame.
        data: the array, read-only; images and patterns (rows, columns), spectra (channels,).
        axes: one axis for each dimension of `data`, in order.
        t_start: run time at which the exposure began, seconds.
        t_end: run time at which it ended, seconds.
        clock: `Clock.id` that the times belong to.
        metadata: JSON-able facts. Keys used by more than one room: "instrument" ("twin", "replay", ...),
            "quantity" and "unit" of the values ("counts"), "mode" ("HAADF", "SAED", "EELS"), "beam_energy_keV",
            "dose_e_per_A2", "stage_temperature_K", "material" (a known `prototype`, or absent).
    """

    stream: str
    kind: str
    seq: int
    data: np.ndarray
    axes: tuple[Axis, ...]
    t_start: float
    t_end: float
    clock: str
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        shape = tuple(a.size for a in self.axes)
        if self.data.shape != shape:
            raise ValueError(f"frame {self.stream} #{self.seq}: data {self.data.shape} but axes {shape}")
