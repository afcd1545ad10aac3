"""Finding columns: polarity, size, and places that stand out of the noise."""

from __future__ import annotations

import math

import numpy as np
from scipy import fft, ndimage
from scipy.spatial import cKDTree

_ALONE = 5.0  # standard deviations at which a spot counts by itself: 0.02 false ones in 512 x 512 pixels of pure noise
_TOGETHER = 3.0  # at which it counts in the Wiener-filtered image
_BIN = 2.6  # power over noise from which a smoothed Fourier bin holds signal: none of 262,144 bins of pure noise


def noise_variance(image: np.ndarray) -> float:
    """Variance of white noise, from the median absolute value of the diagonal Haar detail (Donoho, 1995)."""
    even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
    detail = (even[::2, ::2] - even[1::2, ::2] - even[::2, 1::2] + even[1::2, 1::2]) / 2
    deviation = float(np.median(np.abs(detail)) / 0.6745)
    return deviation**2 if deviation > 0 else float(detail.var())


def polarity(image: np.ndarray, width: float) -> int:
    """+1 where columns are bright, -1 where they are dark: the sign of the skewness of the band-passed image."""
    band = ndimage.gaussian_filter(image, width) - ndimage.gaussian_filter(image, 3 * width)
    inner = band - band.mean()
    return 1 if float((inner**3).mean()) >= 0 else -1


class Spectrum:
    """The Fourier transform of an image, for filtering it in several ways.

    Args:
        image: (H, W) float.
        variance: of its white noise per pixel.
    """

    def __init__(self, image: np.ndarray, variance: float) -> None:
        self.shape = image.shape
        self.variance = variance
        self._transform = fft.fft2((image - image.mean()).astype(np.float32))
        self._fy, self._fx = fft.fftfreq(image.shape[0])[:, None], fft.fftfreq(image.shape[1])[None]
        self._square = (self._fx**2 + self._fy**2).astype(np.float32)

    def blob(self, width: float) -> np.ndarray:
        """Fourier transform of a Gaussian of unit sum less one of twice the width, which sees no level or slope."""
        return np.asarray(self._blur(width) - self._blur(2 * width))

    @property
    def laplacian(self) -> np.ndarray:
        """Fourier transform of the negative Laplacian."""
        return np.asarray(4 * np.pi**2 * self._square)

    def _blur(self, width: float) -> np.ndarray:
        return np.asarray(np.exp(-2.0 * (np.pi * width) ** 2 * self._square))

    def apply(self, transfer: np.ndarray) -> np.ndarray:
        """The image filtered, over the standard deviation that its white noise has after the filter."""
        deviation = math.sqrt(self.variance * float((transfer**2).mean()))
        return np.asarray(fft.ifft2(self._transform * transfer).real) / max(deviation, 1e-30)

    def wiener(self, width: float) -> np.ndarray | None:
        """Transfer that keeps what stands out of the noise in the power spectrum; None where nothing does.

        Of a crystal that leaves the neighbourhoods of the Bragg peaks, so that columns far below the noise of their
        own pixels are seen with the help of their neighbours.
        """
        power = np.abs(self._transform) ** 2 / self._transform.size
        smooth = ndimage.gaussian_filter(power, 1.0, mode="wrap", truncate=3)
        noise = max(self.variance, 1e-30)
        signal = np.where(smooth > _BIN * noise, smooth - noise, 0.0) * (self._square > (0.04 / width) ** 2)
        if np.count_nonzero(signal) < 12:
            return None
        return np.asarray(signal / (signal + noise) * self._blur(0.5 * width))


def maxima(image: np.ndarray, radius: float, threshold: float) -> np.ndarray:
    """Sub-pixel x, y (N, 2) of maxima above `threshold` that are the greatest within `radius` pixels."""
    size = 2 * max(1, math.floor(radius)) + 1
    top = (image == ndimage.maximum_filter(image, size=size)) & (image > threshold)
    yx = np.argwhere(top)
    place = yx.astype(float)
    for axis in (0, 1):
        inner = (yx[:, axis] > 0) & (yx[:, axis] < image.shape[axis] - 1)
        step = np.eye(2, dtype=int)[axis]
        at = yx[inner]
        low, mid, high = (image[tuple((at + k * step).T)] for k in (-1, 0, 1))
        bend = np.minimum(low - 2 * mid + high, -1e-12)
        place[inner, axis] += np.clip(0.5 * (low - high) / bend, -0.5, 0.5)
    return place[:, ::-1]


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


def best_width(spectrum: Spectrum, sign: int, widths: np.ndarray) -> float:
    """The width in pixels at which columns stand out most: greatest sum of squared significances beyond 4."""
    gains = []
    for width in widths:
        response = sign * spectrum.apply(spectrum.blob(width))
        top = (response == ndimage.maximum_filter(response, size=2 * math.ceil(width) + 1)) & (response > 4)
        gains.append(float(((response[top] - 4) ** 2).sum()))
    return float(widths[int(np.argmax(gains))])
