"""The example server of the bridge, in another process."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from matstudio.domain.process import Quality

from .helpers import Bench, free_port, server

SERVER = str(Path(__file__).parents[3] / "docs" / "bridge" / "server.py")
TEXT = """
kind = "bridge"
name = "Microscope PC"
[connection]
host = "127.0.0.1"
port = PORT
[holder]
name = "furnace"
serial = "1"
max_temperature = 900
max_rate = 5
[readings]
temperature = { address = "temperature", unit = "K", low = 200, high = 1000 }
heater = { address = "heater", unit = "1", low = 0, high = 1 }
beam = { address = "beam", unit = "1", low = 0, high = 1 }
dose_rate = { address = "dose_rate", unit = "e/A2/s", low = 0, high = 1e9 }
[actuators]
heater = { address = "heater", unit = "1", low = 0, high = 1, safe = 0 }
beam = { address = "beam", unit = "1", low = 0, high = 1, safe = 0 }
[heartbeat]
address = "heartbeat"
[streams.image]
address = "camera"
kind = "image"
shape = [64, 64]
rate = 20
"""


def test_values_writes_and_frames(servers, benches):
    port = free_port()
    one = servers(server(SERVER, "--port", str(port)))
    bench = benches(Bench(TEXT.replace("PORT", str(port))))
    bench.until(lambda: bench.has("temperature", "dose"))
    assert abs(bench.value("temperature") - 300) < 3
    bench.set("heater", 0.5)
    bench.until(lambda: bench.value("heater") == 0.5)
    assert bench.value("dose") > 0  # counted here: the server tells the rate alone
    frames = []
    bench.until(lambda: frames.extend(taken(bench)) or len(frames) > 20)
    assert np.all(np.diff([f.seq for f in frames]) == 1)
    assert all(f.data[0, 0] == f.seq % 1000 for f in frames)
    assert frames[-1].metadata["instrument"] == "Microscope PC"
    assert frames[-1].metadata["beam_blanked"] is False
    bench.safe()
    bench.until(lambda: bench.value("heater") == 0.0 and bench.value("beam") == 0.0)
    frames.clear()
    bench.until(lambda: frames.extend(taken(bench)) or any(f.metadata["beam_blanked"] for f in frames))
    one.kill()
    one.wait()
    bench.until(lambda: bench.reading("temperature").quality is Quality.STALE)


def taken(bench):
    """The frames that wait."""
    jobs = iter(lambda: bench.source.expose("image", 0, 0.0, 0.0), None)
    return [job() for job in jobs]


@pytest.mark.parametrize("right", [True, False])
def test_a_key_is_needed(servers, benches, tmp_path, right):
    port = free_port()
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    theirs.write_text("open sesame\n")
    ours.write_text("open sesame\n" if right else "open rye\n")
    servers(server(SERVER, "--port", str(port), "--key", str(theirs)))
    bench = benches(Bench(TEXT.replace("PORT", f'{port}\nkey_file = "{ours}"')))
    if right:
        bench.until(lambda: bench.has("temperature"))
    else:
        bench.until(lambda: "wrong key" in bench.source.state()["link"])
        assert not bench.source.readings()


def test_without_a_key_the_server_serves_this_computer_alone():
    done = subprocess.run([sys.executable, SERVER, "--host", "0.0.0.0"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "without --key" in done.stderr
