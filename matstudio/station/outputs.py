"""The actuators of a device behind the gate: every write passes here, and each is noted in the audit log."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping

from matstudio.control import arming, gate
from matstudio.control.dose import BEAM
from matstudio.control.limits import Settings
from matstudio.domain.device import Actuator, Description
from matstudio.domain.process import Limits, Mode, Reading, Setpoint
from matstudio.instruments.base import Device, DeviceError

HEATER = "heater"
_FOLLOW_S, _FOLLOW_SHARE = 1.0, 0.02
_BLANK_S = 10.0  # for which a beam is blanked again that stays on; later somebody at the instrument may want it


class Outputs:
    """What was sent to each actuator, and what may be sent next.

    Args:
        device: that is written to.
        settings: limits and interlocks.
        note: `Station.note`, the audit log.
        speed: seconds of run time per second of real time.
    """

    def __init__(self, device: Device, settings: Settings, note: Callable[..., None], speed: float) -> None:
        self._device, self._settings, self._note = device, settings, note
        self._given = settings
        self._follow_s = _FOLLOW_S * max(1.0, speed)
        self.actuators: dict[str, Actuator] = {}
        self.limits: dict[str, Limits] = {}
        """Of each actuator and controlled value, as the gate has them."""
        self.sent: dict[str, float] = {}
        """Value sent last to each actuator; before that its reading, NaN where that is unknown."""
        self._sent_at: dict[str, float] = {}
        self._changed_at: dict[str, float] = {}
        self._lately: deque[tuple[float, float]] = deque()  # what the heater was sent, with when
        self._unlike_since: dict[str, float] = {}
        self._held = {i.name: False for i in settings.interlocks}
        self._readings: Mapping[str, Reading] = {}
        self._failed = ""

    def adopt(self, description: Description, controlled: str, now: float) -> None:
        """Take a device's actuators, and the limits that satisfy both the device and the settings."""
        self.actuators, self.limits, self.sent, self._unlike_since = {}, {}, {}, {}
        self._settings = arming.narrowed(self._given, description)
        self._held = {i.name: self._held.get(i.name, False) for i in self._settings.interlocks}
        self._lately.clear()
        for actuator in description.actuators:
            own = self._settings.limits.get(actuator.name)
            try:
                limits = gate.both(own, actuator.limits) if own else actuator.limits
            except ValueError:
                self._note("refused", "station", f"{actuator.name}: its limits and the settings exclude each other")
                continue
            self.actuators[actuator.name] = actuator
            self.limits[actuator.name] = limits
            # unknown where there is a safe value: OFF then sends that at once; what has none stays as it is found
            self.sent[actuator.name] = math.nan
            self._sent_at[actuator.name] = now
        if HEATER in self.actuators and controlled in description.readings and controlled in self._settings.limits:
            self.limits[controlled] = self._settings.limits[controlled]

    def present(self, name: str) -> float:
        """What an actuator gives now: what was sent or, before that, its safe value; NaN where nothing is known."""
        value, safe = self.sent.get(name, math.nan), self.actuators[name].safe
        return value if math.isfinite(value) or safe is None else safe

    def look(self, readings: Mapping[str, Reading]) -> None:
        """Judge the interlocks by the newest readings."""
        self._readings = readings
        for name, actuator in self.actuators.items():
            reading = readings.get(name)
            tracked = actuator.safe is None or name == BEAM
            if math.isnan(self.sent[name]) and tracked and reading and math.isfinite(reading.value):
                limits = self.limits[name]
                self.sent[name] = min(max(reading.value, limits.low), limits.high)
        for interlock in self._settings.interlocks:
            if interlock.actuator not in self.actuators:
                continue
            value = self._value(interlock.reading)
            held = gate.trip(interlock, self._held[interlock.name], value)
            if held != self._held[interlock.name]:
                self._held[interlock.name] = held
                text = gate.reason(interlock, value) if held else f"{interlock.name}: let go at {value:.6g}"
                self._note("interlock", "station", text, name=interlock.name, held=held)

    def _value(self, name: str) -> float:
        reading = self._readings.get(name)
        return reading.value if reading is not None else math.nan

    def interlocks(self) -> tuple[tuple[str, str], ...]:
        """Name and reason of each interlock that holds now."""
        return tuple(
            (i.name, gate.reason(i, self._value(i.reading))) for i in self._settings.interlocks if self._held[i.name]
        )

    def held(self, name: str) -> str:
        """Why an interlock holds an actuator, or ""."""
        for interlock in self._settings.interlocks:
            if interlock.actuator == name and self._held[interlock.name]:
                return gate.reason(interlock, self._value(interlock.reading))
        return ""

    def ramp(self, asked: Setpoint, last: float, dt: float, mode: Mode) -> float:
        """A controlled value's setpoint `dt` seconds after it was `last`, through the gate."""
        master = gate.master(mode, asked.name)
        verdict = gate.judge(asked, limits=self.limits[asked.name], last=last, dt=dt, master=master)
        return last if verdict.value is None else verdict.value

    def move(self, asked: Setpoint, mode: Mode, now: float) -> str:
        """Send what the gate lets pass of a wish.

        Returns:
            why nothing may pass, or "".
        """
        actuator = self.actuators[asked.name]
        last = self.sent[asked.name]
        verdict = gate.judge(
            asked,
            limits=self.limits[asked.name],
            last=last,
            dt=now - self._sent_at[asked.name],
            master=gate.master(mode, asked.name),
            safe=actuator.safe,
            interlock=self.held(asked.name),
        )
        if verdict.value is None:
            return verdict.reason
        unlike = self._unlike(asked.name, now)
        if verdict.value != last or unlike:
            self._send(actuator, verdict.value, asked, verdict.reason, now)
        return ""

    def _send(self, actuator: Actuator, value: float, asked: Setpoint, reason: str, now: float) -> None:
        name = actuator.name
        try:
            self._device.write(Setpoint(name, value, actuator.unit, asked.source, now))
        except DeviceError as error:
            if str(error) != self._failed:
                self._failed = str(error)
                self._note("refused", "device", f"{name} {value:.6g}: {error}", name=name, value=value)
            return
        self._failed = ""
        old, self.sent[name], self._sent_at[name] = self.sent[name], value, now
        if value != old:
            self._changed_at[name] = now
        text = f"{name} {value:.6g}" + (f" ({reason})" if reason else "")
        self._note("write", asked.source, text, name=name, value=value, old=old, asked=asked.value)

    def make_safe(self, now: float) -> None:
        """The device's own safe state, at once; may be called again and again."""
        self._device.safe()
        for name, actuator in self.actuators.items():
            if actuator.safe is not None and self.sent[name] != actuator.safe:
                self.sent[name], self._sent_at[name] = actuator.safe, now
                self._note("write", "station", f"{name} {actuator.safe:g} (safe)", name=name, value=actuator.safe)

    def _unlike(self, name: str, now: float) -> bool:
        """Whether an actuator has shown a value for a while that it was not sent lately, and is to be sent its own
        again: the heater, and a beam that was blanked and is on."""
        reading, sent = self._readings.get(name), self.sent[name]
        if reading is None or math.isnan(sent) or name not in (HEATER, BEAM):
            return False
        if name == BEAM:
            follows, again = sent >= 0.5 or reading.value < 0.5, self._blanked_lately(now)
        else:
            follows, again = self._follows(reading.value, now), True
        if follows:
            self._unlike_since.pop(name, None)
            return False
        since = self._unlike_since.setdefault(name, now)
        return again and now - max(since, self._sent_at[name]) >= self._follow_s

    def _blanked_lately(self, now: float) -> bool:
        """Whether the beam was blanked a short while ago, or an interlock holds it blanked."""
        recent = now - self._changed_at.get(BEAM, -math.inf) < _BLANK_S * self._follow_s / _FOLLOW_S
        return recent or bool(self.held(BEAM))

    def _follows(self, value: float, now: float) -> bool:
        """Whether the heater shows what it was sent lately."""
        limits = self.limits[HEATER]
        if not self._lately or self._lately[-1][1] != self.sent[HEATER]:
            self._lately.append((now, self.sent[HEATER]))
        while len(self._lately) > 1 and self._lately[1][0] < now - self._follow_s:
            self._lately.popleft()
        share = _FOLLOW_SHARE * (limits.high - limits.low)
        values = [sent for _, sent in self._lately]
        return min(values) - share <= value <= max(values) + share

    def unlike(self, now: float) -> str:
        """Which actuator does not follow what was sent, in one line, or ""."""
        for name, since in self._unlike_since.items():
            if now - since > 2 * self._follow_s:
                return f"{name} shows {self._value(name):.4g}, sent {self.sent[name]:.4g}"
        return ""
