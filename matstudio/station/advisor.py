"""The policy beside the control cycle: what it knows, what it would do, and where that leads.

It decides every 5 s of run time; the forecast behind the advice is worked out a few steps a cycle. It never writes: the
station takes its setpoints through the gate, in POLICY by itself and in ADVISE when a person accepts them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from matstudio.control import observer
from matstudio.control.belief import Tracker
from matstudio.control.outlook import HORIZON_S, Forecast, Loop, Outlook
from matstudio.control.pid import Tuning
from matstudio.control.policy import PERIOD_S, Policy, Seen
from matstudio.domain.process import Limits, Quality, Reading
from matstudio.dynamics.annealing import TARGET
from matstudio.instruments.twin.plant import Furnace

_EVERY_S = 1.0  # of run time between two steps of the filter
_LATE_S, _LATE_REAL_S = 10.0, 5.0  # without a reading of S: of run time, and of real time where that runs faster
_STEPS, _REST_S = 4, 0.04  # of a forecast at a time; real seconds between two times
_SILENT_S = 60.0  # for which a rejected proposal is not made again
_LIKE_K = 30.0
_VALUES = ("temperature", "pressure", "composition")


@dataclass(frozen=True)
class Advice:
    """What the policy would do.

    Args:
        t: run time of the decision, s.
        setpoints: by name; empty where it gives none.
        why: one line: what that gains against holding, or why there is none.
        trouble: why it must not be followed, or "".
        order, sigma: of S, as the filter believes.
        kinetics: how many times faster than nominal the alloy orders.
        rejected: by whom, or "".
    """

    t: float
    setpoints: Mapping[str, float]
    why: str
    trouble: str = ""
    order: float = math.nan
    sigma: float = math.nan
    kinetics: float = math.nan
    rejected: str = ""


class Advisor:
    """Belongs to the station's thread.

    Args:
        policies: the networks by name, the first in use; none: nothing is ever advised.
        speed: of run time.
    """

    def __init__(self, policies: Mapping[str, Policy], speed: float) -> None:
        self.policies, self._speed = dict(policies), max(1.0, speed)
        self.name = next(iter(self.policies), "")
        """Of the one in use."""
        self.advice: Advice | None = None
        self.forecast: Forecast | None = None
        self.news = False
        """Whether there is something that was not published yet; put back by who publishes."""
        self._tracker = Tracker()
        self._furnace: Furnace | None = None
        self._outlook: Outlook | None = None
        self._values: dict[str, float] = {}
        self._looked = -math.inf
        self._heard_real = -math.inf
        self._worked = -math.inf
        self._refused: tuple[float, float, str] = (-math.inf, math.nan, "")

    @property
    def policy(self) -> Policy | None:
        """The one in use."""
        return self.policies.get(self.name)

    def use(self, name: str) -> None:
        """Use another one.

        Raises:
            ValueError: there is none of that name.
        """
        if name not in self.policies:
            raise ValueError(f"no policy {name!r}: {', '.join(self.policies) or 'none is loaded'}")
        self.name = name
        self.forget()

    def adopt(self, furnace: observer.Furnace | None) -> None:
        """A device has been reached; `furnace` as it describes it."""
        self._tracker.restart()
        self._furnace = None
        if furnace is not None:
            f = furnace
            self._furnace = Furnace(f.gain_K, f.tau_s, f.ambient_K, f.delay_s, f.lag_s)

    def forget(self) -> None:
        """Another mode: the next advice comes at once."""
        self.advice = self.forecast = self._outlook = None
        self.news = True

    def order(self, t: float, S: float, sigma: float) -> None:
        """The models' fused S from frames of run time `t`."""
        self._tracker.order(t, S, sigma)
        self._heard_real = time.monotonic()

    def look(self, now: float, readings: Mapping[str, Reading]) -> None:
        """Take the newest process values; to be called every cycle."""
        if self.policy is None or now < self._looked + _EVERY_S:
            return
        good = {k: r.value for k in _VALUES if (r := readings.get(k)) and r.quality is not Quality.BAD}
        if not math.isfinite(good.get("temperature", math.nan)):
            return
        self._looked, self._values = now, {k: v for k, v in good.items() if math.isfinite(v)}
        self._tracker.process(now, self._values)

    def decide(self, now: float, held: Mapping[str, float]) -> bool:
        """Decide, if it is time to; whether there is another advice.

        Args:
            held: the setpoints that stand now, by name.
        """
        if self.policy is None or (self.advice is not None and now < self.advice.t + PERIOD_S):
            return False
        self.news = True
        trouble = self.trouble(now)
        b = self._tracker.belief
        known = (float(b.S[0]), float(b.sigma_S[0]), float(np.exp(b.kinetics[0])))
        if trouble:
            self.advice, self.forecast, self._outlook = Advice(now, {}, trouble, trouble, *known), None, None
            return True
        seen = self._seen(now, held)
        asked = {k: float(v[0]) for k, v in self.policy.decide(seen).items()}
        if not all(math.isfinite(v) for v in asked.values()):
            trouble = "the policy's answer is not a number"
            self.advice = Advice(now, {}, trouble, trouble, *known)
            return True
        at, value, who = self._refused
        same = now < at + _SILENT_S and abs(asked["temperature"] - value) < _LIKE_K
        why = reason(self.forecast, held.get("temperature", math.nan))
        self.advice = Advice(now, asked, why, "", *known, who if same else "")
        return True

    def work(self, now: float, loop: tuple[Tuning, Limits, float, float], held: Mapping[str, float]) -> bool:
        """Go on with the forecast for a millisecond or two; whether there is another one.

        Args:
            loop: tuning, limits of the setpoint, where that is on its ramp (K), and the heater's power (0..1).
            held: as for `decide`.
        """
        real = time.monotonic()
        if self.policy is None or self._furnace is None or real < self._worked + _REST_S:
            return False
        self._worked = real
        if self._outlook is None:
            if self.advice is None or self.advice.trouble:
                return False
            self._outlook = Outlook(self.policy, self._seen(now, held), now, Loop(self._furnace, *loop))
        if not self._outlook.work(_STEPS):
            return False
        self.forecast, self._outlook, self.news = self._outlook.forecast, None, True
        return True

    def fail(self, now: float, why: str) -> None:
        """The policy raised: there is no advice for as long as one lasts."""
        self.advice, self.forecast, self._outlook, self.news = Advice(now, {}, why, why), None, None, True

    def reject(self, now: float, who: str) -> None:
        """A person does not want what is proposed: it is not proposed again for a minute, unless it changes."""
        if self.advice is not None and self.advice.setpoints:
            self._refused = (now, self.advice.setpoints["temperature"], who)
            self.advice, self.news = replace(self.advice, rejected=who), True

    def published(self) -> dict[str, Any]:
        """What the window is told."""
        advice = None if self.advice is None else asdict(self.advice)
        forecast = None if self.forecast is None else asdict(self.forecast)
        controls = self.policy.controls if self.policy is not None else ()
        return {"policy": self.name, "controls": controls, "advice": advice, "forecast": forecast}

    def trouble(self, now: float) -> str:
        """Why the policy must not be followed, in one line, or ""; also where there is none."""
        if self.policy is None:
            return ""
        if self._furnace is None:
            return "the device does not describe its furnace"
        age = now - self._tracker.read_at
        if not math.isfinite(age):
            return "the models have not said yet how ordered it is"
        if age > _LATE_S and (self._speed == 1 or time.monotonic() - self._heard_real > _LATE_REAL_S):
            return f"the models have said nothing of the order for {age:.0f} s"
        if not self._values or now - self._looked > _LATE_S:
            return "there is no good temperature"
        return self.policy.strange(self._seen(now, {}))

    def _seen(self, now: float, held: Mapping[str, float]) -> Seen:
        values, before = self._values, self._tracker.before(now - PERIOD_S)
        usual = {"temperature": values["temperature"], "pressure": 0.0, "composition": 0.25}
        return Seen(
            self._tracker.belief,
            *({k: np.array([float(v.get(k, usual[k]))]) for k in usual} for v in (values, before, {**values, **held})),
        )


def reason(forecast: Forecast | None, held: float) -> str:
    """What comes of following the advice; and, behind a semicolon, of holding, and by how much F is the lower."""
    if forecast is None:
        return "the forecast is being worked out"
    low, mid, high = forecast.ordered_s
    if forecast.S[0][1] >= TARGET:
        first = "ordered"
    elif math.isfinite(mid):
        first = (
            f"S {TARGET:g} in {mid:.0f} s ({low:.0f} to {f'{high:.0f}' if math.isfinite(high) else 'more than 300'})"
        )
    else:
        first = f"S {forecast.S[-1][1]:.2f} in {HORIZON_S:.0f} s ({forecast.S[-1][0]:.2f} to {forecast.S[-1][2]:.2f})"
    later = forecast.held_s[1]
    then = f"in {later:.0f} s" if math.isfinite(later) else f"S {forecast.held[-1]:.2f}"
    gain = f"{abs(forecast.gain_meV):.2f} meV {'lower' if forecast.gain_meV > 0 else 'higher'}"
    return f"{first}; held at {held:.0f} K: {then}; F, cold, {gain} an atom"
