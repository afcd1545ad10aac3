"""A station on a furnace, on a simulated clock, with every command that reaches the device written down."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from matstudio.domain.clock import SimClock
from matstudio.domain.device import Actuator, Description
from matstudio.domain.process import Limits, Mode, Quality, Reading
from matstudio.instruments.twin.local import LocalTwin
from matstudio.station.core import PERIOD_S, Station

FACTS = {"gain_K": 650.0, "tau_s": 60.0, "delay_s": 2.0, "sensor_lag_s": 1.5, "ambient_K": 300.0, "noise_K": 0.3}


class FakeFurnace:
    """A furnace without dead time whose every part a test can break; not the twin, so that each checks the other."""

    def __init__(self, clock, kind="real", actuators=True):
        self.clock, self.at, self.true, self.u = clock, clock.now(), 300.0, 0.0
        self.writes, self.safes, self.beats = [], 0, []
        self.spoil = lambda reading: reading
        self.fail = None
        low = (Actuator("heater", "1", Limits(0.0, 1.0), 0.0), Actuator("pressure", "GPa", Limits(0.0, 2.0), None))
        ranges = {"temperature": ("K", 250.0, 1000.0), "heater": ("1", 0.0, 1.0), "pressure": ("GPa", -1.0, 3.0)}
        facts = {"furnace": FACTS | {"delay_s": 0.0, "sensor_lag_s": 0.0}}
        self.description = Description("Fake", kind, (), ranges, low if actuators else (), facts)
        self.pressure = 0.5
        self.queue = []

    def _advance(self):
        import random

        while self.at + 0.05 <= self.clock.now() + 1e-9:
            self.at += 0.05
            self.true += 0.05 * (300.0 + 650.0 * self.u - self.true) / 60.0
        self.noise = random.Random(round(self.at, 3)).gauss(0.0, 0.3)

    def describe(self):
        if self.fail:
            raise self.fail
        return self.description

    def readings(self):
        self._advance()
        if self.fail:
            raise self.fail
        t = self.at
        found = [
            self.spoil(Reading("temperature", self.true + self.noise, "K", t)),
            Reading("heater", self.u, "1", t),
            Reading("pressure", self.pressure, "GPa", t),
        ]
        return {r.name: r for r in found}

    def write(self, setpoint):
        self._advance()
        self.writes.append(setpoint)
        if setpoint.name == "heater":
            self.u = setpoint.value
        else:
            self.pressure = setpoint.value

    def safe(self):
        self._advance()
        self.safes += 1
        self.u = 0.0

    def heartbeat(self, t):
        self.beats.append(t)

    def close(self):
        pass


class Watched:
    """A device that remembers what it was told."""

    def __init__(self, device):
        self.device = device
        self.writes = []
        self.safes = 0

    def __getattr__(self, name):
        return getattr(self.device, name)

    def write(self, setpoint):
        self.writes.append(setpoint)
        self.device.write(setpoint)

    def safe(self):
        self.safes += 1
        self.device.safe()


class Bench:
    """Station and device together; `run` moves time."""

    def __init__(self, make):
        self.clock = SimClock()
        self.furnace = make(self.clock)
        self.device = Watched(self.furnace)
        self.entries = []
        self.station = Station(self.device, self.clock, record=self.entries.append)
        self.client = "ana"
        self.on_cycle = lambda: None
        self.cycle()

    def cycle(self):
        if self.client:
            self.station.handle_hello(self.client, "studio")
        self.station.cycle()
        self.on_cycle()

    def run(self, seconds):
        end = self.clock.now() + seconds
        while self.clock.now() < end - 1e-9:
            self.clock.advance(PERIOD_S)
            self.cycle()

    def enter(self, mode):
        if mode in (Mode.ADVISE, Mode.POLICY):
            self.station.policy_loaded = True
        if mode is Mode.HOLD:
            self.station.handle_mode("ana", "PID")
        if mode is Mode.SAFE:
            self.station.handle_halt("ana")
        else:
            self.station.handle_mode("ana", mode)
        assert self.station.mode is mode

    def kinds(self, kind):
        return [e for e in self.entries if e["kind"] == kind]

    def alarms(self):
        return {a["id"]: a for a in self.station.status()["alarms"]}

    def check_writes(self):
        """Every command ever sent is finite, in range and within rate."""
        limits = self.station.status()["limits"]
        last = {}
        for sent in self.device.writes:
            bound = limits[sent.name]
            assert math.isfinite(sent.value)
            assert bound.low <= sent.value <= bound.high
            if sent.name in last and sent.value > last[sent.name].value:
                step, dt = sent.value - last[sent.name].value, sent.t - last[sent.name].t
                assert step <= bound.rate * dt + 1e-9
            last[sent.name] = sent


@pytest.fixture
def bench():
    return Bench(lambda clock: LocalTwin(clock, seed=3))


@pytest.fixture
def fake():
    return Bench(FakeFurnace)


def spoilt(kind, held=None):
    """A function that spoils a reading as a fault of that name does."""
    memory = []

    def spoil(reading):
        memory.append(reading)
        first = memory[0]
        return {
            "nan": replace(reading, value=math.nan),
            "infinite": replace(reading, value=math.inf),
            "bad": replace(reading, quality=Quality.BAD),
            "out_of_range": replace(reading, value=1e4),
            "stuck": replace(reading, value=first.value),
            "stale": first,
            "drift": replace(reading, value=reading.value + (reading.t - first.t)),
        }[kind]

    return spoil
