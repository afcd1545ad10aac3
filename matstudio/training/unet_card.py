"""From a training to weights that the model host loads, with the card that says what they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from matstudio.modalities.image.detect import classical
from matstudio.modalities.image.network import ARCHITECTURE, ColumnNet
from matstudio.modalities.image.reconstruct import Finder
from matstudio.modalities.image.unet import READING, NetworkFinder, Settings
from matstudio.modalities.weights import save_weights
from matstudio.training import validation
from matstudio.training.loop import Training
from matstudio.training.score import NOTHING

_CARD = """# Network `unet`: atomic columns in images

{parameters:,} parameters, architecture `{architecture}`, version {version}. Weights: `unet.safetensors`, SHA-256 of the
tensors' bytes `{checksum}`.

**Does** find atomic columns in images of any kind (HAADF, MAADF, ABF, HRTEM) with pixels of 0.04 to 0.25 Å: a heat map
and offsets at 0.2 Å. Places where the baseline's filters find columns, farther than 1.2 Å from the network's and a
tenth of their number or more, count too, with the baseline's significances; not where the alloy is known. Positions,
intensities and their standard deviations come from the same maximum-likelihood fit as the baseline's.

**Trained** by `matstudio train unet --steps {steps} --seed {seed}`: {step:,} steps, {spent:.1f} h beside other work on
2 cores, on {views:,} simulated views of 16 to 38 Å that were each seen once: random plane crystals of 1 to 24 columns a
cell, grains, antiphase and other boundaries, vacancies, strain, surfaces, wedges, amorphous matter, single atoms, and 1
in 16 without any column; incoherent images with Gaussian, aperture-limited and tailed probes, dark columns on a bright
field, and coherent images with a contrast transfer function; 3e2 to 1e6 e/Å², scan jitter, cameras. No recorded image
and no evaluation set was used.

**Chosen** on {count} simulated images of {crystals} real crystals that were not trained on: threshold {threshold:.2f}
of the heat map, least significance {least:.1f} in the fit. Pure noise reaches {noise:.2f}: a column has one above
{certain:.2f} within 6 Å, or is one. The distance and the share at which the filters' places count were chosen with
earlier weights, on these images and on 249 others of own simulation.

| dose, e/Å² | F1 | RMS, pm | baseline: F1 | RMS, pm | vacancies filled in | baseline |
|---|---|---|---|---|---|---|
{rows}

Vacancies: in {count} other images of these crystals, each strong column absent with a chance of 4 %; filled in where a
column is found closer than 0.5 Å.

(Images of the kind it was trained on; the thresholds were chosen on them. What it does on another program's images
stands in `docs/scores.md`.)

**Limits.** Columns closer than 0.8 Å were not trained on. An image without a pixel size is read by the baseline's
filters alone. The heat map is no calibrated probability. At low dose it fills in what the surroundings lead it to
expect: a single vacancy below the noise may be drawn as a column. An image whose statistics lie outside those of the
training is read, and the estimate says so.
"""


COUNT = 26
"""Images of each dose that the settings are chosen on."""


def finish(training: Training, folder: Path) -> str:
    """Choose the settings, write `unet.safetensors` and `unet.md`; returns the table of scores.

    Args:
        training: as far as it is.
        folder: where they go.
    """
    version = f"{training.step}-{training.seed}"  # of the weights
    net = ColumnNet()
    net.load_state_dict(training.weights())
    net.eval()
    sets = {dose: list(validation.scenes(COUNT, dose)) for dose in validation.DOSES}
    every = [one for some in sets.values() for one in some]
    settings = validation.chosen(net, every, validation.ranges(training.seed))
    facts = {
        "model": "unet",
        "architecture": ARCHITECTURE,
        "version": version,
        "settings": settings.dumps(),
        "training": json.dumps({"seed": training.seed, "step": training.step, "steps": training.steps}),
    }
    checksum = save_weights(folder / "unet.safetensors", training.weights(), facts)
    rows = "\n".join(_row(dose, some, net, settings) for dose, some in sets.items())
    card = _CARD.format(
        parameters=sum(p.numel() for p in net.parameters()),
        architecture=ARCHITECTURE,
        version=f"{version}.{READING}",
        checksum=checksum,
        **training.told(),
        count=len(every),
        crystals=len(validation.crystals()),
        threshold=settings.threshold,
        least=settings.least,
        certain=settings.certain,
        noise=settings.certain / 1.1,
        rows=rows,
    )
    (folder / "unet.md").write_text(card, encoding="utf-8")
    return rows


def _row(dose: float, some: list[validation.Scene], net: ColumnNet, settings: Settings) -> str:
    absent = list(validation.vacancies(COUNT, dose))
    of, filled = [], []
    finders: tuple[Finder, ...] = (NetworkFinder(net, settings), classical)
    for find in finders:
        total = sum((validation.fitted(one, find) for one in some), NOTHING)
        of.append(f"{total.f1:.3f} | {total.rms_pm:.1f}")
        drawn = sum(validation.filled(one, gone, find) for one, gone in absent)
        filled.append(f"{drawn} of {sum(len(gone) for _, gone in absent)}")
    return f"| 1e{int(np.log10(dose))} | {' | '.join(of)} | {' | '.join(filled)} |"
