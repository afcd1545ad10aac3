"""`matstudio bench image`: how well columns are found, against others' finders, and how soon a live frame is read."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

import numpy as np
from scipy.spatial import cKDTree

from matstudio.bench import image_sets
from matstudio.bench.columns import Tally, deviation, robust_deviation, tally, tally_within, together
from matstudio.bench.denoised import adapted, denoised
from matstudio.bench.dislocation import dislocations
from matstudio.bench.forward import forward
from matstudio.bench.image_sets import Marked, Simulated
from matstudio.bench.peers import PEERS, log_atoms
from matstudio.bench.prior import prior
from matstudio.bench.rows import Row
from matstudio.domain.estimate import Estimate
from matstudio.domain.frame import Frame, Kind
from matstudio.instruments.twin.specimen import Specimen
from matstudio.modalities.base import Inverse, modality
from matstudio.modalities.image.forward import HaadfForward
from matstudio.modalities.noise import poisson

MODELS = ("unet", "vit", "baseline")
F1 = {1e3: 0.77, 1e4: 0.90, 1e5: 0.975}
"""Least F1 of the network, by electrons per Å^2."""
F1_MODE, RATIO, Z = 0.90, 1.2, (0.9, 1.1)
LIVE_MS, LIVE_BF16_MS = 150.0, 60.0
MOS2_A, MOS2_ERROR = 3.16, 0.01
_FRAMES, _THREADS, _TURNS = 20, 2, 3
_FARTHEST = 5.0  # pixels from a mark, and half the marks' usual spacing


def bench(full: bool = False) -> list[Row]:
    """Columns of `img_public.h5`, these images without noise, a live frame, atoms that people marked, a known lattice.

    A set that is absent gives one row that says so. `full`: three times as many live frames, and the denoiser tuned on
    the images of atoms.
    """
    models = {n: modality(Kind.IMAGE).inverse(n) for n in MODELS if n in modality(Kind.IMAGE).offered()}
    data = image_sets.data_folder() / "image"
    rows = _found(image_sets.eval_folder() / "img_public.h5", lambda p: _simulated(models, p))
    if "unet" in models:
        rows += live(models["unet"], _FRAMES * (3 if full else 1))
    if "vit" in models:
        rows += prior(models["vit"], models["unet"]) + dislocations(models["vit"], models["unet"])
    rows += _found(data / "haadf_single_atoms", lambda p: atoms(models, list(image_sets.marked(p))))
    if full:
        rows += _found(data / "haadf_single_atoms", lambda p: adapted(list(image_sets.marked(p)), _FARTHEST))
    return rows + _found(data / "mos2_haadf", lambda p: lattices(models, image_sets.lattices(p)))


def _simulated(models: dict[str, Inverse], path: Path) -> list[Row]:
    """Columns, the forward model, and the denoiser."""
    rows = columns(models, image_sets.simulated(path)) + forward(path)
    return rows + (denoised(image_sets.simulated(path), models["unet"]) if "unet" in models else [])


def _found(path: Path, rows: Callable[[Path], list[Row]]) -> list[Row]:
    """The rows of a set, or the one that says that it is absent."""
    if path.exists():
        return rows(path)
    return [Row(f"absent-{path.stem}", f"not scored, no {path}", 0, "images", "", 0.0, None)]


def columns(models: dict[str, Inverse], images: Iterable[Simulated]) -> list[Row]:
    """F1, error and ratio to the bound of each model and of each peer, by dose and, at the highest, by mode; then z."""
    found: dict[str, list[tuple[Simulated, Tally]]] = {n: [] for n in models}
    peers = [p for p in PEERS if p.installed]
    found |= {p.name: [] for p in peers}
    for image in images:
        for name, model in models.items():
            arrays = model(image.frame).arrays
            found[name].append((image, tally(image.truth, arrays["columns"], arrays["columns_sigma"])))
        sign = int(image.frame.metadata.get("polarity", 1))
        for peer in peers:
            found[peer.name].append((image, tally(image.truth, peer.find(image.frame.data, sign, image.truth.pixel_A))))
    ids = {p.name: p.id for p in PEERS}
    rows = []
    for name, pairs in found.items():
        rows += _by_dose(ids.get(name, name), name, pairs, name == "unet")
    rows += [
        Row(f"{p.id}-absent", f"{p.name}: {p.package} is not installed", 0, "images", "", 0.0, None)
        for p in PEERS
        if not p.installed
    ]
    for name in models:
        rows += _z(name, found[name], name == "unet")
    return rows


def _by_dose(id_: str, name: str, pairs: list[tuple[Simulated, Tally]], bound: bool) -> list[Row]:
    rows = []
    doses = sorted({i.dose for i, _ in pairs})
    for dose in doses:
        all_ = together(t for i, t in pairs if i.dose == dose)
        tag, where = f"{id_}-{_power(dose)}", f"at {_power(dose)} e/Å²"
        least = F1.get(dose) if bound else None
        most = RATIO if bound and dose < 1e5 else None
        rows += [
            _row(f"{tag}-f1", f"{name}, F1 {where}", all_.f1, "1", least, ">="),
            _row(f"{tag}-rms", f"{name}, RMS error {where}", all_.rms_pm, "pm", None, "<="),
            _row(f"{tag}-ratio", f"{name}, error over the bound {where}", all_.ratio, "1", most, "<="),
        ]
    for mode in sorted({i.mode for i, _ in pairs}):
        all_ = together(t for i, t in pairs if i.dose == doses[-1] and i.mode == mode)
        least = F1_MODE if bound else None
        what = f"{name}, F1 of {mode} at {_power(doses[-1])} e/Å²"
        rows.append(_row(f"{id_}-{mode}-f1", what, all_.f1, "1", least, ">="))
    return rows


def _z(name: str, pairs: list[tuple[Simulated, Tally]], bound: bool) -> list[Row]:
    """Of the errors as they are, which at high dose are those of the true places, and with the latter's own counted."""
    what = f"{name}, standard deviation of error over sigma"
    all_ = together(t for _, t in pairs)
    rows = []
    for tag, z, text in (("z", all_.z, what), ("z-floor", all_.z_floor, f"{what} and the true places' own")):
        low, high = Z if bound else (None, None)
        rows.append(_row(f"{name}-{tag}-low", text, deviation(z), "1", low, ">="))
        if bound:
            rows.append(_row(f"{name}-{tag}-high", text, deviation(z), "1", high, "<="))
        rows.append(_row(f"{name}-{tag}-robust", f"{text}, from the median", robust_deviation(z), "1", None, "<="))
    for dose in sorted({i.dose for i, _ in pairs}):
        part = together(t for i, t in pairs if i.dose == dose)
        text = f"{what}, at {_power(dose)} e/Å²"
        rows.append(_row(f"{name}-{_power(dose)}-z", text, deviation(part.z), "1", None, "<="))
    return rows


def live_frames(number: int, known: bool) -> list[Frame]:
    """Frames as the twin gives them, 512 x 512 with some 420 columns; `known`: they say of what alloy."""
    forward = HaadfForward(pixel_A=0.075)
    specimen = Specimen()
    specimen.set_state(0.7, 0.25)
    facts = dict(forward.metadata())
    if known:
        facts |= {"material": specimen.material.name, "thickness_cells": int(specimen.cells[2]), "composition": 0.25}
    frames = []
    for seq in range(number):
        shift = np.random.default_rng([seq, 5]).uniform(-1, 1, 2)
        expected = forward.expected(specimen.atoms(300.0, (float(shift[0]), float(shift[1]))))
        counts = poisson(expected, np.random.default_rng([seq, 6]))
        frames.append(Frame("image", Kind.IMAGE, seq, counts, forward.axes(), 0.0, 0.1, "simulated", facts))
    return frames


def live(model: Inverse, number: int) -> list[Row]:
    """Time from frame to positions on two threads, 95 of 100 frames: of a known alloy, and of an unknown material.

    NumPy's products have one thread, as in the model host.
    """
    import torch
    from threadpoolctl import threadpool_limits

    name, bf16 = processor()
    limit = LIVE_BF16_MS if bf16 else LIVE_MS
    on = f"{model.name} {model.version}, {name}{' with bf16' if bf16 else ', no bf16'}"
    before = torch.get_num_threads()
    blas = threadpool_limits(1, user_api="blas")
    torch.set_num_threads(_THREADS)
    rows = []
    try:
        for id_, what, known in (("alloy", "known alloy", True), ("unknown", "unknown material", False)):
            frames = live_frames(number, known)
            seen = round(median(len(_timed(model, f)[1].arrays["columns"]) for f in frames[:3]))
            turns = [[_timed(model, f)[0] for f in frames] for _ in range(_TURNS)]
            best = min(turns, key=lambda t: np.percentile(t, 95))
            text = f"{on}: 512 x 512, {seen} columns, {what}, {number} frames, the best of {_TURNS} turns"
            rows += [
                _row(f"live-{id_}", f"{text}, p95", float(np.percentile(best, 95)), "ms", limit, "<="),
                _row(f"live-{id_}-median", f"{text}, median", median(best), "ms", None, "<="),
            ]
    finally:
        torch.set_num_threads(before)
        blas.restore_original_limits()
    return rows


def _timed(model: Inverse, frame: Frame) -> tuple[float, Estimate]:
    start = time.perf_counter()
    estimate = model(frame)
    return 1e3 * (time.perf_counter() - start), estimate


def processor() -> tuple[str, bool]:
    """Its name, and whether it computes with bf16 (told by Linux only)."""
    try:
        about = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine(), False
    names = [line.partition(":")[2].strip() for line in about.splitlines() if line.startswith("model name")]
    return (names[0] if names else platform.machine()), "_bf16" in about


def atoms(models: dict[str, Inverse], images: list[Marked]) -> list[Row]:
    """Precision, recall and F1 of atoms that people marked, by each model and by LoG."""
    spacings = [cKDTree(i.xy).query(i.xy, k=2)[0][:, 1] for i in images if len(i.xy) > 1]
    radius = min(_FARTHEST, float(np.median(np.concatenate(spacings))) / 2) if spacings else _FARTHEST
    finders: dict[str, Callable[[Frame], np.ndarray]] = {n: _columns_of(m) for n, m in models.items()}
    log = PEERS[0]
    if log.installed:
        finders[log.name] = lambda frame: log_atoms(frame.data)
    about = f"{len(images)} real HAADF images, {sum(len(i.xy) for i in images)} atoms marked, within {radius:.3g} px"
    rows = []
    for name, find in finders.items():
        all_ = together(tally_within(i.xy, find(i.frame), radius) for i in images)
        id_ = log.id if name == log.name else name
        for value, what in ((all_.precision, "precision"), (all_.recall, "recall"), (all_.f1, "F1")):
            rows.append(_row(f"atoms-{id_}-{what.lower()}", f"{about}, {name}: {what}", value, "1", None, ">="))
    return rows


def _columns_of(model: Inverse) -> Callable[[Frame], np.ndarray]:
    return lambda frame: np.asarray(model(frame).arrays["columns"])


def lattices(models: dict[str, Inverse], images: Iterable[tuple[str, Frame]]) -> list[Row]:
    """The lattice constant of MoS2 in each image against 3.16 Å."""
    rows = []
    for title, frame in images:
        for name, model in models.items():
            a = model(frame).quantities.get("lattice_a")
            error = abs(a.value / MOS2_A - 1) if a is not None else math.inf
            said = f"{a.value:.3f} ± {a.sigma:.3f} Å" if a is not None else "none"
            what = f"{title}, {name}: lattice constant {said}, off {MOS2_A} Å"
            rows.append(_row(f"mos2-{title}-{name}", what, 100 * error, "%", 100 * MOS2_ERROR, "<="))
    return rows


def _power(dose: float) -> str:
    """ "1e3" of 1000."""
    return f"{dose:.0e}".replace("e+0", "e")


def _row(id_: str, what: str, value: float, unit: str, bound: float | None, sign: str) -> Row:
    if bound is None:
        return Row(id_, what, value, unit, "", 0.0, None)
    return Row(id_, what, value, unit, f"{bound:g}", value / bound, (sign, 1.0))
