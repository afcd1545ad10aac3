"""Structures written by a process of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from matstudio.domain.structure import SiteModel
from matstudio.workers import export
from matstudio.workers.job import State
from matstudio.workers.jobs import Jobs

ONE = SiteModel(np.eye(3) * 4, np.zeros((1, 3)), ("Au",), np.ones((1, 1)), np.zeros(1))


def test_a_file_is_written_and_a_failure_is_one_line(qtbot, tmp_path: Path) -> None:
    jobs = Jobs()
    for name in ("one.cif", "no/such/folder.xyz"):
        jobs.start(export.structure(ONE, tmp_path / name))
    qtbot.waitUntil(lambda: not jobs.active, timeout=30000)
    jobs.stop()
    bad, good = jobs.jobs
    assert (good.state, good.written) == (State.DONE, True)
    assert "Au1 Au" in (tmp_path / "one.cif").read_text()
    assert bad.state is State.FAILED
    assert "No such file" in bad.line
    assert "\n" not in bad.line


def test_it_ends_at_once_and_leaves_no_half_file(qtbot, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(export, "COMMAND", ("-c", "import time; time.sleep(60)"))
    jobs = Jobs()
    jobs.start(export.structure(ONE, tmp_path / "one.cif"))
    qtbot.wait(400)
    jobs.stop()
    assert list(tmp_path.iterdir()) == []
