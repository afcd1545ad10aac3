"""When measurements of one quantity disagree."""

from __future__ import annotations

import math

from scipy.special import chdtri

_CHANCE = 0.01


def birge(chi2: float, n: int) -> float:
    """By what to enlarge the error of a mean of `n` measurements that scatter with `chi2` about it.

    The ratio sqrt(chi^2 / (n - 1)) of R. T. Birge, Phys. Rev. 40 (1932) 207, where chance makes such a chi^2 in less
    than 1 % of all cases, otherwise 1: enlarged for every scatter above the expected one, errors of two or three
    measurements that are right would come out a quarter too large on the mean.
    """
    if n < 2 or chi2 <= chdtri(n - 1, _CHANCE):
        return 1.0
    return math.sqrt(chi2 / (n - 1))
