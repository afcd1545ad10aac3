"""The diffraction forward model: physics that it must show."""

from __future__ import annotations

import time

import numpy as np
import pytest

from matstudio.domain.structure import AtomicModel
from matstudio.modalities.diffraction.forward import SaedForward
from matstudio.modalities.diffraction.scattering import electron_factor, electron_table, xray_factor


def spot(forward: SaedForward, pattern: np.ndarray, atoms: AtomicModel, h: int, k: int, radius: int = 6) -> float:
    """Counts around reflection (h, k, 0) above the mean of the pixels around it; h goes with x."""
    cells = round(atoms.cell[0, 0] / 3.8)
    g = cells / atoms.cell[0, 0]
    y, x = (round(a.index(i * g)) for a, i in zip(forward.axes(), (k, h), strict=True))
    box = pattern[y - radius - 3 : y + radius + 4, x - radius - 3 : x + radius + 4].astype(float)
    rim = np.ones(box.shape, dtype=bool)
    rim[3:-3, 3:-3] = False
    return float((box - box[rim].mean())[~rim].sum())


def test_scattering_factors() -> None:
    g = np.array([0.0, 0.05, 0.3, 1.0])
    assert xray_factor("Au", np.zeros(1))[0] == pytest.approx(79, abs=0.05)
    gold, copper = electron_factor("Au", g), electron_factor("Cu", g)
    assert (np.diff(gold) < 0).all()
    assert (gold > copper).all()
    # Doyle & Turner, Acta Cryst. A24, 390 (1968): f_e(0) = 5.60 Å of Cu and, in Int. Tables C, some 10.6 Å of Au
    assert copper[0] == pytest.approx(5.6, rel=0.03)
    assert gold[0] == pytest.approx(10.6, rel=0.03)


def test_agrees_with_the_plain_sum_over_atoms(film, forward: SaedForward) -> None:
    atoms, _ = film(0.7, 500.0, cells=6, static=0.06)
    length = atoms.cell[0, 0]
    n = 20
    fast = forward._intensity(atoms, length, length, n, n)
    scale = forward._dose * forward._strength / len(atoms.numbers) ** 2
    strongest = float(fast.max())
    assert fast[n, n] == 0  # the direct beam is made apart
    for h, k in ((0, 6), (6, 0), (12, 0), (-12, 12), (6, -18), (1, 3), (20, 20), (-7, 11)):
        g = np.hypot(h, k) / length
        amplitude, diffuse = 0j, 0.0
        for z in (29, 79):
            of = atoms.numbers == z
            f = np.interp(g, *electron_table(z))
            damping = np.exp(-2 * np.pi**2 * atoms.u_iso[of][0] * g**2)
            phase = np.exp(-2j * np.pi * (h * atoms.positions[of, 0] + k * atoms.positions[of, 1]) / length)
            amplitude += f * damping * phase.sum()
            diffuse += of.sum() * f**2 * (1 - damping**2)
        exact = scale * (abs(amplitude) ** 2 + diffuse)
        assert fast[n + k, n + h] == pytest.approx(exact, rel=2e-3, abs=1e-5 * strongest), (h, k)


def test_superlattice_goes_with_the_square_of_order(film, forward: SaedForward) -> None:
    ratios = []
    for order in (1.0, 0.8, 0.5):
        atoms, own = film(order)
        pattern = forward.expected(atoms)
        assert pattern.dtype == np.float32
        assert pattern.shape == (512, 512)
        main = sum(spot(forward, pattern, atoms, *hk) for hk in ((2, 0), (0, 2), (2, 2)))
        extra = sum(spot(forward, pattern, atoms, *hk) for hk in ((1, 0), (0, 1), (1, 1)))
        ratios.append(extra / main / own**2)
    np.testing.assert_allclose(ratios, ratios[0], rtol=0.06)


def test_absolute_ratio_of_ordered_alloy(film, forward: SaedForward) -> None:
    atoms, _ = film(1.0, 300.0, static=0.0)
    pattern = forward.expected(atoms)
    g1, g2 = 1 / 3.748, 2 / 3.748
    gold, copper = (
        np.array([np.interp(g, *electron_table(z)) * np.exp(-2 * np.pi**2 * u * g**2) for g in (g1, g2)])
        for z, u in ((79, 0.00814), (29, 0.00584))
    )
    expected = ((gold - copper)[0] / (gold + 3 * copper)[1]) ** 2
    ratio = spot(forward, pattern, atoms, 1, 0) / spot(forward, pattern, atoms, 2, 0)
    assert ratio == pytest.approx(expected, rel=0.02)


def test_disorder_takes_the_superlattice_and_leaves_diffuse_scattering(film, forward: SaedForward) -> None:
    ordered, random = (film(order)[0] for order in (1.0, 0.0))
    sharp, diffuse = forward.expected(ordered), forward.expected(random)
    for hk in ((1, 0), (1, 1), (2, 1)):
        assert spot(forward, diffuse, random, *hk) < 0.003 * spot(forward, sharp, ordered, *hk)
    # between the spots the random alloy scatters c (1 - c) (f_Au - f_Cu)^2 an atom more: the Laue monotonic term
    assert diffuse.min() > 0
    axis = forward.axes()[0]
    y = slice(round(axis.index(0.39)), round(axis.index(0.41)))
    extra = (diffuse - sharp)[y, y].mean()
    g = 0.4 * np.sqrt(2)
    gold, copper = (
        np.interp(g, *electron_table(z)) * np.exp(-2 * np.pi**2 * atoms_u * g**2)
        for z, atoms_u in ((79, random.u_iso[random.numbers == 79][0]), (29, random.u_iso[random.numbers == 29][0]))
    )
    laue = 0.1875 * (gold - copper) ** 2 / len(random.numbers)
    a_pixel = forward._dose * forward._strength * (axis.scale * random.cell[0, 0]) ** 2
    assert extra == pytest.approx(laue * a_pixel, rel=0.5)


def test_heat_weakens_spots_by_the_debye_waller_factor(film, forward: SaedForward) -> None:
    cold, hot = film(1.0, 600.0, static=0.0)[0], film(1.0, 600.0, static=0.0)[0]
    hot = AtomicModel(hot.positions, hot.numbers, hot.cell, 2 * hot.u_iso)
    patterns = forward.expected(cold), forward.expected(hot)
    u_gold, u_copper = cold.u_iso[cold.numbers == 79][0], cold.u_iso[cold.numbers == 29][0]
    for h in (2, 4):
        g = h * 16 / cold.cell[0, 0]
        f = [np.interp(g, *electron_table(z)) for z in (79, 29)]

        def amplitude(times: float, g: float = g, f: list[float] = f) -> float:
            damp = [np.exp(-2 * np.pi**2 * times * u * g**2) for u in (u_gold, u_copper)]
            return f[0] * damp[0] + 3 * f[1] * damp[1]

        ratio = spot(forward, patterns[1], hot, h, 0) / spot(forward, patterns[0], cold, h, 0)
        assert ratio == pytest.approx((amplitude(2) / amplitude(1)) ** 2, rel=0.01)


def test_antiphase_boundary_splits_what_it_shifts(film, forward: SaedForward) -> None:
    whole, split = film(1.0)[0], film(1.0, antiphase=True)[0]
    one, two = forward.expected(whole), forward.expected(split)
    g = 16 / whole.cell[0, 0]
    axis = forward.axes()[1]
    x, y = round(axis.index(g)), 256
    side = round(1 / whole.cell[0, 0] / axis.scale)
    assert one[y, x] > 20 * one[y, x + 3 * side]
    assert two[y, x] < 0.5 * max(two[y, x - side], two[y, x + side])  # 100 has its middle taken out
    assert spot(forward, two, split, 1, 1) == pytest.approx(spot(forward, one, whole, 1, 1), rel=0.02)
    assert spot(forward, two, split, 2, 0) == pytest.approx(spot(forward, one, whole, 2, 0), rel=0.02)


def test_drift_moves_nothing(film, forward: SaedForward) -> None:
    atoms, _ = film(0.6)
    moved = AtomicModel(atoms.positions + np.array([3.3, -7.7, 0.0]), atoms.numbers, atoms.cell, atoms.u_iso)
    one, two = forward.expected(atoms), forward.expected(moved)
    np.testing.assert_allclose(two, one, atol=2e-4 * one.max())


def test_axes_and_metadata(forward: SaedForward) -> None:
    ky, kx = forward.axes()
    assert (ky.name, kx.name, ky.units, kx.units) == ("ky", "kx", "1/Å", "1/Å")
    assert ky.values[256] == 0.0
    assert kx.values[256] == 0.0
    assert forward.metadata()["mode"] == "SAED"
    assert forward.metadata()["unit"] == "counts"


def test_refuses_a_slanted_box(film, forward: SaedForward) -> None:
    atoms, _ = film(0.5, cells=4)
    slanted = atoms.cell + np.array([[0, 1.0, 0], [0, 0, 0], [0, 0, 0]])
    with pytest.raises(ValueError, match="box"):
        forward.expected(AtomicModel(atoms.positions, atoms.numbers, slanted, atoms.u_iso))


def test_is_quick(film, forward: SaedForward) -> None:
    atoms, _ = film(0.5)
    forward.expected(atoms)
    times = []
    for _ in range(5):
        start = time.process_time()
        forward.expected(atoms)
        times.append(time.process_time() - start)
    assert min(times) < 0.03
