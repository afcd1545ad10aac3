"""The lattice network with weights that were not trained, and what is read out of maps of translations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.modalities import weights
from matstudio.modalities.base import modality
from matstudio.modalities.image.cell import symmetry
from matstudio.modalities.image.network import ColumnNet
from matstudio.modalities.image.repeats import basis
from matstudio.modalities.image.unet import UNet
from matstudio.modalities.image.vit import ARCHITECTURE, STEP_A, LatticeNet, likeness, translations_A
from matstudio.modalities.image.vit_reader import VisionTransformer, grains, see
from matstudio.training.crystals import Columns, Crystal
from matstudio.training.symmetry import group, primitive
from matstudio.training.vit import truth
from matstudio.training.vit_card import same_lattice


def maps(*cells: list[list[float]], tokens: int = 144) -> np.ndarray:
    """Maps of translations (12, 12, K) as a perfect network would answer, of equal parts with each lattice."""
    out = []
    for cell in cells:
        index = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 2), -1).reshape(-1, 2)
        points = index[np.any(index != 0, axis=1)] @ np.array(cell)
        away = np.linalg.norm(translations_A()[:, None] - points[None], axis=2).min(1)
        spots = np.exp(-0.5 * (away / 0.3) ** 2)
        out.append(np.tile(spots, (tokens // len(cells), 1)))
    return np.concatenate(out).reshape(12, 12, -1)


CELLS = [
    [[2.5, 0.3], [-0.3, 2.5]],
    [[3.0, 1.0], [-0.8, 4.1]],
    [[2.46, 0.0], [1.23, 2.13]],
    [[6.0, 1.0], [0.5, 5.0]],
]


@pytest.mark.parametrize("cell", CELLS)
def test_a_lattice_is_read_out_of_its_translations(cell):
    made = basis(maps(cell).reshape(144, 21, 41).mean(0), STEP_A)
    assert made is not None
    assert same_lattice(made[0], np.array(cell))
    assert made[1] > 0.3


def test_noise_is_no_lattice_and_two_grains_are_two():
    noise = np.random.default_rng(0).random((21, 41)) * 0.1
    assert basis(noise, STEP_A) is None
    assert basis(np.zeros((21, 41)), STEP_A) is None
    found = grains(maps(CELLS[1], CELLS[0]))
    assert len(found) == 2
    assert {same_lattice(f, np.array(c)) for f in found for c in CELLS[:2]} == {True, False}


def test_what_is_alike_is_so_at_the_translations_of_the_lattice():
    at = (np.arange(192) + 0.5) * 0.1
    wave = np.exp(-0.5 * ((at % 3.2 - 1.6) / 0.4) ** 2)
    given = torch.zeros(1, 5, 192, 192)
    given[0, 2] = torch.from_numpy(np.outer(wave, wave)).float()
    with torch.no_grad():
        alike = likeness(ColumnNet().eval(), given)
    assert alike.shape == (1, 12, 12, 2 * len(translations_A()))
    blob = alike[0, 3, 5, len(translations_A()) :].numpy()
    best = translations_A()[np.argsort(-blob)[:4]]
    assert np.all(np.abs(best / 3.2 - np.rint(best / 3.2)) < 0.07)


@pytest.mark.parametrize(
    ("cell", "sites", "weight", "wanted"),
    [
        ([[3, 0], [0, 3]], [[0, 0]], [1], "4mm"),
        ([[3, 0], [0, 4]], [[0, 0], [0.5, 0.5]], [1, 1], "2mm"),
        ([[3, 0], [-1.5, 2.598]], [[1 / 3, 2 / 3], [2 / 3, 1 / 3]], [1, 1], "6mm"),
        ([[3, 0], [-1.5, 2.598]], [[1 / 3, 2 / 3], [2 / 3, 1 / 3]], [1, 0.4], "3m"),
        ([[3, 0.4], [0.9, 4]], [[0, 0]], [1], "2"),
        ([[5, 0], [0, 5]], [[0, 0], [0.3, 0.1], [-0.1, 0.3], [-0.3, -0.1], [0.1, -0.3]], [1, 0.5, 0.5, 0.5, 0.5], "4"),
        ([[3, 0], [0, 4]], [[0, 0], [0.3, 0.2]], [1, 0.4], "1"),
        ([[3, 0], [0, 4]], [[0, 0], [0, 0.3]], [1, 0.4], "m"),
    ],
)
def test_symmetry_of_crystals(cell, sites, weight, wanted):
    what = Crystal(np.array(cell, float), np.array(sites, float), np.array(weight, float), np.zeros(len(sites), int))
    assert group(what, primitive(what)) == wanted


@pytest.mark.parametrize(
    ("cell", "sites", "wanted"),
    [
        ([[30, 0], [0, 30]], [(0, 0, 1.0)], "4mm"),
        ([[30, 3], [8, 40]], [(0, 0, 1.0)], "2"),
        ([[30, 0], [-15, 25.98]], [(1 / 3, 2 / 3, 1.0), (2 / 3, 1 / 3, 0.5)], "3m"),
        ([[30, 0], [0, 42]], [(0, 0, 1.0), (0, 0.35, 0.6)], "m"),
    ],
)
def test_symmetry_of_the_mean_cell_of_an_image(cell, sites, wanted):
    y, x = np.mgrid[:320, :300]
    place = np.stack([x, y], -1) @ np.linalg.inv(np.array(cell, float))
    expected = np.full(x.shape, 0.1)
    for u, v, weight in sites:
        away = ((place - (u, v) + 0.5) % 1 - 0.5) @ np.array(cell, float)
        expected += 3 * weight * np.exp(-(away**2).sum(-1) / (2 * 4.0**2))
    made = symmetry(np.random.default_rng(0).poisson(expected).astype(float), np.array(cell, float), 0.1)
    assert made is not None
    assert made[0] == wanted
    assert made[1] > 0.95
    noise = np.random.default_rng(1).poisson(np.full(x.shape, 1.0)).astype(float)
    assert symmetry(noise, np.array(cell, float), 0.1) is None


def test_a_centred_cell_has_a_smaller_one():
    what = Crystal(np.diag([4.0, 4.0]), np.array([[0, 0], [0.5, 0.5]]), np.ones(2), np.zeros(2, int))
    assert abs(np.linalg.det(primitive(what))) == pytest.approx(8)


def test_the_truth_of_tokens_knows_where_the_crystal_ends_and_columns_are_absent():
    index = np.stack(np.meshgrid(np.arange(-1, 9), np.arange(-1, 9)), -1).reshape(-1, 2)
    xy = (index + 0.5) * 2.4
    xy = xy[(xy[:, 0] < 10) & (np.hypot(*(xy - [3.6, 8.4]).T) > 0.1)]
    columns = Columns(xy, np.ones(len(xy)), np.zeros(len(xy), int))
    repeats, order = truth(columns, [(np.diag([2.4, 2.4]), np.zeros(3))], 192)
    assert repeats[:, 9:].max() == 0
    assert repeats[3, 3].max() > 240
    assert order[10, 1] == 1
    assert order[5, 2] < 0.95  # near the vacancy
    assert order[5, 5] < 0.95  # at the surface


@pytest.fixture
def path(tmp_path):
    torch.manual_seed(3)
    file = tmp_path / "vit.safetensors"
    facts = {"model": "vit", "architecture": ARCHITECTURE, "version": "5"}
    weights.save_weights(file, {k: v.contiguous() for k, v in LatticeNet().state_dict().items()}, facts)
    return file


needs_unet = pytest.mark.skipif("unet" not in modality(Kind.IMAGE).offered(), reason="the column finder has no weights")


def picture(n: int = 256) -> Frame:
    at = np.arange(n) * 0.1
    wave = np.exp(-0.5 * ((at % 2.5 - 1.25) / 0.4) ** 2)
    data = np.random.default_rng(0).poisson(30 * np.outer(wave, wave) + 1).astype(np.float32)
    axes = tuple(Axis(name, "Å", 0.1, 0.0, n) for name in "yx")
    return Frame("image", Kind.IMAGE, 0, data, axes, 0.0, 0.1, "simulated", {"quantity": "counts", "mode": "HAADF"})


@needs_unet
def test_untrained_weights_see_no_lattice_and_columns_are_those_of_the_finder(path):
    model = VisionTransformer(path)
    assert model.version.startswith("5.")
    one, other = model(picture()), UNet()(picture())
    assert one.arrays["columns_order"].shape == (len(one.arrays["columns"]),)
    assert len(one.arrays["columns"]) == pytest.approx(len(other.arrays["columns"]), abs=3)


@needs_unet
def test_large_views_are_seen_in_windows(path):
    model = VisionTransformer(path)
    for shape in ((400, 64), (640, 500)):
        given = np.random.default_rng(0).normal(0, 1, (5, *shape)).astype(np.float32)
        seen = see(model.net, UNet().net, given)
        assert seen.order.shape == (shape[0] // 16, shape[1] // 16)


@needs_unet
def test_with_the_lattice_known_columns_come_nearer_to_it(path, monkeypatch):
    model = VisionTransformer(path)
    monkeypatch.setattr("matstudio.modalities.image.vit_reader.grains", lambda maps: (np.diag([2.5, 2.5]),))
    frame = picture()
    one, other = model(frame), UNet()(frame)
    for made in (one, other):
        xy = made.arrays["columns"] * 0.1
        made.arrays["error"] = ((xy - 1.25 + 1.25) % 2.5 - 1.25).std()
    assert one.arrays["error"] < 0.6 * other.arrays["error"]
    assert one.quantities["lattice_a"].value == pytest.approx(2.5, rel=0.002)
    assert one.quantities["disorder"].value < 0.03
    assert any(note.startswith("symmetry 4mm") for note in one.notes)


def test_damaged_weights_are_refused(path):
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="damaged"):
        VisionTransformer(path)
