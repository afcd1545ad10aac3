"""The model problem: N particles, heat and friction, and a free energy that falls."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from matstudio.dynamics.ensemble import Value, free_energy, law_p_value, mean_energy, populations
from matstudio.dynamics.langevin import BLOCK, Langevin, generator
from matstudio.dynamics.wells import DIFFUSION, DOUBLE_WELL, STARTS, Boltzmann, Energy, starts

MOST_KEPT = 50_000_000
ROWS = 100
SIGMAS = 4.0


@dataclass(frozen=True)
class Problem:
    """What is to be computed. All numbers are dimensionless.

    Args:
        n: particles. steps: of Euler-Maruyama. dt: of a step. diffusion: D. seed: same seed, same trajectory.
        start: "normal", "left" or "wells" (`wells.starts`). energy: that the particles feel.
        every: every so many steps the positions are kept; 0: for 100 rows, fewer where that takes more than 200 MB.

    Raises:
        ValueError: a number is of no use; one line that names it.
    """

    n: int = 1024
    steps: int = 5000
    dt: float = 1e-3
    diffusion: float = DIFFUSION
    seed: int = 0
    start: str = "normal"
    energy: Energy = field(default=DOUBLE_WELL)
    every: int = 0

    def __post_init__(self) -> None:
        for name, least, most in (("n", 20, 10**8), ("steps", 1, 10**8), ("seed", 0, 2**63 - 1)):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} {getattr(self, name)}: {least} to {most:.3g}")
        for name, most_ in (("dt", 0.1), ("diffusion", 1e3)):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 < value <= most_):
                raise ValueError(f"{name} {value:g}: more than 0, at most {most_:g}")
        if self.start not in STARTS:
            raise ValueError(f"start {self.start!r}: {', '.join(STARTS)}")
        if not 0 <= self.every <= self.steps:
            raise ValueError(f"every {self.every}: 0 to the number of steps, {self.steps}")
        if self.every == 0:
            rows = max(1, min(ROWS, MOST_KEPT // self.n, self.steps))
            object.__setattr__(self, "every", math.ceil(self.steps / rows))

    @property
    def law(self) -> Boltzmann:
        """The law that the particles relax to. Raises ValueError where they spread too far."""
        return Boltzmann(self.energy, self.diffusion)


@dataclass(frozen=True)
class Result:
    """What came of it.

    Args:
        problem: that was computed.
        t: times of the rows (k,). x: positions (k, n), float32, at the start, after every `every` steps, and at last.
        mean_energy, free_energy: at each of them.
        seconds: that the steps took, without the averages.
    """

    problem: Problem
    t: np.ndarray
    x: np.ndarray
    mean_energy: tuple[Value, ...]
    free_energy: tuple[Value, ...]
    seconds: float

    @property
    def decreases(self) -> bool:
        """Whether F[p] falls, within 4 standard errors of each difference, at every kept time that has one."""
        f = [v for v in self.free_energy if math.isfinite(v.value)]
        return all(b.value - a.value <= SIGMAS * math.hypot(a.error, b.error) for a, b in pairwise(f))

    @property
    def rate(self) -> float:
        """Particle-steps per second."""
        return self.problem.n * self.problem.steps / self.seconds if self.seconds > 0 else math.nan

    def report(self) -> dict[str, object]:
        """What `matstudio selfassembly --json` prints."""
        p, law = self.problem, self.problem.law
        last = self.x[-1]
        parts = populations(last, law)
        return {
            "n": p.n,
            "steps": p.steps,
            "dt": p.dt,
            "diffusion": p.diffusion,
            "seed": p.seed,
            "start": p.start,
            "energy": p.energy.text,
            "mean_energy_start": self.mean_energy[0].value,
            "mean_energy_final": self.mean_energy[-1].value,
            "mean_energy_error": self.mean_energy[-1].error,
            "mean_energy_exact": law.mean_energy,
            "free_energy_final": self.free_energy[-1].value,
            "free_energy_error": self.free_energy[-1].error,
            "free_energy_exact": law.free_energy,
            "free_energy_decreases": self.decreases,
            "p_value_law": law_p_value(last, law),
            "well_fraction": [float(v) for v in parts],
            "well_fraction_error": [math.sqrt(v * (1 - v) / p.n) for v in parts],
            "particle_steps_per_second": self.rate,
        }


def run(
    problem: Problem, seconds: Callable[[], float], progress: Callable[[int, int], object] = lambda done, total: None
) -> Result:
    """Compute the trajectory.

    Args:
        problem: what.
        seconds: a clock that the speed is taken with.
        progress: called with (blocks done, blocks); what it raises ends the computation.

    Raises:
        ValueError: the particles went astray: dt is too large for this energy.
    """
    p, law = problem, problem.law
    at = [*range(0, p.steps, p.every), p.steps]
    kept = np.empty((len(at), p.n), np.float32)
    motion = Langevin(p.energy, p.diffusion, p.dt)
    spent = 0.0
    blocks = math.ceil(p.n / BLOCK)
    for block in range(blocks):
        rng, part = generator(p.seed, block), slice(block * BLOCK, min((block + 1) * BLOCK, p.n))
        x = starts(law, p.start, part.stop - part.start, rng).astype(np.float32)
        kept[0, part] = x
        began = seconds()
        for row, (before, after) in enumerate(pairwise(at), 1):
            with np.errstate(over="ignore", invalid="ignore"):
                x = motion.advance(x, after - before, rng)
            kept[row, part] = x
        spent += seconds() - began
        if not np.isfinite(x).all():
            raise ValueError(f"dt {p.dt:g}: too large a step, particles went astray")
        progress(block + 1, blocks)
    energies, free = zip(*((mean_energy(row, law), free_energy(row, law)) for row in kept), strict=True)
    return Result(p, p.dt * np.array(at, float), kept, energies, free, spent)


def halved(problem: Problem) -> Problem:
    """The same time in twice as many steps."""
    return replace(problem, steps=2 * problem.steps, dt=problem.dt / 2, every=2 * problem.every)
