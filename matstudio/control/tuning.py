"""Settings for the PID from a model of the process: SIMC, lambda tuning at a wanted robustness, and the best there are.

Offline: takes seconds and imports scipy where it is used. `simc` alone is quick enough for the station's cycle.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from matstudio.control.pid import Tuning
from matstudio.control.plants import Array, Plant, peak, peaks

ROBUST = 1.6
"""Greatest sensitivity peak Ms that a tuning made here is to have (K. J. Åström, T. Hägglund, Advanced PID Control, ISA
2006, section 4.6: 1.4 to 2.0 is usual)."""
_GAINS = 40


def isa(gain: float, ti: float, td: float, b: float = 1.0) -> Tuning:
    """The ISA tuning of a series (interacting) PID: gain (1 + 1/(ti s)) (1 + td s)."""
    f = 1 + td / ti
    return Tuning(gain * f, ti * f, td / f, tracking(ti * f, td / f), b)


def tracking(ti: float, td: float) -> float:
    """Time constant of the anti-windup, s: the geometric mean of ti and td, ti / 2 without a derivative (Åström and
    Hägglund 1995, section 3.5)."""
    return math.sqrt(ti * td) if td > 0 else ti / 2


def simc(plant: Plant, closed: float) -> Tuning:
    """S. Skogestad, J. Process Control 13 (2003) 291, table 1: a PI for one lag, a PID in series form for two.

    Args:
        plant: whose third and further lags are taken into two lags and the dead time by his half rule.
        closed: wanted time constant of the closed loop, tau_c, s; at least the dead time is robust.
    """
    first, second, delay = _two_lags(plant)
    fast = closed + delay
    if plant.integrating:
        return isa(1 / (plant.gain * fast), 4 * fast, first)  # his "integrating with lag"
    return isa(first / (plant.gain * fast), min(first, 4 * fast), second)


def _two_lags(plant: Plant) -> tuple[float, float, float]:
    """Two lags and the dead time after the half rule; the second is 0 for a plant with one."""
    lags = sorted(plant.lags, reverse=True)
    keep = 1 if plant.integrating else 2
    if len(lags) <= keep:
        lags += [0.0] * (2 - len(lags))
        return lags[0], lags[1], plant.delay
    kept, left = lags[:keep], lags[keep:]
    kept[-1] += left[0] / 2
    delay = plant.delay + left[0] / 2 + sum(left[1:])
    return kept[0], kept[1] if keep == 2 else 0.0, delay


def robust(plant: Plant, make: Callable[[float], Tuning], ms: float = ROBUST) -> Tuning:
    """The quickest tuning of a family whose Ms, on `plant` itself, is within `ms`.

    Args:
        plant: its exact frequency response is used.
        make: a tuning for a wanted time constant of the closed loop, s (`simc`, lambda tuning).

    Raises:
        ValueError: not even a slow one is robust enough.
    """
    scale = sum(plant.lags) + plant.delay
    slow, quick = 30 * scale, 0.01 * scale
    if peak(plant, make(slow)) > ms:
        raise ValueError(f"no tuning of this kind has Ms <= {ms:g}")
    if peak(plant, make(quick)) <= ms:
        return make(quick)
    for _ in range(16):
        middle = math.sqrt(slow * quick)
        slow, quick = (middle, quick) if peak(plant, make(middle)) <= ms else (slow, middle)
    return make(slow)


def strongest(plant: Plant, tuning: Tuning, ms: float = ROBUST) -> Tuning | None:
    """The tuning with the greatest gain that keeps Ms within `ms`, times as they are; None where no gain does."""
    unit = abs(tuning.gain)
    factors: Array = np.geomspace(1e-3, 1e3, _GAINS)
    good = np.flatnonzero(peaks(plant, tuning, factors) <= ms)
    if not good.size:
        return None
    low, high = factors[good[-1]], factors[min(good[-1] + 1, _GAINS - 1)]
    for _ in range(2):
        factors = np.linspace(low, high, 16)
        last = np.flatnonzero(peaks(plant, tuning, factors) <= ms)[-1]
        low, high = factors[last], factors[min(last + 1, 15)]
    return replace(tuning, gain=math.copysign(unit * float(low), tuning.gain))


def load_optimal(plant: Plant, ms: float = ROBUST, *, horizon: float | None = None) -> Tuning:
    """The PID with the least integral of |error| after a step of load at the plant's input, under Ms <= `ms`.

    For each pair of integral and derivative time the gain is the greatest that the constraint allows; the two times are
    looked for on a grid and then by Nelder and Mead's simplex. Takes some seconds.

    Args:
        plant: what is controlled.
        ms: greatest sensitivity peak.
        horizon: length of the integral, s; 20 of the plant's dominant times where none is given.

    Raises:
        ValueError: no PID keeps Ms within `ms`.
    """
    from scipy.optimize import minimize

    from matstudio.control.responses import LoadStep

    scale = sum(plant.lags) + plant.delay
    step = LoadStep(plant, horizon or 20 * plant.dominant)

    def at(times: Array) -> Tuning | None:
        ti, td = np.exp(times) * scale
        unit = 1 / (plant.gain * (scale if plant.integrating else 1.0))
        return strongest(plant, Tuning(unit, ti, td, tracking(ti, td)), ms)

    def cost(times: Array) -> float:
        tuning = at(times)
        return step.iae(tuning) if tuning is not None else 1e9

    grid = [np.log([ti, td]) for ti in (0.15, 0.4, 1.0, 2.5, 6.0) for td in (0.03, 0.1, 0.25, 0.5)]
    costs = [cost(x) for x in grid]
    order = np.argsort(costs)
    if costs[order[0]] >= 1e9:
        raise ValueError(f"no PID has Ms <= {ms:g} with this process")
    found = min(
        (
            minimize(cost, grid[i], method="Nelder-Mead", options={"xatol": 0.01, "fatol": 1e-9, "maxfev": 70})
            for i in order[:2]
        ),
        key=lambda r: float(r.fun),
    )
    best = at(found.x)
    assert best is not None
    while peak(plant, best) > ms:  # between two frequencies of the grid
        best = replace(best, gain=0.999 * best.gain)
    return best
