"""Whether a reading can be trusted: not finite, out of range, stale, stuck, at odds with the model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from matstudio.control.observer import Furnace, FurnaceObserver
from matstudio.domain.process import Quality, Reading

MAX_AGE_S = 0.35  # so that a frozen device is safe within 3 control periods of 0.2 s
MAX_AGE_REAL_S = 1.0  # at simulated speed: jitter of the machine is not a fault of the sensor
STUCK_SAMPLES = 3
CONFIRM_S = 0.15  # one bad sample is left out, a second one a control period later is a fault
TIMING_S = 0.4  # trusted in a furnace's delay and lag; at simulated speed the jitter of the machine comes before it
TIMING_OF_AGE = 0.1
PULLED_K = 18.0  # the sensor has left the model by this within the observer's window
JUMP_K = 40.0


class Fault(StrEnum):
    """What is wrong with a reading."""

    MISSING = "missing"
    NOT_FINITE = "not finite"
    OUT_OF_RANGE = "out of range"
    UNIT = "in another unit"
    STALE = "stale"
    STUCK = "stuck"
    MODEL = "at odds with the model"


@dataclass(frozen=True)
class Judgement:
    """What to think of a reading.

    Args:
        fault: what is wrong, or None.
        text: one line, "" without a fault.
        confirmed: whether the fault is sure enough to make the device safe.
    """

    fault: Fault | None = None
    text: str = ""
    confirmed: bool = False

    @property
    def quality(self) -> Quality:
        """Of the reading."""
        if self.fault is None:
            return Quality.GOOD
        return Quality.STALE if self.fault in (Fault.STALE, Fault.MISSING) else Quality.BAD


def plain(reading: Reading, now: float, max_age: float, low: float, high: float) -> Judgement:
    """What one sample alone tells.

    Args:
        reading: as it came.
        now: run time, s.
        max_age: oldest source time that counts, s.
        low, high: the range in which it can be true at all.
    """
    if not math.isfinite(reading.value):
        return Judgement(Fault.NOT_FINITE, f"{reading.name} is {reading.value}")
    if not low <= reading.value <= high:
        return Judgement(
            Fault.OUT_OF_RANGE, f"{reading.name} {reading.value:.6g} {reading.unit} is outside {low:g} .. {high:g}"
        )
    age = now - reading.t
    if not abs(age) <= max_age:
        return Judgement(Fault.STALE, f"{reading.name} is {age:.2f} s old", confirmed=True)
    if reading.quality is Quality.BAD:
        return Judgement(Fault.NOT_FINITE, f"{reading.name}: the device calls it bad")
    return Judgement()


def max_age(speed: float) -> float:
    """Oldest source time that counts, s of run time, on a clock that runs `speed` times as fast as real time."""
    return MAX_AGE_S if speed <= 1 else max(MAX_AGE_S, MAX_AGE_REAL_S * speed)


class SensorMonitor:
    """Watches the temperature that the loop is closed on. `look` is called at every control cycle or oftener.

    Args:
        low, high: range in which the reading can be true at all, K.
        furnace: what the heater should do to it, or None: no stuck and no model check.
        max_age: oldest source time that counts, s of run time.
        unit: that the reading must come in, or "": any.
    """

    def __init__(
        self, low: float, high: float, furnace: Furnace | None, max_age: float = MAX_AGE_S, unit: str = ""
    ) -> None:
        self._low, self._high, self._max_age, self._unit = low, high, max_age, unit
        self._furnace = furnace
        timing = TIMING_S if max_age <= MAX_AGE_S else max(TIMING_S, TIMING_OF_AGE * max_age)
        self._observer = FurnaceObserver(furnace, timing_s=timing) if furnace else None
        self._looked = -math.inf
        self.restart()

    def restart(self) -> None:
        """Forget what was learnt (after a person's reset)."""
        if self._observer:
            self._observer.restart()
        self._bad_since: float | None = None
        self._last: Reading | None = None
        self._same = 1
        self._held = (
            Judgement()
        )  # what the model said of the last reading: a look that brings no new one acquits nobody

    def look(self, reading: Reading | None, now: float, heater: float) -> Judgement:
        """Judge the newest reading at run time `now`; `heater` is the heater's output since the last look."""
        if self._observer:
            self._observer.heater(self._looked, heater)
        self._looked = now
        found = self._judge(reading, now)
        if found.fault is None:
            self._bad_since = None
            return found
        if self._bad_since is None:
            self._bad_since = now
        sure = found.confirmed or now - self._bad_since >= CONFIRM_S
        return Judgement(found.fault, found.text, sure)

    def _judge(self, reading: Reading | None, now: float) -> Judgement:
        if reading is None:
            return Judgement(Fault.MISSING, "there is no temperature reading", confirmed=True)
        if self._unit and reading.unit != self._unit:
            text = f"{reading.name} comes in {reading.unit[:20]!r} instead of {self._unit}"
            return Judgement(Fault.UNIT, text, confirmed=True)
        found = plain(reading, now, self._max_age, self._low, self._high)
        if found.fault is not None:
            return found
        new = self._last is None or reading.t > self._last.t
        if new and self._last is not None:
            self._same = self._same + 1 if reading.value == self._last.value else 1
        if new:
            self._last = reading
        if self._furnace and self._furnace.noise_K > 0 and self._same >= STUCK_SAMPLES:
            text = f"{reading.name} has been exactly {reading.value:.6g} {reading.unit} for {self._same} samples"
            return Judgement(Fault.STUCK, text, confirmed=True)
        if self._observer is not None and new:
            self._held = self._against_model(self._observer, reading)
        return self._held

    def _against_model(self, observer: FurnaceObserver, reading: Reading) -> Judgement:
        expected = observer.advance(reading.t)
        if math.isfinite(expected) and abs(reading.value - expected) > JUMP_K:
            text = f"{reading.name} {reading.value:.6g} K, but the heater's output makes {expected:.4g} K"
            return Judgement(Fault.MODEL, text)
        observer.reading(reading.t, reading.value)
        if abs(observer.pulled) > PULLED_K:
            text = f"{reading.name} has drifted by {observer.pulled:+.0f} K from what the heater's output makes"
            return Judgement(Fault.MODEL, text, confirmed=True)
        if abs(observer.strayed) > observer.stray_limit:
            text = f"{reading.name} is {observer.strayed:+.0f} K from what the furnace as described makes"
            return Judgement(Fault.MODEL, text)
        return Judgement()
