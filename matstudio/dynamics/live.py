"""The model problem while it runs: particles that go on and on, under an energy and a heat that may change."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from matstudio.dynamics.ensemble import Value, free_energy, mean_energy, populations
from matstudio.dynamics.langevin import Langevin, generator
from matstudio.dynamics.wells import DIFFUSION, DOUBLE_WELL, Boltzmann, Energy, starts

PARTICLES, DT = 1024, 1e-3
_KEPT = 600
_BINS = 48
_REACH = 12.0  # of E above its least value, in units of D, that is drawn


@dataclass(frozen=True)
class Shown:
    """What there is to be seen of the particles now; all dimensionless.

    Args:
        t: time since the particles began.
        x: positions (n,). E: their energies (n,).
        energy_x, energy, law: positions (m,), E and Boltzmann's density there.
        edges, density: histogram of the particles (k + 1,), (k,).
        score: Boltzmann's score -E'/D at `energy_x`, (m,).
        curve_t: times since energy or D changed (j,); mean_energy, free_energy: (j, 2), values and standard errors.
        exact: mean and free energy of Boltzmann's law.
        wells: part of the particles in each well. hops: Kramers' rate out of the first.
        text: the energy. diffusion: D.
    """

    t: float
    x: np.ndarray
    E: np.ndarray
    energy_x: np.ndarray
    energy: np.ndarray
    law: np.ndarray
    edges: np.ndarray
    density: np.ndarray
    score: np.ndarray
    curve_t: np.ndarray
    mean_energy: np.ndarray
    free_energy: np.ndarray
    exact: tuple[float, float]
    wells: tuple[float, ...]
    hops: float
    text: str
    diffusion: float


class LiveProblem:
    """1,024 particles. Not thread-safe.

    Args:
        seed: of their random numbers.
    """

    def __init__(self, seed: int = 0) -> None:
        self._rng = generator(seed)
        self._curve: deque[tuple[float, Value, Value]] = deque(maxlen=_KEPT)
        self._feel(DOUBLE_WELL, DIFFUSION)
        self.restart("normal")

    def change(self, energy: Energy, diffusion: float) -> None:
        """Let the particles feel another energy or heat from now on; the curves begin anew.

        Raises:
            ValueError: there is no law that they would relax to; nothing is changed then.
        """
        self._feel(energy, diffusion)
        self._keep()

    def _feel(self, energy: Energy, diffusion: float) -> None:
        law = Boltzmann(energy, diffusion)
        law.x  # noqa: B018  raises here where it must
        self._motion = Langevin(energy, diffusion, DT)
        self.law = law
        self._curve.clear()

    def restart(self, start: str) -> None:
        """Put the particles at their first positions, see `wells.starts`."""
        self.x = starts(self.law, start, PARTICLES, self._rng).astype(np.float32)
        self.t = 0.0
        self._curve.clear()
        self._keep()

    def advance(self, steps: int) -> None:
        """Go on by so many steps of 1e-3. Particles that went astray (E rises too fast) begin again in the wells."""
        with np.errstate(over="ignore", invalid="ignore"):
            x = self._motion.advance(self.x, steps, self._rng)
        astray = ~np.isfinite(x)
        if astray.any():
            x[astray] = starts(self.law, "wells", int(astray.sum()), self._rng)
        self.x, self.t = x, self.t + steps * DT
        self._keep()

    def shown(self) -> Shown:
        """What there is to be seen now."""
        law = self.law
        least = float(law.energy.energy(law.x).min())
        inside = law.x[law.energy.energy(law.x) < least + _REACH * law.diffusion]
        low, high = float(inside[0]), float(inside[-1])
        x = np.linspace(low, high, 241)
        edges = np.linspace(low, high, _BINS + 1)
        density = np.histogram(self.x, edges)[0] / (self.x.size * (edges[1] - edges[0]))
        curve = list(self._curve)
        return Shown(
            self.t,
            self.x.copy(),
            law.energy.energy(self.x),
            x,
            law.energy.energy(x),
            np.interp(x, law.x, law.density),
            edges,
            density,
            law.score(x),
            np.array([c[0] for c in curve]),
            np.array([(c[1].value, c[1].error) for c in curve]).reshape(-1, 2),
            np.array([(c[2].value, c[2].error) for c in curve]).reshape(-1, 2),
            (law.mean_energy, law.free_energy),
            tuple(float(v) for v in populations(self.x, law)),
            law.hops_per_time(),
            law.energy.text,
            law.diffusion,
        )

    def _keep(self) -> None:
        f = free_energy(self.x, self.law)
        if math.isfinite(f.value) or not self._curve:
            self._curve.append((self.t, mean_energy(self.x, self.law), f))
