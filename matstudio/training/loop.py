"""Training of a network on what a task makes for it: seeded, resumable, one step after the other."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from matstudio.training import checkpoint

_WARM, _DECAY = 200, 0.6  # steps up to the learning rate; part of the steps after which it falls
_EMA = 0.998
_AHEAD = 2

Batch = tuple[np.ndarray, ...]
Sizes = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Task:
    """What a network is trained for.

    Args:
        name: of the model.
        architecture: of its weights.
        net: makes it, with its first weights.
        view: makes one example from (seed, step, number, size); a function of a module, so that another process can.
        loss: of what the network answers and the batch, whose first array it was given.
        sizes: (size, examples) of each step in turn.
        steps: that a training has unless told otherwise.
        rate: of learning, at its highest.
    """

    name: str
    architecture: str
    net: Callable[[], torch.nn.Module]
    view: Callable[[int, int, int, int], Batch]
    loss: Callable[[torch.Tensor, list[torch.Tensor]], torch.Tensor]
    sizes: Sizes
    steps: int
    rate: float = 2e-3


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Args:
        step: steps done.
        steps: in all.
        loss: running mean.
        seconds: a step, running mean.
    """

    step: int
    steps: int
    loss: float
    seconds: float

    @property
    def left_s(self) -> float:
        """Seconds that the rest should take."""
        return (self.steps - self.step) * self.seconds


def batch(task: Task, seed: int, step: int, sizes: Sizes) -> Batch:
    """What is learnt in one step, arrays of (B, ...); same seed, same bits."""
    size, count = sizes[step % len(sizes)]
    views = [task.view(seed, step, i, size) for i in range(count)]
    return tuple(np.stack(p) for p in zip(*views, strict=True))


class Training:
    """Weights, their running mean and the optimiser's state, and the step that they are at.

    Args:
        task: what is learnt.
        seed: of the first weights and all examples.
        steps: after which the learning rate has fallen to zero; by default the task's.
        sizes: by default the task's.
    """

    def __init__(self, task: Task, seed: int, steps: int | None = None, sizes: Sizes | None = None) -> None:
        self.task, self.seed, self.steps, self.sizes = task, seed, steps or task.steps, sizes or task.sizes
        self.step, self.loss, self.spent_s = 0, 0.0, 0.0
        torch.manual_seed(seed)
        self.net = task.net().to(memory_format=torch.channels_last)
        self.mean = {k: v.clone() for k, v in self.net.state_dict().items() if v.is_floating_point()}
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=task.rate, weight_decay=1e-3)

    def rate(self) -> float:
        """Learning rate of the next step."""
        falling = max(0.0, (self.step / self.steps - _DECAY) / (1 - _DECAY))
        return (
            self.task.rate
            * min(1.0, (self.step + 1) / _WARM)
            * max(0.0, 0.5 * (1 + math.cos(math.pi * min(falling, 1.0))))
        )

    def learn(self, data: Batch) -> float:
        """One step; its loss."""
        tensors = [torch.from_numpy(d) for d in data]
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate()
        self.net.train()
        out = self.net(tensors[0].contiguous(memory_format=torch.channels_last))
        loss = self.task.loss(out, tensors)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        keep = min(_EMA, self.step / (self.step + 10))
        with torch.no_grad():
            for name, value in self.net.state_dict().items():
                if name in self.mean:
                    self.mean[name].lerp_(value, 1 - keep)
        share = max(0.02, 1 / self.step)
        self.loss += share * (loss.item() - self.loss)
        return loss.item()

    def told(self) -> dict[str, Any]:
        """What a card says of how a network was trained."""
        views = sum(self.sizes[step % len(self.sizes)][1] for step in range(self.step))
        spent = self.spent_s / 3600
        return {"steps": self.steps, "seed": self.seed, "step": self.step, "spent": spent, "views": views}

    def weights(self) -> dict[str, torch.Tensor]:
        """The running mean of the weights, which is what a trained network is."""
        return {name: self.mean.get(name, value).contiguous() for name, value in self.net.state_dict().items()}

    def save(self, folder: Path) -> None:
        """Leave a checkpoint; one that stands there is replaced as a whole."""
        tensors = checkpoint.state(self.net, self.optimiser)
        tensors |= {f"mean.{k}": v.contiguous() for k, v in self.mean.items()}
        facts = {"architecture": self.task.architecture, "seed": self.seed, "step": self.step, "steps": self.steps}
        facts |= {"sizes": self.sizes, "loss": self.loss, "spent_s": self.spent_s}
        checkpoint.save(folder, tensors, facts)

    @classmethod
    def resume(cls, task: Task, folder: Path, steps: int | None = None) -> Training:
        """Go on from a checkpoint, to another number of steps if one is given.

        Raises:
            ValueError: there is none, or it is damaged or of another architecture; one line.
        """
        path = folder / checkpoint.NAME
        tensors, facts = checkpoint.read(folder)
        if facts.get("architecture") != task.architecture:
            raise ValueError(f"{path}: of {facts.get('architecture', 'an unknown network')}, not {task.architecture}")
        if facts["step"] >= (steps or facts["steps"]):
            raise ValueError(f"{path}: has {facts['step']} steps already")
        made = cls(task, facts["seed"], steps or facts["steps"], tuple(tuple(s) for s in facts["sizes"]))
        made.step, made.loss = facts["step"], facts["loss"]
        made.spent_s = facts.get("spent_s", 0.0)
        made.mean = {k[5:]: v for k, v in tensors.items() if k.startswith("mean.")}
        checkpoint.restore(made.net, made.optimiser, tensors)
        return made


def batches(task: Task, seed: int, first: int, last: int, sizes: Sizes) -> Iterator[Batch]:
    """The batches of some steps, made in another process while the one before is learnt."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_quiet) as pool:
        waiting: list[Future[Batch]] = []
        try:
            for step in range(first, last):
                while len(waiting) < _AHEAD + 1 and step + len(waiting) < last:
                    waiting.append(pool.submit(batch, task, seed, step + len(waiting), sizes))
                yield waiting.pop(0).result()
        finally:
            for future in waiting:
                future.cancel()


def _quiet() -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def train(
    training: Training,
    folder: Path,
    *,
    every_s: float = 180.0,
    report: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """Train to the end, with a checkpoint every few minutes, at the end, and where it is interrupted."""
    began, told = time.monotonic(), training.step
    saved, spent = began, training.spent_s
    start = began
    try:
        for data in batches(training.task, training.seed, training.step, training.steps, training.sizes):
            training.learn(data)
            now = time.monotonic()
            training.spent_s = spent + now - start
            if now - began > 5.0 or training.step == training.steps:
                pace = (now - began) / (training.step - told)
                report(Progress(training.step, training.steps, training.loss, pace))
                began, told = now, training.step
            if now - saved > every_s:
                training.save(folder)
                saved = now
    finally:
        training.save(folder)
