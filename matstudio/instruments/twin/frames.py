"""`python -m matstudio.instruments.twin.frames RUN_DIRECTORY`: specimen and detectors, the process that makes the
twin's frames."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matstudio.domain.frame import Frame, Kind
from matstudio.instruments import frames
from matstudio.instruments.twin.detectors import Exposure, TwinDetector
from matstudio.instruments.twin.specimen import Specimen


@dataclass(frozen=True)
class Shot:
    """What a frame depends on; plain numbers and text.

    Args:
        stream: whose frame.
        seq: its number.
        t_start, t_end: exposure, run time, s.
        clock: `Clock.id` of those.
        order, composition: that the specimen shows: Bragg-Williams S, Au fraction.
        temperature_K: of the specimen.
        drift_A: y, x of the stage, Å.
        seed, noise, antiphase, dose_factor, stress: the twin's options.
        facts: that the device measured, for the frame's metadata.
    """

    stream: str
    seq: int
    t_start: float
    t_end: float
    clock: str
    order: float
    composition: float
    temperature_K: float
    drift_A: tuple[float, float]
    seed: int
    noise: bool
    antiphase: bool
    dose_factor: float
    stress: bool
    facts: Mapping[str, Any]


class TwinFrames:
    """The specimen and a detector for each stream. A frame depends on its shot only.

    Args:
        streams: those whose detectors are needed; they have the names of their kinds.
    """

    def __init__(self, streams: Sequence[str] = tuple(Kind)) -> None:
        self._detectors = {str(kind): TwinDetector(kind) for kind in streams}
        self._seed, self._specimen = 0, Specimen()

    def make(self, shot: Mapping[str, Any]) -> Frame:
        """The frame of a shot, given as a map."""
        s = Shot(**shot)
        detector = self._detectors[s.stream]
        exposure = self._exposure(s)
        return detector.stress_frame(exposure) if s.stress else detector.frame(exposure)

    def _exposure(self, s: Shot) -> Exposure:
        if s.seed != self._seed:
            self._seed, self._specimen = s.seed, Specimen(seed=s.seed)
        specimen = self._specimen
        if s.antiphase != specimen.antiphase:
            specimen.antiphase = s.antiphase
        specimen.set_state(s.order, s.composition)
        facts = {
            "instrument": "twin",
            "material": specimen.material.name,
            "thickness_cells": int(specimen.cells[2]),
            "seed": s.seed,
            "drift_A": list(s.drift_A),
            "truth": {
                "order_parameter": specimen.order_parameter(),
                "composition": specimen.composition(),
                "temperature_K": s.temperature_K,
                "antiphase": s.antiphase,
            },
        }
        return Exposure(
            s.seq,
            s.t_start,
            s.t_end,
            s.clock,
            specimen.atoms(s.temperature_K, (s.drift_A[0], s.drift_A[1])),
            s.dose_factor,
            (s.seed, 2, _number(s.stream), s.seq) if s.noise else None,
            facts | dict(s.facts),
            bool(s.facts.get("beam_blanked")),
        )


def _number(stream: str) -> int:
    """A number of its own for each stream's noise."""
    return list(Kind).index(Kind(stream)) if stream in tuple(Kind) else zlib.crc32(stream.encode())


if __name__ == "__main__":
    frames.main(lambda streams: TwinFrames(streams).make)
