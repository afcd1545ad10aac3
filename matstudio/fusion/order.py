"""The order parameter from estimates of S (image) and of S^2 (diffraction, spectrum), and what domains do to them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from matstudio.domain.estimate import Estimate, FrameRef, Quantity
from matstudio.fusion.disagreement import birge
from matstudio.modalities.order import order_from_square

_GRID = np.linspace(-1.5, 1.5, 12001)
_BONDS = 0.4714
_DENSITY = (0.045, 0.028)
_LATTICE_A = 3.75


def fused_order(estimates: Iterable[Estimate]) -> tuple[Quantity, float] | None:
    """S and its standard deviation, and by what its error was enlarged because the estimates disagree (1: by nothing).

    The product of the likelihoods, Gaussian in S or, where an estimate gives "order_square", in S^2, with S |S| in its
    place for S < 0: the mean and width of that, all S equally likely before. A negative S is a measurement of less than
    nothing seen; means over S >= 0 of the single estimates would each lean to the same side, and their mean the more.

    Returns:
        None where no estimate gives an order parameter.
    """
    log = np.zeros_like(_GRID)
    terms = []
    for estimate in estimates:
        square = estimate.quantities.get("order_square")
        x = square or estimate.quantities.get("order_parameter")
        if x is None or not (math.isfinite(x.value) and math.isfinite(x.sigma) and x.sigma > 0):
            continue
        pull = (x.value - (_GRID * np.abs(_GRID) if square else _GRID)) / x.sigma
        terms.append(pull)
        log -= 0.5 * pull**2
    if not terms:
        return None
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    mean = float(weight @ _GRID)
    sigma = max(math.sqrt(float(weight @ (_GRID - mean) ** 2)), 0.3 * float(_GRID[1] - _GRID[0]))
    chi2 = sum(float(np.interp(mean, _GRID, pull)) ** 2 for pull in terms)
    factor = birge(chi2, len(terms))
    return Quantity(mean, sigma * factor, "1"), factor


def with_boundaries(estimate: Estimate, others: Iterable[Estimate]) -> Estimate:
    """What a spectrum says once another stream has seen antiphase boundaries; any other estimate as it is.

    A spectrum counts the Au neighbours of Cu, and bonds across a boundary are of the wrong kind. Across a conservative
    boundary (one that holds its shift a/2<110>, so that no atom is added) of the planes {110} the neighbours along its
    normal, 2.83 bonds per a^2, become second neighbours, each Cu-Au pair expectation lower by 0.25 S^2; against 3 S^2
    pairs per a^3 in the bulk, S^2 is lower by the part 0.471 a L, with L the boundaries' area per volume. For other
    planes that differs: half of it counts as error. L is the image's, where that maps the domains; otherwise
    0.045 +- 0.028 1/Å, some boundary every 10 to 60 Å. Its `sources` then name the frames of all the others.
    """
    if "au_neighbours" not in estimate.quantities or "order_square" not in estimate.quantities:
        return estimate
    others = [e for e in others if e.stream != estimate.stream]
    if not others:
        return estimate
    estimate = replace(estimate, sources=tuple(FrameRef(e.stream, e.seq) for e in others))
    density = next((e.quantities["boundary_density"] for e in others if "boundary_density" in e.quantities), None)
    seen = [e.stream for e in others if "antiphase" in e.quantities and e.quantities["antiphase"].value > 0.5]
    if not seen:
        return estimate
    part, error = _DENSITY if density is None else (density.value, math.hypot(density.sigma, 0.5 * density.value))
    part, error = min(_BONDS * _LATTICE_A * part, 0.5), _BONDS * _LATTICE_A * error
    square = estimate.quantities["order_square"]
    value = square.value / (1 - part)
    sigma = math.hypot(square.sigma, value * error) / (1 - part)
    order = Quantity(*order_from_square(value, sigma), "1")
    note = f"antiphase boundaries in the {seen[0]}: S^2 raised by {100 * part:.1f} +- {100 * error:.1f} %"
    quantities = {**estimate.quantities, "order_parameter": order, "order_square": Quantity(value, sigma, "1")}
    return replace(estimate, quantities=quantities, notes=(*estimate.notes, note))
