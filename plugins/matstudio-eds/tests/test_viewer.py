"""The viewer, without a run."""

from __future__ import annotations

import numpy as np
from matstudio_eds.forward import EdsForward
from matstudio_eds.reconstruct import Baseline
from matstudio_eds.viewer import Viewer

from matstudio.domain.frame import Axis, Frame


def test_lines_are_labelled_and_fractions_told(qtbot):
    forward = EdsForward()
    counts = np.random.default_rng(0).poisson(forward.of_shares({29: 0.75, 79: 0.25})).astype(np.uint32)
    frame = Frame("eds", "eds", 0, counts, forward.axes(), 0.0, 0.5, "c", forward.metadata())
    viewer = Viewer()
    qtbot.addWidget(viewer)
    titles = []
    viewer.title_changed.connect(titles.append)
    viewer.show_frame(frame)
    estimate = Baseline()(frame)
    viewer.show_estimate(estimate)
    assert titles == ["EDS 2,048"]
    labels = [mark.text for mark in viewer.plot.marks("lines")]
    assert "Cu Kα 8.04 keV" in labels
    assert "Au Lα 9.70 keV" in labels
    rows = dict(viewer.rows(estimate))
    assert list(rows) == ["Cu", "Au"]
    assert rows["Au"].endswith("at. %")
    assert viewer.plot.line("background")[1].shape == counts.shape
    viewer.show_frame(Frame("eds", "eds", 1, counts[:100], (Axis("Energy", "eV", 10.0, 0.0, 100),), 0.6, 1.0, "c"))
    assert viewer.plot.marks("lines") == ()
