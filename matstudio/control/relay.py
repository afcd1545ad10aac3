"""A relay experiment: the output goes up and down about its present value each time the measurement crosses its own.

The process then swings in a limit cycle close to its phase crossover, where it matters for the tuning (K. J. Åström,
T. Hägglund, Automatica 20 (1984) 645). The relay has hysteresis against noise, and goes further up than down, which
shows the static gain too (J. Berner, T. Hägglund, K. J. Åström, Control Eng. Pract. 54 (2016) 126). What was
recorded becomes a model in `control/identify.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

Sample = tuple[float, float, float]
"""Time (s), the output that holds from then on, the measurement at that time."""


class Phase(StrEnum):
    """How far an experiment is."""

    LISTEN = "listening"
    SWING = "swinging"
    DONE = "done"
    ABORTED = "aborted"


class Event(StrEnum):
    """What moves an experiment on."""

    STEADY = "noise known, temperature steady"
    AGREED = "periods agree"
    ABORT = "aborted"


TABLE: Mapping[tuple[Phase, Event], Phase] = {
    (Phase.LISTEN, Event.STEADY): Phase.SWING,
    (Phase.SWING, Event.AGREED): Phase.DONE,
    (Phase.LISTEN, Event.ABORT): Phase.ABORTED,
    (Phase.SWING, Event.ABORT): Phase.ABORTED,
}
"""What is not in it changes nothing."""


@dataclass(frozen=True)
class Plan:
    """What the experiment may do.

    Args:
        up, down: how far above and below its present value the output goes, > 0, in the output's unit.
        most: how far the measurement may go from where it was, in its unit.
        limit_s: time after which it is given up.
        listen_s: time for which the output stands still first, to learn the noise and whether all is steady.
        least: least hysteresis, in the measurement's unit.
    """

    up: float
    down: float
    most: float
    limit_s: float = 900.0
    listen_s: float = 6.0
    least: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.up, self.down, self.most, self.limit_s)
        if not all(math.isfinite(x) and x > 0 for x in numbers) or self.listen_s < 0 or self.least < 0:
            raise ValueError(f"relay experiment {numbers}: each must be a number above 0")


@dataclass(frozen=True)
class Status:
    """How an experiment stands: phase, periods so far, last period (s) and why it ended ("" while it does not)."""

    phase: Phase
    periods: int
    period_s: float
    why: str = ""


NOISES = 4.0
"""Hysteresis in standard deviations of the noise."""
_ALIKE, _FEWEST, _MOST = 0.06, 5, 14  # two periods agree within this share; so many at least, and at most
_LEAST_LISTENED = 5
_FLOOR, _KICK = 0.002, 0.02  # of `most`: least hysteresis, and the first rise, so that no chatter passes for a cycle


class Experiment:
    """One relay experiment. Feed it each good sample; it says what the output is to be.

    Args:
        plan: what it may do.
        setpoint: about which it swings, in the measurement's unit.
        output: the present output, about which the relay switches.
    """

    def __init__(self, plan: Plan, setpoint: float, output: float) -> None:
        self.plan, self.setpoint, self.output = plan, setpoint, output
        self.samples: list[Sample] = []
        """Since the swing began; the output in each is the actual one."""
        self.rises: list[int] = []
        """Number of the sample at which the output went up."""
        self.hysteresis = plan.least
        self._phase, self._why = Phase.LISTEN, ""
        self._heard: list[tuple[float, float]] = []
        self._high = False

    @property
    def status(self) -> Status:
        """How it stands now."""
        n = len(self.rises)
        period = self.samples[self.rises[-1]][0] - self.samples[self.rises[-2]][0] if n > 1 else math.nan
        return Status(self._phase, max(0, n - 1), period, self._why)

    @property
    def over(self) -> bool:
        """Whether it has ended, one way or the other."""
        return self._phase in (Phase.DONE, Phase.ABORTED)

    def abort(self, why: str) -> None:
        """Give it up; one that has ended stays as it is."""
        self._step(Event.ABORT, why)

    def sample(self, t: float, actual: float, y: float) -> float:
        """Take the measurement `y` of time `t` (s), with the output that was `actual`ly there until now; returns the
        output that is wanted from now on. After the end that is the one from before."""
        if self.over:
            return self.output
        if not all(math.isfinite(x) for x in (t, actual, y)):
            self.abort("a value that is not finite")
        elif self._phase is Phase.LISTEN:
            self._listen(t, y)
        else:
            self._swing(t, actual, y)
        if self._phase is not Phase.SWING:
            return self.output
        return self.output + self.plan.up if self._high else self.output - self.plan.down

    @property
    def _first(self) -> float:
        return max(self.hysteresis, _KICK * self.plan.most)

    def _step(self, event: Event, why: str = "") -> None:
        new = TABLE.get((self._phase, event))
        if new is not None:
            self._phase, self._why = new, why

    def _listen(self, t: float, y: float) -> None:
        self._heard.append((t, y))
        first = self._heard[0][0]
        if t - first < self.plan.listen_s or (len(self._heard) < _LEAST_LISTENED and self.plan.listen_s > 0):
            return
        noise, drift = _noise(self._heard)
        self.hysteresis = max(self.plan.least, NOISES * noise, _FLOOR * self.plan.most)
        if abs(drift) * self.plan.listen_s > self.hysteresis + 2 * noise + 0.02 * self.plan.most:
            self.abort(f"not steady: it drifts by {drift:.3g} per s")
        elif abs(y - self.setpoint) > self.hysteresis + 0.1 * self.plan.most:
            self.abort(f"not steady: {abs(y - self.setpoint):.3g} away from its setpoint")
        elif self.hysteresis > 0.4 * self.plan.most:
            self.abort(f"too noisy: {noise:.3g} (standard deviation)")
        else:
            self._high = True
            self._step(Event.STEADY)
            self.samples, self.rises = [(t, self.output + self.plan.up, y)], []

    def _swing(self, t: float, actual: float, y: float) -> None:
        before, _, last = self.samples[-1]
        self.samples[-1] = (before, actual, last)
        if t <= before:
            return
        self.samples.append((t, actual, y))
        if abs(y - self.setpoint) > self.plan.most:
            self.abort(f"more than {self.plan.most:g} away from its setpoint")
        elif t - self.samples[0][0] > self.plan.limit_s:
            self.abort(f"no limit cycle within {self.plan.limit_s:g} s")
        elif self._high and y > self.setpoint + (self.hysteresis if self.rises else self._first):
            self._high = False
        elif not self._high and y < self.setpoint - self.hysteresis:
            self._high = True
            self.rises.append(len(self.samples) - 1)
            if len(self.rises) > _FEWEST and (self._agree() or len(self.rises) > _MOST):
                self._step(Event.AGREED)

    def _agree(self) -> bool:
        """Whether the last two periods are alike in length, in share of time above and in size."""
        facts = []
        for a, b in zip(self.rises[-3:-1], self.rises[-2:], strict=True):
            ys = [y for _, _, y in self.samples[a:b]]
            area = sum(
                (self.samples[i + 1][0] - self.samples[i][0]) * (self.samples[i][1] - self.output) for i in range(a, b)
            )
            facts.append((self.samples[b][0] - self.samples[a][0], max(ys) - min(ys), area))
        (p, size, area), (p2, size2, area2) = facts
        scale = (self.plan.up + self.plan.down) * p
        return (
            abs(p - p2) <= _ALIKE * p
            and abs(size - size2) <= _ALIKE * size + self.hysteresis / 2
            and abs(area - area2) <= _ALIKE / 2 * scale
        )


def _noise(heard: list[tuple[float, float]]) -> tuple[float, float]:
    """Standard deviation of the noise, from differences of neighbours, and drift per second."""
    n = len(heard)
    if n < 2:
        return 0.0, 0.0
    noise = math.sqrt(sum((b - a) ** 2 for (_, a), (_, b) in pairwise(heard)) / (2 * (n - 1)))
    t0, y0 = sum(t for t, _ in heard) / n, sum(y for _, y in heard) / n
    spread = sum((t - t0) ** 2 for t, _ in heard)
    drift = sum((t - t0) * (y - y0) for t, y in heard) / spread if spread > 0 else 0.0
    return noise, drift
