"""How near the denoiser comes to the noise-free image, beside classical filters; part of `matstudio bench image`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from matstudio.bench.columns import tally_within, together
from matstudio.bench.image_sets import Marked, Simulated, real_frame
from matstudio.bench.rows import Row
from matstudio.domain.frame import Frame
from matstudio.modalities import weights
from matstudio.modalities.base import Inverse
from matstudio.modalities.image.denoise import Denoiser, load
from matstudio.modalities.image.detect import refined

GAIN_DB, AIM_DB = 4.0, {1e3: 6.0, 1e4: 5.0}
SSIM_AIM = {1e3: 0.90, 1e4: 0.96}
MS_512, MOVED = 250.0, 0.3
_WIDTHS = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0)  # pixels
_WEIGHTS = (0.3, 0.6, 1.0, 1.5, 2.5, 4.0, 8.0)
_ATOM = 2  # standard deviation of a single atom, pixels
_TURNS, _THREADS = 10, 2

Denoise = Callable[[Frame], np.ndarray]


def denoised(images: Iterable[Simulated], reader: Inverse) -> list[Row]:
    """PSNR and SSIM by dose; how far columns move; noise without a specimen; and the time of a frame.

    The peers are a Gaussian and the total variation of scikit-image, each at the setting that is the best for an image,
    which nobody knows who has no noise-free one.
    """
    if weights.denoiser() is None:
        return [Row("denoise-absent", "the denoiser's weights are not there", 0, "images", "", 0.0, None)]
    denoiser = Denoiser(weights.MODELS / "denoise.safetensors")
    known = [i for i in images if i.clean is not None]
    rows = []
    for dose in sorted({i.dose for i in known}):
        rows += _dose([i for i in known if i.dose == dose], dose, denoiser)
    rows += _moved([i for i in known if i.dose == 1e4], denoiser, reader)
    return rows + _nothing(denoiser, reader) + _speed(denoiser)


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    """Peak signal to noise ratio, dB, of the noise-free image's range."""
    return float(10 * np.log10(np.ptp(clean) ** 2 / ((image - clean) ** 2).mean()))


def gaussian(image: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """The Gaussian blur with the highest PSNR."""
    return max((ndimage.gaussian_filter(image, w) for w in _WIDTHS), key=lambda made: psnr(made, clean))


def variation(image: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """The image of least total variation (Chambolle, J. Math. Imaging Vis. 20 (2004) 89), at the best of some
    weights, which count in units of the root of the mean."""
    from skimage.restoration import denoise_tv_chambolle

    unit = float(np.sqrt(max(image.mean(), 1e-12)))
    return max((unit * denoise_tv_chambolle(image / unit, weight=w) for w in _WEIGHTS), key=lambda m: psnr(m, clean))


def _dose(images: list[Simulated], dose: float, denoise: Denoise) -> list[Row]:
    peers = {"Gaussian": gaussian} | ({"total variation": variation} if find_spec("skimage") else {})
    ours = [denoise(i.frame).astype(float) for i in images]
    clean = [np.asarray(i.clean, float) for i in images]
    value = float(np.mean([psnr(m, c) for m, c in zip(ours, clean, strict=True)]))
    tag = f"{dose:.0e}".replace("e+0", "e")
    where = f"at {tag} e/Å², mean of {len(images)}"
    rows, best = [], -np.inf
    for name, peer in peers.items():
        made = [peer(i.frame.data.astype(float), c) for i, c in zip(images, clean, strict=True)]
        level = float(np.mean([psnr(m, c) for m, c in zip(made, clean, strict=True)]))
        rows.append(Row(f"denoise-{tag}-{name}", f"{name}, PSNR {where}", level, "dB", "", 0.0, None))
        rows += _ssim(f"denoise-{tag}-{name}-ssim", f"{name}, SSIM {where}", made, clean, None)
        best = max(best, level)
    must = (">=", 1.0) if dose in AIM_DB else None
    text, id_ = f"denoiser, PSNR {where}", f"denoise-{tag}"
    rows.append(Row(f"{id_}-psnr", text, value, "dB", "", 0.0, None))
    gain = value - best
    rows.append(Row(f"{id_}-gain", f"{text}, above the best of them", gain, "dB", f"{GAIN_DB:g}", gain / GAIN_DB, must))
    return rows + _ssim(f"{id_}-ssim", f"denoiser, SSIM {where}", ours, clean, SSIM_AIM.get(dose))


def _ssim(id_: str, what: str, made: list[np.ndarray], clean: list[np.ndarray], aim: float | None) -> list[Row]:
    if not find_spec("skimage"):
        return []
    from skimage.metrics import structural_similarity

    pairs = zip(made, clean, strict=True)
    value = float(np.mean([structural_similarity(c, m, data_range=np.ptp(c)) for m, c in pairs]))
    if aim is None:
        return [Row(id_, what, value, "1", "", 0.0, None)]
    return [Row(id_, what, value, "1", f"aim {aim:g}", value / aim, None, (">=", 1.0))]


def _moved(images: list[Simulated], denoise: Denoise, reader: Inverse) -> list[Row]:
    """RMS distance of columns found on the denoised frame from those found on the frame, over the bound, of columns
    with more than 5 times their noise; and how far either is from where they are."""
    square = np.zeros(3)
    bound, count = 0.0, 0
    for image in images:
        shown = replace(image.frame, data=denoise(image.frame))
        raw, clean = (np.asarray(reader(f).arrays["columns"]) for f in (image.frame, shown))
        truth = image.truth
        strong = truth.scored & (truth.snr > 5)
        if not (len(raw) and len(clean) and strong.any()):
            continue
        near = 0.35 / truth.pixel_A
        true = truth.xy[strong]
        (a, i), (b, j) = (cKDTree(xy).query(true, distance_upper_bound=near) for xy in (raw, clean))
        both = np.isfinite(a) & np.isfinite(b)
        raw, clean, true = raw[i[both]], clean[j[both]], true[both]
        square += [(((p - q) * truth.pixel_A * 100) ** 2).sum() for p, q in ((raw, clean), (raw, true), (clean, true))]
        bound += float((truth.bound[strong][both] ** 2).sum())
        count += int(both.sum())
    ratio, error, after = (float(r) for r in (np.sqrt(square / bound) if bound else np.full(3, np.nan)))
    what = f"at 1e4 e/Å², RMS over the bound, {count} columns"
    moved = f"columns on the denoised frame against the frame {what}"
    return [
        Row("denoise-moved", moved, ratio, "1", f"{MOVED:g}", ratio / MOVED, ("<=", 1.0)),
        Row("denoise-error", f"columns on the frame against the truth {what}", error, "1", "", 0.0, None),
        Row(
            "denoise-error-after", f"columns on the denoised frame against the truth {what}", after, "1", "", 0.0, None
        ),
    ]


def _nothing(denoise: Denoise, reader: Inverse) -> list[Row]:
    """Columns that are seen on denoised noise."""
    found = 0
    for seed, level in enumerate((0.01, 0.1, 1.0, 10.0, 100.0)):
        counts = np.random.default_rng([seed, 11]).poisson(level, (512, 512)).astype(np.float32)
        frame = real_frame(counts, 0.1)
        frame = replace(frame, metadata={**frame.metadata, "quantity": "counts"})
        found += len(reader(replace(frame, data=denoise(frame))).arrays["columns"])
    what = "columns on 5 denoised frames of pure noise, 0.01 to 100 electrons per pixel"
    return [Row("denoise-noise", what, found, "columns", "none", float(found), ("<=", 0.0))]


def _speed(denoise: Denoise) -> list[Row]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(_THREADS)
    try:
        counts = np.random.default_rng(3).poisson(3, (512, 512)).astype(np.uint16)
        frame = real_frame(counts, 0.1)
        denoise(frame)
        times = []
        for _ in range(_TURNS):
            start = time.perf_counter()
            denoise(frame)
            times.append(1e3 * (time.perf_counter() - start))
    finally:
        torch.set_num_threads(before)
    value = float(np.median(times))
    what = f"denoiser, 512 x 512 pixels of 0.1 Å on {_THREADS} threads"
    return [Row("denoise-ms", what, value, "ms", f"{MS_512:g}", value / MS_512, ("<=", 1.0))]


def adapted(images: Sequence[Marked], radius: float) -> list[Row]:
    """Atoms that people marked, found by LoG on the frames, and on them denoised before and after the denoiser was
    tuned on these very frames, without the marks; each at the threshold with the highest F1.

    Args:
        images: of single atoms, in the order in which they are learnt from.
        radius: within which an atom is found, pixels.
    """
    if weights.denoiser() is None or not find_spec("skimage"):
        return []
    from matstudio.training.adapt import adapt

    frames = [i.frame for i in images]
    denoiser = Denoiser(weights.MODELS / "denoise.safetensors")
    before = [denoiser(f) for f in frames]
    net, _ = load(weights.MODELS / "denoise.safetensors")
    made = adapt(net, frames)
    denoiser.net = made.net
    f1 = [best_f1(images, shown, radius) for shown in ([f.data for f in frames], before, [denoiser(f) for f in frames])]
    what = f"{len(images)} real HAADF images, LoG at its best threshold on"
    told = f"error on frames held back down by {made.better:.2f} ± {made.sigma:.2f} % of the signal's variance"
    return [
        Row("adapt-f1-raw", f"{what} the frames: F1", f1[0], "1", "", 0.0, None),
        Row("adapt-f1-before", f"{what} them denoised: F1", f1[1], "1", "", 0.0, None),
        Row(
            "adapt-f1-after",
            f"{what} them denoised after adaptation ({told}): F1",
            f1[2],
            "1",
            "before",
            f1[2] / f1[1],
            (">=", 1.0),
        ),
    ]


def best_f1(images: Sequence[Marked], shown: Sequence[np.ndarray], radius: float) -> float:
    """The highest F1 of LoG maxima over all thresholds, in the response's standard deviations."""
    from skimage.feature import peak_local_max

    found = []
    for image in shown:
        response = -ndimage.gaussian_laplace(image.astype(float), _ATOM)
        yx = peak_local_max(response, min_distance=2 * _ATOM, exclude_border=False)
        found.append((refined(response, yx)[:, ::-1], response[tuple(yx.T)] / response.std()))
    scores = []
    for least in np.linspace(0.5, 12, 47):
        pairs = zip(images, found, strict=True)
        scores.append(together(tally_within(i.xy, xy[size > least], radius) for i, (xy, size) in pairs).f1)
    return float(np.nanmax(scores))
