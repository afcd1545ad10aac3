"""The temperature loop of n furnaces at once, as the station closes it: for training, comparison and looking ahead.

The equations of `control/pid.py`, `control/feedforward.py` and the gate, for arrays; the furnace that is led along the
setpoint is the one that the device describes, whatever the n are in truth.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from matstudio.control.limits import DEFAULT_LIMITS
from matstudio.control.pid import Tuning
from matstudio.domain.process import Limits
from matstudio.instruments.twin.plant import Furnace

Array: TypeAlias = np.ndarray
HEATER = DEFAULT_LIMITS["heater"]


class Heaters:
    """n loops, closed at the measured temperature.

    Args:
        tuning: of the PID.
        limits: range and rate of the setpoint, K and K/s.
        furnace: as described.
        measured: temperature now, K, (n,).
        dt: step, s.
        output: of the heater now, 0..1.
    """

    def __init__(
        self, tuning: Tuning, limits: Limits, furnace: Furnace, measured: Array, dt: float, output: float = 0.0
    ) -> None:
        self.tuning, self.limits, self.furnace, self.dt = tuning, limits, furnace, dt
        self.setpoint = np.clip(measured, limits.low, limits.high)
        self._led, self._reference = self.setpoint.copy(), self.setpoint.copy()
        self._past = np.tile(self._led, (round(furnace.delay_s / dt) + 1, 1))
        self._steps = 0
        self._y = measured - self._reference
        self._derivative = np.zeros_like(measured)
        self._integral = output + tuning.gain * self._y - self._power(self._led)
        self._output = np.full_like(measured, output)

    def step(self, wanted: Array, measured: Array) -> Array:
        """The heaters' power, 0..1, one step after the last, on the way to the setpoint `wanted`, K."""
        t, dt, most = self.tuning, self.dt, self.limits.rate * self.dt
        near = np.clip(wanted, self.setpoint - most, self.setpoint + most)
        self.setpoint = np.clip(near, self.limits.low, self.limits.high)
        feed = self._lead()
        y = measured - self._reference
        filtered = t.td / (t.td + t.n * dt)
        self._derivative = filtered * (self._derivative - t.gain * t.n * (y - self._y))
        v = self._integral + self._derivative + feed - t.gain * y
        rate = HEATER.rate * dt
        u = np.clip(np.clip(v, HEATER.low, HEATER.high), self._output - rate, self._output + rate)
        grown = -t.gain * dt / t.ti * y
        grown = np.where(grown * (v - u) > 0, 0.0, grown)
        self._integral = self._integral + grown + min(1.0, dt / t.tracking) * (u - v)
        self._y, self._output = y, u
        return np.asarray(u)

    def _lead(self) -> Array:
        """Lead the described furnace on; the power that does."""
        f, dt = self.furnace, self.dt
        stays = math.exp(-dt / f.tau_s)
        lag = f.tau_s * self.limits.rate / (f.gain_K * HEATER.rate)
        aim = self.setpoint + math.exp(-dt / lag) * (self._led - self.setpoint)
        feed = self._power((aim - stays * self._led) / (1 - stays))
        self._led = self._led + (1 - stays) * (f.ambient_K + f.gain_K * feed - self._led)
        self._steps += 1
        slots = len(self._past)
        self._past[self._steps % slots] = self._led
        late = self._past[(self._steps + 1) % slots]
        share = -math.expm1(-dt / f.sensor_lag_s) if f.sensor_lag_s > 0 else 1.0
        self._reference = self._reference + share * (late - self._reference)
        return feed

    def _power(self, kelvin: Array) -> Array:
        f = self.furnace
        return np.asarray(np.clip((kelvin - f.ambient_K) / f.gain_K, HEATER.low, HEATER.high))
