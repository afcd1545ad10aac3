"""The control cycle: readings in, modes, gate, writes out. No I/O of its own: device, clock and log are given to it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Container, Mapping
from dataclasses import asdict, replace
from typing import Any

from matstudio import __version__
from matstudio.bus.messages import CommandError
from matstudio.control import audit, gate, modes, sensor
from matstudio.control.alarms import Priority
from matstudio.control.limits import DEFAULTS, Settings
from matstudio.control.modes import Event, Facts, Refusal
from matstudio.control.observer import Furnace
from matstudio.control.policy import Policy
from matstudio.domain.clock import Clock
from matstudio.domain.device import Description
from matstudio.domain.process import Mode, Reading, Setpoint
from matstudio.instruments.base import Device
from matstudio.station.advising import Advising
from matstudio.station.advisor import Advisor
from matstudio.station.alarming import Alarming, Seen
from matstudio.station.clients import Clients
from matstudio.station.field import BEAM, Field
from matstudio.station.log import Log
from matstudio.station.outputs import HEATER, Outputs
from matstudio.station.supervisory import Situation, Supervisory

log = logging.getLogger(__name__)

PERIOD_S = 0.2
SENSOR = "temperature"
_GONE_S = 3.0
_REPEAT_S = 10.0


class Station(Advising):
    """Controls one device. One thread calls everything.

    Args:
        device: what is controlled.
        clock: run time.
        settings: limits, interlocks and tuning.
        record: takes each audit entry, at once, without blocking.
        link: end of the audit chain that is continued.
        confirmed: digests of the real devices that may be driven (`control.arming`); None: every one may.
        policies: that may advise, by name; the first is in use until a person chooses another.
    """

    def __init__(
        self,
        device: Device,
        clock: Clock,
        settings: Settings = DEFAULTS,
        *,
        record: Callable[[audit.Entry], None] = lambda entry: None,
        link: audit.Link | None = None,
        confirmed: Container[str] | None = None,
        policies: Mapping[str, Policy] | None = None,
    ) -> None:
        self.device, self.clock, self.settings = device, clock, settings
        self.mode, self.why = Mode.OFF, "start"
        self.policy_loaded = bool(policies)
        self.audit_error = self.recording_error = ""
        """Why the audit log, or the recording, cannot be written, or ""; set by who knows."""
        self.launcher_gone = False
        """Whether the launcher, which restarts what dies, has died itself; set by who knows."""
        self._log = Log(clock, record, link or audit.Link())
        self.note = self._log.note
        self.field = Field(self.note, settings.dose, confirmed)
        self._speed = float(getattr(clock, "speed", 1.0))
        self._max_age = sensor.max_age(self._speed)
        self._cycle = 0
        self._start = self._cycled_at = clock.now()
        self._clients = Clients(self._real_s)
        self._description: Description | None = None
        self._who_is_it: object = None
        self._out = Outputs(device, settings, self.note, self._speed)
        self._above = Supervisory(self.note, settings, PERIOD_S, self._situation, self._clients.heard)
        self.advisor = Advisor(policies or {}, self._speed)
        """What the policy would do; told of the models' S by who hears them."""
        self._monitor = sensor.SensorMonitor(-math.inf, math.inf, None, self._max_age)
        self._readings: dict[str, Reading] = {}
        self._judged = sensor.Judgement(sensor.Fault.MISSING, "no device yet")
        self._device_state, self._device_age = "connecting", math.inf
        self._targets: dict[str, float] = {}  # what the operator (or the policy) wants
        self._alarming = Alarming(clock, self.note, self._speed, self._clients.heard)
        self._troubles: set[str] = set()
        self._refused_at: dict[str, float] = {}
        if self._log.link.n:  # its log goes on
            self._tell("restart.station", "the station was started again; nothing is resumed", Priority.HIGH)
        self.note("start", "station", f"station {__version__}", limits=settings.digest, source=settings.source)

    def _real_s(self) -> float:
        """Real seconds since the run began."""
        return self.clock.now() / self._speed

    @property
    def noted(self) -> int:
        """Number of the audit log's last entry."""
        return self._log.link.n

    # ---- the cycle

    def cycle(self) -> None:
        """One control cycle; to be called every `PERIOD_S` of run time."""
        now = self.clock.now()
        gap, self._cycled_at = (now - self._cycled_at) / max(1.0, self._speed), now
        self._cycle += 1
        if gap > modes.STALL_S and self.mode in modes.DRIVING:  # the device's watchdog may have acted: no one resumes
            self._event(Event.STALL, "station", f"{Event.STALL} for {gap:.1f} s")
        self._poll(now)
        if self._description is not None:  # who does not know the device yet does not keep its watchdog quiet
            self._ask("heartbeat", lambda: self.device.heartbeat(now))
        self._watch_clients()
        self._out.look(self._readings)
        self._blank()
        self._advise(now)
        self._drive(now)
        if self._above.ended():
            self._event(Event.WANT_OFF, "station", "the program is done")
        self._watch_alarms(now)

    def watch(self) -> None:
        """Between two cycles: look at what the device says, so that a fault is seen early and acted on at once."""
        if self.mode not in modes.DRIVING:
            return
        self._take_readings()
        now = self.clock.now()
        self._judged = self._monitor.look(self._readings.get(SENSOR), now, self._heater_now(now))
        if self._judged.confirmed:
            self.cycle()

    def _ask(self, what: str, call: Callable[[], Any]) -> Any:
        """The device's answer, or None where it fails: that is noted once, and shows by its silence."""
        try:
            return call()
        except Exception as error:  # noqa: BLE001  (border: device)
            text = f"{what}: {type(error).__name__}: {error}".splitlines()[0]
            if text not in self._troubles:
                self._troubles.add(text)
                self.note("device", "station", text)
                log.warning("device: %s", text)
            return None

    def _take_readings(self) -> None:
        readings = self._ask("readings", lambda: dict(self.device.readings()))
        if readings is not None:
            self._readings = readings

    def _poll(self, now: float) -> None:
        self._take_readings()
        description = self._ask("describe", self.device.describe)
        if description is not None and (self._readings or not description.actuators):
            who = (description.name, description.kind, description.actuators, description.state.get("boot"))
            if who != self._who_is_it:
                self._who_is_it = who
                self._adopt(description, now)
        if self._description is None:
            return
        self._device_age = self._device_silence(now)
        gone = self._device_age > _GONE_S * max(1.0, self._speed)
        state = "gone" if gone else "late" if self._device_age > self._max_age else "good"
        if state != self._device_state:
            self.note("device", "station", f"{self._description.name} is {state}", state=state)
            self._device_state = state
        self._judged = self._monitor.look(self._readings.get(SENSOR), now, self._heater_now(now))
        if self._judged.confirmed and self.mode in modes.DRIVING:
            self._event(Event.SENSOR_BAD, "station", self._judged.text)

    def _device_silence(self, now: float) -> float:
        """Seconds of run time since the device spoke; by its newest reading where it does not tell."""
        silence = getattr(self.device, "silence", None)
        if silence is not None:
            return float(silence) * self._speed
        return now - max((r.t for r in self._readings.values() if math.isfinite(r.t)), default=-math.inf)

    def _situation(self) -> Situation:
        output = self._out.present(HEATER) if HEATER in self._out.actuators else math.nan
        trouble = self._judged.text if self._judged.fault else ""
        return Situation(self.clock.now(), self.mode, self._readings.get(SENSOR), output, self._out.limits, trouble)

    def device_refused(self, text: str) -> None:
        """The device answered a write with a refusal, later than at once. One that repeats is noted every 10 s."""
        now = self.clock.now()
        if now - self._refused_at.get(text, -math.inf) >= _REPEAT_S:
            self._refused_at = {k: t for k, t in self._refused_at.items() if now - t < _REPEAT_S} | {text: now}
            self.note("refused", "device", text)

    def _heater_now(self, now: float) -> float:
        """The heater's actual output: its reading where that is good, else what was sent."""
        reading = self._readings.get(HEATER)
        if reading is not None and 0 <= reading.value <= 1 and abs(now - reading.t) <= self._max_age:
            return reading.value
        return self._out.present(HEATER) if HEATER in self._out.actuators else 0.0

    def _adopt(self, description: Description, now: float) -> None:
        """Take a device's description. A device that takes another's place is found in OFF (or SAFE), as at a start."""
        first, self._description = self._description is None, description
        furnace = Furnace.described(description.state)
        unit, low, high = description.readings.get(SENSOR, ("K", -math.inf, math.inf))
        self.field.adopt(description)
        self._monitor = sensor.SensorMonitor(low, high, furnace, self.field.max_age(SENSOR, self._max_age), unit)
        old = self._above.loop.tuning
        self._out.adopt(description, SENSOR, now)
        self._above.adopt(description.name, furnace, self._out.limits)
        self.advisor.adopt(furnace)
        self.note(
            "device",
            "station",
            f"{description.name} ({description.kind}) {'reached' if first else 'reached again'}",
            limits={k: [v.low, v.high, v.rate] for k, v in self._out.limits.items()},
            pid=asdict(self._above.loop.tuning),
        )
        if self._above.loop.tuning != old:
            why = self.settings.source if self.settings.pid else f"from the furnace that {description.name} describes"
            facts = {"old": asdict(old), "new": asdict(self._above.loop.tuning), "why": why}
            self.note("tuning", "station", "the temperature loop's tuning", **facts)
        if not first:
            self._tell("restart.device", f"{description.name} was started again", Priority.MEDIUM)
        if self.mode in modes.DRIVING:
            self._enter(Mode.OFF, "station", "another device server has taken its place")

    # ---- modes

    def _facts(self) -> Facts:
        if self._description is None:
            no_writes = "the device has not been reached yet"
        elif not self._out.actuators:
            kind = self._description.kind
            no_writes = "replay takes no setpoints" if kind == "replay" else f"{self._description.name}: no actuators"
        else:
            no_writes = self.settings.fault or self.field.refusal
        no_sensor = self._judged.text if self._judged.fault else ""
        if not no_writes and SENSOR not in self._out.limits:
            no_writes = "the device has no heater and temperature to control"
        return Facts(no_writes, no_sensor, self.policy_loaded, self.advisor.trouble(self.clock.now()))

    def _event(self, event: Event, who: str, why: str) -> None:
        """Step the state machine.

        Raises:
            CommandError: the event is refused.
        """
        new = modes.step(self.mode, event, self._facts())
        if isinstance(new, Refusal):
            self.note("refused", who, f"{event}: {new.reason}", mode=self.mode)
            raise CommandError(new.reason)
        if new is not self.mode or event in (Event.HALT, Event.TAKE_OVER):
            self._enter(new, who, why)

    def _enter(self, new: Mode, who: str, why: str) -> None:
        now, old = self.clock.now(), self.mode
        self.mode, self.why = new, why
        if new is Mode.SAFE:
            self._out.make_safe(now)
        self.note("mode", who, f"{old} -> {new}: {why}", old=old, new=new, why=why)
        self._above.entered(new, why)
        self.advisor.forget()
        if new in modes.CLOSED:
            self._close_loop(new, old, now)
        else:
            self._above.loop.open()
            # MANUAL is bumpless: everything stays where it is
            self._targets = self._present() if new is Mode.MANUAL else {}
        self._drive(now)

    def _present(self) -> dict[str, float]:
        """The value of each actuator now."""
        values = {name: self._out.present(name) for name in self._out.actuators}
        return {name: value for name, value in values.items() if math.isfinite(value)}

    def _close_loop(self, new: Mode, old: Mode, now: float) -> None:
        reading, limits = self._readings[SENSOR], self._out.limits[SENSOR]
        measured = min(max(reading.value, limits.low), limits.high)
        if old not in modes.CLOSED:
            self._above.loop.close(measured, reading.value, reading.t, self._out.present(HEATER), now)
        if new is Mode.HOLD:
            self._targets = self._present() | {SENSOR: self._above.loop.setpoint or measured}
        self._targets.pop(HEATER, None)
        self._targets.setdefault(SENSOR, measured)

    def _watch_clients(self) -> None:
        event = modes.silence(self.mode, self._clients.silent(), self._clients.window_silent())
        if event is not None:
            why = f"{event}, for {self._clients.silent():.0f} s" if event is Event.CLIENTS_GONE else str(event)
            self._alarming.silent(why, self.mode)
            self._event(event, "station", why)

    # ---- outputs

    def _drive(self, now: float) -> None:
        """Move every actuator toward what the mode wants, through the gate."""
        if self.mode is Mode.SAFE:
            self._out.make_safe(now)
        if self._above.loop.setpoint is not None:
            self._follow(self._above.loop.setpoint, now)
        for actuator in self._out.actuators.values():
            name, source = actuator.name, gate.master(self.mode, actuator.name)
            value = actuator.safe if source == "station" else self._targets.get(name)
            if source == "pid":
                limits = self._out.limits[name]
                value = min(max(self._above.output(), limits.low), limits.high)
            if value is None:
                continue
            refused = self._out.move(Setpoint(name, value, actuator.unit, source, now), self.mode, now)
            if refused:
                self._targets.pop(name, None)
                self.note("refused", source, refused, name=name, value=value)
        if self._above.loop.setpoint is not None:
            self._above.settle(self._out.present(HEATER))

    def _follow(self, setpoint: float, now: float) -> None:
        """Move the loop's setpoint along its ramp, and step the PID if there is a new sample that is good."""
        if self.mode is not Mode.HOLD:
            self._targets[SENSOR] = self._above.wanted(self._targets[SENSOR])
            asked = Setpoint(SENSOR, self._targets[SENSOR], "K", gate.master(self.mode, SENSOR), now)
            setpoint = self._out.ramp(asked, setpoint, self._above.loop.since_moved(now), self.mode)
        self._above.loop.move(setpoint, now)
        if self._judged.fault is None:
            self._above.sample()

    # ---- alarms

    def _tell(self, name: str, text: str, priority: Priority) -> None:
        """An alarm of something that has passed."""
        self._alarming.tell(name, text, priority)

    def _watch_alarms(self, now: float) -> None:
        description, driven = self._description, bool(self._out.actuators)
        self._alarming.look(
            Seen(
                mode=self.mode,
                why=self.why,
                waited_s=(now - self._start) / self._speed,
                device=description.name if description else "",
                driven=driven,
                device_state=self._device_state,
                device_age=self._device_age,
                sensor=self._judged.text if self._judged.fault else "",
                interlocks=self._out.interlocks(),
                unlike=self._out.unlike(now),
                audit=self.audit_error,
                recording=self.recording_error,
                limits=self.settings.fault if driven else "",
                launcher_gone=self.launcher_gone,
                client_s=self._clients.silent(),
            ),
            self.field.conditions(getattr(self.device, "state", {}), self._readings),
        )

    # ---- commands

    def handlers(self) -> dict[str, Callable[..., Mapping[str, Any] | None]]:
        """The station's commands, for `CommandServer`."""
        there = {n.removeprefix("handle_"): getattr(self, n) for n in dir(self) if n.startswith("handle_")}
        return there | self._alarming.handlers() | self._above.handlers()

    def handle_hello(self, who: str, role: str) -> dict[str, Any]:
        """A client is there; to be said every second or so."""
        if self._clients.heard(who, role):
            self.note("client", who, f"{role} {who} is here", role=role)
        return {"version": __version__, "mode": self.mode, "period": PERIOD_S}

    def handle_status(self) -> dict[str, Any]:
        """The status map."""
        return self.status()

    def handle_mode(self, who: str, mode: str, why: str = "") -> None:
        """A person chooses a mode, and may say why."""
        self._clients.heard(who)
        if mode not in list(Mode):
            raise CommandError(f"no mode {mode!r}: {', '.join(Mode)}")
        self._event(modes.WANT[Mode(mode)], f"operator:{who}", f"{mode} chosen by {who}" + (f": {why}" if why else ""))

    def handle_take_over(self, who: str) -> None:
        """MANUAL at once, with every output as it is."""
        self._clients.heard(who)
        self._event(Event.TAKE_OVER, f"operator:{who}", f"taken over by {who}")

    def handle_halt(self, who: str, why: str = "") -> None:
        """SAFE at once; never refused."""
        self._out.make_safe(self.clock.now())
        self._clients.heard(who)
        self._event(Event.HALT, f"operator:{who}", f"HALT by {who}" + (f": {why}" if why else ""))

    def handle_reset(self, who: str) -> None:
        """Leave SAFE for OFF, and let go of latched alarms."""
        self._clients.heard(who)
        if self.mode is Mode.SAFE or not self._alarming.latched():
            self._event(Event.RESET, f"operator:{who}", f"reset by {who}")
            self._monitor.restart()
        self._alarming.reset(f"operator:{who}")

    def handle_setpoint(self, who: str, name: str, value: float, why: str = "") -> None:
        """A new setpoint for temperature, pressure or composition, and why."""
        settable = [n for n in self._out.limits if n not in (HEATER, BEAM)]
        self._edit(Event.SETPOINT, "setpoint", settable, who, name, value, why)

    def handle_output(self, who: str, name: str, value: float, why: str = "") -> None:
        """A new output of an actuator, and why: goes to MANUAL."""
        self._edit(Event.OUTPUT, "output", [n for n in self._out.actuators if n != BEAM], who, name, value, why)

    def _edit(self, event: Event, what: str, known: list[str], who: str, name: str, value: float, why: str) -> None:
        self._clients.heard(who)
        source = f"operator:{who}"
        value = float(value)
        facts = self._facts()
        if facts.no_writes:
            problem = facts.no_writes
        elif name not in known:
            problem = f"no {what} {name!r}: {', '.join(known)}"
        else:
            problem = gate.wrong(name, value, self._unit(name), self._out.limits[name])
        if problem:
            self.note("refused", source, f"{what} {name}: {problem}", name=name, value=value)
            raise CommandError(problem)
        old = self._out.present(name) if event is Event.OUTPUT else self._setpoint(name)
        self._event(event, source, f"{what} {name} written by {who}" + (f": {why}" if why else ""))
        if name == SENSOR:
            self._above.edited(source)
        self._targets[name] = value
        told = {"name": name, "value": value, "old": old, "new": value, "unit": self._unit(name), "why": why}
        self.note(what, source, f"{name} {value:g} {self._unit(name)}", **told)
        self._drive(self.clock.now())

    def _unit(self, name: str) -> str:
        if name in self._out.actuators:
            return self._out.actuators[name].unit
        return self._description.readings[name][0] if self._description else "1"

    def stop(self, why: str = "station stops") -> None:
        """Make everything safe; the last thing before the end."""
        self._out.make_safe(self.clock.now())
        self._event(Event.STOP, "station", why)
        self.note("stop", "station", why)

    def safe_seen(self) -> bool:
        """Whether the device has shown the safe value of every actuator that has one (or is not there to show it)."""
        self._take_readings()
        for name, actuator in self._out.actuators.items():
            reading = self._readings.get(name)
            if actuator.safe is not None and reading is not None and abs(reading.value - actuator.safe) > 1e-6:
                return False
        return True

    # ---- status

    def status(self) -> dict[str, Any]:
        """The map that docs/messages.md describes."""
        now, out, description = self.clock.now(), self._out, self._description
        setpoints = {name: self._setpoint(name) for name in out.limits if name not in (HEATER, BEAM)}
        return {
            "t": now,
            "cycle": self._cycle,
            "mode": self.mode,
            "master": modes.MASTER[self.mode],
            "why": self.why,
            "readings": {name: self._with_quality(r, now) for name, r in self._readings.items()},
            "limits": dict(out.limits),
            "setpoints": {name: value for name, value in setpoints.items() if math.isfinite(value)},
            "outputs": self._present(),
            **self._above.status(self._setpoint(SENSOR)),
            "alarms": self._alarming.rows(),
            "interlocks": tuple({"name": name, "reason": reason} for name, reason in out.interlocks()),
            "device": {
                "name": description.name if description else "",
                "kind": description.kind if description else "",
                "state": self._device_state,
                "age": self._device_age,
            }
            | self.field.status(),
            "clients": self._clients.ages(),
            "audit": asdict(self._log.link),
        }

    def _setpoint(self, name: str) -> float:
        """What is wanted; where nobody wants anything, the value there is (the setpoint tracks). May be NaN."""
        if name in self._targets:
            return self._targets[name]
        return self._value(SENSOR) if name == SENSOR else self._out.present(name)

    def _value(self, name: str) -> float:
        reading = self._readings.get(name)
        return reading.value if reading is not None else math.nan

    def _with_quality(self, reading: Reading, now: float) -> Reading:
        ranges = self._description.readings if self._description else {}
        _, low, high = ranges.get(reading.name, ("", -math.inf, math.inf))
        quality = sensor.plain(reading, now, self.field.max_age(reading.name, self._max_age), low, high).quality
        if reading.name == SENSOR and self._description is not None:
            quality = self._judged.quality
        return replace(reading, quality=quality)
