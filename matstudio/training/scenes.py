"""Simulated images of specimens: what microscopes of every kind would make of them, with the columns that show."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage
from scipy.spatial import cKDTree

from matstudio.modalities.image.canonical import PIXEL_A, canonical, to_canonical, white_noise
from matstudio.modalities.image.forward import spread, wavelength_A
from matstudio.training.crystals import Columns, specimen

MARGIN_A = 2.5  # around the view, against the wrap of the Fourier transform
_SHOWN_A = 0.3  # a column shows where the noise-free image has a maximum no farther away


@dataclass(frozen=True)
class Scene:
    """A simulated image at the canonical pixel size.

    Args:
        image: (H, W) float32.
        variance: of its white noise per pixel, as a user of the image would know it.
        sign: +1 where columns are bright, -1 where they are dark.
        xy: (N, 2) x, y of the columns that show without noise, canonical pixels.
        hidden: (M, 2) of those that do not: neither right nor wrong to find.
        raw: the image as recorded.
        pixel_A: its pixel size.
        counts: whether its values are electrons.
        clean: (H, W) float32, what `image` would be without noise and without the scan's jitter.
    """

    image: np.ndarray
    variance: float
    sign: int
    xy: np.ndarray
    hidden: np.ndarray
    raw: np.ndarray
    pixel_A: float
    counts: bool
    clean: np.ndarray


def scene(rng: np.random.Generator, size: int, columns: Columns | None = None, dose: float | None = None) -> Scene:
    """A random scene of `size` x `size` canonical pixels.

    Args:
        rng: where all chance comes from.
        size: of the view, canonical pixels.
        columns: the specimen over the view and 2.5 Å around it; by default a random one, or (1 in 16) none.
        dose: electrons per Å^2, of which a strong column scatters 0.5 to 15 % to an annular detector; by default 3e2 to
            1e6, and any part of them.
    """
    pixel = math.exp(rng.uniform(math.log(0.067), math.log(0.15 if rng.random() < 0.8 else 0.25)))
    n = math.ceil(size * PIXEL_A / pixel) + 1
    size_A = n * pixel
    if columns is None:
        columns = specimen(rng, size_A, MARGIN_A)
        if rng.random() < 1 / 16:
            columns = columns.take(np.zeros(len(columns.xy), bool))
    view = _View(n, pixel)
    clean, sign = _expected(rng, view, columns, dose)
    raw, counts, gain, offset = _recorded(rng, clean)
    image = canonical(raw, pixel)[:size, :size]
    variance = max(float(image.mean()), 1e-9) if counts else white_noise(raw) * (PIXEL_A / pixel) ** 2
    xy = to_canonical(columns.xy / pixel - 0.5, pixel)
    inside = np.all((xy > -5) & (xy < size + 4), axis=1)
    truth = canonical(clean * gain + offset, pixel)[:size, :size]
    shown = _shown(sign * truth, xy)
    return Scene(image, variance, sign, xy[inside & shown], xy[inside & ~shown], raw, pixel, counts, truth)


@dataclass(frozen=True)
class _View:
    """A square of n x n pixels, and the padded grid that images of it are made on."""

    n: int
    pixel: float

    @property
    def margin(self) -> int:
        return math.ceil(MARGIN_A / self.pixel)

    @property
    def grid(self) -> tuple[int, int]:
        padded = fft.next_fast_len(self.n + 2 * self.margin, True)
        return padded, padded

    def points(self, columns: Columns) -> np.ndarray:
        """The columns as points of their weights, on the grid."""
        x, y = (columns.xy / self.pixel - 0.5 + self.margin).T
        return spread(x, y, columns.weight, self.grid)

    def square(self, half: bool = True) -> np.ndarray:
        """Squared frequencies, 1/Å^2, of `rfft2` (half) or `fft2`."""
        n = self.grid[0]
        fy = fft.fftfreq(n, self.pixel)
        fx = fft.rfftfreq(n, self.pixel) if half else fy
        return np.asarray(fy[:, None] ** 2 + fx[None] ** 2, np.float32)

    def spline(self, half: bool = True) -> np.ndarray:
        """Fourier transform of the B-spline that spreads the points."""
        n = self.grid[0]
        fy = fft.fftfreq(n)
        fx = fft.rfftfreq(n) if half else fy
        return np.asarray(np.outer(np.sinc(fy) ** 4, np.sinc(fx) ** 4), np.float32)

    def cut(self, image: np.ndarray) -> np.ndarray:
        """The view out of the grid."""
        m = self.margin
        return image[m : m + self.n, m : m + self.n]


def _log(rng: np.random.Generator, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def _expected(rng: np.random.Generator, view: _View, columns: Columns, dose: float | None) -> tuple[np.ndarray, int]:
    """Expected electrons per pixel, and the sign of the columns."""
    mode = rng.random()
    given, dose = dose, _log(rng, 3e2, 1e6) if dose is None else dose
    if mode < 0.22 and len(columns.xy):
        made = _coherent(rng, view, columns)
        if made is not None:
            image, sign = made
            return np.maximum(image, 0.0) * dose * view.pixel**2, sign
    if mode < 0.42:
        drawn = _incoherent(rng, view, _compressed(columns, rng.uniform(0.25, 1.0)), rng.uniform(0.26, 0.5))
        depth = rng.uniform(0.04, 0.6)
        light = np.clip(1.0 - depth * drawn, 0.02, None) * rng.uniform(0.3, 1.0)
        return view.cut(light) * _gradient(rng, view.n) * dose * view.pixel**2, -1
    sigma = rng.uniform(0.26, 0.6)
    drawn = _incoherent(rng, view, _compressed(columns, rng.uniform(0.5, 1.0)), sigma)
    # share of the electrons that a strong column's middle scatters to the detector: 8 to 1e5 reach it from a column
    if given is None:
        many = _log(rng, 8.0, 1e5) if rng.random() < 0.4 else _log(rng, 8.0, 1e3)
        peak = min(many, 0.3 * dose) / dose / (6 * sigma**2)
    else:
        peak = _log(rng, 5e-3, 0.15)
    level = peak * _log(rng, 0.02, 1.5)
    light = np.clip(view.cut(drawn) * peak, 0, None) * _gradient(rng, view.n) + level * _gradient(rng, view.n)
    return light * dose * view.pixel**2, 1


def _compressed(columns: Columns, exponent: float) -> Columns:
    """Columns whose strengths differ less, as the lower a detector's angles are, the less the atomic number counts."""
    return Columns(columns.xy, columns.weight**exponent, columns.kind)


def _incoherent(rng: np.random.Generator, view: _View, columns: Columns, sigma: float) -> np.ndarray:
    """Columns, and amorphous matter, seen with a probe of about `sigma` Å; the peak of a strong column is about 1."""
    square = view.square()
    how = rng.random()
    if how < 0.5:
        probe = np.exp(-2 * math.pi**2 * sigma**2 * square)
    else:  # a probe limited by its aperture, with a source of finite size
        nu = np.minimum(np.sqrt(square) * sigma * rng.uniform(1.2, 1.9), 1.0)
        probe = 2 / math.pi * (np.arccos(nu) - nu * np.sqrt(1 - nu**2))
        probe = probe * np.exp(-2 * math.pi**2 * (0.75 * sigma) ** 2 * square)
    if rng.random() < 0.5:  # tails
        share = rng.uniform(0, 0.35)
        wide = sigma * rng.uniform(2, 5)
        probe = (1 - share) * probe + share * np.exp(-2 * math.pi**2 * wide**2 * square)
    if rng.random() < 0.15:  # a dark or bright ring
        wide, share = sigma * rng.uniform(1.4, 2.0), rng.uniform(-0.4, 0.5)
        probe = probe - share * np.exp(-2 * math.pi**2 * wide**2 * square)
    total: np.ndarray | float = 0.0
    motion = rng.uniform(0.0, 0.06, 2) if rng.random() < 0.5 else np.zeros(2)
    groups = (0, 1) if motion.any() else (None,)
    for group in groups:
        some = columns if group is None else columns.take(columns.kind == group)
        heat = motion[group] if group is not None else 0.0
        total = total + fft.rfft2(view.points(some)) * np.exp(-2 * math.pi**2 * heat * square)
    if rng.random() < 0.35:
        total = total + fft.rfft2(view.points(_amorphous(rng, view)))
    peak = 2 * math.pi * (sigma / view.pixel) ** 2
    return np.asarray(fft.irfft2(total * (probe / view.spline()), s=view.grid)) * np.float32(peak)


def _amorphous(rng: np.random.Generator, view: _View) -> Columns:
    """Atoms anywhere, as a support or a contaminated surface holds them."""
    area = (view.grid[0] * view.pixel) ** 2
    count = int(area * rng.uniform(0.3, 2.0))
    xy = rng.uniform(-MARGIN_A, view.n * view.pixel + MARGIN_A, (count, 2))
    weight = rng.exponential(rng.uniform(0.01, 0.1), count)
    return Columns(xy, weight, np.zeros(count, np.int64))


def _coherent(rng: np.random.Generator, view: _View, columns: Columns) -> tuple[np.ndarray, int] | None:
    """Intensity of a phase object through a lens, vacuum 1; None where the columns are no spots of one sign."""
    square = view.square(half=False)
    width = rng.uniform(0.2, 0.4)
    phase = _log(rng, 0.08, 1.2) * (1 + 1j * rng.uniform(0, 0.15))
    points = fft.fft2(view.points(columns) + (view.points(_amorphous(rng, view)) if rng.random() < 0.3 else 0))
    blur = np.exp(-2 * math.pi**2 * width**2 * square) / view.spline(half=False)
    potential = fft.ifft2(points * blur).real * np.float32(2 * math.pi * (width / view.pixel) ** 2)
    wave = fft.fft2(np.exp(1j * phase * potential).astype(np.complex64))
    wavelength = wavelength_A(rng.choice([60.0, 80.0, 120.0, 200.0, 300.0]))
    if rng.random() < 0.65:  # corrected
        cs, defocus = rng.uniform(-4e5, 2e5), rng.uniform(-150, 150)
    else:
        cs = rng.uniform(0.4e7, 1.2e7)
        defocus = -1.2 * math.sqrt(cs * wavelength) * rng.uniform(0.7, 1.2)
    n = view.grid[0]
    f = fft.fftfreq(n, view.pixel)
    twofold = rng.uniform(0, 15) * (f[None] ** 2 - f[:, None] ** 2)
    chi = math.pi * wavelength * (defocus * square + twofold) + 0.5 * math.pi * cs * wavelength**3 * square**2
    focal = rng.uniform(10, 50)
    envelope = np.exp(-0.5 * (math.pi * wavelength * focal * square) ** 2 - (square * rng.uniform(0.4, 0.9) ** 2) ** 2)
    seen = np.abs(fft.ifft2(wave * (envelope * np.exp(-1j * chi)).astype(np.complex64))) ** 2
    blurred = fft.irfft2(
        fft.rfft2(seen.astype(np.float32)) * np.exp(-2 * math.pi**2 * rng.uniform(0.0, 0.3) ** 2 * view.square()),
        s=view.grid,
    )
    image = view.cut(blurred)
    at = np.rint(columns.xy / view.pixel - 0.5).astype(int)
    inside = np.all((at >= 0) & (at < view.n), axis=1)
    at, weight = at[inside], columns.weight[inside]
    strong = weight > 0.3
    if not strong.any():
        return None
    rise = float((weight * (image[at[:, 1], at[:, 0]] - image.mean())).sum())
    sign = 1 if rise > 0 else -1
    showing = _shown(
        sign * canonical(image, view.pixel), to_canonical(columns.xy[inside] / view.pixel - 0.5, view.pixel)
    )
    return (image, sign) if showing[strong].mean() > 0.6 else None


def _gradient(rng: np.random.Generator, n: int) -> np.ndarray:
    """A slow change of brightness over the view, mean about 1; often none."""
    if rng.random() < 0.6:
        return np.ones((1, 1), np.float32)
    x = np.linspace(-1, 1, n, dtype=np.float32)
    slope = rng.uniform(-0.4, 0.4, 2).astype(np.float32)
    return np.asarray(np.clip(1 + slope[0] * x[None] + slope[1] * x[:, None], 0.2, None))


def _recorded(rng: np.random.Generator, clean: np.ndarray) -> tuple[np.ndarray, bool, float, float]:
    """The noisy image; whether its values are electrons; and the camera's gain and offset."""
    light = clean
    if rng.random() < 0.25:
        light = _jittered(rng, light)
    image = rng.poisson(np.maximum(light, 0)).astype(np.float32)
    if rng.random() < 0.85:
        return image, True, 1.0, 0.0
    if rng.random() < 0.5:  # a camera's point spread
        image = ndimage.gaussian_filter(image, rng.uniform(0.3, 0.9), truncate=3)
    read = rng.uniform(0, 0.5) * math.sqrt(max(float(light.mean()), 1e-6))
    image = image + rng.normal(0, 1, image.shape).astype(np.float32) * read
    gain, offset = rng.uniform(0.1, 10), rng.uniform(0, 100)
    return np.asarray(image * gain + offset, np.float32), False, gain, offset


def _jittered(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Each scan line shifted by itself."""
    shift = rng.normal(0, rng.uniform(0, 0.8), (image.shape[0], 1))
    turn = np.exp(-2j * math.pi * fft.rfftfreq(image.shape[1])[None] * shift).astype(np.complex64)
    return np.asarray(fft.irfft(fft.rfft(image.astype(np.float32), axis=1) * turn, n=image.shape[1], axis=1))


def _shown(image: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """(N,) whether the noise-free image has a maximum at each place; outside the image, True."""
    top = (image == ndimage.maximum_filter(image, 3)) & (image > image.min())
    yx = np.argwhere(top)
    outside = np.any((xy < 1) | (xy > np.array(image.shape[::-1]) - 2), axis=1)
    if not len(yx):
        return np.asarray(outside)
    return np.asarray(outside | (cKDTree(yx[:, ::-1]).query(xy)[0] < _SHOWN_A / PIXEL_A))
