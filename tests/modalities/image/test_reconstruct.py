"""The classical reading of images: order of the known alloy, columns of anything, and what cannot be read."""

from __future__ import annotations

import csv
import time
from functools import cache

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from matstudio.domain.estimate import Estimate
from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.domain.material import COPPER, GOLD, PROTOTYPES
from matstudio.domain.structure import AtomicModel
from matstudio.modalities.base import Inverse
from matstudio.modalities.image.forward import HaadfForward
from matstudio.modalities.image.reconstruct import Baseline
from matstudio.modalities.noise import poisson

CUBE = PROTOTYPES["Cu3Au"]
FORWARD = HaadfForward()


def film(
    s: float, temperature: float, seed: int, *, c: float = 0.25, boundary: bool = False
) -> tuple[AtomicModel, float]:
    """A film of 16^3 cells with exactly c, and its own order parameter.

    With `boundary` alpha lies at a/2[110] from its place in the middle half of the film.
    """
    rng = np.random.default_rng([seed, 11])
    corners = np.stack(np.meshgrid(*[np.arange(16)] * 3, indexing="ij"), -1).reshape(-1, 3)
    fractional = (corners[:, None] + CUBE.sites).reshape(-1, 3)
    site = np.tile(np.arange(4), len(corners))
    shifted = np.repeat((corners[:, 0] // 4) % 4 % 3 > 0, 4) & boundary
    alpha = np.where(shifted, site == 3, site == 0)
    gold = np.zeros(len(site), bool)
    on_alpha = min(round((c + 0.75 * s) * alpha.sum()), int(alpha.sum()))
    gold[rng.permutation(np.flatnonzero(alpha))[:on_alpha]] = True
    gold[rng.permutation(np.flatnonzero(~alpha))[: round(c * len(site)) - on_alpha]] = True
    a = CUBE.a(temperature)
    positions = fractional * a + rng.normal(0, 0.03, fractional.shape) + [*rng.uniform(-6, 6, 2), 0]
    heat = np.where(gold, GOLD.u_iso(temperature), COPPER.u_iso(temperature))
    model = AtomicModel(positions, np.where(gold, 79, 29), np.eye(3) * 16 * a, heat)
    return model, float(gold[alpha].mean() - gold[~alpha].mean())


def frame(data: np.ndarray, pixel: float | None = None, units: str = "Å", **metadata: object) -> Frame:
    unit, scale = ("px", 1.0) if pixel is None else (units, pixel)
    axes = tuple(Axis(n, unit, scale, 0.0, size) for n, size in zip("yx", data.shape, strict=False))
    return Frame("image", Kind.IMAGE, 7, data, axes, 1.0, 1.1, "simulated", metadata)


@cache
def read(s: float, temperature: float, seed: int, boundary: bool = False, c: float = 0.25) -> tuple[Estimate, float]:
    atoms, truth = film(s, temperature, seed, boundary=boundary, c=c)
    data = poisson(FORWARD.expected(atoms), np.random.default_rng([seed, 12]))
    facts = dict(FORWARD.metadata(), material="Cu3Au", stage_temperature_K=temperature, thickness_cells=16)
    facts["composition"] = c + 5e-4 * np.random.default_rng([seed, 13]).normal()
    return Baseline()(frame(data, 0.115, **facts)), truth


def test_order_parameter_and_its_error() -> None:
    """z-scores against the specimen's own atoms over S from 0 to 1 and 300 to 900 K have unit spread."""
    z, sigma = [], []
    for n, s in enumerate((0.0, 0.05, 0.12, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)):
        for repeat in range(2):
            estimate, truth = read(s, (300.0, 600.0, 900.0)[(n + repeat) % 3], 40 * n + repeat)
            q = estimate.quantities["order_parameter"]
            z.append((q.value - truth) / q.sigma)
            sigma.append(q.sigma)
    assert max(sigma) <= 0.03
    assert np.median(sigma) < 0.006
    assert 0.7 < np.std(z) < 1.35  # 24 of them: the spread itself is known to 15 %
    assert abs(np.mean(z)) < 0.5


def test_disorder_is_not_read_as_order() -> None:
    """The largest of four sublattices' contrasts is never 0; the estimate is, within its error."""
    for seed in (901, 902, 903):
        estimate, _ = read(0.0, 800.0, seed)
        q = estimate.quantities["order_parameter"]
        assert abs(q.value) < 2.5 * q.sigma
        assert q.sigma < 0.02
        assert not any("domain" in note for note in estimate.notes)


def test_antiphase_boundary_keeps_the_local_order() -> None:
    estimate, truth = read(0.8, 600.0, 5, boundary=True)
    q = estimate.quantities["order_parameter"]
    assert abs(q.value - truth) < 0.03
    assert "2 antiphase domains" in estimate.notes
    assert np.abs(estimate.arrays["order_map"]).mean() > 0.6


def test_composition_other_than_a_quarter() -> None:
    estimate, truth = read(0.6, 600.0, 6, c=0.22)
    q = estimate.quantities["order_parameter"]
    assert abs(q.value - truth) < 0.015
    c = estimate.quantities["composition"]
    assert abs(c.value - 0.22) < 2 * c.sigma


@pytest.mark.parametrize("factor", [0.5, 1.7])
def test_order_does_not_need_the_dose(factor: float) -> None:
    atoms, truth = film(0.7, 600.0, 8)
    data = poisson(FORWARD.expected(atoms) * factor, np.random.default_rng(8))
    facts = dict(FORWARD.metadata(), material="Cu3Au", stage_temperature_K=600.0, composition=0.25)
    q = Baseline()(frame(data, 0.115, **facts)).quantities["order_parameter"]
    assert abs(q.value - truth) < 3.5 * q.sigma


def test_columns_of_the_alloy() -> None:
    estimate, _ = read(0.8, 600.0, 9 * 40)
    arrays, n = estimate.arrays, len(estimate.arrays["columns"])
    assert 930 < n < 1030
    assert arrays["columns_sigma"].shape == (n, 2)
    assert arrays["columns_intensity"].shape == arrays["columns_au"].shape == (n,)
    assert arrays["order_map"].shape == (32, 32)
    assert ((arrays["columns_au"] >= 0) & (arrays["columns_au"] <= 1)).all()
    a = estimate.quantities["lattice_a"]
    assert abs(a.value - CUBE.a(600.0)) < 3 * a.sigma
    atoms, _ = film(0.8, 600.0, 9 * 40)
    box = atoms.cell[0, 0]
    near = cKDTree(np.mod(atoms.positions[:, :2], box), boxsize=box)
    distance, index = near.query(np.mod(arrays["columns"] * 0.115, box), k=16)
    assert np.median(distance.max(1)) < 0.15  # the 16 atoms of one column
    truth = (atoms.numbers[index] == 79).mean(1)
    assert np.abs(arrays["columns_au"] - truth).mean() < 0.03
    error = (arrays["columns_au"] - truth) / arrays["columns_au_sigma"]
    inner = np.all((arrays["columns"] > 12) & (arrays["columns"] < 500), axis=1)
    assert 0.5 < np.median(np.abs(error[inner])) / 0.6745 < 1.5


def test_structure_of_the_alloy() -> None:
    estimate, _ = read(0.8, 600.0, 9 * 40)
    sites = estimate.structure
    assert sites is not None
    assert sites.species == ("Au", "Cu")
    assert len(sites.positions) == 16 * len(estimate.arrays["columns"])
    assert np.allclose(sites.occupancy.sum(1), 1)
    inner = sites.positions[np.all((sites.positions > 8) & (sites.positions < 50), axis=1)]
    nearest = cKDTree(sites.positions).query(inner, k=13)[0]
    assert np.allclose(nearest[:, 1:], CUBE.a(600.0) / np.sqrt(2), atol=0.15)  # twelve fcc neighbours


def test_turned_lattice() -> None:
    atoms, truth = film(0.7, 600.0, 14)
    turn = np.deg2rad(17.0)
    rotation = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    turned = AtomicModel(atoms.positions @ rotation, atoms.numbers, atoms.cell @ rotation, atoms.u_iso)
    data = poisson(FORWARD.expected(turned), np.random.default_rng(3))
    facts = dict(FORWARD.metadata(), material="Cu3Au", stage_temperature_K=600.0)
    q = Baseline()(frame(data, 0.0115, "nm", **facts)).quantities["order_parameter"]
    assert abs(q.value - truth) < 0.015


def lattice_image(
    basis: np.ndarray, width: float, counts: float, level: float, sign: int = 1, size: int = 256
) -> tuple[np.ndarray, np.ndarray]:
    """Two columns a cell, one half as strong as the other; expected counts, and true positions."""
    index = np.stack(np.meshgrid(*[np.arange(-60, 60)] * 2), -1).reshape(-1, 2)
    xy = np.concatenate([np.add(index, shift) @ basis for shift in (0, 1 / 3)]) + np.array([3.3, 5.1])
    strength = np.r_[np.full(len(index), counts), np.full(len(index), counts / 2)]
    keep = np.all((xy > -15) & (xy < size + 15), axis=1)
    xy, strength = xy[keep], strength[keep]
    grid = np.arange(size)
    gx = np.exp(-((grid - xy[:, :1]) ** 2) / (2 * width**2))
    gy = np.exp(-((grid - xy[:, 1:]) ** 2) / (2 * width**2))
    image = level + sign * (gy * (strength / (2 * np.pi * width**2))[:, None]).T @ gx
    return image, xy[np.all((xy > 8) & (xy < size - 8), axis=1)]


HEXAGONAL = np.array([[24.0, 0.0], [12.0, 12 * np.sqrt(3)]])


@pytest.mark.parametrize(("sign", "pixel"), [(1, 0.13), (-1, 0.13), (1, None), (-1, None)])
def test_finds_columns_without_being_told(sign: int, pixel: float | None) -> None:
    image, truth = lattice_image(HEXAGONAL, 3.2, 3000.0, 60.0, sign)
    data = np.random.default_rng(2).poisson(image).astype(np.uint16)
    model: Inverse = Baseline()
    estimate = model(frame(data, pixel))
    distance, which = cKDTree(estimate.arrays["columns"]).query(truth)
    assert (distance < 2).mean() > 0.98
    inner = np.all((estimate.arrays["columns"] > 8) & (estimate.arrays["columns"] < 247), axis=1)
    assert inner.sum() < 1.04 * len(truth)
    found = distance < 2
    error = (estimate.arrays["columns"][which[found]] - truth[found]) / estimate.arrays["columns_sigma"][which[found]]
    assert 0.7 < error.std() < 1.3
    if pixel is None:
        assert "lattice_a" not in estimate.quantities
    else:
        assert estimate.quantities["lattice_a"].value == pytest.approx(24 * 0.13, rel=0.01)


def test_a_pattern_is_seen_where_no_column_is() -> None:
    """30 counts to a strong column, 15 to a weak one, on 0.5 a pixel: below 3 standard deviations for the weak ones."""
    image, truth = lattice_image(HEXAGONAL, 3.2, 30.0, 0.5)
    data = np.random.default_rng(5).poisson(image).astype(np.uint16)
    found = Baseline()(frame(data, 0.13, quantity="counts")).arrays["columns"]
    assert (cKDTree(found).query(truth)[0] < 4).mean() > 0.7
    assert (cKDTree(truth).query(found[np.all((found > 10) & (found < 245), axis=1)])[0] < 5).mean() > 0.95


@pytest.mark.parametrize("quantity", ["counts", "intensity"])
@pytest.mark.parametrize("level", [0.05, 3.0])
@pytest.mark.parametrize("pixel", [0.1, None])
def test_noise_holds_no_columns(quantity: str, level: float, pixel: float | None) -> None:
    if quantity == "intensity" and level < 1:
        pytest.skip("single electrons that are not declared as counts look like columns")
    for seed in range(2):
        data = np.random.default_rng(seed).poisson(level, (256, 256)).astype(np.uint16)
        assert len(Baseline()(frame(data, pixel, quantity=quantity)).arrays["columns"]) <= 2


def test_noise_of_a_known_material_gives_no_order() -> None:
    data = np.random.default_rng(0).poisson(4.0, (256, 256)).astype(np.uint16)
    estimate = Baseline()(frame(data, 0.115, material="Cu3Au", quantity="counts"))
    assert "order_parameter" not in estimate.quantities
    assert any("Cu3Au" in note for note in estimate.notes)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (np.full((64, 64), np.nan), "not finite"),
        (np.full((64, 64), 3.0), "value 3"),
        (np.zeros((64, 64, 3), np.uint8), "2 dimensions"),
        (np.zeros(64), "2 dimensions"),
        (np.zeros((8, 64)), "8 x 64"),
        (np.zeros((64, 64), complex), "numbers"),
    ],
)
def test_refuses_in_one_line(data: np.ndarray, why: str) -> None:
    axes = tuple(Axis(n, "Å", 0.1, 0.0, size) for n, size in zip("zyx", data.shape, strict=False))
    with pytest.raises(ValueError, match=why) as caught:
        Baseline()(Frame("cam", Kind.IMAGE, 4, data, axes, 0, 0, "x", {"material": "Cu3Au"}))
    assert "\n" not in str(caught.value)
    assert "cam #4" in str(caught.value)


def test_odd_facts_do_no_harm() -> None:
    """A few dead pixels, and metadata of the wrong type, are no reason to give up."""
    atoms, truth = film(0.7, 300.0, 21)
    data = poisson(FORWARD.expected(atoms), np.random.default_rng(1)).astype(np.float32)
    data[100, 100:110] = np.nan
    facts = dict(FORWARD.metadata(), material="Cu3Au", stage_temperature_K=None, composition=float("nan"))
    q = Baseline()(frame(data, 0.115, **(facts | {"probe_fwhm_A": "sharp"}))).quantities["order_parameter"]
    assert abs(q.value - truth) < 0.02


def test_coarse_pixels_have_no_columns() -> None:
    data = np.random.default_rng(0).normal(100, 10, (128, 128))
    estimate = Baseline()(frame(data, 0.5, "nm"))
    assert len(estimate.arrays["columns"]) == 0
    assert "too coarse" in estimate.notes[0]


def test_a_large_frame_is_binned() -> None:
    image, truth = lattice_image(2.5 * HEXAGONAL, 8.0, 12000.0, 60.0, size=1400)
    data = np.random.default_rng(2).poisson(image).astype(np.uint16)
    found = Baseline()(frame(data, 0.05)).arrays["columns"]
    distance = cKDTree(found).query(truth)[0]
    assert (distance < 3).mean() > 0.98
    assert np.median(distance) < 0.5


def test_same_frame_same_answer_and_speed() -> None:
    atoms, _ = film(0.7, 300.0, 22)
    data = poisson(FORWARD.expected(atoms), np.random.default_rng(1))
    picture = frame(data, 0.115, **FORWARD.metadata(), material="Cu3Au")
    model = Baseline()
    first = model(picture)
    start = time.process_time()
    again = model(picture)
    assert time.process_time() - start < 0.4  # 0.13 s where it was measured
    assert first.quantities == again.quantities
    assert np.array_equal(first.arrays["columns"], again.arrays["columns"])
    assert (first.stream, first.seq, first.t) == ("image", 7, 1.05)
    assert len(first.model.checksum) == 16


@pytest.mark.parametrize(("name", "field_A"), [("MoS2_stem_Exp-000-2", 90.0), ("MoS2_stem_Exp-001-5", 70.0)])
def test_real_mos2(real_data, name: str, field_A: float) -> None:
    """The fields of view are nominal, and the scans distorted by up to 8 %: a is 3.16 Å within that."""
    data = np.load(real_data / "image" / "mos2_haadf" / f"{name}.npy")
    estimate = Baseline()(frame(data, field_A / data.shape[1], mode="HAADF"))
    a = estimate.quantities["lattice_a"]
    assert a.value == pytest.approx(3.16, rel=0.09)
    cells = field_A**2 / (a.value**2 * np.sqrt(3) / 2)
    assert 0.9 * cells < len(estimate.arrays["columns"]) < 2.1 * cells  # one Mo and one S2 column a cell


def test_real_single_atoms(real_data) -> None:
    """Of the atoms that people marked the clear ones are found, and the amorphous support is not taken for atoms."""
    folder = real_data / "image" / "haadf_single_atoms"
    tifffile = pytest.importorskip("tifffile")
    marked = hit = found = 0
    for name in ("Ptporph0", "Ptporph1", "Ptporph2", "Ptporph3"):
        with open(folder / "label_coordinates" / f"{name}.csv", newline="") as file:
            truth = np.array([[float(row["X"]), float(row["Y"])] for row in csv.DictReader(file)])
        columns = Baseline()(frame(tifffile.imread(folder / f"{name}.tif"), mode="HAADF")).arrays["columns"]
        marked, found = marked + len(truth), found + len(columns)
        hit += int((cKDTree(columns).query(truth)[0] < 8).sum())
    assert 5 < found < 2 * marked
    assert hit > 0.2 * marked


def texture(seed: int = 3) -> np.ndarray:
    """Grains with sharp edges and thin lines, darker and brighter than the rest, blurred less than a pixel, noisy."""
    rng = np.random.default_rng(seed)
    image = np.full((300, 300), 100.0)
    for y, x, high, wide, level in zip(
        *(rng.integers(0, 300, (2, 400))), *(rng.integers(2, 9, (2, 400))), rng.uniform(-40, 40, 400), strict=True
    ):
        image[y : y + high, x : x + wide] += level
    return ndimage.gaussian_filter(image, 0.7) + rng.normal(0, 2.0, image.shape)


def test_texture_holds_no_columns() -> None:
    axes = tuple(Axis(n, "px", 1.0, 0.0, 300) for n in "yx")
    estimate = Baseline()(Frame("image", Kind.IMAGE, 0, texture(), axes, 0.0, 0.1, "test", {}))
    assert len(estimate.arrays["columns"]) == 0
    assert "no atomic columns" in estimate.notes[0]


@pytest.mark.parametrize(
    "name",
    [
        "insitu_ti_line_1770_1786/Chip-4-Heat-1-Frame-1770-Cropped",
        "insitu_ti_loop_1691_1698/Chip-4-Heat-1-Frame-1691-Cropped",
    ],
)
def test_real_grains_and_text_are_no_columns(real_data, name: str) -> None:
    from matstudio.instruments.readers.arrays import picture

    data = np.asarray(picture(real_data / "image" / f"{name}.png"), float)
    data = data.mean(-1) if data.ndim == 3 else data
    axes = tuple(Axis(n, "px", 1.0, 0.0, size) for n, size in zip("yx", data.shape, strict=True))
    estimate = Baseline()(Frame("image", Kind.IMAGE, 0, data, axes, 0.0, 0.1, "test", {}))
    assert len(estimate.arrays["columns"]) < 5
    assert "no atomic columns" in estimate.notes[0]
