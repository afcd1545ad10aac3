"""Processes of a run that are killed with -9, each while the others go on."""

import os
import signal
import time

import h5py
import pytest

from matstudio.bus.rundir import DEVICE, LAUNCHER, MODELHOST, RECORDER, STATION

from .conftest import gaps, matstudio


@pytest.mark.timeout(400)
def test_each_process_is_killed_while_the_others_go_on(loop, tmp_path):
    """Recorder and model host, station, twin, at last all at once; in one run, where each finds what the last left."""
    one = loop("--headless", "--record", str(tmp_path / "s.nxs"))
    one.heat()
    assert one.wait(lambda: one.recording() and one.analysing())
    one.hear(2.0)

    # recorder and model host: control goes on without a gap, streams keep flowing, both come back, it is noted
    one.cycles.clear()
    frames, old, file = one.written(), {p: one.pid(p) for p in (RECORDER, MODELHOST)}, one.recording()
    one.kill(RECORDER)
    one.kill(MODELHOST)
    one.last.pop("models")
    for process, pid in old.items():
        assert one.back(process, pid)
        assert one.told(f"{process} ended with -9 and is started again")
    assert one.wait(lambda: one.recording() not in ("", file)), one.last["recording"]
    assert one.wait(lambda: any(m["analysed"] for m in one.last.get("models", {}).values())), one.last.get("models")
    assert all(one.written()[name] > n + 3 for name, n in frames.items())
    left_out, longest = gaps(one.cycles)
    assert left_out == 0
    assert longest < 1.0  # measured 0.25 s
    assert one.mode() == "PID"
    assert one.heater() > 0

    # station: the heater is off within 2 s, and stays off when the station is back
    boots = one.audit("start")
    killed = one.kill(STATION)
    assert one.wait(lambda: one.heater() == 0.0, 10)
    assert time.monotonic() - killed < 2.0
    assert one.wait(lambda: one.mode() == "OFF" and "restart.station" in one.alarms())
    assert one.told("station ended with -9 and is started again")
    assert len(one.audit("start")) == len(boots) + 1
    one.hear(2.0)
    assert (one.mode(), one.heater()) == ("OFF", 0.0)

    # twin: SAFE with an alarm; when it is back nothing heats by itself
    one.heat()
    before, file = one.last["readings"]["state"]["boot"], one.recording()
    one.cycles.clear()
    killed = one.kill(DEVICE)
    assert one.wait(lambda: one.mode() == "SAFE", 10)
    assert time.monotonic() - killed < 2.0  # three periods of 0.2 s; a busy machine is given more
    assert "sensor.temperature" in one.alarms()
    assert one.wait(lambda: one.last["readings"]["state"]["boot"] != before)
    assert one.told("device ended with -9 and is started again")
    assert one.wait(lambda: one.status("device")["state"] == "good" and "restart.device" in one.alarms())
    one.hear(2.0)
    assert (one.mode(), one.heater()) == ("SAFE", 0.0)
    assert gaps(one.cycles)[0] == 0

    # all at once: the next start leaves nothing of it, and mends the session
    assert one.wait(lambda: one.recording() not in ("", file))
    file = one.recording()
    pids = [one.pid(p) for p in (LAUNCHER, DEVICE, STATION, MODELHOST, RECORDER)]
    assert all(pids)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    one.launcher.wait(10)
    assert one.wait(lambda: not one.run.alive(), 10)
    assert one.left()
    two = matstudio("run", "--headless", "--duration", "0.1", "--record", str(tmp_path / "next.nxs"))
    assert two.returncode == 0, two.stderr
    assert f"run {one.run.id} had died: the recorder had died; {file} was recovered up to its last flush" in two.stderr
    assert one.left() == []
    names = sorted(p.name for p in tmp_path.glob("*.nxs"))
    assert {"s.nxs", "s-2.nxs", file, "next.nxs"} <= set(names)
    for name in names:
        with h5py.File(tmp_path / name, "r") as session:  # plainly, without swmr
            assert session["entry/events/text"].shape[0] > 0
        checked = matstudio("verify", str(tmp_path / name))
        assert checked.returncode == 0, checked.stdout + checked.stderr
    with h5py.File(tmp_path / "next.nxs", "r") as session:
        assert f"{file} was recovered".encode() in b"".join(session["entry/events/text"][:].ravel())
