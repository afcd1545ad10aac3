"""From a training of the denoiser to weights that can be used, with the card that says what they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy import ndimage

from matstudio.modalities.image.denoise import ARCHITECTURE, DenoiseNet, mean
from matstudio.modalities.weights import save_weights
from matstudio.training import validation
from matstudio.training.loop import Training

COUNT = 26
"""Images of each dose that it is scored on."""
_WIDTHS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0)  # of the Gaussian beside it, canonical pixels

_CARD = """# Network `denoise`: images without their noise

{parameters:,} parameters, architecture `{architecture}`, version {version}. Weights: `denoise.safetensors`, SHA-256 of
the tensors' bytes `{checksum}`.

**Does** give the mean of the noise-free images that a frame may be of, at any dose: the predictor of a diffusion by
thinning counts (Chen and Zhou, ICML 2023), whose every level is a dose, in one step. It knows the dose by the counts
themselves (images of other quantities: by their white noise); nothing is transformed to Gaussian noise. It sees the
frame, what stands out of its power spectrum, and its local mean, with pixels of 0.1 Å; and all that once more turned by
half a turn: the mean of both is shown. For looking only: what is recorded, measured and read by the other models is the
frame.

**Trained** by `matstudio train denoise --steps {steps} --seed {seed}`: {step:,} steps, {spent:.1f} h beside other work
on 2 cores, on {views:,} simulated views of 16 to 26 Å that were each seen once, of the kinds that `unet.md` tells of,
at 3e2 to 1e6 e/Å²; begun with the middle layers of `unet.safetensors`. Scan jitter is in the frames and not in what
they were compared with. No recorded image and no evaluation set was used.

| dose, e/Å² | PSNR, dB | Gaussian of the best width for each image |
|---|---|---|
{rows}

Of {count} simulated images of {crystals} real crystals, in all modes, that were not trained on; the range is that of
the noise-free image. On images without anything in them the standard deviation of what it shows is {flat:.3f} of the
noise's.

**Limits.** At low dose it shows what the surroundings and the crystal's period lead it to expect: a vacancy below the
noise may be filled in, and positions are drawn to the period. Drift is not undone. Of an image without a pixel size,
that is guessed from the width of its spots.
"""


def finish(training: Training, folder: Path) -> str:
    """Write `denoise.safetensors` and `denoise.md`; returns the table of scores.

    Args:
        training: as far as it is.
        folder: where they go.
    """
    version = f"{training.step}-{training.seed}"
    net = DenoiseNet()
    net.load_state_dict(training.weights())
    net.eval()
    made = {"seed": training.seed, "step": training.step, "steps": training.steps}
    facts = {"model": "denoise", "architecture": ARCHITECTURE, "version": version, "training": json.dumps(made)}
    checksum = save_weights(folder / "denoise.safetensors", training.weights(), facts)
    rows = "\n".join(_row(net, dose) for dose in validation.DOSES)
    card = _CARD.format(
        parameters=sum(p.numel() for p in net.parameters()),
        architecture=ARCHITECTURE,
        version=version,
        checksum=checksum,
        **training.told(),
        rows=rows,
        count=COUNT * len(validation.DOSES),
        crystals=len(validation.crystals()),
        flat=flat(net),
    )
    (folder / "denoise.md").write_text(card, encoding="utf-8")
    return rows


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    """Peak signal to noise, dB, of the noise-free image's range."""
    return float(-10 * np.log10(((image - clean) ** 2).mean() / np.ptp(clean) ** 2))


def flat(net: DenoiseNet, count: int = 24) -> float:
    """Standard deviation of what is shown of images without anything in them, over the noise's; the mean of some."""
    found = []
    for i in range(count):
        rng = np.random.default_rng([900_001, 2, i])
        level = 10.0 ** rng.uniform(-2, 3)
        shown = mean(net, rng.poisson(level, (256, 256)).astype(np.float32), level)
        found.append(float(shown.std()) / level**0.5)
    return float(np.mean(found))


def _row(net: DenoiseNet, dose: float) -> str:
    ours, other = [], []
    for one in validation.scenes(COUNT, dose):
        ours.append(psnr(mean(net, one.image, one.variance), one.clean))
        other.append(max(psnr(ndimage.gaussian_filter(one.image, w), one.clean) for w in _WIDTHS))
    return f"| 1e{int(np.log10(dose))} | {np.mean(ours):.2f} | {np.mean(other):.2f} |"
