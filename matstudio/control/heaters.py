"""The temperature loop of n furnaces at once, as the station closes it: a setpoint on its ramp, and the PID.

The same equations as `control/pid.py` and `gate.toward`, for arrays and without feed-forward; for training, comparison
and looking ahead.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from matstudio.control.pid import Tuning
from matstudio.domain.process import Limits

Array: TypeAlias = np.ndarray


class Heaters:
    """n loops, closed with the heater off at the measured temperature.

    Args:
        tuning: of the PID.
        limits: range and rate of the setpoint, K and K/s.
        measured: temperature now, K, (n,).
        output: of the heater now, (n,).
    """

    def __init__(self, tuning: Tuning, limits: Limits, measured: Array, output: Array | float = 0.0) -> None:
        self.tuning, self.limits = tuning, limits
        self.setpoint = np.clip(measured, limits.low, limits.high)
        self._y = measured.copy()
        p = tuning.gain * (tuning.b * self.setpoint - measured)
        self._integral, self._derivative = output - p, np.zeros_like(measured)

    def step(self, wanted: Array, measured: Array, dt: float) -> Array:
        """The heaters' power, 0..1, `dt` seconds after the last step, on the way to the setpoint `wanted`, K."""
        t, most = self.tuning, self.limits.rate * dt
        self.setpoint = np.clip(
            np.clip(wanted, self.setpoint - most, self.setpoint + most), self.limits.low, self.limits.high
        )
        p = t.gain * (t.b * self.setpoint - measured)
        filtered = t.td / (t.td + t.n * dt)
        self._derivative = filtered * (self._derivative - t.gain * t.n * (measured - self._y))
        v = p + self._integral + self._derivative
        u = np.asarray(np.clip(v, 0.0, 1.0))
        grown = t.gain * dt / t.ti * (self.setpoint - measured)
        grown = np.where(grown * (v - u) > 0, 0.0, grown)
        self._integral = self._integral + grown + min(1.0, dt / t.tracking) * (u - v)
        self._y = measured.copy()
        return u
