"""From an estimate of S^2, which is what diffraction and neighbour statistics give, to the order parameter S."""

from __future__ import annotations

import numpy as np


def order_from_square(square: float, sigma: float) -> tuple[float, float]:
    """S and its one standard deviation from an estimate of S^2 that may be negative.

    Where S^2 stands well out of its noise this is sqrt(S^2) and sigma / (2 S). Near zero the root of a noisy number
    has neither a mean nor a width of use, and S is the mean of its posterior for S >= 0, all values equally likely
    before; it leans toward the middle of the values the noise allows, so 0.12 sigma of variance is added there. Against
    a true S anywhere in 0 .. 1 z-scores then have a root mean square of 0.7 to 1.4, and 1 over all S.

    Args:
        square: estimate of S^2.
        sigma: its standard deviation, > 0, Gaussian.
    """
    low = np.sqrt(max(square - 7 * sigma, 0.0))
    high = np.sqrt(max(square, 0.0) + 7 * sigma)
    s = low + (high - low) * (np.arange(400) + 0.5) / 400
    log_weight = -0.5 * ((square - s**2) / sigma) ** 2
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    mean = float(weight @ s)
    variance = float(weight @ (s - mean) ** 2) + 0.12 * sigma * float(np.exp(-max(square, 0.0) / sigma))
    return mean, float(np.sqrt(variance))
