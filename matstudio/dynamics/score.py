"""The score d ln p / dx learned from a trajectory, and the probability-flow equation that it drives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from matstudio.dynamics.fokker_planck import Evolution, evolve
from matstudio.dynamics.selfassembly import Problem, Result
from matstudio.dynamics.wells import Boltzmann

_UNITS, _SPACING, _OVERLAP = 120, 2.0, 1.2
_POWERS = 4
_RIDGE = 1e-8
_PACE = 1.6
_GRID = 481
_FLOW_STEPS, _FLOW = 400, 16_384
_BINS = 30


@dataclass(frozen=True)
class Score:
    """A score s(x, t) as a table.

    Args:
        t: times (k,), ascending. x: positions (n,), evenly spaced. s: d ln p / dx (k, n).
    """

    t: np.ndarray
    x: np.ndarray
    s: np.ndarray

    def at(self, x: np.ndarray, t: float) -> np.ndarray:
        """s at positions x of any shape and one time; beyond the table its end values hold."""
        i = int(np.clip(np.searchsorted(self.t, t) - 1, 0, len(self.t) - 2))
        w = float(np.clip((t - self.t[i]) / (self.t[i + 1] - self.t[i]), 0.0, 1.0))
        return np.interp(x, self.x, (1 - w) * self.s[i] + w * self.s[i + 1])

    def landscape(self, diffusion: float, t: float) -> np.ndarray:
        """-D ln p at `x`, (n,), its least value 0."""
        s = self.at(self.x, t)
        steps = np.diff(self.x) * (s[1:] + s[:-1]) / 2
        e = -diffusion * np.concatenate([[0.0], np.cumsum(steps)])
        return np.asarray(e - e.min())


@dataclass(frozen=True)
class Learned:
    """A learned score and how good it is.

    Args:
        score: as a table at the times of the trajectory's rows.
        error: of the score at those times (k,): sqrt(<(s - s*)^2> / <s*^2>), averages over the exact law, s* its score.
        flow: the first 16,384 particles at most, as the probability-flow equation moves them, at these times (k, m).
        kl: Kullback-Leibler divergence of the flow's law from that of the stochastic trajectory at each time, (k,).
        barriers: heights of the barriers over the deepest well, from the score at the last time, (m,).
        barriers_exact: the same from E.
    """

    score: Score
    error: np.ndarray
    flow: np.ndarray
    kl: np.ndarray
    barriers: np.ndarray
    barriers_exact: np.ndarray

    def report(self) -> dict[str, object]:
        """Keys of `matstudio selfassembly --score --json`."""
        return {
            "score_error_final": float(self.error[-1]),
            "score_error_largest": float(self.error.max()),
            "flow_kl_largest": float(self.kl.max()),
            "barriers": self.barriers.tolist(),
            "barriers_exact": self.barriers_exact.tolist(),
        }


def learn(result: Result, progress: Callable[[int, int], object] = lambda done, total: None) -> Learned:
    """Train a radial-basis network on the rows of a trajectory by denoising score matching, and judge it.

    P. Vincent, Neural Computation 23 (2011) 1661: of all functions of x + e the one that predicts -e / sigma^2 best is
    the score of the law that e has blurred; sigma is 1/40 of a well's width, each e is taken with both signs. The
    network's hidden units (D. S. Broomhead and D. Lowe, Complex Systems 2 (1988) 321) are Gaussians and powers up to
    x^3, times hats in time, and its output weights are the exact minimum of that loss, which is quadratic in them: a
    multilayer perceptron trained by gradient descent stays far from it after a minute
    (docs/decisions/0080-self-assembly.md). Nothing is told of E.

    Args:
        result: with its rows kept at enough times (some tens).
        progress: called with (steps done, steps).

    Raises:
        ValueError: the trajectory does not have at least 5 rows.
    """
    if len(result.t) < 5:
        raise ValueError(f"{len(result.t)} rows are kept, the score needs at least 5")
    p, law = result.problem, result.problem.law
    first = 0 if p.start == "normal" else 1
    times, rows = result.t[first:], result.x[first:]
    score = train(rows, times)
    progress(1, 3)
    exact = evolve(law, p.start, times)
    progress(2, 3)
    flow = _flow(score, p, rows[0, :_FLOW], times)
    kl = np.array([divergence(a, b) for a, b in zip(flow, rows, strict=True)])
    error = np.array([_error(score, exact, k) for k in range(len(times))])
    progress(3, 3)
    return Learned(score, error, flow, kl, *_barriers(score, law, float(times[-1])))


def train(rows: np.ndarray, times: np.ndarray) -> Score:
    """The score from positions (k, n) at times (k,); see `learn`."""
    width = _well_width(rows[-1])
    low, high = (float(v) for v in np.quantile(rows[0], (0.0005, 0.9995)))
    low, high = min(low, float(rows[-1].min())) - width, max(high, float(rows[-1].max())) + width
    spacing = _SPACING * width
    centres = np.linspace(low, high, max(4, min(_UNITS, math.ceil((high - low) / spacing))))
    sigma, reach = width / 40, _OVERLAP * float(centres[1] - centres[0])

    def units(x: np.ndarray) -> np.ndarray:
        """Outputs of the hidden units in x, (n, j)."""
        bells = np.exp(-0.5 * ((x[:, None] - centres) / reach) ** 2)
        return np.concatenate([bells, (x[:, None] / (high - low)) ** np.arange(_POWERS)], axis=1)

    edges = np.arange(low - 2 * width, high + 2 * width, width / 20)
    counts = np.stack([np.histogram(row, edges)[0] / row.size for row in rows])
    seen = counts.any(0)
    x, counts = ((edges[:-1] + edges[1:]) / 2)[seen], counts[:, seen]
    plus, minus = units(x + sigma), units(x - sigma)
    slope = (plus - minus) / (2 * sigma)
    knots = _knots(times)
    hats = np.stack([np.interp(times, times[knots], row) for row in np.eye(len(knots))], axis=1)
    j, m = slope.shape[1], len(knots)
    a, b = np.zeros((m, j, m, j)), (hats.T @ counts) @ slope
    for i in range(m):
        for k in (i, i + 1)[: m - i]:
            p = (hats[:, i] * hats[:, k]) @ counts
            a[i, :, k, :] = ((plus.T * p) @ plus + (minus.T * p) @ minus) / 2
            a[k, :, i, :] = a[i, :, k, :].T
    matrix = a.reshape(m * j, m * j)
    matrix[np.diag_indices(m * j)] += _RIDGE * rows.shape[0] / m
    weights = -np.linalg.solve(matrix, b.reshape(-1)).reshape(m, j)
    grid = np.linspace(low, high, _GRID)
    return Score(times, grid, hats @ (weights @ units(grid).T))


def _well_width(x: np.ndarray) -> float:
    """The width of where particles gather most, as a standard deviation: half the least length that holds a quarter
    of them over 0.6745, which is that of a normal law of which there are two."""
    s = np.sort(x)
    k = max(1, s.size // 4)
    return float(np.min(s[k:] - s[:-k])) / 2 / 0.6745


def _knots(times: np.ndarray) -> np.ndarray:
    """Rows at which the network in time has its hats, (m,): close at first, and farther apart as time goes on."""
    chosen = [0]
    while chosen[-1] < len(times) - 1:
        want = times[0] + _PACE * (times[chosen[-1]] - times[0])
        chosen.append(min(max(chosen[-1] + 1, int(np.searchsorted(times, want))), len(times) - 1))
    return np.array(chosen)


def _flow(score: Score, problem: Problem, x0: np.ndarray, times: np.ndarray) -> np.ndarray:
    """dx/dt = -E'(x) - D s(x, t) by Heun's step, from particles x0 (n,) at the first time; positions (k, n)."""
    energy, d = problem.energy, problem.diffusion
    x, rows = x0.astype(float), [x0.astype(float)]

    def speed(x: np.ndarray, t: float) -> np.ndarray:
        return -energy.slope(x) - d * score.at(x, t)

    for a, b in pairwise(times):
        parts = max(2, math.ceil((b - a) / (times[-1] - times[0]) * _FLOW_STEPS), math.ceil(20 * (a < 0.1)))
        dt = (b - a) / parts
        for i in range(parts):
            v = speed(x, a + i * dt)
            x = x + dt / 2 * (v + speed(x + dt * v, a + (i + 1) * dt))
        rows.append(x)
    return np.array(rows)


def divergence(flow: np.ndarray, other: np.ndarray) -> float:
    """Kullback-Leibler divergence of the law of particles `flow` (n,) from that of `other` (m,), over 30 bins that hold
    equal parts of the second, less what chance adds on average, (bins - 1) / 2 (1/n + 1/m)."""
    edges = np.quantile(other, np.linspace(0, 1, _BINS + 1)[1:-1])
    p, q = (np.bincount(np.searchsorted(edges, x), minlength=_BINS) / x.size for x in (flow, other))
    full = p > 0
    found = float(p[full] @ np.log(p[full] / np.maximum(q[full], 0.5 / other.size)))
    return found - (_BINS - 1) / 2 * (1 / flow.size + 1 / other.size)


def _error(score: Score, exact: Evolution, k: int) -> float:
    h = exact.x[1] - exact.x[0]
    p, true = exact.p[k], exact.score()[k]
    weight = np.where(p > 1e-9 * p.max(), p, 0.0) * h
    wrong = score.at(exact.x, float(score.t[k])) - true
    return math.sqrt(float(weight @ wrong**2) / float(weight @ true**2))


def _barriers(score: Score, law: Boltzmann, t: float) -> tuple[np.ndarray, np.ndarray]:
    minima, tops = law.extrema
    deepest = minima[np.argmin(law.energy.energy(minima))]
    exact = law.energy.energy(tops) - law.energy.energy(np.array([deepest]))
    e = score.landscape(law.diffusion, t)
    return np.interp(tops, score.x, e) - np.interp(deepest, score.x, e), exact
