"""The HAADF forward model against the exact sum over atoms."""

from __future__ import annotations

import time

import numpy as np
import pytest

from matstudio.domain.material import COPPER, GOLD, PROTOTYPES
from matstudio.domain.structure import AtomicModel
from matstudio.modalities.base import Forward
from matstudio.modalities.image.forward import FWHM, HaadfForward, cross_section_A2


def film(cells: int = 16, s: float = 0.8, temperature: float = 600.0, seed: int = 0) -> AtomicModel:
    rng = np.random.default_rng(seed)
    prototype = PROTOTYPES["Cu3Au"]
    a = prototype.a(temperature)
    corners = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    positions = ((corners + prototype.sites) * a).reshape(-1, 3)
    alpha = np.arange(len(positions)) % 4 == 0
    gold = rng.random(len(positions)) < np.where(alpha, 0.25 + 0.75 * s, 0.25 - 0.25 * s)
    return AtomicModel(
        positions + rng.normal(0, 0.03, positions.shape) + [0.7, -1.3, 0.0],
        np.where(gold, 79, 29),
        np.eye(3) * cells * a,
        np.where(gold, GOLD.u_iso(temperature), COPPER.u_iso(temperature)),
    )


def exact(forward: HaadfForward, atoms: AtomicModel) -> np.ndarray:
    """The plain sum of Gaussians, with the eight neighbouring boxes."""
    rows, columns = (np.arange(n) * forward.pixel_A for n in forward.shape)
    variance = (forward.probe_fwhm_A / FWHM) ** 2 + atoms.u_iso
    weight = cross_section_A2(atoms.numbers, forward.beam_energy_keV, forward.collection_mrad)
    total = np.zeros(forward.shape)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            xy = atoms.positions[:, :2] + i * atoms.cell[0, :2] + j * atoms.cell[1, :2]
            gx = np.exp(-((columns - xy[:, :1]) ** 2) / (2 * variance[:, None]))
            gy = np.exp(-((rows - xy[:, 1:]) ** 2) / (2 * variance[:, None]))
            total += (gy * (weight / (2 * np.pi * variance))[:, None]).T @ gx
    return (total + forward.background) * forward.dose_e_per_A2 * forward.pixel_A**2


@pytest.mark.parametrize("spread", [None, (0.004, 0.05)])
def test_equals_the_exact_sum(spread: tuple[float, float] | None) -> None:
    atoms = film(cells=6)
    if spread:
        u = np.random.default_rng(1).uniform(*spread, len(atoms.numbers))
        atoms = AtomicModel(atoms.positions, atoms.numbers, atoms.cell, u)
    forward = HaadfForward(shape=(150, 190))
    truth = exact(forward, atoms)
    assert np.abs(forward.expected(atoms) - truth).max() < 5e-4 * truth.max()


def test_oblique_box_repeats_without_seam() -> None:
    box = np.array([[7.0, 0, 0], [-3.5, 6.0, 0], [0, 0, 10]])
    once = AtomicModel(np.array([[1.0, 2.0, 3.0]]), np.array([79]), box, np.array([0.01]))
    twice = AtomicModel(
        np.vstack([np.add(once.positions, [i * 7.0 - j * 3.5, j * 6.0, 0]) for i in (0, 1) for j in (0, 1)]),
        np.full(4, 79),
        box * [[2.0], [2.0], [1.0]],
        np.full(4, 0.01),
    )
    forward = HaadfForward(shape=(200, 240))
    assert np.allclose(forward.expected(once), forward.expected(twice), rtol=1e-4)


def test_moving_by_a_box_vector_changes_nothing() -> None:
    atoms = film(cells=4)
    moved = AtomicModel(atoms.positions - 3 * atoms.cell[0], atoms.numbers, atoms.cell, atoms.u_iso)
    forward = HaadfForward(shape=(128, 128))
    assert np.allclose(forward.expected(atoms), forward.expected(moved), rtol=1e-4)


def test_counts_follow_from_the_dose() -> None:
    """Over a whole box the signal is dose times the sum of cross sections: no electron is lost or made."""
    atoms = film(cells=16)
    forward = HaadfForward(shape=(512, 512), pixel_A=atoms.cell[0, 0] / 512)
    image = forward.expected(atoms)
    sections = cross_section_A2(atoms.numbers, 300.0, (60.0, 200.0)).sum()
    vacuum = 0.01 * 1e4 * atoms.cell[0, 0] ** 2
    assert image.sum(dtype=float) == pytest.approx(1e4 * sections + vacuum, rel=1e-4)
    assert image.max() < 1e4 * forward.pixel_A**2  # never more than the electrons that came


def test_gold_scatters_as_z_to_1_7() -> None:
    copper, gold = cross_section_A2(np.array([29, 79]), 300.0, (60.0, 200.0))
    assert gold / copper == pytest.approx((79 / 29) ** 1.7)
    assert 0.005 < gold < 0.03


def test_contract_and_speed() -> None:
    forward: Forward = HaadfForward()
    atoms = film()
    image = forward.expected(atoms)
    assert image.dtype == np.float32
    assert [(a.name, a.units, a.scale, a.size) for a in forward.axes()] == [
        ("y", "Å", 0.115, 512),
        ("x", "Å", 0.115, 512),
    ]
    assert forward.metadata()["mode"] == "HAADF"
    start = time.process_time()
    for _ in range(5):
        forward.expected(atoms)
    assert (time.process_time() - start) / 5 < 0.04  # 7 ms where it was measured
