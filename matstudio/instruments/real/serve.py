"""Which link a kind of control system has, and the device server's body for all of them."""

from __future__ import annotations

import threading
from pathlib import Path

from matstudio.bus.rundir import Run
from matstudio.domain.clock import RealClock
from matstudio.instruments.real.config import KINDS, ConfigError, Configuration, find, load, parse
from matstudio.instruments.real.link import Link
from matstudio.instruments.real.source import RealSource
from matstudio.instruments.server import serve_source

EXTRA = {"epics": "epics", "modbus": "lab", "scpi": "lab"}


def configuration(instrument: str) -> Configuration:
    """The configuration of an instrument "KIND:FILE", or "epics:PREFIX" for the soft IOC of that prefix.

    Raises:
        ConfigError: it cannot be used.
    """
    kind, _, argument = instrument.partition(":")
    if kind not in KINDS or not argument:
        raise ConfigError(f"{instrument}: not KIND:FILE with a kind of {', '.join(KINDS)}")
    try:
        return load(find(argument), kind)
    except ConfigError:
        if kind != "epics" or not argument.endswith(":"):
            raise
    from matstudio.instruments.epics import ioc

    return parse(ioc.configuration(argument), Path(f"soft IOC {argument}"), kind)


def link(config: Configuration, clock: RealClock) -> Link:
    """The link that a configuration asks for, not started yet.

    Raises:
        ConfigError: its connection or an address is wrong, or what it needs is not installed.
    """
    try:
        match config.kind:
            case "epics" if config.connection.get("provider", "pva") == "ca":
                from matstudio.instruments.epics.ca import CaLink as Found
            case "epics":
                from matstudio.instruments.epics.pva import PvaLink as Found
            case "modbus":
                from matstudio.instruments.modbus.link import ModbusLink as Found
            case "scpi":
                from matstudio.instruments.scpi.link import ScpiLink as Found
            case _:
                from matstudio.instruments.bridge.link import BridgeLink as Found
        return Found(config, clock)
    except ImportError as error:
        extra = EXTRA.get(config.kind, "lab")
        raise ConfigError(f"{config.kind}: {error.name} is not installed (pip install matstudio[{extra}])") from None


def serve(run: Run, stop: threading.Event) -> None:
    """Body of the device server's process.

    Raises:
        ConfigError: the configuration cannot be used.
    """
    config = configuration(run.instrument)
    source = RealSource(config, link(config, run.clock), run.clock)
    try:
        serve_source(run, source, stop)
    finally:
        source.close()
