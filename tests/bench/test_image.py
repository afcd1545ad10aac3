"""The bench of images: its scorer, its peers, and its rows, on tiny sets made here."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from matstudio.bench import image as bench
from matstudio.bench import image_sets
from matstudio.bench.columns import Truth, deviation, robust_deviation, tally, tally_within, together
from matstudio.bench.peers import PEERS, Peer
from matstudio.bench.rows import report, table
from matstudio.domain.estimate import Estimate, Model, Quantity
from matstudio.domain.frame import Frame
from matstudio.modalities.image.detect import refined

GRID = np.stack(np.meshgrid(np.arange(20.0, 90, 20), np.arange(20.0, 90, 20)), -1).reshape(-1, 2) + 0.25
RIGHT, DOWN = np.eye(2)


class Told:
    """A model that gives the columns that it was told, as far as they lie in the frame."""

    name, version = "unet", "1"

    def __init__(self, xy: np.ndarray) -> None:
        self.xy = xy

    def __call__(self, frame: Frame) -> Estimate:
        arrays = {
            "columns": self.xy,
            "columns_sigma": np.full(self.xy.shape, 0.1),
            "columns_intensity": np.ones(len(self.xy)),
        }
        quantities = {"lattice_a": Quantity(3.2, 0.01, "Å")}
        return Estimate("image", frame.seq, 0.0, Model("unet", "1", "0"), quantities, arrays)


def truth(**other: object) -> Truth:
    n = len(GRID)
    facts = {"bound": np.full((n, 2), 1.0), "snr": np.full(n, 9.0), "pixel_A": 0.1, "shape": (110, 110)} | other
    return Truth(GRID, facts.pop("scored", np.ones(n, bool)), **facts)


def spots(sign: int = 1) -> np.ndarray:
    y, x = np.mgrid[:110, :110]
    bumps = sum(np.exp(-((x - a) ** 2 + (y - b) ** 2) / 2 / 4.0**2) for a, b in GRID)
    return np.random.default_rng(1).poisson(500.0 + sign * 400 * bumps)


def written(path, sign: int = 1) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("images/a")
        group["image"] = spots(sign)
        about = {"pixel_size_A": 0.1, "mode": "ABF" if sign < 0 else "HAADF", "polarity": sign}
        group.attrs.update(about | {"dose_e_per_A2": 1e5, "jitter_A": 0.0, "truth_floor_pm": 3.0})
        columns = group.create_group("columns")
        columns["xy_px"], columns["status"] = GRID, np.ones(len(GRID), int)
        columns["crlb_pm"], columns["snr"] = np.full((len(GRID), 2), 2.0), np.full(len(GRID), 9.0)


def test_a_column_counts_once_and_only_within_the_radius() -> None:
    found = np.concatenate([GRID[1:], GRID[1:2] + 2.0, GRID[:1] + RIGHT * 5.1])
    told = tally(truth(), found)
    assert (told.right, told.wrong, told.missed) == (15, 2, 1)
    assert told.precision == pytest.approx(15 / 17)
    assert told.recall == pytest.approx(15 / 16)
    assert told.f1 == pytest.approx(30 / 33)


def test_the_radius_shrinks_where_columns_are_close() -> None:
    close = np.array([[50.0, 50.0], [56.0, 50.0]])
    both = Truth(close, np.ones(2, bool), np.ones((2, 2)), np.full(2, 9.0), 0.1, (110, 110))
    assert tally(both, close + DOWN * 2.0).right == 2
    assert tally(both, close + DOWN * 2.2).right == 0  # 0.35 of 6 pixels


def test_what_lies_at_the_border_or_on_a_hidden_column_is_not_wrong() -> None:
    scored = np.arange(len(GRID)) > 0
    found = np.concatenate([GRID, [[5.0, 50.0], [50.0, 104.0], [50.0, 50.0]]])
    told = tally(truth(scored=scored), found)
    assert (told.right, told.wrong, told.missed) == (15, 1, 0)


def test_errors_stand_against_bound_and_sigma() -> None:
    found = GRID + RIGHT * 0.3
    told = tally(truth(), found, np.full(GRID.shape, 0.1))
    assert told.rms_pm == pytest.approx(3.0)
    assert told.ratio == pytest.approx(3.0 / np.sqrt(2))
    assert deviation(told.z) == pytest.approx(1.5)
    assert robust_deviation(told.z) == pytest.approx(1.4826 * 1.5)
    assert np.abs(tally(truth(floor=1.0), found, np.full(GRID.shape, 0.1)).z_floor).max() == pytest.approx(6**0.5)
    assert len(tally(truth(jitter=True), found).clear) == 0
    assert len(tally(truth(snr=np.full(16, 5.0)), found).clear) == 0
    two = together([told, tally(truth(), GRID)])
    assert (two.right, len(two.z), two.rms_pm) == (32, 32, pytest.approx(3.0 / np.sqrt(2)))
    assert np.isnan(together([]).rms_pm)


def test_marks_of_people_have_a_radius_in_pixels() -> None:
    told = tally_within(GRID, np.concatenate([GRID[:4] + 3.0, [[1.0, 1.0]]]), 5.0)
    assert (told.right, told.wrong, told.missed) == (4, 1, 12)


@pytest.mark.parametrize("peer", PEERS, ids=lambda p: p.id)
@pytest.mark.parametrize("sign", [1, -1])
def test_peers_find_columns_of_either_sign(peer: Peer, sign: int) -> None:
    pytest.importorskip(peer.package)
    told = tally(truth(), peer.find(spots(sign), sign, 0.1))
    assert told.f1 > 0.9
    assert told.rms_pm < 5


def test_a_parabola_finds_the_top_between_pixels() -> None:
    y, x = np.mgrid[:9, :9]
    assert refined(-((x - 4.3) ** 2) - (y - 3.8) ** 2, np.array([[4, 4]])) == pytest.approx(np.array([[3.8, 4.3]]))


def test_a_set_gives_rows_of_every_model_and_peer(tmp_path) -> None:
    written(tmp_path / "set.h5")
    rows = {r.id: r for r in bench.columns({"unet": Told(GRID)}, image_sets.simulated(tmp_path / "set.h5"))}
    assert rows["unet-1e5-f1"].value == 1.0
    assert rows["unet-1e5-f1"].ratio == pytest.approx(1 / 0.975)
    assert rows["unet-1e5-f1"].passed
    assert rows["unet-HAADF-f1"].passed
    assert rows["unet-1e5-rms"].must is None
    assert not rows["unet-z-low"].passed  # no error at all
    assert any(i.startswith("log-") for i in rows)
    shown = report("image", list(rows.values()))["rows"]
    assert next(r for r in shown if r["id"] == "unet-1e5-rms")["must"] is None
    lines = table("image", list(rows.values())).splitlines()
    assert "  unet, RMS error at 1e5 e/Å²: 0 pm" in lines
    assert "  unet, F1 at 1e5 e/Å²: 1, 1.03 of 0.975 (must >= 1: ok)" in lines


def test_where_nothing_is_found_the_bound_is_missed_and_json_holds(tmp_path) -> None:
    written(tmp_path / "set.h5", -1)
    rows = bench.columns({"unet": Told(np.zeros((0, 2)))}, image_sets.simulated(tmp_path / "set.h5"))
    assert not any(r.passed for r in rows if r.must is not None)
    shown = json.loads(json.dumps(report("image", rows), allow_nan=False))["rows"]
    assert next(r for r in shown if r["id"] == "unet-1e5-rms")["value"] is None


def test_a_peer_that_is_not_installed_is_named(tmp_path, monkeypatch) -> None:
    written(tmp_path / "set.h5")
    monkeypatch.setattr(bench, "PEERS", (Peer("other", "another", "no_such_package_here", PEERS[0].find),))
    rows = bench.columns({}, image_sets.simulated(tmp_path / "set.h5"))
    assert [r.id for r in rows] == ["other-absent"]
    assert "no_such_package_here is not installed" in rows[0].what


def test_absent_sets_are_named_and_a_damaged_one_gives_one_line(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MATSTUDIO_EVAL", str(tmp_path))
    monkeypatch.setenv("MATSTUDIO_DATA", str(tmp_path))
    monkeypatch.setattr(bench, "MODELS", ())
    rows = bench.bench()
    assert [r.id for r in rows] == ["absent-img_public", "absent-haadf_single_atoms", "absent-mos2_haadf"]
    assert all(str(tmp_path) in r.what and r.passed for r in rows)
    with h5py.File(tmp_path / "img_public.h5", "w") as file:
        file["other"] = 1
    with pytest.raises(ValueError, match="no group /images"):
        bench.bench()


def test_a_live_frame_has_some_420_columns_and_is_timed() -> None:
    known, unknown = (bench.live_frames(1, k)[0] for k in (True, False))
    assert known.data.shape == (512, 512)
    assert known.metadata["material"] == "Cu3Au"
    assert "material" not in unknown.metadata
    pytest.importorskip("torch")
    rows = bench.live(Told(GRID), 2)
    assert [r.id for r in rows] == ["live-alloy", "live-alloy-median", "live-unknown", "live-unknown-median"]
    assert "16 columns" in rows[0].what
    assert bench.processor()[0] in rows[0].what


def test_marked_images_and_lattices_are_read(tmp_path) -> None:
    tifffile = pytest.importorskip("tifffile")
    labels = tmp_path / "label_coordinates"
    labels.mkdir()
    tifffile.imwrite(tmp_path / "a.tif", spots().astype(np.uint16))
    (labels / "a.csv").write_text("X,Y\n" + "".join(f"{x:.0f},{y:.0f}\n" for x, y in GRID))
    (labels / "b.csv").write_text("X,Y\n1,1\n")
    images = list(image_sets.marked(tmp_path))
    assert len(images) == 1
    rows = {r.id: r.value for r in bench.atoms({"unet": Told(GRID[:8])}, images)}
    assert rows["atoms-unet-precision"] == 1.0
    assert rows["atoms-unet-recall"] == 0.5
    if PEERS[0].installed:
        assert rows["atoms-log-f1"] == pytest.approx(1.0)
    np.save(tmp_path / "m.npy", spots().astype(float))
    field = {"field_of_view_x": 1.1, "field_of_view_units": "nm"}
    (tmp_path / "m.json").write_text(json.dumps({"experimental_details": {"spatial_info": field}}))
    pairs = list(image_sets.lattices(tmp_path))
    assert pairs[0][1].axes[0].scale == pytest.approx(0.1)
    row = bench.lattices({"unet": Told(GRID)}, pairs)[0]
    assert row.value == pytest.approx(100 * (3.2 / 3.16 - 1))
    assert not row.passed
