"""From a training of the network that sees lattices to weights that load, with the card that says what they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from matstudio.modalities import weights
from matstudio.modalities.base import Inverse
from matstudio.modalities.image.canonical import to_canonical
from matstudio.modalities.image.cell import symmetry, turn
from matstudio.modalities.image.unet import UNet
from matstudio.modalities.image.vit import ARCHITECTURE, LatticeNet
from matstudio.modalities.image.vit_reader import READING, VisionTransformer
from matstudio.training import validation
from matstudio.training.loop import Training
from matstudio.training.score import NOTHING, score
from matstudio.training.symmetry import group, primitive

COUNT = 26
"""Images of each dose that it is scored on, twice: as they are, and with vacancies."""

_CARD = """# Network `vit`: lattices in images

{parameters:,} parameters, architecture `{architecture}`, version {version}. Weights: `vit.safetensors`, SHA-256 of the
tensors' bytes `{checksum}`.

**Does** see what repeats in an image: for tokens of 1.6 Å a map of the translations up to 8 Å, and what share of the
columns repeats. A transformer looks at how alike the surroundings of each
token and of each of its translations are, in what `unet` sees and in the response to a blob. The lattices that follow
are prior knowledge of where columns are: neighbours a translation away say it too, as much as their errors and the
measured disorder allow, and not at all where a column lies three standard deviations off. A place of the lattice that
the image shows empty is told as a vacancy. The point symmetry is that of the mean cell. For images with pixels of 0.04
to 0.25 Å; known alloys are read as by `unet`.

**Trained** by `matstudio train vit --steps {steps} --seed {seed}`: {step:,} steps, {spent:.1f} h beside other work on 2
cores, on {views:,} simulated views of 19 to 38 Å that were each seen once: the crystals that `unet.md` tells of, with
their primitive cell; 3 in 10 with a boundary, antiphase or between grains; vacancies, strain, surfaces; 7
in 100 without a lattice. `unet`'s weights stayed as they are. No recorded image and no evaluation set was used.

| dose, e/Å² | lattice right (`unet`) | symmetry right | F1 (`unet`) | RMS, pm (`unet`) | filled (`unet`) | told |
|---|---|---|---|---|---|---|
{rows}

Of {count} simulated images of {crystals} real crystals that were not trained on, at each dose; vacancies in as many
others, each strong column absent with a chance of 4 %. Filled in: a column closer than 0.5 Å; told: a vacancy closer
than 0.5 Å. A lattice is right if its cell is the primitive
one to 8 %; the symmetry is that of the true lattice's mean cell.

**Limits.** Translations beyond 8 Å are not seen. A cell that is nearly centred may be taken for the smaller one. Where
columns are displaced alike over many cells (domain walls), places are drawn towards the mean of three cells around.
Scan jitter is no part of the errors told.
"""


def finish(training: Training, folder: Path) -> str:
    """Write `vit.safetensors` and `vit.md`; returns the table of scores.

    Args:
        training: as far as it is.
        folder: where they go.
    """
    version = f"{training.step}-{training.seed}"
    tensors = {k.removeprefix("net."): v for k, v in training.weights().items()}
    made = {"seed": training.seed, "step": training.step, "steps": training.steps}
    facts = {"model": "vit", "architecture": ARCHITECTURE, "version": version, "training": json.dumps(made)}
    path = folder / "vit.safetensors"
    checksum = weights.save_weights(path, tensors, facts)
    model, finder = VisionTransformer(path), UNet()
    rows = "\n".join(_row(dose, model, finder) for dose in validation.DOSES)
    card = _CARD.format(
        parameters=sum(p.numel() for p in LatticeNet().parameters()),
        architecture=ARCHITECTURE,
        version=f"{version}.{READING}",
        checksum=checksum,
        **training.told(),
        rows=rows,
        count=COUNT,
        crystals=len(validation.crystals()),
    )
    (folder / "vit.md").write_text(card, encoding="utf-8")
    return rows


def same_lattice(found: np.ndarray, true: np.ndarray) -> bool:
    """Whether two bases, rows, span the same lattice to 8 %."""
    steps = found @ np.linalg.inv(true)
    whole = np.rint(steps)
    return bool(np.abs(steps - whole).max() < 0.08 and abs(abs(np.linalg.det(whole)) - 1) < 0.1)


def _row(dose: float, model: VisionTransformer, finder: UNet) -> str:
    known = validation.crystals()
    lattices, groups, named = [0, 0], 0, 0
    totals = [NOTHING, NOTHING]
    for i, (one, angle) in enumerate(validation.turned(COUNT, dose)):
        what = known[i % len(known)]
        cell = primitive(what)
        turned = cell @ turn(angle)
        named_ = symmetry(one.raw.astype(float), turned / one.pixel_A, one.pixel_A)
        named += named_ is not None
        groups += named_ is not None and named_[0] == group(what, cell)
        for k, reader in enumerate((model, finder)):
            arrays = reader(validation.frame(one)).arrays
            lattices[k] += "lattice" in arrays and same_lattice(arrays["lattice"] * one.pixel_A, turned)
            xy = to_canonical(arrays["columns"], one.pixel_A) * 0.1
            totals[k] = totals[k] + score(one.xy * 0.1, one.hidden * 0.1, xy, one.image.shape[0] * 0.1)
    filled, told, absent = [0, 0], 0, 0
    for one, gone in validation.vacancies(COUNT, dose):
        absent += len(gone)
        for k, reader in enumerate((model, finder)):
            filled[k] += _near(_read(one, reader, "columns"), gone)
        told += _near(_read(one, model, "vacancies"), gone)
    ours, other = totals
    parts = (
        f"1e{int(np.log10(dose))}",
        f"{lattices[0]} ({lattices[1]}) of {COUNT}",
        f"{groups} of {named}",
        f"{ours.f1:.3f} ({other.f1:.3f})",
        f"{ours.rms_pm:.1f} ({other.rms_pm:.1f})",
        f"{filled[0]} ({filled[1]}) of {absent}",
        f"{told}",
    )
    return f"| {' | '.join(parts)} |"


def _near(xy: np.ndarray, gone: np.ndarray) -> int:
    return int((cKDTree(xy).query(gone)[0] < 0.5).sum()) if len(xy) and len(gone) else 0


def _read(one: validation.Scene, reader: Inverse, what: str) -> np.ndarray:
    """(N, 2) an array of places of a reader's estimate, Å."""
    xy = np.asarray(reader(validation.frame(one)).arrays.get(what, np.zeros((0, 2))))
    return to_canonical(xy, one.pixel_A) * 0.1
