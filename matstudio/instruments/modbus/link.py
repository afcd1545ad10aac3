"""Modbus TCP."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from matstudio.domain.clock import RealClock
from matstudio.instruments.base import DeviceError
from matstudio.instruments.real.config import ConfigError, Configuration
from matstudio.instruments.real.polled import PolledLink

TYPES = {"int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "float32": 2, "float64": 4}
"""Registers of each type."""
_ADDRESS = re.compile(r"(holding|input):(\d+):(\w+)(?::([-+.\deE]+))?|(coil|discrete):(\d+)")


@dataclass(frozen=True)
class Register:
    """Where a value is: a table ("holding", "input", "coil", "discrete"), number from 0 on, type, and the value of one
    count, in the unit of the reading."""

    table: str
    number: int
    type: str = "bool"
    scale: float = 1.0

    @classmethod
    def parse(cls, text: str, *, written: bool = False) -> Register:
        """From "holding:100:float32", "input:4:int16:0.1" or "coil:3".

        Raises:
            ValueError: it is none, or one that cannot be written.
        """
        found = _ADDRESS.fullmatch(text)
        form = "TABLE:NUMBER:TYPE[:SCALE], as 'holding:100:float32' or 'input:4:int16:0.1', or 'coil:3'"
        if not found:
            raise ValueError(f"{text!r} is not {form}")
        if found[5]:
            one = cls(found[5], int(found[6]))
        else:
            try:
                one = cls(found[1], int(found[2]), found[3], float(found[4] or 1.0))
            except ValueError:
                raise ValueError(f"{text!r} is not {form}") from None
            if one.type not in TYPES:
                raise ValueError(f"{one.type!r}: not {', '.join(TYPES)}")
            if not (math.isfinite(one.scale) and one.scale != 0):
                raise ValueError(f"scale {one.scale:g} cannot be")
        if one.number + TYPES.get(one.type, 1) > 65536:
            raise ValueError(f"{one.number}: there are registers 0 to 65535")
        if written and one.table in ("input", "discrete"):
            raise ValueError(f"{text!r} cannot be written")
        return one


class ModbusLink(PolledLink):
    """A Modbus TCP server. `connection` keys: `host`, `port` (502), `unit` (1), `words` ("big" or "little": the order
    of the registers of a number), `timeout` (0.5 s), `alive` (see `PolledLink`).

    The protocol knows neither units nor source times nor alarms: a value has the time at which it was asked for.

    Raises:
        ConfigError: a key or an address is wrong.
    """

    def __init__(self, config: Configuration, clock: RealClock) -> None:
        super().__init__(config, clock)
        self._client: Any = None
        c = config.connection
        for key in c:
            if key not in ("host", "port", "unit", "words", "timeout", "alive"):
                raise config.error(("connection", key), "unknown key; known: host, port, unit, words, timeout, alive")
        if not isinstance(c.get("host"), str):
            raise config.error(("connection",), "host is missing")
        if c.get("words", "big") not in ("big", "little"):
            raise config.error(("connection", "words"), f"{c['words']!r}, not 'big' or 'little'")
        for key in ("port", "unit"):
            if not isinstance(c.get(key, 1), int):
                raise config.error(("connection", key), f"must be a whole number, not {c[key]!r}")
        self._registers: dict[str, Register] = {}
        for name, reading in config.readings.items():
            self._register(reading.address, ("readings", name, "address"))
        for name, actuator in config.actuators.items():
            self._register(actuator.address, ("actuators", name, "address"), written=True)
        if config.heartbeat:
            self._register(config.heartbeat, ("heartbeat", "address"), written=True)
        if "alive" in c:
            self._register(str(c["alive"]), ("connection", "alive"))
        if config.streams:
            raise config.error(("streams",), "Modbus carries no frames")

    def _register(self, address: str, keys: tuple[str, ...], *, written: bool = False) -> None:
        try:
            self._registers[address] = Register.parse(address, written=written)
        except ValueError as error:
            raise self.config.error(keys, str(error)) from None

    def open(self) -> None:
        """Connect."""
        from pymodbus.client import ModbusTcpClient

        c = self.config.connection
        self._client = ModbusTcpClient(
            c["host"], port=int(c.get("port", 502)), timeout=float(c.get("timeout", 0.5)), retries=0
        )
        if not self._client.connect():
            raise ConnectionError(f"nobody answers at {c['host']}:{c.get('port', 502)}")

    def ask(self, address: str) -> tuple[float, str]:
        """Read a register."""
        at = self._registers[address]
        read = {
            "holding": self._client.read_holding_registers,
            "input": self._client.read_input_registers,
            "coil": self._client.read_coils,
            "discrete": self._client.read_discrete_inputs,
        }[at.table]
        answer = read(at.number, count=TYPES.get(at.type, 1), device_id=self._unit)
        if answer.isError():
            raise ConnectionError(f"{address}: {answer}")
        if at.type == "bool":
            return float(answer.bits[0]), ""
        kind = getattr(self._client.DATATYPE, at.type.upper())
        return at.scale * float(self._client.convert_from_registers(answer.registers, kind, self._words)), ""

    def put(self, address: str, value: float, unit: str) -> None:
        """Write a register, rounded where it holds whole numbers."""
        at = self._registers[address]
        if at.type == "bool":
            answer = self._client.write_coil(at.number, value >= 0.5, device_id=self._unit)
        else:
            counts = value / at.scale
            kind = getattr(self._client.DATATYPE, at.type.upper())
            words = self._client.convert_to_registers(
                counts if at.type.startswith("float") else round(counts), kind, self._words
            )
            answer = self._client.write_registers(at.number, words, device_id=self._unit)
        if answer.isError():
            raise DeviceError(f"{address}: {answer}")

    def shut(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    @property
    def _unit(self) -> int:
        return int(self.config.connection.get("unit", 1))

    @property
    def _words(self) -> Any:
        return self.config.connection.get("words", "big")


__all__ = ["ConfigError", "ModbusLink", "Register"]
