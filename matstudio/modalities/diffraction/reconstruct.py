"""Diffraction pattern to estimate, by classical means: the baseline that learned models are measured against."""

from __future__ import annotations

import hashlib
import math
import time
from functools import lru_cache
from pathlib import Path

import numpy as np

from matstudio.domain.estimate import Estimate, Model, Quantity
from matstudio.domain.frame import Frame
from matstudio.domain.material import PROTOTYPES, Prototype
from matstudio.modalities.base import check_numbers
from matstudio.modalities.diffraction import cubic, lattice, powder, spots
from matstudio.modalities.diffraction.scattering import electron_table
from matstudio.modalities.order import order_from_square

"""Beam direction in which a known material is read."""


@lru_cache(maxsize=1)
def _checksum() -> str:
    folder = Path(__file__).parent
    names = ("cubic.py", "lattice.py", "powder.py", "reconstruct.py", "scattering.py", "spots.py", "superlattice.py")
    return hashlib.sha256(b"".join((folder / n).read_bytes() for n in names)).hexdigest()


class Baseline:
    """Spots, lattice and order parameter of a pattern; peaks of a powder pattern.

    Two-dimensional patterns give "spots", "spots_sigma" (pixels), "spots_intensity" (counts) and "centre" (x, y).
    With a known material they give "lattice_a" (Å), "superlattice_ratio" (superlattice over fundamental counts),
    "order_parameter", "order_square" (S^2, negative where noise makes it so), "antiphase" (how probable antiphase
    boundaries are) and "spots_hkl"; without, and where a net fits, "g1", "g2" (1/Å, or pixels) and "gamma" (°), the
    net's two shortest vectors and their angle, and "spots_hkl" on that net with l = 0.
    One-dimensional patterns give "peaks", "peaks_sigma" (in the axis' unit), "peaks_intensity" (area), "peaks_width"
    and "background".
    """

    name = "baseline"
    version = "1"

    def __init__(self) -> None:
        for prototype in PROTOTYPES.values():  # now rather than in the first frame's time
            for element in (prototype.majority, prototype.minority):
                electron_table(element.number)
        _checksum()

    def __call__(self, frame: Frame) -> Estimate:
        """What the frame says.

        Raises:
            ValueError: the data is empty, not finite or not one- or two-dimensional.
        """
        start = time.perf_counter()
        where = f"diffraction frame {frame.stream} #{frame.seq}"
        data = np.asarray(frame.data)
        if data.ndim not in (1, 2) or min(data.shape, default=0) < 16:
            raise ValueError(f"{where}: needs a pattern of one or two dimensions, 16 or more points each: {data.shape}")
        check_numbers(data, where)
        if data.ndim == 1:
            quantities: dict[str, Quantity] = {}
            arrays = powder.peak_arrays(frame.axes[0], data)
            notes = [] if len(arrays["peaks"]) else ["no peak above the noise"]
        else:
            quantities, arrays, notes = _pattern(frame, data)
        return Estimate(
            stream=frame.stream,
            seq=frame.seq,
            t=0.5 * (frame.t_start + frame.t_end),
            model=Model(self.name, self.version, _checksum()),
            quantities=quantities,
            arrays=arrays,
            notes=tuple(notes),
            seconds=time.perf_counter() - start,
        )


Parts = tuple[dict[str, Quantity], dict[str, np.ndarray], list[str]]


def _pattern(frame: Frame, data: np.ndarray) -> Parts:
    image = data.astype(np.float32)
    counting = data.dtype.kind in "ui" or frame.metadata.get("unit") == "counts"
    found = spots.find_spots(image, counting=counting)
    centre = _centre(frame, found)
    prototype = PROTOTYPES.get(str(frame.metadata.get("material", "")))
    notes = []
    if prototype is not None:
        pixel = _pixel(frame)
        if pixel is None:
            notes.append("axes are not calibrated in 1/Å: no order parameter")
        else:
            parts = _known(frame, image, found, centre, pixel, prototype)
            if parts is not None:
                return parts
            notes.append(f"the spots of {prototype.name} [001] are not where they belong, or saturate")
    quantities, arrays = _unknown(frame, found, centre)
    if not len(found.xy):
        notes.append("no spot above the noise")
    return quantities, arrays, notes


def _pixel(frame: Frame) -> float | None:
    """1/Å per pixel, or None where the axes say nothing of the kind."""
    factor = {"1/Å": 1.0, "1/A": 1.0, "Å^-1": 1.0, "1/nm": 0.1, "nm^-1": 0.1}
    y, x = frame.axes
    if x.units not in factor or y.units != x.units or abs(abs(x.scale) - abs(y.scale)) > 1e-3 * abs(x.scale):
        return None
    return abs(x.scale) * factor[x.units] or None


def _centre(frame: Frame, found: spots.Found) -> np.ndarray:
    """The direct beam, x and y in pixels: the strongest spot near the axes' zero, or else that zero, or the middle."""
    rows, columns = frame.data.shape
    guess = np.array([columns / 2, rows / 2])
    for i, axis in enumerate(reversed(frame.axes)):
        if axis.scale and 0 < axis.index(0.0) < axis.size - 1:
            guess[i] = axis.index(0.0)
    near = np.hypot(*(found.xy - guess).T) < 0.06 * min(rows, columns)
    return found.xy[near][np.argmax(found.counts[near])] if near.any() else guess


def _known(
    frame: Frame, image: np.ndarray, found: spots.Found, centre: np.ndarray, pixel: float, prototype: Prototype
) -> Parts | None:
    temperature = float(frame.metadata.get("stage_temperature_K", 300.0))
    temperature = float(np.clip(temperature, 10.0, 1300.0)) if math.isfinite(temperature) else 300.0
    composition = float(frame.metadata.get("composition", 0.25))
    composition = min(max(composition, 0.02), 0.6) if math.isfinite(composition) else 0.25
    ceiling = float(np.iinfo(frame.data.dtype).max) if frame.data.dtype.kind in "ui" else math.inf
    reading = cubic.read(image, found, centre, pixel, prototype, temperature, composition, ceiling)
    if reading is None:
        return None
    net = reading.net
    s, s_sigma = order_from_square(reading.square, reading.square_sigma)
    step = math.sqrt(abs(float(np.linalg.det(net.basis))))
    relative = math.hypot(math.sqrt(0.5 * (net.covariance[1, 1] + net.covariance[2, 2])) / step / math.sqrt(2), 2e-5)
    a = 1 / (step * pixel)
    extra = reading.superlattice
    main_counts = float(reading.counts[~extra].sum())
    ratio = float(reading.counts[extra].sum()) / main_counts
    ratio_sigma = (
        math.sqrt(float(reading.variance[extra].sum()) + ratio**2 * float(reading.variance.sum())) / main_counts
    )
    quantities = {
        "order_parameter": Quantity(s, s_sigma, "1"),
        "order_square": Quantity(reading.square, reading.square_sigma, "1"),
        "antiphase": Quantity(reading.antiphase, math.sqrt(reading.antiphase * (1 - reading.antiphase)), "1"),
        "lattice_a": Quantity(a, a * relative, "Å"),
        "superlattice_ratio": Quantity(ratio, ratio_sigma, "1"),
    }
    shown = reading.counts > np.where(extra, 4, 8) * np.sqrt(reading.variance)
    xy = net.at(reading.hk[shown])
    refined, sigma, _ = spots.centroids(image, xy)
    arrays = {
        "spots": refined,
        "spots_sigma": sigma,
        "spots_intensity": reading.counts[shown],
        "spots_hkl": np.column_stack([reading.hk[shown], np.zeros(shown.sum(), dtype=int)]),
        "centre": net.centre,
    }
    notes = []
    if reading.square < 3 * reading.square_sigma:
        notes.append("no superlattice spot above noise")
    if reading.antiphase > 0.5:
        notes.append("superlattice spots are split: antiphase boundaries")
    return quantities, arrays, notes


def _unknown(frame: Frame, found: spots.Found, centre: np.ndarray) -> tuple[dict[str, Quantity], dict[str, np.ndarray]]:
    quantities: dict[str, Quantity] = {}
    arrays = {"spots": found.xy, "spots_sigma": found.sigma, "spots_intensity": found.counts, "centre": centre}
    net = lattice.find_net(found.xy, found.sigma, found.counts, centre)
    if net is None:
        return quantities, arrays
    pixel = _pixel(frame)
    scale, unit = (pixel, "1/Å") if pixel is not None else (1.0, "px")
    g1, g2 = (float(np.hypot(*net.basis[:, i])) for i in (0, 1))
    cosine = float(net.basis[:, 0] @ net.basis[:, 1]) / (g1 * g2)
    e1, e2 = (math.sqrt(net.covariance[i, i]) for i in (1, 2))
    quantities["g1"] = Quantity(g1 * scale, e1 * scale, unit)
    quantities["g2"] = Quantity(g2 * scale, e2 * scale, unit)
    quantities["gamma"] = Quantity(
        math.degrees(math.acos(np.clip(cosine, -1, 1))), math.degrees(math.hypot(e1 / g1, e2 / g2)), "°"
    )
    hkl = np.zeros((len(net.used), 3), dtype=int)
    hkl[:, :2] = net.indices
    arrays |= {
        "spots": found.xy[net.used],
        "spots_sigma": found.sigma[net.used],
        "spots_intensity": found.counts[net.used],
        "spots_hkl": hkl,
        "centre": net.centre,
    }
    return quantities, arrays
