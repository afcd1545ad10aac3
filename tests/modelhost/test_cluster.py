"""A job on Dask's processes: killed, interrupted, resumed, and the same bits as without; and where there is no Dask."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from matstudio.bench.batch import record, unlike
from matstudio.bus.processes import ONE_THREAD
from matstudio.cli.main import main
from matstudio.domain.clock import RealClock
from matstudio.domain.frame import Kind
from matstudio.modelhost import cluster
from matstudio.recording.verify import verify
from matstudio.recording.writer import SessionWriter
from matstudio.session.reader import Session

FRAMES = 40
SMALL_PIECES = """
from matstudio.modelhost import batch
batch.LEAST_S = 0.05
import sys
from matstudio.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ONE_THREAD.items():  # the command sets them
        monkeypatch.setenv(name, value)


def film(folder: Path) -> None:
    """A session of one pattern with the noise of many."""
    record(folder / "one.nxs", 1, (Kind.DIFFRACTION,))
    rng = np.random.default_rng(0)
    with Session.open(folder / "one.nxs") as session:
        frame, description = session.frame("diffraction", 0), session.description
    (folder / "one.nxs").unlink()
    frames = [replace(frame, seq=i, t_end=i + 0.5, data=rng.poisson(frame.data).astype("u2")) for i in range(FRAMES)]
    writer = SessionWriter(folder / "s.nxs", description, RealClock.start(), frames[:1])
    for one in frames[1:]:
        writer.add_frame(one)
    writer.close()


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SMALL_PIECES, "reconstruct", "s.nxs", "--all", "--json", "--out", "o.nxs"]
    return subprocess.Popen(
        [*command, "--scheduler", "local", *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # it is ignored where the tests run by `&`
    )


def workers(of: int) -> list[psutil.Process]:
    return [p for p in psutil.Process(of).children(recursive=True) if "spawn_main" in " ".join(p.cmdline())]


def wait_for_part(folder: Path, process: subprocess.Popen[str], more_than: int = 0) -> None:
    deadline = time.monotonic() + 120
    while len(list(folder.glob("o.nxs.job/*.part"))) <= more_than:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.timeout(400)
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_interrupted_resumed_with_its_workers_killed_and_the_same_bits(tmp_path: Path):
    film(tmp_path)
    assert main(["reconstruct", str(tmp_path / "s.nxs"), "--all", "--out", str(tmp_path / "serial.nxs")]) == 0

    first = start(tmp_path)
    wait_for_part(tmp_path, first)
    theirs = workers(first.pid)
    assert len(theirs) == 2
    for worker in theirs:
        environ = worker.environ()
        assert {k: environ.get(k) for k in cluster.ENVIRON} == cluster.ENVIRON
    os.killpg(first.pid, signal.SIGINT)  # as a terminal does
    out, err = first.communicate(timeout=120)
    assert first.returncode == 130, err
    assert all("progress" in json.loads(line) for line in err.splitlines())
    assert not [w for w in theirs if w.is_running() and w.status() != psutil.STATUS_ZOMBIE]
    (half,) = json.loads(out)["inputs"]
    assert half["out"] == "o.nxs"
    assert 0 < half["analysed"] < FRAMES
    with Session.open(tmp_path / "o.nxs") as now:
        assert len(now.estimates("diffraction")) == half["analysed"]

    second = start(tmp_path, "--resume")
    wait_for_part(tmp_path, second, more_than=len(list(tmp_path.glob("o.nxs.job/*.part"))))
    for worker in workers(second.pid):
        worker.kill()
    out, err = second.communicate(timeout=200)
    assert second.returncode == 0, err
    steps = [json.loads(line)["progress"] for line in err.splitlines()]
    assert (steps[-1]["done"], steps[-1]["total"], steps[-1]["input"]) == (FRAMES, FRAMES, "s.nxs")
    assert [s["done"] for s in steps] == sorted(s["done"] for s in steps)
    assert json.loads(out)["inputs"][0]["analysed"] == FRAMES
    with Session.open(tmp_path / "o.nxs") as now:
        assert sorted(now.estimates("diffraction").seq.tolist()) == list(range(FRAMES))
    assert unlike(tmp_path / "serial.nxs", tmp_path / "o.nxs") == 0
    assert verify(tmp_path / "o.nxs").ok
    assert {p.name for p in tmp_path.iterdir()} == {
        "s.nxs",
        "serial.nxs",
        "serial.nxs.job",
        "o.nxs",
        "o.nxs.job",
    }


@pytest.mark.parametrize(
    ("scheduler", "said"),
    [
        ("tcp://127.0.0.1:9", "tcp://127.0.0.1:9: no scheduler answers within 5 s"),
        ("nonsense", "--scheduler nonsense: not one of local, local:WORKERS, tcp://HOST:PORT"),
        ("local", "Dask is not installed: pip install 'matstudio[batch]'"),
    ],
)
def test_without_a_scheduler_it_says_so(tmp_path: Path, monkeypatch, capsys, scheduler, said):
    np.save(tmp_path / "a.npy", np.eye(32))
    if scheduler == "local":
        monkeypatch.setitem(sys.modules, "distributed", None)
    out = str(tmp_path / "o.nxs")
    assert main(["reconstruct", str(tmp_path / "a.npy"), "--out", out, "--scheduler", scheduler]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a.npy"]
