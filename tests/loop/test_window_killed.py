"""A run with its window: what becomes of it when the window, the launcher or a model is gone."""

import os
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from matstudio.bus.rundir import LAUNCHER, MODELHOST, STATION, STUDIO

from .conftest import gaps, matstudio

ATTACH_S = 3.0


@pytest.mark.timeout(400)
def test_a_killed_window_and_then_a_killed_launcher(loop, tmp_path):
    one = loop("--record", str(tmp_path / "s.nxs"), modules={STATION: "policy_station"})
    one.heat()
    one.ask(STATION, "event", who="launcher", text="something of which people must know", alarm="test")
    assert one.wait(lambda: one.recording() and one.window().get("header", {}).get("recording"))

    # the window is killed: control and recording go on; another one shows the same within 3 s
    one.cycles.clear()
    one.kill(STUDIO)
    one.hear(2.0)
    busy = max(1.0, os.getloadavg()[0] / 4)  # more than two processes that want each of two cores
    begun = time.monotonic()
    window = subprocess.Popen([sys.executable, "-m", "matstudio", "run"], stdout=subprocess.PIPE)
    try:
        shown = {}

        def same() -> bool:
            shown.update(one.window())
            header = shown.get("header", {})
            return header.get("mode") == "PID" and header["recording"] and header["line"] == "connected"

        assert one.wait(same), shown
        took = time.monotonic() - begun
        print(f"attached after {took:.2f} s at a load of {os.getloadavg()[0]:.1f}")
        assert took < ATTACH_S * busy
        assert shown["header"]["figures"]["temperature"]["setpoint"] == 600.0
        assert shown["header"]["rec"].startswith("REC 0:00:")
        assert {row["id"] for row in shown["alarms"]} == one.alarms() == {"process.test"}
        left_out, longest = gaps(one.cycles)
        assert left_out == 0
        assert longest < 1.0

        # in POLICY a window that stands still is missed after 2 s
        assert one.ask(STATION, "mode", who="ana", mode="POLICY") == {}
        one.hear(1.0)
        assert one.mode() == "POLICY"
        one.signal(STUDIO, signal.SIGSTOP)
        stopped = time.monotonic()
        assert one.wait(lambda: one.mode() == "HOLD", 10)
        assert 0.5 < time.monotonic() - stopped < 3.5  # it had spoken up to a second before
        assert "client" in one.alarms()
        one.signal(STUDIO, signal.SIGCONT)
        one.hear(1.0)
        assert one.mode() == "HOLD"

        # the station is killed: the window shows the new one in OFF, and that it is another one
        def says_so() -> bool:
            shown.update(one.window())
            return shown["header"]["mode"] == "OFF" and "restart.station" in {row["id"] for row in shown["alarms"]}

        one.kill(STATION)
        assert one.wait(says_so), shown

        # the launcher is killed: the run goes on, says so, and starts nothing again
        one.kill(LAUNCHER)
        assert one.wait(lambda: "launcher" in one.alarms(), 10)
        assert one.wait(lambda: "launcher" in {row["id"] for row in one.window().get("alarms", ())}, 15)
        one.kill(MODELHOST)
        one.hear(2.0)
        assert (one.mode(), one.pid(MODELHOST)) == ("OFF", 0)

        # the window is closed, and ends what nobody else would end
        one.signal(STUDIO, signal.SIGTERM)
        assert window.wait(60) == 0
        assert one.left() == []
    finally:
        window.kill()
        window.communicate()
    for stream in ("image", "diffraction", "spectrum"):
        numbers = []
        for path in tmp_path.glob("*.nxs"):  # a second one where a busy machine was late with a stream's first frame
            with h5py.File(path, "r") as file:
                numbers += list(file[f"entry/{stream}/seq"][:]) if stream in file["entry"] else []
        assert len(numbers) > 20
        assert np.all(np.diff(sorted(numbers)) == 1)


@pytest.mark.timeout(400)
def test_a_model_that_loops_for_ever_is_killed_and_the_second_time_left_out(loop):
    one = loop(modules={MODELHOST: "hanging_host"}, deadline=5.0)
    frames = one.written()
    assert one.told("at model hangs on spectrum and is killed"), one.audit("process")
    assert one.told("modelhost ended with -9 and is started again")
    assert one.told("model hangs hung 2 times on spectrum: left out until it is chosen again")
    assert sum("at model hangs on spectrum" in line for line in one.audit("process")) == 2
    assert one.wait(lambda: one.last.get("models", {}).get("spectrum", {}).get("model") == "baseline"), (
        one.audit("process"),
        one.last.get("models"),
    )
    assert one.wait(lambda: one.last["models"]["spectrum"]["analysed"] > 0)
    assert all(n > frames.get(name, 0) + 10 for name, n in one.written().items())
    assert all(counts["shown"] > 10 for counts in one.window().get("streams", {}).values())

    # one that dies again and again is given up, and the window says so as well
    for _ in range(5):
        if not any("left alone" in line for line in one.audit("process")):
            old = one.pid(MODELHOST)
            one.kill(MODELHOST)
            one.wait(lambda: one.pid(MODELHOST) not in (0, old), 3)  # noqa: B023
    assert one.told("modelhost ended 5 times within 60 s and is left alone")
    assert one.wait(lambda: "process.modelhost" in one.alarms())

    def shown() -> bool:
        window = one.window()
        lines = [text for _, who, kind, text in window.get("events", ()) if (who, kind) == (LAUNCHER, "process")]
        told = [any(part in line for line in lines) for part in ("and is killed", "left out until", "left alone")]
        return all(told) and "process.modelhost" in {row["id"] for row in window.get("alarms", ())}

    assert one.wait(shown), one.window()
    assert matstudio("stop").returncode == 0
    code, _, err = one.end()
    assert code == 3
    assert "modelhost ended 5 times within 60 s and is left alone" in err
    assert one.left() == []
