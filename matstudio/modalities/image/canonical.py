"""An image as the network sees it: one pixel size, bright columns, signal in units of its noise."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import sparse

from matstudio.modalities.image.detect import Spectrum
from matstudio.modalities.image.fit import summed

PIXEL_A = 0.1
"""Pixel size that every image is brought to, Å."""
CHANNELS = 5
WIDTH = 3.8
"""Standard deviation of a typical column, canonical pixels."""
_LOBES = 3  # of the Lanczos kernel
_LOCAL = 20.0  # standard deviation of the window of the local mean, canonical pixels


def binning(pixel_A: float) -> int:
    """How many pixels are summed along each axis before the image is interpolated: a sum of counts is a count."""
    return max(1, math.floor(PIXEL_A / pixel_A + 0.5))


def canonical(image: np.ndarray, pixel_A: float) -> np.ndarray:
    """The image with pixels of 0.1 Å, float32; values become sums over the new pixels, on average.

    The left and upper edges stay where they are: x' + 1/2 = (x + 1/2) pixel_A / 0.1.
    """
    block = binning(pixel_A)
    if block > 1:
        image = summed(image, block)
    step = PIXEL_A / (pixel_A * block)
    image = image.astype(np.float32)
    if step == 1.0:
        return image
    down, across = (_lanczos(n, int(n / step), step) for n in image.shape)
    return np.ascontiguousarray((across @ (down @ image).T).T) * np.float32(step**2)


def from_canonical(xy: np.ndarray, pixel_A: float) -> np.ndarray:
    """Positions in pixels of the image, from those in canonical pixels."""
    return (xy + 0.5) * (PIXEL_A / pixel_A) - 0.5


def to_canonical(xy: np.ndarray, pixel_A: float) -> np.ndarray:
    """Positions in canonical pixels, from those in pixels of the image."""
    return (xy + 0.5) * (pixel_A / PIXEL_A) - 0.5


def recorded(image: np.ndarray, shape: tuple[int, int], pixel_A: float) -> np.ndarray:
    """A canonical image with the pixels of the one that it was made of, `shape` of `pixel_A` Å, float32."""
    step = pixel_A / PIXEL_A
    down, across = (_lanczos(n, size, step) for n, size in zip(image.shape, shape, strict=True))
    return np.ascontiguousarray((across @ (down @ image.astype(np.float32)).T).T) * np.float32(step**2)


def channels(image: np.ndarray, variance: float, sign: int, spectrum: Spectrum | None = None) -> np.ndarray:
    """What the network is given of a canonical image: (5, H, W) float32.

    Deviation from the local mean over the noise; over the image's standard deviation; the response to a blob of a
    column's size over its noise; and what the power spectrum's peaks hold (a pattern, seen over the whole image) as
    image and as curvature. The first and the last three are compressed by asinh.

    Args:
        image: (H, W) canonical, H and W at least 24.
        variance: of its white noise per pixel; of counts, their mean.
        sign: +1 where columns are bright, -1 where they are dark.
        spectrum: `Spectrum(image, variance)`, where it is at hand.
    """
    mean = max(float(image.mean()), 0.0)
    local = smooth(image)
    noise = np.sqrt(variance * np.maximum(local, 0.05 * mean) / mean) if mean > 0 else math.sqrt(variance)
    rise = sign * (image - local)
    out = np.zeros((CHANNELS, *image.shape), np.float32)
    out[0] = _asinh(rise / np.maximum(noise, 1e-12))
    out[1] = np.clip(rise / max(float(image.std()), 1e-12), -5, 5)
    spectrum = spectrum or Spectrum(image, variance)
    out[2] = _asinh(sign * spectrum.apply(spectrum.blob(WIDTH)))
    transfer = spectrum.wiener(WIDTH)
    if transfer is not None:
        out[3] = _asinh(sign * spectrum.apply(transfer))
        out[4] = _asinh(sign * spectrum.apply(transfer * spectrum.laplacian))
    return out


def statistics(given: np.ndarray) -> dict[str, float]:
    """What tells an image from those that a network was trained on, from its channels."""
    blob = given[2] - given[2].mean()
    spread = max(float(blob.std()), 1e-12)
    return {
        "pixel signal": float(given[0].std()),
        "column signal": spread,
        "skewness": float((blob**3).mean()) / spread**3,
        "sharpness": float((blob**4).mean()) / spread**4,
    }


def white_noise(image: np.ndarray) -> float:
    """Variance of an image's white noise, from second differences along both axes, which see no slope.

    Immerkaer, Comput. Vis. Image Underst. 64 (1996) 300; with the median in place of the mean.
    """
    d = image[:, :-2] - 2 * image[:, 1:-1] + image[:, 2:]
    d = d[:-2] - 2 * d[1:-1] + d[2:]
    return max(float((np.median(np.abs(d)) / 0.6745 / 6.0) ** 2), 1e-4 * float(image.var()), 1e-30)


def smooth(image: np.ndarray) -> np.ndarray:
    """The local mean over about 2 Å to each side."""
    down, up = zip(*(_window(n) for n in image.shape), strict=True)
    return np.asarray(up[0] @ (down[0] @ image @ down[1].T) @ up[1].T)


def _asinh(x: np.ndarray) -> np.ndarray:
    """`np.arcsinh` to 1e-7 in a sixth of its time (float32)."""
    size = np.abs(x)
    return np.copysign(np.log(size + np.sqrt(size * size + 1)), x)


@lru_cache(maxsize=16)
def _lanczos(size: int, new: int, step: float) -> sparse.csr_matrix:
    """Sparse matrix (new, size) that interpolates values at pixels `step` old ones wide."""
    at = (np.arange(new) + 0.5) * step - 0.5
    x = (np.arange(size)[None] - at[:, None]) / max(step, 1.0)
    kernel = np.where(np.abs(x) < _LOBES, np.sinc(x) * np.sinc(x / _LOBES), 0.0)
    return sparse.csr_matrix((kernel / kernel.sum(1, keepdims=True)).astype(np.float32))


@lru_cache(maxsize=16)
def _window(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Matrices of a Gaussian mean at every eighth pixel, and of the interpolation back to all."""
    few = max(2, size // 8)
    at = np.linspace(0, size - 1, few)
    weight = np.exp(-0.5 * ((np.arange(size)[None] - at[:, None]) / _LOCAL) ** 2)
    low = np.arange(size) * (few - 1) / (size - 1)
    up = np.maximum(0, 1 - np.abs(low[:, None] - np.arange(few)[None]))
    return np.asarray(weight / weight.sum(1, keepdims=True), np.float32), np.asarray(up, np.float32)
