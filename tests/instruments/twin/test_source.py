import json

import numpy as np
import pytest

from matstudio.domain.clock import SimClock
from matstudio.domain.frame import Kind
from matstudio.domain.process import Setpoint
from matstudio.instruments.twin.frames import TwinFrames
from matstudio.instruments.twin.options import Options
from matstudio.instruments.twin.server import BACKLASH, TwinSource

MAKER = TwinFrames()


def made(source, stream, seq, t_start, t_end, maker=MAKER):
    """The frame, as the process of the frames makes it from what it is sent."""
    return maker.make(json.loads(json.dumps(source.expose(stream, seq, t_start, t_end))))


def frames(options, n=3, heater=1.0, period=0.2):
    clock = SimClock()
    source = TwinSource(clock, options)
    out = []
    for seq in range(n):
        source.device.heartbeat(clock.now())
        source.device.set(Setpoint("heater", heater, "1", "test", clock.now()))
        clock.advance(period)
        source.step(clock.now())
        out += [made(source, str(kind), seq, clock.now() - 0.1, clock.now()) for kind in Kind]
    return out


@pytest.fixture(scope="module")
def first():
    return frames(Options(seed=5))


def test_frames_are_what_is_promised(first):
    image, pattern, spectrum = first[:3]
    assert [f.kind for f in first[:3]] == [Kind.IMAGE, Kind.DIFFRACTION, Kind.SPECTRUM]
    assert (image.data.shape, image.data.dtype) == ((512, 512), np.uint16)
    assert (pattern.data.shape, pattern.data.dtype) == ((512, 512), np.uint16)
    assert (spectrum.data.shape, spectrum.data.dtype) == ((2048,), np.uint32)
    assert image.axes[0].units == "Å"
    assert image.axes[1].scale == pytest.approx(0.115)
    assert spectrum.axes[0].index(931) > 0
    for frame in first:
        assert not frame.data.flags.writeable
        assert frame.metadata["instrument"] == "twin"
        assert frame.metadata["material"] == "Cu3Au"
        assert frame.metadata["stage_temperature_K"] == pytest.approx(300, abs=5)
        assert frame.metadata["truth"]["order_parameter"] == pytest.approx(0.05, abs=0.01)
        assert frame.clock == "simulated"


def test_same_seed_same_frames(first):
    for a, b in zip(first, frames(Options(seed=5)), strict=True):
        np.testing.assert_array_equal(a.data, b.data)
        assert a.metadata == b.metadata
    other = frames(Options(seed=6), 1)
    assert all((a.data != b.data).any() for a, b in zip(first, other, strict=False))


def test_a_frame_depends_on_nothing_that_was_made_before():
    source = TwinSource(SimClock(), Options(seed=4, antiphase=True))
    for stream in ("image", "spectrum"):
        after, fresh = (made(source, stream, 7, 0.0, 0.1, maker) for maker in (MAKER, TwinFrames()))
        np.testing.assert_array_equal(after.data, fresh.data)
        assert after.metadata == fresh.metadata


def test_noise_is_counting_noise(first):
    quiet = frames(Options(seed=5, noise=False), 1)
    for noisy, exact in zip(first, quiet, strict=False):
        if noisy.kind is Kind.IMAGE:
            continue  # the stage drifts where there is noise
        z = (noisy.data.astype(float) - exact.data) / np.sqrt(np.maximum(exact.data, 1.0))
        strong = exact.data > 20
        assert z[strong].std() == pytest.approx(1.0, abs=0.1)


def test_order_shows_in_all_three():
    def at(order):
        source = TwinSource(SimClock(), Options(noise=False))
        source.device.plant.S = source._shown_order = order
        return [made(source, str(kind), 0, 0.0, 0.1).data.astype(float) for kind in Kind]

    low, high = at(0.0), at(0.9)
    for a, b in zip(low, high, strict=True):
        assert np.sqrt(((a - b) ** 2 / (a + b + 1)).sum()) > 50  # standard errors of counting


def test_the_specimen_follows_with_a_backlash():
    source = TwinSource(SimClock(), Options())
    seen = []
    for order in (0.5, 0.5 + 1.5 * BACKLASH, 0.5, 0.6, 0.5):
        source.device.plant.S = order
        seen.append(made(source, "spectrum", 0, 0.0, 0.1).metadata["truth"]["order_parameter"])
    assert seen[1] == pytest.approx(0.5 + 0.5 * BACKLASH, abs=3e-4)
    assert seen[2] == seen[1]
    assert seen[3] == pytest.approx(0.6 - BACKLASH, abs=3e-4)
    assert seen[4] == pytest.approx(0.5 + BACKLASH, abs=3e-4)


def test_options():
    options = Options.of_run({"seed": 3, "record": "x", "rates": {"image": 0}})
    assert options.seed == 3
    assert [options.rate(s) for s in ("image", "diffraction")] == [0.0, 5.0]
    assert options.changed({"stress": True}).rate("image") == 30.0
    for wrong, word in (
        ({"seed": -1}, "seed"),
        ({"seed": True}, "seed"),
        ({"noise": 1}, "noise"),
        ({"dose_factor": float("nan")}, "dose_factor"),
        ({"rates": {"sound": 1}}, "sound"),
        ({"rates": {"image": 1000}}, "1000"),
        ({"colour": 1}, "colour"),
    ):
        with pytest.raises(ValueError, match=word):
            options.changed(wrong)


def test_configure_while_running():
    clock = SimClock()
    source = TwinSource(clock, Options())
    rate = source.device.plant.dose_rate
    assert rate > 0
    before = made(source, "image", 0, 0.0, 0.1)
    source.configure({"dose_factor": 0.5, "antiphase": True})
    after = made(source, "image", 1, 0.1, 0.2)
    assert source.device.plant.dose_rate == pytest.approx(rate / 2)
    assert after.data.mean() / before.data.mean() == pytest.approx(0.5, abs=0.02)
    assert after.metadata["dose_e_per_A2"] == before.metadata["dose_e_per_A2"] / 2
    assert after.metadata["truth"]["antiphase"]
    source.configure({"seed": 9, "noise": False, "antiphase": False, "dose_factor": 1.0})
    assert source.state()["seed"] == 9
    assert not source.state()["noise"]
    with pytest.raises(ValueError, match="no option"):
        source.configure({"noise": True, "x": 1})
    assert not source.state()["noise"]


def test_a_full_detector_saturates():
    source = TwinSource(SimClock(), Options(dose_factor=1000.0))
    frame = made(source, "diffraction", 0, 0.0, 0.1)
    assert frame.data.dtype == np.uint16
    assert frame.data.max() == 65535


def test_stress_repeats_frames_made_before():
    source = TwinSource(SimClock(), Options(stress=True))
    got = [made(source, "spectrum", seq, seq / 30, (seq + 1) / 30) for seq in range(20)]
    assert [f.seq for f in got] == list(range(20))
    assert got[19].t_end == pytest.approx(20 / 30)
    assert got[16].data is got[8].data
    assert got[8].data is not got[9].data
    assert got[19].metadata["precomputed"]
    source.configure({"dose_factor": 2.0})
    assert made(source, "spectrum", 20, 0.7, 0.8).data.mean() > 1.5 * got[0].data.mean()


def test_a_bad_sensor_leaves_no_temperature_in_the_frame():
    source = TwinSource(SimClock(), Options())
    source.device.fault("nan")
    assert "stage_temperature_K" not in made(source, "spectrum", 0, 0.0, 0.1).metadata
