"""Forks a process for each file, from one that has everything loaded: 20 ms instead of two seconds.

The guarded child, too, is forked: with the same limits, the same hook and the same code as in production (`child.py`).
Requests and answers are JSON, a line each.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

CALLER_BYTES = 4 * 2**30  # of address space, so that the machine lives; more than 2 GB resident is a fault
WAIT_S = 60.0
GUARDED = {"rss": 0, "cpu": 0.0}


def wait(pid: int, seconds: float) -> tuple[int, Any] | None:
    """Status and usage of a child that ends within `seconds`, or None: it is killed."""
    fd = os.pidfd_open(pid)
    try:
        ended = bool(select.select([fd], [], [], seconds)[0])
        if not ended:
            os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        return (os.waitstatus_to_exitcode(status), usage) if ended else None
    finally:
        os.close(fd)


def forked(main: Callable[[], int], arguments: list[str], seconds: float) -> tuple[int, bytes, bytes]:
    """Exit code, output and error output of a program's `main` in a process that was forked instead of started.

    Raises:
        TimeoutExpired: it has not ended after `seconds`, and was killed.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.dup2(out.fileno(), 1)
                os.dup2(errors.fileno(), 2)
                sys.stdout, sys.stderr = (os.fdopen(fd, "w", closefd=False) for fd in (1, 2))
                sys.argv = ["forked", *arguments]
                code = main()
            except BaseException:  # noqa: BLE001
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        ended = wait(pid, seconds)
        if ended is None:
            raise subprocess.TimeoutExpired("child", seconds)
        code, usage = ended
        GUARDED["rss"] = max(GUARDED["rss"], usage.ru_maxrss)
        GUARDED["cpu"] += usage.ru_utime + usage.ru_stime
        out.seek(0)
        errors.seek(0)
        return code, out.read(), errors.read()


def forked_reader(arguments: list[str], seconds: float) -> tuple[int, bytes]:
    """As `guard._in_child`."""
    from matstudio.instruments.readers import child

    code, _, errors = forked(child.main, arguments, seconds)
    return code, errors


def forked_verify(arguments: list[str], seconds: float) -> tuple[int, bytes, bytes]:
    """As `verify._in_child`."""
    from matstudio.recording import verify

    return forked(verify._main, arguments, seconds)


def _preload() -> None:
    from importlib import import_module

    readers = ("digitalmicrograph", "tia", "mrc", "msa", "edax", "bruker", "tiff", "hspy", "emd", "ripple")
    names = (
        "hdf5plugin", "h5py", "PIL.Image", "PIL.PngImagePlugin", "PIL.JpegImagePlugin", "pymatgen.io.cif",
        "pymatgen.io.vasp", "ase.data", "dask.array", "scipy.ndimage", "tifffile", "matstudio.cli.main",
        "matstudio.cli.files", "matstudio.instruments.readers.info", "matstudio.instruments.readers.child",
        "matstudio.instruments.readers.hdf5", "matstudio.instruments.replay.material", "matstudio.recording.verify",
        "matstudio.session.reader", "examine", *(f"rsciio.{m}" for m in readers),
    )  # fmt: skip
    for name in names:
        import_module(name)


def _case(request: dict[str, Any], out: int) -> None:
    import resource

    from examine import LONGEST, examine

    from matstudio.instruments.readers import guard
    from matstudio.recording import verify

    guard._in_child = forked_reader
    verify._in_child = forked_verify
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the answers' channel is not the file's to write to
    resource.setrlimit(resource.RLIMIT_AS, (CALLER_BYTES, CALLER_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        outcome, line = examine(Path(request["path"]), request["kind"], request["seed"])
    except BaseException as error:  # noqa: BLE001  (everything that comes out is a fault)
        last = "".join(traceback.format_exception(error)[-6:])
        outcome, line = "fault", f"{type(error).__name__}: {error}\n{last}"[:4000]
    told = {"outcome": outcome, "line": line, "longest": LONGEST[0], "guarded": GUARDED}
    os.write(out, json.dumps(told).encode())


def _serve(request: dict[str, Any]) -> dict[str, Any]:
    inward, outward = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(inward)
        os.setpgid(0, 0)
        code = 1
        try:
            _case(request, outward)
            code = 0
        finally:
            os._exit(code)
    os.close(outward)
    ended = wait(pid, WAIT_S)
    with os.fdopen(inward, "rb") as pipe:
        body = b"" if ended is None else pipe.read()
    if ended is None:
        import contextlib

        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        return {"outcome": "fault", "line": f"no answer within {WAIT_S:g} s", "longest": WAIT_S, "rss": 0, "cpu": 0.0}
    code, usage = ended
    if not body:
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return {
            "outcome": "fault",
            "line": f"the caller crashed: {name}",
            "longest": 0.0,
            "rss": usage.ru_maxrss,
            "cpu": 0.0,
        }
    told = json.loads(body)
    guarded = told.pop("guarded")
    told["rss"] = max(usage.ru_maxrss, guarded["rss"])
    told["cpu"] = usage.ru_utime + usage.ru_stime + guarded["cpu"]
    return told


def main() -> None:
    """Answer requests until the input ends."""
    sys.path[:0] = [str(Path(__file__).parent)]
    import warnings

    warnings.simplefilter("ignore")
    _preload()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(_serve(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
