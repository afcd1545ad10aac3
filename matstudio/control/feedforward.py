"""Feed-forward of the temperature loop: a furnace as described is led along the setpoint, as far as its heater allows.

Its heater is the feed-forward; its temperature, as late as dead time and sensor make it, is what the PID compares the
measurement with. So the PID has to do only with what the description does not know, a ramp is followed without a lag
that the furnace does not have, and a setpoint that the heater cannot follow winds nothing up (model following: K. J.
Åström, B. Wittenmark, Computer-Controlled Systems, 3rd ed. (1997), section 6.3).
"""

from __future__ import annotations

import math
from collections import deque

from matstudio.control.observer import Furnace
from matstudio.domain.process import Limits


class Led:
    """A furnace that follows the setpoint, late by what the heater's rate needs where a ramp begins or ends.

    Args:
        furnace: as the device describes it.
        heater, setpoint: the gate's limits.
    """

    def __init__(self, furnace: Furnace, heater: Limits, setpoint: Limits) -> None:
        self._f, self._heater = furnace, heater
        lag = furnace.tau_s * setpoint.rate / (furnace.gain_K * heater.rate)
        self._lag = lag if math.isfinite(lag) else furnace.delay_s
        self.start(0.0, furnace.ambient_K)

    def start(self, t: float, measured: float) -> None:
        """Begin at rest at the temperature `measured`, K, at run time `t`, s."""
        self.feed = self._clip((measured - self._f.ambient_K) / self._f.gain_K)
        """The heater's output that leads it, within its limits."""
        self.reference = measured
        """What a sensor of it shows, K."""
        self._at, self._temperature = t, measured
        self._past: deque[tuple[float, float]] = deque([(t, measured)])

    def move(self, t: float, setpoint: float) -> None:
        """Go on to run time `t` toward `setpoint`, K."""
        dt = t - self._at
        if not math.isfinite(setpoint) or not dt > 0:
            return
        f = self._f
        stays = math.exp(-dt / f.tau_s)
        aim = setpoint if self._lag <= 0 else setpoint + math.exp(-dt / self._lag) * (self._temperature - setpoint)
        wanted = (aim - stays * self._temperature) / (1 - stays)
        self.feed = self._clip((wanted - f.ambient_K) / f.gain_K)
        self._temperature += (1 - stays) * (f.ambient_K + f.gain_K * self.feed - self._temperature)
        self._at = t
        self._past.append((t, self._temperature))
        while len(self._past) > 1 and self._past[1][0] <= t - f.delay_s:
            self._past.popleft()
        share = -math.expm1(-dt / f.lag_s) if f.lag_s > 0 else 1.0
        self.reference += share * (self._past[0][1] - self.reference)

    def _clip(self, u: float) -> float:
        return min(max(u, self._heater.low), self._heater.high)
