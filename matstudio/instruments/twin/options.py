"""What can be chosen of the twin, at its start and by `configure`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from matstudio.domain.frame import Kind
from matstudio.instruments.twin.plant import DOMAIN_ATOMS
from matstudio.modalities.base import modalities

STRESS_HZ = 30.0
MOST_HZ = 60.0
LEAST_ATOMS, MOST_ATOMS = 100.0, 1e9


def default_rates() -> dict[str, float]:
    """Frames per second of each stream that the twin has, as the manifests of the modalities say."""
    return {m.kind: m.stream.rate for m in modalities().values() if m.stream is not None}


@dataclass(frozen=True)
class Options:
    """Choices for the twin.

    Args:
        seed: of specimen and noise; same seed, same frames.
        noise: all of it: counting, sensors, thermal, drift.
        antiphase: an antiphase boundary in the specimen.
        dose_factor: of every exposure's dose.
        rates: frames per second of real time, by stream; 0: none.
        stress: every stream of MatStudio's own modalities at 30 Hz, with frames made beforehand.
        domain_atoms: atoms of the domain whose order fluctuates; a small one fluctuates more.
    """

    seed: int = 0
    noise: bool = True
    antiphase: bool = False
    dose_factor: float = 1.0
    rates: Mapping[str, float] = field(default_factory=default_rates)
    stress: bool = False
    domain_atoms: float = DOMAIN_ATOMS

    def rate(self, stream: str) -> float:
        """Frames per second of a stream."""
        return STRESS_HZ if self.stress and stream in tuple(Kind) else self.rates[stream]

    def changed(self, options: Mapping[str, Any]) -> Options:
        """These options with others over them.

        Raises:
            ValueError: an option is unknown or has a wrong value; one line that names it.
        """
        changes: dict[str, Any] = {}
        for name, value in options.items():
            match name:
                case "seed" if _is_int(value) and value >= 0:
                    changes[name] = value
                case "noise" | "antiphase" | "stress" if isinstance(value, bool):
                    changes[name] = value
                case "dose_factor" if _is_number(value) and 1e-3 <= value <= 1e3:
                    changes[name] = float(value)
                case "rates" if isinstance(value, Mapping):
                    changes[name] = {**self.rates, **_rates(value)}
                case "domain_atoms" if _is_number(value) and LEAST_ATOMS <= value <= MOST_ATOMS:
                    changes[name] = float(value)
                case "seed" | "noise" | "antiphase" | "stress" | "dose_factor" | "rates" | "domain_atoms":
                    raise ValueError(f"option {name}: {value!r} is not allowed")
                case _:
                    raise ValueError(f"no option {name!r} of the twin")
        return replace(self, **changes)

    @classmethod
    def of_run(cls, options: Mapping[str, Any]) -> Options:
        """The twin's options among those of a run; the others are for other processes."""
        return cls().changed({k: v for k, v in options.items() if k in cls.__dataclass_fields__})


def _rates(value: Mapping[str, Any]) -> dict[str, float]:
    for stream, rate in value.items():
        if stream not in default_rates():
            raise ValueError(f"option rates: no stream {stream!r}")
        if not (_is_number(rate) and 0 <= rate <= MOST_HZ):
            raise ValueError(f"option rates: {stream} at {rate!r} Hz, not within 0 .. {MOST_HZ:g}")
    return {stream: float(rate) for stream, rate in value.items()}


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_int(value) or (isinstance(value, float) and math.isfinite(value))
