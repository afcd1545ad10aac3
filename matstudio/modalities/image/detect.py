"""Finding columns: polarity, size, and places that stand out of the noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy import fft, ndimage
from scipy.spatial import cKDTree

_ALONE = 5.0  # standard deviations at which a spot counts by itself: 0.02 false ones in 512 x 512 pixels of pure noise
_TOGETHER = 3.0  # at which it counts in the Wiener-filtered image
_BIN = 2.6  # power over noise from which a smoothed Fourier bin holds signal, where there is a pattern at all
_BRAGG = 3.5  # power over noise of a Bragg spot where the noise is white, which by itself reaches 2.9
_BRAGG_COUNTS = 6.0  # where electrons are counted and the specimen adds to their noise
_BRAGG_CLUTTER = 30.0  # where nothing is known of the noise; off the axes amorphous films reach 11, particles 26
_LOW, _LOW_OF_NOISE = 0.3, 0.85  # quantile of the smoothed power, and what it is of pure noise's mean
_GAIN = 20.0  # least sum that decides on a width
_OPPOSITE = 0.2  # share of spots of the other sign from which those of the expected one are texture
_SIGNIFICANT, _PATTERN = 3.0, 1.5  # least amplitude, in its standard deviations: of a column, of one in a pattern
_WEAKEST = 0.04  # least amplitude of a column in a pattern, relative to its strong columns
_SPOTS = 3  # least number of Bragg spots of a pattern in white noise

WIDTHS_A = (0.28, 0.36, 0.46, 0.6)
"""Standard deviations that columns may have, Å."""
Sign = Callable[[np.ndarray, float], int]
"""Called with an image and the columns' width in pixels: +1 where they are bright, -1 where they are dark."""


@dataclass(frozen=True)
class Found:
    """Where a finder sees columns.

    Args:
        xy: (N, 2) x, y in pixels.
        width: standard deviation of the columns, pixels.
        sign: +1 where they are bright, -1 where they are dark.
        least: (N,) the least significance that each must have in the fit.
        weakest: (N,) the least amplitude, relative to the strong columns.
        notes: one line each, for the operator.
    """

    xy: np.ndarray
    width: float
    sign: int
    least: np.ndarray
    weakest: np.ndarray
    notes: tuple[str, ...] = ()

    def take(self, keep: np.ndarray) -> Found:
        """Those that a mask or indices name."""
        return replace(self, xy=self.xy[keep], least=self.least[keep], weakest=self.weakest[keep])


def polarity(image: np.ndarray, width: float) -> int:
    """+1 where columns are bright, -1 where they are dark: the sign of the skewness of the band-passed image."""
    band = ndimage.gaussian_filter(image, width) - ndimage.gaussian_filter(image, 3 * width)
    inner = band - band.mean()
    return 1 if float((inner**3).mean()) >= 0 else -1


@lru_cache(maxsize=4)
def _frequencies(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
    """Of the half plane of `rfft2`: squared frequency, how often each value counts, and the values of each ring."""
    fy, fx = fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])[None]
    square = (fx**2 + fy**2).astype(np.float32)
    twice = np.where((fx > 0) & (fx < 0.5), 2.0, 1.0).astype(np.float32)
    ring = np.floor(np.sqrt(square) * min(shape) / 4).astype(np.int64).ravel()
    order = np.argsort(ring, kind="stable")
    return square, twice, tuple(np.split(order, np.cumsum(np.bincount(ring))[:-1]))


def _periodic(image: np.ndarray) -> np.ndarray:
    """`rfft2` of the image's periodic part: without the cross that the jumps from edge to edge make.

    The smooth part taken off solves Poisson's equation for those jumps (Moisan, J. Math. Imaging Vis. 39 (2011) 161).
    """
    data = (image - image.mean()).astype(np.float32)
    down, across, laplacian = _edges(data.shape[0], data.shape[1])
    # the jumps lie in the first row and column, and negated in the last: their transform is that of two lines
    jumps = down * fft.rfft(data[-1] - data[0]) + fft.fft(data[:, -1] - data[:, 0])[:, None] * across
    return np.asarray(fft.rfft2(data) - jumps / laplacian)


@lru_cache(maxsize=4)
def _edges(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Transforms of 1, 0, ... 0, -1 along either axis, and of the Laplacian (its zero as 1), for `rfft2`."""
    fy, fx = fft.fftfreq(rows)[:, None], fft.rfftfreq(columns)[None]
    laplacian = (2 * np.cos(2 * np.pi * fy) + 2 * np.cos(2 * np.pi * fx) - 4).astype(np.float32)
    laplacian[0, 0] = 1
    down, across = (1 - np.exp(2j * np.pi * f) for f in (fy, fx))
    return down.astype(np.complex64), across.astype(np.complex64), laplacian


def smoothed(power: np.ndarray) -> np.ndarray:
    """The power of `rfft2` smoothed over neighbouring bins."""
    overlap = 4  # columns beyond the half plane, from the symmetry of a real image's spectrum
    mirrored = np.roll(power[::-1, overlap:0:-1], 1, axis=0)
    smooth = ndimage.gaussian_filter(np.hstack([mirrored, power]), 1.0, mode=("wrap", "nearest"), truncate=3)
    return np.asarray(smooth[:, overlap:])


class Spectrum:
    """The Fourier transform of an image, its noise, and ways to filter it.

    The noise is what the power spectrum shows on rings of equal frequency (from its 0.3 quantile, which Bragg peaks
    hardly move), so that the clutter of an amorphous support counts as noise and only a pattern stands out of it.

    Args:
        image: (H, W) float.
        variance: of its white noise per pixel, where that is known: the noise is nowhere less than 0.7 of it.
    """

    def __init__(self, image: np.ndarray, variance: float = 0.0) -> None:
        self.shape = (image.shape[0], image.shape[1])
        self._variance = variance
        self._square, self._twice, rings = _frequencies(self.shape)
        self._transform = _periodic(image)
        power = np.abs(self._transform) ** 2 / image.size
        self._smooth = np.maximum(smoothed(power), 1e-30)
        self._noise = np.empty_like(self._smooth)
        for ring in rings:
            low = np.partition(self._smooth.flat[ring], int(_LOW * len(ring)))[int(_LOW * len(ring))]
            self._noise.flat[ring] = max(low / _LOW_OF_NOISE, 0.7 * variance)

    def blob(self, width: float) -> np.ndarray:
        """Fourier transform of a Gaussian of unit sum less one of twice the width, which sees no level or slope."""
        return np.asarray(self._blur(width) - self._blur(2 * width))

    @property
    def laplacian(self) -> np.ndarray:
        """Fourier transform of the negative Laplacian."""
        return np.asarray(np.float32(4 * np.pi**2) * self._square)

    def _blur(self, width: float) -> np.ndarray:
        return np.asarray(np.exp(np.float32(-2.0 * (np.pi * width) ** 2) * self._square))

    def apply(self, transfer: np.ndarray) -> np.ndarray:
        """The image filtered, over the standard deviation that its noise has after the filter."""
        return np.asarray(fft.irfft2(self._transform * transfer, s=self.shape)) / self._deviation(transfer)

    def applied_at(self, transfer: np.ndarray, xy: np.ndarray) -> np.ndarray:
        """`apply` at places (N, 2) x, y, for a transfer that keeps next to nothing of the upper half of frequencies."""
        rows, columns = (n // 2 for n in self.shape)
        kept = (np.r_[0 : (rows + 1) // 2, self.shape[0] - rows // 2 : self.shape[0]], slice(columns // 2 + 1))
        small = fft.irfft2(self._transform[kept] * transfer[kept], s=(rows, columns))
        share = np.array([rows, columns]) / self.shape
        values = ndimage.map_coordinates(small, xy[:, ::-1].T * share[:, None], order=1, mode="nearest")
        return np.asarray(values * np.float32(share.prod()) / self._deviation(transfer))

    def _deviation(self, transfer: np.ndarray) -> np.float32:
        """Of the noise after a filter."""
        size = self.shape[0] * self.shape[1]
        variance = float((transfer**2 * self._noise * self._twice).sum()) / size
        return np.float32(max(math.sqrt(variance), 1e-30))

    def wiener(self, width: float) -> np.ndarray | None:
        """Transfer that keeps what stands out of the noise in the power spectrum; None where nothing does.

        Of a crystal that leaves the neighbourhoods of the Bragg peaks, so that columns far below the noise of their
        own pixels are seen with the help of their neighbours.
        """
        ratio = np.where(self._square > (0.04 / width) ** 2, self._smooth / self._noise, 0)
        top = ratio == ndimage.maximum_filter(ratio, 5)
        known = np.where(self._noise < 2 * self._variance, _BRAGG, _BRAGG_COUNTS)
        white = (ratio > known) & (self._variance > 0)
        sharp = ratio > _BRAGG_CLUTTER
        sharp[:3] = sharp[-2:] = sharp[:, :3] = False  # the cross of edges and text along the axes
        if np.count_nonzero(white & top) < _SPOTS and np.count_nonzero(sharp & top) < 2:
            return None
        stands_out = ratio > _BIN
        signal = np.where(stands_out, self._smooth - self._noise, 0)
        return np.asarray(signal / (signal + self._noise) * self._blur(0.5 * width))


def maxima(image: np.ndarray, radius: float, threshold: float) -> np.ndarray:
    """Sub-pixel x, y (N, 2) of maxima above `threshold` that are the greatest within `radius` pixels."""
    size = 2 * max(1, math.floor(radius)) + 1
    top = (image == ndimage.maximum_filter(image, size=size)) & (image > threshold)
    yx = np.argwhere(top)
    return refined(image, yx)[:, ::-1]


def refined(image: np.ndarray, yx: np.ndarray) -> np.ndarray:
    """Row and column of maxima between the pixels, (N, 2), by a parabola through the three values along each axis."""
    place = yx.astype(float)
    for axis in (0, 1):
        inner = (yx[:, axis] > 0) & (yx[:, axis] < image.shape[axis] - 1)
        step = np.eye(2, dtype=int)[axis]
        at = yx[inner]
        low, mid, high = (image[tuple((at + k * step).T)] for k in (-1, 0, 1))
        bend = np.minimum(low - 2 * mid + high, -1e-12)
        place[inner, axis] += np.clip(0.5 * (low - high) / bend, -0.5, 0.5)
    return place


def find(spectrum: Spectrum, width: float, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of columns of about `width` pixels: those that stand out alone, and those of a pattern.

    A weak column between strong ones lies below the mean, so that in the pattern's image the curvature counts.

    Returns:
        (N, 2) x, y, and (N,) True for those of a pattern.
    """
    alone = maxima(sign * spectrum.apply(spectrum.blob(width)), 1.5 * width, _ALONE)
    transfer = spectrum.wiener(width)
    if transfer is None:
        return alone, np.zeros(len(alone), bool)
    together = maxima(sign * spectrum.apply(transfer), 1.2 * width, -math.inf)
    curvature = sign * spectrum.apply(transfer * spectrum.laplacian)
    at = np.rint(together[:, ::-1]).astype(int)
    together = together[curvature[at[:, 0], at[:, 1]] > _TOGETHER]
    if len(alone) and len(together):
        alone = alone[cKDTree(together).query(alone)[0] > 2.0 * width]
    return np.concatenate([together, alone]), np.arange(len(together) + len(alone)) < len(together)


def textured(spectrum: Spectrum, width: float, sign: int, alone: int) -> bool:
    """Whether the `alone` spots found without a pattern are texture rather than columns.

    Atoms on a smooth support are all bright or all dark; grains, text and edges make spots of either sign. So the spots
    of the wrong sign say how many of the others are false: the target-decoy count of Elias & Gygi, Nat. Methods 4, 207
    (2007). The ring that the filter draws around a strong spot does not count: it is a fifth as deep at the most.
    """
    response = sign * spectrum.apply(spectrum.blob(width))
    wrong = maxima(-response, 1.5 * width, _ALONE)
    at = np.rint(wrong[:, ::-1]).astype(int)
    strongest = ndimage.maximum_filter(response, size=2 * math.ceil(4 * width) + 1)[at[:, 0], at[:, 1]]
    return int((-response[at[:, 0], at[:, 1]] > 0.25 * strongest).sum()) > _OPPOSITE * alone


def best_width(spectrum: Spectrum, sign: int, widths: np.ndarray, at: np.ndarray | None = None) -> float:
    """The width in pixels at which columns stand out most: greatest sum of squared significances beyond 4.

    Where none stand out, the middle one.

    Args:
        spectrum: of the image.
        sign: +1 where columns are bright, -1 where they are dark.
        widths: to choose from, pixels; where `at` is given, 2 or more.
        at: (N, 2) x, y where columns are; by default where each width has its maxima.
    """
    gains = []
    for width in widths:
        if at is None:
            response = sign * spectrum.apply(spectrum.blob(width))
            top = response[response == ndimage.maximum_filter(response, size=2 * math.ceil(width) + 1)]
        else:
            top = sign * spectrum.applied_at(spectrum.blob(width), at)
        gains.append(float((np.maximum(top - 4, 0) ** 2).sum()))
    return float(widths[int(np.argmax(gains)) if max(gains) > _GAIN else len(widths) // 2])


def widths(pixel: float | None, shape: tuple[int, ...]) -> np.ndarray:
    """The widths in pixels that columns may have; without a pixel size many."""
    if pixel is None:
        return np.asarray(1.2 * 1.4 ** np.arange(7))
    return np.unique(np.clip(np.array(WIDTHS_A) / pixel, 0.9, min(shape) / 12))


def classical(image: np.ndarray, pixel: float | None, counts: bool, sign: Sign, width: float | None = None) -> Found:
    """Columns that stand out of the noise, alone or in a pattern; a `Finder`."""
    spectrum = Spectrum(image, max(float(image.mean()), 0.0) if counts else 0.0)
    may_be = widths(pixel, image.shape)
    polarity = sign(image, float(may_be[len(may_be) // 2]))
    if width is None:
        width = best_width(spectrum, polarity, may_be)
    found = standing_out(spectrum, width, polarity)
    if pixel is None and not (found.weakest > 0).any() and textured(spectrum, width, polarity, len(found.xy)):
        return found.take(np.zeros(0, int))
    return found


def standing_out(spectrum: Spectrum, width: float, sign: int) -> Found:
    """What `find` sees, with what the fit must show of each."""
    xy, pattern = find(spectrum, width, sign)
    return Found(xy, width, sign, np.where(pattern, _PATTERN, _SIGNIFICANT), np.where(pattern, _WEAKEST, 0.0))
