"""The reading of an image with the network that sees lattices: they say where columns are, and where one is absent."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from matstudio.domain.estimate import Quantity
from matstudio.modalities import weights
from matstudio.modalities.image.canonical import PIXEL_A, canonical, channels, to_canonical, white_noise
from matstudio.modalities.image.cell import symmetry
from matstudio.modalities.image.fit import Columns, fit
from matstudio.modalities.image.lattice import Lattice
from matstudio.modalities.image.network import STRIDE, ColumnNet
from matstudio.modalities.image.prior import chosen, placed, unsure
from matstudio.modalities.image.reconstruct import Crystal, Reader, side, source_checksum, spacing, strained
from matstudio.modalities.image.repeats import basis
from matstudio.modalities.image.unet import PIXELS_A, UNet
from matstudio.modalities.image.vit import ARCHITECTURE, REACH_A, STEP_A, TOKEN, LatticeNet, likeness

READING = "2"
_WINDOW, _STRIDE = 24, 16  # tokens that are looked at together, and steps from one such window to the next
_GRAINS, _LEAST = 3, 8  # lattices of an image, and tokens of one
_LIKE, _SEEDS = 0.6, 200  # correlation of two tokens' maps of one lattice; tokens that others are compared with
_FITS = 0.35  # share of its own greatest value that a token's map has at a lattice's points, where that is its own
_SURE = 0.10  # of a lattice (`repeats.basis`), below which it is none
_LED = 0.3  # share of the columns that translations of a lattice must lead to
_LARGEST = 1024  # rows or columns of an image, beyond which the lattices are told but do not move columns


@dataclass(frozen=True)
class Seen:
    """What the network sees.

    Args:
        bases: (2, 2) rows are vectors x, y in Å, of each lattice, that of the most tokens first.
        order: (h, w) share of the columns around each token that repeat themselves.
    """

    bases: tuple[np.ndarray, ...]
    order: np.ndarray


class VisionTransformer(Reader):
    """Columns as the column finder has them, and the lattices that the transformer sees as prior knowledge of their
    places; implements `Inverse`.

    Quantities besides those of `Reader`: "disorder" (Å), standard deviation of columns from where the lattice has them,
    along an axis. Arrays: "vacancies" (M, 2) x, y in pixels, "columns_order" (N,) 0 to 1.

    Args:
        path: the weights; by default those in resources/models.

    Raises:
        ValueError: the weights, or those of the column finder, are absent, damaged or of another architecture.
    """

    name = "vit"

    def __init__(self, path: Path | None = None) -> None:
        finder = UNet()
        path = path or weights.MODELS / "vit.safetensors"
        self.net = LatticeNet()
        facts = weights.fill(self.net, path, ARCHITECTURE)
        self.net.eval()
        self._eyes: ColumnNet = finder.net
        self.version = f"{facts.get('version', '0')}.{READING}"
        source = source_checksum(
            "canonical.py", "cell.py", "network.py", "prior.py", "repeats.py", "vit.py", "vit_reader.py"
        )
        checksum = hashlib.sha256((facts["sha256"] + finder.checksum + source).encode()).hexdigest()
        super().__init__(finder.find, checksum[:16])

    def crystal(self, image: np.ndarray, columns: Columns, pixel: float, counts: bool, sign: int) -> Crystal:
        """See `Reader`; several lattices where there are several."""
        if not PIXELS_A[0] <= pixel <= PIXELS_A[1]:
            return super().crystal(image, columns, pixel, counts, sign)
        shown = canonical(image, pixel)
        if min(shown.shape) < 4 * TOKEN:
            return super().crystal(image, columns, pixel, counts, sign)
        variance = max(float(shown.mean()), 1e-9) if counts else white_noise(image) * (PIXEL_A / pixel) ** 2
        found = see(self.net, self._eyes, channels(shown, variance, sign))
        width = np.median(columns.width)
        length = float(np.clip(1.2 * spacing(columns.xy, float(width)), 4 * width, 8 * width))

        def again(xy: np.ndarray) -> Columns:
            widths = np.full(len(xy), width)
            return fit(image, xy, widths, sign=sign, counts=counts, rounds=4, length=length, hold=0.6 * float(width))

        used, vacancies, disorder = [], [np.zeros((0, 2))], 0.0
        plain = super().crystal(image, columns, pixel, counts, sign)
        bases = [vectors / pixel for vectors in found.bases]
        if "lattice" in plain.arrays:  # what the autocorrelation has its peaks at
            bases.append(np.asarray(plain.arrays["lattice"]))
        if max(image.shape) <= _LARGEST:
            shape = (image.shape[0], image.shape[1])
            for vectors in chosen(columns, bases, shape):
                new = placed(columns, vectors, shape, again)
                if new.led < _LED:
                    continue
                disorder = new.disorder if not used else disorder
                columns = new.columns
                vacancies.append(new.vacancies)
                used.append(vectors)
        absent = np.concatenate(vacancies)
        arrays = {"vacancies": absent, "columns_order": _at(found.order, to_canonical(columns.xy, pixel))}
        if not used:
            return Crystal(columns, plain.quantities, {**plain.arrays, "columns_order": arrays["columns_order"]})
        lattice = Lattice(used[0], np.zeros(2), 1e-3)
        arrays |= strained(columns, lattice)
        if "lattice" in arrays:  # refined on the columns
            steps = math.sqrt(max(len(columns.xy), 1))
            error = float(np.nanmedian(columns.sigma_xy)) / steps / float(np.hypot(*arrays["lattice"].T).min())
            lattice = Lattice(arrays["lattice"], np.zeros(2), error)
        quantities = {
            "lattice_a": side(lattice, pixel),
            "disorder": Quantity(disorder * pixel, pixel * unsure(disorder, columns), "Å"),
        }
        seen = symmetry(image, lattice.basis, pixel)
        notes: tuple[str, ...] = () if seen is None else (f"symmetry {seen[0]}, cells alike to {seen[1]:.2f}",)
        notes += (f"{len(used)} lattices",) if len(used) > 1 else ()
        notes += (f"{len(absent)} column{'s' if len(absent) != 1 else ''} absent",) if len(absent) else ()
        return Crystal(columns, quantities, arrays, notes)


def see(net: LatticeNet, eyes: ColumnNet, given: np.ndarray) -> Seen:
    """What the network sees in an image as the column finder `eyes` is given it, (5, H, W) of canonical pixels."""
    x = torch.from_numpy(given)[None, :, : given.shape[1] // STRIDE * STRIDE, : given.shape[2] // STRIDE * STRIDE]
    with torch.inference_mode():
        alike = likeness(eyes, x.contiguous(memory_format=torch.channels_last))
        height, width = alike.shape[1:3]
        repeats = torch.zeros(height, width, alike.shape[3] // 2)
        order, count = torch.zeros(height, width), torch.zeros(height, width)
        for top in _starts(height):
            for left in _starts(width):
                part = (slice(top, top + _WINDOW), slice(left, left + _WINDOW))
                maps, how = net(alike[:, part[0], part[1]])
                repeats[part] += maps[0].sigmoid()
                order[part] += how[0].sigmoid()
                count[part] += 1
        repeats /= count[..., None]
        order /= count
        return Seen(grains(repeats.numpy()), order.numpy())


def _starts(size: int) -> list[int]:
    """First tokens of the windows."""
    return sorted({*range(0, max(size - _WINDOW, 0), _STRIDE), max(size - _WINDOW, 0)})


def grains(repeats: np.ndarray) -> tuple[np.ndarray, ...]:
    """The lattices, (2, 2) in Å, in maps of translations (h, w, K), that of the most tokens first."""
    across = 2 * round(REACH_A / STEP_A) + 1
    maps = repeats.reshape(-1, repeats.shape[2] // across, across)
    left = np.arange(len(maps))
    found: list[np.ndarray] = []
    for _ in range(_GRAINS):
        if len(left) < min(_LEAST, len(maps)):
            break
        made = basis(maps[_alike(maps, left)].mean(0), STEP_A)
        if made is None or made[1] < _SURE:
            break
        found.append(made[0])
        left = left[~_fits(maps[left], made[0])]
    return tuple(found)


def _alike(maps: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Of `some` tokens, given by numbers, the greatest number that have maps like that of one of them."""
    flat = maps[some].reshape(len(some), -1)
    flat = flat - flat.mean(1, keepdims=True)
    flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
    likeness_ = flat[:: max(1, len(some) // _SEEDS)] @ flat.T
    best = int(np.argmax((likeness_ > _LIKE).sum(1)))
    return np.asarray(some[likeness_[best] > _LIKE])


def _fits(maps: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Whether each token's map (T, rows, columns) has its great values at a lattice's points."""
    middle = (maps.shape[2] - 1) / 2
    index = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 2), -1).reshape(-1, 2)
    at = index[np.any(index != 0, axis=1)] @ vectors / STEP_A
    at = at[(at[:, 1] >= 0) & (at[:, 1] <= maps.shape[1] - 1) & (np.abs(at[:, 0]) <= middle)]
    if not len(at):
        return np.zeros(len(maps), bool)
    place = np.array([at[:, 1], at[:, 0] + middle])
    values = np.array([ndimage.map_coordinates(m, place, order=1).mean() for m in maps])
    return np.asarray(values > _FITS * maps.max((1, 2)))


def _at(order: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """The order at columns, (N, 2) canonical pixels."""
    place = (xy[:, ::-1].T + 0.5) / TOKEN - 0.5
    return np.asarray(np.clip(ndimage.map_coordinates(order, place, order=1, mode="nearest"), 0, 1), np.float32)
