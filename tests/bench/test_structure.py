"""The bench of the 3D view measures what it says."""

from __future__ import annotations

import numpy as np
import pytest

from matstudio.bench.structure import crystal, turn
from matstudio.widgets.structure_canvas import gl_renderer


def test_the_crystal_is_what_it_is_called() -> None:
    model = crystal((6, 5, 4))
    assert 0.9 * 480 < len(model.positions) < 480
    assert (crystal((6, 5, 4)).positions == model.positions).all()
    assert np.mean(model.occupancy[:, 0] > 0.5) == pytest.approx(0.25, abs=0.05)


def test_turning_is_measured_or_refused(qtbot) -> None:
    if not gl_renderer():
        with pytest.raises(ValueError, match="no OpenGL here"):
            turn([crystal((4, 4, 4))], 0.5)
        return
    found = turn([crystal((4, 4, 4)), crystal((4, 4, 4), 1)], 1.5)
    assert found.rate > 2
    assert found.gap >= found.p99 > 0
    assert found.pixels[0] <= 720
