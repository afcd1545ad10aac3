"""Spots of a two-dimensional pattern: where they are, and how many counts they hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter

PATCH = 4  # half width of the window that a spot's position is taken from, pixels


@dataclass(frozen=True)
class Found:
    """Spots found without knowing the material.

    Args:
        xy: (N, 2) x, y in pixels, strongest first.
        sigma: (N, 2) one standard deviation, pixels.
        counts: (N,) above the local background.
        significance: (N,) of the peak over the local noise.
    """

    xy: np.ndarray
    sigma: np.ndarray
    counts: np.ndarray
    significance: np.ndarray


def find_spots(data: np.ndarray, *, counting: bool = True, threshold: float = 7.0, most: int = 400) -> Found:
    """Local maxima of the pattern that stand `threshold` standard deviations above their surroundings.

    The filter is the difference of two Gaussians (1.5 and 6 pixels); its noise is what the pattern shows away from the
    spots (median absolute deviation) and, where the values are counts (`counting`), what counting makes.
    """
    image = np.asarray(data, dtype=np.float32)
    near, far = gaussian_filter(image, 1.5, truncate=3), gaussian_filter(image, 6.0, truncate=2.5)
    difference = near - far
    spread = 1.4826 * float(np.median(np.abs(difference[::3, ::3] - np.median(difference[::3, ::3]))))
    poisson = np.maximum(far, 0.0) / (4 * np.pi * 1.5**2) if counting else 0.0
    noise = np.sqrt(poisson + spread**2) + 1e-6 * float(np.abs(image).max())
    score = difference / noise
    top = (score > threshold) & (score >= maximum_filter(score, size=7))
    edge = PATCH + 1
    top[:edge] = top[-edge:] = False
    top[:, :edge] = top[:, -edge:] = False
    y, x = np.nonzero(top)
    order = np.argsort(-difference[y, x])[:most]
    y, x = y[order], x[order]
    xy, sigma, counts = centroids(image, np.column_stack([x, y]).astype(float))
    return Found(xy, sigma, counts, score[y, x].astype(float))


def centroids(image: np.ndarray, xy: np.ndarray, rounds: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Refine spot positions with a Gaussian-weighted centroid whose window follows the spot.

    Args:
        image: counts.
        xy: (N, 2) x, y in pixels, within a pixel or two.
        rounds: of the iteration; the weighted shift is doubled each time, which is exact for a Gaussian spot of the
            window's own width (1.5 pixels).

    Returns:
        xy (N, 2); sigma (N, 2), pixels, from the counting statistics of spot and background; counts (N,) within the
        window above the background, which is the lower quartile on the window's rim.
    """
    if not len(xy):
        return np.empty((0, 2)), np.empty((0, 2)), np.empty(0)
    start = xy.copy()
    height, width = image.shape
    grid = np.arange(-PATCH, PATCH + 1)
    corner = np.clip(np.round(xy).astype(int), PATCH, [width - PATCH - 1, height - PATCH - 1])
    patch = image[corner[:, 1, None, None] + grid[:, None], corner[:, 0, None, None] + grid[None, :]].astype(float)
    rim = np.ones((grid.size, grid.size), dtype=bool)
    rim[1:-1, 1:-1] = False
    background = np.quantile(patch[:, rim], 0.25, axis=1)
    net = patch - background[:, None, None]
    for _ in range(rounds):
        dx = (corner[:, 0, None] + grid) - xy[:, 0, None]
        dy = (corner[:, 1, None] + grid) - xy[:, 1, None]
        weight = np.exp(-0.5 * dy**2 / 1.5**2)[:, :, None] * np.exp(-0.5 * dx**2 / 1.5**2)[:, None, :]
        total = np.maximum((weight * net).sum((1, 2)), 1e-9)
        step = np.column_stack(
            [(weight * net * dx[:, None, :]).sum((1, 2)), (weight * net * dy[:, :, None]).sum((1, 2))]
        )
        xy = xy + np.clip(2 * step / total[:, None], -1, 1)
    lost = (np.abs(xy - start) > 2.5).any(axis=1)
    xy[lost] = start[lost]
    counts = net.sum((1, 2))
    noise = np.maximum(patch, 1.0) * weight**2
    variance = np.column_stack([(noise * dx[:, None, :] ** 2).sum((1, 2)), (noise * dy[:, :, None] ** 2).sum((1, 2))])
    return xy, np.maximum(2 * np.sqrt(variance) / total[:, None], 0.003), counts


@dataclass(frozen=True)
class Photometry:
    """Counts of spots at given places.

    Args:
        counts: (N,) within the aperture, above the background.
        variance: (N,) of `counts`, from counting.
        background: (N,) counts a pixel.
        inside: (N,) whether aperture and ring lie within the pattern.
        peak: (N,) largest value in the aperture.
    """

    counts: np.ndarray
    variance: np.ndarray
    background: np.ndarray
    inside: np.ndarray
    peak: np.ndarray


def photometry(data: np.ndarray, xy: np.ndarray, radius: float, ring: tuple[float, float]) -> Photometry:
    """Integrate the counts within `radius` pixels of each position, less the mean of a ring around it.

    Args:
        data: counts.
        xy: (N, 2) x, y in pixels.
        radius: of the aperture, pixels; pixels on its rim count by the part inside.
        ring: inner and outer radius of the background's ring, pixels.
    """
    height, width = data.shape
    reach = int(np.ceil(ring[1])) + 1
    grid = np.arange(-reach, reach + 1)
    centre = np.round(xy).astype(int)
    inside = ((centre >= reach) & (centre < np.array([width, height]) - reach)).all(axis=1)
    safe = np.where(inside[:, None], centre, reach)
    patch = data[safe[:, 1, None, None] + grid[:, None], safe[:, 0, None, None] + grid[None, :]].astype(float)
    offset = np.where(inside[:, None], xy - safe, 0.0)
    distance = np.sqrt(
        (grid[None, :, None] - offset[:, 1, None, None]) ** 2 + (grid[None, None, :] - offset[:, 0, None, None]) ** 2
    )
    weight = np.clip(radius + 0.5 - distance, 0, 1)
    around = (distance > ring[0]) & (distance <= ring[1])
    pixels = around.sum((1, 2))
    background = (patch * around).sum((1, 2)) / pixels
    area = weight.sum((1, 2))
    counts = (patch * weight).sum((1, 2)) - area * background
    variance = (np.maximum(patch, 0) * weight**2).sum((1, 2)) + area**2 * np.maximum(background, 0) / pixels
    peak = np.where(weight > 0, patch, -np.inf).max((1, 2))
    return Photometry(counts, np.maximum(variance, 1.0), background, inside, peak)
