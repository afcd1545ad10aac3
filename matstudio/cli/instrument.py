"""Real instruments and stations on other computers, on the command line: `--instrument KIND:FILE`, `--instrument tcp://`,
`--listen`, and `matstudio keys`, `remote`, `ask`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from matstudio.bus import keys
from matstudio.bus.messages import COMMANDS, CommandClient, CommandError
from matstudio.bus.rundir import GATEWAY, STATION, Run, current_run
from matstudio.cli import control
from matstudio.cli.main import CheckFailed, UsageError
from matstudio.domain.clock import RealClock
from matstudio.instruments.real.config import KINDS

REAL = f"{':FILE, '.join(KINDS)}:FILE or tcp://HOST:PORT"


def check(arguments: argparse.Namespace) -> bool:
    """Whether a real instrument, or a station elsewhere, is asked for.

    Raises:
        ValueError: its configuration, or something else about it, is wrong; one line.
    """
    kind = arguments.instrument.partition(":")[0]
    listen = getattr(arguments, "listen", None)
    if listen:
        from matstudio.station.gateway import port_of

        port_of(listen)
        keys.station()
    if kind not in (*KINDS, "tcp"):
        return False
    if arguments.speed != 1.0:
        raise UsageError(f"--speed {arguments.speed:g}: {arguments.instrument} runs in real time")
    if kind == "tcp":
        from matstudio.station.gateway import port_of

        port_of(arguments.instrument)
        if arguments.headless or arguments.record or arguments.mode or listen:
            raise UsageError(f"{arguments.instrument} is looked at in a window; matstudio ask gives it commands")
        keys.client(Path(arguments.key) if arguments.key else None)
    else:
        from matstudio.instruments.real import serve

        serve.link(serve.configuration(arguments.instrument), RealClock.start())
    return True


def options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The run's options for all this."""
    found = {"listen": getattr(arguments, "listen", None), "key": getattr(arguments, "key", None)}
    return {name: value for name, value in found.items() if value}


def processes_of(run: Run, usual: list[str]) -> list[str]:
    """The processes of a run, but for its window."""
    if run.instrument.startswith("tcp://"):
        return [STATION]
    return [*usual, GATEWAY] if "listen" in run.options else usual


def make_keys(arguments: argparse.Namespace) -> None:
    """`matstudio keys NAME`."""
    path = keys.make(arguments.name)
    print(f"{path}: carry it to the other computer by a safe way, into the same folder there; then remove it here")


def remote(arguments: argparse.Namespace) -> None:
    """`matstudio remote on|off`: whether other computers may drive; through this computer's own socket alone."""
    run = _run()
    try:
        control.ask(run, STATION, "remote", who=control.operator(), allow=arguments.allow == "on")
    except CommandError as error:
        raise CheckFailed(str(error)) from None
    print(f"run {run.id}: other computers {'may drive it' if arguments.allow == 'on' else 'may look on'}")


def ask(arguments: argparse.Namespace) -> None:
    """`matstudio ask COMMAND NAME=VALUE ...`: one command to the station, here or elsewhere; prints its answer."""
    if arguments.what not in COMMANDS:
        raise UsageError(f"no command {arguments.what!r}: {', '.join(sorted(COMMANDS))}")
    fields = dict(_field(text) for text in arguments.field)
    if "who" in COMMANDS[arguments.what].fields:
        fields.setdefault("who", control.operator())
    if arguments.station:
        client = CommandClient(arguments.station, keys.client(Path(arguments.key) if arguments.key else None))
    else:
        client = CommandClient(_run().socket(STATION, "cmd"))
    try:
        answer = client.request(arguments.what, **fields)
    except CommandError as error:
        raise CheckFailed(str(error)) from None
    finally:
        client.close()
    print(json.dumps(answer, indent=1, ensure_ascii=False, default=_plain))


def _run() -> Run:
    run = current_run()
    if run is None:
        raise UsageError("no run goes on")
    return run


def _field(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r}: not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _plain(value: object) -> object:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)
