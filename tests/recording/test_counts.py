"""No drop is silent: in a whole run, every sum holds against the device's numbers and the file's rows."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest
from witness import STREAMS, Witness, end

from matstudio.bus.messages import CommandClient, CommandError
from matstudio.bus.processes import spawn, wait_for
from matstudio.bus.ring import RingReader
from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, STUDIO, Run, current_run
from matstudio.recording.tally import Tally, total
from matstudio.recording.verify import verify


def test_a_tally_adds_up_at_every_moment():
    tally = Tally()
    tally.know(("image", "spectrum"))

    def image() -> tuple[int, ...]:
        counts = tally.counts()["image"]
        assert counts["received"] == counts["recorded"] + counts["dropped"] + counts["waiting"]
        return tuple(counts.values())

    tally.came("image", lost=3)
    assert image() == (4, 0, 3, 1)
    tally.written("image")
    tally.came("image")
    tally.refused("image")
    assert image() == (5, 1, 4, 0)
    tally.came("image")
    tally.came("image")
    assert image() == (7, 1, 4, 2)
    tally.end({"image": 2})
    assert image() == (7, 2, 5, 0)
    tally.came("image")  # by who has not noticed yet that the file has ended
    tally.refused("image")
    assert image() == (8, 2, 6, 0)
    assert tally.dropped("image") == 6
    assert tally.counts()["spectrum"] == dict.fromkeys(("received", "recorded", "dropped", "waiting"), 0)
    assert total([tally.counts(), tally.counts()])["image"]["received"] == 16


def told(run: Run, process: str) -> dict[str, dict[str, int]]:
    """The counts of a process by stream, in the words that it uses; {} while it does not answer."""
    client = CommandClient(run.socket(process, "cmd"))
    try:
        status = client.request("status", timeout=1.0)
    except CommandError:
        return {}
    finally:
        client.close()
    if process == RECORDER:
        words = ("received", "recorded", "dropped", "waiting")
        return {s: {w: status[w].get(s, 0) for w in words} for s in STREAMS}
    return dict(status["streams"] if process == STUDIO else status)


def rows(files: list[Path], stream: str) -> tuple[list[int], int, int]:
    """Numbers of the frames of a stream in some files, how many the files' last rows call missed, and the number of the
    first frame that the recorder could have had."""
    numbers: list[int] = []
    missed = first = 0
    for path in files:
        with h5py.File(path, "r") as file:
            if stream in file["entry"]:
                if not numbers:
                    first = int(file[f"entry/{stream}/seq"][0] - file[f"entry/{stream}/missed"][0])
                numbers += file[f"entry/{stream}/seq"][()].tolist()
                missed += int(file[f"entry/{stream}/missed"][-1])
    return numbers, missed, first


@pytest.mark.timeout(180)
def test_all_counts_of_a_run_add_up(tmp_path: Path):
    session, report = tmp_path / "s.nxs", tmp_path / "r.json"
    arguments = ("run", "--headless", "--record", str(session), "--report", str(report))
    child = subprocess.Popen([sys.executable, "-m", "matstudio", *arguments], stdout=subprocess.DEVNULL)
    run = witness = studio = None
    try:
        assert wait_for(lambda: current_run() is not None, 20)
        run = current_run()
        witness = Witness(run)
        studio = spawn(run, STUDIO, "matstudio.ui", {"QT_QPA_PLATFORM": "offscreen"})
        assert wait_for(lambda: len(told(run, STUDIO)) == len(STREAMS) and session.exists(), 60, 0.2)
        rings = {s: RingReader(run.ring(s)) for s in STREAMS}
        recorder = run.process(RECORDER)
        recorder.suspend()
        before = {s: rings[s].written for s in STREAMS}
        # until a ring, which holds three seconds, has run over
        assert wait_for(lambda: any(rings[s].written - before[s] > 20 for s in ("diffraction", "spectrum")), 60, 0.2)
        recorder.resume()
        device = CommandClient(run.socket(DEVICE, "cmd"))
        device.request("configure", options={"rates": dict.fromkeys(STREAMS, 0.0)})
        device.close()

        def settled(process: str) -> bool:
            counts = told(run, process)
            first = {s: counts[s]["received"] for s in STREAMS} if set(STREAMS) <= set(counts) else None
            waiting = process == RECORDER and first and any(counts[s]["waiting"] for s in STREAMS)
            return first is not None and not waiting and first == last.setdefault(process, first)

        time.sleep(1.0)
        last: dict[str, dict[str, int]] = {}
        for process in (RECORDER, MODELHOST, STUDIO):
            assert wait_for(lambda p=process: settled(p) or not last.pop(p, {}), 20, 0.7), process
        time.sleep(2.0)  # the launcher asks once a second
        written = {s: rings[s].written for s in STREAMS}
        numbers = {s: witness.lives[-1].frames[s] for s in STREAMS}
        child.send_signal(signal.SIGINT)
        child.wait(60)
        for ring in rings.values():
            ring.close()
    finally:
        end(child, witness, studio)
    facts = json.loads(report.read_text())
    assert facts["problems"] == []
    files = sorted(
        tmp_path.glob("s*.nxs"), key=lambda p: p.stat().st_mtime_ns
    )  # more than one where a stream came late
    checked = [verify(path) for path in files]
    assert all(c.ok for c in checked), [c.lines for c in checked]
    for name in STREAMS:
        s, received = facts["streams"][name], facts["streams"][name]["received"]
        assert s["produced"] == written[name] == len(numbers[name]) == max(numbers[name]) + 1
        assert received["recorder"] == s["recorded"] + s["dropped"] + s["waiting"]
        assert s["waiting"] == 0
        assert received["models"] == s["analysed"] + s["skipped"] + s["failed"]
        assert received["window"] == s["shown"] + s["not_shown"]
        numbered, in_file, first = rows(files, name)
        assert first >= 0
        assert set(numbered) <= set(numbers[name])
        assert numbered == sorted(set(numbered))
        assert numbered[-1] == max(numbers[name])
        assert len(numbered) == s["recorded"] == sum(c.counts.get(f"frames {name}", 0) for c in checked)
        assert received["recorder"] == max(numbers[name]) + 1 - first
        assert s["dropped"] == received["recorder"] - len(numbered) == in_file
        for word in ("received", "dropped"):
            told_in_files = sum(c.counts.get(f"{word} {name}", 0) for c in checked)
            assert told_in_files == {"received": received["recorder"], "dropped": s["dropped"]}[word]
        assert 0 < received["models"] <= written[name]
        assert 0 < received["window"] <= written[name]
        assert s["shown"] > 0
        assert s["analysed"] > 0
    assert sum(facts["streams"][s]["dropped"] for s in STREAMS) > 0  # while the recorder was stopped
    assert facts["streams"]["image"]["skipped"] > 0  # its model is slower than the camera
