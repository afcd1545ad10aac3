"""Finders of columns that others made, each with one setting for every image; absent where they are not installed.

The settings are the best of some that were tried on the very images that the bench scores, in the peers' favour.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from scipy import ndimage

from matstudio.modalities.image.detect import refined

_WIDTH_A = 0.40  # standard deviation of a column
_DIAMETER_A = 1.2
_LEAST_APART = 1.5  # widths
_OVER_NOISE = 0.5
_ATOM_WIDTH, _ATOM_OVER_NOISE = 2.0, 5.0  # pixels; of single atoms in an image without a pixel size

Finder = Callable[[np.ndarray, int, float], np.ndarray]
"""Called with an image, +1 where its columns are bright or -1, and the pixel size in Å; gives (N, 2) x, y in pixels."""


@dataclass(frozen=True)
class Peer:
    """A finder of others.

    Args:
        id: short and stable.
        name: for people.
        package: that must be installed.
        find: the finder, which imports it.
    """

    id: str
    name: str
    package: str
    find: Finder

    @property
    def installed(self) -> bool:
        """Whether its package is."""
        return find_spec(self.package) is not None


def log_peaks(image: np.ndarray, sign: int, pixel_A: float) -> np.ndarray:
    """Maxima of the Laplacian of a Gaussian of 0.40 Å, from half a standard deviation of the filtered image on."""
    return _log(sign * image.astype(float), _WIDTH_A / pixel_A, _OVER_NOISE)


def log_atoms(image: np.ndarray) -> np.ndarray:
    """The same of single bright atoms, of a Gaussian of 2 pixels, from 5 standard deviations on."""
    return _log(image.astype(float), _ATOM_WIDTH, _ATOM_OVER_NOISE)


def _log(image: np.ndarray, width: float, over_noise: float) -> np.ndarray:
    """`peak_local_max` refined by a parabola; the standard deviation is that of the median absolute deviation."""
    from skimage.feature import peak_local_max

    response = -ndimage.gaussian_laplace(image, width)
    noise = 1.4826 * float(np.median(np.abs(response - np.median(response))))
    apart = max(1, round(_LEAST_APART * width))
    yx = peak_local_max(response, min_distance=apart, threshold_abs=over_noise * noise, exclude_border=False)
    return refined(response, yx)[:, ::-1]


def trackpy_spots(image: np.ndarray, sign: int, pixel_A: float) -> np.ndarray:
    """`trackpy.locate` with a diameter of 1.2 Å, the nearest odd number of pixels, everything else as it comes."""
    import trackpy

    logging.getLogger("trackpy").setLevel(logging.ERROR)
    bright = image - image.min() if sign > 0 else image.max() - image
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses what pandas will give up
        spots = trackpy.locate(bright.astype(float), 2 * round(_DIAMETER_A / pixel_A / 2) + 1, engine="python")
    return np.asarray(spots[["x", "y"]], float)


PEERS = (
    Peer("log", "LoG and peak_local_max of scikit-image", "skimage", log_peaks),
    Peer("trackpy", "trackpy", "trackpy", trackpy_spots),
)
