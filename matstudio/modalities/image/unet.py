"""The network's reading of an image: it finds the columns, filters those that it misses, the rest is the baseline's."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial import cKDTree

from matstudio.modalities import weights
from matstudio.modalities.image import detect
from matstudio.modalities.image.canonical import (
    PIXEL_A,
    canonical,
    channels,
    from_canonical,
    statistics,
    white_noise,
)
from matstudio.modalities.image.detect import Found, Sign
from matstudio.modalities.image.network import ARCHITECTURE, CELL, ColumnNet, fused, run
from matstudio.modalities.image.reconstruct import Reader, source_checksum

PIXELS_A = (0.04, 0.25)
"""Pixel sizes that the network was trained on, Å."""
READING = "3"
"""Version of how the network's answer is read, part of the model's: 1 was without what filters find; until 2 columns
were taken as 0.4 Å wide where there is no pixel size, and supports for columns."""
_SMALLEST = 48  # canonical pixels
_NEIGHBOURS = np.hypot(*np.mgrid[-2:3, -2:3]) < 2.3  # cells: columns are 0.4 Å from each other at the least
_NEAR_A = 6.0
_APART_A = 1.2  # of a place that filters find from the network's nearest
_SHARE = 0.1  # of the network's places, the least number of such places that count


@dataclass(frozen=True)
class Settings:
    """What goes with the weights, chosen on simulated images that were not trained on.

    Args:
        threshold: least value of the heat map at a column.
        certain: a value that pure noise does not reach: every column has one of at least this, maybe itself, near it.
        least: least amplitude of a column in the fit, in its standard deviations.
        weakest: least amplitude of a column, relative to the strong ones.
        ranges: by name of `canonical.statistics`, what nearly all training images lie between.
    """

    threshold: float = 0.35
    certain: float = 0.0
    least: float = 0.5
    weakest: float = 0.0
    ranges: tuple[tuple[str, float, float], ...] = ()

    def dumps(self) -> str:
        """As text for the header of the weights."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> Settings:
        """From that text.

        Raises:
            ValueError: it is damaged.
        """
        try:
            body = json.loads(text)
            values = {f.name: body[f.name] for f in fields(cls)}
            ranges = tuple((str(n), float(low), float(high)) for n, low, high in values.pop("ranges"))
            return cls(**{k: float(v) for k, v in values.items()}, ranges=ranges)
        except (KeyError, TypeError) as error:
            raise ValueError(f"settings of the weights: {error!r}") from None


class NetworkFinder:
    """Columns where the network's heat map has a maximum, and where filters find more; a `Finder`.

    Of a known alloy (`width` given) the network's alone: they only have to give its lattice. Without a pixel size the
    filters' alone: the texture of a support, enlarged, looks like columns.

    Args:
        net: in evaluation mode.
        settings: what goes with it.
    """

    def __init__(self, net: ColumnNet, settings: Settings) -> None:
        self.net, self.settings = net, settings

    def __call__(
        self, image: np.ndarray, pixel: float | None, counts: bool, sign: Sign, width: float | None = None
    ) -> Found:
        """See `Finder`."""
        if pixel is None:
            found = detect.classical(image, None, counts, sign, width)
            return replace(found, notes=("no pixel size, which the network needs: found by filters",))
        notes: tuple[str, ...] = ()
        may_be = detect.widths(pixel, image.shape)
        polarity = sign(image, float(may_be[len(may_be) // 2]))
        if not PIXELS_A[0] <= pixel <= PIXELS_A[1]:
            notes = (f"pixels of {pixel:.3g} Å: the network was trained on {PIXELS_A[0]} to {PIXELS_A[1]} Å",)
        seen = canonical(image, pixel)
        if min(seen.shape) < _SMALLEST:
            small = "{} x {} Å are too small a view".format(*(f"{n * PIXEL_A:.2g}" for n in seen.shape))
            return Found(np.zeros((0, 2)), 1.0, polarity, np.zeros(0), np.zeros(0), (*notes, small))
        variance = max(float(seen.mean()), 1e-9) if counts else white_noise(image) * (PIXEL_A / pixel) ** 2
        spectrum = detect.Spectrum(seen, variance)
        given = channels(seen, variance, polarity, spectrum)
        xy, heat = places(run(self.net, torch.from_numpy(given)).numpy(), self.settings.threshold)
        xy = xy[vouched(xy, heat >= self.settings.certain)]
        known = width is not None
        if width is None:
            may_be = np.array(detect.WIDTHS_A) / PIXEL_A
            typical = detect.best_width(spectrum, polarity, may_be, xy if len(xy) else None)
            width = typical * PIXEL_A / pixel
        facts = statistics(given)
        strange = [n for n, low, high in self.settings.ranges if not low <= facts[n] <= high]
        if strange:
            notes += (f"unlike the images that the network was trained on: {', '.join(strange)}",)
        least, weakest = (np.full(len(xy), v) for v in (self.settings.least, self.settings.weakest))
        found = Found(from_canonical(xy, pixel), max(width, 0.9), polarity, least, weakest, notes)
        if known:
            return found
        others = detect.standing_out(spectrum if counts else detect.Spectrum(seen), typical, polarity)
        return joined(found, replace(others, xy=from_canonical(others.xy, pixel)), _APART_A / pixel)


def places(answer: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Columns in what the network answers.

    Args:
        answer: (3, H, W) heat map, and x and y from the cells' middles in cells.
        threshold: least value of the heat map.

    Returns:
        (N, 2) x, y in canonical pixels, and (N,) the heat map there.
    """
    heat = answer[0]
    top = (heat == ndimage.maximum_filter(heat, footprint=_NEIGHBOURS)) & (heat > threshold)
    row, column = np.nonzero(top)
    cell = np.stack([column, row], axis=1) + np.clip(answer[1:, row, column].T, -1, 1)
    return cell.astype(float) * CELL + (CELL - 1) / 2, heat[row, column]


def vouched(xy: np.ndarray, certain: np.ndarray) -> np.ndarray:
    """(N,) whether each place is certain or within 6 Å of one that is; `xy` in canonical pixels."""
    if not certain.any():
        return certain
    return np.asarray(cKDTree(xy[certain]).query(xy)[0] <= _NEAR_A / PIXEL_A)


def joined(found: Found, others: Found, apart: float) -> Found:
    """The places of `found`, and those of `others` that lie more than `apart` pixels from them.

    Fewer such than a tenth of `found` do not count: they are no kind of column that `found` misses, but what is drawn
    where a column of a pattern is absent.
    """
    if len(found.xy) and len(others.xy):
        others = others.take(cKDTree(found.xy).query(others.xy)[0] > apart)
    if not len(others.xy) or len(others.xy) < _SHARE * len(found.xy):
        return found
    xy, least, weakest = (np.concatenate([getattr(f, n) for f in (found, others)]) for n in ("xy", "least", "weakest"))
    return replace(found, xy=xy, least=least, weakest=weakest)


class UNet(Reader):
    """Finds columns with a network trained on simulated images of every kind, and with filters; implements `Inverse`.

    Importing this module imports torch. The same frame gives the same bits on one machine: one thread, no chance.

    Args:
        path: the weights; by default those in resources/models.

    Raises:
        ValueError: the weights are absent, damaged or of another architecture; one line.
    """

    name = "unet"

    def __init__(self, path: Path | None = None) -> None:
        torch.set_num_threads(1)
        path = path or weights.MODELS / "unet.safetensors"
        net = ColumnNet()
        facts = weights.fill(net, path, ARCHITECTURE)
        self.version = f"{facts.get('version', '0')}.{READING}"
        settings = Settings.loads(facts.get("settings", "{}"))
        source = source_checksum("canonical.py", "network.py", "unet.py")
        checksum = hashlib.sha256((facts["sha256"] + settings.dumps() + source).encode()).hexdigest()
        self.net = fused(net)
        super().__init__(NetworkFinder(self.net, settings), checksum[:16])
