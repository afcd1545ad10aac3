"""Energy-dispersive spectra as text: the EPICS and CARS `.mca` and the `$DATA:` form of `.spe` and `.mca`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from matstudio.domain.frame import Axis, Kind
from matstudio.instruments.readers.signal import ReaderError, Signal
from matstudio.instruments.readers.text import find_block, read_text


def read_mca(path: Path) -> list[Signal]:
    """The spectra of a multi-element `.mca` file, a signal a detector, with the energy calibration it states (keV).

    Raises:
        ReaderError: damaged.
    """
    text = read_text(path)
    head, _, body = text.partition("DATA:")
    keys = {m[1]: m[2].split() for m in re.finditer(r"^(\w+):[ \t]*(.*)$", head, re.M)}
    values = find_block(path, body).values
    facts = {"mode": "EDS"} | {k.lower(): " ".join(keys[k]) for k in ("DATE", "LIVE_TIME", "REAL_TIME") if k in keys}
    signals = []
    for i in range(values.shape[1]):
        try:
            offset, slope = (float(keys[k][i]) for k in ("CAL_OFFSET", "CAL_SLOPE"))
        except (KeyError, IndexError, ValueError):
            offset, slope = 0.0, 0.0
        energy = Axis("Energy", "eV", slope * 1e3, offset * 1e3, len(values))
        channel = Axis("Channel", "px", 1.0, 0.0, len(values))
        name = path.stem if values.shape[1] == 1 else f"{path.stem}: detector {i + 1}"
        signals.append(
            Signal(
                name,
                Kind.SPECTRUM,
                values[:, i],
                (energy if 0 < slope < 1e9 and np.isfinite(offset) else channel,),
                "counts",
                "counts",
                "mca",
                signal_dims=1,
                metadata=facts,
            )
        )
    return signals


def read_spe(path: Path) -> list[Signal]:
    """The spectrum behind `$DATA:`, whose first line names the first and last channel; `$MCA_CAL:` or
    `$ENER_FIT:` calibrate it where they stand.

    Raises:
        ReaderError: damaged.
    """
    text = read_text(path)
    sections = {m[1]: m[2].split() for m in re.finditer(r"^\$(\w+):[^\n]*\n([^$]*)", text, re.M)}
    try:
        first, last, *counts = (float(w) for w in sections.get("DATA", []))
        fit = [float(w) for w in sections.get("ENER_FIT", [])[:2]]
    except ValueError as error:
        raise ReaderError(path, f"$DATA: {error}") from None
    if not 2 <= last - first + 1 == len(counts):
        raise ReaderError(path, f"$DATA: channels {first:g} to {last:g}, but {len(counts)} values")
    axis = Axis("Channel", "px", 1.0, first, len(counts))
    if len(fit) == 2 and 0 < fit[1] < 1e9 and np.isfinite([*fit, first]).all():
        axis = Axis("Energy", "eV", fit[1] * 1e3, (fit[0] + fit[1] * first) * 1e3, len(counts))
    return [
        Signal(
            path.stem,
            Kind.SPECTRUM,
            np.array(counts),
            (axis,),
            "counts",
            "counts",
            "spe",
            signal_dims=1,
            metadata={"mode": "EDS"},
        )
    ]
