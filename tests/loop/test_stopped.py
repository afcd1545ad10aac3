"""Processes that stand still (SIGSTOP) and go on again: no socket tells of that, only time does."""

import signal
import time

import h5py
import pytest

from matstudio.bus.rundir import DEVICE, MODELHOST, RECORDER, STATION

from .conftest import matstudio


@pytest.mark.timeout(400)
def test_each_process_stands_still_for_a_while(loop, tmp_path):
    one = loop("--headless", "--record", str(tmp_path / "s.nxs"))
    one.heat()
    assert one.wait(lambda: one.recording() and one.analysing())
    host = one.signal(MODELHOST, signal.SIGSTOP)  # its 15 s pass while the others are looked at

    # recorder: what its rings lose is counted, control goes on, the silence is noted
    one.signal(RECORDER, signal.SIGSTOP)
    assert one.told("recorder is silent", 15)
    one.hear(1.0)
    one.signal(RECORDER, signal.SIGCONT)
    assert one.told("recorder is heard again", 10)
    assert one.mode() == "PID"

    # device: noticed by age; its heater is off when it wakes, and nothing heats by itself
    one.signal(DEVICE, signal.SIGSTOP)
    stopped = time.monotonic()
    assert one.wait(lambda: one.mode() == "SAFE", 10)
    assert time.monotonic() - stopped < 2.0  # measured 0.4 s; a busy machine is given more
    assert "sensor.temperature" in one.alarms()
    one.hear(2.5 - (time.monotonic() - stopped))
    one.signal(DEVICE, signal.SIGCONT)
    assert one.wait(lambda: one.status("device")["state"] == "good", 10)
    one.hear(2.0)
    assert (one.mode(), one.heater()) == ("SAFE", 0.0)
    one.reset()

    # station: the twin's own watchdog acts; the station finds that it stood still
    one.heat()
    one.signal(STATION, signal.SIGSTOP)
    stopped = time.monotonic()
    assert one.wait(lambda: one.heater() == 0.0, 10)
    assert time.monotonic() - stopped < 2.0
    assert one.locked() == "no heartbeat from the station"
    one.hear(3.0 - (time.monotonic() - stopped))
    one.signal(STATION, signal.SIGCONT)
    assert one.wait(lambda: one.mode() == "SAFE", 5)
    assert "station stood still for" in one.status("why")
    one.hear(1.0)
    assert one.heater() == 0.0

    # model host: killed and started again
    assert one.told("modelhost was silent for 15 s")
    assert one.back(MODELHOST, host)

    assert matstudio("stop").returncode == 0
    assert one.end()[0] == 0
    assert one.left() == []
    held = 0
    for path in tmp_path.glob("*.nxs"):
        assert matstudio("verify", str(path)).returncode == 0
        with h5py.File(path, "r") as file:  # every gap in the numbers is in `missed`
            for stream in {"image", "diffraction", "spectrum"} & set(file["entry"]):
                seq, missed = file[f"entry/{stream}/seq"][:], file[f"entry/{stream}/missed"][:]
                assert seq[-1] - seq[0] + 1 == len(seq) + missed[-1] - missed[0]
                held += len(seq)
    assert held > 100
