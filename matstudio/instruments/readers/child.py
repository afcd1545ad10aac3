"""One file, read by other people's code, in a process that `guard.py` starts.

Nothing that the code does with a bad file reaches the program: it has so much time and memory, cannot unpickle, start a
program or open a connection, and hands over plain arrays and JSON.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

PLUGIN = "plugin:"
_REFUSED = (
    "pickle.find_class",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "subprocess.Popen",
    "socket.connect",
    "socket.bind",
)
_LOOK_BYTES = 64 * 2**20  # of a signal up to this size the values are looked at even where no data is asked for


class Refused(Exception):
    """The file asked for something that no file may ask for."""


def _hook(event: str, _: tuple[Any, ...]) -> None:
    if event in _REFUSED and not (event == "pickle.find_class" and _names_itself()):
        raise Refused(
            "holds pickled Python objects; nothing is ever unpickled"
            if event == "pickle.find_class"
            else f"the file makes its reader do '{event}'"
        )


def _names_itself() -> bool:
    """Whether dask is pickling a function of its own to and fro, to find a name for it."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_globals.get("__name__") == "dask.tokenize":
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def limit(seconds: int, max_bytes: int) -> None:
    """Bound this process: processor seconds, address space and files it writes of about `max_bytes`, no core file."""
    try:
        import resource
    except ImportError:  # Windows: the parent's time limit is what there is
        return
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 2))
    resource.setrlimit(resource.RLIMIT_AS, (2 * max_bytes + 2**30, 2 * max_bytes + 2**30))
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes + 2**20, max_bytes + 2**20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _import(reader: str) -> None:
    """Load before the hook what all readers of a kind use; the libraries ask "uname" for the processor meanwhile."""
    from importlib import import_module

    platform.processor()
    if reader.startswith(PLUGIN):
        return
    for name in {"hdf5": ("hdf5plugin",), "session": ("hdf5plugin",), "structure": ()}.get(
        reader, (f"rsciio.{reader}",)
    ):
        import_module(name)


def _unpacked(path: Path, folder: Path, max_bytes: int) -> Path:
    """The file, unpacked beside the answer if it is a gzip or bzip2 file."""
    import bz2
    import gzip

    with open(path, "rb") as file:
        magic = file.read(3)
    if magic[:2] != b"\x1f\x8b" and magic != b"BZh":
        return path
    target = folder / path.stem
    with (gzip.open if magic[:2] == b"\x1f\x8b" else bz2.open)(path) as source, open(target, "wb") as out:
        done = 0
        while chunk := source.read(2**20):
            done += len(chunk)
            if done > max_bytes:
                raise ValueError(f"unpacks to more than {max_bytes} bytes")
            out.write(chunk)
    return target


def read(reader: str, path: Path, folder: Path, max_bytes: int, load: bool) -> list[dict[str, Any]]:
    """The signals as JSON-able descriptions; with `load` each one's data stands in FOLDER/N.npy."""
    import numpy as np

    from matstudio.instruments.readers import hdf5, lineends, rosetta

    size = path.stat().st_size
    path = _unpacked(path, folder, max_bytes)
    if reader == "hdf5":
        signals = hdf5.read_hdf5(path)
    elif reader == "session":
        signals = hdf5.read_session(path)
    elif reader.startswith(PLUGIN):
        signals = _of_plugin(reader.removeprefix(PLUGIN), path)
    elif reader == "structure":
        signals = rosetta.read_structure(path)
    else:
        path, lost = lineends.restored(path, folder) if reader == "tiff" else (path, 0)
        signals = rosetta.read(path, reader)
        if lost:
            note = {"warnings": [f"its line ends had been converted as in a text: {lost} bytes were put back"]}
            signals = [replace(s, metadata={**s.metadata, **note}) for s in signals]
    out = []
    for i, signal in enumerate(signals):
        dtype = np.dtype(signal.data.dtype)
        claimed = int(np.prod(signal.data.shape, dtype=object)) * dtype.itemsize
        if claimed > max_bytes and (load or claimed > 100 * size):
            raise ValueError(
                f"{signal.title!r} claims {signal.data.shape} {dtype} = {claimed} bytes; the limit is {max_bytes}"
            )
        told = {k: v for k, v in asdict_without_data(signal).items() if v is not None}
        if claimed <= (max_bytes if load else _LOOK_BYTES):
            data = np.asarray(signal.data)
            if data.dtype.kind not in "buifc":
                raise ValueError(f"{signal.title!r} has values of type {data.dtype}")
            told |= _finite(data)
            if load:
                np.save(folder / f"{i}.npy", np.ascontiguousarray(data), allow_pickle=False)
        out.append(told | {"shape": [int(n) for n in signal.data.shape], "dtype": dtype.str})
    return out


def _of_plugin(name: str, path: Path) -> list[Any]:
    """What a plugin's reader makes of the file."""
    from matstudio import plugins
    from matstudio.instruments.readers.signal import Signal

    found = plugins.entry("reader", name)
    if found is None:
        raise ValueError("its plugin is not in use")
    plugin, entry = found
    signals = list(plugins.load(plugin, entry.read)(path))
    if not signals or not all(isinstance(s, Signal) for s in signals):
        raise ValueError(f"plugin {plugin.name} gives no signals")
    return [replace(s, reader=s.reader or f"plugin {plugin.name}") for s in signals]


def _finite(data: Any) -> dict[str, Any]:
    import numpy as np

    if data.dtype.kind not in "fc" or data.size == 0:
        return {}
    bad = int(data.size - np.isfinite(data).sum())
    return {"not_finite": bad} if bad else {}


def asdict_without_data(signal: Any) -> dict[str, Any]:
    """A signal's fields but for its data, as JSON takes them."""
    return {
        "title": signal.title,
        "kind": signal.kind,
        "axes": [asdict(a) for a in signal.axes],
        "quantity": signal.quantity,
        "unit": signal.unit,
        "reader": signal.reader,
        "form": signal.form,
        "signal_dims": signal.signal_dims,
        "metadata": dict(signal.metadata),
        "times": None if signal.times is None else [float(v) for v in signal.times],
        "points": None if signal.points is None else [float(v) for v in signal.points],
        "structure": None if signal.structure is None else signal.structure.as_dict(),
    }


def main() -> int:
    """Exit code 0, or 3 with one line in FOLDER/error.txt."""
    reader, path, folder, seconds, max_bytes, load = sys.argv[1:]
    _import(reader)
    limit(int(seconds), int(max_bytes))
    sys.addaudithook(_hook)
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        answer = read(reader, Path(path), Path(folder), int(max_bytes), load == "1")
        (Path(folder) / "signals.json").write_text(json.dumps(answer, default=str))
    except MemoryError:
        line = "asks for more memory than a file of its size needs"
    except RecursionError:
        line = "is nested too deep"
    except Exception as error:  # noqa: BLE001 -- the border to other people's readers: whatever they raise is one line
        traceback.print_exc()
        text = " ".join(str(error).split())
        known = isinstance(error, ValueError | Refused) and text
        line = text if known else f"damaged ({type(error).__name__}{': ' if text else ''}{text})"
    else:
        return 0
    (Path(folder) / "error.txt").write_text(line)
    return 3


if __name__ == "__main__":
    sys.exit(main())
