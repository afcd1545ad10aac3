"""The electron dose as a process value with limits: what blanks the beam, and when a person is told before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from matstudio.control.alarms import Condition, Priority
from matstudio.control.gate import Interlock
from matstudio.domain.process import Quality, Reading

BEAM, DOSE, RATE = "beam", "dose", "dose_rate"
WARN_SHARE = 0.9
_LET_GO = 0.999


@dataclass(frozen=True)
class DoseLimits:
    """What the specimen bears.

    Args:
        budget: total dose, e/Å^2 (`math.inf`: none).
        rate: e/Å^2/s (`math.inf`: none).
    """

    budget: float = math.inf
    rate: float = math.inf

    def __post_init__(self) -> None:
        if not (self.budget > 0 and self.rate > 0):
            raise ValueError(f"budget {self.budget:g} e/Å² and rate {self.rate:g} e/Å²/s must be more than 0")

    def interlocks(self) -> tuple[Interlock, ...]:
        """What blanks the beam when a limit is passed; it stays blanked until a person puts it on again."""
        limits = (("dose_budget", DOSE, self.budget), ("dose_rate", RATE, self.rate))
        return tuple(Interlock(n, reading, x, _LET_GO * x, BEAM) for n, reading, x in limits if math.isfinite(x))


def conditions(limits: DoseLimits, readings: Mapping[str, Reading]) -> dict[str, Condition]:
    """What people must know of the dose."""
    dose = readings.get(DOSE)
    if dose is None or dose.quality is Quality.BAD or not math.isfinite(limits.budget):
        return {}
    share = dose.value / limits.budget
    if not share >= WARN_SHARE:
        return {}
    text = f"dose {dose.value:.4g} of {limits.budget:.4g} {dose.unit}, {100 * share:.0f} % of the budget"
    return {"dose": Condition(text, Priority.MEDIUM)}
