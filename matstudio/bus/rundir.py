"""The run directory: where the processes of one run find each other.

`<root>/run-<id>/` holds run.json (clock, instrument, options), pids/, logs/, the sockets and the audit log; the frame
rings lie in /dev/shm where there is one. The root is MATSTUDIO_RUNTIME, or `platformdirs.user_runtime_path`.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from matstudio import __version__
from matstudio.bus.lock import try_lock
from matstudio.domain.clock import RealClock

DEVICE, STATION, RECORDER, MODELHOST, STUDIO, LAUNCHER, GATEWAY = (
    "device",
    "station",
    "recorder",
    "modelhost",
    "studio",
    "launcher",
    "gateway",
)
_YOUNG_S = 10.0
STOP_ORDER = (STUDIO, LAUNCHER, MODELHOST, RECORDER, GATEWAY, STATION, DEVICE)


def runtime_root() -> Path:
    """The folder that holds the run directories; made with mode 0700."""
    override = os.environ.get("MATSTUDIO_RUNTIME")
    if override:
        root = Path(override)
    else:
        import platformdirs

        with warnings.catch_warnings():  # without XDG_RUNTIME_DIR it says that it falls back to the temporary folder
            warnings.simplefilter("ignore")
            root = platformdirs.user_runtime_path("matstudio")
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        root = Path(tempfile.gettempdir()) / f"matstudio-{os.getuid() if hasattr(os, 'getuid') else os.getlogin()}"
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
    return root


@dataclass(frozen=True)
class Run:
    """One run and its files.

    Args:
        path: the run directory.
        clock: run time, the same in every process.
        instrument: "twin", "replay:FILE", ...
        options: JSON-able options for the device ("seed", ...).
        headless: whether the run belongs to a launcher, without which it ends.
    """

    path: Path
    clock: RealClock
    instrument: str
    options: dict[str, Any] = field(default_factory=dict)
    headless: bool = False

    @classmethod
    def create(
        cls, instrument: str, options: dict[str, Any] | None = None, *, speed: float = 1.0, headless: bool = False
    ) -> Run:
        """Make a run directory; its clock starts now."""
        path = runtime_root() / f"run-{secrets.token_hex(4)}"
        path.mkdir(mode=0o700)
        for name in ("pids", "logs"):
            (path / name).mkdir()
        run = cls(path, RealClock.start(speed), instrument, options or {}, headless)
        body = {
            "version": __version__,
            "clock": asdict(run.clock),
            "instrument": instrument,
            "options": run.options,
            "headless": headless,
        }
        temporary = path / "run.json.new"
        temporary.write_text(json.dumps(body, indent=1))
        temporary.replace(path / "run.json")
        return run

    @classmethod
    def open(cls, path: Path) -> Run:
        """The run whose directory is `path`.

        Raises:
            FileNotFoundError, ValueError: no run, or a damaged one.
        """
        body = json.loads((path / "run.json").read_text())
        try:
            clock = RealClock(**body["clock"])
            if not (math.isfinite(clock.now()) and math.isfinite(clock.epoch) and clock.speed > 0):
                raise ValueError(f"{path / 'run.json'}: no clock")
            return cls(path, clock, str(body["instrument"]), dict(body["options"]), bool(body["headless"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path / 'run.json'}: {error}") from None

    @property
    def id(self) -> str:
        """The part of the directory's name behind "run-"."""
        return self.path.name.removeprefix("run-")

    def ring(self, stream: str) -> Path:
        """Where the frame ring of a stream lies."""
        shm = Path("/dev/shm")
        if shm.is_dir() and os.access(shm, os.W_OK):
            return shm / f"matstudio-{self.id}-{stream}.ring"
        return self.path / f"{stream}.ring"

    def rings(self) -> list[Path]:
        """The rings of this run that exist now."""
        probe = self.ring("x")
        return sorted(probe.parent.glob(probe.name.replace("x.ring", "*.ring")))

    def socket(self, process: str, role: str) -> str:
        """ZeroMQ endpoint of a process; `role` is "cmd" (commands) or "pub" (status)."""
        if os.name == "posix":
            return f"ipc://{self.path / process}.{role}"
        port = 20000 + int(self.id, 16) % 20000 + 2 * STOP_ORDER.index(process) + (role == "pub")
        return f"tcp://127.0.0.1:{port}"

    @property
    def audit_path(self) -> Path:
        """The station's audit log, one JSON object a line."""
        return self.path / "audit.jsonl"

    def log_path(self, process: str) -> Path:
        """Where the process' stdout and stderr go."""
        return self.path / "logs" / f"{process}.log"

    def register(self, process: str, pid: int | None = None) -> None:
        """Note the process' pid and start time."""
        who = psutil.Process(pid)
        (self.path / "pids" / f"{process}.json").write_text(
            json.dumps({"pid": who.pid, "create_time": who.create_time()})
        )

    def forget(self, process: str) -> None:
        """Take the note of a process back (at its orderly end)."""
        (self.path / "pids" / f"{process}.json").unlink(missing_ok=True)

    def process(self, process: str) -> psutil.Process | None:
        """The live process of that name, or None. A pid that was given to another program since does not count."""
        try:
            note = json.loads((self.path / "pids" / f"{process}.json").read_text())
            who = psutil.Process(note["pid"])
            if abs(who.create_time() - note["create_time"]) < 0.1 and who.status() != psutil.STATUS_ZOMBIE:
                return who
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):  # no note, a damaged one, or nobody
            pass
        return None

    def alive(self) -> list[str]:
        """Names of the run's processes that live, in the order in which they are to be stopped."""
        return [name for name in STOP_ORDER if self.process(name) is not None]

    def remove(self) -> None:
        """Delete the run directory and every ring of the run whose lock is free."""
        for path in self.rings():
            unlink_if_dead(path)
        shutil.rmtree(self.path, ignore_errors=True)


def unlink_if_dead(path: Path) -> bool:
    """Unlink a ring that nobody writes; True where it was removed."""
    try:
        fd = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except OSError:  # gone, or not ours
        return False
    try:
        if not try_lock(fd):
            return False
        path.unlink(missing_ok=True)
        return True
    finally:
        os.close(fd)


def runs() -> list[Run]:
    """Every run with a readable run directory, newest first."""
    found = []
    for path in runtime_root().glob("run-*"):
        try:
            found.append(Run.open(path))
        except (OSError, ValueError):
            continue
    return sorted(found, key=lambda r: -r.clock.epoch)


def current_run() -> Run | None:
    """The newest run of which a station or device lives, or None."""
    for run in runs():
        if {STATION, DEVICE} & set(run.alive()):
            return run
    return None


def reap(before: Callable[[Run], None] = lambda run: None) -> list[str]:
    """Remove the runs of which nothing lives any more; returns their ids. `before` is called with each of them first.

    A run that no process has registered with, or from which all have ended in order, is left alone for its first 10 s.
    Rings whose run directory has vanished go too, if nobody holds them.
    """
    removed = []
    for path in runtime_root().glob("run-*"):
        try:
            died = any((path / "pids").glob("*.json"))
            if not died and abs(time.time() - path.stat().st_mtime) < _YOUNG_S:
                continue
            run = Run.open(path)
        except (OSError, ValueError):
            shutil.rmtree(path, ignore_errors=True)
            continue
        if not run.alive():
            before(run)
            run.remove()
            removed.append(run.id)
    shm = Path("/dev/shm")
    for ring in shm.glob("matstudio-*.ring*") if shm.is_dir() else ():
        with contextlib.suppress(OSError):
            if abs(time.time() - ring.stat().st_mtime) > _YOUNG_S:
                unlink_if_dead(ring)
    return removed
