"""What the policy does to the station, and what people answer it."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping

from matstudio.bus.messages import CommandError
from matstudio.control import gate
from matstudio.control.alarms import Priority
from matstudio.control.modes import Event
from matstudio.domain.process import Mode, Reading
from matstudio.station.advisor import Advisor
from matstudio.station.commands import Commands
from matstudio.station.outputs import HEATER
from matstudio.station.supervisory import Supervisory

_SENSOR = "temperature"


class Advising(Commands):
    """A part of `Station`, which makes its attributes."""

    advisor: Advisor
    _above: Supervisory
    _readings: dict[str, Reading]

    @abstractmethod
    def _event(self, event: Event, who: str, why: str) -> None: ...

    @abstractmethod
    def _setpoint(self, name: str) -> float: ...

    @abstractmethod
    def _unit(self, name: str) -> str: ...

    def _advise(self, now: float) -> None:
        """Let the policy look, and in ADVISE and POLICY decide; in POLICY its setpoints become the wanted ones."""
        try:
            fresh = self._consult(now)
        except Exception as error:  # noqa: BLE001  (border: policy): whatever it raises, control goes on
            self.advisor.fail(now, f"the policy failed: {type(error).__name__}: {error}".splitlines()[0])
            fresh = self.mode in (Mode.ADVISE, Mode.POLICY)
        if not fresh or self.mode is Mode.ADVISE:
            return
        advice = self.advisor.advice
        if advice is None or advice.trouble:
            why = advice.trouble if advice else "no advice"
            self._tell("policy", f"the policy was left: {why}", Priority.MEDIUM)
            self._event(Event.POLICY_LOST, "station", f"{Event.POLICY_LOST}: {why}")
            return
        self._follow_advice(advice.setpoints, "policy", advice.why)

    def _consult(self, now: float) -> bool:
        """Let the policy look and work; whether there is another advice."""
        self.advisor.look(now, self._readings)
        loop = self._above.loop
        if self.mode not in (Mode.ADVISE, Mode.POLICY) or loop.setpoint is None:
            return False
        held = {name: value for name in self._out.limits if math.isfinite(value := self._setpoint(name))}
        state = (loop.tuning, self._out.limits[_SENSOR], loop.setpoint, self._out.present(HEATER))
        self.advisor.work(now, state, held)
        return self.advisor.decide(now, held)

    def _follow_advice(self, setpoints: Mapping[str, float], who: str, why: str) -> None:
        """Take the policy's setpoints as far as the gate's range allows."""
        for name, value in setpoints.items():
            limits, old = self._out.limits.get(name), self._setpoint(name)
            if limits is None:
                continue
            self._targets[name] = new = min(max(value, limits.low), limits.high)
            unit = self._unit(name)
            told = {"name": name, "value": new, "old": old, "new": new, "unit": unit, "why": why}
            self.note("setpoint", who, f"{name} {old:.6g} -> {new:.6g} {unit}: {why}", **told)

    def handle_accept(self, who: str, value: float | None = None) -> None:
        """A person takes what the policy advises (with another temperature, if one is given); ADVISE goes on."""
        self._clients.heard(who)
        advice = self.advisor.advice
        if self.mode is not Mode.ADVISE or advice is None or not advice.setpoints:
            raise CommandError("there is no advice to accept" + (f": {advice.trouble}" if advice else ""))
        setpoints = dict(advice.setpoints)
        if value is not None:
            setpoints[_SENSOR] = float(value)
            problem = gate.wrong(_SENSOR, setpoints[_SENSOR], "K", self._out.limits[_SENSOR])
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
        self.note("advice", f"operator:{who}", "advice rejected" + (f": {why}" if why else ""), why=why)
