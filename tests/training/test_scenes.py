import numpy as np
import pytest
from scipy.spatial import cKDTree

from matstudio.modalities.image.network import CELL
from matstudio.training.crystals import Columns, crystal, fill, specimen
from matstudio.training.scenes import MARGIN_A, scene
from matstudio.training.score import score
from matstudio.training.targets import targets


def test_the_same_seed_gives_the_same_scene_and_another_another():
    one, same, other = (scene(np.random.default_rng(s), 96) for s in (3, 3, 4))
    assert one.image.tobytes() == same.image.tobytes()
    assert np.array_equal(one.xy, same.xy)
    assert one.image.tobytes() != other.image.tobytes()


def test_scenes_are_of_every_kind():
    scenes = [scene(np.random.default_rng([1, i]), 96) for i in range(120)]
    assert all(s.image.shape == (96, 96) and np.isfinite(s.image).all() and s.variance > 0 for s in scenes)
    assert {s.sign for s in scenes} == {1, -1}
    assert {s.counts for s in scenes} == {True, False}
    assert sum(len(s.xy) == 0 for s in scenes) >= 3
    assert min(s.pixel_A for s in scenes) < 0.08
    assert max(s.pixel_A for s in scenes) > 0.15
    assert sum(len(s.hidden) > 0 for s in scenes) >= 5


def test_columns_lie_where_the_image_is_bright_or_dark():
    rises = []
    for i in range(40):
        one = scene(np.random.default_rng([2, i]), 128, dose=1e6)
        at = np.rint(one.xy).astype(int)
        at = at[np.all((at > 4) & (at < 123), axis=1)]
        if len(at) > 4:
            rises.append(one.sign * (one.image[at[:, 1], at[:, 0]].mean() - one.image.mean()) / one.image.std())
    assert len(rises) > 25
    assert min(rises) > 0.2


@pytest.mark.parametrize("seed", range(12))
def test_a_crystal_repeats_and_its_columns_are_apart(seed):
    what = crystal(np.random.default_rng(seed))
    assert what.weight.max() == 1
    assert what.weight.min() > 0
    columns = fill(what, np.random.default_rng(seed + 100), 20.0, 1.0)
    assert len(columns.xy) == pytest.approx(22.0**2 * len(what.sites) / abs(np.linalg.det(what.cell)), rel=0.35)
    assert cKDTree(columns.xy).query(columns.xy, k=2)[0][:, 1].min() > 0.79


def test_specimens_have_columns_over_all_their_view_or_an_edge():
    for seed in range(30):
        columns = specimen(np.random.default_rng(seed), 20.0, MARGIN_A)
        assert len(columns.xy) == len(columns.weight) == len(columns.kind)
        assert np.isfinite(columns.xy).all()


def test_a_specimen_without_columns_gives_an_image_without_targets():
    none = Columns(np.zeros((0, 2)), np.zeros(0), np.zeros(0, int))
    one = scene(np.random.default_rng(0), 96, none, 1e4)
    answer, weight = targets(one.xy, one.hidden, 96)
    assert not answer.any()
    assert weight[0].all()
    assert not weight[1].any()


def test_targets_point_at_the_columns():
    xy, hidden = np.array([[20.3, 31.9], [28.0, 32.0], [-0.4, 10.0]]), np.array([[60.0, 60.0], [33.0, 32.0]])
    answer, weight = targets(xy, hidden, 96)
    assert answer.shape == (3, 48, 48)
    for x, y in xy[:2]:
        column, row = (round((v - 0.5) / CELL) for v in (x, y))
        assert answer[0, row, column] > 0.8
        assert (column + answer[1, row, column]) * CELL + 0.5 == pytest.approx(x, abs=1e-4)
        assert (row + answer[2, row, column]) * CELL + 0.5 == pytest.approx(y, abs=1e-4)
        assert weight[:, row, column].tolist() == [1, 1]
    assert answer[0, :, 0].max() > 0.5  # half of it is in the view
    assert weight[0, 30, 30] == 0  # hidden
    assert weight[0, 16, 14] == 1  # near a hidden one and near one that shows
    assert weight[0, 40, 10] == 1
    assert answer[0, 40, 10] == 0


def test_the_score_counts_found_wrong_missed_and_neither():
    true = np.array([[5.0, 5.0], [7.0, 5.0], [9.0, 5.0], [0.5, 5.0]])
    found = np.array([[5.1, 5.0], [7.0, 5.6], [12.0, 12.0], [3.0, 3.1], [19.8, 4.0], [0.6, 5.0]])
    got = score(true, np.array([[3.0, 3.0]]), found, 20.0)
    assert (got.found, got.wrong, got.missed) == (1, 2, 2)
    assert got.rms_pm == pytest.approx(10.0)
    assert got.f1 == pytest.approx(1 / 3)
    assert (got + got).found == 2
    assert score(true, np.zeros((0, 2)), np.zeros((0, 2)), 20.0).missed == 3
