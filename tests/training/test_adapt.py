"""The denoiser tuned on frames without a noise-free image, and rolled back where frames held back got worse."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from matstudio.cli.main import main
from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.modalities import weights
from matstudio.modalities.image.denoise import ARCHITECTURE, DenoiseNet, Denoiser, mean
from matstudio.modalities.weights import save_weights
from matstudio.recording.single import write_frame
from matstudio.training import adapt


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def clean(seed: int, n: int = 160) -> np.ndarray:
    """A square lattice of bright columns 2.5 Å apart, electrons per pixel of 0.1 Å, somewhere."""
    shift = np.random.default_rng(seed).uniform(0, 2.5, 2)
    wave = [np.exp(-0.5 * (((np.arange(n) * 0.1 + s) % 2.5 - 1.25) / 0.4) ** 2) for s in shift]
    return 1.5 * wave[0][:, None] * wave[1] + 0.1


def frame(seed: int, *, counts: bool = True) -> Frame:
    data = np.random.default_rng([seed, 1]).poisson(clean(seed)).astype(np.uint16)
    axes = tuple(Axis(n, "Å", 0.1, 0.0, size) for n, size in zip("yx", data.shape, strict=True))
    meta = {"mode": "HAADF", "quantity": "counts" if counts else "intensity"}
    return Frame("image", Kind.IMAGE, seed, data, axes, 0.1 * seed, 0.1 * seed + 0.1, "simulated", meta)


def net() -> DenoiseNet:
    torch.manual_seed(5)
    return DenoiseNet().eval()


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(adapt, "_SIZE", 96)
    monkeypatch.setattr(adapt, "_VIEWS", 6)
    monkeypatch.setattr(adapt, "_LOOK", 10)


@pytest.mark.parametrize("counts", [True, False])
def test_it_comes_nearer_to_an_image_that_it_never_saw(short, monkeypatch, counts):
    monkeypatch.setattr(adapt, "_RATE", 2e-3)
    old = net()
    before = {k: v.clone() for k, v in old.state_dict().items()}
    told = []
    made = adapt.adapt(old, [frame(i, counts=counts) for i in range(5)], lambda *x: told.append(x), steps=40)
    assert made.kept
    assert made.better > made.sigma > 0
    assert (made.frames, made.held) == (4, 1)
    assert told[-1] == (40, 40)
    other, truth = frame(9).data.astype(np.float32), clean(9)
    error = [((mean(n, other, float(other.mean())) - truth) ** 2).mean() for n in (old, made.net)]
    assert error[1] < 0.9 * error[0]
    assert all(torch.equal(v, before[k]) for k, v in old.state_dict().items())


def test_where_frames_held_back_get_worse_the_old_weights_stay(short, monkeypatch):
    monkeypatch.setattr(adapt, "_RATE", 3.0)
    old = net()
    made = adapt.adapt(old, [frame(i) for i in range(3)], steps=10)
    assert not made.kept
    assert made.net is old


def test_both_parts_of_dealt_out_counts_have_the_same_mean_and_independent_noise():
    view = adapt._usable(frame(1))
    noise = []
    for seed in range(40):
        one = adapt.example(view, np.random.default_rng(seed))
        noise.append((float(one.seen.local.mean()), float(one.target.mean())))
    given, target = np.array(noise).T
    assert given.mean() == pytest.approx(0.9 * frame(1).data.mean(), rel=0.02)
    assert target.mean() == pytest.approx(given.mean(), rel=0.02)


def test_frames_that_cannot_be_read_are_left_out_and_too_few_are_refused(short):
    flat = Frame("image", Kind.IMAGE, 0, np.ones((160, 160)), frame(0).axes, 0.0, 0.1, "simulated", {})
    with pytest.raises(ValueError, match="1 of 3 images can be learnt from, 2 are needed"):
        adapt.adapt(net(), [flat, frame(0), flat])


@pytest.fixture
def models(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    folder.mkdir()
    facts = {"model": "denoise", "architecture": ARCHITECTURE, "version": "7"}
    save_weights(folder / "denoise.safetensors", {k: v.contiguous() for k, v in net().state_dict().items()}, facts)
    monkeypatch.setattr(weights, "MODELS", folder)
    return folder


def test_the_command_keeps_the_shipped_weights_and_goes_back(short, models, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(adapt, "_RATE", 2e-3)
    monkeypatch.setattr(adapt, "STEPS", 30)
    files = []
    for i in range(3):
        files.append(str(tmp_path / f"{i}.nxs"))
        write_frame(tmp_path / f"{i}.nxs", frame(i))
    shipped = (models / "denoise.safetensors").read_bytes()
    picture = tmp_path / "p.png"
    assert main(["adapt", "--json", "--picture", str(picture), *files]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["kept"]
    assert json.loads(said.err.splitlines()[-1])["progress"]["done"] == 30
    assert (models / "denoise.safetensors").read_bytes() == shipped
    assert weights.denoiser() == weights.adapted()
    assert Denoiser(weights.denoiser()).version.startswith("7+20")
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert main(["adapt", "--undo"]) == 0
    assert weights.denoiser() == models / "denoise.safetensors"
    assert main(["adapt", "--undo"]) == 2
    assert "are those that it came with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [([], "give the file of a session"), (["--undo", "x"], "--undo: takes no file"), (["absent.nxs"], "absent.nxs")],
)
def test_bad_usage_gives_one_line(models, capsys, arguments, says):
    assert main(["adapt", *arguments]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1
