"""SCPI over VISA."""

from __future__ import annotations

import contextlib
import re
from typing import Any

from matstudio.domain.clock import RealClock
from matstudio.instruments.base import DeviceError
from matstudio.instruments.real.config import Configuration
from matstudio.instruments.real.polled import PolledLink

_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf)\w*)\s*(.*?)\s*", re.IGNORECASE)
_KEYS = ("resource", "backend", "identity", "errors", "timeout", "termination", "alive")


class ScpiLink(PolledLink):
    """A VISA resource. `connection` keys: `resource` ("TCPIP0::10.0.0.7::5025::SOCKET", "GPIB0::12::INSTR", ...),
    `backend` (as `pyvisa.ResourceManager` has it; "@py"), `identity` (how the answer to *IDN? must begin), `errors`
    (asked after each write, as "SYST:ERR?"; an answer other than 0 is a refusal), `timeout` (0.5 s), `termination`
    (of lines, "\\n"), `alive` (see `PolledLink`).

    A reading's address is its query; what follows the number in the answer counts as its unit. An actuator's address is
    its command with {value} in it, and so is that of the heartbeat.

    Raises:
        ConfigError: a key or an address is wrong.
    """

    def __init__(self, config: Configuration, clock: RealClock) -> None:
        super().__init__(config, clock)
        self._manager: Any = None
        self._resource: Any = None
        for key in config.connection:
            if key not in _KEYS:
                raise config.error(("connection", key), f"unknown key; known: {', '.join(_KEYS)}")
        if not isinstance(config.connection.get("resource"), str):
            raise config.error(("connection",), "resource is missing")
        for name, actuator in config.actuators.items():
            self._command(actuator.address, ("actuators", name, "address"))
        if config.heartbeat:
            self._command(config.heartbeat, ("heartbeat", "address"))
        if config.streams:
            raise config.error(("streams",), "SCPI carries no frames")

    def _command(self, address: str, keys: tuple[str, ...]) -> None:
        try:
            if "{value" not in address:
                raise ValueError
            address.format(value=1.0)
        except (ValueError, LookupError):
            raise self.config.error(keys, f"{address!r} is no command with {{value}} in it") from None

    def open(self) -> None:
        """Open the resource and look at who it is."""
        import pyvisa

        c = self.config.connection
        self._manager = pyvisa.ResourceManager(c.get("backend", "@py"))
        self._resource = self._manager.open_resource(c["resource"])
        self._resource.timeout = 1000 * float(c.get("timeout", 0.5))
        self._resource.read_termination = self._resource.write_termination = c.get("termination", "\n")
        wanted = c.get("identity")
        if wanted:
            identity = self._resource.query("*IDN?").strip()
            if not identity.startswith(wanted):
                raise ConnectionError(f"{c['resource']} is {identity!r}, not {wanted!r}")

    def ask(self, address: str) -> tuple[float, str]:
        """Query a number."""
        answer = self._resource.query(address)
        found = _NUMBER.fullmatch(answer)
        if not found:
            raise ConnectionError(f"{address}: {answer.strip()!r} is no number")
        return float(found[1]), found[2]

    def put(self, address: str, value: float, unit: str) -> None:
        """Send a command."""
        self._resource.write(address.format(value=value))
        errors = self.config.connection.get("errors")
        if errors:
            answer = self._resource.query(errors).strip()
            if not re.match(r"[+-]?0+(\D|$)", answer):
                raise DeviceError(f"{address.format(value=value)}: {answer}")

    def shut(self) -> None:
        """Close the resource."""
        for one in (self._resource, self._manager):
            if one is not None:
                with contextlib.suppress(Exception):
                    one.close()
        self._resource = self._manager = None
