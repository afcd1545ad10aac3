"""`python -m matstudio.instruments.epics.ioc PREFIX`: a soft IOC that plays the twin's furnace, with its own watchdog.

Records (PREFIX is put before each; Channel Access and PVAccess):

| record | what | unit |
|---|---|---|
| T | specimen temperature, alarms MAJOR above 880, MINOR above 860 | K |
| HEATER, HEATER:RBV | power asked for, given | 1 |
| P, P:SP | pressure, its setpoint | GPa |
| C, C:SP | composition, its setpoint | 1 |
| BEAM, BEAM:RBV | beam: 1 on the specimen, 0 blanked | 1 |
| DOSE:RATE, DOSE | electron dose | e/A2/s, e/A2 |
| HEARTBEAT | written by the client; 1.5 s without it turn the heater off until it comes again with a new HEATER | |
| WATCHDOG | why the heater is off, or "" | |

With `--image HZ` it also serves PREFIX + "IMAGE" as NTNDArray, numbered pictures of 256 x 256 pixels (uint16).
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import signal
import subprocess
import sys
import threading

from matstudio.bus import processes
from matstudio.domain.clock import RealClock
from matstudio.domain.process import Setpoint
from matstudio.instruments.base import DeviceError
from matstudio.instruments.twin.device import TwinDevice

PERIOD_S = 0.1
DOSE_RATE = 1000.0
"""e/Å^2/s while the beam is on."""


class Ioc:
    """The records and the furnace behind them.

    Args:
        prefix: of every record's name.
    """

    def __init__(self, prefix: str) -> None:
        from softioc import asyncio_dispatcher, builder, softioc

        self._clock = RealClock.start()
        self._device = TwinDevice(self._clock, seed=1)
        self._device.plant.dose_rate = DOSE_RATE
        self._dispatcher = asyncio_dispatcher.AsyncioDispatcher()
        b = builder
        b.SetDeviceName(prefix.removesuffix(":"))
        alarms = {"HIHI": 880, "HHSV": "MAJOR", "HIGH": 860, "HSV": "MINOR"}
        self._shown = {
            "temperature": b.aIn("T", EGU="K", PREC=3, LOPR=250, HOPR=1000, MDEL=-1, **alarms),
            "heater": b.aIn("HEATER:RBV", EGU="1", PREC=4, LOPR=0, HOPR=1),
            "pressure": b.aIn("P", EGU="GPa", PREC=4),
            "composition": b.aIn("C", EGU="1", PREC=4),
            "beam": b.aIn("BEAM:RBV", EGU="1", PREC=0),
            "dose_rate": b.aIn("DOSE:RATE", EGU="e/A2/s", PREC=1),
            "dose": b.aIn("DOSE", EGU="e/A2", PREC=1, MDEL=-1),
        }
        self._why = b.stringIn("WATCHDOG", initial_value="start")
        for name, record, high in (("heater", "HEATER", 1.0), ("pressure", "P:SP", 2.0), ("beam", "BEAM", 1.0)):
            b.aOut(record, DRVL=0, DRVH=high, always_update=True, on_update=lambda v, n=name: self._set(n, v))
        b.aOut("C:SP", DRVL=0.15, DRVH=0.35, always_update=True, on_update=lambda v: self._set("composition", v))
        b.longOut("HEARTBEAT", always_update=True, on_update=lambda v: self._device.heartbeat(self._clock.now()))
        b.LoadDatabase()
        softioc.iocInit(self._dispatcher)

    def start(self) -> None:
        """Let time pass."""
        self._dispatcher(self._run)

    def _set(self, name: str, value: float) -> None:
        try:
            self._device.set(Setpoint(name, float(value), "1", "epics", self._clock.now()))
        except DeviceError as error:
            print(error, flush=True)

    async def _run(self) -> None:
        while True:
            self._device.follow()
            for reading in self._device.readings():
                if reading.name in self._shown and math.isfinite(reading.value):
                    self._shown[reading.name].set(reading.value)
            self._why.set(self._device.locked[:39])
            await asyncio.sleep(PERIOD_S)


def configuration(prefix: str, image: bool = False) -> str:
    """The configuration that goes with this IOC, as TOML."""
    return _CONFIGURATION.replace("PREFIX", prefix) + (_IMAGE.replace("PREFIX", prefix) if image else "")


_CONFIGURATION = """\
version = 1
kind = "epics"
name = "Soft IOC PREFIX"

[connection]
provider = "pva"                # or "ca"

[holder]
name = "Soft IOC's furnace"
serial = "none"
max_temperature = 900.0         # K
max_rate = 5.0                  # K/s
gain = 650.0                    # K above ambient at full power
tau = 60.0                      # s
delay = 2.0                     # s
sensor_lag = 1.5                # s
ambient = 300.0                 # K
noise = 0.3                     # K, one standard deviation

[readings]
temperature = { address = "PREFIXT", unit = "K", low = 250.0, high = 1000.0, max_age = 0.5 }
heater = { address = "PREFIXHEATER:RBV", unit = "1", low = 0.0, high = 1.0, on_change = true }
pressure = { address = "PREFIXP", unit = "GPa", low = -0.1, high = 2.2, on_change = true }
composition = { address = "PREFIXC", unit = "1", low = 0.1, high = 0.4, on_change = true }
beam = { address = "PREFIXBEAM:RBV", unit = "1", low = 0.0, high = 1.0, on_change = true }
dose_rate = { address = "PREFIXDOSE:RATE", unit = "e/A2/s", low = 0.0, high = 1e9, on_change = true }
dose = { address = "PREFIXDOSE", unit = "e/A2", low = 0.0, high = 1e15, on_change = true }

[actuators]
heater = { address = "PREFIXHEATER", unit = "1", low = 0.0, high = 1.0, rate = 0.5, safe = 0.0 }
pressure = { address = "PREFIXP:SP", unit = "GPa", low = 0.0, high = 2.0, rate = 0.02 }
composition = { address = "PREFIXC:SP", unit = "1", low = 0.2, high = 0.3, rate = 0.001 }
beam = { address = "PREFIXBEAM", unit = "1", low = 0.0, high = 1.0, safe = 0.0 }

[heartbeat]
address = "PREFIXHEARTBEAT"
"""
_IMAGE = """
[streams.image]
address = "PREFIXIMAGE"
kind = "image"
shape = [256, 256]
dtype = "uint16"
rate = 30.0                     # Hz
queue = 64
"""


def main() -> int:
    """Serve until SIGTERM, SIGINT or the end of the process that started it."""
    parser = argparse.ArgumentParser(prog="python -m matstudio.instruments.epics.ioc")
    parser.add_argument("prefix", metavar="PREFIX", help="of every record's name, as 'MS1:'")
    parser.add_argument("--image", type=float, default=0.0, metavar="HZ", help="pictures per second; default: none")
    arguments = parser.parse_args()
    processes.die_with_parent()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    images = None
    if arguments.image > 0:
        command = [sys.executable, "-m", "matstudio.instruments.epics.images"]
        images = subprocess.Popen([*command, arguments.prefix + "IMAGE", str(arguments.image)])
    Ioc(arguments.prefix).start()
    print("ready", flush=True)
    while not stop.wait(0.5):
        pass
    if images is not None:
        images.terminate()
        images.wait()
    os._exit(0)  # an IOC has no other end: its threads are not Python's


if __name__ == "__main__":
    sys.exit(main())
