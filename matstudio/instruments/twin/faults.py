"""Faults that can be put into the twin, to see what the rest makes of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from matstudio.domain.process import Quality, Reading

DRIFT_SPANS_PER_S = 1 / 750


class Fault(StrEnum):
    """What can be wrong with a reading, and, from FROZEN on, with the whole device."""

    DRIFT = "drift"  # reads ever lower, by 1/750 of the reading's range a second: -1 K/s for the temperature
    STUCK = "stuck"  # the value stays, its source time goes on
    STALE = "stale"  # value and source time stay
    OUT_OF_RANGE = "out_of_range"  # a value that cannot be
    INFINITE = "infinite"
    NAN = "nan"
    FROZEN = "frozen"  # neither answers nor publishes; the process goes on
    GONE = "gone"  # the device ends


WHOLE_DEVICE = frozenset({Fault.FROZEN, Fault.GONE})


class Faults:
    """The faults that are on.

    Args:
        ranges: name of each reading -> (unit, low, high).
    """

    def __init__(self, ranges: Mapping[str, tuple[str, float, float]]) -> None:
        self._ranges = ranges
        self._on: dict[tuple[Fault, str], float] = {}
        self._held: dict[tuple[Fault, str], Reading] = {}

    def set(self, kind: str, target: str, on: bool, t: float) -> None:
        """Put a fault in or take it out.

        Raises:
            ValueError: there is no such fault or reading; one line.
        """
        if kind not in list(Fault):
            raise ValueError(f"no fault {kind!r}: {', '.join(Fault)}")
        fault = Fault(kind)
        if fault not in WHOLE_DEVICE and target not in self._ranges:
            raise ValueError(f"no reading {target!r}: {', '.join(self._ranges)}")
        key = (fault, "" if fault in WHOLE_DEVICE else target)
        if on:
            self._on.setdefault(key, t)
        else:
            self._on.pop(key, None)
            self._held.pop(key, None)

    def since(self, fault: Fault) -> float | None:
        """Run time at which a fault of the whole device began, or None."""
        return self._on.get((fault, ""))

    def listed(self) -> tuple[str, ...]:
        """The faults that are on, as "kind target"."""
        return tuple(sorted(f"{fault} {target}".strip() for fault, target in self._on))

    def apply(self, reading: Reading) -> Reading:
        """The reading as the faults that are on make it."""
        for fault in Fault:
            key = (fault, reading.name)
            if key in self._on:
                reading = self._one(key, reading)
        return reading

    def _one(self, key: tuple[Fault, str], reading: Reading) -> Reading:
        _, low, high = self._ranges[reading.name]
        match key[0]:
            case Fault.DRIFT:
                return replace(
                    reading, value=reading.value - DRIFT_SPANS_PER_S * (high - low) * (reading.t - self._on[key])
                )
            case Fault.STUCK:
                return replace(reading, value=self._held.setdefault(key, reading).value)
            case Fault.STALE:
                return self._held.setdefault(key, reading)
            case Fault.OUT_OF_RANGE:
                return replace(reading, value=high + (high - low))
            case Fault.INFINITE:
                return replace(reading, value=math.inf, quality=Quality.BAD)
            case Fault.NAN:
                return replace(reading, value=math.nan, quality=Quality.BAD)
        return reading
