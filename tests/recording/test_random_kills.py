"""`kill -9` at random moments of the recorder and of every other process of a run, with the real twin.

The long form (`--long`) kills each process 20 times. The seed is printed; `MATSTUDIO_SEED=N` repeats a run's moments.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest
from witness import STREAMS, Witness, end, lost, opens_plainly, unexplained

from matstudio.bus.messages import CommandClient, CommandError
from matstudio.bus.processes import spawn, stop, wait_for
from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, STATION, STUDIO, Run, current_run
from matstudio.recording.verify import verify

LOST_S = 1.0  # what a kill may cost, on a machine that gives a process a core when it asks for one
PHASES = {"start": 1.5, "steady": 3.0, "rollover": 4.0, "close": 0.3}
"""Seconds within which the moment of the kill lies: after the recorder's start, after a file came, after the device was
killed (the recording then goes on in the next file) and after the recording was stopped."""


def seeded() -> random.Random:
    seed = int(os.environ.get("MATSTUDIO_SEED", random.SystemRandom().randrange(10**6)))
    print(f"seed {seed}")
    return random.Random(seed)


def allowed() -> float:
    """Seconds that a kill may cost now: as many times more as a process runs slower than on a core of its own."""
    began, used = time.perf_counter(), time.process_time()
    sum(range(5_000_000))
    return LOST_S * max(1.0, (time.perf_counter() - began) / (time.process_time() - used))


class Lab:
    """A run of a twin and a recorder, both started here, and a witness of every frame."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = Run.create("twin", {"record": str(folder / "s.nxs")})
        self.children: list[subprocess.Popen[bytes]] = []
        self.witness = Witness(self.run)
        self.client = CommandClient(self.run.socket(RECORDER, "cmd"))
        self.device = self.start(DEVICE, "matstudio.instruments.serve")
        self.recorder = self.start(RECORDER, "matstudio.recording")

    def start(self, name: str, module: str) -> subprocess.Popen[bytes]:
        child = spawn(self.run, name, module)
        self.children.append(child)
        return child

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*.nxs"), key=lambda p: p.stat().st_ctime_ns)

    def state(self) -> str:
        try:
            return str(self.client.request("status", timeout=1.0)["state"])
        except CommandError:
            return ""

    def kill(self, phase: str, wait: float) -> float:
        """Kill the recorder in a phase; run time of that."""
        if phase != "start":
            assert wait_for(lambda: self.state() == "recording" and any(map(flagged, self.files())), 60)
        if phase == "rollover":
            self.device.kill()
            self.device.wait()
            self.device = self.start(DEVICE, "matstudio.instruments.serve")
        elif phase == "close":
            time.sleep(0.5)
            self.client.send("stop_recording")
        time.sleep(wait)
        self.recorder.kill()
        at = self.run.clock.now()
        self.recorder.wait()
        time.sleep(0.1)  # for the witness
        return at

    def close(self) -> None:
        self.client.close()
        stop(self.run)
        for child in self.children:
            child.kill()
            child.wait()
        self.witness.close()
        self.run.remove()


def raw_rows(path: Path) -> dict[str, int]:
    """The longest column of each stream, whatever else is there of those rows."""
    with h5py.File(path, "r") as file:
        return {
            s: max(file[f"entry/{s}/{k}"].shape[0] for k in ("data", "seq", "t_start", "t_end", "metadata"))
            for s in STREAMS
            if s in file["entry"]
        }


def flagged(path: Path) -> bool:
    """Whether HDF5 would refuse to open the file plainly."""
    with open(path, "rb") as file:
        return file.read(12)[11] != 0


def check_after_kill(path: Path, *, repaired: bool) -> None:
    """Check a file that a killed recorder was writing, and what `verify` says of it."""
    report = verify(path)
    assert report.ok, report.lines
    assert report.repaired == repaired
    opens_plainly(path)
    with h5py.File(path, "r") as file:
        ended = bool(file["entry/end_time"][()])  # the kill came after the last flush of all
    assert any("not closed in order" in line for line in report.lines) == (not ended)
    for stream, rows in raw_rows(path).items():
        cut = rows - report.counts[f"frames {stream}"]
        assert report.counts[f"cut {stream}"] == cut
        assert any(line.startswith(f"{stream}: {cut} incomplete") for line in report.lines) == (cut > 0)


@pytest.mark.timeout(3600)
def test_the_recorder_is_killed_at_random_moments(tmp_path: Path, long: bool):
    dice = seeded()
    plan = list(PHASES) * (5 if long else 1)
    lab, losses, too_much, names = Lab(tmp_path), [], [], ["s"]
    try:
        for number, phase in enumerate(plan):
            wait = dice.uniform(0.0, PHASES[phase])
            at = lab.kill(phase, wait)
            most = allowed()
            left = [p for p in lab.files() if flagged(p)]
            assert len(left) <= 1
            by_verify = number % 2 == 0
            for path in left if by_verify else ():
                with pytest.raises(OSError, match="already open for write"):
                    h5py.File(path, "r")
                check_after_kill(path, repaired=True)
            lab.recorder = lab.start(RECORDER, "matstudio.recording")  # as the launcher does
            if not by_verify or phase == "close":
                assert wait_for(lambda: lab.state() != "", 60)
            for path in () if by_verify else left:
                check_after_kill(path, repaired=False)
            here = [lost([p], lab.witness, at) for p in left]
            losses += here
            told = f"{number}: {wait:.2f} s into {phase}: {[p.name for p in left]}, lost {here} s of {most:.1f} s"
            print(told, flush=True)
            too_much += [told] if max(here, default=0.0) > most else []
            if phase == "close" and lab.state() == "idle":  # the recording had been ended, and stays so
                names.append(f"after{number}")
                lab.client.request("record", path=str(tmp_path / f"{names[-1]}.nxs"))
        assert wait_for(lambda: lab.state() == "recording" and any(map(flagged, lab.files())), 60)
        time.sleep(1.0)
        lab.client.request("stop_recording")
        missing = 0
        for name in names:
            problems, n = unexplained([p for p in lab.files() if p.stem.split("-")[0] == name], lab.witness)
            assert problems == []
            missing += n
        for path in lab.files():
            report = verify(path)
            assert report.ok, report.lines
            assert not report.repaired
            opens_plainly(path)
        print(f"{len(plan)} kills, {len(lab.files())} files, at most {max(losses, default=0):.2f} s lost")
        print(f"after the restarts {missing} frames are in no file, and counted as dropped")
        assert too_much == []
    finally:
        lab.close()


OTHERS = (DEVICE, STATION, MODELHOST, STUDIO)


def wait_until_recording(run: Run) -> Path:
    """Wait until the recorder writes a file that others can open; its path."""
    client = CommandClient(run.socket(RECORDER, "cmd"))

    def path() -> Path | None:
        try:
            status = client.request("status", timeout=1.0)
        except CommandError:
            return None
        there = status["state"] == "recording" and status["path"] and Path(status["path"]).exists()
        return Path(status["path"]) if there else None

    try:
        assert wait_for(lambda: path() is not None, 90, 0.1)
        found = path()
        assert found is not None
        return found
    finally:
        client.close()


def kill_each(folder: Path, dice: random.Random) -> float:
    """One run in which each other process is killed at a random moment, and the launcher at last; seconds lost."""
    session = folder / "s.nxs"
    arguments = ("run", "--headless", "--record", str(session), "--seed", str(dice.randrange(1000)))
    with open(folder / "run.log", "wb") as out:
        launcher = subprocess.Popen([sys.executable, "-m", "matstudio", *arguments], stdout=out, stderr=out)
    witness = studio = run = None
    try:
        assert wait_for(lambda: current_run() is not None, 60)
        run = current_run()
        witness = Witness(run)
        studio = spawn(run, STUDIO, "matstudio.ui", {"QT_QPA_PLATFORM": "offscreen"})
        wait_until_recording(run)
        for name in dice.sample(OTHERS, len(OTHERS)):
            time.sleep(dice.uniform(0.0, 3.0))
            assert wait_for(lambda name=name: run.process(name) is not None, 60), name
            run.process(name).kill()
            if name == STUDIO:
                studio.wait()
        assert wait_for(lambda: len(list(folder.glob("*.nxs"))) >= 2, 90)  # the device was killed
        time.sleep(dice.uniform(0.0, 3.0))
        launcher.kill()
        at = run.clock.now()
        launcher.wait()
        assert wait_for(lambda: run.alive() == [], 90), run.alive()  # a headless run ends with its launcher
        files = sorted(folder.glob("*.nxs"), key=lambda p: p.stat().st_ctime_ns)
        for path in files:
            opens_plainly(path)  # the recorder lived, and closed them all
            report = verify(path)
            assert report.ok, report.lines
            assert not report.repaired
        problems, _ = unexplained(files, witness)
        assert problems == []
        log = (folder / "run.log").read_text()
        assert all(f"{name} ended with -9 and is started again" in log for name in (DEVICE, STATION, MODELHOST)), log
        return max(0.0, lost(files, witness, at))
    finally:
        end(launcher, witness, studio)


@pytest.mark.timeout(3600)
def test_every_other_process_is_killed_at_random_moments(tmp_path: Path, long: bool):
    dice, too_much = seeded(), []
    for number in range(20 if long else 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        seconds, most = kill_each(folder, dice), allowed()
        print(f"{number}: lost {seconds:.2f} s of {most:.1f} s", flush=True)
        too_much += [seconds] if seconds > most else []
    assert too_much == []
