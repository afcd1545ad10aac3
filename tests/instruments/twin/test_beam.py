"""A blanked beam: no dose, dark frames, and no model that sees order in them."""

import pytest

from matstudio.domain.clock import SimClock
from matstudio.domain.process import Setpoint
from matstudio.instruments.twin.detectors import DARK_COUNTS
from matstudio.instruments.twin.frames import Shot, TwinFrames
from matstudio.instruments.twin.local import LocalTwin
from matstudio.modalities.base import modality


def test_the_beam_counts_the_dose_and_safe_blanks_it():
    twin = LocalTwin(SimClock())
    twin.plant.dose_rate = 1000.0
    twin.advance(1.0)
    assert twin.readings()["dose"].value == pytest.approx(1000.0)
    twin.safe()
    twin.advance(1.0)
    readings = twin.readings()
    assert (readings["beam"].value, readings["dose_rate"].value) == (0.0, 0.0)
    assert readings["dose"].value == pytest.approx(1000.0)
    twin.write(Setpoint("beam", 1.0, "1", "operator:ana", 2.0))
    twin.advance(1.0)
    assert twin.readings()["dose"].value == pytest.approx(2000.0)


def shot(kind, blanked, stress=False):
    made = Shot(
        kind, 0, 0.0, 0.1, "c", order=0.9, composition=0.25, temperature_K=600.0, drift_A=(0.0, 0.0), seed=0,
        noise=True, antiphase=False, dose_factor=1.0, stress=stress, facts={"beam_blanked": blanked},
    )  # fmt: skip
    return vars(made)


@pytest.mark.parametrize("kind", ["image", "diffraction", "spectrum"])
def test_dark_frames_show_dark_counts_and_no_order(kind):
    frames = TwinFrames((kind,))
    dark, light = frames.make(shot(kind, True)), frames.make(shot(kind, False))
    assert dark.data.mean() == pytest.approx(DARK_COUNTS, rel=0.2)
    assert light.data.mean() > 10 * dark.data.mean()
    assert dark.metadata["beam_blanked"]
    assert frames.make(shot(kind, True, stress=True)).data.max() <= 5
    model = modality(kind).inverse("baseline")
    assert "order_parameter" in model(light).quantities
    assert "order_parameter" not in model(dark).quantities
