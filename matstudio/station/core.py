"""The control cycle: readings in, modes, gate, writes out. No I/O of its own: device, clock and log are given to it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from matstudio import __version__
from matstudio.bus.messages import CommandError
from matstudio.control import alarms as alarm_list
from matstudio.control import audit, gate, modes, sensor
from matstudio.control.alarms import Alarm, AlarmState, Condition, Priority
from matstudio.control.limits import DEFAULTS, Settings
from matstudio.control.modes import Event, Facts, Refusal
from matstudio.control.observer import Furnace
from matstudio.control.policy import Policy
from matstudio.domain.clock import Clock
from matstudio.domain.device import Description
from matstudio.domain.process import Mode, Reading, Setpoint
from matstudio.instruments.base import Device
from matstudio.station.advisor import Advisor
from matstudio.station.clients import Clients
from matstudio.station.log import Log
from matstudio.station.loop import Loop, tuning
from matstudio.station.outputs import HEATER, Outputs

log = logging.getLogger(__name__)

PERIOD_S = 0.2
SENSOR = "temperature"
_GONE_S = 3.0
_CONNECT_S = 10.0
_REPEAT_S = 10.0


class Station:
    """Controls one device. One thread calls everything.

    Args:
        device: what is controlled.
        clock: run time.
        settings: limits, interlocks and tuning.
        record: takes each audit entry, at once, without blocking.
        link: end of the audit chain that is continued.
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
        self._speed = float(getattr(clock, "speed", 1.0))
        self._max_age = sensor.max_age(self._speed)
        self._cycle = 0
        self._start = self._cycled_at = clock.now()
        self._clients = Clients(lambda: clock.now() / self._speed)
        self._description: Description | None = None
        self._who_is_it: object = None
        self._out = Outputs(device, settings, self.note, self._speed)
        self._loop = Loop(settings.pid or tuning(PERIOD_S))
        self.advisor = Advisor(policies or {}, self._speed)
        """What the policy would do; told of the models' S by who hears them."""
        self._monitor = sensor.SensorMonitor(-math.inf, math.inf, None, self._max_age)
        self._readings: dict[str, Reading] = {}
        self._judged = sensor.Judgement(sensor.Fault.MISSING, "no device yet")
        self._device_state, self._device_age = "connecting", math.inf
        self._targets: dict[str, float] = {}  # what the operator (or the policy) wants
        self._alarms: dict[str, Alarm] = {}
        self._silence: dict[str, Condition] = {}
        self._troubles: set[str] = set()
        self._refused_at: dict[str, float] = {}
        if self._log.link.n:  # its log goes on
            self._tell("restart.station", "the station was started again; nothing is resumed", Priority.HIGH)
        self.note("start", "station", f"station {__version__}", limits=settings.digest, source=settings.source)

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
        self._advise(now)
        self._drive(now)
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
        _, low, high = description.readings.get(SENSOR, ("K", -math.inf, math.inf))
        self._monitor = sensor.SensorMonitor(low, high, furnace, self._max_age)
        self._loop = Loop(self.settings.pid or tuning(PERIOD_S, furnace))
        self._out.adopt(description, SENSOR, now)
        self.advisor.adopt(furnace)
        self.note(
            "device",
            "station",
            f"{description.name} ({description.kind}) {'reached' if first else 'reached again'}",
            limits={k: [v.low, v.high, v.rate] for k, v in self._out.limits.items()},
            pid=asdict(self._loop.tuning),
        )
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
            no_writes = self.settings.fault
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
        self.note("mode", who, f"{old} -> {new}: {why}", old=old, new=new)
        self.advisor.forget()
        if new in modes.CLOSED:
            self._close_loop(new, old, now)
        else:
            self._loop.open()
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
            self._loop.close(measured, reading.value, reading.t, self._out.present(HEATER), now)
        if new is Mode.HOLD:
            self._targets = self._present() | {SENSOR: self._loop.setpoint or measured}
        self._targets.pop(HEATER, None)
        self._targets.setdefault(SENSOR, measured)

    def _watch_clients(self) -> None:
        event = modes.silence(self.mode, self._clients.silent(), self._clients.window_silent())
        if event is not None:
            why = f"{event}, for {self._clients.silent():.0f} s" if event is Event.CLIENTS_GONE else str(event)
            self._silence["client"] = Condition(f"{why} (the mode was {self.mode})", Priority.MEDIUM)
            self._event(event, "station", why)

    def _advise(self, now: float) -> None:
        """Let the policy look, and in ADVISE and POLICY decide; in POLICY its setpoints become the wanted ones."""
        self.advisor.look(now, self._readings)
        if self.mode not in (Mode.ADVISE, Mode.POLICY) or self._loop.setpoint is None:
            return
        held = {name: value for name in self._out.limits if math.isfinite(value := self._setpoint(name))}
        loop = (self._loop.tuning, self._out.limits[SENSOR], self._loop.setpoint, self._out.present(HEATER))
        self.advisor.work(now, loop, held)
        if not self.advisor.decide(now, held) or self.mode is Mode.ADVISE:
            return
        advice = self.advisor.advice
        if advice is None or advice.trouble:
            why = advice.trouble if advice else "no advice"
            self._tell("policy", f"the policy was left: {why}", Priority.MEDIUM)
            self._event(Event.POLICY_LOST, "station", f"{Event.POLICY_LOST}: {why}")
            return
        self._follow_advice(advice.setpoints, "policy", advice.why)

    def _follow_advice(self, setpoints: Mapping[str, float], who: str, why: str) -> None:
        """Take the policy's setpoints as far as the gate's range allows."""
        for name, value in setpoints.items():
            limits, old = self._out.limits.get(name), self._setpoint(name)
            if limits is None:
                continue
            self._targets[name] = new = min(max(value, limits.low), limits.high)
            text = f"{name} {old:.6g} -> {new:.6g} {self._unit(name)}: {why}"
            self.note("setpoint", who, text, name=name, value=new, old=old)

    # ---- outputs

    def _drive(self, now: float) -> None:
        """Move every actuator toward what the mode wants, through the gate."""
        if self.mode is Mode.SAFE:
            self._out.make_safe(now)
        if self._loop.setpoint is not None:
            self._follow(self._loop.setpoint, now)
        for actuator in self._out.actuators.values():
            name, source = actuator.name, gate.master(self.mode, actuator.name)
            value = actuator.safe if source == "station" else self._targets.get(name)
            if source == "pid":
                limits = self._out.limits[name]
                value = min(max(self._loop.state.v, limits.low), limits.high)
            if value is None:
                continue
            refused = self._out.move(Setpoint(name, value, actuator.unit, source, now), self.mode, now)
            if refused:
                self._targets.pop(name, None)
                self.note("refused", source, refused, name=name, value=value)
        if self._loop.setpoint is not None:
            self._loop.settle(self._out.present(HEATER))

    def _follow(self, setpoint: float, now: float) -> None:
        """Move the loop's setpoint along its ramp, and step the PID if there is a new sample that is good."""
        if self.mode is not Mode.HOLD:
            asked = Setpoint(SENSOR, self._targets[SENSOR], "K", gate.master(self.mode, SENSOR), now)
            self._loop.move(self._out.ramp(asked, setpoint, self._loop.since_moved(now), self.mode), now)
        if self._judged.fault is None:
            reading = self._readings[SENSOR]
            self._loop.sample(reading.value, reading.t)

    # ---- alarms

    def _tell(self, name: str, text: str, priority: Priority) -> None:
        """An alarm of something that has passed: it stays until a person acknowledges it."""
        self._alarms[name] = Alarm(name, text, priority, AlarmState.RTN_UNACK, self.clock.now())
        self.note("alarm", "station", f"{name}: {text}", id=name, state=AlarmState.RTN_UNACK, priority=priority)

    def _watch_alarms(self, now: float) -> None:
        active: dict[str, Condition] = {}
        if self._description is None:
            if (now - self._start) / self._speed > _CONNECT_S:
                active["device"] = Condition("the device has not been reached", Priority.HIGH)
        elif self._out.actuators:
            if self._device_state != "good":
                text = f"{self._description.name} has not been heard for {self._device_age:.1f} s"
                active["device"] = Condition(text, Priority.HIGH)
            if self._judged.fault:
                active[f"sensor.{SENSOR}"] = Condition(self._judged.text, Priority.HIGH)
        for name, reason in self._out.interlocks():
            active[f"interlock.{name}"] = Condition(reason, Priority.HIGH)
        if self.mode is Mode.SAFE:
            active["safe"] = Condition(f"SAFE: {self.why}", Priority.HIGH)
        troubles = {"output": self._out.unlike(now), "audit": self.audit_error, "recording": self.recording_error}
        troubles["limits"] = self.settings.fault if self._out.actuators else ""
        for name, text in troubles.items():
            if text:
                active[name] = Condition(text, Priority.HIGH)
        if self.launcher_gone:
            active["launcher"] = Condition("the launcher is gone: what ends is not started again", Priority.MEDIUM)
        if self._clients.silent() <= modes.WINDOW_SILENT_S:
            self._silence = {}
        active |= self._silence
        self._alarms, changed = alarm_list.update(self._alarms, active, now)
        for alarm in changed:
            state = alarm.state if alarm.id in self._alarms else "NORM"
            facts = {"id": alarm.id, "state": state, "priority": alarm.priority}
            self.note("alarm", "station", f"{alarm.id}: {alarm.text}", **facts)

    # ---- commands

    def handlers(self) -> dict[str, Callable[..., Mapping[str, Any] | None]]:
        """The station's commands, for `CommandServer`."""
        there = [name for name in dir(self) if name.startswith("handle_")]
        return {name.removeprefix("handle_"): getattr(self, name) for name in there}

    def handle_hello(self, who: str, role: str) -> dict[str, Any]:
        """A client is there; to be said every second or so."""
        if self._clients.heard(who, role):
            self.note("client", who, f"{role} {who} is here", role=role)
        return {"version": __version__, "mode": self.mode, "period": PERIOD_S}

    def handle_status(self) -> dict[str, Any]:
        """The status map."""
        return self.status()

    def handle_mode(self, who: str, mode: str) -> None:
        """A person chooses a mode."""
        self._clients.heard(who)
        if mode not in list(Mode):
            raise CommandError(f"no mode {mode!r}: {', '.join(Mode)}")
        self._event(modes.WANT[Mode(mode)], f"operator:{who}", f"{mode} chosen by {who}")

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
        """Leave SAFE for OFF."""
        self._clients.heard(who)
        self._event(Event.RESET, f"operator:{who}", f"reset by {who}")
        self._monitor.restart()

    def handle_setpoint(self, who: str, name: str, value: float) -> None:
        """A new setpoint for temperature, pressure or composition."""
        settable = [n for n in self._out.limits if n != HEATER]
        self._edit(Event.SETPOINT, "setpoint", settable, who, name, value)

    def handle_output(self, who: str, name: str, value: float) -> None:
        """A new output of an actuator: goes to MANUAL."""
        self._edit(Event.OUTPUT, "output", list(self._out.actuators), who, name, value)

    def _edit(self, event: Event, what: str, known: list[str], who: str, name: str, value: float) -> None:
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
        self._event(event, source, f"{what} {name} written by {who}")
        self._targets[name] = value
        self.note(what, source, f"{name} {value:g} {self._unit(name)}", name=name, value=value)
        self._drive(self.clock.now())

    def _unit(self, name: str) -> str:
        if name in self._out.actuators:
            return self._out.actuators[name].unit
        return self._description.readings[name][0] if self._description else "1"

    def handle_acknowledge(self, who: str, alarm: str) -> None:
        """A person has seen an alarm."""
        self._clients.heard(who)
        self._alarms = alarm_list.acknowledge(self._alarms, alarm, self.clock.now())
        self.note("acknowledge", f"operator:{who}", f"{alarm} acknowledged", id=alarm)

    def handle_accept(self, who: str, value: float | None = None) -> None:
        """A person takes what the policy advises (with another temperature, if one is given); ADVISE goes on."""
        self._clients.heard(who)
        advice = self.advisor.advice
        if self.mode is not Mode.ADVISE or advice is None or not advice.setpoints:
            raise CommandError("there is no advice to accept" + (f": {advice.trouble}" if advice else ""))
        setpoints = dict(advice.setpoints)
        if value is not None:
            setpoints[SENSOR] = float(value)
            problem = gate.wrong(SENSOR, setpoints[SENSOR], "K", self._out.limits[SENSOR])
            if problem:
                raise CommandError(problem)
        self._follow_advice(setpoints, f"operator:{who}", "advice accepted" if value is None else "advice changed")
        self._drive(self.clock.now())

    def handle_policy(self, who: str, name: str) -> None:
        """A person chooses a policy, and with it what it may move."""
        self._clients.heard(who)
        old = self.advisor.name
        self.advisor.use(name)
        text = f"policy {old} -> {name}, which moves {', '.join(self.advisor.policies[name].controls)}"
        self.note("policy", f"operator:{who}", text, old=old, new=name)

    def handle_reject(self, who: str, why: str = "") -> None:
        """A person does not want what the policy advises."""
        self._clients.heard(who)
        if self.mode is not Mode.ADVISE or self.advisor.advice is None:
            raise CommandError("there is no advice to reject")
        self.advisor.reject(self.clock.now(), who)
        self.note("advice", f"operator:{who}", "advice rejected" + (f": {why}" if why else ""))

    def handle_note(self, who: str, text: str, t: float | None = None, bookmark: bool = False) -> None:
        """A person's remark for the log, about run time `t` (now where none is given)."""
        self._clients.heard(who)
        now = self.clock.now()
        if t is not None and not 0 <= t <= now:
            raise CommandError(f"note: {t:g} s is not within the run's 0 to {now:g} s")
        about = {"t": now if t is None else float(t), "bookmark": bookmark}
        self.note("note", f"operator:{who}", text, **about)

    def handle_event(self, who: str, text: str, alarm: str = "") -> None:
        """A process of the run has something for the log; `alarm` names the process of which people must know."""
        self.note("process", who, text)
        if alarm:
            self._tell(f"process.{alarm}", text, Priority.MEDIUM)

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
        setpoints = {name: self._setpoint(name) for name in out.limits if name != HEATER}
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
            "pid": self._pid_status(),
            "alarms": tuple(asdict(a) for a in self._alarms.values()),
            "interlocks": tuple({"name": name, "reason": reason} for name, reason in out.interlocks()),
            "device": {
                "name": description.name if description else "",
                "kind": description.kind if description else "",
                "state": self._device_state,
                "age": self._device_age,
            },
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

    def _pid_status(self) -> dict[str, Any]:
        state, limits = self._loop.state, self._out.limits.get(HEATER)
        closed = self._loop.setpoint is not None and limits is not None
        return {
            "setpoint": self._setpoint(SENSOR) if self._loop.setpoint is None else self._loop.setpoint,
            "measured": self._value(SENSOR),
            "p": state.p,
            "i": state.integral,
            "d": state.derivative,
            "output": self._out.present(HEATER) if limits else 0.0,
            "saturated": bool(closed and limits and not limits.low < state.v < limits.high),
        }

    def _with_quality(self, reading: Reading, now: float) -> Reading:
        ranges = self._description.readings if self._description else {}
        _, low, high = ranges.get(reading.name, ("", -math.inf, math.inf))
        quality = sensor.plain(reading, now, self._max_age, low, high).quality
        if reading.name == SENSOR and self._description is not None:
            quality = self._judged.quality
        return replace(reading, quality=quality)
