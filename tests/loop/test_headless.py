"""The whole loop as `matstudio run --headless` runs it: real processes, real sockets, a real file."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from matstudio.bus import processes
from matstudio.bus.messages import CommandClient, CommandError, Subscriber
from matstudio.bus.rundir import DEVICE, LAUNCHER, STATION, STUDIO, current_run


def left(runtime: Path) -> list[Path]:
    """What is left of runs; the configuration stays."""
    return [p for p in runtime.iterdir() if p.name != "config"]


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "matstudio", "run", "--headless", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.timeout(150)
def test_the_twin_runs_is_recorded_and_leaves_what_was_asked_for(tmp_path: Path, runtime: Path):
    session, report, picture = tmp_path / "s.nxs", tmp_path / "r.json", tmp_path / "w.png"
    child = start("--duration", "20", "--record", str(session), "--report", str(report), "--screenshot", str(picture))
    out, err = child.communicate(timeout=120)
    assert child.returncode == 0, out + err
    facts = json.loads(report.read_text())
    assert facts["problems"] == []
    assert facts["restarted"] == {}
    for name in ("image", "diffraction", "spectrum"):
        stream = facts["streams"][name]
        assert stream["error"] == ""
        assert stream["analysed"] > 0
        assert stream["recorded"] > 0
        assert stream["dropped"] == 0
    assert {"order_parameter", "free_energy", "temperature", "pressure", "composition"} <= set(facts["state"])
    s, truth = facts["state"]["order_parameter"], facts["twin_truth"]["order_parameter"]
    assert abs(s["value"] - truth) < 5 * s["sigma"] + 0.01
    assert picture.stat().st_size > 20_000
    checked = subprocess.run(
        [sys.executable, "-m", "matstudio", "verify", str(session), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    for path in (session, report, picture):
        assert str(path) in out
    assert list(runtime.glob("run-*")) == []


@pytest.mark.timeout(90)
def test_halt_and_stop_from_another_shell(runtime: Path):
    child = start("--duration", "60", "--mode", "MANUAL")
    try:
        assert processes.wait_for(lambda: (r := current_run()) is not None and STATION in r.alive(), 20)
        run = current_run()
        station = CommandClient(run.socket(STATION, "cmd"))
        heard = Subscriber(run.socket(STATION, "pub"), topics=("status",))

        def mode() -> str:
            try:
                return str(station.request("status")["mode"])
            except CommandError:
                return ""

        assert processes.wait_for(lambda: mode() == "MANUAL", 20)
        assert station.request("output", who="test", name="heater", value=0.3) is not None
        assert processes.wait_for(lambda: station.request("status")["outputs"]["heater"] > 0.2, 10)
        halted = subprocess.run(
            [sys.executable, "-m", "matstudio", "halt"], capture_output=True, text=True, check=False
        )
        assert halted.returncode == 0, halted.stderr
        assert mode() == "SAFE"
        assert station.request("status")["outputs"]["heater"] == 0
        with pytest.raises(CommandError):
            station.request("mode", who="test", mode="PID")  # latched
        station.close()
        heard.close()
        stopped = subprocess.run(
            [sys.executable, "-m", "matstudio", "stop"], capture_output=True, text=True, check=False
        )
        assert stopped.returncode == 0, stopped.stderr
        assert child.wait(20) == 0
        assert not run.path.exists()
    finally:
        child.kill()
        child.communicate()


@pytest.mark.timeout(90)
def test_a_headless_run_ends_with_its_launcher(runtime: Path):
    child = start("--duration", "60")
    try:
        assert processes.wait_for(lambda: (r := current_run()) is not None and {STATION, DEVICE} <= set(r.alive()), 20)
        run = current_run()
        time.sleep(2)
        os.kill(child.pid, signal.SIGKILL)
        assert processes.wait_for(lambda: run.process(STATION) is None, 8)  # measured 3.5 s
        assert processes.wait_for(lambda: not run.alive(), 10)
    finally:
        child.kill()
        child.communicate()
        processes.stop(run)
        run.remove()


def test_a_run_that_is_shorter_than_its_start_lasts_until_it_has_started(runtime: Path):
    child = start("--duration", "0.1")
    out, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, "")
    assert "spectrum" in out
    assert left(runtime) == []


def test_a_run_that_is_ended_before_it_has_started_is_no_failure(runtime: Path):
    child = start("--duration", "60")
    assert processes.wait_for(lambda: current_run() is not None, 20)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (0, "")
    assert left(runtime) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.timeout(90)
def test_an_orderly_end_leaves_nothing(loop, runtime: Path, number: int):
    one = loop("--headless")
    one.signal(LAUNCHER, number)
    code, _, err = one.end()
    assert (code, err) == (0, "")
    assert one.left() == []
    assert not any(psutil.pid_exists(pid) for pid in one.pids.values())
    assert left(runtime) == []


@pytest.mark.timeout(90)
def test_a_window_that_is_closed_ends_its_run(loop, runtime: Path):
    one = loop()
    one.signal(STUDIO, signal.SIGTERM)
    code, _, err = one.end()
    assert code == 0, err
    assert one.left() == []
    assert not any(psutil.pid_exists(pid) for pid in one.pids.values())
    assert left(runtime) == []


@pytest.mark.timeout(150)
def test_a_window_that_is_ended_before_it_listens_ends_its_run(runtime: Path):
    child = subprocess.Popen(
        [sys.executable, "-m", "matstudio", "run"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert processes.wait_for(lambda: (r := current_run()) is not None and r.process(STUDIO) is not None, 60)
        os.kill(current_run().process(STUDIO).pid, signal.SIGTERM)
        _, err = child.communicate(timeout=60)
        assert (child.returncode, err) == (0, "")
        assert left(runtime) == []
    finally:
        child.kill()
        child.communicate()
