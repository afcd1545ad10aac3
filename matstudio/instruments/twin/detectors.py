"""The twin's detectors: what an exposure needs, and the frame that it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from matstudio.domain.frame import Frame
from matstudio.domain.structure import AtomicModel
from matstudio.modalities.base import Forward, modality
from matstudio.modalities.noise import poisson

_STRESS_FRAMES = 8
DARK_COUNTS = 0.05
"""Mean of a pixel or channel without a beam: nominal."""


@dataclass(frozen=True)
class Exposure:
    """One exposure, complete: the frame depends on nothing else.

    Args:
        seq: number of the frame.
        t_start, t_end: run time, s.
        clock: `Clock.id` of those.
        atoms: as they are.
        dose_factor: of the forward model's dose.
        seed: of the counting noise, or None: no noise.
        metadata: facts for the frame.
        blanked: no beam falls on the specimen: the detector shows its dark counts.
    """

    seq: int
    t_start: float
    t_end: float
    clock: str
    atoms: AtomicModel
    dose_factor: float
    seed: tuple[int, ...] | None
    metadata: Mapping[str, Any]
    blanked: bool = False


class TwinDetector:
    """A detector for one modality: its forward model and its counts, which saturate where their type ends.

    Raises:
        ValueError: no plugin in use has a forward model and a stream of that kind.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        stream = modality(kind).stream
        if stream is None:
            raise ValueError(f"{kind} has no stream")
        self._shape, self._dtype = stream.shape, np.dtype(stream.dtype)
        self._forward: Forward = modality(kind).make("forward")
        self._kept: list[Frame] = []
        self._kept_of: tuple[Any, ...] = ()

    @property
    def dose_e_per_A2(self) -> float:
        """Electrons per Å^2 of one exposure at dose factor 1, where the forward model knows them, else 0."""
        return float(self._forward.metadata().get("dose_e_per_A2", 0.0))

    def frame(self, exposure: Exposure) -> Frame:
        """The frame of an exposure."""
        factor = 0.0 if exposure.blanked else exposure.dose_factor
        if exposure.blanked:
            expected = np.full(self._shape, DARK_COUNTS, np.float32)
        else:
            expected = self._forward.expected(exposure.atoms)
            if factor != 1.0:
                expected = expected * np.float32(factor)
        seed = exposure.seed
        counts = np.rint(expected) if seed is None else poisson(expected, np.random.default_rng(seed))
        if counts.shape != self._shape:
            raise ValueError(f"{self.kind}: its forward model gives {counts.shape}, its manifest says {self._shape}")
        if not np.can_cast(counts.dtype, self._dtype):
            counts = np.minimum(counts, np.iinfo(self._dtype).max)
        counts = counts.astype(self._dtype, copy=False)
        counts.flags.writeable = False
        facts = dict(self._forward.metadata())
        for name in ("dose_e_per_A2", "dose_electrons"):
            if name in facts:
                facts[name] *= factor
        return Frame(
            str(self.kind),
            self.kind,
            exposure.seq,
            counts,
            self._forward.axes(),
            exposure.t_start,
            exposure.t_end,
            exposure.clock,
            facts | dict(exposure.metadata),
        )

    def stress_frame(self, exposure: Exposure) -> Frame:
        """The same for almost nothing: eight frames are made as usual, then they come again and again."""
        if exposure.blanked:
            return self.frame(exposure)
        of = (exposure.seed and exposure.seed[0], exposure.dose_factor, exposure.metadata["truth"]["antiphase"])
        if of != self._kept_of:
            self._kept, self._kept_of = [], of
        if len(self._kept) < _STRESS_FRAMES:
            frame = self.frame(exposure)
            self._kept.append(replace(frame, metadata={**frame.metadata, "precomputed": True}))
            return self._kept[-1]
        kept = self._kept[exposure.seq % _STRESS_FRAMES]
        return replace(kept, seq=exposure.seq, t_start=exposure.t_start, t_end=exposure.t_end)
