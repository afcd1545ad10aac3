"""Opening a file from the window: the run ends, the launcher opens the file in its place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from matstudio.bus.rundir import runs

STUDIO_STUB = '''
"""A studio whose operator opens a file at once (first run), or closes the window (second)."""
import json, sys
from collections import Counter
from pathlib import Path
from matstudio.bus.messages import Subscriber
from matstudio.bus.rundir import DEVICE, MODELHOST, STATION, STUDIO, Run
from matstudio.bus.processes import wait_for
run = Run.open(Path(sys.argv[1]))
run.register(STUDIO)
heard, subscriber = Counter(), Subscriber(*(run.socket(p, "pub") for p in (DEVICE, MODELHOST, STATION)))
def started():
    heard.update(topic for topic, _ in subscriber.receive(0.1))
    return min(heard[t] for t in ("status", "readings", "models")) >= 3
wait_for(started, 60)
subscriber.close()
seen = Path({seen!r})
seen.write_text(seen.read_text() + run.instrument + chr(10) if seen.exists() else run.instrument + chr(10))
if run.instrument == "twin":
    (run.path / "open.json").write_text(json.dumps([{picture!r}]))
run.forget(STUDIO)
sys.exit(11 if run.instrument == "twin" else 0)
'''


def test_the_launcher_opens_what_was_chosen_in_the_window(tmp_path: Path):
    picture, seen = tmp_path / "picture.npy", tmp_path / "seen.txt"
    np.save(picture, np.arange(4096, dtype=np.uint16).reshape(64, 64))
    stub = tmp_path / "stub"
    stub.mkdir()
    (stub / "window_stub.py").write_text(STUDIO_STUB.format(seen=str(seen), picture=str(picture)))
    script = (
        "import sys\n"
        "from matstudio.cli import supervise\n"
        "supervise.MODULES['studio'] = 'window_stub'\n"
        "from matstudio.cli.main import main\n"
        "sys.exit(main(['run']))\n"
    )
    path = os.pathsep.join(
        str(p) for p in (stub, Path(__file__).resolve().parents[2], os.environ.get("PYTHONPATH", ""))
    )
    env = os.environ | {"PYTHONPATH": path, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=150, env=env)
    assert seen.read_text().splitlines() == ["twin", f"replay:{picture}"], done.stderr
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert runs() == []
