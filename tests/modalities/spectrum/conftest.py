"""Specimens of the tests' own: Cu3Au with any order, as atoms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from matstudio.domain.material import PROTOTYPES
from matstudio.domain.structure import AtomicModel
from matstudio.modalities.spectrum.forward import EelsForward

Alloy = Callable[..., tuple[AtomicModel, float]]


def make_alloy(
    order: float, *, composition: float = 0.25, cells: int = 16, seed: int = 0, temperature: float = 600.0
) -> tuple[AtomicModel, float]:
    """Cu3Au with the Au fractions of its sublattices met to an atom, and its own S counted from the atoms."""
    rng = np.random.default_rng(seed)
    material = PROTOTYPES["Cu3Au"]
    corners = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), -1).reshape(-1, 3)
    lattice = (corners[:, None, :] + material.sites[None]).reshape(-1, 3)
    alpha = np.tile([True, False, False, False], len(corners))
    gold = np.zeros(len(lattice), dtype=bool)
    for sites, share in ((alpha, composition + 0.75 * order), (~alpha, composition - 0.25 * order)):
        index = rng.permutation(np.flatnonzero(sites))
        gold[index[: round(share * len(index))]] = True
    a = material.a(temperature)
    positions = a * lattice + rng.normal(0, 0.02, lattice.shape) + np.append(rng.uniform(-5, 5, 2), 0.0)
    atoms = AtomicModel(positions, np.where(gold, 79, 29), np.eye(3) * a * cells, np.full(len(gold), 0.01))
    return atoms, float(gold[alpha].mean() - gold[~alpha].mean())


@pytest.fixture(scope="session")
def alloy() -> Alloy:
    return make_alloy


@pytest.fixture(scope="session")
def forward() -> EelsForward:
    return EelsForward()
