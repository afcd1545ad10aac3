"""Where one looks from: a frozen camera for the 3D view, without Qt or OpenGL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np

VIEWS = ("along the beam", "along a", "along b", "along c", "from the side")
ROOM = 1.12
"""How much more than everything a view shows: for what is written beside it."""
EYE = 4.0
"""Distance of the eye in perspective, in radii of what there is to see."""


@dataclass(frozen=True)
class Camera:
    """Looks at `centre` from the direction `rotation[2]`.

    Args:
        rotation: (3, 3); rows are the directions to the right, up, and toward the viewer, orthonormal.
        centre: (3,) Å, the point in the middle of the view.
        span: Å that the shorter side of the view shows (in perspective at the depth of `centre`).
        radius: Å, of a sphere about `middle` that holds all there is to see.
        middle: (3,) Å.
        perspective: near things larger, or parallel projection.
    """

    rotation: np.ndarray = field(default_factory=lambda: np.diag([1.0, -1.0, -1.0]))
    centre: np.ndarray = field(default_factory=lambda: np.zeros(3))
    span: float = 10.0
    radius: float = 10.0
    middle: np.ndarray = field(default_factory=lambda: np.zeros(3))
    perspective: bool = False

    def turned(self, right: float, down: float) -> Camera:
        """After a drag by these angles (radians): what is in front follows the pointer."""
        c, s = np.cos(right), np.sin(right)
        about_up = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
        c, s = np.cos(down), np.sin(down)
        about_right = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
        new = about_right @ about_up @ self.rotation
        new = new @ (1.5 * np.eye(3) - 0.5 * new.T @ new)  # stays orthonormal however long one turns (Newton's step)
        return replace(self, rotation=new)

    def panned(self, right: float, down: float) -> Camera:
        """After what is shown was moved by these lengths (Å)."""
        return replace(self, centre=self.centre - right * self.rotation[0] + down * self.rotation[1])

    def zoomed(self, factor: float) -> Camera:
        """Larger by this factor; between an atom and twenty times everything."""
        return replace(self, span=float(np.clip(self.span / factor, 1.0, 40 * self.radius)))

    def per_pixel(self, width: int, height: int) -> float:
        """Å a pixel, at the depth of the centre."""
        return self.span / max(1, min(width, height))

    @property
    def eye(self) -> float:
        """Distance of the eye from the plane through the centre, Å."""
        return EYE * self.radius + max(0.0, float(self.rotation[2] @ (self.middle - self.centre)))

    def project(self, points: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
        """Where points (N, 3) lie in a view of this size.

        Returns:
            (N, 3): pixels to the right and down from the upper left corner, and Å toward the viewer from the centre;
            (N,) pixels an Å there.
        """
        p = (np.asarray(points, float) - self.centre) @ self.rotation.T
        scale = np.full(len(p), 1 / self.per_pixel(width, height))
        if self.perspective:
            scale *= self.eye / np.maximum(self.eye - p[:, 2], 1e-3)
        return np.column_stack((width / 2 + p[:, 0] * scale, height / 2 - p[:, 1] * scale, p[:, 2])), scale


def looking(
    view: str,
    cell: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    size: tuple[int, int],
    rim: float = 1.5,
    perspective: bool = False,
) -> Camera:
    """A camera that sees everything.

    Args:
        view: one of `VIEWS`. "along the beam": x to the right and y down, as the images have it; "along c": c toward
            the viewer, b up; "along a": c up; "along b": a up.
        cell: (3, 3) rows are the box vectors, Å.
        low, high: (3,) corners of what there is to see, Å.
        size: width and height of the view.
        rim: Å to leave at each side.

    Raises:
        ValueError: `view` is none of `VIEWS`.
    """
    rotation = _rotation(view, np.asarray(cell, float))
    low, high = np.asarray(low, float), np.asarray(high, float)
    middle = (low + high) / 2
    corners = np.array(list(product(*zip(low, high, strict=True)))) - middle
    radius = float(np.linalg.norm(high - low) / 2 + rim)
    right, up = (np.ptp(corners @ rotation[:2].T, axis=0) / 2 + rim) * 2
    width, height = (max(1, n) for n in size)
    span = max(right / width, up / height) * min(width, height) * (1.25 if perspective else ROOM)
    return Camera(rotation, middle, float(span), radius, middle, perspective)


def _rotation(view: str, cell: np.ndarray) -> np.ndarray:
    turned: dict[str, Callable[[], np.ndarray]] = {
        "along the beam": lambda: np.diag([1.0, -1.0, -1.0]),
        "along a": lambda: _facing(cell[0], cell[2]),
        "along b": lambda: _facing(cell[1], cell[0]),
        "along c": lambda: _facing(cell[2], cell[1]),
        "from the side": lambda: Camera(np.diag([1.0, -1.0, -1.0])).turned(0.45, 0.55).rotation,
    }
    if view not in turned:
        raise ValueError(f"no view {view!r}; there are {', '.join(VIEWS)}")
    return turned[view]()


def _facing(toward: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Rows right, up and toward; the nearest to `up` that stands upright on `toward`."""
    z = toward / max(float(np.linalg.norm(toward)), 1e-9)
    y = up - (up @ z) * z
    if np.linalg.norm(y) < 1e-6:
        y = np.eye(3)[int(np.argmin(np.abs(z)))]
        y = y - (y @ z) * z
    y /= np.linalg.norm(y)
    return np.array([np.cross(y, z), y, z])


def hit(camera: Camera, points: np.ndarray, radii: np.ndarray, size: tuple[int, int], x: float, y: float) -> int | None:
    """Which of the spheres about `points` (N, 3) with `radii` (N,), in Å, is seen at a pixel, or None."""
    if not len(points):
        return None
    places, scale = camera.project(points, *size)
    off = ((places[:, 0] - x) ** 2 + (places[:, 1] - y) ** 2) / (radii * scale) ** 2
    found = np.flatnonzero(off < 1)
    if not len(found):
        return None
    front = places[found, 2] + radii[found] * np.sqrt(1 - off[found])
    return int(found[np.argmax(front)])
