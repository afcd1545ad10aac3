"""The quickest anneal there can be: the minimum-time problem on a grid of order and temperature.

Hamilton-Jacobi-Bellman equation of dS/dt = rate(S, T), dT/dt = (T_a + K u - T) / tau with a heater 0 <= u <= 1, in
semi-Lagrangian form (M. Falcone, R. Ferretti, Semi-Lagrangian Approximation Schemes for Linear and Hamilton-Jacobi
Equations, SIAM 2013, chapter 8), solved by policy iteration (R. A. Howard, Dynamic Programming and Markov Processes,
MIT Press 1960). No noise, no dead time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from matstudio.dynamics.annealing import TARGET, Furnaces, Kinds
from matstudio.dynamics.ordering import OrderingModel
from matstudio.instruments.twin.plant import Furnace

Array: TypeAlias = np.ndarray

_STEP_S = 2.0
_PARTS = 4
_NEVER_S = 5e3


@dataclass(frozen=True)
class Optimum:
    """The least time to order, and the heater that takes it, on a grid.

    Args:
        S: (n,). T: K, (m,).
        seconds: until S is the target, (n, m); 5,000: never.
        heater: 0..1, (n, m).
    """

    S: Array
    T: Array
    seconds: Array
    heater: Array

    def at(self, S: Array | float, T: Array | float, *, heater: bool = False) -> Array:
        """The time (or the heater) at S and T (K), between the grid's points; beyond it, at its edge."""
        table = self.heater if heater else self.seconds
        i, x = _place(self.S, np.asarray(S, float))
        j, y = _place(self.T, np.asarray(T, float))
        low = table[i, j] + y * (table[i, j + 1] - table[i, j])
        high = table[i + 1, j] + y * (table[i + 1, j + 1] - table[i + 1, j])
        return np.asarray(low + x * (high - low))

    def follow(self, S: float, T: float, dt: float = 0.25, *, P: float = 0.0, c: float = 0.25) -> float:
        """Seconds until S is the target along this way from S at T (K), without noise; NaN: not within 3,000 s."""
        made = Furnaces(1, Kinds(S=S, T=T, c=c), dt=dt)
        made.P[:] = made.pressure_setpoint[:] = P
        while np.isnan(made.done_s[0]) and made.t < 3000.0:
            made.step(self.at(made.S, made.T, heater=True))
        return float(made.done_s[0])


def _place(axis: Array, value: Array) -> tuple[Array, Array]:
    """Index of the grid's point below, and how far beyond it in parts of a step."""
    x = np.clip((value - axis[0]) / (axis[1] - axis[0]), 0.0, len(axis) - 1 - 1e-9)
    i = x.astype(int)
    return i, x - i


def optimum(
    *,
    P: float = 0.0,
    c: float = 0.25,
    model: OrderingModel | None = None,
    furnace: Furnace | None = None,
    shape: tuple[int, int] = (361, 261),
    heaters: int = 11,
) -> Optimum:
    """The quickest way to order at a pressure `P` (GPa) and composition `c` that stay as they are.

    Args:
        shape: points in S (0.02 to the target) and in T (ambient to the furnace's limit).
        heaters: values of the heater that are tried.
    """
    model, f = model or OrderingModel(), furnace or Furnace()
    S, T = np.linspace(0.02, TARGET, shape[0]), np.linspace(f.ambient_K, f.limit_K, shape[1])
    power = np.linspace(0.0, 1.0, heaters)
    ways = [_way(S, T, u, model, f, P, c) for u in power]
    done = np.zeros(shape, bool)
    done[-1] = True
    chosen = np.full(done.size, heaters // 2)
    seconds = np.full(done.size, _NEVER_S)
    for _ in range(60):
        seconds = _worth(ways, chosen, done.ravel())
        times = np.stack([cost + matrix @ seconds for matrix, cost in ways])
        best = times.argmin(0)
        better = times[best, np.arange(done.size)] < times[chosen, np.arange(done.size)] - 1e-6
        if not better.any():
            break
        chosen = np.where(better, best, chosen)
    return Optimum(S, T, np.minimum(seconds, _NEVER_S).reshape(shape), power[chosen].reshape(shape))


def _way(
    S: Array, T: Array, u: float, model: OrderingModel, f: Furnace, P: float, c: float
) -> tuple[sparse.csr_matrix, Array]:
    """Where a step with heater `u` leads from each point, as weights of the points there, and how long it takes."""
    s, t = (a.ravel() for a in np.meshgrid(S, T, indexing="ij"))
    end = f.ambient_K + f.gain_K * u
    at, now = s, t
    crossed = np.full(s.size, _STEP_S)
    part = _STEP_S / _PARTS
    for i in range(_PARTS):
        then = end + (now - end) * np.exp(-part / f.tau_s)
        after = np.clip(model.step(at, (now + then) / 2, part, P, c), S[0], 0.9999)
        new = (after >= TARGET) & (crossed == _STEP_S) & (at < TARGET)
        crossed = np.where(new, part * (i + (TARGET - at) / np.maximum(after - at, 1e-12)), crossed)
        at, now = after, then
    arrived = at >= TARGET
    i, x = _place(S, at)
    j, y = _place(T, now)
    corners = ((0, 0, (1 - x) * (1 - y)), (0, 1, (1 - x) * y), (1, 0, x * (1 - y)), (1, 1, x * y))
    rows = np.tile(np.arange(s.size), 4)
    columns = np.concatenate([(i + a) * len(T) + j + b for a, b, _ in corners])
    weights = np.concatenate([np.where(arrived, 0.0, w) for _, _, w in corners])
    matrix = sparse.csr_matrix((weights, (rows, columns)), shape=(s.size, s.size))
    return matrix, np.where(now > f.limit_K + 1e-9, _NEVER_S, crossed)


def _worth(ways: list[tuple[sparse.csr_matrix, Array]], chosen: Array, done: Array) -> Array:
    """The time that a choice of heaters takes from each point; where it never arrives, about `_NEVER_S`."""
    keep = 1 - _STEP_S / _NEVER_S  # so that going round for ever takes 5,000 s
    size = len(done)
    total, cost = sparse.csr_matrix((size, size)), np.zeros(size)
    for k, (matrix, seconds) in enumerate(ways):
        mine = (chosen == k) & ~done
        total = total + sparse.diags(mine.astype(float)) @ matrix
        cost = cost + mine * seconds
    return np.asarray(spsolve((sparse.identity(size) - keep * total).tocsc(), cost))
