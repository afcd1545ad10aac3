"""The network's reading of an image, with a network of known weights: places, notes, damage, bits."""

import json

import numpy as np
import pytest
import torch

from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.modalities.image.detect import Found
from matstudio.modalities.image.network import ARCHITECTURE, CELL, STRIDE, ColumnNet, fused, run
from matstudio.modalities.image.unet import READING, Settings, UNet, joined, places, vouched
from matstudio.modalities.weights import save_weights


@pytest.fixture
def weights(tmp_path):
    """A network that was not trained, in a file."""
    torch.manual_seed(5)
    facts = {"model": "unet", "architecture": ARCHITECTURE, "version": "7", "settings": Settings(0.1).dumps()}
    path = tmp_path / "unet.safetensors"
    save_weights(path, {k: v.contiguous() for k, v in ColumnNet().state_dict().items()}, facts)
    return path


def frame(data: np.ndarray, pixel: float | None = 0.1, **metadata: object) -> Frame:
    unit, scale = ("Å", pixel) if pixel else ("px", 1.0)
    axes = tuple(Axis(n, unit, scale, 0.0, size) for n, size in zip("yx", data.shape, strict=True))
    return Frame("image", Kind.IMAGE, 3, data, axes, 0.0, 0.1, "simulated", {"quantity": "counts", **metadata})


def grid(pixel: float = 0.1) -> np.ndarray:
    """A square lattice of bright columns 2.5 Å apart, with counting noise."""
    at = np.arange(200) * pixel
    wave = np.exp(-0.5 * ((at[:, None] % 2.5 - 1.25) / 0.4) ** 2)
    return np.random.default_rng(0).poisson(30 * wave * wave.T + 1).astype(np.float32)


def test_the_network_has_half_a_million_parameters_and_sees_20_angstrom():
    net = ColumnNet().eval()
    assert 0.4e6 < sum(p.numel() for p in net.parameters()) < 0.6e6
    x = torch.zeros(1, 5, 512, 512, requires_grad=True)
    net(x)[0, 0, 128, 128].backward()
    seen = torch.nonzero(x.grad.abs().sum((0, 1)))
    assert ((seen.max(0).values - seen.min(0).values) * 0.1 > 20).all()


def test_views_of_any_size_are_read_and_a_padded_edge_changes_only_what_is_near():
    torch.manual_seed(1)
    net = ColumnNet().eval()
    for shape in ((48, 49), (63, 130)):
        assert run(net, torch.randn(5, *shape)).shape == (3, -(-shape[0] // CELL), -(-shape[1] // CELL))
    assert run(net, torch.randn(5, 3 * STRIDE, 3 * STRIDE))[0].amin() > 0


def test_the_fused_network_gives_the_same_answer():
    torch.manual_seed(1)
    net = ColumnNet()
    for _ in range(3):  # so that the norms do something
        net(torch.randn(2, 5, 96, 96) * 2 + 1)
    net.eval()
    x = torch.randn(5, 64, 80)
    expected = run(net, x)
    torch.testing.assert_close(run(fused(net), x), expected, rtol=1e-4, atol=1e-5)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules())


def test_places_are_the_maxima_with_their_offsets():
    answer = np.zeros((3, 40, 50), np.float32)
    answer[0, 10, 20], answer[1:, 10, 20] = 0.9, (0.25, -0.5)
    answer[0, 11, 21] = 0.8  # of the same column
    answer[0, 10, 24] = 0.5  # 0.8 Å away
    answer[0, 30, 30] = 0.3
    xy, heat = places(answer, 0.4)
    assert np.allclose(xy, [[20.25 * 2 + 0.5, 9.5 * 2 + 0.5], [48.5, 20.5]])
    assert np.allclose(heat, [0.9, 0.5])


def test_a_weak_place_counts_only_near_a_certain_one():
    xy = np.array([[10.0, 10.0], [60.0, 10.0], [80.0, 10.0], [200.0, 10.0]])
    assert vouched(xy, np.array([True, False, False, False])).tolist() == [True, True, False, False]
    assert not vouched(xy, np.zeros(4, bool)).any()
    assert vouched(np.zeros((0, 2)), np.zeros(0, bool)).shape == (0,)


def test_filters_add_a_kind_of_column_that_the_network_misses_but_no_single_places():
    def found(xy: np.ndarray, least: float) -> Found:
        return Found(xy, 4.0, 1, np.full(len(xy), least), np.zeros(len(xy)))

    ours = found(np.stack(np.meshgrid(np.arange(5), np.arange(4)), -1).reshape(-1, 2) * 30.0, 0.0)
    theirs = found(np.concatenate([ours.xy + 5.0, ours.xy[:2] + 15.0]), 3.0)
    both = joined(ours, theirs, 12.0)
    assert np.array_equal(both.xy, np.concatenate([ours.xy, ours.xy[:2] + 15.0]))
    assert both.least.tolist() == [0.0] * 20 + [3.0] * 2
    assert joined(ours, theirs.take(np.arange(21)), 12.0) is ours
    assert len(joined(ours.take(np.arange(0)), theirs, 12.0).xy) == 22


def test_the_same_frame_gives_the_same_bits_and_the_estimate_names_the_weights(weights):
    one, two = UNet(weights)(frame(grid())), UNet(weights)(frame(grid()))
    assert one.model == two.model
    assert (one.model.name, one.model.version) == ("unet", f"7.{READING}")
    assert one.arrays["columns"].tobytes() == two.arrays["columns"].tobytes()
    assert one.arrays["columns_sigma"].shape == one.arrays["columns"].shape


def test_a_checksum_tells_settings_and_weights_apart(weights, tmp_path):
    torch.manual_seed(6)
    facts = {"architecture": ARCHITECTURE, "settings": Settings(0.1).dumps()}
    save_weights(tmp_path / "other", {k: v.contiguous() for k, v in ColumnNet().state_dict().items()}, facts)
    assert UNet(weights)(frame(grid())).model.checksum != UNet(tmp_path / "other")(frame(grid())).model.checksum


@pytest.mark.parametrize(
    ("data", "pixel", "says"),
    [
        (grid(), 0.3, "trained on 0.04 to 0.25 Å"),
        (grid(), None, "no pixel size, which the network needs: found by filters"),
        (grid()[:30, :100], 0.1, "3 x 10 Å are too small a view"),
        (grid()[:60, :60], 0.03, "1.8 x 1.8 Å are too small a view"),
    ],
)
def test_what_the_network_was_not_trained_on_is_said(weights, data, pixel, says):
    assert any(says in note for note in UNet(weights)(frame(data, pixel)).notes)


def test_statistics_outside_those_of_the_training_are_said(weights, tmp_path):
    made = UNet(weights)
    assert not any("unlike" in n for n in made(frame(grid())).notes)
    made.find.settings = Settings(0.1, ranges=(("column signal", 0.0, 0.01), ("skewness", -99.0, 99.0)))
    assert "unlike the images that the network was trained on: column signal" in made(frame(grid())).notes


def test_weights_of_another_shape_and_damaged_settings_are_refused_with_one_line(weights, tmp_path):
    facts = {"architecture": ARCHITECTURE, "settings": Settings().dumps()}
    save_weights(tmp_path / "a", {"stem.1.weight": torch.zeros(3)}, facts)
    with pytest.raises(ValueError, match=r"^[^\n]*weights do not fit[^\n]*$"):
        UNet(tmp_path / "a")
    tensors = {k: v.contiguous() for k, v in ColumnNet().state_dict().items()}
    for text in ("", "[]", "{", json.dumps({"threshold": "high", "least": 0, "weakest": 0, "ranges": []})):
        save_weights(tmp_path / "b", tensors, facts | {"settings": text})
        with pytest.raises(ValueError, match=r"^[^\n]+$"):
            UNet(tmp_path / "b")


def test_an_unreadable_frame_is_refused_as_by_the_baseline(weights):
    with pytest.raises(ValueError, match="every pixel has the value"):
        UNet(weights)(frame(np.ones((64, 64), np.float32)))
