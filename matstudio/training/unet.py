"""The column finder's task."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from matstudio.modalities.image.canonical import channels
from matstudio.modalities.image.network import ARCHITECTURE, ColumnNet
from matstudio.training.loop import Batch, Task
from matstudio.training.scenes import scene
from matstudio.training.targets import targets

_SIZES = ((192, 10), (192, 10), (160, 14), (256, 6), (384, 3))  # canonical pixels of a view, views a step
_OFFSET = 0.15  # what the offsets count against the heat map


def _view(seed: int, step: int, number: int, size: int) -> Batch:
    """Input (5, H, W), target (3, H/2, W/2) and weight (2, H/2, W/2) of one image."""
    one = scene(np.random.default_rng([seed, step, number]), size)
    return channels(one.image, one.variance, one.sign), *targets(one.xy, one.hidden, size)


def _loss(out: torch.Tensor, batch: list[torch.Tensor]) -> torch.Tensor:
    _, answers, weights = batch
    heat = functional.binary_cross_entropy_with_logits(out[:, 0], answers[:, 0], reduction="none")
    away = functional.smooth_l1_loss(out[:, 1:], answers[:, 1:], reduction="none", beta=0.2).sum(1)
    near = weights[:, 1]
    return (heat * weights[:, 0]).mean() + _OFFSET * (away * near).sum() / near.sum().clamp(min=1) * near.mean()


TASK = Task("unet", ARCHITECTURE, ColumnNet, _view, _loss, _SIZES, 7000)
