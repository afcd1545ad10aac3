"""Linear processes for tuning: lags in series, dead time, perhaps an integrator; and how robust a loop around one is.

Everything here is exact in frequency: no Padé approximation, no sampling. The controller is the ISA form of
`control/pid.py` seen from the measurement, C(s) = K (1 + 1/(Ti s) + Td s / (1 + s Td/N)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matstudio.control.pid import Tuning

Array = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]
_POINTS = 400


@dataclass(frozen=True)
class Plant:
    """G(s) = gain e^(-delay s) / ((1 + lags[0] s) (1 + lags[1] s) ...), divided by s where it integrates.

    Args:
        gain: static gain, unit of the measurement per unit of output; per second more where it integrates.
        lags: time constants, s, each > 0.
        delay: dead time, s.
        integrating: whether there is a factor 1/s.

    Raises:
        ValueError: numbers that describe no such process.
    """

    gain: float
    lags: tuple[float, ...]
    delay: float
    integrating: bool = False

    def __post_init__(self) -> None:
        numbers = (self.gain, self.delay, *self.lags)
        if not all(math.isfinite(x) for x in numbers) or self.gain == 0 or self.delay < 0:
            raise ValueError(f"process {numbers}: gain must not be 0, delay must be >= 0, all finite")
        if any(lag <= 0 for lag in self.lags) or not (self.lags or self.integrating):
            raise ValueError(f"process with lags {self.lags}: each must be > 0, and there must be one or an integrator")

    @property
    def dominant(self) -> float:
        """The time scale of its answer, s: the longest of its lags, or its dead time where that is longer."""
        return max(*self.lags, self.delay) if self.lags else max(self.delay, 1e-9)

    def response(self, w: Array) -> Complex:
        """G(iw) at angular frequencies `w`, rad/s."""
        s = 1j * w
        g: Complex = self.gain * np.exp(-self.delay * s)
        for lag in self.lags:
            g = g / (1 + lag * s)
        return g / s if self.integrating else g


def controller(tuning: Tuning, w: Array) -> Complex:
    """C(iw) of the PID seen from the measurement, at angular frequencies `w`, rad/s."""
    s = 1j * w
    d = tuning.td * s / (1 + s * tuning.td / tuning.n) if tuning.td > 0 else 0.0
    return np.asarray(tuning.gain * (1 + 1 / (tuning.ti * s) + d), np.complex128)


def frequencies(plant: Plant, tuning: Tuning) -> Array:
    """Angular frequencies, rad/s, that cover all that the loop does: two decades around its slowest and fastest parts,
    dense enough where the dead time turns the phase."""
    slow = max(*plant.lags, plant.delay, tuning.ti) if plant.lags else max(plant.delay, tuning.ti)
    fast = [x for x in (*plant.lags, plant.delay, tuning.td / tuning.n) if x > 0]
    return np.geomspace(0.01 / slow, 100.0 / min(min(fast), tuning.ti), _POINTS)


def peak(plant: Plant, tuning: Tuning) -> float:
    """Ms, the maximum of |1 / (1 + C(iw) G(iw))|; infinite where the closed loop is unstable.

    Stability by Nyquist's criterion: a plant with no pole in the right half plane is stable in closed loop just where
    the phase of 1 + L turns by as many quarter turns, from w = 0 to infinity, as L has integrators.
    """
    w = frequencies(plant, tuning)
    coarse = float(peaks(plant, tuning, np.ones(1))[0])
    if not math.isfinite(coarse):
        return coarse
    distance = np.abs(1 + plant.response(w) * controller(tuning, w))
    at = int(np.clip(distance.argmin(), 1, len(w) - 2))
    near = np.linspace(w[at - 1], w[at + 1], 100)
    return max(coarse, float(1 / np.abs(1 + plant.response(near) * controller(tuning, near)).min()))


def peaks(plant: Plant, tuning: Tuning, factors: Array) -> Array:
    """`peak` for the tuning's gain times each of `factors`, (n,)."""
    w = frequencies(plant, tuning)
    loop = plant.response(w) * controller(tuning, w)
    differences = 1 + np.asarray(factors)[:, None] * loop
    turns = np.angle(differences[:, 1:] / differences[:, :-1]).sum(1)
    begins = -(math.pi / 2) * (2 if plant.integrating else 1)  # phase of L, and so of 1 + L, at w -> 0
    first = np.angle(differences[:, 0] / np.exp(1j * begins))
    stable = np.abs(begins + first + turns - np.angle(differences[:, -1])) < math.pi
    return np.where(stable, 1 / np.abs(differences).min(1), math.inf)
