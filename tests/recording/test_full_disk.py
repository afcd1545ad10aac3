"""A disk that is really full: a small file system of its own, which takes rights that not everybody has."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from matstudio.recording.verify import verify

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


WHOLE_RUN = """
import json, os, resource, subprocess, sys, time
from pathlib import Path
from matstudio.bus.messages import CommandClient
from matstudio.bus.processes import wait_for
from matstudio.bus.rundir import RECORDER, STATION, current_run

disk, report, mounted = Path({disk!r}), {report!r}, {mounted!r}
session = disk / "s.nxs"
command = [sys.executable, "-m", "matstudio", "run", "--headless", "--record", str(session), "--report", report]
child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
facts = {{}}
try:
    assert wait_for(lambda: (r := current_run()) is not None and {{STATION, RECORDER}} <= set(r.alive()), 30)
    run = current_run()
    recorder, station = (CommandClient(run.socket(p, "cmd")) for p in (RECORDER, STATION))
    ask = lambda client: client.request("status", timeout=20.0)
    assert wait_for(lambda: ask(recorder)["recorded"].get("image", 0) > 3, 60, 0.2)
    assert ask(station)["alarms"] == ()
    if mounted:
        disk_now = os.statvfs(disk)
        used = (disk_now.f_blocks - disk_now.f_bfree) * disk_now.f_frsize
        subprocess.run(["mount", "-o", f"remount,size={{used + 1_000_000}}", str(disk)], check=True)
    else:
        room = session.stat().st_size + 1_000_000
        resource.prlimit(run.process(RECORDER).pid, resource.RLIMIT_FSIZE, (room, room))
    assert wait_for(lambda: ask(recorder)["state"] == "failed", 30)
    facts["error"] = ask(recorder)["error"]
    assert wait_for(lambda: any(a["id"] == "recording" for a in ask(station)["alarms"]), 10)
    facts["alarms"] = [a["text"] for a in ask(station)["alarms"]]
    cycle, t = (ask(station)[k] for k in ("cycle", "t"))
    time.sleep(2)
    after = ask(station)
    facts["cycles"], facts["seconds"] = after["cycle"] - cycle, after["t"] - t
    facts["mode"], facts["device"] = str(after["mode"]), after["device"]["state"]
    counts = ask(recorder)
    facts["counts"] = [sum(counts[w].values()) for w in ("received", "recorded", "dropped", "waiting")]
    for client in (recorder, station):
        client.close()
finally:
    child.terminate()
    facts["said"] = child.communicate(timeout=60)[1]
    facts["code"] = child.returncode
print(json.dumps(facts))
if mounted:
    from matstudio.recording.verify import verify
    import h5py
    h5py.File(session, "r").close()
    report = verify(session)
    print(json.dumps([report.ok, report.repaired, report.lines]))
"""


def _how_to_mount(disk: Path) -> list[str] | None:
    """A command that runs `sh -c` where it may mount on `disk`; None where nobody may."""
    for command in (["unshare", "-m", "sh", "-c"], ["unshare", "-rm", "sh", "-c"]):
        mount = [*command, f'mount -t tmpfs -o size=1m tmpfs "{disk}"']
        if shutil.which("unshare") and subprocess.run(mount, capture_output=True, check=False).returncode == 0:
            return command
    return None


def test_on_a_full_disk_the_file_is_closed_in_order(tmp_path: Path):
    disk, code = tmp_path / "disk", tmp_path / "record.py"
    disk.mkdir()
    code.write_text(RECORD.format(here=str(Path(__file__).parent), disk=str(disk)))
    unshare = _how_to_mount(disk)
    if unshare is None:
        pytest.skip("no right to mount; the test of a file that may not grow runs everywhere")
    script = f'mount -t tmpfs -o size=64m tmpfs "{disk}" && exec "{sys.executable}" -W error "{code}"'
    done = subprocess.run([*unshare, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("closed with")


@pytest.mark.timeout(180)
@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="needs Linux")
@pytest.mark.parametrize("how", ["full", "may not grow"])
def test_when_no_room_is_left_the_operator_is_told_and_control_goes_on(tmp_path: Path, how: str):
    """A whole run: on a small disk that is full, or (without a right to mount) with a recorder that may not write more
    to its file."""
    disk, code, report = tmp_path / "disk", tmp_path / "run.py", tmp_path / "report.json"
    disk.mkdir()
    unshare = _how_to_mount(disk)
    if (unshare is None) == (how == "full"):
        pytest.skip("no right to mount" if unshare is None else "the full disk was tested")
    code.write_text(WHOLE_RUN.format(disk=str(disk), report=str(report), mounted=unshare is not None))
    run = f'exec "{sys.executable}" "{code}"'
    mount = f'mount -t tmpfs -o size=3g tmpfs "{disk}" && {run}'
    command = ["sh", "-c", run] if unshare is None else [*unshare, mount]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=170)
    assert done.returncode == 0, done.stdout + done.stderr
    facts, *rest = map(json.loads, done.stdout.splitlines())
    told = "File too large" if unshare is None else ("No space left on device", "disk full")
    assert any(text in facts["error"] for text in ([told] if isinstance(told, str) else told)), facts
    assert f"recording stopped: {facts['error']}" in facts["alarms"]
    assert facts["cycles"] >= 0.8 * facts["seconds"] / 0.2  # one each 0.2 s
    assert (facts["mode"], facts["device"]) == ("OFF", "good")
    received, recorded, dropped, waiting = facts["counts"]
    assert received == recorded + dropped
    assert (recorded > 0, waiting) == (True, 0)
    assert facts["code"] == 3  # the run says that it was not recorded to its end
    assert "recording stopped" in facts["said"]
    assert f"recording stopped: {facts['error']}" in json.loads(report.read_text())["problems"]
    if unshare is not None:
        ok, repaired, lines = rest[0]
        assert (ok, repaired) == (True, False), lines
    else:
        checked = verify(disk / "s.nxs")
        assert checked.ok, checked.lines
        with h5py.File(disk / "s.nxs", "r") as file:
            assert file["entry/image/data"].shape[0] > 0
