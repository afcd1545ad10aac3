"""Joint maximum-likelihood fit of Gaussian columns to an image."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

_REACH = 3.6  # standard deviations that a column's patch holds to each side
_FINE = 1.8  # pixels to the narrowest column's standard deviation that are enough: 1 % of the precision is lost
_BATCH = 2048
_BAND = 64  # rows that are drawn at once


@dataclass(frozen=True)
class Columns:
    """Fitted columns.

    Args:
        xy: (N, 2) x, y in pixels.
        amplitude: (N,) integrated intensity above background, in the image's unit; positive for dark columns too.
        width: (N,) standard deviation of each column's Gaussian, pixels.
        sigma_xy: (N, 2) one standard deviation of `xy`, pixels (Fisher information at the fit).
        sigma_amplitude: (N,) of `amplitude`.
    """

    xy: np.ndarray
    amplitude: np.ndarray
    width: np.ndarray
    sigma_xy: np.ndarray
    sigma_amplitude: np.ndarray

    @property
    def significance(self) -> np.ndarray:
        """Amplitude over its standard deviation, (N,)."""
        return np.asarray(self.amplitude / self.sigma_amplitude)

    def take(self, keep: np.ndarray) -> Columns:
        """The columns that `keep` (mask or indices) names."""
        parts = (self.xy, self.amplitude, self.width, self.sigma_xy, self.sigma_amplitude)
        xy, amplitude, width, sigma_xy, sigma_amplitude = (p[keep] for p in parts)
        return Columns(xy, amplitude, width, sigma_xy, sigma_amplitude)

    def enlarged(self, block: int, gain: float) -> Columns:
        """Those of an image whose blocks of `block` x `block` pixels were the pixels, `gain` times as intense."""
        return Columns(
            self.xy * block + (block - 1) / 2,
            self.amplitude * gain,
            self.width * block,
            self.sigma_xy * block,
            self.sigma_amplitude * gain,
        )


@dataclass(frozen=True)
class _Patches:
    """Separable Gaussians around columns: values along x and y, and where they lie in the image."""

    gx: np.ndarray
    gy: np.ndarray
    dx: np.ndarray
    dy: np.ndarray
    centre: np.ndarray
    reach: int

    @classmethod
    def around(cls, xy: np.ndarray, width: np.ndarray, shape: tuple[int, int]) -> _Patches:
        reach = math.ceil(_REACH * float(width.max()))
        offset = np.arange(-reach, reach + 1)
        centre = np.rint(xy).astype(np.int64)
        index = centre[:, :, None] + offset
        inside = (index >= 0) & (index < np.array(shape[::-1])[None, :, None])
        distance = index - xy[:, :, None]
        s = width[:, None, None]
        g = np.exp(-0.5 * (distance / s) ** 2) / (math.sqrt(2 * math.pi) * s) * inside
        g, distance = g.astype(np.float32), distance.astype(np.float32)
        near = np.clip(centre, -reach, np.array(shape[::-1]) + reach - 1)  # farther off nothing of it is inside
        return cls(g[:, 0], g[:, 1], distance[:, 0], distance[:, 1], near, reach)

    def draw(self, amplitude: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """The sum of the columns, an image."""
        far, size = 2 * self.reach, 2 * self.reach + 1
        order = np.argsort(self.centre[:, 1], kind="stable")
        left, top = (self.centre[order] + self.reach).T
        span = np.arange(size)
        across = np.zeros((len(order), shape[1] + 2 * far), np.float32)
        across[np.arange(len(order))[:, None], left[:, None] + span] = self.gx[order]
        down = (self.gy * amplitude[:, None].astype(np.float32))[order]
        out = np.zeros((shape[0] + 2 * far, shape[1] + 2 * far), np.float32)
        for row in range(0, len(out), _BAND):  # what reaches a band of rows, as a product of two matrices
            first, last = np.searchsorted(top, (row - size + 1, row + _BAND))
            part = np.zeros((last - first, _BAND + 2 * size), np.float32)
            part[np.arange(last - first)[:, None], (top[first:last] - row + size)[:, None] + span] = down[first:last]
            rows = min(_BAND, len(out) - row)
            np.matmul(part[:, size : size + rows].T, across[first:last], out=out[row : row + rows])
        return out[far:-far, far:-far]

    def cut(self, image: np.ndarray) -> np.ndarray:
        """The image around each column, (N, K, K) views float32; zero outside it."""
        padded = np.pad(image.astype(np.float32), 2 * self.reach)
        size = 2 * self.reach + 1
        return np.lib.stride_tricks.sliding_window_view(padded, (size, size))


def overlap(xy: np.ndarray, width: float) -> float:
    """The greatest sum over neighbours of exp(-d^2 / 4 s^2), the overlap of two Gaussians relative to one's own."""
    if len(xy) < 2:
        return 0.0
    distance = cKDTree(xy).query(xy, k=min(9, len(xy)))[0][:, 1:]
    return float(np.exp(-(distance**2) / (4 * width**2)).sum(1).max())


def background(image: np.ndarray, columns: np.ndarray, length: float) -> np.ndarray:
    """What lies under the columns: the image less `columns`, where they are least, smoothed over `length` pixels.

    The smoothing is done on blocks of up to a quarter of `length`, and interpolated.
    """
    block = max(1, int(length / 4))
    shape = image.shape
    paired = block >= 4
    if paired:
        block -= block % 2
        image, columns = _paired(image), _paired(columns)
    small = columns <= np.quantile(columns[::2, ::2], 0.25)
    fine = block // 2 if paired else block
    parts = [_blocks(part, fine) for part in (small.astype(np.float32), np.where(small, image - columns, 0))]
    weight, rest = (ndimage.gaussian_filter(part, length / block, truncate=3) for part in parts)
    out = rest / np.maximum(weight, 1e-6) / (4 if paired else 1)
    down, across = (_stretch(n, block, size) for n, size in zip(out.shape, shape, strict=True))
    return np.asarray(down @ out @ across.T)


def _paired(image: np.ndarray) -> np.ndarray:
    """Sums of 2 x 2 pixels; of an odd number of rows or columns the last is left out."""
    image = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
    image = image[::2] + image[1::2]
    return np.asarray(image[:, ::2] + image[:, 1::2])


def _blocks(image: np.ndarray, size: int) -> np.ndarray:
    """Sums of blocks of `size` x `size` pixels; the last ones may be smaller."""
    for axis in (0, 1):
        image = np.add.reduceat(image, np.arange(0, image.shape[axis], size), axis)
    return image


@lru_cache(maxsize=16)
def _stretch(blocks: int, size: int, length: int) -> np.ndarray:
    """Matrix (length, blocks) that interpolates values of blocks of `size` pixels linearly at the pixels."""
    at = np.clip((np.arange(length) + 0.5) / size - 0.5, 0, blocks - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(at[:, None] - np.arange(blocks)[None])))


def summed(image: np.ndarray, block: int) -> np.ndarray:
    """Sums of blocks of `block` x `block` pixels; what is left over at the end is left out."""
    rows, across = (n // block for n in image.shape)
    return np.asarray(image[: rows * block, : across * block].reshape(rows, block, across, block).sum((1, 3)))


def fit(
    image: np.ndarray,
    xy: np.ndarray,
    width: np.ndarray,
    *,
    sign: int,
    counts: bool,
    rounds: int,
    length: float | None,
    hold: float = np.inf,
    anchor: np.ndarray | None = None,
    free_width: bool = True,
    amplitude: np.ndarray | None = None,
) -> Columns:
    """Fit amplitude and position of every column together, and one factor of all widths.

    Gauss-Newton steps on the Poisson likelihood (`counts`) or on least squares, exact for each column and damped by
    the columns' overlap between them; the pixels' weights follow the model, not the data, so that sums are unbiased.
    Where pixels are finer than columns ask for, blocks of them are summed first.

    Args:
        image: (H, W) float, finite.
        xy: (N, 2) start, pixels; columns outside the image by less than their reach may be among them.
        width: (N,) standard deviations to start from, pixels.
        sign: +1 for bright columns, -1 for dark ones.
        counts: the values are electrons, with Poisson noise; otherwise the noise is taken as uniform and measured.
        rounds: Gauss-Newton steps.
        length: smoothing length of the background, pixels; None: one number for the whole image.
        hold: standard deviation in pixels with which a column keeps to `anchor`, part of the information in `sigma_xy`.
        anchor: (N, 2), by default `xy`.
        free_width: whether the widths' common factor is fitted.
        amplitude: (N,) to start from; by default what the image shows at each place.
    """
    block = int(float(width.min()) / _FINE) if len(width) else 1
    if block > 1:
        broader = (block**2 - 1) / 12  # variance that the sum adds to a column's (Sheppard)
        made = fit(
            summed(image, block),
            (xy - (block - 1) / 2) / block,
            np.sqrt(width**2 + broader) / block,
            sign=sign,
            counts=counts,
            rounds=rounds,
            length=None if length is None else length / block,
            hold=hold / block,
            anchor=None if anchor is None else (anchor - (block - 1) / 2) / block,
            free_width=free_width,
            amplitude=amplitude,
        ).enlarged(block, 1.0)
        return replace(made, width=np.sqrt(np.maximum(made.width**2 - broader, 0.1)))
    image, shape = image.astype(np.float32), image.shape
    anchor = xy if anchor is None else anchor
    stiffness = hold**-2.0
    base = np.full(shape, np.quantile(image[::2, ::2], 0.5 - 0.25 * sign), np.float32)
    damping = 1.0 / (1.0 + overlap(xy, float(np.median(width))))
    patches = _Patches.around(xy, width, shape)
    if amplitude is None:
        near = ndimage.map_coordinates(image - base, np.clip(xy[:, ::-1], 0, np.array(shape) - 1).T, order=1)
        amplitude = np.maximum(sign * near, 0) * 2 * math.pi * width**2 * damping
    floor = max(float(image.mean()) * 0.02, 1e-9)
    scale = 1.0
    for step in range(rounds + 1):
        drawn = patches.draw(amplitude, shape)
        if step < rounds or length is None:
            base = _base(image, sign, drawn, length)
        model = base + sign * drawn
        weight = 1.0 / np.maximum(model, floor) if counts else np.ones(shape, np.float32)
        gradient, fisher, stretch = _normal(patches, weight * (image - model) * sign, weight, amplitude, width)
        if not counts:
            residual = image - model
            robust = float(np.median(np.abs(residual)) / 0.6745) ** 2
            scale = max(robust, 0.5 * float((residual**2).mean()), 1e-30)
        for i in (1, 2):
            fisher[:, i, i] += stiffness * scale
        if step == rounds:
            break
        pull = np.zeros_like(gradient)
        pull[:, 1:] = -stiffness * (xy - anchor) * scale
        move = damping * _solve(fisher, gradient + pull)
        amplitude = np.maximum(amplitude + move[:, 0], 0.0)
        limit = 0.4 * width[:, None]
        xy = xy + np.clip(move[:, 1:], -limit, limit)
        if free_width and step >= 1:
            width = width * np.clip(1.0 + damping * stretch, 0.85, 1.15)
        patches = _Patches.around(xy, width, shape)
    covariance = _inverse(fisher) * scale
    deviation = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 1e-30))
    return Columns(xy, amplitude, width, deviation[:, 1:], deviation[:, 0])


def _base(image: np.ndarray, sign: int, drawn: np.ndarray, length: float | None) -> np.ndarray:
    if length is not None:
        made = background(image, sign * drawn, length) if sign > 0 else -background(-image, drawn, length)
        return made.astype(np.float32)
    gap = drawn <= np.quantile(drawn[::4, ::4], 0.15)
    return np.full(image.shape, (image - sign * drawn)[gap].mean(dtype=float), np.float32)


def _normal(
    patches: _Patches, score: np.ndarray, weight: np.ndarray, amplitude: np.ndarray, width: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Gradient (N, 3) and Fisher matrix (N, 3, 3) of amplitude, x, y, and the widths' common relative step."""
    n = len(amplitude)
    gradient, fisher = np.empty((n, 3)), np.empty((n, 3, 3))
    slope = bend = 0.0
    scores, weights = patches.cut(score), patches.cut(weight)
    corner = patches.centre + patches.reach
    for at in range(0, n, _BATCH):
        part = slice(at, at + _BATCH)
        gx, gy = patches.gx[part], patches.gy[part]
        s, a = width[part, None].astype(np.float32), amplitude[part]
        ux, uy = patches.dx[part] / s, patches.dy[part] / s
        x = np.stack([gx, gx * ux / s, gx * (ux**2 - 1)], axis=2)  # value, slope, relative change with width
        y = np.stack([gy, gy * uy / s, gy * (uy**2 - 1)], axis=1)
        column, row = corner[part].T
        first = y @ (scores[row, column] @ x)
        gradient[part] = np.stack([first[:, 0, 0], a * first[:, 0, 1], a * first[:, 1, 0]], axis=1)
        slope += float((a * (first[:, 0, 2] + first[:, 2, 0])).sum())
        xx = np.stack([x[:, :, 0] ** 2, x[:, :, 0] * x[:, :, 1], x[:, :, 1] ** 2, x[:, :, 2] ** 2], axis=2)
        yy = np.stack([y[:, 0] ** 2, y[:, 0] * y[:, 1], y[:, 1] ** 2, y[:, 2] ** 2], axis=1)
        second = yy @ (weights[row, column] @ xx)
        bend += float((a**2 * (second[:, 0, 3] + second[:, 3, 0])).sum())
        f = fisher[part]
        f[:, 0, 0] = second[:, 0, 0]
        f[:, 0, 1] = f[:, 1, 0] = a * second[:, 0, 1]
        f[:, 0, 2] = f[:, 2, 0] = a * second[:, 1, 0]
        f[:, 1, 1] = a**2 * second[:, 0, 2]
        f[:, 2, 2] = a**2 * second[:, 2, 0]
        f[:, 1, 2] = f[:, 2, 1] = a**2 * second[:, 1, 1]
    return gradient, fisher, slope / bend if bend > 0 else 0.0


def _guarded(fisher: np.ndarray) -> np.ndarray:
    """`fisher` with a diagonal that is never zero, so that a column without light does not stop the others."""
    guarded = fisher.copy()
    diagonal = np.diagonal(fisher, axis1=1, axis2=2)
    least = np.maximum(1e-6 * diagonal.max(axis=0), 1e-30)
    for i in range(3):
        guarded[:, i, i] += least[i]
    return guarded


def _solve(fisher: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    return np.linalg.solve(_guarded(fisher), gradient[:, :, None])[:, :, 0]


def _inverse(fisher: np.ndarray) -> np.ndarray:
    return np.linalg.inv(_guarded(fisher))
