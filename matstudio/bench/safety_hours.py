"""Healthy hours on a simulated clock: how often a station trips though nothing is wrong.

Furnaces are as described, but for gain and time constant within 2 %, each with noise, delay and lag of its own; an
operator chooses modes, setpoints and outputs every few minutes, and now and then lets everything cool down.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from matstudio.domain.clock import SimClock
from matstudio.domain.device import Actuator, Description
from matstudio.domain.process import Limits, Mode, Reading, Setpoint
from matstudio.station.core import PERIOD_S, SENSOR, Station

_GAIN_K, _TAU_S, _DELAY_S, _LAG_S, _NOISE_K, _AMBIENT_K = 650.0, 60.0, 2.0, 1.5, 0.3, 300.0
_OWN = 0.02
_FACTS = {
    "gain_K": _GAIN_K,
    "tau_s": _TAU_S,
    "delay_s": _DELAY_S,
    "sensor_lag_s": _LAG_S,
    "noise_K": _NOISE_K,
    "ambient_K": _AMBIENT_K,
}
_DESCRIPTION = Description(
    "furnace",
    "real",
    (),
    {"temperature": ("K", 250.0, 1000.0), "heater": ("1", 0.0, 1.0)},
    (Actuator("heater", "1", Limits(0.0, 1.0), 0.0),),
    {"furnace": _FACTS},
)


@dataclass(frozen=True)
class Hours:
    """What came of some healthy hours: how many, how often it tripped and why, and how far the hottest was, K."""

    hours: float
    trips: tuple[str, ...]
    hottest_K: float


class HealthyFurnace:
    """A furnace with delay, lag and noise, one reading a control period; steps are exact for a constant heater."""

    def __init__(self, clock: SimClock, rng: random.Random) -> None:
        self._clock, self._rng = clock, rng
        self._gain = _GAIN_K * (1.0 + rng.uniform(-_OWN, _OWN))
        self._keep = math.exp(-PERIOD_S / (_TAU_S * (1.0 + rng.uniform(-_OWN, _OWN))))
        self._show = math.exp(-PERIOD_S / _LAG_S)
        self.true = self._sensor = _AMBIENT_K
        self.heater = 0.0
        self._underway = deque([0.0] * round(_DELAY_S / PERIOD_S))
        self._made: dict[str, Reading] = {}
        self.step()

    def step(self) -> None:
        """One control period later."""
        self._underway.append(self.heater)
        end = _AMBIENT_K + self._gain * self._underway.popleft()
        self.true = end + (self.true - end) * self._keep
        self._sensor = self.true + (self._sensor - self.true) * self._show
        t = self._clock.now()
        value = self._sensor + self._rng.gauss(0.0, _NOISE_K)
        self._made = {SENSOR: Reading(SENSOR, value, "K", t), "heater": Reading("heater", self.heater, "1", t)}

    def describe(self) -> Description:
        return _DESCRIPTION

    def readings(self) -> Mapping[str, Reading]:
        return self._made

    def write(self, setpoint: Setpoint) -> None:
        self.heater = setpoint.value

    def safe(self) -> None:
        self.heater = 0.0

    def heartbeat(self, t: float) -> None:
        """It has no watchdog."""

    def close(self) -> None:
        """Nothing to let go of."""


def run(job: tuple[float, int]) -> Hours:
    """So many hours (hours, seed) in stretches of ten with a furnace each."""
    hours, seed = job
    trips: list[str] = []
    hottest = 0.0
    left, turn = hours, 0
    while left > 1e-9:
        one = _stretch(min(10.0, left), random.Random(1000 * seed + turn), trips)
        hottest, left, turn = max(hottest, one), left - 10.0, turn + 1
    return Hours(hours, tuple(trips), hottest)


def _stretch(hours: float, rng: random.Random, trips: list[str]) -> float:
    clock = SimClock()
    furnace = HealthyFurnace(clock, rng)
    station = Station(furnace, clock)
    command = station.handlers()
    hottest, until = 0.0, 0.0
    for cycle in range(round(hours * 3600.0 / PERIOD_S)):
        clock.advance(PERIOD_S)
        furnace.step()
        if cycle % 5 == 0:
            command["hello"](who="ana", role="studio")
        station.cycle()
        hottest = max(hottest, furnace.true)
        if station.mode is Mode.SAFE:
            trips.append(f"{clock.now():.1f} s: {station.why}")
            command["reset"](who="ana")
            until = clock.now() + 60.0
        elif clock.now() >= until:
            until = clock.now() + rng.choice((20.0, 90.0, 300.0, 1200.0))
            _operator(command, rng)
    return hottest


def _operator(command: Mapping[str, object], rng: random.Random) -> None:
    do = {name: handler for name, handler in command.items() if callable(handler)}
    what = rng.random()
    if what < 0.7:
        do["mode"](who="ana", mode="PID")
        do["setpoint"](who="ana", name=SENSOR, value=rng.uniform(300.0, 850.0))
    elif what < 0.9:
        do["output"](who="ana", name="heater", value=rng.uniform(0.0, 0.85))
    else:
        do["mode"](who="ana", mode="OFF")
