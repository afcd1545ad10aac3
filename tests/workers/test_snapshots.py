"""Pictures and frames written beside the window."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage

from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.workers.snapshots import Snapshots

AXES = (Axis("y", "Å", 0.1, 0.0, 64), Axis("x", "Å", 0.1, 0.0, 64))
FRAME = Frame("haadf", Kind.IMAGE, 0, np.arange(4096, dtype=np.uint16).reshape(64, 64), AXES, 0.0, 1.0, "c")


def test_files_are_written_and_failures_are_one_line(qtbot, tmp_path: Path) -> None:
    said: list[tuple[str, str]] = []
    worker = Snapshots()
    worker.written.connect(lambda path, error: said.append((path.name, error)))
    image = QImage(20, 10, QImage.Format.Format_RGB32)
    image.fill(QColor("red"))
    worker.picture(tmp_path / "a.png", image)
    worker.picture(tmp_path / "no" / "b.png", image)
    worker.data(tmp_path / "c.npy", FRAME)
    worker.data(tmp_path / "no" / "d.nxs", FRAME)
    worker.data(tmp_path / "e.jpg", FRAME)
    qtbot.waitUntil(lambda: len(said) == 5, timeout=30000)
    worker.stop()
    assert [error for _, error in said if not error] == ["", ""]
    lines = dict(said)
    assert QImage(str(tmp_path / "a.png")).pixelColor(3, 3) == QColor("red")
    assert np.load(tmp_path / "c.npy").tolist() == FRAME.data.tolist()
    assert "o such file" in lines["b.png"]
    assert lines["d.nxs"] == "No such file or directory"
    assert lines["e.jpg"] == "e.jpg: written as .nxs, .tif, .npy"
    assert not any("\n" in line for line in lines.values())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "c.npy"]


def test_stop_waits_for_what_was_asked_for(qtbot, tmp_path: Path) -> None:
    worker = Snapshots()
    for i in range(5):
        worker.data(tmp_path / f"{i}.nxs", FRAME)
    worker.stop()
    assert len(list(tmp_path.iterdir())) == 5
    Snapshots().stop()


FULL = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from PySide6.QtGui import QImage
from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.workers.snapshots import _png, _try
from matstudio.recording.exports import write
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
data = np.random.default_rng(0).integers(0, 60000, (512, 512)).astype("u2")
axes = (Axis("y", "px", 1.0, 0.0, 512), Axis("x", "px", 1.0, 0.0, 512))
frame = Frame("s", Kind.IMAGE, 0, data, axes, 0.0, 1.0, "c")
image = QImage(data.tobytes(), 256, 512, QImage.Format.Format_RGB32)
folder = Path(sys.argv[1])
for name in ("a.nxs", "a.tif", "a.npy"):
    print(_try(lambda: write(folder / name, frame)))
print(_try(lambda: _png(folder / "a.png", image)))
print(sorted(p.name for p in folder.iterdir()))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a limit of the size of files")
def test_a_disk_that_takes_no_more_is_one_line_and_leaves_no_half_file(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, timeout=100, check=True
    )
    *lines, left = done.stdout.splitlines()
    assert len(lines) == 4
    assert all("too large" in line.lower() for line in lines[:3]), lines
    assert lines[3]
    assert left == "[]"
