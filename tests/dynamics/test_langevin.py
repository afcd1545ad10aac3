import numpy as np
import pytest
from scipy import stats

from matstudio.dynamics.langevin import Langevin, euler_mean_energy, generator, normals
from matstudio.dynamics.wells import DOUBLE_WELL, Boltzmann, Polynomial, Table

LAW = Boltzmann(DOUBLE_WELL, 0.045)


def test_the_numbers_are_standard_normal_and_independent():
    n = 1_000_000
    z = np.empty(n, np.float32)
    normals(generator(3), z)
    z = z.astype(float)
    assert abs(z.mean()) < 4 / n**0.5
    assert abs((z**2).mean() - 1) < 4 * (2 / n) ** 0.5
    assert abs((z**4).mean() - 3) < 4 * (96 / n) ** 0.5
    assert stats.kstest(z[:200_000], "norm").pvalue > 1e-3
    half = n // 2  # of one radius
    for f in (lambda v: v, lambda v: v**2):
        assert abs(np.corrcoef(f(z[:half]), f(z[half:]))[0, 1]) < 4 / half**0.5
    assert np.isfinite(z).all()


@pytest.mark.parametrize(
    "energy",
    [
        DOUBLE_WELL,
        Polynomial((0, 0.1, -1, 0.2, 1)),
        Polynomial((0, 0.3, 0.5)),
        Polynomial((0, 0, 1, 0, -2, 0, 1)),
        Polynomial((0, 0, 1, 0, -2, 0, 0.3, 0, 0.2)),
        Table(tuple(np.linspace(-1.5, 1.5, 61)), tuple(DOUBLE_WELL.energy(np.linspace(-1.5, 1.5, 61)))),
    ],
    ids=lambda e: e.text,
)
def test_a_step_without_noise_is_that_of_euler(energy):
    x = y = np.linspace(-1.3, 1.3, 11)
    got = Langevin(energy, 0.0, 0.001).advance(x, 7, generator(0))
    for _ in range(7):
        y = y - 0.001 * energy.slope(y)
    np.testing.assert_allclose(got, y, atol=2e-6)


def test_noise_spreads_particles_as_it_should():
    x = Langevin(Polynomial((0, 0, 1e-3)), 0.045, 0.001).advance(np.zeros(100_001, np.float32), 50, generator(1))
    var = 2 * 0.045 * 0.05
    assert abs(x.var() / var - 1) < 4 * (2 / x.size) ** 0.5
    assert abs(x.mean()) < 4 * (var / x.size) ** 0.5


def test_the_order_is_weakly_one():
    """Halving dt halves what the mean energy is off, by the chain's own law and by particles that follow it."""
    off = [euler_mean_energy(LAW, dt) - LAW.mean_energy for dt in (0.04, 0.02, 0.01, 0.001)]
    np.testing.assert_allclose([off[0] / off[1], off[1] / off[2]], 2.0, rtol=0.06)
    assert off[3] == pytest.approx(4.6e-5, abs=0.1e-5)
    seen = []
    for dt in (0.04, 0.02):
        motion, rng = Langevin(DOUBLE_WELL, 0.045, dt), generator(7)
        x = (np.sign(rng.standard_normal(25_000)) * 0.7).astype(np.float32)
        every = []
        for k in range(50):
            x = motion.advance(x, round(0.4 / dt), rng)
            if k > 3:
                every.append(DOUBLE_WELL.energy(x).mean())
        error = np.std(every, ddof=1) / len(every) ** 0.5
        assert np.mean(every) - LAW.mean_energy == pytest.approx(
            euler_mean_energy(LAW, dt) - LAW.mean_energy, abs=4 * error
        )
        seen.append((np.mean(every) - LAW.mean_energy, error))
    (a, da), (b, db) = seen
    assert abs(a - 2 * b) < 4 * np.hypot(da, 2 * db) + 0.06 * a
    assert a - b > 4 * np.hypot(da, db)  # it is there at all


def test_wrong_steps_are_refused():
    with pytest.raises(ValueError, match="dt nan"):
        Langevin(DOUBLE_WELL, 0.045, float("nan"))
    with pytest.raises(ValueError, match="diffusion -1"):
        Langevin(DOUBLE_WELL, -1.0, 0.001)
