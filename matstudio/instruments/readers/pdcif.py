"""CIF of a powder measurement (pdCIF: Toby et al., International Tables G, 2006, chapter 3.3), and CIF with the names
of its second dictionary language, as `_cell.length_a`. Runs in the guarded child process only (`child.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from matstudio.domain.frame import Axis, Kind
from matstudio.instruments.readers.signal import Signal, coordinates

_X = {
    "_pd_proc_2theta_corrected": ("2theta", "°"),
    "_pd_meas_2theta_scan": ("2theta", "°"),
    "_pd_proc_d_spacing": ("d", "Å"),
    "_pd_meas_time_of_flight": ("Time of flight", "µs"),
}
_RANGES = ("_pd_proc_2theta_range", "_pd_meas_2theta_range")
_Y = (
    "_pd_meas_counts_total",
    "_pd_meas_intensity_total",
    "_pd_proc_intensity_total",
    "_pd_proc_intensity_net",
    "_pd_calc_intensity_total",
    "_pd_calc_intensity_net",
    "_pd_proc_intensity_bkg_calc",
)


def old_names(text: str) -> str:
    """The text with `_category.name` as `_category_name`, where a name begins a line or a list of names does."""
    return re.sub(r"^([ \t]*_\w+)\.(?=[A-Za-z0-9])", r"\1_", text, flags=re.M)


def patterns(path: Path, blocks: Mapping[str, Any]) -> list[Signal]:
    """The measured, then the processed and the calculated intensities of each block that has some.

    Args:
        blocks: by name, maps from a CIF name to its value, or to a list of them for what stands in a loop.
    """
    return [signal for name, block in blocks.items() for signal in _of_block(path, name, block)]


def _of_block(path: Path, name: str, block: Mapping[str, Any]) -> Iterator[Signal]:
    given = [(key, _numbers(block[key])) for key in _Y if isinstance(block.get(key), list)]
    curves = [(key, y) for key, y in given if y is not None and len(y) > 1 and np.isfinite(y).any()]
    wavelength = _numbers(block.get("_diffrn_radiation_wavelength", block.get("_instr_wavelength")))
    facts: dict[str, Any] = {"mode": "powder diffraction", "block": name}
    if wavelength is not None and len(wavelength):
        facts["wavelength_A"] = float(wavelength[0])
    for key, y in curves:
        axis, points, order = _axis(block, len(y))
        if axis is None:
            continue
        label = key.removeprefix("_pd_").replace("_", " ")
        yield Signal(
            f"{path.stem}: {label}",
            Kind.DIFFRACTION,
            y if order is None else y[order],
            (axis,),
            "counts" if "counts" in key else "intensity",
            "counts" if "counts" in key else "1",
            "pdcif",
            signal_dims=1,
            metadata=facts,
            points=points,
        )


def _axis(block: Mapping[str, Any], size: int) -> tuple[Axis | None, np.ndarray | None, np.ndarray | None]:
    """As `signal.coordinates`, of `size` points; (None, None, None) where no coordinate is given for them."""
    for key, (name, unit) in _X.items():
        x = _numbers(block[key]) if isinstance(block.get(key), list) else None
        if x is not None and len(x) == size and np.isfinite(x).all() and np.ptp(x) > 0:
            return coordinates(name, unit, x)
    for key in _RANGES:
        ends = [_numbers(block.get(f"{key}_{end}")) for end in ("min", "inc")]
        if all(e is not None and len(e) == 1 and np.isfinite(e).all() for e in ends):
            low, step = (float(e[0]) for e in ends if e is not None)
            if step > 0:
                return Axis("2theta", "°", step, low, size), None, None
    return None, None, None


def _numbers(value: Any) -> np.ndarray | None:
    """Numbers, with a standard deviation in brackets or without; what is unknown is nan. None: no numbers."""
    if value is None:
        return None
    words = [str(v).partition("(")[0] for v in (value if isinstance(value, list) else [value])]
    try:
        return np.array([np.nan if w in (".", "?") else float(w) for w in words])
    except ValueError:
        return None
