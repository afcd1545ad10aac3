"""What stands above the temperature loop: a program that moves its setpoint, or an auto-tune that moves its output.

Neither changes the mode, which stays PID; whatever takes the loop from PID ends or pauses them (docs/architecture.md
has the table). All that they want passes the same gate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from matstudio.bus.messages import CommandError
from matstudio.control.feedforward import Led
from matstudio.control.limits import Settings
from matstudio.control.observer import Furnace
from matstudio.control.pid import Tuning
from matstudio.control.tuning import tracking
from matstudio.domain.process import Limits, Mode, Reading
from matstudio.station.autotune import Autotune
from matstudio.station.loop import Loop, tuning
from matstudio.station.programs import Programs

Note = Callable[..., None]
_LONGEST_TI_S = 1e5


@dataclass(frozen=True)
class Situation:
    """What the station knows now.

    Args:
        now: run time, s.
        mode: present.
        reading: of the temperature, or None.
        output: of the heater now; NaN where there is none.
        limits: of heater and temperature, by name, as the gate has them; {} before a device is known.
        trouble: why the temperature cannot be trusted, or "".
    """

    now: float
    mode: Mode
    reading: Reading | None
    output: float
    limits: Mapping[str, Limits]
    trouble: str

    @property
    def measured(self) -> float:
        """Temperature, K; NaN where it is unknown."""
        return self.reading.value if self.reading is not None else math.nan

    @property
    def sample_at(self) -> float:
        """Source time of the reading, s."""
        return self.reading.t if self.reading is not None else -math.inf


class Supervisory:
    """Programs, auto-tune and the loop's tuning. One thread calls everything.

    Args:
        note: `Station.note`.
        settings: of the control.
        period: of the control cycle, s.
        situation: tells what is now.
        heard: notes that a person spoke.
    """

    def __init__(
        self,
        note: Note,
        settings: Settings,
        period: float,
        situation: Callable[[], Situation],
        heard: Callable[[str], object],
    ) -> None:
        self._note, self._settings, self._period = note, settings, period
        self._situation, self._heard = situation, heard
        self._chosen: tuple[str, Tuning] | None = None  # for which device a person chose it
        self._device = ""
        self.loop = Loop(settings.pid or tuning(period), settings.bands)
        """The temperature loop."""
        self._programs, self._autotune = Programs(note), Autotune(note, period)

    def adopt(self, device: str, furnace: Furnace | None, limits: Mapping[str, Limits]) -> None:
        """A loop for a device with a furnace, if it describes one, and the gate's limits; a tuning that a person chose
        for it holds on."""
        self._device = device
        both = furnace is not None and {"heater", "temperature"} <= set(limits)
        led = Led(furnace, limits["heater"], limits["temperature"]) if furnace is not None and both else None
        chosen = self._chosen[1] if self._chosen is not None and self._chosen[0] == device else None
        own = chosen or self._settings.pid or tuning(self._period, furnace)
        self.loop = Loop(own, () if chosen else self._settings.bands, led)

    # ---- in the cycle

    def wanted(self, target: float) -> float:
        """The setpoint that is wanted now, K: a program's, or `target`."""
        s = self._situation()
        return self._programs.advance(s.now, s.measured, target)

    def sample(self) -> None:
        """A good sample is there: step the loop, or the auto-tune in its place."""
        s = self._situation()
        if self._autotune.running:
            self._autotune.sample(self.loop, s.sample_at, s.output, s.measured)
        else:
            self.loop.sample(s.measured, s.sample_at)

    def output(self) -> float:
        """What the heater is to give."""
        return self._autotune.output if self._autotune.running else self.loop.state.v

    def settle(self, actual: float) -> None:
        """What the heater really got."""
        if not self._autotune.running:
            self.loop.settle(actual)

    def ended(self) -> bool:
        """Whether a program has just ended that wants the mode OFF."""
        return self._programs.wants_off()

    def entered(self, mode: Mode, why: str) -> None:
        """The mode has changed."""
        s = self._situation()
        self._autotune.abort(self.loop, why, s.sample_at, s.measured)
        if mode is Mode.HOLD:
            self._programs.pause("station", why)
        elif mode is not Mode.PID:
            self._programs.stop("station", why)

    def edited(self, source: str) -> None:
        """A person has given another temperature setpoint."""
        s = self._situation()
        self._autotune.abort(self.loop, "setpoint edited", s.sample_at, s.measured)
        self._programs.stop(source, "setpoint edited")

    def status(self, setpoint: float) -> dict[str, Any]:
        """The maps `pid`, `program` and `autotune` of the status; `setpoint` is shown while the loop is open, K."""
        s, none = self._situation(), Limits(0.0, 0.0)
        return {
            "pid": self.loop.status(setpoint, s.measured, s.output, s.limits.get("heater", none)),
            "program": self._programs.status(),
            "autotune": self._autotune.status(),
        }

    # ---- commands

    def handlers(self) -> dict[str, Callable[..., Mapping[str, Any] | None]]:
        """For `CommandServer`."""
        return {"program": self._program, "autotune": self._tune_by_relay, "tune": self._tune}

    def _program(self, who: str, action: str, recipe: str = "") -> None:
        s = self._ready(who)
        source = f"operator:{who}"
        match action:
            case "start":
                self._closed(s, "a program moves the setpoint of the closed loop")
                if self._autotune.running:
                    raise self._refused(source, "an auto-tune runs: abort it first")
                self._programs.start(source, recipe, s.limits["temperature"], self.loop.setpoint or s.measured, s.now)
            case "pause":
                self._programs.pause(source, "by " + who, refuse=True)
            case "resume":
                self._closed(s, "a program goes on in PID alone")
                self._programs.resume(source, s.now)
            case "skip":
                self._programs.skip(source)
            case "stop":
                self._programs.stop(source, "by " + who, refuse=True)
            case _:
                raise CommandError(f"program: no action {action!r}: start, pause, resume, skip, stop")

    def _tune_by_relay(self, who: str, action: str, amplitude: float = 0.1) -> None:
        s = self._ready(who)
        source = f"operator:{who}"
        match action:
            case "start":
                self._closed(s, "the auto-tune swings about the setpoint of the closed loop")
                if self._programs.active:
                    raise self._refused(source, "a program runs: stop it first")
                self._autotune.start(source, self.loop, float(amplitude), s.limits)
            case "abort":
                if not self._autotune.running:
                    raise CommandError("no auto-tune runs")
                self._autotune.abort(self.loop, f"by {who}", s.sample_at, s.measured, source)
            case _:
                raise CommandError(f"autotune: no action {action!r}: start, abort")

    def _tune(self, who: str, gain: float, ti: float, td: float, why: str = "") -> None:
        heater = self._ready(who).limits["heater"]
        source, old = f"operator:{who}", self.loop.tuning
        if self._autotune.running:
            raise self._refused(source, "an auto-tune runs: abort it first")
        gain, ti, td = float(gain), float(ti), float(td)
        try:
            if not 0 <= td <= ti <= _LONGEST_TI_S or ti == 0:
                raise ValueError(f"PID tuning: 0 <= td {td:g} <= ti {ti:g} <= {_LONGEST_TI_S:g} s must hold")
            if abs(gain) > heater.high - heater.low:
                raise ValueError(f"PID tuning: gain {gain:g} is more than the whole output for 1 K")
            new = Tuning(gain, ti, td, tracking(ti, td), max(0.0, 1 - td / ti), old.n)
        except ValueError as error:
            raise self._refused(source, str(error)) from None
        if gain * old.gain < 0:
            raise self._refused(source, f"PID tuning: gain {gain:g} would turn the loop's sense round")
        self.loop.retune(new)
        self._chosen = (self._device, new)
        text = f"gain {new.gain:.4g}, ti {new.ti:.4g} s, td {new.td:.4g} s" + (f": {why}" if why else "")
        self._note("tuning", source, text, old=asdict(old), new=asdict(new))

    def _ready(self, who: str) -> Situation:
        self._heard(who)
        s = self._situation()
        if not {"temperature", "heater"} <= set(s.limits):
            raise CommandError("the device has no heater and temperature to control")
        return s

    def _closed(self, s: Situation, reason: str) -> None:
        if s.mode is not Mode.PID:
            raise CommandError(f"choose PID first: {reason}")
        if s.trouble:
            raise CommandError(f"the temperature cannot be trusted: {s.trouble}")

    def _refused(self, source: str, text: str) -> CommandError:
        self._note("refused", source, text)
        return CommandError(text)
