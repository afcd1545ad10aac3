"""Reading an image: columns by a finder and maximum likelihood, order from their intensities."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from matstudio.domain.estimate import Estimate, Model, Quantity
from matstudio.domain.frame import Frame
from matstudio.domain.material import PROTOTYPES, Prototype
from matstudio.domain.structure import SiteModel
from matstudio.modalities.image import detect
from matstudio.modalities.image.detect import Found, Sign
from matstudio.modalities.image.fit import Columns, fit, summed
from matstudio.modalities.image.forward import FWHM, cross_section_A2
from matstudio.modalities.image.lattice import Lattice, correlated, square
from matstudio.modalities.image.order import Order, Sample, cross_section_ratio, measure
from matstudio.modalities.image.strain import strain

_UNITS_A = {"Å": 1.0, "A": 1.0, "angstrom": 1.0, "nm": 10.0, "pm": 0.01, "µm": 1e4, "um": 1e4, "m": 1e10}
_PROBE_A = 0.94  # FWHM of a column where nothing says more (sigma 0.40 Å)
_COARSE_A = 0.8  # pixel size beyond which columns cannot be told apart
_LARGEST = 1024  # rows or columns of an image beyond which it is binned first
_MOST = 6000  # columns that are fitted; of more, the brightest
_DOSE_ERROR = 0.03  # relative error of dose, detector and cross section together
_TILE = 16  # pixels of the frame to one of the order map
_ROUNDS = (2, 1)  # steps before and after the widths follow the composition; 0.04 sigma from where more would end
_CRYSTAL = 12  # columns from which they may be a crystal


class Finder(Protocol):
    """Where columns may be; what they are is left to the fit."""

    def __call__(
        self, image: np.ndarray, pixel: float | None, counts: bool, sign: Sign, width: float | None = None
    ) -> Found:
        """Columns of an image.

        Args:
            image: (H, W) finite, at most 1024 pixels either way unless `width` is given.
            pixel: its size in Å, or None: then it may show anything.
            counts: whether the values are electrons.
            sign: called with the image and the columns' width in pixels, gives +1 or -1.
            width: standard deviation of the columns in pixels, where it is known.
        """
        ...


@dataclass(frozen=True)
class Crystal:
    """What columns form.

    Args:
        columns: with what is known of the crystal taken into account.
        quantities, arrays, notes: what an estimate says of it.
    """

    columns: Columns
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Reader:
    """Column finder and, for a known alloy, order parameter; implements `Inverse`.

    Places where the finder sees columns are refined by one maximum-likelihood fit of Gaussians. Dark columns are found
    too: `metadata["polarity"]`, else the mode, else the skewness says which.

    Quantities: "columns" (number); for a periodic image with a calibrated axis "lattice_a" (Å, the shorter vector of
    the projected lattice; the cube edge for a known material); for a known material "order_parameter", "antiphase" (how
    probable more than one domain is), where domains are mapped "boundary_density" (1/Å, length per area), and, where
    dose and "thickness_cells" are given, "composition".
    Arrays: those of `Estimate`, for a known material "order_map", local order parameter in tiles of 16 x 16 pixels, and
    where there is a lattice "lattice" (2, 2), its vectors x, y in pixels, "columns_strain" and "columns_strain_sigma"
    (N, 4) as `Strain` has them.
    """

    name: str
    version: str

    def __init__(self, find: Finder, checksum: str) -> None:
        self.find, self.checksum = find, checksum

    def __call__(self, frame: Frame) -> Estimate:
        began = time.perf_counter()
        image = checked(frame)
        meta = frame.metadata
        pixel = pixel_A(frame)
        counts = meta.get("quantity") == "counts"
        prototype = PROTOTYPES.get(str(meta.get("material", "")))
        parts: dict[str, Any] = {}
        if prototype is not None and pixel is not None:
            parts = _alloy(image, frame, prototype, pixel, counts, self.find)
        if not parts:
            parts = self._any(image, frame, pixel, counts)
            if prototype is not None:
                parts["notes"] += (f"no [001] columns of {prototype.name} seen",)
        return Estimate(
            stream=frame.stream,
            seq=frame.seq,
            t=(frame.t_start + frame.t_end) / 2,
            model=Model(self.name, self.version, self.checksum),
            seconds=time.perf_counter() - began,
            **parts,
        )

    def _any(self, image: np.ndarray, frame: Frame, pixel: float | None, counts: bool) -> dict[str, Any]:
        """Columns of an image of which nothing is known but perhaps its pixel size."""
        if pixel is not None and pixel > _COARSE_A:
            return {
                "quantities": {},
                "arrays": {
                    "columns": np.zeros((0, 2)),
                    "columns_sigma": np.zeros((0, 2)),
                    "columns_intensity": np.zeros(0),
                },
                "notes": (f"pixels of {pixel:.3g} Å are too coarse for atomic columns",),
            }
        columns, said = find_columns(image, pixel, counts, lambda seen, width: _sign(seen, frame, width), self.find)
        crystal = Crystal(columns)
        if pixel is not None and len(columns.xy) >= _CRYSTAL:
            crystal = self.crystal(image, columns, pixel, counts, _sign(image, frame, float(np.median(columns.width))))
        number = len(crystal.columns.xy)
        notes: tuple[str, ...] = (f"{number} columns", *said, *crystal.notes)
        if not number:
            notes = ("no atomic columns: no lattice, and no spots that stand out of noise and texture", *said)
        quantities = {"columns": _number(crystal.columns), **crystal.quantities}
        return {"quantities": quantities, "arrays": _arrays(crystal.columns) | crystal.arrays, "notes": notes}

    def crystal(self, image: np.ndarray, columns: Columns, pixel: float, counts: bool, sign: int) -> Crystal:
        """What the columns of an image form, here one lattice, and where it has them.

        Args:
            image: (H, W).
            columns: twelve or more.
            pixel: its size, Å.
            counts: whether the values are electrons.
            sign: +1 where columns are bright, -1 where they are dark.
        """
        apart = spacing(columns.xy, 1.0)
        middle = tuple(slice(max(0, (n - _LARGEST) // 2), (n + _LARGEST) // 2) for n in image.shape)
        blur = 0.25 * apart
        block = max(1, int(blur / 2))
        smooth = ndimage.gaussian_filter(summed(image[middle], block), blur / block)
        lattice = correlated(smooth, 0.7 * apart / block)
        if lattice is None:
            return Crystal(columns)
        lattice = replace(lattice, basis=lattice.basis * block)
        return Crystal(columns, {"lattice_a": side(lattice, pixel)}, strained(columns, lattice))


class Baseline(Reader):
    """Finds places that stand out of the noise: alone or, in a pattern, together."""

    name = "baseline"
    version = "1"

    def __init__(self) -> None:
        super().__init__(detect.classical, source_checksum())


@cache
def source_checksum(*more: str) -> str:
    """Of the source that the baseline's answers, and the fit of every finder's columns, come from, and `more` files."""
    here = Path(__file__).parent
    names = ("detect.py", "fit.py", "lattice.py", "order.py", "reconstruct.py", "strain.py", *more)
    source = b"".join((here / n).read_bytes() for n in names)
    return hashlib.sha256(source).hexdigest()[:16]


def pixel_A(frame: Frame) -> float | None:
    """Pixel size in Å, or None where the axes have no length unit or differ from each other."""
    scales = [abs(a.scale) * _UNITS_A.get(a.units, 0.0) for a in frame.axes]
    same = len(scales) == 2 and scales[0] > 0 and abs(scales[0] / scales[1] - 1 if scales[1] else 1) < 0.01
    return scales[0] if same and math.isfinite(scales[0]) else None


def checked(frame: Frame) -> np.ndarray:
    """The frame's data as float64, or the reason why it cannot be read."""
    data = frame.data
    what = f"{frame.stream} #{frame.seq}"
    if data.ndim != 2 or data.dtype.kind not in "uif":
        raise ValueError(f"{what}: an image of numbers has 2 dimensions, this is {data.dtype} {data.shape}")
    if min(data.shape) < 24 or data.size > 64e6:
        raise ValueError(f"{what}: {data.shape[0]} x {data.shape[1]} pixels; 24 x 24 to 64 million can be read")
    image = data.astype(np.float64)
    finite = np.isfinite(image)
    if finite.mean() < 0.9:
        raise ValueError(f"{what}: {100 * (1 - finite.mean()):.0f} % of the pixels are not finite")
    if not finite.all():
        image[~finite] = np.median(image[finite])
    if not image.max() > image.min():
        raise ValueError(f"{what}: every pixel has the value {image.flat[0]:g}")
    return image


def _fact(frame: Frame, key: str, default: float, low: float, high: float) -> float:
    """A number of the metadata, or `default` where it is absent, no number or out of range."""
    value = frame.metadata.get(key)
    return float(value) if isinstance(value, int | float) and low <= value <= high else default


def _sign(image: np.ndarray, frame: Frame, width: float) -> int:
    given = frame.metadata.get("polarity")
    if given in (1, -1):
        return int(given)
    mode = str(frame.metadata.get("mode", "")).upper()
    if "HAADF" in mode or "MAADF" in mode:
        return 1
    return -1 if mode in ("ABF", "BF") else detect.polarity(image, width)


def find_columns(
    image: np.ndarray, pixel: float | None, counts: bool, sign: Sign, find: Finder = detect.classical
) -> tuple[Columns, tuple[str, ...]]:
    """Columns of any image, and what the finder has to say of it; arguments as `Finder` has them."""
    block = -(-max(image.shape) // _LARGEST)
    if block > 1:
        binned = summed(image, block) / (1 if counts else block**2)
        columns, notes = find_columns(binned, None if pixel is None else pixel * block, counts, sign, find)
        return columns.enlarged(block, 1 if counts else block**2), notes
    found = find(image, pixel, counts, sign)
    if len(found.xy) > _MOST:
        smooth = ndimage.gaussian_filter(image, found.width)
        shown = ndimage.map_coordinates(smooth, found.xy[:, ::-1].T, order=1) * found.sign
        found = found.take(np.argsort(-shown)[:_MOST])
    if not len(found.xy):
        nothing = np.zeros(0)
        return Columns(np.zeros((0, 2)), nothing, nothing, np.zeros((0, 2)), nothing), found.notes
    length = float(np.clip(1.2 * spacing(found.xy, found.width), 4 * found.width, 8 * found.width))
    columns = fit(
        image,
        found.xy,
        np.full(len(found.xy), found.width),
        sign=found.sign,
        counts=counts,
        rounds=6,
        length=length,
        hold=0.6 * found.width,
    )
    inside = np.all((columns.xy > -0.5) & (columns.xy < np.array(image.shape[::-1]) - 0.5), axis=1)
    strong = (columns.significance > found.least) & (
        columns.amplitude > found.weakest * np.quantile(columns.amplitude, 0.9)
    )
    return columns.take(inside & strong), found.notes


def spacing(xy: np.ndarray, width: float) -> float:
    """The usual distance of columns from their nearest; of a single one four widths."""
    return float(np.median(cKDTree(xy).query(xy, k=2)[0][:, 1])) if len(xy) > 1 else 4 * width


def side(lattice: Lattice, pixel: float) -> Quantity:
    """The length of a lattice's shorter vector, Å."""
    length, error = lattice.side()
    return Quantity(length * pixel, max(error, 1e-3 * length) * pixel, "Å")


def _number(columns: Columns) -> Quantity:
    weak = int((columns.significance < 5).sum())
    return Quantity(float(len(columns.xy)), math.sqrt(1.0 + weak), "1")


def _arrays(columns: Columns) -> dict[str, np.ndarray]:
    return {
        "columns": columns.xy,
        "columns_sigma": columns.sigma_xy,
        "columns_intensity": columns.amplitude,
        "columns_intensity_sigma": columns.sigma_amplitude,
    }


def strained(columns: Columns, lattice: Lattice) -> dict[str, np.ndarray]:
    """Lattice and strain as arrays; {} where too few columns have neighbours."""
    found = strain(columns.xy, columns.sigma_xy, lattice.basis)
    if found is None:
        return {}
    values, sigma = found.values.astype(np.float32), found.sigma.astype(np.float32)
    return {"lattice": found.basis, "columns_strain": values, "columns_strain_sigma": sigma}


def _alloy(
    image: np.ndarray, frame: Frame, prototype: Prototype, pixel: float, counts: bool, find: Finder
) -> dict[str, Any]:
    """Columns, order and structure of a known alloy seen along [001]; {} where its lattice is not seen."""
    temperature = _fact(frame, "stage_temperature_K", 300.0, 1.0, 3000.0)
    heat = [e.u_iso(temperature) for e in (prototype.majority, prototype.minority)]
    probe = _fact(frame, "probe_fwhm_A", _PROBE_A, 0.3, 2.0) / FWHM
    width = math.sqrt(probe**2 + sum(heat) / 2) / pixel
    found = find(image, pixel, counts, lambda *_: 1, width)
    lattice = square(found.xy, prototype.a(temperature) / 2 / pixel)
    if lattice is None:
        return {}
    sample = Sample(
        numbers=(prototype.majority.number, prototype.minority.number),
        composition=_fact(frame, "composition", 0.25, 0.02, 0.98),
        atoms=int(_fact(frame, "thickness_cells", 16, 1, 1000)),
    )
    index = lattice.within(image.shape, 2.5 * width)
    try:
        columns, order, seen = _fit_alloy(image, lattice.at(index), index, width, heat, pixel, counts, sample)
    except ValueError:  # too few columns, or empty ones
        return {}
    refined = _refined(index, columns)
    cube = 2 * math.sqrt(abs(np.linalg.det(refined.basis))) * pixel
    quantities = {
        "columns": _number(columns.take(seen)),
        "order_parameter": Quantity(order.s, order.sigma, "1"),
        "antiphase": Quantity(order.antiphase, math.sqrt(order.antiphase * (1 - order.antiphase)), "1"),
        "lattice_a": Quantity(cube, max(refined.sigma, 2e-4) * cube, "Å"),
    }
    absolute = _composition(order.mean, frame, sample)
    if absolute is not None:
        quantities["composition"] = absolute
    shown = columns.take(seen)
    fraction = np.clip(order.fraction, 0, 1)
    arrays = (
        _arrays(shown)
        | strained(shown, refined)
        | {
            "columns_au": fraction[seen],
            "columns_au_sigma": order.fraction_sigma[seen],
            "order_map": _map(refined, index, order, image.shape),
        }
    )
    notes: tuple[str, ...] = (f"{seen.sum()} columns", *found.notes)
    if order.antiphase > 0.5:
        domains = len(np.unique(order.phases[seen]))
        notes += (
            f"{domains} antiphase domains" if domains > 1 else "antiphase domains, too weak in order to be mapped",
        )
    if order.antiphase:
        density = order.boundary * 2 / cube
        quantities["boundary_density"] = Quantity(density, max(0.3 * density, 0.01), "1/Å")
    structure = _structure(index, columns, order, seen, image.shape, pixel, cube, prototype, sample.atoms)
    return {"quantities": quantities, "arrays": arrays, "notes": notes, "structure": structure}


def _fit_alloy(
    image: np.ndarray,
    start: np.ndarray,
    index: np.ndarray,
    width: float,
    heat: list[float],
    pixel: float,
    counts: bool,
    sample: Sample,
) -> tuple[Columns, Order, np.ndarray]:
    """Columns on the sites of a lattice, those just outside the image too, and what they say; and which are inside.

    The heavier element vibrates otherwise than the lighter one, so a column's width follows its composition; that is
    fitted in the second turn with what the first one found.
    """
    seen = np.all((start >= 0) & (start <= np.array(image.shape[::-1]) - 1), axis=1)
    ratio = cross_section_ratio(sample.numbers)
    fraction, widths, place = np.full(len(index), sample.composition), np.full(len(index), width), start
    amplitude = None
    for rounds in _ROUNDS:
        share = fraction * ratio / (1 + fraction * (ratio - 1))  # of the intensity, the minority's
        relative = np.sqrt(1 + (share - 0.5) * (heat[1] - heat[0]) / (width * pixel) ** 2)
        columns = fit(
            image,
            place,
            widths * relative,
            sign=1,
            counts=counts,
            rounds=rounds,
            length=None,
            hold=0.15,
            anchor=start,
            amplitude=amplitude,
        )
        widths, place, amplitude = columns.width / relative, columns.xy, columns.amplitude
        order = measure(index, seen, columns.amplitude, columns.sigma_amplitude, sample)
        fraction = np.clip(order.fraction, 0, 1)
    return columns, order, seen


def _refined(index: np.ndarray, columns: Columns) -> Lattice:
    """The lattice through the fitted columns, by least squares weighted with their errors."""
    weight = 1.0 / np.maximum(columns.sigma_xy.mean(1), 0.02)
    design = np.c_[np.ones(len(index)), index] * weight[:, None]
    solution = np.linalg.lstsq(design, columns.xy * weight[:, None], rcond=None)[0]
    residual = columns.xy * weight[:, None] - design @ solution
    error = np.sqrt((residual**2).mean() * np.trace(np.linalg.inv(design.T @ design)[1:, 1:]) / 2)
    return Lattice(solution[1:], solution[0], float(error / np.hypot(*solution[1])))


def _composition(mean: float, frame: Frame, sample: Sample) -> Quantity | None:
    """Minority fraction from the absolute intensity, where dose, thickness and detector are known to 3 %."""
    meta = frame.metadata
    needed = ("dose_e_per_A2", "thickness_cells", "collection_mrad", "beam_energy_keV")
    if meta.get("quantity") != "counts" or any(k not in meta for k in needed):
        return None
    inner, outer = meta["collection_mrad"]
    section = cross_section_A2(np.array(sample.numbers), float(meta["beam_energy_keV"]), (float(inner), float(outer)))
    per_atom = mean / (float(meta["dose_e_per_A2"]) * sample.atoms)
    gap = float(section[1] - section[0])
    return Quantity((per_atom - float(section[0])) / gap, _DOSE_ERROR * per_atom / gap, "1")


def _map(lattice: Lattice, index: np.ndarray, order: Order, shape: tuple[int, int]) -> np.ndarray:
    """Local order parameter in tiles of the frame, (H // 16, W // 16)."""
    low = index.min(0)
    grid = np.full(tuple(index.max(0) - low + 1), order.s)
    grid[tuple((index - low).T)] = order.local
    rows, columns = (np.arange(n // _TILE) * _TILE + _TILE / 2 - 0.5 for n in shape)
    xy = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    at = (xy - lattice.origin) @ np.linalg.inv(lattice.basis) - low
    return np.asarray(ndimage.map_coordinates(grid, at.T, order=1, mode="nearest")).reshape(len(rows), len(columns))


def _structure(
    index: np.ndarray,
    columns: Columns,
    order: Order,
    seen: np.ndarray,
    shape: tuple[int, int],
    pixel: float,
    cube: float,
    prototype: Prototype,
    atoms: int,
) -> SiteModel:
    """Every atom of the columns seen: fcc sites along the beam, all of a column with that column's occupancy."""
    height = np.where(index.sum(1) % 2 == order.phases % 3 % 2, 0.0, 0.5)[seen]
    z = (height[:, None] + np.arange(atoms)) * cube
    xy = np.repeat(columns.xy[seen] * pixel, atoms, axis=0)
    minority = np.repeat(np.clip(order.fraction, 0, 1)[seen], atoms)
    return SiteModel(
        cell=np.diag([shape[1] * pixel, shape[0] * pixel, atoms * cube]),
        positions=np.c_[xy, z.ravel()],
        species=(prototype.minority.symbol, prototype.majority.symbol),
        occupancy=np.c_[minority, 1 - minority],
        sigma=np.repeat(order.fraction_sigma[seen], atoms),
    )
