"""Starting and stopping the processes of a run."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from matstudio.bus.lock import try_lock
from matstudio.bus.rundir import LAUNCHER, STATION, Run

_LOOK_S = 0.5
_PR_SET_PDEATHSIG = 1
_GONE_S, _ORPHAN_S = 2.5, 10.0
_DOUBLE_S = 2.0  # for the one before, which may just be ending
LOG_BYTES = 64 << 20
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def spawn(run: Run, process: str, module: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start `python -m module RUN_DIRECTORY` in a session of its own, with its output in the run's log folder.

    Numerical libraries get one thread each, or five processes would fight for the cores; `env` comes on top.
    """
    with open(run.log_path(process), "ab") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", module, str(run.path)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | ONE_THREAD | (env or {}),
        )
    with contextlib.suppress(psutil.Error):
        run.register(process, child.pid)
    return child


def set_priority(nice: int) -> None:
    """Run at this niceness, as far as the system allows; less than 0 takes privileges. To be called before threads are
    made.

    Every process of a run is a session of its own, and Linux shares the cores among sessions first
    (`sched_autogroup_enabled`): niceness counts within one only, so that the session's own is set, too.
    """
    if hasattr(os, "setpriority"):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, nice)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(nice))


def die_with_parent(number: int = 9) -> None:
    """Have the system send this process a signal (default: SIGKILL) when the thread that started it ends; on Linux
    only. It holds for what the process becomes (`exec`), but not for its children."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


def limit_files(most: int = LOG_BYTES) -> None:
    """Let this process write no file beyond `most` bytes, where the system can: what floods its log, fills no disk."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def settle() -> None:
    """Leave all that has been made so far out of garbage collection: what lives as long as the process need not be
    looked through in the midst of its work."""
    gc.collect()
    gc.freeze()


def main(process: str, body: Callable[[Run, threading.Event], None]) -> int:
    """The main function of a process of the run: `python -m module RUN_DIRECTORY`.

    `body` is called with the run and an event that is set by SIGTERM or SIGINT, or when the launcher of a headless run
    has been gone for 2.5 s and the station has made everything safe and ended (10 s at most); it returns soon after.
    A run has one of each: where one lives, this returns 2.
    """
    if len(sys.argv) != 2:
        print(f"usage: python -m matstudio.{process} RUN_DIRECTORY", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    run = Run.open(Path(sys.argv[1]))
    lock = os.open(run.path / f"{process}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    if not wait_for(lambda: try_lock(lock), _DOUBLE_S):  # two stations would be two masters of one device
        print(f"{run.path}: its {process} runs already", file=sys.stderr)
        return 2
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run.register(process)
    ended = threading.Event()
    watch = threading.Thread(target=_watch_launcher, args=(run, stop, ended), name="launcher", daemon=True)
    if run.headless:
        watch.start()
    try:
        body(run, stop)
    finally:
        ended.set()
        run.forget(process)
        os.close(lock)
    return 0


class LauncherWatch:
    """Whether the launcher, which starts again what dies, is gone. A headless run ends with it.

    Args:
        run: whose launcher. Where a person looks on, one that never was is not missed.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._missed = run.headless
        self._seen = time.monotonic()
        self._looked = 0.0

    def gone_s(self) -> float:
        """Seconds for which it has not been there (looked at twice a second), as soon as they are more than 2.5."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_S:
            self._looked = now
            if self._run.process(LAUNCHER) is not None:
                self._missed, self._seen = True, now
        gone = now - self._seen
        return gone if self._missed and gone > _GONE_S else 0.0


def _watch_launcher(run: Run, stop: threading.Event, ended: threading.Event) -> None:
    """Set `stop` once the launcher and the station are gone; until `ended`."""
    launcher = LauncherWatch(run)
    while not ended.wait(_LOOK_S):
        gone = launcher.gone_s()
        if gone > _ORPHAN_S or (gone and run.process(STATION) is None):
            stop.set()
            return


def stop(run: Run, *, wait_s: float = 10.0) -> list[str]:
    """End the run: each process in `STOP_ORDER` is asked with SIGTERM and, after `wait_s`, killed.

    One that was stopped (SIGSTOP) is woken for that, so that it can end in order.

    Returns:
        names of the processes that had to be killed.
    """
    killed = []
    for name in run.alive():
        who = run.process(name)
        if who is None or who.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error):
            who.terminate()
            who.resume()
            try:
                who.wait(wait_s)
            except psutil.TimeoutExpired:
                killed.append(name)
                who.kill()
                who.wait(wait_s)  # its locks are free when it has ended, not before
        run.forget(name)
    return killed


def wait_for(condition: Callable[[], bool], seconds: float, step: float = 0.02) -> bool:
    """Poll `condition` for up to `seconds` of real time; whether it came true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(step)
    return condition()
