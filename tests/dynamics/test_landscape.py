import math

import numpy as np
import pytest

from matstudio.dynamics.landscape import Landscape, Verdict, correlation, landscape, model_landscape
from matstudio.instruments.twin.options import Options
from matstudio.instruments.twin.plant import Plant


def domains(T: float, atoms: float, n: int, steps: int, start: tuple[float, ...], seed: int = 0) -> np.ndarray:
    """S (chains, steps) of domains held at T, every 0.5 s, by the twin's own step."""
    plant, rng = Plant(), np.random.default_rng(seed)
    s = np.resize(start, n)
    rows = []
    for k in range(10 * (steps + 20)):
        kick = rng.standard_normal(n) / math.sqrt(atoms)
        s = np.clip(np.abs(plant.model.step(s, T, plant.dt, kick=kick)), 1e-4, 0.9999)
        if k % 10 == 0:
            rows.append(s)
    return np.array(rows[20:]).T


def measured(s: np.ndarray, noise: float) -> Landscape:
    e = noise * np.random.default_rng(9).uniform(0.7, 1.3, s.size)
    return landscape(s.ravel() + e * np.random.default_rng(1).standard_normal(s.size), e)


def off(found: Landscape, T: float, atoms: float, most: float = 2.0) -> np.ndarray:
    """F less that of the model, where F is below `most` kT, with the same average."""
    there = np.isfinite(found.F)
    weight = np.exp(-found.F[there])
    d = (found.F - model_landscape(found.S, T, atoms))[there]
    return (d - np.average(d, weights=weight))[found.F[there] < most]


@pytest.mark.parametrize(("T", "noise"), [(640.0, 0.012), (690.0, 0.03)])
def test_a_small_domain_shows_the_models_free_energy(T: float, noise: float):
    found = measured(domains(T, 1000, 100, 200, (0.85 if T < 663 else 0.05,)), noise)
    assert found.verdict is Verdict.SHOWN
    assert np.abs(off(found, T, 1000)).max() < 0.1
    shown = np.isfinite(found.error)
    assert (found.error[shown] > 0).all()


def test_at_the_transition_there_are_two_wells_and_a_barrier():
    grid = np.linspace(0.0, 0.99, 1000)
    law = np.cumsum(np.exp(-model_landscape(grid, 664.0, 1000)))
    first = np.interp(np.random.default_rng(5).random(1000), law / law[-1], grid)  # hops take too long to wait for
    s = domains(664.0, 1000, 1000, 120, tuple(first))
    found = measured(s, 0.012)
    model = model_landscape(found.S, 664.0, 1000)
    middle = (found.S > 0.3) & (found.S < 0.7)
    top = found.S[middle][np.argmax(model[middle])]
    barrier = np.interp(top, found.S, found.F)
    low, high = found.F[top > found.S], found.F[top < found.S]
    assert barrier - np.nanmin(low) > 1.0
    assert barrier - np.nanmin(high) > 1.0
    assert np.abs(off(found, 664.0, 1000)).max() < 0.1


def test_noise_that_hides_the_fluctuations_is_told():
    s = domains(600.0, 2e5, 20, 60, (0.913,))
    found = measured(s, 0.012)
    assert found.verdict is Verdict.HIDDEN
    assert found.F.size == 0
    assert "noise hides the fluctuations" in found.text


def test_few_values_are_told():
    s = domains(640.0, 1000, 1, 30, (0.86,))
    assert measured(s, 0.01).verdict is Verdict.TOO_FEW
    still = landscape(np.full(500, 0.8), np.full(500, 0.01))
    assert still.verdict is Verdict.HIDDEN
    assert landscape(np.full(500, np.nan), np.full(500, 0.01)).samples == 0
    assert landscape(np.empty(0), np.empty(0)).verdict is Verdict.TOO_FEW


def test_nothing_is_said_where_no_sample_was():
    found = measured(domains(640.0, 1000, 40, 100, (0.86,)), 0.01)
    assert np.isnan(found.F[found.S < 0.6]).all()
    assert np.isnan(found.error[np.isnan(found.F)]).all()


def test_the_band_is_wider_with_fewer_samples():
    s = domains(640.0, 1000, 100, 100, (0.86,))
    few, many = measured(s[:10], 0.01), measured(s, 0.01)
    assert many.independent > 5 * few.independent
    assert np.nanmin(few.error) > 1.5 * np.nanmin(many.error)


def test_values_that_follow_each_other_count_less():
    rng = np.random.default_rng(0)
    z = rng.standard_normal(20_000)
    assert correlation(z) < 1.15
    for k in range(1, z.size):
        z[k] += 0.9 * z[k - 1]
    assert correlation(z) == pytest.approx(19.0, rel=0.15)


def test_atoms_per_domain_are_an_option_of_the_twin():
    assert Options().changed({"domain_atoms": 800}).domain_atoms == 800.0
    for wrong in (10, True, "many", float("nan")):
        with pytest.raises(ValueError, match="option domain_atoms"):
            Options().changed({"domain_atoms": wrong})
    plants = [Plant(seed=3, S=0.8, T=640.0, domain_atoms=n) for n in (500.0, 2e5)]
    for plant in plants:
        plant.step()
    after = Plant(seed=3, S=0.8, T=640.0, noise=False)
    after.step()
    kicks = [plant.S - after.S for plant in plants]
    assert kicks[0] / kicks[1] == pytest.approx(20.0, rel=1e-6)
