"""Overdamped Langevin dynamics dx = -E'(x) dt + sqrt(2 D) dW by the Euler-Maruyama step, in single precision.

A block of particles that stays in the cache makes all its steps before the next block begins: most of the time then
goes into the random numbers, which are made for many steps at once. For the order (strong 1, since the noise is
additive; weak 1) see G. N. Milstein and M. V. Tretyakov, Stochastic Numerics for Mathematical Physics (Springer 2004).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from matstudio.dynamics.wells import Boltzmann, Energy, Polynomial

BLOCK = 8192
_NOISE = 16384
_TABLE = 20001
Generator = np.random.Generator


def generator(seed: int, block: int = 0) -> Generator:
    """The random numbers of one block of particles: SFC64, the fastest of numpy's generators."""
    return np.random.Generator(np.random.SFC64([seed, block]))


def normals(rng: Generator, out: np.ndarray) -> None:
    """Fill a flat float32 array of even length with standard normal numbers, up to 5.77 in size.

    G. E. P. Box and M. E. Muller, Ann. Math. Stat. 29 (1958) 610: on whole arrays two thirds of the time that numpy's
    ziggurat takes, which goes number by number (docs/decisions/0080-self-assembly.md).
    """
    half = out.size // 2
    rng.random(dtype=np.float32, out=out)
    radius, angle = out[:half], out[half:]
    np.subtract(1, radius, out=radius)
    np.log(radius, out=radius)
    np.multiply(radius, -2, out=radius)
    np.sqrt(radius, out=radius)
    np.multiply(angle, np.float32(2 * math.pi), out=angle)
    cosine = np.cos(angle)
    np.sin(angle, out=angle)
    np.multiply(angle, radius, out=angle)
    np.multiply(cosine, radius, out=radius)


class Langevin:
    """Moves particles on. Not thread-safe.

    Args:
        energy: that they feel. diffusion: D >= 0. dt: step.

    Raises:
        ValueError: dt or D is not a number of use.
    """

    def __init__(self, energy: Energy, diffusion: float, dt: float) -> None:
        if not (math.isfinite(dt) and dt > 0):
            raise ValueError(f"dt {dt:g}: more than 0")
        if not (math.isfinite(diffusion) and diffusion >= 0):
            raise ValueError(f"diffusion {diffusion:g}: 0 or more")
        from scipy.linalg.blas import saxpy

        self._axpy = saxpy
        self.kick = math.sqrt(2 * diffusion * dt)
        self._scale, self._drift = _drift(energy, dt)

    def advance(self, x: np.ndarray, steps: int, rng: Generator) -> np.ndarray:
        """The positions (n,) `steps` steps later, float32; x stays as it is."""
        y = np.multiply(x, self._scale, dtype=np.float32, casting="unsafe")
        a = np.empty_like(y)
        n, kick, drift = y.size, self.kick * self._scale, self._drift
        rows = max(1, min(steps, _NOISE // max(n, 1)))
        noise = np.empty((rows * n + 1) // 2 * 2, np.float32)
        each = [noise[i * n : (i + 1) * n] for i in range(rows)]
        while steps > 0:
            normals(rng, noise)
            for row in each[:steps]:
                drift(y, a)
                y = self._axpy(row, y, n, kick)  # y += kick * row, in place
            steps -= rows
        return y / np.float32(self._scale)


def _drift(energy: Energy, dt: float) -> tuple[float, Callable[[np.ndarray, np.ndarray], object]]:
    """A scale, and a function (y, scratch) that puts y = scale x one step on, without noise, in place."""
    if isinstance(energy, Polynomial):
        return _polynomial(energy.slope_coefficients, dt)
    x = np.linspace(-20.0, 20.0, _TABLE)
    after = x - dt * energy.slope(x)

    def tabulated(y: np.ndarray, a: np.ndarray) -> None:
        y[:] = np.interp(y, x, after)

    return 1.0, tabulated


def _polynomial(slope: tuple[float, ...], dt: float) -> tuple[float, Callable[[np.ndarray, np.ndarray], object]]:
    """Horner's scheme for x - dt E'(x), in x^2 where E' is odd; scaled so that the highest term is minus a power of y,
    which saves a pass over the particles."""
    c = [-dt * s for s in slope]
    c[1] += 1.0
    odd = not any(c[0::2])
    top = len(c) - 1
    if top == 1:
        linear, constant = np.float32(c[1]), np.float32(c[0])

        def harmonic(y: np.ndarray, a: np.ndarray) -> None:
            np.multiply(y, linear, out=y)
            if constant:
                np.add(y, constant, out=y)

        return 1.0, harmonic
    scale = (-c[top]) ** (1 / (top - 1))
    b = [np.float32(v * scale ** (1 - n)) for n, v in enumerate(c)]
    if odd:
        first, rest = b[top - 2], [b[n] for n in range(top - 4, 0, -2)]

        def even_powers(y: np.ndarray, a: np.ndarray) -> None:
            np.multiply(y, y, out=a)
            if rest:
                u = a.copy()
            np.subtract(first, a, out=a)
            for v in rest:
                np.multiply(a, u, out=a)
                np.add(a, v, out=a)
            np.multiply(y, a, out=y)

        return scale, even_powers
    first, others = b[top - 1], b[top - 2 :: -1]

    def all_powers(y: np.ndarray, a: np.ndarray) -> None:
        np.subtract(first, y, out=a)
        for v in others:
            np.multiply(a, y, out=a)
            np.add(a, v, out=a)
        y[:] = a

    return scale, all_powers


def euler_mean_energy(law: Boltzmann, dt: float) -> float:
    """<E> of the law that the Euler-Maruyama chain itself relaxes to, by quadrature: at dt = 1e-3 4.7e-5 off the exact
    one for the model problem, and of first order in dt.

    The chain's transition density is a Gaussian about x - dt E'(x); its invariant density is found on a grid of two
    points a width of that Gaussian. Takes some tenths of a second, for laws within reach of 3,000 points.
    """
    inside = law.x[law.density > 1e-13 * law.density.max()]
    kick = math.sqrt(2 * law.diffusion * dt)
    n = int(np.clip(2.0 * (inside[-1] - inside[0]) / kick, 400, 3000))
    x = np.linspace(inside[0], inside[-1], n)
    mean = x - dt * law.energy.slope(x)
    k = np.exp(-0.5 * ((x[:, None] - mean[None, :]) / kick) ** 2)
    k /= k.sum(0)
    # invariant density: (K - 1) p = 0 with sum 1; one row is redundant
    k[np.diag_indices(n)] -= 1.0
    k[n // 2] = 1.0
    right = np.zeros(n)
    right[n // 2] = 1.0
    p = np.linalg.solve(k, right)
    return float(p @ law.energy.energy(x))
