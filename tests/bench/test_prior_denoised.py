"""The parts of `bench image` on denoising and on lattices, with models whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from matstudio.bench import denoised, prior
from matstudio.bench.columns import Truth
from matstudio.bench.image_sets import Simulated, real_frame
from matstudio.domain.estimate import Estimate, Model
from matstudio.modalities import weights
from matstudio.modalities.image.canonical import from_canonical
from matstudio.modalities.image.denoise import ARCHITECTURE, DenoiseNet
from matstudio.training import validation


class Teller:
    """A model that says what it is told to."""

    version = "1"

    def __init__(self, name, say):
        self.name, self._say = name, say

    def __call__(self, frame):
        return Estimate("image", frame.seq, 0.0, Model(self.name, "1", "0"), {}, self._say(frame))


def simulated(dose: float = 1e4) -> Simulated:
    at = np.exp(-0.5 * (((np.arange(128) * 0.1) % 2.5 - 1.25) / 0.4) ** 2)
    clean = 2.0 * np.outer(at, at) + 0.2
    counts = np.random.default_rng(0).poisson(clean).astype(np.float32)
    xy = np.stack(np.meshgrid(*[np.arange(5) * 25 + 12.5] * 2), -1).reshape(-1, 2)
    n = len(xy)
    truth = Truth(xy, np.ones(n, bool), np.full((n, 2), 10.0), np.full(n, 9.0), 0.1, (128, 128))
    frame = real_frame(counts, 0.1)
    frame = type(frame)(**{**vars(frame), "metadata": {"quantity": "counts"}})
    return Simulated(frame, truth, "HAADF", dose, clean)


def test_psnr_is_of_the_range_of_the_clean_image():
    clean = np.array([[0.0, 2.0], [1.0, 1.0]])
    assert denoised.psnr(clean + 0.2, clean) == pytest.approx(20.0)


def test_peers_have_the_best_setting_for_the_image():
    one = simulated()
    raw = one.frame.data.astype(float)
    made = denoised.gaussian(raw, one.clean)
    assert denoised.psnr(made, one.clean) > denoised.psnr(raw, one.clean) + 6
    pytest.importorskip("skimage")
    assert denoised.psnr(denoised.variation(raw, one.clean), one.clean) > denoised.psnr(raw, one.clean) + 3


def test_rows_of_the_denoiser(tmp_path, monkeypatch):
    torch.manual_seed(5)
    facts = {"model": "denoise", "architecture": ARCHITECTURE, "version": "7"}
    path = tmp_path / "denoise.safetensors"
    monkeypatch.setattr(weights, "MODELS", tmp_path)
    one = simulated()
    reader = Teller(
        "unet", lambda frame: {"columns": one.truth.xy if frame.data.shape == (128, 128) else np.zeros((0, 2))}
    )
    assert denoised.denoised([one], reader)[0].id == "denoise-absent"
    weights.save_weights(path, {k: v.contiguous() for k, v in DenoiseNet().state_dict().items()}, facts)
    monkeypatch.setattr(denoised, "_TURNS", 1)
    rows = {r.id: r for r in denoised.denoised([one], reader)}
    best = max(
        rows["denoise-1e4-Gaussian"].value, rows.get("denoise-1e4-total variation", rows["denoise-1e4-psnr"]).value
    )
    gain = rows["denoise-1e4-gain"]
    if "denoise-1e4-total variation" in rows:
        assert gain.value == pytest.approx(rows["denoise-1e4-psnr"].value - best)
    assert not gain.passed  # it was not trained
    assert [rows[f"denoise-{w}"].value for w in ("moved", "error", "error-after")] == [0.0, 0.0, 0.0]
    assert rows["denoise-noise"].value == 0
    assert rows["denoise-ms"].value > 0


def test_vacancies_told_and_columns_drawn_are_counted(monkeypatch):
    monkeypatch.setattr(validation, "SIZE", 96)
    monkeypatch.setattr(prior, "DOSES", (1e4,))
    known = {}
    real = validation.frame

    def frame(one):
        made = real(one)
        known[id(made.data)] = one
        return made

    monkeypatch.setattr(validation, "frame", frame)
    truth = {id(one.raw): gone for one, gone in []}
    pairs = list(validation.vacancies(3, 1e4))
    monkeypatch.setattr(validation, "vacancies", lambda count, dose: iter(pairs))
    truth = {id(one.raw): gone for one, gone in pairs}

    def told(frame):
        one = known[id(frame.data)]
        gone = from_canonical(truth[id(one.raw)] / 0.1, one.pixel_A)
        middle = from_canonical(one.xy[[np.argmin(np.abs(one.xy - 48).max(1))]], one.pixel_A)  # where a column is
        return {"columns": from_canonical(one.xy, one.pixel_A), "vacancies": np.concatenate([gone, middle])}

    def filled(frame):
        one = known[id(frame.data)]
        gone = from_canonical(truth[id(one.raw)] / 0.1, one.pixel_A)
        return {"columns": np.concatenate([from_canonical(one.xy + 1.0, one.pixel_A), gone])}

    rows = {r.id: r for r in prior.prior(Teller("vit", told), Teller("unet", filled), 3)}
    assert rows["prior-1e4-vacancies"].value == 1.0
    assert rows["prior-1e4-vacancies"].passed
    assert rows["prior-1e4-filled"].value == 0
    assert rows["prior-1e4-before"].value == sum(len(gone) for _, gone in pairs)
    assert rows["prior-1e4-false"].value == 3
    assert rows["prior-1e4-vacancies-clear"].value == 1.0
    assert rows["prior-1e4-rms"].value < 0.01
