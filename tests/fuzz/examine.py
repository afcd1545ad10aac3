"""What is done with one mutated file, and what must hold of the answer. Runs in a process of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

LONGEST_LINE = 700


LONGEST = [0.0]
"""Processor seconds, children's too, of the longest thing so far: real ones depend on what else the machine does."""


@contextlib.contextmanager
def timed() -> Iterator[None]:
    """Measure one thing that a person or the program would do with the file."""
    begun = sum(os.times()[:4])
    try:
        yield
    finally:
        LONGEST[0] = max(LONGEST[0], sum(os.times()[:4]) - begun)


class Fault(Exception):
    """The program did what it must not do with a file."""


def examine(path: Path, kind: str, seed: int) -> tuple[str, str]:
    """("opened" or "refused", the line), as the commands and the replay do it.

    Raises:
        Fault: an answer that is not one line, or data that contradict themselves. Anything else that comes out is a
            fault, too.
    """
    from matstudio.instruments.readers import ReaderError, open_file

    try:
        with timed():
            signals = open_file(path)
    except ReaderError as error:
        outcome = "refused", _line(path, str(error))
    else:
        for signal in signals:
            _check_signal(signal)
        outcome = "opened", signals[0].reader
    if seed % 4 == 0:
        with timed():
            _command(["info", str(path)], path)
    if seed % 2 == 0 if kind == "session" else seed % 16 == 1:
        with timed():
            _command(["verify", str(path)], path)
    if seed % 2 == 1 if kind == "session" else seed % 5 == 2:
        with timed():
            _replay(path)
    if kind == "session":
        with timed():
            _session(path)
    return outcome


def _line(path: Path, line: str) -> str:
    if "\n" in line or not line.strip() or len(line) > LONGEST_LINE or str(path) not in line:
        raise Fault(f"not one line that names the file: {line[:1000]!r}")
    if "more memory than there is" in line:
        raise Fault(f"the program itself was asked for too much: {line}")
    return line


def _check_signal(signal: Any) -> None:
    """The parts agree, frames can be made, and what is said of it is JSON."""
    if signal.data.dtype.kind not in "buifc":
        raise Fault(f"values of type {signal.data.dtype}")
    for a in signal.axes:
        if not (np.isfinite(a.scale) and np.isfinite(a.offset) and a.scale != 0):
            raise Fault(f"axis {a}")
        if not (isinstance(a.name, str) and isinstance(a.units, str)):
            raise Fault(f"axis {a}")
    for values in (signal.times, signal.points):
        if values is not None and not np.isfinite(values).all():
            raise Fault(f"{signal.title}: coordinates that are not finite")
    if signal.points is not None and (np.diff(signal.points) < 0).any():
        raise Fault(f"{signal.title}: coordinates that do not rise")
    json.dumps(dict(signal.metadata), allow_nan=False)
    if signal.form == "frames" and signal.kind is not None:
        for index in {0, signal.n_frames - 1}:
            frame = signal.frame(index)
            if frame.data.ndim not in (1, 2):
                raise Fault(f"{signal.title}: a frame of {frame.data.ndim} dimensions")
    elif signal.form == "series" and signal.data.ndim != 1:
        raise Fault(f"{signal.title}: a series of shape {signal.data.shape}")


def _command(arguments: list[str], path: Path) -> None:
    """A command answers with exit code 0 and text, 3, or 2 and one line; never with a traceback."""
    from matstudio.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    told = err.getvalue()
    if code == 2:
        _line(path, told.removesuffix("\n"))
    elif code not in (0, 3) or "Traceback" in told:
        raise Fault(f"{arguments[0]}: exit code {code}, {told[-500:]!r}")


def _replay(path: Path) -> None:
    """Played as the instrument: refused with one line, or frames and process values."""
    from matstudio.instruments.readers import ReaderError
    from matstudio.instruments.replay.material import load_paths

    try:
        material = load_paths([path])
    except ReaderError as error:
        _line(path, str(error))
        return
    try:
        if not (np.isfinite(material.start) and np.isfinite(material.end) and material.start <= material.end):
            raise Fault(f"replay from {material.start} to {material.end}")
        for track in material.tracks:
            if not np.isfinite(track.rate) or not np.isfinite(track.times).all():
                raise Fault(f"{track.name}: times that are not finite")
            for index in {0, len(track.times) // 2, len(track.times) - 1}:
                try:
                    shot = track.load(index)
                except (OSError, ReaderError) as error:
                    _line(path, str(error))
                    continue
                if shot.data.nbytes > max(track.frame_bytes, 1):
                    raise Fault(f"{track.name}: a frame of {shot.data.nbytes} bytes, {track.frame_bytes} were said")
                json.dumps(dict(shot.metadata))
        for log in material.logs:
            log.at(material.start)
            low, high = log.range()
            if not low <= high:
                raise Fault(f"{log.name}: range {low} to {high}")
    finally:
        material.close()


def _session(path: Path) -> None:
    """Everything in a session that can be read, read; a ValueError of one line is the only refusal."""
    from matstudio.session.reader import Session

    def refused(call: Any) -> Any:
        try:
            return call()
        except ValueError as error:
            _line(path, str(error))
            return None

    session = refused(lambda: Session.open(path))
    if session is None:
        return
    with session:
        for name, stream in session.streams.items():
            for index in range(min(stream.n, 8)):
                refused(lambda name=name, index=index: session.frame(name, index))
            records = refused(lambda name=name: session.estimates(name))
            for index in range(min(len(records or ()), 8)):
                refused(lambda records=records, index=index: records[index])
            if records is not None:
                refused(records.models)
                refused(lambda records=records: records.quantity("order_parameter"))
        refused(session.readings)
        states = refused(session.states)
        for index in range(min(len(states or ()), 8)):
            refused(lambda index=index: states[index])
        refused(session.events)
