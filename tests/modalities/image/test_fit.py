"""The fit of columns: fine pixels are summed first, which must not be seen in its answer."""

import numpy as np
import pytest

from matstudio.modalities.image import fit as fitting
from matstudio.modalities.image.detect import Spectrum
from matstudio.modalities.image.fit import fit

WIDTH = 6.3
SHAPE = (301, 260)


def image(xy: np.ndarray, amplitude: float, rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    spots = np.exp(-((x - xy[:, :1, None]) ** 2 + (y - xy[:, 1:, None]) ** 2) / (2 * WIDTH**2))
    return rng.poisson(2.0 + amplitude * spots.sum(0) / (2 * np.pi * WIDTH**2)).astype(float)


@pytest.mark.parametrize("free_width", [True, False])
def test_sums_of_fine_pixels_give_the_same_columns(monkeypatch, free_width):
    rng = np.random.default_rng(1)
    index = np.stack(np.meshgrid(np.arange(6), np.arange(7)), -1).reshape(-1, 2)
    true = 25.3 + 41.7 * index + rng.normal(0, 0.5, index.shape)
    seen = image(true, 4000.0, rng)

    def found() -> fitting.Columns:
        start, width = true + 1.0, np.full(len(true), WIDTH)
        return fit(seen, start, width, sign=1, counts=True, rounds=6, length=40.0, hold=4.0, free_width=free_width)

    summed = found()
    monkeypatch.setattr(fitting, "_FINE", np.inf)
    exact = found()
    assert not np.array_equal(summed.xy, exact.xy), "nothing was summed"
    assert np.sqrt((((summed.xy - exact.xy) / exact.sigma_xy) ** 2).mean()) < 0.2, "1 % of precision makes 0.15"
    assert np.abs((summed.amplitude - exact.amplitude) / exact.sigma_amplitude).max() < 0.3
    assert summed.sigma_xy == pytest.approx(exact.sigma_xy, rel=0.05)
    assert summed.sigma_amplitude == pytest.approx(exact.sigma_amplitude, rel=0.05)
    assert summed.width == pytest.approx(exact.width, rel=0.01)
    assert ((summed.xy - true) / summed.sigma_xy).std() == pytest.approx(1.0, abs=0.2)


def test_a_filter_at_places_is_the_filter_of_the_whole():
    rng = np.random.default_rng(2)
    true = rng.uniform(30, 220, (12, 2))
    spectrum = Spectrum(image(true, 4000.0, rng), 2.0)
    whole = spectrum.apply(spectrum.blob(WIDTH))
    at = np.rint(true)
    column, row = at.astype(int).T
    assert spectrum.applied_at(spectrum.blob(WIDTH), at) == pytest.approx(
        whole[row, column], abs=0.02 * float(whole.max())
    )
