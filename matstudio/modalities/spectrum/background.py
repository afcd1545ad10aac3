"""The power law under a core-loss edge."""

from __future__ import annotations

import numpy as np


def power_law(energy: np.ndarray, counts: np.ndarray, window: np.ndarray) -> np.ndarray | None:
    """A E^-r by maximum likelihood for counts in `window` (bool), carried over all of `energy`; None if it cannot be.

    Iterated reweighted least squares: weights are those of counting (one over the model), times Huber's for points more
    than 2.5 times the window's own scatter away, so that a spike does not bend it. Egerton, Electron Energy-Loss
    Spectroscopy in the Electron Microscope, 3rd ed., section 4.4.1.
    """
    x, y = energy[window], counts[window].astype(float)
    if len(x) < 8 or np.median(y) <= 0 or x[0] <= 0:
        return None
    reference = float(np.sqrt(x[0] * x[-1]))
    basis = np.column_stack([np.ones(len(x)), -np.log(x / reference)])
    floor = 0.05 * float(np.median(y))
    start = np.log(np.maximum(y, floor))
    theta = np.linalg.lstsq(basis, start, rcond=None)[0]
    for _ in range(8):
        model = np.exp(np.clip(basis @ theta, -50, 80))
        pull = (y - model) / np.sqrt(model)
        scatter = 1.4826 * float(np.median(np.abs(pull))) + 1e-9
        weight = model * np.minimum(1.0, 2.5 * scatter / np.maximum(np.abs(pull), 1e-12))
        step, *_ = np.linalg.lstsq(np.sqrt(weight)[:, None] * basis, np.sqrt(weight) * (y - model) / model, rcond=None)
        step = np.clip(step, -1, 1)
        theta = theta + step
        if np.abs(step).max() < 1e-7:
            break
    if not np.isfinite(theta).all():
        return None
    positive = np.maximum(energy, 0.5 * x[0])
    return np.asarray(np.exp(np.clip(theta[0] - theta[1] * np.log(positive / reference), -50, 80)))
