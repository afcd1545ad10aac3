"""What `matstudio info FILE` says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from matstudio.instruments.readers.files import open_file
from matstudio.instruments.readers.signal import Signal

_LONG = ("original", "header", "fields", "axes_in_file", "comments", "attributes")


def describe(path: Path | str) -> dict[str, Any]:
    """What a file holds, as plain JSON.

    Returns:
        {"file", "bytes", "reader", "signals": [{"title", "form", "kind", "shape", "dtype", "axes": [{"name", "units",
        "scale", "offset", "size", "uniform"}], "quantity", "unit", "n_frames", "duration_s", "metadata"}]}.

    Raises:
        ReaderError: it cannot be read; one line.
    """
    path = Path(path)
    signals = open_file(path, load=False)
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "reader": signals[0].reader,
        "signals": [_signal(s) for s in signals],
    }


def _signal(signal: Signal) -> dict[str, Any]:
    last = len(signal.axes) - 1
    uneven = signal.points is not None or (signal.form == "series" and not _even(signal.times))
    return {
        "title": signal.title,
        "form": signal.form,
        "kind": None if signal.kind is None else str(signal.kind),
        "shape": [int(n) for n in signal.data.shape],
        "dtype": str(np.dtype(signal.data.dtype)),
        "axes": [
            {
                "name": a.name,
                "units": a.units,
                "scale": float(a.scale),
                "offset": float(a.offset),
                "size": int(a.size),
                "uniform": not (uneven and i == last),
            }
            for i, a in enumerate(signal.axes)
        ],
        "quantity": signal.quantity,
        "unit": signal.unit,
        "n_frames": signal.n_frames,
        "duration_s": None if signal.times is None or not len(signal.times) else float(np.ptp(signal.times)),
        "metadata": {k: v for k, v in signal.metadata.items() if k not in _LONG},
    }


def _even(times: np.ndarray | None) -> bool:
    if times is None or len(times) < 3:
        return True
    steps = np.diff(times)
    return bool(np.ptp(steps) < 0.05 * steps.mean())


def format_text(told: dict[str, Any]) -> str:
    """`describe`'s answer for people: a few lines a signal."""
    lines = [
        f"{told['file']}: {told['bytes']:,} bytes, read by {told['reader']}, {_count(len(told['signals']), 'signal')}"
    ]
    told_already: dict[str, Any] = {}
    for s in told["signals"]:
        shape = " x ".join(str(n) for n in s["shape"])
        what = s["kind"] or s["form"]
        frames = f", {_count(s['n_frames'], 'frame')}" if s["n_frames"] > 1 else ""
        time = f", {s['duration_s']:g} s long" if s["duration_s"] else ""
        unit = "" if s["unit"] in ("1", s["quantity"]) else f" in {s['unit']}"
        lines.append(f"  {s['title']}: {what}, {shape} {s['dtype']}, {s['quantity']}{unit}{frames}{time}")
        if s["form"] in ("frames", "series"):
            lines += [f"    {_axis(a)}" for a in s["axes"]]
        lines += [f"    {k}: {_short(v)}" for k, v in s["metadata"].items() if told_already.get(k) != v]
        told_already = s["metadata"]
    return "\n".join(lines)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _axis(a: dict[str, Any]) -> str:
    end = a["offset"] + a["scale"] * (a["size"] - 1)
    if a["units"] == "px":
        return f"{a['name']}: {a['size']} px"
    unit = "" if a["units"] == "1" else f" {a['units']}"
    step = f"{a['scale']:.6g}{unit} a point" if a["uniform"] else f"uneven steps of {a['scale']:.6g}{unit} on average"
    return f"{a['name']}: {a['offset']:.6g} to {end:.6g}{unit}, {a['size']} points, {step}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 120 else text[:117] + "..."
