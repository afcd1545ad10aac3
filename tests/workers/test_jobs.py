"""Background work: its states, what it tells, how it is cancelled, and that no process is left."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from matstudio.bus.background import NICE
from matstudio.workers import jobs as module
from matstudio.workers.job import OVER, TABLE, Event, Job, State, Work
from matstudio.workers.jobs import Jobs, Tail

SCRIPT = """
import json, os, signal, subprocess, sys, time
what, folder = sys.argv[1], sys.argv[2]
def tell(n):
    print(json.dumps({"progress": {"input": "film", "done": n, "total": 4}}), file=sys.stderr, flush=True)
open(os.path.join(folder, f"{what}.pid"), "w").write(f"{os.getpid()} {os.nice(0)} {os.getcwd()}")
if what == "fails":
    print("matstudio reconstruct: film.nxs: a bad frame\\n", file=sys.stderr)
    sys.exit(2)
if what == "silent":
    sys.exit(7)
if what == "stubborn":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    open(os.path.join(folder, "ready"), "w")
tell(1)
try:
    while what != "counts":
        time.sleep(0.02)
    for n in (2, 3, 4):
        tell(n)
        time.sleep(0.15)
except KeyboardInterrupt:
    open(os.path.join(folder, "kept"), "w").write("half")
    sys.exit(130)
open(os.path.join(folder, "kept"), "w").write("all")
print("done and written", file=sys.stderr)
"""


@pytest.fixture
def jobs(qtbot, tmp_path: Path) -> Iterator[Jobs]:
    (tmp_path / "run").mkdir()
    made = Jobs(tmp_path / "run")
    yield made
    made.stop()
    assert not list((tmp_path / "run").iterdir())


def work(what: str, folder: Path, *, light: bool = False, limit_s: float = 60.0) -> Work:
    return Work(what, lambda _: ("-c", SCRIPT, what, str(folder)), folder / "kept", light=light, limit_s=limit_s)


def state(jobs: Jobs, id: int) -> State:
    return jobs.job(id).state


def process(folder: Path, what: str, qtbot) -> psutil.Process:
    path = folder / f"{what}.pid"
    qtbot.waitUntil(lambda: path.exists() and len(path.read_text().split()) == 3, timeout=20_000)
    return psutil.Process(int(path.read_text().split()[0]))


def test_the_table_of_states_is_whole():
    for event in Event:
        for kind in State:
            job = Job(1, Work("x", lambda _: ()), kind)
            if (kind, event) in TABLE:
                assert job.after(event, 1.0).state is TABLE[kind, event]
            else:
                with pytest.raises(ValueError, match=f"job 1 is {kind}"):
                    job.after(event, 1.0)
    assert not any(start in OVER for start, _ in TABLE)


def test_time_left_is_known_once_a_step_is_done():
    job = Job(1, Work("x", lambda _: ())).after(Event.START, 0.0)
    assert job.left_s(5.0) is None
    job = job.progressed("a", 10, 100, 5.0)  # went on with what was done before
    assert job.left_s(6.0) is None
    job = job.progressed("a", 20, 100, 10.0)
    assert job.left_s(10.0) == pytest.approx(40.0)
    assert job.left_s(20.0) == pytest.approx(120.0)
    assert job.progressed("b", 1, 100, 11.0).left_s(12.0) is None
    assert job.after(Event.CANCEL, 12.0).left_s(12.0) is None


def test_what_a_job_says_is_read_in_pieces_and_nonsense_is_no_progress():
    tail = Tail()
    assert tail.take(b'{"progress": {"input": "f", "do') is None
    assert tail.take(b'ne": 1, "total": 3}}\n{"progress": {"input": "f", "done": 2, "total": 3}}\n') == ("f", 2, 3)
    for odd in (
        '{"progress": 3}',
        '{"progress": {"done": NaN, "total": 1}}',
        "{" * 9999,
        '{"done": 1, "total": 2}',
        "[1]",
    ):
        assert tail.take(odd.encode() + b"\n") is None
    assert tail.take(b'{"progress": {"done": 4, "total": 3}}\n') is None
    tail.take(b"first\rsecond\r\n\n\xff third")
    assert tail.line == "second"
    tail.take(b"\n")
    assert tail.line == "\ufffd third"


def test_a_job_tells_its_progress_and_is_done(jobs: Jobs, tmp_path: Path, qtbot):
    seen: list[Job] = []
    over: list[Job] = []
    jobs.changed.connect(seen.append)
    id = jobs.start(work("counts", tmp_path), over.append)
    qtbot.waitUntil(lambda: state(jobs, id) is State.DONE, timeout=30_000)
    assert [j.state for j in seen][:2] == [State.WAITING, State.RUNNING]
    assert {(j.part, j.total) for j in seen if j.total} == {("film", 4)}
    assert over == [jobs.job(id)]
    assert (over[0].done, over[0].line, over[0].written) == (4, "done and written", True)
    assert jobs.active == ()
    if os.name == "posix":
        assert int((tmp_path / "counts.pid").read_text().split()[1]) >= NICE
    jobs.forget()
    assert jobs.jobs == ()


@pytest.mark.parametrize(
    ("what", "line"),
    [("fails", "film.nxs: a bad frame"), ("silent", "it ended with exit code 7 and said nothing")],
)
def test_one_that_fails_says_why_in_one_line_and_the_next_goes_on(jobs: Jobs, tmp_path: Path, qtbot, what, line):
    first, second = jobs.start(work(what, tmp_path)), jobs.start(work("counts", tmp_path))
    assert state(jobs, second) is State.WAITING
    qtbot.waitUntil(lambda: state(jobs, second) is State.DONE, timeout=30_000)
    assert (state(jobs, first), jobs.job(first).line, jobs.job(first).written) == (State.FAILED, line, False)


def test_one_that_cannot_be_begun_fails(jobs: Jobs, qtbot):
    def refuse(folder: Path) -> tuple[str, ...]:
        raise OSError(28, "No space left on device")

    wrong = [jobs.start(Work("full", refuse)), jobs.start(Work("odd", lambda _: 1 / 0))]
    qtbot.waitUntil(lambda: not jobs.active, timeout=10_000)
    assert [jobs.job(id).line for id in wrong] == [
        "No space left on device",
        "ZeroDivisionError: division by zero",
    ]
    assert all(state(jobs, id) is State.FAILED for id in wrong)


def test_one_that_is_killed_shows_as_failed(jobs: Jobs, tmp_path: Path, qtbot):
    id = jobs.start(work("runs", tmp_path))
    process(tmp_path, "runs", qtbot).kill()
    qtbot.waitUntil(lambda: jobs.job(id).over, timeout=10_000)
    assert (state(jobs, id), jobs.job(id).line) == (State.FAILED, "its process was ended from outside (SIGKILL)")


def test_cancelling_interrupts_and_keeps_what_was_done(jobs: Jobs, tmp_path: Path, qtbot):
    first, second = jobs.start(work("runs", tmp_path)), jobs.start(work("counts", tmp_path))
    process(tmp_path, "runs", qtbot)
    qtbot.waitUntil(lambda: jobs.job(first).total == 4, timeout=10_000)
    jobs.cancel(second)
    assert state(jobs, second) is State.CANCELLED
    jobs.cancel(first)
    assert state(jobs, first) is State.STOPPING
    qtbot.waitUntil(lambda: jobs.job(first).over, timeout=10_000)
    assert (state(jobs, first), jobs.job(first).written) == (State.CANCELLED, True)
    assert (tmp_path / "kept").read_text() == "half"
    assert not (tmp_path / "counts.pid").exists()


def test_one_that_does_not_stop_is_killed_with_its_children(jobs: Jobs, tmp_path: Path, qtbot, monkeypatch):
    monkeypatch.setattr(module.Runner.cancel, "__defaults__", (0.5,))
    id = jobs.start(work("stubborn", tmp_path))
    child = process(tmp_path, "stubborn", qtbot)
    qtbot.waitUntil((tmp_path / "ready").exists, timeout=10_000)
    grandchildren = child.children()
    assert len(grandchildren) == 1
    jobs.cancel(id)
    qtbot.waitUntil(lambda: jobs.job(id).over, timeout=10_000)
    assert state(jobs, id) is State.CANCELLED
    assert jobs.job(id).line == "killed before it had stopped by itself"
    psutil.wait_procs([child, *grandchildren], timeout=5)
    assert not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in (child, *grandchildren))


def test_one_that_was_cancelled_is_killed_when_it_is_cancelled_again(jobs: Jobs, tmp_path: Path, qtbot):
    id = jobs.start(work("stubborn", tmp_path))
    process(tmp_path, "stubborn", qtbot)
    qtbot.waitUntil((tmp_path / "ready").exists, timeout=10_000)
    jobs.cancel(id)
    qtbot.wait(300)
    assert state(jobs, id) is State.STOPPING
    jobs.cancel(id)
    qtbot.waitUntil(lambda: jobs.job(id).over, timeout=10_000)
    assert state(jobs, id) is State.CANCELLED


def test_one_that_takes_too_long_is_given_up(jobs: Jobs, tmp_path: Path, qtbot):
    id = jobs.start(work("runs", tmp_path, limit_s=0.3))
    qtbot.waitUntil(lambda: jobs.job(id).over, timeout=10_000)
    assert (state(jobs, id), jobs.job(id).line) == (State.FAILED, "given up: not over within 0.3 s")


def test_light_ones_do_not_wait(jobs: Jobs, tmp_path: Path, qtbot):
    heavy = jobs.start(work("runs", tmp_path))
    light = jobs.start(work("counts", tmp_path, light=True))
    qtbot.waitUntil(lambda: state(jobs, light) is State.DONE, timeout=30_000)
    assert state(jobs, heavy) is State.RUNNING


def test_closing_leaves_no_process_and_keeps_what_was_done(jobs: Jobs, tmp_path: Path, qtbot, monkeypatch):
    monkeypatch.setattr(module, "CLOSE_S", 10.0)
    over: list[Job] = []
    jobs.start(work("runs", tmp_path), over.append)
    jobs.start(work("counts", tmp_path))
    child = process(tmp_path, "runs", qtbot)
    qtbot.waitUntil(lambda: jobs.jobs[1].total == 4, timeout=10_000)
    jobs.stop()
    assert not child.is_running()
    assert (tmp_path / "kept").read_text() == "half"
    assert over == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent ended")
def test_a_job_ends_with_a_window_that_is_killed(tmp_path: Path, qtbot):
    import subprocess

    window = (
        "import sys, pathlib\n"
        "from PySide6.QtCore import QCoreApplication\n"
        "from matstudio.workers.job import Work\n"
        "from matstudio.workers.jobs import Jobs\n"
        "app = QCoreApplication([])\n"
        "jobs = Jobs()\n"
        "jobs.start(Work('runs', lambda _: ('-c', sys.argv[1], 'runs', sys.argv[2])))\n"
        "app.exec()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", window, SCRIPT, str(tmp_path)], env=os.environ | {"TMPDIR": str(tmp_path)}
    )
    try:
        child = process(tmp_path, "runs", qtbot)
        time.sleep(0.5)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    qtbot.waitUntil(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, timeout=10_000)
    assert (tmp_path / "kept").read_text() == "half"
