"""A process model from a relay experiment: dead time and up to two lags, or an integrator with one.

Over whole periods of the limit cycle the Fourier coefficients of output and measurement give the process' frequency
response at the cycle's frequency and its multiples, and their means the static gain. The model

    (a0 + a1 s + a2 s^2) y = e^(-L s) u

is linear in a0, a1, a2 at each dead time L: least squares over the harmonics, and a search over L. a0 near 0 is an
integrator. Quick: some milliseconds, numpy alone.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from matstudio.control.plants import Array, Complex, Plant
from matstudio.control.relay import Experiment, Phase

_HARMONICS = 4
_PERIODS = 5
_GRID = 40
_LEAST_LAG = 1e-2  # of the rest
_LONGEST_DELAY = 0.6  # of a period
_ALIKE = 0.1
_SLOW = 60.0  # a lag longer than so many other time scales cannot be told from an integrator, and need not be


class NoModel(ValueError):
    """An experiment that shows no process which this file knows; the text is one line."""


def model(experiment: Experiment) -> Plant:
    """The process of an experiment that is done.

    Raises:
        NoModel: it is not done, or what was recorded fits no model.
    """
    if experiment.status.phase is not Phase.DONE:
        raise NoModel("the experiment is not done")
    rises = _alike_periods(experiment)
    part = np.array(experiment.samples[rises[0] : rises[-1] + 1])
    w, u, y = _coefficients(part, len(rises) - 1, experiment.output, experiment.setpoint)
    low, high = 0.0, _LONGEST_DELAY * 2 * math.pi / w[1]
    for _ in range(3):
        delays = np.linspace(low, high, _GRID)
        errors, found = _fit(w, u, y, delays)
        at = int(np.argmin(errors))
        low, high = delays[max(0, at - 1)], delays[min(_GRID - 1, at + 1)]
    a0, a1, a2 = found[at]
    if a1**2 < 4 * a0 * a2:  # a process of higher order: two lags alike come nearest
        return _two_alike(w, u, y, math.sqrt(a2 / a0))
    return _plant(found[at], float(delays[at]))


def _alike_periods(experiment: Experiment) -> list[int]:
    """The samples at which the last periods begin that are alike in length and size, and where the last one ends."""
    facts = []
    for a, b in pairwise(experiment.rises):
        part = [y for _, _, y in experiment.samples[a:b]]
        facts.append((experiment.samples[b][0] - experiment.samples[a][0], max(part) - min(part)))
    n = 1
    while n < min(_PERIODS, len(facts)):
        if any(abs(x - last) > _ALIKE * last for x, last in zip(facts[-1 - n], facts[-1], strict=True)) and n >= 2:
            break
        n += 1
    return experiment.rises[-1 - n :]


def _coefficients(part: Array, periods: int, output: float, setpoint: float) -> tuple[Array, Complex, Complex]:
    """Angular frequencies (the first is 0), and Fourier coefficients of output and measurement, each (harmonics + 1,).

    Args:
        part: samples of whole periods, the last one the end: times, outputs held until the next, measurements, (n, 3).
        periods: how many.
        output, setpoint: about which both are taken.
    """
    t, u, y = part[:, 0] - part[0, 0], part[:-1, 1] - output, part[:, 2] - setpoint
    span = float(t[-1])
    w: Array = 2 * math.pi * periods / span * np.arange(_HARMONICS + 1, dtype=float)
    turn = np.exp(-1j * w[1:, None] * t)
    steps = np.diff(t)
    held = (turn[:, 1:] - turn[:, :-1]) / (-1j * w[1:, None])  # integral of the turn over each step
    us, middles = held @ u / span, (turn[:, 1:] * y[1:] + turn[:, :-1] * y[:-1]) / 2
    ys = middles @ steps / span
    means = np.array([u @ steps, (y[1:] + y[:-1]) / 2 @ steps]) / span
    both = np.concatenate([means[:, None], np.stack([us, ys])], 1)
    return w, both[0], both[1]


def _fit(w: Array, u: Complex, y: Complex, delays: Array) -> tuple[Array, Array]:
    """Squared error, (n,), and a0, a1, a2 >= 0, (n, 3), for each of n dead times.

    The three are >= 0 in the least squares over all of them, or over those that are left where one is taken as 0.
    """
    weights = _weights(y)
    scale = np.array([1.0, w[1], w[1] ** 2])  # so that the three are alike
    turned = (y * weights) * np.exp(1j * w * delays[:, None])
    rows = turned[..., None] * np.stack([np.ones(len(w)), 1j * w, -(w**2)], 1) / scale
    a, b = np.concatenate([rows.real, rows.imag], 1), np.concatenate([(u * weights).real, (u * weights).imag])
    errors, best = np.full(len(delays), math.inf), np.zeros((len(delays), 3))
    for used in ([0, 1, 2], [0, 1], [1, 2], [1]):
        part = a[:, :, used]
        across = part.transpose(0, 2, 1)
        normal = across @ part + 1e-12 * np.eye(len(used))
        found = np.zeros((len(delays), 3))
        found[:, used] = np.linalg.solve(normal, (across @ b)[..., None])[..., 0]
        error = np.where(found.min(1) >= 0, np.sum(((a @ found[..., None])[..., 0] - b) ** 2, 1), math.inf)
        better = error < errors
        errors, best = np.where(better, error, errors), np.where(better[:, None], found, best)
    return errors, best / scale


def _two_alike(w: Array, u: Complex, y: Complex, lag: float) -> Plant:
    """The best of gain e^(-delay s) / (1 + lag s)^2, looked for around a lag."""
    weights = _weights(y)
    lags, delays = np.geomspace(lag / 3, 3 * lag, _GRID), np.linspace(0.0, _LONGEST_DELAY * 2 * math.pi / w[1], _GRID)
    for _ in range(3):
        model = np.exp(1j * w * delays[:, None, None]) * (1 + 1j * w * lags[:, None]) ** 2 * y * weights
        power = np.sum(np.abs(model) ** 2, -1)
        gains = np.sum((model.conj() * u * weights).real, -1) / power
        errors = np.sum(np.abs(gains[..., None] * model - u * weights) ** 2, -1)
        i, j = np.unravel_index(int(errors.argmin()), errors.shape)
        best, at = Plant(float(1 / gains[i, j]), (float(lags[j]),) * 2, float(delays[i])), (int(i), int(j))
        delays = np.linspace(delays[max(0, at[0] - 1)], delays[min(_GRID - 1, at[0] + 1)], _GRID)
        lags = np.linspace(lags[max(0, at[1] - 1)], lags[min(_GRID - 1, at[1] + 1)], _GRID)
    return best


def _weights(y: Complex) -> Array:
    """Of the harmonics: by how much of each arrives at the measurement; 1 of the means."""
    weights: Array = np.minimum(1.0, np.abs(y) / np.abs(y[1]))
    weights[0] = 1.0
    return weights


def _plant(a: Array, delay: float) -> Plant:
    a0, a1, a2 = (float(x) for x in a)
    if a1 <= 0:
        raise NoModel("the measurement does not follow the output as a furnace does")
    fast = a2 / a1 if a2 / a1 > _LEAST_LAG * delay else 0.0
    if a0 * _SLOW * (fast + delay) <= a1:
        return Plant(1 / a1, (fast,) if fast > 0 else (), delay, integrating=True)
    middle, product = a1 / (2 * a0), a2 / a0
    spread = math.sqrt(max(0.0, middle**2 - product))
    lags = (middle + spread, middle - spread)
    return Plant(1 / a0, lags if lags[1] > _LEAST_LAG * (lags[0] + delay) else lags[:1], delay)
