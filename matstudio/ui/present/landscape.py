"""The live order parameter's trajectory, kept while the temperature is held, and what its landscape says."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from matstudio.domain.estimate import MaterialState
from matstudio.dynamics.landscape import Landscape, Verdict
from matstudio.dynamics.ordering import K_B_EV, greatest_order

HELD_K = 1.5
KEPT = 6000
_MEAN = 20


class Trajectory:
    """S with its error of every fused state since the temperature is held: since the mean of the last 20 temperatures
    was last more than `HELD_K` from the median of all that are kept. While it changes those 20 are kept."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, ...]] = deque(maxlen=KEPT)
        self._source: object = None
        self.left: float | None = None

    def add(self, state: MaterialState, device: Mapping[str, Any]) -> None:
        """Keep a state. Another device, another number of atoms per domain or an earlier time begin anew."""
        source = (device.get("boot"), device.get("domain_atoms"), device.get("since"))
        q = state.quantities
        s, t = q.get("order_parameter"), q.get("temperature")
        if source != self._source or (self._kept and state.t < self._kept[-1][0]):
            self._kept.clear()
            self.left = None
            self._source = source
        if s is None or t is None or (self._kept and state.t == self._kept[-1][0]):
            return
        if not all(math.isfinite(v) for v in (s.value, s.sigma, t.value)) or s.sigma <= 0:
            return
        p, c = q.get("pressure"), q.get("composition")
        row = (state.t, s.value, s.sigma, t.value, p.value if p else 0.0, c.value if c else 0.25)
        self._kept.append(row)
        table = self._table()
        if len(table) >= _MEAN and abs(table[-_MEAN:, 3].mean() - np.median(table[:, 3])) > HELD_K:
            self.left = state.t
            recent = list(self._kept)[-_MEAN:]
            self._kept.clear()
            self._kept.extend(recent)
        now = float(np.median(table[-_MEAN:, 3]))
        while len(self._kept) > _MEAN and abs(self._kept[0][3] - now) > 2 * HELD_K:
            self._kept.popleft()
            self.left = state.t

    def values(self) -> tuple[np.ndarray, np.ndarray, float]:
        """S (n,), its errors (n,), and the greatest S that the composition allows."""
        table = self._table()
        return table[:, 1], table[:, 2], greatest_order(self.composition)

    def _table(self) -> np.ndarray:
        return np.array(self._kept, float).reshape(-1, 6)

    @property
    def size(self) -> int:
        """How many values are kept."""
        return len(self._kept)

    @property
    def temperature(self) -> float:
        """Mean temperature of what is kept, K; NaN where nothing is."""
        return float(self._table()[:, 3].mean()) if self._kept else math.nan

    @property
    def pressure(self) -> float:
        """Mean pressure, GPa."""
        return float(self._table()[:, 4].mean()) if self._kept else 0.0

    @property
    def composition(self) -> float:
        """Mean Au fraction."""
        return float(self._table()[:, 5].mean()) if self._kept else 0.25

    @property
    def seconds(self) -> float:
        """Run time from the first value to the last, s."""
        return self._kept[-1][0] - self._kept[0][0] if self._kept else 0.0

    @property
    def held(self) -> str:
        """One line about the temperature."""
        if not self._kept:
            return "no order parameter and temperature yet"
        spread = float(np.std(self._table()[:, 3]))
        text = f"{self.temperature:.1f} K ± {spread:.1f} K held for {self.seconds:.0f} s"
        return f"{text}; before that it was not held" if self.left is not None else text


def atoms_of(device: Mapping[str, Any]) -> float | None:
    """Atoms per domain, which only the twin tells; else None."""
    found = device.get("domain_atoms")
    return float(found) if isinstance(found, (int, float)) and found > 0 else None


def energy_line(found: Landscape, temperature_K: float, atoms: float | None) -> str:
    """How well F is known by the fluctuations alone, at the order that was seen most; "" where it is not."""
    if found.verdict is not Verdict.SHOWN or not np.isfinite(found.F).any():
        return ""
    at = int(np.nanargmin(found.F))
    error = float(found.error[at])
    text = f"at S = {found.S[at]:.2f} F is known to ± {error:.2f} kT a domain"
    if atoms is not None:
        text += f" = ± {1e3 * K_B_EV * temperature_K * error / atoms:.3g} meV/atom"
    return text
