"""Reading with other people's code, in a process of its own that has limited time and memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from matstudio.domain.frame import Axis, kind_named
from matstudio.instruments.readers.signal import ReaderError, Signal

MAX_BYTES = 2**30
PLUGIN = "plugin:"
CPU_S, WALL_S = 8, 25  # for a file of up to 100 MB; a second more for every 20 MB above
LOW, BACKGROUND = 7, 10  # at this niceness it may take so many times longer by the clock


class Unloaded:
    """Shape and type of data that stayed in the file."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.shape, self.dtype = shape, dtype

    def __getitem__(self, index: Any) -> Any:
        raise ReaderError("data", "not loaded")


def read_guarded(path: Path, reader: str, *, load: bool) -> list[Signal]:
    """The signals of a file, read in a child process.

    Args:
        reader: "hdf5", "session", "structure", a module of rsciio, or "plugin:NAME".
        load: whether the data comes, too; else `data` has only a shape and a type.

    Raises:
        ReaderError: the reader refused, crashed, took too long, or wanted more than 1 GiB.
    """
    extra = max(0, path.stat().st_size - 10**8) // (20 * 10**6)
    wall = (WALL_S + extra) * (BACKGROUND if _in_background() else 1)
    with tempfile.TemporaryDirectory(prefix="matstudio-read-", dir=_scratch(), ignore_cleanup_errors=True) as name:
        folder = Path(name)
        arguments = [reader, str(path.resolve()), name, str(CPU_S + extra), str(MAX_BYTES), "1" if load else "0"]
        try:
            code, stderr = _in_child(arguments, wall)
        except subprocess.TimeoutExpired:
            raise ReaderError(path, f"its reader gave no answer within {wall} s") from None
        if code:
            raise ReaderError(path, _why(reader, folder, code, stderr))
        answer = json.loads((folder / "signals.json").read_text())
        return [_signal(i, told, folder if load else None) for i, told in enumerate(answer)]


def _in_child(arguments: list[str], seconds: float) -> tuple[int, bytes]:
    """Exit code (negative: the signal that ended it) and error output of `child.py`.

    Raises:
        TimeoutExpired: it has not ended after `seconds`, and was killed.
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "matstudio.instruments.readers.child", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        timeout=seconds,
    )
    return done.returncode, done.stderr


def _in_background() -> bool:
    return hasattr(os, "getpriority") and os.getpriority(os.PRIO_PROCESS, 0) >= LOW


def _scratch() -> str | None:
    shm = Path("/dev/shm")
    return str(shm) if shm.is_dir() and os.access(shm, os.W_OK) else None


def _why(reader: str, folder: Path, code: int, stderr: bytes) -> str:
    error = folder / "error.txt"
    if error.is_file():
        return f"{reader}: {error.read_text()}"
    if code < 0:
        name = signal.Signals(-code).name
        if name in ("SIGXCPU", "SIGKILL"):
            return f"its reader took more than {CPU_S} s"
        return f"its reader crashed ({name})"
    last = stderr.decode("utf-8", "replace").strip().splitlines()
    return f"its reader failed: {last[-1] if last else f'exit code {code}'}"


def _signal(number: int, told: dict[str, Any], folder: Path | None) -> Signal:
    shape, dtype = tuple(told["shape"]), np.dtype(told["dtype"])
    data: Any = Unloaded(shape, dtype)
    if folder is not None:
        data = np.load(folder / f"{number}.npy", mmap_mode="r", allow_pickle=False)
    structure = None
    if "structure" in told:
        from pymatgen.core import Structure

        structure = Structure.from_dict(told["structure"])
    metadata = told["metadata"] | ({"not_finite": told["not_finite"]} if "not_finite" in told else {})
    return Signal(
        title=told["title"],
        kind=kind_named(told["kind"]) if told.get("kind") else None,
        data=data,
        axes=tuple(Axis(**a) for a in told["axes"]),
        quantity=told["quantity"],
        unit=told["unit"],
        reader=told["reader"],
        form=told["form"],
        signal_dims=told["signal_dims"],
        metadata=metadata,
        times=np.array(told["times"]) if "times" in told else None,
        points=np.array(told["points"]) if "points" in told else None,
        structure=structure,
    )
