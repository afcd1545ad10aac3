"""`matstudio bench safety-latency`: how long HALT and taking over take with every core busy in the midst of a run."""

from __future__ import annotations

import bisect
import contextlib
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matstudio.bench.rows import Row
from matstudio.bench.screen import begin, touches_path
from matstudio.bench.whole_run import WholeRun, busy
from matstudio.bus.messages import CommandClient, CommandError, NoAnswer
from matstudio.bus.processes import wait_for
from matstudio.bus.rundir import DEVICE, STATION, STUDIO

COMMANDS, TOUCHES = 1000, 150
FULL_COMMANDS, FULL_TOUCHES = 5000, 1000
STATION_MS, TOUCH_MS = 50.0, 100.0
_WHO = "bench"
LIMIT_S, FULL_LIMIT_S = 80.0, 600.0  # of commands, and of touches
Stamps = Sequence[tuple[str, str, float, float]]


@dataclass(frozen=True)
class Sent:
    """A command, and when it was sent."""

    name: str
    t: float


def bench(full: bool = False) -> list[Row]:
    """p99.9 from the receipt of a command by the station to the device having it, and p99 from a touch."""
    if full:
        return measure(FULL_COMMANDS, FULL_TOUCHES, FULL_LIMIT_S)
    return measure(COMMANDS, TOUCHES, LIMIT_S)


def measure(commands: int, touches: int, limit_s: float) -> list[Row]:
    """As `bench`, with so many commands of each sort, and touches (0: without a window), or fewer where they would take
    more than `limit_s`. A row tells how many commands there were."""
    whole = WholeRun()
    touched: list[Sent] = []
    try:
        whole.start()
        if touches:
            whole.screen({})
        with busy():
            time.sleep(8.0 if touches else 1.0)  # the window, and the first turn of every model
            sent = _command(whole, commands, limit_s)
            if touches:
                touched = _touch(whole, touches, limit_s)
        whole.stop()
        device, station = whole.stamps(DEVICE), whole.stamps(STATION)
    finally:
        whole.close()
    rows = command_rows(sent, station, device)
    made = len(sent) / 3
    rows.append(Row("samples", "commands of each sort", made, "", f"{commands} wanted", made / commands, (">=", 0.999)))
    return rows + (touch_rows(touched, station, device) if touches else [])


def _command(whole: WholeRun, count: int, limit_s: float) -> list[Sent]:
    """Close the loop, take over by writing an output, close it, take over, HALT, reset; again and again."""
    client = CommandClient(whole.run.socket(STATION, "cmd"))
    rng = random.Random(0)
    sent = []
    until = time.monotonic() + limit_s

    def send(name: str, /, **fields: object) -> None:
        time.sleep(rng.uniform(0.0, 0.01))
        sent.append(Sent(name, time.monotonic()))
        client.request(name, who=_WHO, **fields)

    try:
        while len(sent) < 3 * count and time.monotonic() < until:
            made = len(sent)
            try:
                client.request("mode", who=_WHO, mode="PID")
                send("output", name="heater", value=0.3)
                client.request("mode", who=_WHO, mode="PID")
                send("take_over")
                send("halt")
                client.request("reset", who=_WHO)
            except NoAnswer:
                raise
            except CommandError as error:  # SAFE by a reading that came late: such a turn does not count
                print(f"safety-latency: {error}", file=sys.stderr)
                del sent[made:]
                time.sleep(0.5)
                with contextlib.suppress(CommandError):
                    client.request("reset", who=_WHO)
    finally:
        client.close()
    return sent


def _touch(whole: WholeRun, count: int, limit_s: float) -> list[Sent]:
    whole.pid(STUDIO)
    begin(whole.run, count, limit_s)
    path = touches_path(whole.run)
    if not wait_for(path.exists, limit_s + 30, 0.5):
        whole.pid(STUDIO)
        raise RuntimeError("the studio did not make its touches in time")
    return [Sent(name, t) for name, t in json.loads(path.read_text())]


def _after(stamps: Stamps, name: str, t: float, who: str | None = None) -> tuple[float, float]:
    """When the first command of a name that came after `t` was received and done; infinite where there is none."""
    start = bisect.bisect_left(stamps, t, key=lambda s: s[2])
    for stamp in stamps[start:]:
        if stamp[0] == name and (who is None or stamp[1] == who):
            return stamp[2], stamp[3]
    return np.inf, np.inf


def command_rows(sent: Sequence[Sent], station: Stamps, device: Stamps) -> list[Row]:
    """Rows of the commands that a client sent one after another."""
    delays: dict[str, list[tuple[float, float]]] = {"halt": [], "output": [], "take_over": []}
    at = 0  # the device takes commands in the order in which the station sent them
    for command in sent:
        received, arrived = _after(station, command.name, command.t, _WHO)
        if command.name != "take_over":  # that writes nothing: the loop is open when the station has done it
            wanted = ("safe", "") if command.name == "halt" else ("set", "operator")
            behind = range(at, len(device))
            at = next((i for i in behind if device[i][:2] == wanted and device[i][2] > received), len(device))
            arrived = device[at][2] if at < len(device) else np.inf
            at += 1
        delays[command.name].append((arrived - received, arrived - command.t))
    what = {
        "halt": "HALT, from the station's receipt to the device",
        "output": "output written in PID, from the station's receipt to the device",
        "take_over": "take-over, from the station's receipt to MANUAL",
    }
    rows = []
    for name, pairs in delays.items():
        own, whole = np.array(pairs).T * 1e3
        rows.append(_row(name, what[name], own, 99.9, STATION_MS))
        sent_what = f"the same, from its sending by another process ({name.replace('_', '-')})"
        rows.append(_row(f"{name}-sent", sent_what, whole, 99.9, STATION_MS))
    return rows


def touch_rows(touched: Sequence[Sent], station: Stamps, device: Stamps) -> list[Row]:
    """Rows of the operator's touches in the window."""
    rows = []
    for name, what in (("halt", "HALT by key or click, to the device"), ("take_over", "take-over by key, to MANUAL")):
        times = [c.t for c in touched if c.name == name]
        done = [_after(station, name, t) for t in times]
        ends = [end if name == "take_over" else _after(device, "safe", received)[0] for received, end in done]
        rows.append(_row(f"touch-{name}", what, 1e3 * (np.array(ends) - np.array(times)), 99.0, TOUCH_MS))
    return rows


def _row(name: str, what: str, ms: np.ndarray, percent: float, limit: float) -> Row:
    worst = float(np.percentile(ms, percent, method="higher"))
    seen = f"{what} (p{percent:g} of {len(ms)}; median {np.median(ms):.2g} ms, worst {ms.max():.3g} ms)"
    return Row(f"{name}-p{percent:g}".replace(".", ""), seen, worst, "ms", f"{limit:g} ms", worst / limit, ("<=", 1.0))
