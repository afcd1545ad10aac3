from pathlib import Path

import numpy as np
import pytest

from matstudio.dynamics.wells import DOUBLE_WELL, Boltzmann, Polynomial, Table, parse, starts

LAW = Boltzmann(DOUBLE_WELL, 0.045)


def test_the_double_well_has_its_exact_averages():
    assert LAW.mean_energy == pytest.approx(-0.224885, abs=1e-6)
    assert LAW.free_energy == pytest.approx(-0.223574, abs=1e-6)
    minima, tops = LAW.extrema
    np.testing.assert_allclose(minima, [-(0.5**0.5), 0.5**0.5], atol=1e-6)
    np.testing.assert_allclose(tops, [0.0], atol=1e-6)
    assert LAW.hops_per_time() == pytest.approx(8**0.5 / (2 * np.pi) * np.exp(-0.25 / 0.045), rel=1e-4)
    assert LAW.energy.text == "x^4 - x^2"


def test_the_law_of_a_parabola_is_normal():
    law = Boltzmann(Polynomial((1.0, -0.5, 1.5)), 0.3)
    p = np.exp(-((law.x - 1 / 6) ** 2) / (2 * 0.1)) / np.sqrt(2 * np.pi * 0.1)
    np.testing.assert_allclose(law.density, p, atol=1e-9)
    assert law.hops_per_time() == 0.0


def test_a_table_of_the_double_well_is_the_double_well(tmp_path: Path):
    x = np.linspace(-1.6, 1.6, 81)
    path = tmp_path / "wells.csv"
    path.write_text("# x, E\n" + "\n".join(f"{a},{b}" for a, b in zip(x, DOUBLE_WELL.energy(x), strict=True)))
    law = Boltzmann(parse(str(path)), 0.045)
    assert law.mean_energy == pytest.approx(LAW.mean_energy, abs=1e-5)
    far = np.array([-3.0, 3.0])
    assert (law.energy.energy(far) > law.energy.energy(far / 2)).all()
    h = 1e-5
    slope = (law.energy.energy(far + h) - law.energy.energy(far - h)) / (2 * h)
    np.testing.assert_allclose(law.energy.slope(far), slope, rtol=1e-6)


def test_starts():
    rng = np.random.default_rng(0)
    assert set(np.round(starts(LAW, "wells", 4, rng), 3)) == {-0.707, 0.707}
    assert (starts(LAW, "left", 4, rng) < 0).all()
    with pytest.raises(ValueError, match="start 'right': normal, left, wells"):
        starts(LAW, "right", 4, rng)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1,1,1", "highest power"),
        ("0,-1", "highest power"),
        ("nan,1", "not finite"),
        ("0,0,0,0,0,0,0,0,0,1", "up to 8"),
    ],
)
def test_wrong_polynomials_are_refused(text: str, says: str):
    with pytest.raises(ValueError, match=says):
        parse(text)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("0 1\n1 2\n", "at least 4"),
        ("0 1\n1 2\n1 3\n2 4\n", "not ascending"),
        ("0 1\nx 2\n", "line 2"),
        ("", "no point"),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, rows: str, says: str):
    (tmp_path / "e.csv").write_text(rows)
    with pytest.raises(ValueError, match=says):
        parse(str(tmp_path / "e.csv"))
    with pytest.raises(ValueError, match="must not fall"):
        Table((0.0, 1.0, 2.0, 3.0), (3.0, 2.0, 1.0, 0.0))


def test_a_law_without_bounds_is_refused():
    with pytest.raises(ValueError, match="spread beyond"):
        Boltzmann(Polynomial((0.0, 0.0, 1e-6)), 1.0)
    with pytest.raises(ValueError, match="more than 0"):
        Boltzmann(DOUBLE_WELL, float("nan"))
