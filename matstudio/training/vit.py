"""The task of the network that sees lattices: what repeats where, and how well."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor, nn
from torch.nn import functional

from matstudio.modalities import weights
from matstudio.modalities.image.canonical import PIXEL_A, channels
from matstudio.modalities.image.network import ARCHITECTURE as COLUMNS
from matstudio.modalities.image.network import ColumnNet, fused
from matstudio.modalities.image.vit import ARCHITECTURE, TOKEN, LatticeNet, likeness, translations_A
from matstudio.training.crystals import Columns, Crystal, crystal, defects, distorted, place, single, surface
from matstudio.training.loop import Batch, Task
from matstudio.training.scenes import MARGIN_A, scene
from matstudio.training.symmetry import primitive

_SIZES = ((192, 10), (256, 6), (256, 6), (192, 10), (384, 3))  # canonical pixels of a view, views a step
_SPOT_A = 0.3  # standard deviation of a translation's spot
_NEAR_A = 3.0  # of a token's middle, where columns count for it
_SAME_A = 0.35  # a column repeats where one lies no farther from where it should


def _specimen(rng: np.random.Generator, size_A: float) -> tuple[Columns, list[tuple[np.ndarray, np.ndarray]]]:
    """Columns; and primitive cells, each with the line (x, y, angle) on whose side it is."""
    nowhere = np.array([0.0, 0.0, 0.0])
    if rng.random() < 0.07:
        return single(rng, size_A, MARGIN_A), []
    what = crystal(rng)
    cell = primitive(what)
    angle = rng.uniform(0, 2 * math.pi)
    columns = place(what, angle, rng.random(2), size_A, MARGIN_A)
    lattices = [(_turned(cell, angle), nowhere)]
    if rng.random() < 0.3:
        line = np.array([*rng.uniform(0.25, 0.75, 2) * size_A, rng.uniform(0, 2 * math.pi)])
        if rng.random() < 0.5:  # shifted
            second: Crystal = what
            turned = angle
        else:
            second = what if rng.random() < 0.6 else crystal(rng)
            turned = rng.uniform(0, 2 * math.pi)
        other = place(second, turned, rng.random(2), size_A, MARGIN_A)
        left, right = columns.take(side(columns.xy, line) < 0), other.take(side(other.xy, line) >= 0)
        if len(left.xy) and len(right.xy):
            right = right.take(cKDTree(left.xy).query(right.xy)[0] > rng.uniform(0.8, 1.6))
        columns = left.and_(right)
        lattices = [(lattices[0][0], line), (_turned(primitive(second), turned), line + np.array([0, 0, math.pi]))]
    columns = defects(rng, distorted(rng, columns, size_A))
    if rng.random() < 0.2:
        columns = surface(rng, columns, size_A)
    return columns, lattices


def _turned(cell: np.ndarray, angle: float) -> np.ndarray:
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return np.asarray(cell @ turn)


def side(xy: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Signed distance from a line (x, y of a point on it, angle of its normal)."""
    return np.asarray((xy - line[:2]) @ np.array([math.cos(line[2]), math.sin(line[2])]))


def truth(columns: Columns, lattices: list[tuple[np.ndarray, np.ndarray]], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Translations (H, W, K) uint8 of 255, and order (H, W) 0 to 1, of the tokens of a view of `size` pixels; places
    of the columns in Å from the view's corner."""
    count = size // TOKEN
    middle = (np.arange(count) + 0.5) * TOKEN * PIXEL_A
    at = np.stack(np.meshgrid(middle, middle), -1).reshape(-1, 2)
    cells = translations_A()
    maps = np.zeros((len(at), len(cells)), np.uint8)
    order = np.zeros(len(at), np.float32)
    if not len(columns.xy):
        return maps.reshape(count, count, -1), order.reshape(count, count)
    tree = cKDTree(columns.xy)
    near = tree.query_ball_point(at, _NEAR_A)
    there = np.array([len(n) > 0 for n in near])
    for cell, line in lattices:
        here = there & (side(at, line) < 0) if line.any() else there
        steps = np.stack(np.meshgrid(*[np.arange(-8, 9)] * 2), -1).reshape(-1, 2)
        points = steps[np.abs(steps).sum(1) > 0] @ cell
        spots = np.exp(-0.5 * (cKDTree(points).query(cells)[0] / _SPOT_A) ** 2)
        maps[here] = np.rint(255 * spots).astype(np.uint8)
        repeats = np.mean([tree.query(columns.xy + v)[0] < _SAME_A for v in (*cell, *-cell)], axis=0)
        outside = [
            np.any((columns.xy + v < -MARGIN_A) | (columns.xy + v > size * PIXEL_A + MARGIN_A), axis=1)
            for v in (*cell, *-cell)
        ]
        repeats = np.where(np.any(outside, axis=0), 1.0, repeats)
        for i in np.flatnonzero(here):
            order[i] = repeats[near[i]].mean()
    return maps.reshape(count, count, -1), order.reshape(count, count)


def _view(seed: int, step: int, number: int, size: int) -> Batch:
    """Input (5, H, W) of the column finder, translations (h, w, K), order (h, w)."""
    rng = np.random.default_rng([seed, step, number])
    columns, lattices = _specimen(rng, size * PIXEL_A + 0.3)
    one = scene(rng, size, columns)
    maps, order = truth(columns, lattices, size)
    return channels(one.image, one.variance, one.sign), maps, order


class _WithEyes(nn.Module):
    """The network behind the column finder, which is not trained."""

    def __init__(self) -> None:
        super().__init__()
        tensors, _ = weights.load_weights(weights.MODELS / "unet.safetensors", COLUMNS)
        eyes = ColumnNet()
        eyes.load_state_dict(tensors)
        self._eyes = [fused(eyes)]  # in a list: none of this network's weights
        self.net = LatticeNet()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            seen = likeness(self._eyes[0], x)
        out: tuple[Tensor, Tensor] = self.net(seen)
        return out


def _loss(out: tuple[Tensor, Tensor], batch: list[Tensor]) -> Tensor:
    _, maps, order = batch
    spots = functional.binary_cross_entropy_with_logits(out[0], maps.float() / 255)
    return 10 * spots + 0.3 * functional.binary_cross_entropy_with_logits(out[1], order)


TASK = Task("vit", ARCHITECTURE, _WithEyes, _view, _loss, _SIZES, 6000, 1e-3)
