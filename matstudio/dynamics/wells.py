"""The energy that particles feel, and what is known exactly of it: Boltzmann's law, its averages, Kramers' rate.

Everything is dimensionless: position x, energy E(x), diffusion coefficient D = k_B T (mobility 1), time t.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

_CUT = 60.0  # E above its least value, in units of D, beyond which nothing is found
_WIDEST = 20.0
_POINTS = 8001


class Energy(Protocol):
    """An energy E(x) that grows without bound to both sides. All functions work on arrays of any shape."""

    @property
    def text(self) -> str:
        """The energy as people write it."""

    @property
    def even(self) -> bool:
        """Whether E(-x) = E(x)."""

    def energy(self, x: np.ndarray) -> np.ndarray:
        """E(x)."""

    def slope(self, x: np.ndarray) -> np.ndarray:
        """dE/dx."""


@dataclass(frozen=True)
class Polynomial:
    """E = c1 x + c2 x^2 + ... from its coefficients (c0, c1, c2, ...).

    Raises:
        ValueError: not finite, of more than degree 8, or it does not rise to both sides.
    """

    coefficients: tuple[float, ...]

    def __post_init__(self) -> None:
        c = tuple(float(a) for a in np.trim_zeros(np.asarray(self.coefficients, float), "b"))
        object.__setattr__(self, "coefficients", c)
        if not all(math.isfinite(a) for a in c):
            raise ValueError("energy: a coefficient is not finite")
        if len(c) < 3 or len(c) % 2 == 0 or c[-1] <= 0:
            raise ValueError("energy: its highest power must be even, at least 2, with a positive coefficient")
        if len(c) > 9:
            raise ValueError("energy: powers up to 8")

    @property
    def text(self) -> str:
        words = []
        for power, c in reversed(list(enumerate(self.coefficients))):
            if c:
                x = "" if power == 0 else "x" if power == 1 else f"x^{power}"
                size = "" if abs(c) == 1 and x else f"{abs(c):g}" + (" " if x else "")
                words += ["-" if c < 0 else "+", size + x]
        return " ".join(words[1:] if words[0] == "+" else words)

    @property
    def even(self) -> bool:
        return not any(self.coefficients[1::2])

    def energy(self, x: np.ndarray) -> np.ndarray:
        return np.polynomial.polynomial.polyval(np.asarray(x, float), self.coefficients)

    def slope(self, x: np.ndarray) -> np.ndarray:
        return np.polynomial.polynomial.polyval(np.asarray(x, float), self.slope_coefficients)

    @cached_property
    def slope_coefficients(self) -> tuple[float, ...]:
        """Coefficients of dE/dx, ascending."""
        return tuple(n * c for n, c in enumerate(self.coefficients))[1:]


@dataclass(frozen=True)
class Table:
    """E through points, by a cubic spline; beyond them it goes on as a parabola with the table's greatest curvature.

    Args:
        x: positions (n,), ascending. E: energies (n,). name: of the table.

    Raises:
        ValueError: fewer than 4 points, not finite, x not ascending, or E falls towards an end.
    """

    x: tuple[float, ...]
    E: tuple[float, ...]
    name: str = "table"

    def __post_init__(self) -> None:
        if not 4 <= len(self.x) == len(self.E):
            raise ValueError(f"energy {self.name}: {len(self.x)} points, at least 4 are needed")
        if not (np.isfinite(self.x).all() and np.isfinite(self.E).all()):
            raise ValueError(f"energy {self.name}: a value is not finite")
        if np.any(np.diff(self.x) <= 0):
            raise ValueError(f"energy {self.name}: x is not ascending")
        if self._end[0][1] > 0 or self._end[1][1] < 0:
            raise ValueError(f"energy {self.name}: E must not fall towards an end of the table")

    @property
    def text(self) -> str:
        return self.name

    @property
    def even(self) -> bool:
        x, e = np.asarray(self.x), np.asarray(self.E)
        return bool(np.allclose(x, -x[::-1], atol=1e-9) and np.allclose(e, e[::-1], rtol=1e-9, atol=1e-12))

    def energy(self, x: np.ndarray) -> np.ndarray:
        inside, beyond, (_, slope) = self._parts(x)
        return self._spline(inside) + slope * beyond + 0.5 * self._stiffness * beyond**2

    def slope(self, x: np.ndarray) -> np.ndarray:
        inside, beyond, _ = self._parts(x)
        return self._spline(inside, 1) + self._stiffness * beyond

    @classmethod
    def read(cls, path: Path) -> Table:
        """Two columns, x and E, separated by commas or blanks; lines that begin with # are left out.

        Raises:
            ValueError: it is no such table; one line. OSError: it cannot be read.
        """
        rows = []
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            words = line.replace(",", " ").split()
            if not words or words[0].startswith("#"):
                continue
            try:
                x, e = (float(w) for w in words)
            except ValueError:
                raise ValueError(f"{path}: line {number} is not two numbers, x and E") from None
            rows.append((x, e))
        if not rows:
            raise ValueError(f"{path}: no point of an energy")
        return cls(*(tuple(column) for column in zip(*rows, strict=True)), name=path.name)

    @cached_property
    def _spline(self):  # type: ignore[no-untyped-def]
        from scipy.interpolate import CubicSpline

        return CubicSpline(self.x, self.E)

    @cached_property
    def _end(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Position and slope of both ends."""
        return (self.x[0], float(self._spline(self.x[0], 1))), (self.x[-1], float(self._spline(self.x[-1], 1)))

    @cached_property
    def _stiffness(self) -> float:
        return max(float(np.max(self._spline(np.asarray(self.x), 2))), 1.0)

    def _parts(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[float, np.ndarray]]:
        x = np.asarray(x, float)
        inside = np.clip(x, self.x[0], self.x[-1])
        return inside, x - inside, (0.0, np.where(x < self.x[0], self._end[0][1], self._end[1][1]))


DOUBLE_WELL = Polynomial((0.0, 0.0, -1.0, 0.0, 1.0))
"""E = x^4 - x^2, the model problem."""
DIFFUSION = 0.045


def parse(text: str) -> Energy:
    """An energy from coefficients of x, x^2, ... separated by commas ("0,-1,0,1"), or from the path of a table.

    Raises:
        ValueError: neither; one line. OSError: the table cannot be read.
    """
    try:
        numbers = [float(word) for word in text.split(",")]
    except ValueError:
        return Table.read(Path(text))
    return Polynomial((0.0, *numbers))


@dataclass(frozen=True)
class Boltzmann:
    """The law that the particles relax to, p = exp(-E/D) / Z, by quadrature on 8,001 points.

    Args:
        energy: that they feel. diffusion: D.

    Raises:
        ValueError: D is not a positive number, or the law reaches beyond |x| = 20.
    """

    energy: Energy
    diffusion: float = DIFFUSION

    def __post_init__(self) -> None:
        if not (math.isfinite(self.diffusion) and self.diffusion > 0):
            raise ValueError(f"diffusion {self.diffusion:g}: more than 0")
        x = np.linspace(-_WIDEST, _WIDEST, 40001)
        above = self.energy.energy(x) - np.min(self.energy.energy(x))
        if min(above[0], above[-1]) < _CUT * self.diffusion:
            raise ValueError(f"diffusion {self.diffusion:g}: the particles spread beyond |x| = {_WIDEST:g}")

    @cached_property
    def x(self) -> np.ndarray:
        """The positions (8001,) of the quadrature: all where E is within 60 D of its least value."""
        x = np.linspace(-_WIDEST, _WIDEST, 40001)
        e = self.energy.energy(x)
        inside = x[e <= e.min() + _CUT * self.diffusion]
        step = x[1] - x[0]
        return np.linspace(inside[0] - step, inside[-1] + step, _POINTS)

    @cached_property
    def _weights(self) -> tuple[np.ndarray, float]:
        """exp(-(E - least)/D) at x, and its integral."""
        e = self.energy.energy(self.x)
        w = np.exp(-(e - e.min()) / self.diffusion)
        return w, float(np.trapezoid(w, self.x))

    @cached_property
    def density(self) -> np.ndarray:
        """p at `x`, (8001,)."""
        w, z = self._weights
        return w / z

    @cached_property
    def mean_energy(self) -> float:
        """<E>."""
        return float(np.trapezoid(self.energy.energy(self.x) * self.density, self.x))

    @cached_property
    def free_energy(self) -> float:
        """-D ln Z, the least value of F[p] = <E> + D <ln p>."""
        return float(self.energy.energy(self.x).min() - self.diffusion * math.log(self._weights[1]))

    def score(self, x: np.ndarray) -> np.ndarray:
        """d ln p / dx = -E'/D."""
        return -self.energy.slope(x) / self.diffusion

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Probability of less than x."""
        from scipy.integrate import cumulative_trapezoid

        below = cumulative_trapezoid(self.density, self.x, initial=0.0)
        return np.interp(x, self.x, below / below[-1])

    @cached_property
    def extrema(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the minima (k,) and of the barriers between them (k - 1,), ascending."""
        s = self.energy.slope(self.x)
        at = np.flatnonzero(np.sign(s[:-1]) != np.sign(s[1:]))
        at = at[s[at] != 0] if at.size else at
        zero = self.x[at] - s[at] * (self.x[at + 1] - self.x[at]) / (s[at + 1] - s[at])
        minima, barriers = zero[s[at] < 0], zero[s[at] > 0]
        return minima, barriers

    def hops_per_time(self, well: int = 0) -> float:
        """Kramers' rate out of a well over the lower of its barriers: sqrt(E''(well) |E''(barrier)|) / (2 pi)
        exp(-height / D) (H. A. Kramers, Physica 7 (1940) 284, strong friction); 0 where there is no barrier."""
        minima, barriers = self.extrema
        beside = barriers[max(well - 1, 0) : well + 1] if minima.size > 1 else barriers[:0]
        if not beside.size:
            return 0.0
        top = beside[np.argmin(self.energy.energy(beside))]
        height = float(self.energy.energy(top) - self.energy.energy(minima[well]))
        bend = abs(self._curvature(float(minima[well])) * self._curvature(float(top)))
        return math.sqrt(bend) / (2 * math.pi) * math.exp(-height / self.diffusion)

    def _curvature(self, x: float) -> float:
        h = 1e-4
        ends = self.energy.slope(np.array([x - h, x + h]))
        return float(ends[1] - ends[0]) / (2 * h)


def starts(law: Boltzmann, start: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """First positions (n,): "normal", N(0, 1); "left", all at the bottom of the leftmost well; "wells", in turn at the
    bottom of each.

    Raises:
        ValueError: another start.
    """
    minima = law.extrema[0]
    match start:
        case "normal":
            return rng.standard_normal(n)
        case "left":
            return np.full(n, minima[0])
        case "wells":
            return np.resize(minima, n)
    raise ValueError(f"start {start!r}: {', '.join(STARTS)}")


STARTS: Sequence[str] = ("normal", "left", "wells")
