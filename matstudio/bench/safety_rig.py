"""A station on the twin in this process, on a simulated clock, with a place for every fault between the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from matstudio.control import modes
from matstudio.control.audit import Entry
from matstudio.domain.device import Description
from matstudio.domain.process import Mode, Reading, Setpoint
from matstudio.instruments.twin.local import LocalTwin
from matstudio.instruments.twin.plant import Plant
from matstudio.station.core import PERIOD_S, SENSOR, Station

FINE_S = 0.05  # of a step in which everything is looked at; the station's own looks come every 0.04 s
POLICY_S = 5.0
HIGH_K, LOW_K = 640.0, 450.0
PHASES = ("heating", "holding", "cooling")
MODES = (Mode.MANUAL, Mode.PID, Mode.ADVISE, Mode.POLICY)
_MANUAL = {"heating": 0.55, "cooling": 0.2}
Readings = Mapping[str, Reading]


class JumpingClock:
    """A simulated clock with a wall clock beside it that can be set; a rig can be copied with it."""

    id = "simulated"

    def __init__(self) -> None:
        self.t = 0.0
        self.ahead_s = 0.0

    def now(self) -> float:
        return self.t

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move run time on."""
        self.t += seconds

    def wall(self, t: float) -> float:
        """Seconds since 1970-01-01 UTC at run time `t`."""
        return 1.7e9 + t + self.ahead_s


class Link:
    """The device as the station sees it: what goes past can be spoilt.

    Args:
        twin: behind it.
    """

    def __init__(self, twin: LocalTwin) -> None:
        self._twin = twin
        self.spoil: Callable[[Readings], Readings] = lambda readings: readings
        self.garble: Callable[[Setpoint], Setpoint | None] = lambda setpoint: setpoint
        self.welded = False
        """Whether the heater's switch is: nothing turns it off."""

    def describe(self) -> Description:
        return self._twin.describe()

    def readings(self) -> Readings:
        return self.spoil(self._twin.readings())

    def write(self, setpoint: Setpoint) -> None:
        sent = self.garble(setpoint)
        if sent is not None and not (self.welded and sent.name == "heater"):
            self._twin.write(sent)

    def safe(self) -> None:
        held = self._twin.plant.heater
        self._twin.safe()
        if self.welded:
            self._twin.plant.heater = held

    def heartbeat(self, t: float) -> None:
        self._twin.heartbeat(t)

    def close(self) -> None:
        """Nothing to let go of."""


class Rig:
    """Station, twin, a window that is heard, and a policy that wants one temperature.

    Args:
        seed: of the twin's noise.
    """

    def __init__(self, seed: int) -> None:
        self.clock = JumpingClock()
        self.twin = LocalTwin(self.clock, seed=seed)
        self.link = Link(self.twin)
        self.station = Station(self.link, self.clock, record=self._record)
        self.station.policy_loaded = True
        self.command = self.station.handlers()
        self.window = True
        self.wanted: Callable[[], float | None] = lambda: HIGH_K
        """What the policy wants now, K, or None: it says nothing."""
        self.events: list[str] = []
        self.writers: set[str] = set()
        self._steps = 0
        self._looked = True
        self._cycle()

    @property
    def plant(self) -> Plant:
        """The twin's own state: the truth."""
        return self.twin.plant

    @property
    def t(self) -> float:
        """Run time, s."""
        return self.clock.now()

    def alarms(self) -> set[str]:
        """Ids of those that are active."""
        return {a.id for a in self.station._alarming.board.alarms.values() if a.active}

    def run(self, seconds: float) -> None:
        """Let so much time pass, a cycle at once."""
        for _ in range(round(seconds / PERIOD_S)):
            self.clock.advance(PERIOD_S)
            self._cycle()

    def run_finely(self, seconds: float, phase: int = 0) -> Iterator[float]:
        """Let time pass in steps of `FINE_S`, with cycles and the looks between them; yields run time after each.

        Args:
            seconds: how long.
            phase: 0..3, after how many steps the first cycle comes.
        """
        for i in range(round(seconds / FINE_S)):
            self.clock.advance(FINE_S)
            self.twin.device.advance()
            if i % 4 == phase:
                self._cycle()
            else:
                self.station.watch()
            yield self.t

    def prepare(self, mode: Mode, phase: str) -> None:
        """Bring the furnace into one of `PHASES` in a mode."""
        self.command["mode"](who="ana", mode="PID")
        self.command["setpoint"](who="ana", name=SENSOR, value=HIGH_K)
        self.run(45.0 if phase == "heating" else 110.0)
        if phase == "cooling":
            self.command["setpoint"](who="ana", name=SENSOR, value=LOW_K)
            self.wanted = lambda: LOW_K
            self.run(12.0)
        if mode is Mode.MANUAL:
            self.command["take_over"](who="ana")
            if phase in _MANUAL:
                self.command["output"](who="ana", name="heater", value=_MANUAL[phase])
        elif mode is not Mode.PID:
            self.command["mode"](who="ana", mode=mode.value)
        self.run(1.0)

    def _cycle(self) -> None:
        if self.window:
            self.command["hello"](who="ana", role="studio")
        if self.station.mode is Mode.POLICY and self._steps % round(POLICY_S / PERIOD_S) == 0:
            wanted = self.wanted()
            if wanted is not None:
                self.station._targets[SENSOR] = wanted
        self._steps += 1
        self.station.cycle()

    def _record(self, entry: Entry) -> None:
        if entry["kind"] == "write":
            self.writers.add(str(entry["who"]).partition(":")[0])
        elif entry["kind"] in ("mode", "alarm"):
            self.events.append(entry["text"])

    @property
    def driving(self) -> bool:
        """Whether the station still drives."""
        return self.station.mode in modes.DRIVING
