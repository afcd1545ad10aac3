"""A Modbus server on loopback, stopped, killed and started again."""

import signal
from pathlib import Path

import pytest

from matstudio.domain.process import Quality

from .helpers import Bench, free_port, server

TEXT = """
kind = "modbus"
name = "Furnace controller"
[connection]
host = "127.0.0.1"
port = PORT
alive = "input:4:uint16"
[holder]
name = "furnace"
serial = "1"
max_temperature = 900
max_rate = 5
[readings]
temperature = { address = "input:0:float32", unit = "K", low = 200, high = 1000, max_age = 0.5 }
heater = { address = "holding:10:uint16:0.001", unit = "1", low = 0, high = 1, max_age = 0.5 }
beam = { address = "coil:2", unit = "1", low = 0, high = 1 }
[actuators]
heater = { address = "holding:10:uint16:0.001", unit = "1", low = 0, high = 1, safe = 0 }
beam = { address = "coil:2", unit = "1", low = 0, high = 1, safe = 0 }
[heartbeat]
address = "holding:20:uint16"
"""
SERVER = str(Path(__file__).parent / "modbus_server.py")


def test_values_come_and_go_and_a_stopped_server_is_seen_by_age(servers, benches):
    port = free_port()
    one = servers(server(SERVER, str(port)))
    bench = benches(Bench(TEXT.replace("PORT", str(port))))
    bench.until(lambda: bench.has("temperature", "beam"))
    bench.until(lambda: abs(bench.value("temperature") - 300) < 5)
    assert bench.value("beam") == 1.0  # as it was found
    bench.set("heater", 0.5)
    bench.set("beam", 0.0)
    bench.until(lambda: bench.value("heater") == 0.5 and bench.value("beam") == 0.0)
    before = bench.value("temperature")
    bench.until(lambda: bench.value("temperature") > before + 2)
    assert bench.reading("temperature").quality is Quality.GOOD
    bench.set("beam", 1.0)
    one.send_signal(signal.SIGSTOP)
    begun = bench.clock.now()
    bench.until(lambda: bench.reading("temperature").quality is Quality.STALE)
    assert bench.clock.now() - begun < 0.5 + 0.5
    bench.until(lambda: bench.source.state()["link"])
    with pytest.raises(ValueError, match=r"heater 0\.7"):
        bench.set("heater", 0.7)
    one.send_signal(signal.SIGCONT)
    bench.until(lambda: bench.reading("temperature").quality is Quality.GOOD and bench.value("heater") == 0.0)
    assert bench.value("beam") == 0.0  # the safe values come first
    one.kill()
    one.wait()
    bench.until(lambda: "nobody answers" in bench.source.state()["link"])
    servers(server(SERVER, str(port)))
    bench.until(lambda: bench.reading("temperature").quality is Quality.GOOD)


def test_without_a_station_the_safe_values_are_written(servers, benches):
    port = free_port()
    servers(server(SERVER, str(port)))
    bench = benches(Bench(TEXT.replace("PORT", str(port))))
    bench.until(lambda: bench.has("temperature"))
    bench.set("heater", 0.5)
    bench.until(lambda: bench.value("heater") == 0.5)
    bench.beating = False
    bench.until(lambda: bench.value("heater") == 0.0, 4)
    with pytest.raises(ValueError, match="no heartbeat from the station"):
        bench.set("heater", 0.5)
    bench.beating = True
    bench.step()
    bench.set("heater", 0.25)
    bench.until(lambda: bench.value("heater") == 0.25)
    with pytest.raises(ValueError, match="outside 0 to 1"):
        bench.set("heater", float("nan"))
    with pytest.raises(ValueError, match="K, not 1"):
        bench.set("heater", 0.5, "K")
