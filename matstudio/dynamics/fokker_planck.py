"""The Fokker-Planck equation dp/dt = d/dx (E' p + D dp/dx) on a grid: what infinitely many particles do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matstudio.dynamics.wells import Boltzmann

CELLS = 1200
_GAMMA = 2 - 2**0.5
_GROWTH, _LEAST, _MOST = 1.03, 1e-5, 0.01


@dataclass(frozen=True)
class Evolution:
    """The law at some times.

    Args:
        x: middles of the cells (n,). t: times (k,). p: density (k, n).
        mean_energy: <E> (k,). free_energy: F[p] = <E> + D <ln p> (k,); that of a start at points is that of one cell.
    """

    x: np.ndarray
    t: np.ndarray
    p: np.ndarray
    mean_energy: np.ndarray
    free_energy: np.ndarray

    def part(self, low: float, high: float) -> np.ndarray:
        """Probability of low < x < high at each time, (k,); a cell that is cut counts in part."""
        h = self.x[1] - self.x[0]
        share = np.clip((np.minimum(high, self.x + h / 2) - np.maximum(low, self.x - h / 2)) / h, 0.0, 1.0)
        return self.p @ share * h

    def score(self) -> np.ndarray:
        """d ln p / dx at each time, (k, n)."""
        h = self.x[1] - self.x[0]
        return np.gradient(np.log(np.maximum(self.p, 1e-300)), h, axis=1)


def evolve(law: Boltzmann, start: str, times: Sequence[float] | np.ndarray, cells: int = CELLS) -> Evolution:
    """The law that starts as `wells.starts` says, at each of the times (k,), ascending, >= 0.

    Finite volumes with the exponentially fitted flux of D. L. Scharfetter and H. K. Gummel (IEEE Trans. Electron
    Devices 16 (1969) 64), for which Boltzmann's law stands still; TR-BDF2 in time (R. E. Bank et al., IEEE Trans.
    Electron Devices 32 (1985) 1992), with steps that grow from 1e-5 to 0.01.

    Raises:
        ValueError: an unknown start.
    """
    from scipy.linalg import solve_banded

    x, p = _start(law, start, cells)
    h = float(x[1] - x[0])
    sub, main, sup = _generator(law, x)

    def apply(q: np.ndarray) -> np.ndarray:
        out = main * q
        out[1:] += sub * q[:-1]
        out[:-1] += sup * q[1:]
        return out

    band: dict[float, np.ndarray] = {}

    def implicit(q: np.ndarray, dt: float) -> np.ndarray:
        """(1 - c A)^-1 q with c = gamma dt / 2, the same for both stages."""
        if dt not in band:
            band.clear()
            c = _GAMMA * dt / 2
            rows = np.zeros((3, len(q)))
            rows[0, 1:], rows[1], rows[2, :-1] = -c * sup, 1 - c * main, -c * sub
            band[dt] = rows
        return solve_banded((1, 1), band[dt], q, check_finite=False)

    t, dt, found = 0.0, _LEAST, []
    for target in times:
        while target - t > 1e-12:
            step = min(dt, target - t)
            middle = implicit(p + _GAMMA * step / 2 * apply(p), step)
            mixed = (middle - (1 - _GAMMA) ** 2 * p) / (_GAMMA * (2 - _GAMMA))
            p = implicit(mixed, step)
            t += step
            dt = min(dt * _GROWTH, _MOST)
        found.append(p.copy())
    every = np.maximum(np.array(found).reshape(-1, len(x)), 0.0)
    every /= every.sum(1, keepdims=True) * h
    energy = every @ law.energy.energy(x) * h
    entropy = np.where(every > 0, every * np.log(np.maximum(every, 1e-300)), 0.0).sum(1) * h
    return Evolution(x, np.asarray(times, float), every, energy, energy + law.diffusion * entropy)


def _start(law: Boltzmann, start: str, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Middles of the cells, and the density at time 0."""
    minima = law.extrema[0]
    low, high = float(law.x[0]), float(law.x[-1])
    if start == "normal":
        low, high = min(low, -5.5), max(high, 5.5)
    edges = np.linspace(low, high, cells + 1)
    x, h = (edges[:-1] + edges[1:]) / 2, edges[1] - edges[0]
    match start:
        case "normal":
            p = np.exp(-0.5 * x**2)
        case "left" | "wells":
            p = np.zeros(cells)
            for at in minima[:1] if start == "left" else minima:
                place = (at - x[0]) / h  # shared between two cells, so that the mean is right
                i = int(np.clip(np.floor(place), 0, cells - 2))
                p[i] += i + 1 - place
                p[i + 1] += place - i
        case _:
            raise ValueError(f"start {start!r}: normal, left, wells")
    return x, p / (p.sum() * h)


def _generator(law: Boltzmann, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sub-, main and superdiagonal of A in dp/dt = A p."""
    h, d = float(x[1] - x[0]), law.diffusion
    rise = np.diff(law.energy.energy(x)) / d
    rate = d / h**2
    right, left = rate * _bernoulli(rise), rate * _bernoulli(-rise)  # from cell i to i + 1, and back
    main = np.zeros_like(x)
    main[:-1] -= right
    main[1:] -= left
    return right, main, left


def _bernoulli(z: np.ndarray) -> np.ndarray:
    """z / (exp(z) - 1)."""
    small = np.abs(z) < 1e-6
    safe = np.where(small, 1.0, np.clip(z, -500.0, 500.0))
    return np.where(small, 1 - z / 2, np.where(z > 500, 0.0, np.where(z < -500, -z, safe / np.expm1(safe))))
