"""The denoiser's task: the noise-free image, from the noisy one."""

from __future__ import annotations

import numpy as np
import torch

from matstudio.modalities import weights
from matstudio.modalities.image.denoise import ARCHITECTURE, DenoiseNet, Seen
from matstudio.modalities.image.network import ARCHITECTURE as COLUMNS
from matstudio.training.loop import Batch, Task
from matstudio.training.scenes import scene

_SIZES = ((192, 10), (192, 10), (160, 14), (256, 6))  # canonical pixels of a view, views a step
_NOISE = 0.1  # of the noise's variance that counts as range, where an image shows next to nothing
_ENOUGH = 1e-4  # squared error over squared range, 40 dB, from which less hardly counts


def _view(seed: int, step: int, number: int, size: int) -> Batch:
    """Input (5, H, W); local mean, filtered and noise-free image over the last's range, (3, H, W); scale over it."""
    one = scene(np.random.default_rng([seed, step, number]), size)
    seen = Seen(one.image, one.variance)
    extent = np.sqrt(np.ptp(one.clean).astype(float) ** 2 + _NOISE * one.variance)
    known = np.stack([seen.local, seen.filtered, one.clean]) / np.float32(extent)
    return seen.given, known, np.array(seen.scale / extent, np.float32)


def _loss(out: torch.Tensor, batch: list[torch.Tensor]) -> torch.Tensor:
    """The logarithm of each image's squared error: their mean is the mean PSNR."""
    _, known, scale = batch
    local, filtered, clean = known.unbind(1)
    made = local + scale[:, None, None] * out[:, 0] + out[:, 1].sigmoid() * filtered
    error = (made - clean).square().mean((1, 2))
    return torch.log10(error + _ENOUGH).mean()


def _net() -> DenoiseNet:
    """With the middle of the column finder's weights, where those are at hand, to begin with."""
    net = DenoiseNet()
    try:
        tensors, _ = weights.load_weights(weights.MODELS / "unet.safetensors", COLUMNS)
    except ValueError:
        return net
    net.load_state_dict({k: v for k, v in tensors.items() if not k.startswith(("stem.1", "head"))}, strict=False)
    return net


TASK = Task("denoise", ARCHITECTURE, _net, _view, _loss, _SIZES, 7000)
