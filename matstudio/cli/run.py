"""`matstudio run` and `matstudio open`: start the processes of a run, watch over them, and leave a report."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from matstudio import plugins
from matstudio.bus import processes
from matstudio.bus.messages import CommandError
from matstudio.bus.rundir import GATEWAY, LAUNCHER, STATION, STUDIO, Run, current_run
from matstudio.cli import control, instrument
from matstudio.cli.display import virtual_display
from matstudio.cli.files import existing, writable
from matstudio.cli.main import CheckFailed, UsageError
from matstudio.cli.report import Watcher
from matstudio.cli.supervise import KEEP_RUNNING, MODULES, OPEN_NEXT, Supervisor

_ASKED = (signal.SIGTERM, signal.SIGINT)
"""A studio that these end before it listens was asked to close; one that ends by any other signal crashed."""
_PATIENT = ("ADVISE", "POLICY")
_START_S = 60.0
"""A run that is shorter than its start lasts until every process has done something, this long at most."""


def open_file(arguments: argparse.Namespace) -> int:
    """Play files, or a recorded session, in the window."""
    paths = [existing(p) for p in arguments.file]
    arguments.instrument = "replay:" + os.pathsep.join(str(p.resolve()) for p in paths)
    return run(arguments)


def run(arguments: argparse.Namespace) -> int:
    """Start a run, or attach a window to the one that goes on."""
    _check(arguments)
    going = current_run()
    if going is not None and not {LAUNCHER, STATION} & set(going.alive()):
        processes.stop(going)  # what is left of it controls nothing, and nobody watches over it
        going = None
    if going is not None and not arguments.headless:
        return _attach(going, arguments)
    found = control.clear_away()
    options = {"seed": arguments.seed}
    if arguments.domain_atoms is not None:
        options["domain_atoms"] = arguments.domain_atoms
    if arguments.record:
        options["record"] = str(Path(arguments.record).resolve())
    options |= instrument.options(arguments)
    the_run = Run.create(arguments.instrument, options, speed=arguments.speed, headless=arguments.headless)
    the_run.register(LAUNCHER)
    stop = threading.Event()
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and (name != "SIGHUP" or signal.getsignal(number) is not signal.SIG_IGN):  # nohup
            signal.signal(number, lambda *_: stop.set())
    try:
        files = _loop(the_run, arguments, stop, found)
    finally:
        the_run.forget(LAUNCHER)
    return _next(files, arguments)


def _next(files: str, arguments: argparse.Namespace) -> int:
    """Open what the operator chose in the window of the run that has ended, if anything."""
    if not files:
        return 0
    fresh = {"instrument": files, "record": None, "report": None, "duration": None, "mode": None, "speed": 1.0}
    return run(argparse.Namespace(**vars(arguments) | fresh))


def _chosen(the_run: Run) -> str:
    """What is to be opened next, as an instrument; "" where that cannot be read."""
    try:
        paths = json.loads((the_run.path / "open.json").read_text())
    except (OSError, ValueError) as error:
        print(f"what was to be opened is lost: {error}", file=sys.stderr)
        return ""
    return "replay:" + os.pathsep.join(str(p) for p in paths)


def _check(arguments: argparse.Namespace) -> None:
    kind, _, rest = arguments.instrument.partition(":")
    if instrument.check(arguments):
        pass
    elif (kind == "replay") != bool(rest) if kind in ("twin", "replay") else plugins.entry("instrument", kind) is None:
        others = "".join(f", {name}" for name in plugins.names("instrument"))
        raise UsageError(f"--instrument {arguments.instrument}: twin{others}, replay:FILE or {instrument.REAL}")
    if kind == "replay":
        from matstudio.instruments.replay.material import load

        load(arguments.instrument).close()
    if not 0.1 <= arguments.speed <= 100:
        raise UsageError(f"--speed {arguments.speed:g}: 0.1 to 100")
    if arguments.duration is not None and not (math.isfinite(arguments.duration) and arguments.duration > 0):
        raise UsageError(f"--duration {arguments.duration:g}: more than 0 s")
    if not 0 <= arguments.seed < 2**63:
        raise UsageError(f"--seed {arguments.seed}: 0 to 2^63 - 1")
    if arguments.domain_atoms is not None and not 100 <= arguments.domain_atoms <= 1e9:
        raise UsageError(f"--domain-atoms {arguments.domain_atoms:g}: 100 to 1e9")
    for path in (arguments.record, arguments.screenshot, *(arguments.report or ())):
        if path is not None:
            writable(path)
    if not arguments.headless and not _has_display():
        raise UsageError("no display: use --headless, or installer/run.sh")


def _has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("QT_QPA_PLATFORM"))


def _attach(going: Run, arguments: argparse.Namespace) -> int:
    if going.process(STUDIO) is not None:
        raise UsageError(f"run {going.id} goes on and has its window; `matstudio stop` ends it")
    if arguments.instrument not in ("twin", going.instrument) or arguments.record:
        raise UsageError(f"run {going.id} goes on with {going.instrument}; `matstudio stop` ends it first")
    print(f"run {going.id} goes on; the window attaches to it", flush=True)
    from matstudio.ui import app

    code = app.studio(going)
    files = _chosen(going) if code == app.OPEN_NEXT else ""
    if code in (app.STOP_RUN, app.OPEN_NEXT):
        control.end(going)
    return _next(files, arguments)


def _loop(the_run: Run, arguments: argparse.Namespace, stop: threading.Event, found: list[str]) -> str:
    """Until the run ends; returns what is to be opened next, as an instrument, or ""."""
    windowed, files = not arguments.headless, ""
    with virtual_display(wanted=not windowed and bool(arguments.screenshot)) as env:
        names = instrument.processes_of(the_run, [n for n in MODULES if n not in (STUDIO, GATEWAY)])
        supervisor = Supervisor(the_run, names, env)
        for line in found:
            supervisor.tell(line)
        watcher = Watcher(the_run)
        keep = False
        begun = time.monotonic()

        def late() -> bool:
            return time.monotonic() - begun > _START_S

        try:
            if windowed or arguments.screenshot:
                supervisor.start(STUDIO)
            asking, asked, pictured = arguments.mode is not None, 0.0, False
            while not stop.is_set():
                watcher.take(0.1)
                if arguments.headless:
                    watcher.greet()
                supervisor.check(watcher.heard)
                if asking and watcher.ready() and time.monotonic() - asked > 1.0:
                    asked = time.monotonic()
                    refused = _ask_mode(the_run, arguments.mode)
                    asking = bool(refused) and arguments.mode in _PATIENT and not late()  # the models must speak first
                    if refused and not asking:
                        print(f"mode {arguments.mode}: {refused}", file=sys.stderr)
                if not pictured and watcher.complete():
                    pictured = True
                    watcher.picture()
                if arguments.duration and the_run.clock.now() >= arguments.duration and (late() or watcher.complete()):
                    break
                code = supervisor.studio_exit()
                if windowed and code is not None:
                    keep = code == KEEP_RUNNING or (code < 0 and -code not in _ASKED)
                    if not keep:
                        stop.set()  # by a person, as with Ctrl+C
                        files = _chosen(the_run) if code == OPEN_NEXT else ""
                        break
                    windowed = False
                    print("the run goes on without a window; `matstudio` opens one, `matstudio stop` ends it")
            if arguments.screenshot:
                _screenshot(the_run, Path(arguments.screenshot).resolve(), supervisor)
            early = stop.is_set() and not late() and not watcher.complete()
            report = watcher.report(arguments, supervisor, early=early)
            supervisor.stop()
            watcher.settle(report)
        finally:
            supervisor.stop()
            watcher.close()
        killed = supervisor.killed
    report["killed"] = killed
    for name in arguments.report or ():
        _write(Path(name), report, watcher)
    if not report["problems"]:
        the_run.remove()
    print(Watcher.text(report))
    for path in report["recording"].get("paths", ()):
        print(f"session: {path}")
    for name in arguments.report or ():
        print(f"report: {name}")
    if arguments.screenshot:
        print(f"screenshot: {arguments.screenshot}")
    if report["problems"] and not files:
        raise CheckFailed("; ".join(report["problems"]))
    return files


def _write(path: Path, report: dict[str, Any], watcher: Watcher) -> None:
    """The report as its name says: a page (HTML, PDF), or JSON."""
    if path.suffix.lower() in (".html", ".htm", ".pdf"):
        from matstudio.cli import page

        page.write(path, report, watcher.story)
    else:
        path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")


def _screenshot(the_run: Run, path: Path, supervisor: Supervisor) -> None:
    try:
        control.ask(the_run, STUDIO, "screenshot", path=str(path))
    except CommandError as error:
        supervisor.problems.append(f"no screenshot: {error}")


def _ask_mode(the_run: Run, mode: str) -> str:
    """Ask for a mode; why it was refused, or ""."""
    try:
        control.ask(the_run, STATION, "mode", who=control.operator(), mode=mode)
    except CommandError as error:
        return str(error)
    return ""
