"""The temperature loop: a setpoint on its ramp, the feed-forward along it, and the PID that does the rest.

With feed-forward the PID holds the measurement's deviation from the led furnace at 0, so that its derivative does not
work against a ramp; without, it follows the setpoint itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matstudio.control import pid
from matstudio.control.feedforward import Led
from matstudio.control.observer import Furnace
from matstudio.control.schedule import Band, band
from matstudio.domain.process import Limits

_USUAL = Furnace(650.0, 60.0, 2.0, 1.5, 0.3, 300.0)  # for a device that does not describe its own


def tuning(period: float, furnace: Furnace | None = None) -> pid.Tuning:
    """Tuning of the loop from the furnace's description; `period`: of the control cycle, s."""
    f = furnace or _USUAL
    return pid.lambda_tuning(f.gain_K, f.tau_s, f.lag_s, f.delay_s + period / 2)


class Loop:
    """State of the loop; open until `close` is called.

    Args:
        tuning: of the PID.
        bands: tunings by measured temperature, which take its place; () for one everywhere.
        led: feed-forward, or None.
    """

    def __init__(self, tuning: pid.Tuning, bands: Sequence[Band] = (), led: Led | None = None) -> None:
        self.tuning = tuning
        self.state = pid.State()
        self.setpoint: float | None = None
        """Where the setpoint is on its ramp, K; None while the loop is open."""
        self._bands, self._led = tuple(bands), led
        self._band: int | None = None
        self._moved_at = 0.0
        self._sample_at = 0.0
        self._dt = 0.0

    @property
    def reference(self) -> float:
        """What the measurement should be, K: the setpoint, as late as the furnace makes it."""
        return self._led.reference if self._led is not None else (self.setpoint or 0.0)

    @property
    def steady(self) -> float:
        """The output without what noise and the present error add: that of the feed-forward and the integral."""
        return self._feed + self.state.integral + self.tuning.gain * (self.tuning.b - 1) * self._wanted

    @property
    def _feed(self) -> float:
        return self._led.feed if self._led is not None else 0.0

    @property
    def _wanted(self) -> float:
        """What the PID is given as its setpoint, K."""
        return 0.0 if self._led is not None else (self.setpoint or 0.0)

    def _seen(self, measured: float) -> float:
        """What the PID is given as its measurement, K."""
        return measured - self._led.reference if self._led is not None else measured

    def close(self, setpoint: float, measured: float, sample_at: float, output: float, now: float) -> None:
        """Close the loop, bumpless: the next output is `output`."""
        self.setpoint, self._moved_at = setpoint, now
        self._band = band(self._bands, None, measured)
        if self._band is not None:
            self.tuning = self._bands[self._band].tuning
        if self._led is not None:
            self._led.start(now, setpoint)
        self.resume(measured, sample_at, output)

    def resume(self, measured: float, sample_at: float, output: float) -> None:
        """Go on, bumpless, from an `output` that something else has set meanwhile; the setpoint stays."""
        self._sample_at, self._dt = sample_at, 0.0
        self.state = pid.bumpless(self.tuning, self._wanted, self._seen(measured), output, self._feed)

    def open(self) -> None:
        """Open it: the output is someone else's."""
        self.setpoint = None
        self.state = pid.State()

    def retune(self, new: pid.Tuning) -> None:
        """Another tuning from now on, bumpless; of the present band where there are several."""
        if self.setpoint is not None:
            self.state = pid.retune(self.tuning, new, self.state, self._wanted)
        if self._band is not None:
            at = self._band
            self._bands = (*self._bands[:at], Band(self._bands[at].above, new), *self._bands[at + 1 :])
        self.tuning = new

    def since_moved(self, now: float) -> float:
        """Seconds since the setpoint last moved on its ramp."""
        return now - self._moved_at

    def move(self, setpoint: float, now: float) -> None:
        """The setpoint's place on its ramp at run time `now`."""
        self.setpoint, self._moved_at = setpoint, now
        if self._led is not None:
            self._led.move(now, setpoint)

    def sample(self, measured: float, t: float) -> None:
        """Step the PID with a good sample of source time `t`; an old one does nothing."""
        if self.setpoint is None or t <= self._sample_at:
            return
        at = band(self._bands, self._band, measured)
        if at is not None and at != self._band:
            self._band = at
            self.retune(self._bands[at].tuning)
        dt = t - self._sample_at
        self._dt += dt
        self.state = pid.step(self.tuning, self.state, self._wanted, self._seen(measured), dt, self._feed)
        self._sample_at = t

    def settle(self, actual: float) -> None:
        """What the actuator really got after the last sample."""
        self.state = pid.settle(self.tuning, self.state, actual, self._dt)
        self._dt = 0.0

    def status(self, setpoint: float, measured: float, output: float, heater: Limits) -> dict[str, Any]:
        """The map `pid` of the status; `setpoint` is shown while the loop is open."""
        closed, s = self.setpoint is not None, self.state
        return {
            "setpoint": self.setpoint if self.setpoint is not None else setpoint,
            "measured": measured,
            "p": s.p,
            "i": s.integral,
            "d": s.derivative,
            "feed": self._feed if closed else 0.0,
            "output": output if math.isfinite(output) else 0.0,
            "saturated": closed and not heater.low < s.v < heater.high,
            "gain": self.tuning.gain,
            "ti": self.tuning.ti,
            "td": self.tuning.td,
        }
