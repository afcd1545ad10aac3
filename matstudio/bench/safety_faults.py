"""The faults of the safety table, and what one of them does in one phase and mode, on the simulated clock."""

from __future__ import annotations

import copy
import math
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from matstudio.bench.safety_rig import FINE_S, PHASES, Readings, Rig
from matstudio.domain.process import Mode, Reading, Setpoint
from matstudio.station.core import PERIOD_S, SENSOR

OFF_S = 3 * PERIOD_S
OVER_K = 20.0
LIMIT_K = 885.0  # the interlock of 880 K, and what a furnace still does when its heater is off
TOLD_S = 10.0
_SHORT_S, _LONG_S, _AFTER_S = 4.0, 60.0, 5.0


class Must(StrEnum):
    """What has to become of a fault."""

    OFF = "heater off"  # the reading cannot be used: within three control periods
    BOUNDED = "bounded"  # whatever the station does, the specimen gets no hotter than 20 K over
    UNDISTURBED = "undisturbed"  # as BOUNDED, and nothing trips
    LIMITED = "limited"  # the heater, not the reading, is wrong: the interlock's limit holds
    TOLD = "told"  # software cannot help: an urgent alarm, and the device's own limiter


@dataclass(frozen=True)
class Fault:
    """A fault.

    Args:
        name: short.
        must: see `Must`.
        begin: puts it into a rig.
        alarm: that has to come, or "": any.
    """

    name: str
    must: Must
    begin: Callable[[Rig], None]
    alarm: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a fault in one phase and mode.

    Args:
        fault, phase, mode: which.
        off_s: from the fault until the heater was off for good, s; infinite where it was on at the end.
        over_K: how far the specimen became hotter than both when the fault began and as it would be without it, K.
        peak_K: its greatest temperature, K.
        tripped: whether everything was made safe.
        alarm_s: until the first alarm, s; infinite where there was none.
        mode_after: of the station at the end.
    """

    fault: str
    phase: str
    mode: str
    off_s: float
    over_K: float
    peak_K: float
    tripped: bool
    alarm_s: float
    mode_after: str


def _temperature(change: Callable[[Reading], Reading | None]) -> Callable[[Rig], None]:
    """A fault of the temperature's reading."""

    def begin(rig: Rig) -> None:
        def spoil(readings: Readings) -> Readings:
            changed = change(readings[SENSOR])
            rest = {k: r for k, r in readings.items() if k != SENSOR}
            return rest if changed is None else rest | {SENSOR: changed}

        rig.link.spoil = spoil

    return begin


def _value(change: Callable[[float], float]) -> Callable[[Rig], None]:
    return _temperature(lambda r: replace(r, value=change(r.value)))


def _drift(rate: float) -> Callable[[Rig], None]:
    def begin(rig: Rig) -> None:
        start = rig.t
        _temperature(lambda r: replace(r, value=r.value + rate * max(0.0, r.t - start)))(rig)

    return begin


def _held(change: Callable[[Reading, Reading], Reading]) -> Callable[[Rig], None]:
    """A fault that goes by the first reading that it sees."""

    def begin(rig: Rig) -> None:
        first = rig.link.readings()[SENSOR]
        _temperature(lambda r: change(first, r))(rig)

    return begin


def _spikes(rig: Rig) -> None:
    """One sample of 200 K too much every 5 s."""
    start = rig.t
    _temperature(lambda r: replace(r, value=r.value + 200.0) if (r.t - start) % 5.0 < 0.9 * FINE_S else r)(rig)


def _noisy(rig: Rig) -> None:
    """Noise of 3 K instead of 0.3 K."""
    _temperature(lambda r: replace(r, value=r.value + random.Random(round(r.t / FINE_S)).gauss(0.0, 3.0)))(rig)


def _late(seconds: float, *, stamped: bool) -> Callable[[Rig], None]:
    """Readings that come late; where the server stamps them when it sends them, nobody can see that from one alone."""

    def begin(rig: Rig) -> None:
        waiting: deque[Readings] = deque()

        def spoil(readings: Readings) -> Readings:
            waiting.append(readings)
            while len(waiting) > 1 and waiting[1][SENSOR].t <= rig.t - seconds:
                waiting.popleft()
            if not stamped:
                return waiting[0]
            return {k: replace(r, t=readings[k].t) for k, r in waiting[0].items()}

        rig.link.spoil = spoil

    return begin


def _reordered(rig: Rig) -> None:
    """Every other reading is the one of 0.1 s before."""
    before: deque[Readings] = deque(maxlen=3)
    count = [0]

    def spoil(readings: Readings) -> Readings:
        before.append(readings)
        count[0] += 1
        return before[0] if count[0] % 2 else readings

    rig.link.spoil = spoil


def _duplicated(rig: Rig) -> None:
    """Each reading comes twice: a new one every 0.2 s only."""
    kept: list[Readings] = []

    def spoil(readings: Readings) -> Readings:
        if not kept or readings[SENSOR].t - kept[0][SENSOR].t >= 0.15:
            kept[:] = [readings]
        return kept[0]

    rig.link.spoil = spoil


def _heater(send: Callable[[float], float], show: Callable[[float], float]) -> Callable[[Rig], None]:
    """A heater that gives something else than it is sent, and shows `show` of what it gives."""

    def begin(rig: Rig) -> None:
        def garble(s: Setpoint) -> Setpoint:
            return replace(s, value=send(s.value)) if s.name == "heater" else s

        def spoil(readings: Readings) -> Readings:
            heater = readings["heater"]
            return {**readings, "heater": replace(heater, value=show(heater.value))}

        rig.link.garble, rig.link.spoil = garble, spoil

    return begin


def _welded(rig: Rig) -> None:
    """The heater's switch stays closed, which is seen when somebody halts."""
    rig.plant.heater = max(rig.plant.heater, 0.3)
    rig.link.welded = True
    rig.command["halt"](who="ana")


def _window_hangs(rig: Rig) -> None:
    rig.window = False


def _model_dead(rig: Rig) -> None:
    rig.wanted = lambda: None


def _model_late(rig: Rig) -> None:
    """The policy answers every fourth time only."""
    asked, wanted = [0], rig.wanted

    def late() -> float | None:
        asked[0] += 1
        return wanted() if asked[0] % 4 == 0 else None

    rig.wanted = late


def _policy_nan(rig: Rig) -> None:
    rig.wanted = lambda: math.nan


def _disk_full(rig: Rig) -> None:
    rig.station.audit_error = "audit log audit.jsonl: No space left on device"
    rig.station.recording_error = "recording stopped: No space left on device"


def _wall_jump(rig: Rig) -> None:
    rig.clock.ahead_s = 3600.0


def _second_master(rig: Rig) -> None:
    """Another program sends the device heater values of its own, past the station and its gate."""

    def spoil(readings: Readings) -> Readings:
        rig.twin.device.set(Setpoint("heater", 0.9, "1", "other", rig.t))
        return readings

    rig.link.spoil = spoil


FAULTS = (
    Fault("NaN", Must.OFF, _value(lambda v: math.nan)),
    Fault("infinite", Must.OFF, _value(lambda v: math.inf)),
    Fault("none", Must.OFF, _temperature(lambda r: None)),
    Fault("out of range", Must.OFF, _value(lambda v: 5000.0)),
    Fault("in °C, called K", Must.OFF, _value(lambda v: v - 273.15)),
    Fault("in K, called °C", Must.OFF, _temperature(lambda r: replace(r, unit="degC"))),
    Fault("sign flipped", Must.OFF, _value(lambda v: -v)),
    Fault("stuck", Must.OFF, _held(lambda first, r: replace(r, value=first.value))),
    Fault("frozen time stamp", Must.OFF, _held(lambda first, r: replace(r, t=first.t))),
    Fault("future time stamp", Must.OFF, _temperature(lambda r: replace(r, t=r.t + 60.0))),
    Fault("time stamp off by an hour", Must.OFF, _temperature(lambda r: replace(r, t=r.t + 3600.0))),
    Fault("server killed", Must.OFF, lambda rig: rig.twin.fault("gone")),
    Fault("server stopped", Must.OFF, lambda rig: rig.twin.fault("frozen")),
    Fault("slow by 10 s", Must.OFF, _late(10.0, stamped=False)),
    Fault("slow by 10 s, stamped new", Must.BOUNDED, _late(10.0, stamped=True)),
    Fault("drift -1 K/s", Must.BOUNDED, _drift(-1.0)),
    Fault("drift +1 K/s", Must.BOUNDED, _drift(1.0)),
    Fault("noise x 10", Must.BOUNDED, _noisy),
    Fault("quantised to 1 K", Must.BOUNDED, _value(lambda v: float(round(v)))),
    Fault("heater saturated at 40 %", Must.LIMITED, _heater(lambda u: min(u, 0.4), lambda u: u)),
    Fault("heater gives 70 %, unseen", Must.LIMITED, _heater(lambda u: 0.7 * u, lambda u: u / 0.7)),
    Fault("heater gives 130 %, unseen", Must.LIMITED, _heater(lambda u: min(1.0, 1.3 * u), lambda u: u / 1.3)),
    Fault("policy says NaN", Must.UNDISTURBED, _policy_nan),
    Fault("spikes of 200 K", Must.UNDISTURBED, _spikes),
    Fault("duplicated readings", Must.UNDISTURBED, _duplicated),
    Fault("reordered readings", Must.UNDISTURBED, _reordered),
    Fault("wall clock + 1 h", Must.UNDISTURBED, _wall_jump),
    Fault("window hung", Must.UNDISTURBED, _window_hangs),
    Fault("model dead", Must.UNDISTURBED, _model_dead),
    Fault("model late", Must.UNDISTURBED, _model_late),
    Fault("disk full", Must.UNDISTURBED, _disk_full),
    Fault("another program writes the heater", Must.TOLD, _second_master, "output"),
    Fault("heater's switch welded, HALT", Must.TOLD, _welded, "output"),
)


def prepared(mode: Mode, phase: str, seed: int) -> Rig:
    """A rig in a phase and mode; faults are put into copies of it."""
    rig = Rig(seed)
    rig.prepare(mode, phase)
    return rig


def healthy(rig: Rig, phase: str) -> list[float]:
    """The specimen's temperature, K, in each fine step of the time in which faults are looked at, without one."""
    rig = copy.deepcopy(rig)
    return [rig.plant.T for _ in rig.run_finely(_LONG_S, PHASES.index(phase))]


def happens(fault: Fault, mode: Mode, phase: str, ready: Rig, usual: list[float]) -> Outcome:
    """Let a fault happen to a copy of `ready`; `usual` is what `healthy` gives for the same."""
    rig = copy.deepcopy(ready)
    before = rig.alarms()
    fault.begin(rig)
    start, last_on, over, told, safe_since = rig.t, 0.0, -math.inf, math.inf, math.inf
    at, hot = PHASES.index(phase), rig.plant.T
    peak = hot
    for i, t in enumerate(rig.run_finely(_SHORT_S if fault.must is Must.OFF else _LONG_S, at)):
        if rig.plant.heater > 0.0:
            last_on = t - start
        peak = max(peak, rig.plant.T)
        over = max(over, rig.plant.T - max(usual[i], hot))
        new = rig.alarms() - before
        if told == math.inf and (fault.alarm in new if fault.alarm else new):
            told = t - start
        safe_since = min(safe_since, t) if rig.station.mode is Mode.SAFE else math.inf
        if t - safe_since > _AFTER_S and fault.must is not Must.TOLD:
            break
    off = math.inf if rig.plant.heater > 0.0 else last_on + FINE_S if last_on else 0.0
    tripped = rig.station.mode is Mode.SAFE
    return Outcome(fault.name, phase, mode.value, off, over, peak, tripped, told, rig.station.mode.value)


def all_of(job: tuple[Mode, str, int]) -> list[Outcome]:
    """Every fault in one mode, phase and seed."""
    mode, phase, seed = job
    ready = prepared(mode, phase, seed)
    usual = healthy(ready, phase)
    return [happens(fault, mode, phase, ready, usual) for fault in FAULTS]


def passed(fault: Fault, o: Outcome) -> bool:
    """Whether what became of a fault is what must."""
    match fault.must:
        case Must.OFF:
            return o.off_s <= OFF_S + 1e-6 and o.over_K <= OVER_K
        case Must.BOUNDED:
            return o.over_K <= OVER_K
        case Must.LIMITED:
            return o.peak_K <= LIMIT_K
        case Must.UNDISTURBED:
            return o.over_K <= OVER_K and not o.tripped
        case _:
            return o.alarm_s <= TOLD_S


BY_NAME: Mapping[str, Fault] = {f.name: f for f in FAULTS}
