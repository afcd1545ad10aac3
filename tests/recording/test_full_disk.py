"""A disk that is really full: a small file system of its own, which takes rights that not everybody has."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RECORD = """
import sys
sys.path.insert(0, {here!r})
from dataclasses import replace
from pathlib import Path
import numpy as np
from sample_session import DESCRIPTION, image
from matstudio.domain.clock import RealClock
from matstudio.domain.frame import Axis
from matstudio.recording.filethread import FileThread, unclosed
from matstudio.recording.tally import Tally
from matstudio.recording.verify import verify
from matstudio.recording.writer import SessionWriter

axes = (Axis("y", "Å", 0.1, 0.0, 512), Axis("x", "Å", 0.1, 0.0, 512))
rng = np.random.default_rng(0)
def big(seq):
    return replace(image(seq), data=rng.integers(0, 60000, (512, 512)).astype("u2"), axes=axes)
path = Path({disk!r}) / "s.nxs"
tally = Tally()
tally.came("image")
thread = FileThread(path, lambda: SessionWriter(path, DESCRIPTION, RealClock.start(), [big(0)]), tally)
for seq in range(1, 200):
    tally.came("image")
    thread.put_frame(big(seq), 0)
thread.finish()
assert thread.join(20)
assert thread.error == "No space left on device", thread.error
assert not unclosed
report = verify(path)
assert report.ok, report.lines
assert not report.repaired
counts = tally.counts()["image"]
assert report.counts["frames image"] == counts["recorded"] > 20, (report.counts, counts)
assert counts["received"] == 200 == counts["recorded"] + counts["dropped"], counts
assert report.counts["dropped image"] > 0
print("closed with", report.counts["frames image"], "frames")
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
def test_on_a_full_disk_the_file_is_closed_in_order(tmp_path: Path):
    disk, code = tmp_path / "disk", tmp_path / "record.py"
    disk.mkdir()
    code.write_text(RECORD.format(here=str(Path(__file__).parent), disk=str(disk)))
    mount = f'mount -t tmpfs -o size=64m tmpfs "{disk}"'
    if subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("no right to mount")
    script = f'{mount} && exec "{sys.executable}" -W error "{code}"'
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("closed with")
