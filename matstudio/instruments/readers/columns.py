"""Text tables without a format of their own: powder patterns (xy, xye, chi, dat), spectra, logs and label tables."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np

from matstudio.domain.frame import Axis, Kind
from matstudio.instruments.readers.signal import SERIES, TABLE, ReaderError, Signal, coordinates, kind_of
from matstudio.instruments.readers.text import Block, find_block, numbers, read_text, split_unit
from matstudio.instruments.readers.units import normalise

_X_BY_LABEL = (  # pattern of the label, name, unit where the label gives none
    (r"energy|e|ev", "Energy", "eV"),
    (r"(chi_)?(2.?|two.?)?(theta|tth|θ).*", "2theta", "°"),
    (r"tof|time.of.flight", "Time of flight", "µs"),
    (r"(chi_)?q", "Q", "1/Å"),
    (r"d|d.?spac.*", "d", "Å"),
    (r"r", "r", "Å"),
    (r"k", "k", "1/Å"),
    (r"wavelength.*", "Wavelength", "nm"),
    (r"channel|ch", "Channel", "px"),
)
_ERROR_LABEL = re.compile(r"su|s\.u\.|e|err.*|esd|sigma|std.*|d[yi]|.*error.*|.*sigma.*", re.I)
_TIME_LABEL = re.compile(r"(test[ _])?time|t|seconds|elapsed.*", re.I)
_CELSIUS = re.compile(r"°?C|deg ?C|celsius|M-0C", re.I)


def read(path: Path) -> list[Signal]:
    """The columns of a text file as curves, as process values against time, or as a table.

    A label that is missing is guessed from the file's ending and its values; the metadata then says "assumed".

    Raises:
        ReaderError: no table of numbers, or a damaged one.
    """
    text = read_text(path)
    grid = _start_step_stop(path, text)
    if grid is not None:
        return [grid]
    block = _csv(path, text) if path.suffix.lower() == ".csv" else None
    block = block or find_block(path, text)
    columns = block.values.shape[1]
    if columns == 1:
        return [_single(path, block)]
    clock = next((i for i, label in enumerate(block.labels) if _TIME_LABEL.fullmatch(label)), None)
    if clock is not None and np.isfinite(block.values[:, clock]).all():
        return _series(path, block, clock)
    x = block.values[:, 0]
    listed = {label.lower() for label in block.labels[:2]} == {"x", "y"}
    rising = bool((np.diff(x) > 0).all() or (np.diff(x) < 0).all())
    if listed or (path.suffix.lower() == ".csv" and not (rising and len(x) >= 20)):
        return [_table(path, block)]
    return _curves(path, block)


def _csv(path: Path, text: str) -> Block | None:
    """The columns of numbers of a csv file whose other columns hold text; None where all (or its rows) are alike.

    Raises:
        ReaderError: no column of numbers.
    """
    rows = [row for row in csv.reader(text.splitlines()) if row]
    if len(rows) < 3 or numbers(",".join(rows[1])) is not None or len(rows[0]) < 2:
        return None
    if any(len(row) != len(rows[0]) for row in rows):
        return None
    columns = {}
    for label, *cells in zip(*rows, strict=True):
        try:
            columns[label] = [float(c) for c in cells]
        except ValueError:
            continue
    if not columns:
        raise ReaderError(path, f"a table of text ({', '.join(rows[0])[:80]}), without a column of numbers")
    names = [split_unit(label) for label in columns]
    values = np.array(list(columns.values())).T
    return Block((), tuple(n for n, _ in names), tuple(u for _, u in names), values, 2, 0)


def _facts(block: Block, **more: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"header": [line[:200] for line in block.header[:40]]} if block.header else {}
    if block.left_out:
        facts["left_out_lines"] = block.left_out
    if block.parted:
        facts["warnings"] = [f"{block.parted} lines whose two columns run into each other were parted"]
    return facts | more


def x_axis(path: Path, block: Block) -> tuple[str, str, bool]:
    """Name and unit of the first column, and whether they are a guess."""
    label, unit = (block.labels[0].strip(), block.units[0]) if block.labels else ("", "")
    for pattern, name, default in _X_BY_LABEL:
        if re.fullmatch(pattern, label, re.I):
            return name, unit or default, not unit
    ending, stem = path.suffix.lower(), path.stem.lower()
    x = block.values[np.isfinite(block.values[:, 0]), 0]
    low, high = (float(x.min()), float(x.max())) if len(x) else (np.nan, np.nan)
    head = " ".join(block.header).lower()
    if re.search(r"2.?theta.*deg", head):
        return "2theta", "°", False
    if ending == ".gr":
        return "r", "Å", True
    if ending == ".xmu" or re.search(r"\be0\b|edge|xafs|xanes", head):
        return "Energy", "eV", True
    if re.search(r"d.?spac", stem):
        return "d", "Å", True
    if re.search(r"(^|_)q($|_)", stem):
        return "Q", "1/Å", True
    if label:
        return label, unit, not unit
    if ending in (".xy", ".xye", ".chi", ".dat", ".csv", ".txt", ".asc", ".gsa", ".uxd") and low >= 0 and high <= 180:
        return "2theta", "°", True
    if ending == ".xye" and low > 180:
        return "Time of flight", "µs", True
    return "x", "", True


def _curves(path: Path, block: Block) -> list[Signal]:
    name, unit, assumed = x_axis(path, block)
    try:
        axis, points, order = coordinates(name, unit, block.values[:, 0])
    except ValueError as error:
        raise ReaderError(path, f"line {block.line} and on: {error}") from None
    diffraction = name in ("2theta", "Q", "d", "r", "Time of flight")
    kind = Kind.DIFFRACTION if diffraction else Kind.SPECTRUM if name == "k" else kind_of((axis,), 1)
    mode = {"2theta": "powder diffraction", "d": "powder diffraction", "Q": "powder diffraction", "r": "PDF"}.get(name)
    facts = (
        _facts(block) | ({"mode": mode} if mode else {}) | ({"assumed": f"{name} in {axis.units}"} if assumed else {})
    )
    signals = []
    for i in range(1, block.values.shape[1]):
        label = block.labels[i] if block.labels else ("intensity" if i == 1 else f"column {i + 1}")
        quantity = label
        ending = path.suffix.lower()
        if i == 2 and (ending == ".xye" or (block.labels and _ERROR_LABEL.fullmatch(label))):
            quantity = "standard deviation"
        y = block.values[:, i] if order is None else block.values[order, i]
        signals.append(
            Signal(
                f"{path.stem}: {label}",
                kind,
                y,
                (axis,),
                quantity,
                block.units[i] or "1",
                "columns",
                signal_dims=1,
                metadata=facts,
                points=points,
            )
        )
    return signals


def _single(path: Path, block: Block) -> Signal:
    axis = Axis("Channel", "px", 1.0, 0.0, len(block.values))
    return Signal(
        path.stem,
        Kind.SPECTRUM,
        block.values[:, 0],
        (axis,),
        "counts",
        "counts",
        "columns",
        signal_dims=1,
        metadata=_facts(block),
    )


def _table(path: Path, block: Block) -> Signal:
    rows, columns = block.values.shape
    labels = list(block.labels) or [f"column {i + 1}" for i in range(columns)]
    axes = (Axis("row", "px", 1.0, 0.0, rows), Axis("column", "px", 1.0, 0.0, columns))
    return Signal(path.stem, None, block.values, axes, "table", "1", "columns", TABLE, 2, _facts(block, columns=labels))


def series(
    name: str, values: np.ndarray, unit: str, times: np.ndarray, reader: str, metadata: dict[str, Any]
) -> Signal:
    """A process value against time; °C become K.

    Args:
        values: (n,) in `unit`. times: (n,) seconds, rising.
    """
    if _CELSIUS.fullmatch(unit) or _CELSIUS.fullmatch(name):
        values, unit = values + 273.15, "K"
        name = "temperature" if _CELSIUS.fullmatch(name) else name
    mean = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1.0
    axis = Axis("Time", "s", float(mean) or 1.0, float(times[0]), len(times))
    return Signal(name, None, values, (axis,), name, unit or "1", reader, SERIES, 1, metadata, times)


def _series(path: Path, block: Block, clock: int) -> list[Signal]:
    unit, factor = normalise(block.units[clock] or "s")
    if unit != "s":
        factor = 1.0
    times = block.values[:, clock] * factor
    order = np.argsort(times, kind="stable")
    facts = _facts(block)
    return [
        series(label, block.values[order, i], block.units[i], times[order], "columns", facts)
        for i, label in enumerate(block.labels)
        if i != clock and label.lower() not in ("index", "sample")
    ]


def _start_step_stop(path: Path, text: str) -> Signal | None:
    """A powder pattern as "start step stop" in its first line and one intensity on each of the others."""
    first, _, rest = text.partition("\n")
    words = first.split()
    if path.suffix.lower() not in (".dat", ".txt", ".xy") or len(words) != 3:
        return None
    try:
        start, step, stop = map(float, words)
        values = np.array([float(w) for w in rest.split()])
    except ValueError:
        return None
    if step <= 0 or not 0 <= start < stop <= 180 or round((stop - start) / step) + 1 != len(values):
        return None
    axis = Axis("2theta", "°", step, start, len(values))
    facts = {"mode": "powder diffraction", "assumed": "2theta in °"}
    return Signal(
        f"{path.stem}: intensity",
        Kind.DIFFRACTION,
        values,
        (axis,),
        "intensity",
        "1",
        "columns",
        signal_dims=1,
        metadata=facts,
    )
