"""Structures written by a process of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from matstudio.domain.structure import SiteModel
from matstudio.workers import export
from matstudio.workers.export import StructureExport

ONE = SiteModel(np.eye(3) * 4, np.zeros((1, 3)), ("Au",), np.ones((1, 1)), np.zeros(1))


def test_a_file_is_written_and_a_failure_is_one_line(qtbot, tmp_path: Path) -> None:
    said: list[tuple[Path, str]] = []
    worker = StructureExport()
    worker.written.connect(lambda path, error: said.append((path, error)))
    for name in ("one.cif", "no/such/folder.xyz"):
        worker.write(ONE, tmp_path / name)
    qtbot.waitUntil(lambda: len(said) == 2, timeout=30000)
    worker.stop()
    assert said[0] == (tmp_path / "one.cif", "")
    assert "Au1 Au" in (tmp_path / "one.cif").read_text()
    assert "No such file" in said[1][1]
    assert "\n" not in said[1][1]


def test_it_ends_at_once_and_leaves_no_half_file(qtbot, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(export, "COMMAND", ("-c", "import time; time.sleep(60)"))
    worker = StructureExport()
    worker.write(ONE, tmp_path / "one.cif")
    qtbot.wait(400)
    worker.stop()
    assert worker.isFinished()
    assert list(tmp_path.iterdir()) == []
