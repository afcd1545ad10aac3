"""`matstudio train NAME`: a network from simulation."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from matstudio.cli.main import UsageError

if TYPE_CHECKING:
    from matstudio.training.loop import Progress


def train(arguments: argparse.Namespace) -> None:
    """Train a network; Ctrl-C leaves a checkpoint that `--resume` goes on from."""
    folder = Path(arguments.out or f"training-{arguments.name}")
    there = folder / "checkpoint.safetensors"
    if arguments.steps is not None and arguments.steps < 1:
        raise UsageError(f"--steps {arguments.steps}: 1 or more")
    if arguments.seed is not None and arguments.seed < 0:
        raise UsageError(f"--seed {arguments.seed}: 0 or more")
    if arguments.resume and arguments.seed is not None:
        raise UsageError("--seed: a training that is resumed has its seed")
    if there.exists() and not arguments.resume:
        raise UsageError(f"{there}: a training is there already; --resume goes on with it, another --out begins anew")
    if arguments.name in ("policy", "policy3"):
        _policy(arguments, folder)
        return
    folder.mkdir(parents=True, exist_ok=True)
    import torch

    from matstudio.training import denoise, denoise_card, loop, unet, unet_card, vit, vit_card

    task, finish = {
        "unet": (unet.TASK, unet_card.finish),
        "denoise": (denoise.TASK, denoise_card.finish),
        "vit": (vit.TASK, vit_card.finish),
    }[arguments.name]
    torch.set_num_threads(1)
    if arguments.resume:
        training = loop.Training.resume(task, folder, arguments.steps)
    else:
        training = loop.Training(task, 1 if arguments.seed is None else arguments.seed, arguments.steps)

    try:
        loop.train(training, folder, report=_report)
    except KeyboardInterrupt:
        print(f"\n{there}: step {training.step}; matstudio train {task.name} --out {folder} --resume", file=sys.stderr)
        raise
    print("scoring on images that were not trained on ...", file=sys.stderr)
    print(finish(training, folder))
    print(f"{folder / f'{task.name}.safetensors'}, {folder / f'{task.name}.md'}")


def _report(at: Progress) -> None:
    left = f"{at.left_s / 60:.0f} min left" if at.left_s >= 90 else f"{at.left_s:.0f} s left"
    line = f"step {at.step}/{at.steps}  loss {at.loss:.4f}  {at.seconds:.2f} s/step  {left}"
    print(f"\r{line:70}", end="" if at.step < at.steps else "\n", file=sys.stderr, flush=True)


def _policy(arguments: argparse.Namespace, folder: Path) -> None:
    """Train a policy; its steps are rounds of 384 anneals."""
    try:
        from matstudio.training import policy, policy_card
    except ModuleNotFoundError as error:
        raise UsageError(f"training a policy needs {error.name}: pip install 'matstudio[rl]'") from None
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    if arguments.resume:
        training = policy.PolicyTraining.resume(arguments.name, folder, arguments.steps)
    else:
        seed = 1 if arguments.seed is None else arguments.seed
        training = policy.PolicyTraining(arguments.name, seed, arguments.steps or policy.ROUNDS)
    try:
        policy.train(training, folder, report=_report)
    except KeyboardInterrupt:
        print(f"\n{folder}: round {training.done}; --resume goes on", file=sys.stderr)
        raise
    print("scoring on anneals that were not trained on ...", file=sys.stderr)
    print(policy_card.finish(training, folder))
    print(f"{folder / f'{training.name}.safetensors'}, {folder / f'{training.name}.md'}")
