"""The bench of the window measures what it says; its figures say nothing here."""

from __future__ import annotations

import math

import pytest

from matstudio.bench import window
from matstudio.bench.window_probe import Seen
from matstudio.widgets.structure_canvas import gl_renderer


@pytest.fixture
def gl(qapp) -> None:
    if not gl_renderer():
        pytest.skip("no OpenGL here")


def test_first_paint_of_both_windows(gl) -> None:
    paint, heavy = window.first_paint(1)
    assert (paint.id, heavy.id) == ("first-paint", "first-imports")
    assert 0 < paint.value < 60
    assert paint.ratio > 0
    assert heavy.passed, heavy.what


def test_a_whole_run_that_is_turned(gl) -> None:
    (seen,) = window.measure_loop(1, 2.0)
    assert seen.longest >= seen.p99 > 0
    assert seen.idle_longest >= seen.idle_p99 > 0
    assert set(seen.frames) == {"image", "diffraction", "spectrum"}
    assert seen.pictures > 0


def test_images_of_both_views(qapp) -> None:
    (row,) = window.display(64, 1, 0.1)
    assert row.id == "rate-64"
    assert math.isfinite(row.value)
    assert row.ratio > 0


def test_gaps_are_counted_where_they_lie() -> None:
    beats = [0.000, 0.005, 0.010, 0.070, 0.075, 0.080, 0.200]
    ours = Seen(beats=beats, frames=[(0.001, "image"), (0.06, "image"), (0.5, "image")], pictures=[0.002])
    theirs = Seen(beats=[0.005 * n for n in range(40)])
    found = window.stretch(ours, theirs, 0.006, 0.070)
    assert found.longest == pytest.approx(60.0)
    assert found.idle_longest == pytest.approx(5.0)
    assert found.frames == {"image": pytest.approx(1 / 0.070)}
    assert found.pictures == 0
    assert window.gaps_ms(beats, 0.1, 0.15).tolist() == pytest.approx([120.0])  # it goes on all the while
    with pytest.raises(RuntimeError, match="not served"):
        window.gaps_ms([], 0.0, 1.0)
