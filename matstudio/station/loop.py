"""The temperature loop: a setpoint on its ramp, and the PID that follows it."""

from __future__ import annotations

from matstudio.control import pid
from matstudio.control.observer import Furnace

_USUAL = Furnace(650.0, 60.0, 2.0, 1.5, 0.3, 300.0)  # for a device that does not describe its own


def tuning(period: float, furnace: Furnace | None = None) -> pid.Tuning:
    """Tuning of the loop from the furnace's description; `period`: of the control cycle, s."""
    f = furnace or _USUAL
    return pid.lambda_tuning(f.gain_K, f.tau_s, f.lag_s, f.delay_s + period / 2)


class Loop:
    """State of the loop; open until `close` is called.

    Args:
        tuning: of the PID.
    """

    def __init__(self, tuning: pid.Tuning) -> None:
        self.tuning = tuning
        self.state = pid.State()
        self.setpoint: float | None = None
        """Where the setpoint is on its ramp, K; None while the loop is open."""
        self._moved_at = 0.0
        self._sample_at = 0.0
        self._dt = 0.0

    def close(self, setpoint: float, measured: float, sample_at: float, output: float, now: float) -> None:
        """Close the loop, bumpless: the next output is `output`."""
        self.setpoint, self._moved_at, self._sample_at = setpoint, now, sample_at
        self.state = pid.bumpless(self.tuning, setpoint, measured, output)
        self._dt = 0.0

    def open(self) -> None:
        """Open it: the output is someone else's."""
        self.setpoint = None
        self.state = pid.State()

    def since_moved(self, now: float) -> float:
        """Seconds since the setpoint last moved on its ramp."""
        return now - self._moved_at

    def move(self, setpoint: float, now: float) -> None:
        """The setpoint's place on its ramp at run time `now`."""
        self.setpoint, self._moved_at = setpoint, now

    def sample(self, measured: float, t: float) -> None:
        """Step the PID with a good sample of source time `t`; an old one does nothing."""
        if self.setpoint is None or t <= self._sample_at:
            return
        self._dt += t - self._sample_at
        self.state = pid.step(self.tuning, self.state, self.setpoint, measured, t - self._sample_at)
        self._sample_at = t

    def settle(self, actual: float) -> None:
        """What the actuator really got after the last sample."""
        self.state = pid.settle(self.tuning, self.state, actual, self._dt)
        self._dt = 0.0
