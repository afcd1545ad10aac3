"""`matstudio adapt`: the denoiser tuned on a session's own frames."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from matstudio.cli.main import UsageError

MOST = 64
"""Frames that are learnt from at the most, evenly over all."""


def adapt(arguments: argparse.Namespace) -> None:
    """Tune the denoiser on frames, and use it from now on if the frames held back got better; or go back."""
    from matstudio.modalities import weights

    there = weights.adapted()
    if arguments.undo:
        if arguments.file:
            raise UsageError("--undo: takes no file")
        if not there.exists():
            raise UsageError("--undo: the denoiser's weights are those that it came with")
        there.unlink()
        print("the denoiser's weights are those that it came with again")
        return
    if not arguments.file:
        raise UsageError("give the file of a session, or --undo")
    import torch

    from matstudio.domain.frame import Kind
    from matstudio.modalities.image.denoise import Denoiser, load
    from matstudio.modelhost.inputs import groups, open_input
    from matstudio.training import adapt as training

    torch.set_num_threads(1)
    frames = []
    for paths in groups(arguments.file):
        source = open_input(paths)
        try:
            for film in source.films.values():
                if film.kind == Kind.IMAGE:
                    places = np.unique(np.linspace(0, len(film.t) - 1, MOST).astype(int))
                    frames += [film.load(int(i)) for i in places]
        finally:
            source.close()
    if not frames:
        raise UsageError(f"{', '.join(arguments.file)}: no images in it")
    net, facts = load(weights.MODELS / "denoise.safetensors")

    def report(done: int, total: int) -> None:
        if arguments.json:
            print(json.dumps({"progress": {"input": "", "done": done, "total": total}}), file=sys.stderr, flush=True)
        else:
            print(f"\r{done}/{total}", end="" if done < total else "\n", file=sys.stderr, flush=True)

    made = training.adapt(net, frames, report)
    line = (
        f"{made.frames} frames learnt from, {made.held} held back: their error fell by {made.better:.2f} ± "
        f"{made.sigma:.2f} % of the signal's variance"
    )
    if made.kept:
        version = f"{facts.get('version', '0')}+{time.strftime('%Y-%m-%dT%H:%M')}"
        there.parent.mkdir(parents=True, exist_ok=True)
        state = {k: v.contiguous() for k, v in made.net.state_dict().items()}
        weights.save_weights(there, state, facts | {"version": version, "adapted": f"{made.steps} steps; {line}"})
    verdict = "used from now on" if made.kept else "rolled back, nothing is changed"
    if arguments.picture:
        pictures = [frames[-1].data]
        pictures.append(Denoiser(weights.MODELS / "denoise.safetensors")(frames[-1]))
        pictures.append(Denoiser(there)(frames[-1]) if made.kept else pictures[-1])
        _save(Path(arguments.picture), pictures)
    body = {"kept": made.kept, "better_percent": made.better, "sigma_percent": made.sigma, "steps": made.steps}
    text = f"{line}: {verdict}"
    hint = "; `matstudio adapt --undo` goes back" if made.kept else ""
    print(json.dumps(body | {"text": text}) if arguments.json else text + hint)


def _save(path: Path, pictures: list[np.ndarray]) -> None:
    """The frame, and it denoised before and after, side by side, with the same levels, as PNG."""
    from imageio.v3 import imwrite

    low, high = np.percentile(pictures[-1], (0.5, 99.5))
    scaled = [np.clip((p.astype(float) - low) / max(high - low, 1e-12), 0, 1) for p in pictures]
    gap = np.ones((scaled[0].shape[0], 8))
    whole = np.hstack([scaled[0], gap, scaled[1], gap, scaled[2]])
    imwrite(path, np.uint8(np.rint(255 * whole)), extension=".png")
