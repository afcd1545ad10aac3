"""The spectrum's forward model, and the neighbours that it sees."""

from __future__ import annotations

import time

import numpy as np
import pytest

from matstudio.domain.structure import AtomicModel
from matstudio.modalities.spectrum.coordination import (
    mean_neighbours,
    neighbour_probabilities,
    neighbour_variance,
    square_from_mean,
)
from matstudio.modalities.spectrum.forward import EelsForward, NeighbourTable, near_edge, neighbour_statistics


def test_neighbours_of_order_and_disorder(alloy) -> None:
    mean, having = neighbour_statistics(alloy(1.0)[0])
    assert mean == 4
    assert having[4] == having.sum() == 12288
    mean, having = neighbour_statistics(alloy(0.0)[0])
    assert mean == pytest.approx(3, abs=0.04)
    assert (having * np.arange(13)).sum() / having.sum() == pytest.approx(mean)


@pytest.mark.parametrize(("order", "composition"), [(0.0, 0.25), (0.5, 0.25), (0.9, 0.25), (0.6, 0.22), (1.0, 0.25)])
def test_bragg_williams_neighbours(alloy, order: float, composition: float) -> None:
    probabilities = neighbour_probabilities(order, composition)
    assert probabilities.sum() == pytest.approx(1)
    assert probabilities @ np.arange(13) == pytest.approx(mean_neighbours(order**2, composition))
    assert square_from_mean(mean_neighbours(order**2, composition), composition) == pytest.approx(order**2)
    if order < 1:
        off = []
        for seed in range(8):
            atoms, own = alloy(order, composition=composition, seed=seed, cells=8)
            off.append(neighbour_statistics(atoms)[0] - mean_neighbours(own**2, float((atoms.numbers == 79).mean())))
        sigma = np.sqrt(neighbour_variance(order, composition, 2048))
        assert abs(np.mean(off)) < 4 * sigma / np.sqrt(8)
        assert 0.4 * sigma < np.std(off) < 1.8 * sigma


def test_table_is_kept_and_follows_other_atoms(alloy) -> None:
    table = NeighbourTable()
    atoms, _ = alloy(0.5, cells=8)
    first = table.counts(atoms)
    kept = table._table
    moved = AtomicModel(1.01 * atoms.positions + [9.0, -3.0, 0.1], atoms.numbers, 1.01 * atoms.cell, atoms.u_iso)
    np.testing.assert_array_equal(table.counts(moved), first)
    assert table._table is kept
    shuffle = np.random.default_rng(0).permutation(len(first))
    mixed = AtomicModel(atoms.positions[shuffle], atoms.numbers[shuffle], atoms.cell, atoms.u_iso)
    np.testing.assert_array_equal(table.counts(mixed), first[shuffle])
    assert table._table is not kept
    np.testing.assert_array_equal(table.counts(alloy(1.0, cells=4)[0]).max(), 12 - 8)


def test_a_surface_has_fewer_neighbours(alloy) -> None:
    atoms, _ = alloy(1.0, cells=4)
    cell = atoms.cell.copy()
    cell[2, 2] += 10.0
    assert neighbour_statistics(AtomicModel(atoms.positions, atoms.numbers, cell, atoms.u_iso))[0] < 3.9


def test_near_edge_follows_the_neighbours() -> None:
    energy = np.arange(900.0, 1000.0, 0.1)
    few, many = near_edge(energy, np.array([0, 8]), 0.8)
    line = (energy > 925) & (energy < 940)
    assert many[line].max() > few[line].max()
    half = [energy[np.flatnonzero(s > 0.5 * s[line].max())[0]] for s in (few, many)]
    assert 0.3 < half[1] - half[0] < 1.2
    assert few[energy < 925].max() < 0.05
    assert abs(few[np.searchsorted(energy, 945)] - 1) < 0.15
    assert few[np.searchsorted(energy, 980)] == pytest.approx(1.5 * (980 / 940) ** -3, rel=0.05)


def test_spectrum_is_the_sum_over_copper_atoms(alloy, forward: EelsForward) -> None:
    atoms, _ = alloy(0.6, cells=8)
    spectrum = forward.expected(atoms)
    assert spectrum.dtype == np.float32
    assert spectrum.shape == (2048,)
    energy = forward.axes()[0].values
    counts = NeighbourTable().counts(atoms)
    copper = atoms.numbers == 29
    edge = near_edge(energy, counts[copper][:50], 0.8)  # each atom its own edge
    one_by_one = sum(near_edge(energy, np.array([n]), 0.8)[0] for n in counts[copper][:50])
    np.testing.assert_allclose(edge.sum(axis=0), one_by_one, rtol=1e-9)
    before = energy < 880
    slope = np.polyfit(np.log(energy[before]), np.log(spectrum[before]), 1)[0]
    assert slope == pytest.approx(-3.0, abs=0.1)  # the hole's width leaves a little of the edge there
    bare = AtomicModel(atoms.positions, np.full(len(copper), 79), atoms.cell, atoms.u_iso)
    excess = spectrum - forward.expected(bare)
    assert excess[energy < 915].max() < 0.01 * excess.max()
    assert excess.sum() > 0


def test_order_shows_in_the_spectrum(alloy, forward: EelsForward) -> None:
    ordered, random = (forward.expected(alloy(s)[0]) for s in (1.0, 0.0))
    noise = np.sqrt(random)
    assert np.sqrt((((ordered - random) / noise) ** 2).sum()) > 50


def test_axes_metadata_and_speed(alloy, forward: EelsForward) -> None:
    (axis,) = forward.axes()
    assert (axis.name, axis.units, axis.size) == ("Energy loss", "eV", 2048)
    assert forward.metadata()["mode"] == "EELS"
    atoms, _ = alloy(0.5)
    forward.expected(atoms)
    times = []
    for _ in range(5):
        start = time.process_time()
        forward.expected(atoms)
        times.append(time.process_time() - start)
    assert min(times) < 0.003


def test_refusals(alloy, forward: EelsForward) -> None:
    atoms, _ = alloy(0.5, cells=4)
    slanted = atoms.cell + np.array([[0, 1.0, 0], [0, 0, 0], [0, 0, 0]])
    with pytest.raises(ValueError, match="box"):
        EelsForward().expected(AtomicModel(atoms.positions, atoms.numbers, slanted, atoms.u_iso))
    with pytest.raises(ValueError, match="no Cu"):
        neighbour_statistics(AtomicModel(atoms.positions, np.full(len(atoms.numbers), 79), atoms.cell, atoms.u_iso))
