"""`matstudio stop` and `matstudio halt`: what can be done to a run from any shell."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os

import psutil

from matstudio.bus import processes
from matstudio.bus.messages import CommandClient, CommandError, NoAnswer
from matstudio.bus.rundir import DEVICE, LAUNCHER, STATION, Run, reap, runs
from matstudio.cli.main import CheckFailed, UsageError

STATION_S = 0.5
"""After so many seconds without an answer of the station, HALT goes to the device itself."""


def operator() -> str:
    """Who gives a command from this shell, for the audit log."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account without a name
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "user"


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
    """HALT: every device of every run takes its safe state, latched. Where no station answers, the device is told
    directly."""
    going = [run for run in runs() if {STATION, DEVICE} & set(run.alive())]
    if not going:
        raise UsageError("no run goes on")
    failed = []
    for run in going:
        try:
            print(f"run {run.id}: {_halt(run)}")
        except CommandError as error:
            failed.append(f"run {run.id}: {error}")
    if failed:
        raise CheckFailed("; ".join(failed))


def _halt(run: Run) -> str:
    """Halt one run; what became of it.

    Raises:
        CommandError: neither station nor device said that it is safe.
    """
    station = CommandClient(run.socket(STATION, "cmd"))
    try:
        if run.process(STATION) is not None:
            with contextlib.suppress(NoAnswer):
                station.request("halt", timeout=STATION_S, who=operator(), why="matstudio halt")
                return "SAFE, latched until a person resets it"
        try:
            ask(run, DEVICE, "safe")
        except NoAnswer:
            raise CommandError("neither the station nor the device answers") from None
        return "no station answers; the device itself was made safe"
    finally:
        station.close()


def stop(_: argparse.Namespace) -> None:
    """End the run: its station makes everything safe and every process ends."""
    run = next((r for r in runs() if r.alive()), None)
    if run is None:
        for line in clear_away():
            print(line)
        raise UsageError("no run goes on")
    end(run)
    print(f"run {run.id}: stopped")


def clear_away() -> list[str]:
    """Remove what runs that died have left, and have the sessions that they were recording open plainly again; one
    line for each of those."""
    lines: list[str] = []

    def mend(run: Run) -> None:
        from matstudio.recording.recording import left_behind

        left = left_behind(run)
        lines.extend(f"run {run.id} had died: {note}" for note in (left.notes if left else ()))

    reap(mend)
    return lines


def end(run: Run, *, but: tuple[str, ...] = ()) -> list[str]:
    """Stop the run's processes and remove its directory; names those that had to be killed."""
    launcher = run.process(LAUNCHER)
    if launcher is not None and LAUNCHER not in but:
        with contextlib.suppress(psutil.Error):
            launcher.terminate()
            launcher.resume()  # one that was stopped would not hear it
        processes.wait_for(lambda: run.process(LAUNCHER) is None, 30.0)
    killed = processes.stop(run)
    run.remove()
    return killed
