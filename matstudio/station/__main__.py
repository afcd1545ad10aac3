"""`python -m matstudio.station RUN_DIRECTORY`: the station of a run."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from matstudio.bus import processes
from matstudio.bus.messages import CommandServer, Publisher, Subscriber
from matstudio.bus.rundir import MODELHOST, STATION, Run
from matstudio.control.arming import confirmed
from matstudio.control.audit import AuditWriter, Entry, first_hash, last_link
from matstudio.control.limits import Settings, settings_or_fault
from matstudio.control.policy import POLICIES, Policy
from matstudio.control.seal import Heads, load_key, sealed
from matstudio.instruments.remote import RemoteDevice
from matstudio.station.core import PERIOD_S, Station
from matstudio.station.recorder import RecorderWatch
from matstudio.station.used import changes

log = logging.getLogger(__name__)
NICE = -10

_LEAST_PERIOD_REAL_S = 0.01
_WATCH_REAL_S = 0.04
_SAFE_WAIT_S = 0.3


class Schedule:
    """Ticks that do not drift: each is due a whole number of periods after the first; missed ones are left out.

    Args:
        period: seconds of real time.
    """

    def __init__(self, period: float) -> None:
        self.period = period
        self._next = time.monotonic()

    def left(self) -> float:
        """Seconds of real time until the next tick; <= 0: it is due."""
        return self._next - time.monotonic()

    def done(self) -> int:
        """The tick that was due has been done; returns how many were missed."""
        behind = max(0.0, time.monotonic() - self._next)
        missed = int(behind / self.period)
        self._next += (missed + 1) * self.period
        return missed


def body(run: Run, stop: threading.Event) -> None:
    """Control the run's device until `stop` is set or, in a headless run, the launcher is gone."""
    processes.set_priority(NICE)
    settings = settings_or_fault()
    key, trouble = _site_key()
    writer = AuditWriter(run.audit_path, _keep_head(run.audit_path, key))
    publisher = Publisher(run.socket(STATION, "pub"))
    device, recorder = RemoteDevice(run), RecorderWatch(run)
    orders = Subscriber(run.socket(MODELHOST, "pub"), topics=("order",))

    def record(entry: Entry) -> None:
        entry = sealed(entry, key)
        writer.write(entry)
        publisher.send("event", entry)

    station = Station(
        device,
        run.clock,
        settings,
        record=record,
        link=last_link(run.audit_path),
        confirmed=confirmed(),
        policies=_policies(),
    )
    _tell_limits(station, settings)
    if trouble:
        station.handle_event("station", f"the audit log is not sealed: {trouble}", "seal")
    server = CommandServer(run.socket(STATION, "cmd"), STATION, station.handlers())
    processes.settle()
    why = "the station ends by an error"
    try:
        why = _serve(run, stop, station, server, publisher, device, writer, recorder, orders)
    finally:
        station.stop(why)
        publisher.send("status", station.status())
        _wait_until_safe(station, device)
        server.close()
        device.close()
        recorder.close()
        orders.close()
        publisher.close()
        writer.close()


def _tell_limits(station: Station, settings: Settings) -> None:
    """An entry of the audit log where limits or tuning are not those used last."""
    try:
        old, new = changes(settings)
    except OSError as error:
        log.warning("the limits used cannot be kept: %s", error)
        return
    if old or new:
        text = f"changed since they were used last: {', '.join(sorted({*old, *new}))}"
        station.note("limits", "station", text, old=old, new=new, why=f"edited in {settings.source}")


def _site_key() -> tuple[bytes | None, str]:
    """The site key, or None, and why one that is there cannot be used."""
    try:
        return load_key(), ""
    except (ValueError, OSError) as error:
        return None, " ".join(str(error).split())


def _keep_head(path: Path, key: bytes | None) -> Callable[[Entry], None]:
    """What keeps the log's head beside the site key."""
    if key is None:
        return lambda entry: None
    heads, first = Heads(key), [first_hash(path)]

    def keep(entry: Entry) -> None:
        first[0] = first[0] or first_hash(path)
        heads.keep(first[0], entry)

    return keep


def _serve(
    run: Run,
    stop: threading.Event,
    station: Station,
    server: CommandServer,
    publisher: Publisher,
    device: RemoteDevice,
    writer: AuditWriter,
    recorder: RecorderWatch,
    orders: Subscriber,
) -> str:
    """The process' loop; returns why it ended."""
    ticks = Schedule(max(PERIOD_S / run.clock.speed, _LEAST_PERIOD_REAL_S))
    looks = Schedule(_WATCH_REAL_S)
    launcher = processes.LauncherWatch(run)
    told = 0
    while not stop.is_set():
        station.launcher_gone = launcher.gone_s() > 0
        if station.launcher_gone and run.headless:
            return "the launcher is gone"
        server.serve(max(0.0, min(ticks.left(), looks.left())))
        due = ticks.left() <= 0
        if due:
            station.audit_error = writer.error
            station.recording_error = recorder.trouble()
            for text in device.refusals():
                station.device_refused(text)
            for _, order in orders.receive():
                station.advisor.order(order["t"], order["value"], order["sigma"])
            station.cycle()
            ticks.done()
        elif looks.left() <= 0:
            station.watch()
            looks.done()
        if due or station.noted != told:  # a command, or a fault between two cycles, has changed something
            told = station.noted
            publisher.send("status", station.status())
        if station.advisor.news:
            station.advisor.news = False
            publisher.send("advice", station.advisor.published())
    return "station stops"


def _policies() -> dict[str, Policy]:
    """The policies that came with the program; without any there is neither ADVISE nor POLICY."""
    found = {}
    for name in POLICIES:
        try:
            found[name] = Policy.load(name)
        except ValueError as error:
            log.warning("%s", error)
    return found


def _wait_until_safe(station: Station, device: RemoteDevice) -> None:
    """Give the device a moment to say that it is safe, so that the message is not lost with the socket."""
    end = time.monotonic() + _SAFE_WAIT_S
    while time.monotonic() < end and not station.safe_seen():
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(processes.main(STATION, body))
