"""Random sequences of commands and faults against a station in this process; what a device must never be sent.

A sequence is bytes, so that whoever makes them (a property test, a random generator) can shorten what fails: the first
two say how it begins, then each pair is one command or fault and its value, followed by a control cycle.
"""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from matstudio.bus.messages import CommandError
from matstudio.control.limits import DEFAULT_LIMITS
from matstudio.domain.clock import SimClock
from matstudio.domain.device import Actuator, Description
from matstudio.domain.process import Limits, Mode, Quality, Reading, Setpoint
from matstudio.instruments.base import DeviceError
from matstudio.station.core import PERIOD_S, SENSOR, Station

VALUES = (math.nan, math.inf, -math.inf, -1.0, 0.0, 1e-9, 0.25, 0.3, 0.5, 1.0, 2.0, 300.0, 500.0, 640.0, 860.0, 1e308)
ACTUATORS = (
    Actuator("heater", "1", Limits(0.0, 1.0), 0.0),
    Actuator("pressure", "GPa", Limits(0.0, 2.0), None),
    Actuator("composition", "1", Limits(0.15, 0.35), None),
)
RANGES = {
    "temperature": ("K", 250.0, 1000.0),
    "heater": ("1", 0.0, 1.0),
    "pressure": ("GPa", -0.1, 2.2),
    "composition": ("1", 0.1, 0.4),
}
_FACTS = {"gain_K": 650.0, "tau_s": 60.0, "delay_s": 0.0, "sensor_lag_s": 0.0, "ambient_K": 300.0, "noise_K": 0.3}
_HOTS = (300.0, 420.0, 620.0, 790.0)
_NAMES = ("temperature", "heater", "pressure", "composition")
_STARTS = (Mode.OFF, Mode.MANUAL, Mode.PID, Mode.ADVISE, Mode.POLICY, Mode.HOLD, Mode.SAFE, Mode.PID)
_SLACK = 1e-9
_MASTERS = {  # of the heater, and of pressure and composition: the gate is not its own judge
    Mode.OFF: ("station", "station"),
    Mode.MANUAL: ("operator", "operator"),
    Mode.PID: ("pid", "operator"),
    Mode.ADVISE: ("pid", "operator"),
    Mode.POLICY: ("pid", "policy"),
    Mode.HOLD: ("pid", "station"),
    Mode.SAFE: ("station", "station"),
}


class Probe:
    """A furnace that a sequence breaks at will, and that judges everything it is sent.

    Args:
        clock: run time.
        temperature: at the beginning, K.
        rng: of the sensor's noise.
    """

    def __init__(self, clock: SimClock, temperature: float, rng: random.Random) -> None:
        self._clock, self._rng = clock, rng
        self.values = {"temperature": temperature, "heater": 0.0, "pressure": 0.5, "composition": 0.25}
        self.boot = 0
        self.spoil: Callable[[Reading], Reading | None] = lambda reading: reading
        self.spoilt = SENSOR
        self.deaf = self.silent = False
        self.station: Station | None = None
        self.wrong: list[str] = []
        self.writes = 0
        self._at = clock.now()
        self._sent: dict[str, Setpoint] = {}

    def describe(self) -> Description | None:
        return Description("probe", "real", (), RANGES, ACTUATORS, {"furnace": _FACTS, "boot": self.boot})

    def readings(self) -> Mapping[str, Reading]:
        if self.silent:
            raise DeviceError("no answer")
        now = self._clock.now()
        v = self.values
        v["temperature"] += (now - self._at) * (300.0 + 650.0 * v["heater"] - v["temperature"]) / 60.0
        self._at = now
        found = {}
        for name, (unit, _, _) in RANGES.items():
            noise = self._rng.gauss(0.0, 0.3) if name == SENSOR else 0.0
            reading: Reading | None = Reading(name, v[name] + noise, unit, now)
            if name == self.spoilt and reading is not None:
                reading = self.spoil(reading)
            if reading is not None:
                found[name] = reading
        return found

    def write(self, setpoint: Setpoint) -> None:
        self._judge(setpoint)
        if self.deaf:
            raise DeviceError("refused")
        self.values[setpoint.name] = setpoint.value
        self._sent[setpoint.name] = setpoint

    def safe(self) -> None:
        if self.values["heater"] != 0.0 or "heater" not in self._sent:  # said again, it earns no smaller step
            self._sent["heater"] = Setpoint("heater", 0.0, "1", "station", self._clock.now())
        self.values["heater"] = 0.0

    def heartbeat(self, t: float) -> None:
        if not math.isfinite(t):
            self.wrong.append(f"a heartbeat at {t}")

    def close(self) -> None:
        """Nothing to let go of."""

    def _judge(self, s: Setpoint) -> None:
        self.writes += 1
        limits, last = DEFAULT_LIMITS[s.name], self._sent.get(s.name)
        mode = self.station.mode if self.station is not None else Mode.OFF
        if not math.isfinite(s.value):
            self.wrong.append(f"{s.name} {s.value} was sent")
        elif not limits.low <= s.value <= limits.high:
            self.wrong.append(f"{s.name} {s.value:g} is outside {limits.low:g} .. {limits.high:g}")
        safe = s.name == "heater" and s.value == 0.0
        if last is not None and not safe and abs(s.value - last.value) > limits.rate * (s.t - last.t) + _SLACK:
            self.wrong.append(f"{s.name} went from {last.value:g} to {s.value:g} in {s.t - last.t:g} s")
        if mode is Mode.SAFE and not safe:
            self.wrong.append(f"{s.name} {s.value:g} was sent while latched")
        who, wanted = s.source.partition(":")[0], _MASTERS[mode][s.name != "heater"]
        if who != wanted and not (who == "station" and safe):
            self.wrong.append(f"{s.name} was moved by {who} in {mode}, where {wanted} is the master")


def play(code: bytes) -> tuple[str, int]:
    """Play one sequence.

    Returns:
        what was wrong, one line, or "", and how many values were sent to the device.
    """
    code = code.ljust(2, b"\0")
    clock = SimClock(10.0)
    rng = random.Random(code)
    probe = Probe(clock, _HOTS[code[0] % len(_HOTS)], rng)
    station = probe.station = Station(probe, clock)
    commands = station.handlers()

    def tell(name: str, /, **fields: object) -> None:
        with contextlib.suppress(CommandError, ValueError):
            commands[name](**fields)

    tell("hello", who="ana", role="studio")
    station.cycle()
    station.policy_loaded = True
    start = _STARTS[code[1] % len(_STARTS)]
    tell("mode", who="ana", mode=(Mode.PID if start is Mode.HOLD else start).value)
    tell("mode", who="ana", mode=start.value)
    if start is Mode.MANUAL:
        tell("output", who="ana", name="heater", value=0.5)
    elif start not in (Mode.ADVISE, Mode.POLICY, Mode.HOLD):
        tell("setpoint", who="ana", name="temperature", value=640.0)
    else:
        station._targets[SENSOR] = 640.0
    for i in range(2, len(code) - 1, 2):
        _act(code[i], code[i + 1], station, probe, clock, tell)
        clock.advance(PERIOD_S)
        station.cycle()
        if station._above.loop.setpoint is not None and not 250.0 <= station._above.loop.setpoint <= 860.0:
            probe.wrong.append(f"the loop's setpoint is {station._above.loop.setpoint}")
        if probe.wrong:
            break
    return (probe.wrong[0] if probe.wrong else ""), probe.writes


def _act(act: int, what: int, station: Station, probe: Probe, clock: SimClock, tell: Callable[..., None]) -> None:
    """One command or one fault."""
    value, name = VALUES[what % 16], _NAMES[(what >> 4) % 4]
    who = ("ana", "bob")[what >> 7]
    match act % 24:
        case 0:
            tell("mode", who=who, mode=list(Mode)[what % 7].value)
        case 1 | 2:
            tell("setpoint", who=who, name=name, value=value)
        case 3 | 4:
            tell("output", who=who, name=name, value=value)
        case 5:
            tell("take_over", who=who)
        case 6:
            tell("halt", who=who)
        case 7:
            tell("reset", who=who)
        case 8:  # a person mends what was wrong and goes on
            probe.spoil, probe.silent, probe.deaf = lambda reading: reading, False, False
            clock.advance(PERIOD_S)
            station.cycle()
            tell("reset", who=who)
            tell("mode", who=who, mode=_STARTS[what % 6].value)
        case 9:
            tell("hello", who=who, role="studio")
        case 10 | 11:  # a policy, or a fault in this program, puts something into what is wanted
            station._targets[name] = value
        case 12:
            station.policy_loaded = not station.policy_loaded
        case 13:
            probe.deaf = not probe.deaf
        case 14:
            probe.silent = not probe.silent
        case 15:
            probe.boot += 1
        case 16:
            clock.advance((0.05, 0.5, 2.5, 11.0)[what % 4])
        case 17:
            clock.advance(0.05)
            station.watch()
        case 18:
            probe.spoil = lambda reading: reading
        case 19:
            probe.spoilt, probe.spoil = name, lambda reading: replace(reading, value=value)
        case 20:
            probe.spoilt, probe.spoil = name, lambda reading: None
        case 21:
            shift = (-3600.0, -1.0, -0.1, 0.1, 1.0, 3600.0, math.nan, math.inf)[what % 8]
            probe.spoilt, probe.spoil = name, lambda reading: replace(reading, t=reading.t + shift)
        case 22:
            probe.spoilt, probe.spoil = name, lambda reading: replace(reading, quality=Quality.BAD, unit="degC")
        case _:
            tell("event", who=who, text="x", alarm="x")


def many(job: tuple[int, int]) -> tuple[int, int, list[str]]:
    """Play so many random sequences (count, seed).

    Returns:
        how many were played, how many values were sent, and what was wrong, with the sequence as hexadecimal text.
    """
    count, seed = job
    rng = random.Random(seed)
    writes, wrong = 0, []
    for _ in range(count):
        code = rng.randbytes(2 + 2 * rng.randint(1, 12))
        found, sent = play(code)
        writes += sent
        if found:
            wrong.append(f"{found} ({code.hex()})")
    return count, writes, wrong
