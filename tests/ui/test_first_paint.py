"""What the studio has imported when its window is first painted."""

from __future__ import annotations

import os
import subprocess
import sys

from matstudio.bench.window_probe import ENDS, KIND, read
from matstudio.bus.rundir import STUDIO, Run


def test_nothing_heavy_is_imported_before_the_first_paint() -> None:
    run = Run.create("twin")
    try:
        command = [sys.executable, "-m", "matstudio.bench.window_probe", str(run.path)]
        told = subprocess.run(command, env=os.environ | {KIND: STUDIO, ENDS: "1"}, capture_output=True, timeout=120)
        seen = read(run, STUDIO)
    finally:
        run.remove()
    assert told.returncode == 0, told.stderr
    assert seen.painted is not None
    assert seen.heavy == []
