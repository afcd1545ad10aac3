"""Tuning the denoiser on an operator's own frames, of which nobody knows the noise-free image.

Electrons that were counted are dealt out by chance into two images: their noise is independent, so that one is learnt
from the other (noise to noise: Lehtinen et al., ICML 2018; exact for counts by binomial thinning). Other images hide
single pixels, which are learnt from those around them (noise to void: Krull, Buchholz and Jug, CVPR 2019).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from matstudio.domain.frame import Frame
from matstudio.modalities.image.canonical import PIXEL_A, binning, canonical, white_noise
from matstudio.modalities.image.denoise import SMALLEST, DenoiseNet, Seen, guessed_A
from matstudio.modalities.image.reconstruct import checked, pixel_A
from matstudio.modalities.image.unet import PIXELS_A

STEPS, LEAST = 160, 2  # of learning; frames
_RATE, _BATCH, _LOOK = 2e-4, 4, 20  # learning rate; views a step; steps between two looks at the frames held back
_KEPT = 0.9  # of the electrons that the network is given; what it is compared with are the others
_HIDDEN = 0.02  # share of the pixels that are hidden
_SIZE = 192  # of a view, canonical pixels
_HELD = 0.25  # share of the frames that are held back, at least one
_BETTER = 1.0  # standard errors by which the frames held back must have become better
_VIEWS = 16  # of them that are looked at


@dataclass(frozen=True)
class Example:
    """One view for the network, and what its answer is compared with.

    Args:
        seen: of the view.
        target: (H, W) canonical, with independent noise.
        weight: (H, W) what each pixel counts.
    """

    seen: Seen
    target: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Adapted:
    """What came of it.

    Args:
        net: the better network.
        better: by how much the squared error on the frames held back fell, % of the variance of what they show.
        sigma: standard error of that, %.
        kept: whether the new weights are better beyond doubt; where not, `net` is the old one.
        steps: after which they were best.
        frames, held: learnt from, and held back.
    """

    net: DenoiseNet
    better: float
    sigma: float
    kept: bool
    steps: int
    frames: int
    held: int


def adapt(
    net: DenoiseNet,
    frames: Sequence[Frame],
    report: Callable[[int, int], None] = lambda done, total: None,
    *,
    seed: int = 0,
    steps: int | None = None,
) -> Adapted:
    """Tune a network on frames, the last quarter of which is held back to judge by.

    Args:
        net: which is left as it is.
        frames: images in the order of time.
        report: called with steps done and steps in all.
        seed: of all chance.
        steps: of learning; default `STEPS`.

    Raises:
        ValueError: fewer than two frames can be read; one line.
    """
    steps = STEPS if steps is None else steps
    usable = [view for frame in frames if (view := _usable(frame)) is not None]
    if len(usable) < LEAST:
        raise ValueError(f"{len(usable)} of {len(frames)} images can be learnt from, {LEAST} are needed")
    held = usable[-max(1, round(_HELD * len(usable))) :]
    own = usable[: len(usable) - len(held)]
    judged = [example(held[i % len(held)], np.random.default_rng([seed, 1, i])) for i in range(_VIEWS)]
    new = copy.deepcopy(net).eval().to(memory_format=torch.channels_last)  # evaluation mode: the norms stay as trained
    before = lowest = _errors(new, judged)
    best, at = net, 0
    optimiser = torch.optim.Adam(new.parameters(), lr=_RATE)
    for step in range(steps):
        rng = np.random.default_rng([seed, 2, step])
        batch = [example(own[int(rng.integers(len(own)))], rng) for _ in range(_BATCH)]
        for group in optimiser.param_groups:
            group["lr"] = _RATE * min(1.0, (step + 1) / 20) * 0.5 * (1 + math.cos(math.pi * step / steps))
        sizes = {one.target.shape for one in batch}
        loss = torch.cat([_error(new, [o for o in batch if o.target.shape == size]) for size in sizes]).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(new.parameters(), 1.0)
        optimiser.step()
        if (step + 1) % _LOOK == 0 or step + 1 == steps:
            found = _errors(new, judged)
            if found.mean() < lowest.mean():
                best, lowest, at = copy.deepcopy(new), found, step + 1
        report(step + 1, steps)
    fell = before - lowest
    error = float(fell.std(ddof=1) / math.sqrt(len(fell)))
    kept = at > 0 and float(fell.mean()) > _BETTER * error
    return Adapted(best if kept else net, 100 * float(fell.mean()), 100 * error, kept, at, len(own), len(held))


@dataclass(frozen=True)
class _Usable:
    image: np.ndarray
    pixel: float
    counts: bool


def _usable(frame: Frame) -> _Usable | None:
    """A frame that can be read and is large enough."""
    try:
        image = checked(frame)
    except ValueError:
        return None
    pixel = min(pixel_A(frame) or guessed_A(image), PIXELS_A[1])
    counts = frame.metadata.get("quantity") == "counts" and bool(np.all(image == np.rint(image)) and image.min() >= 0)
    return _Usable(image, pixel, counts) if min(image.shape) * pixel > SMALLEST * PIXEL_A else None


def example(of: _Usable, rng: np.random.Generator) -> Example:
    """A random view of a frame, anyhow turned, with what is to be learnt from it."""
    side = math.ceil(_SIZE * PIXEL_A / of.pixel) + 2 * binning(of.pixel)
    row, column = (int(rng.integers(max(1, n - side + 1))) for n in of.image.shape)
    cut = of.image[row : row + side, column : column + side]
    cut = np.rot90(cut, int(rng.integers(4)))
    if rng.random() < 0.5:
        cut = cut[::-1]
    if of.counts:
        some = rng.binomial(cut.astype(np.int64), _KEPT).astype(np.float32)
        given = canonical(some, of.pixel)
        target = canonical(cut.astype(np.float32) - some, of.pixel) * np.float32(_KEPT / (1 - _KEPT))
        weight = np.ones_like(given)
        variance = float(given.mean())
    else:
        hide = rng.random(cut.shape) < _HIDDEN
        shift = rng.integers(1, 3, 2) * rng.choice([-1, 1], 2)
        given = canonical(np.where(hide, np.roll(cut, shift, (0, 1)), cut), of.pixel)
        target = canonical(cut, of.pixel)
        weight = np.clip(canonical(hide.astype(np.float32), of.pixel) * (of.pixel / PIXEL_A) ** 2, 0, 1)
        weight = np.where(weight > 0.3, weight, 0).astype(np.float32)
        variance = white_noise(cut) * (PIXEL_A / of.pixel) ** 2
    size = [min(_SIZE, n) // 16 * 16 for n in given.shape]
    given, target, weight = (part[: size[0], : size[1]] for part in (given, target, weight))
    return Example(Seen(given, variance), target, weight)


def _error(net: DenoiseNet, views: Sequence[Example]) -> Tensor:
    """Of each view the squared error against the target over the variance of the signal, (B,); the target's own noise
    is part of it. The views have one size."""

    def stack(parts: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(parts).astype(np.float32))

    out = net(stack([v.seen.given for v in views]).contiguous(memory_format=torch.channels_last))
    local, filtered = stack([v.seen.local for v in views]), stack([v.seen.filtered for v in views])
    scale = torch.tensor([v.seen.scale for v in views], dtype=torch.float32)
    shown = local + scale[:, None, None] * out[:, 0] + out[:, 1].sigmoid() * filtered
    weight = stack([v.weight for v in views])
    away = weight * (shown - stack([v.target for v in views])).square()
    return away.sum((1, 2)) / weight.sum((1, 2)).clamp(min=1e-6) / scale.square()


def _errors(net: DenoiseNet, judged: list[Example]) -> np.ndarray:
    with torch.inference_mode():
        return np.concatenate([_error(net, [one]).numpy() for one in judged])
