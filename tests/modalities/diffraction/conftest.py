"""Specimens of the tests' own: Cu3Au films with any order, as atoms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from matstudio.domain.frame import Frame, Kind
from matstudio.domain.material import PROTOTYPES
from matstudio.domain.structure import AtomicModel
from matstudio.modalities.diffraction.forward import SaedForward

Film = Callable[..., tuple[AtomicModel, float]]


def make_film(
    order: float,
    temperature: float = 600.0,
    *,
    cells: int = 16,
    seed: int = 0,
    exact: bool = True,
    antiphase: bool = False,
    static: float = 0.03,
) -> tuple[AtomicModel, float]:
    """A Cu3Au film and its own S, counted from its atoms.

    The Au fractions of the sublattices are met to an atom (`exact`) or on average. With `antiphase` the half with
    x > L/2 is shifted by a/2[110]; S is then counted on each domain's own sublattices.
    """
    rng = np.random.default_rng(seed)
    material = PROTOTYPES["Cu3Au"]
    corners = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), -1).reshape(-1, 3)
    lattice = (corners[:, None, :] + material.sites[None]).reshape(-1, 3)
    alpha = np.tile([True, False, False, False], len(corners))
    if antiphase:
        alpha = np.where(lattice[:, 0] >= cells / 2, np.tile([False, False, False, True], len(corners)), alpha)
    numbers = np.full(len(lattice), material.majority.number)
    for sites, share in ((alpha, 0.25 + 0.75 * order), (~alpha, 0.25 - 0.25 * order)):
        index = np.flatnonzero(sites)
        draw = rng.random(len(index))
        gold = np.argsort(draw)[: round(share * len(index))] if exact else np.flatnonzero(draw < share)
        numbers[index[gold]] = material.minority.number
    a = material.a(temperature)
    drift = np.append(rng.uniform(-5, 5, 2), 0.0)
    positions = a * lattice + rng.normal(0, static / np.sqrt(3), lattice.shape) + drift
    is_gold = numbers == material.minority.number
    u = np.where(is_gold, material.minority.u_iso(temperature), material.majority.u_iso(temperature))
    own = float(is_gold[alpha].mean() - is_gold[~alpha].mean())
    return AtomicModel(positions, numbers, np.eye(3) * a * cells, u), own


@pytest.fixture(scope="session")
def film() -> Film:
    return make_film


@pytest.fixture(scope="session")
def forward() -> SaedForward:
    return SaedForward()


@pytest.fixture(scope="session")
def exposed(forward: SaedForward) -> Callable[..., Frame]:
    """A frame of a film as the instrument gives it: counted, 16 bit, with the stage's temperature."""

    def expose(atoms: AtomicModel, temperature: float, rng: np.random.Generator | None, dose: float = 1.0) -> Frame:
        expected = forward.expected(atoms).astype(float) * dose
        counts = np.rint(expected) if rng is None else rng.poisson(expected)
        facts = dict(forward.metadata()) | {"material": "Cu3Au", "stage_temperature_K": temperature}
        data = np.minimum(counts, 65535).astype(np.uint16)
        return Frame("diffraction", Kind.DIFFRACTION, 7, data, forward.axes(), 1.0, 1.2, "test", facts)

    return expose
