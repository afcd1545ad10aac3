"""`matstudio stop` and `matstudio halt`: what can be done to a run from any shell."""

from __future__ import annotations

import argparse
import getpass

from matstudio.bus import processes
from matstudio.bus.messages import CommandClient, NoAnswer
from matstudio.bus.rundir import DEVICE, LAUNCHER, STATION, Run, current_run, reap
from matstudio.cli.main import CheckFailed, UsageError


def operator() -> str:
    """Who gives a command from this shell, for the audit log."""
    return getpass.getuser()


def the_run() -> Run:
    """The run that goes on now.

    Raises:
        UsageError: there is none.
    """
    run = current_run()
    if run is None:
        raise UsageError("no run goes on")
    return run


def ask(run: Run, process: str, name: str, **fields: object) -> dict[str, object]:
    """Send one command to a process of the run and return its answer.

    Raises:
        CommandError: refused, or no answer in time.
    """
    client = CommandClient(run.socket(process, "cmd"))
    try:
        return client.request(name, **fields)
    finally:
        client.close()


def halt(_: argparse.Namespace) -> None:
    """HALT: every device takes its safe state, latched. Where no station answers, the device is told directly."""
    run = the_run()
    try:
        ask(run, STATION, "halt", who=operator(), why="matstudio halt")
        print(f"run {run.id}: SAFE, latched until a person resets it")
    except NoAnswer:
        try:
            ask(run, DEVICE, "safe")
        except NoAnswer:
            raise CheckFailed(f"run {run.id}: neither the station nor the device answers") from None
        print(f"run {run.id}: no station answers; the device itself was made safe")


def stop(_: argparse.Namespace) -> None:
    """End the run: its station makes everything safe and every process ends."""
    run = current_run()
    if run is None:
        reap()
        raise UsageError("no run goes on")
    end(run)
    print(f"run {run.id}: stopped")


def end(run: Run, *, but: tuple[str, ...] = ()) -> list[str]:
    """Stop the run's processes and remove its directory; names those that had to be killed."""
    launcher = run.process(LAUNCHER)
    if launcher is not None and LAUNCHER not in but:
        launcher.terminate()
        if processes.wait_for(lambda: not run.path.exists(), 30.0):
            return []
    killed = processes.stop(run)
    run.remove()
    return killed
