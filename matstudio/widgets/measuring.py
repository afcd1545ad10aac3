"""Everything that is measured on one frame at once; runs beside the window. numpy only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from matstudio.domain.frame import Axis
from matstudio.widgets import fourier as transforms
from matstudio.widgets.fourier import Fourier
from matstudio.widgets.measures import Point, Profile, Region, cut, profile, region

Ends = tuple[Point, Point]


@dataclass(frozen=True, eq=False)
class Wanted:
    """What is to be measured.

    Args:
        data, axes: a frame (rows, columns).
        region: two corners, or None.
        line: two ends, or None. width: of the line in pixels.
        fourier: whether a transform is wanted: of the region, or of the frame where there is none.
        pool: so many pixels a side of the transform are one of its picture.
    """

    data: np.ndarray
    axes: tuple[Axis, Axis]
    region: Ends | None = None
    line: Ends | None = None
    width: int = 1
    fourier: bool = False
    pool: int = 1

    def same(self, other: Wanted | None) -> bool:
        """Whether the answer is the same."""
        return other is not None and self.data is other.data and vars(self) == {**vars(other), "data": self.data}


@dataclass(frozen=True)
class Found:
    """What was measured; None where it was not wanted, or cannot be told.

    Args:
        wanted: what this is the answer to.
        picture: of the transform, the greatest of `wanted.pool` pixels a side.
        why: why there is no transform, or "".
    """

    wanted: Wanted
    region: Region | None = None
    profile: Profile | None = None
    fourier: Fourier | None = None
    picture: np.ndarray | None = None
    why: str = ""


def measure(wanted: Wanted) -> Found:
    """Measure what is wanted."""
    data, axes = wanted.data, wanted.axes
    found = Found(wanted)
    if wanted.region is not None:
        found = replace(found, region=region(data, axes, *wanted.region))
    if wanted.line is not None:
        found = replace(found, profile=profile(data, axes, *wanted.line, wanted.width))
    if not wanted.fourier:
        return found
    if wanted.region is not None:
        data, axes = cut(data, axes, *wanted.region)
        if min(data.shape) < transforms.SMALLEST:
            return replace(found, why="the region is too small")
    transform = transforms.fourier(data, axes)
    if transform is None:
        return replace(found, why="no contrast to transform")
    return replace(found, fourier=transform, picture=transforms.pooled(transform.magnitude, wanted.pool))
