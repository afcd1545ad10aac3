"""The log of a MEMS heating holder's controller (DENSsolutions Digiheater): process values against time."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from matstudio.instruments.readers.columns import series
from matstudio.instruments.readers.signal import ReaderError, Signal
from matstudio.instruments.readers.text import read_text, split_unit

_NAMES = {
    "tmeas": "temperature",
    "tset": "temperature_setpoint",
    "rheat": "resistance",
    "vheat": "voltage",
    "iheat": "current",
    "pheat": "power",
}
_DAY = 86400.0


def read_heater(path: Path) -> list[Signal]:
    """The columns of a Digiheater log against seconds since its first sample; °C become K.

    A clock that passes midnight goes on rising. The programme (minutes and °C, one step a line) and the start stand in
    the metadata.

    Raises:
        ReaderError: no table, or a damaged line in it.
    """
    lines = read_text(path).splitlines()
    at = next((i for i, line in enumerate(lines[:100]) if re.match(r"sample\s+time\s", line)), None)
    if at is None:
        raise ReaderError(path, "a Digiheater log without its table")
    labels = [split_unit(w) for w in lines[at].split("\t")]
    used = [(i, _NAMES[name.lower()], unit) for i, (name, unit) in enumerate(labels) if name.lower() in _NAMES]
    times, rows = [], []
    for n, line in enumerate(lines[at + 1 :], at + 2):
        words = line.split("\t")
        if not line.strip():
            continue
        try:
            hours, minutes, seconds = words[1].split(":")
            times.append(3600 * int(hours) + 60 * int(minutes) + float(seconds))
            rows.append([float(words[i]) for i, _, _ in used])
        except (IndexError, ValueError):
            if n >= len(lines) - 1:
                break  # the last line of a log that was cut off
            raise ReaderError(path, f"line {n}: {line[:60]!r} is no sample") from None
    times = times[: len(rows)]
    if len(rows) < 2:
        raise ReaderError(path, "a Digiheater log without a sample")
    t = np.array(times)
    t = t + _DAY * np.concatenate([[0], np.cumsum(np.diff(t) < -_DAY / 2)])
    if (np.diff(t) < 0).any():
        raise ReaderError(path, f"line {at + 3 + int(np.argmax(np.diff(t) < 0))}: the clock goes back")
    steps = [[float(v) for v in line.split()] for line in lines[:at] if re.fullmatch(r"[\d.]+\s+[\d.]+\s*", line)]
    facts = {
        "instrument": "Digiheater",
        "started": " ".join(next((line.split("\t")[0] for line in lines[:at] if "Digiheater" in line), "").split()),
        "first_sample": lines[at + 1].split("\t")[1],
        "programme_min_C": steps,
    }
    table = np.array(rows)
    return [
        series(name, table[:, k], {"ohm": "Ω"}.get(unit.strip(), unit.strip()), t - t[0], "digiheater", facts)
        for k, (_, name, unit) in enumerate(used)
    ]
