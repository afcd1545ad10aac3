"""The denoiser with weights that were not trained: units, shapes, what it is given; its process; the viewer's layer."""

from __future__ import annotations

import os
import signal

import numpy as np
import psutil
import pytest
import torch
from PySide6.QtWidgets import QCheckBox

from matstudio.domain.frame import Axis, Frame, Kind
from matstudio.modalities import weights
from matstudio.modalities.base import modality
from matstudio.modalities.image import denoise_thread
from matstudio.modalities.image.canonical import canonical, recorded
from matstudio.modalities.image.denoise import ARCHITECTURE, DenoiseNet, Denoiser, Seen, guessed_A
from matstudio.modalities.image.denoise_thread import DenoiseThread
from matstudio.modalities.weights import save_weights


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Weights as a training begins with them, which are those that the viewer finds."""
    torch.manual_seed(5)
    file = tmp_path / "models" / "denoise.safetensors"
    file.parent.mkdir()
    facts = {"model": "denoise", "architecture": ARCHITECTURE, "version": "7"}
    save_weights(file, {k: v.contiguous() for k, v in DenoiseNet().state_dict().items()}, facts)
    monkeypatch.setattr(weights, "MODELS", file.parent)
    return file


def frame(data: np.ndarray, pixel: float | None = 0.1, seq: int = 3, **metadata: object) -> Frame:
    unit, scale = ("Å", pixel) if pixel else ("px", 1.0)
    axes = tuple(Axis(n, unit, scale, 0.0, size) for n, size in zip("yx", data.shape, strict=True))
    return Frame("image", Kind.IMAGE, seq, data, axes, 0.0, 0.1, "simulated", {"mode": "HAADF", **metadata})


def clean(n: int = 160, pixel: float = 0.1) -> np.ndarray:
    """A square lattice of bright columns 2.5 Å apart, electrons per pixel of 0.1 Å."""
    wave = np.exp(-0.5 * (((np.arange(n) + 0.5) * pixel % 2.5 - 1.25) / 0.4) ** 2)
    return (2.0 * wave[:, None] * wave + 0.2) * (pixel / 0.1) ** 2


@pytest.mark.parametrize("pixel", [0.04, 0.07, 0.1, 0.13, 0.25])
def test_an_image_comes_back_from_canonical_pixels(pixel):
    image = clean(int(20 / pixel), pixel)
    back = recorded(canonical(image, pixel), image.shape, pixel)
    inner = (slice(8, -8),) * 2
    assert back.shape == image.shape
    assert np.abs(back - image)[inner].max() < 0.05 * image.max()


def test_what_is_seen_does_not_depend_on_the_unit_of_the_values():
    counts = np.random.default_rng(0).poisson(clean()).astype(np.float32)
    one, other = Seen(counts, float(counts.mean())), Seen(7 * counts, 49 * float(counts.mean()))
    assert np.allclose(one.given, other.given, atol=1e-3)
    assert other.scale == pytest.approx(7 * one.scale, rel=1e-3)


def test_the_scale_is_that_of_the_signal_however_strong_the_noise():
    truth = np.tile(clean(160), (2, 2))
    for dose in (0.02, 1.0, 100.0):
        counts = np.random.default_rng(1).poisson(dose * truth).astype(np.float32)
        assert Seen(counts, float(counts.mean())).scale == pytest.approx(dose * truth.std(), rel=0.3)


def test_untrained_weights_already_give_less_noise_in_the_units_of_the_frame(path):
    denoiser = Denoiser(path)
    counts = np.random.default_rng(0).poisson(clean()).astype(np.uint16)
    for data, meta, truth in (
        (counts, {"quantity": "counts"}, clean()),
        (3.0 * counts + 100, {}, 3 * clean() + 100),
    ):
        shown = denoiser(frame(data, **meta))
        assert shown.dtype == np.float32
        assert shown.shape == data.shape
        assert ((shown - truth) ** 2).mean() < 0.3 * ((data - truth) ** 2).mean()
        assert shown.mean() == pytest.approx(data.mean(), rel=0.02)


@pytest.mark.parametrize("shape", [(48, 49), (63, 200), (512, 30)])
def test_images_of_any_size_are_denoised_or_refused_in_one_line(path, shape):
    data = np.random.default_rng(0).poisson(3, shape).astype(np.float32)
    data[0, 0] = np.nan
    if min(shape) < 48:
        with pytest.raises(ValueError, match="512 x 30 pixels are too few"):
            Denoiser(path)(frame(data, quantity="counts"))
        return
    shown = Denoiser(path)(frame(data, quantity="counts"))
    assert shown.shape == shape
    assert np.isfinite(shown).all()


def test_without_a_pixel_size_it_is_guessed_from_the_spots():
    image = np.random.default_rng(0).poisson(20 * clean(300, 0.1)).astype(float)
    assert guessed_A(image) == pytest.approx(0.1, rel=0.35)
    assert guessed_A(np.kron(image, np.ones((2, 2)))) == pytest.approx(0.05, rel=0.35)


def test_damaged_weights_and_those_of_another_network_are_refused(tmp_path, path):
    with pytest.raises(ValueError, match="No such file"):
        Denoiser(tmp_path / "absent")
    damaged = tmp_path / "damaged"
    damaged.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ValueError, match="damaged"):
        Denoiser(damaged)
    save_weights(tmp_path / "other", {"x": torch.zeros(1)}, {"architecture": ARCHITECTURE})
    with pytest.raises(ValueError, match="weights do not fit"):
        Denoiser(tmp_path / "other")


def counts_frame(seq: int) -> Frame:
    return frame(np.random.default_rng(seq).poisson(clean()).astype(np.uint16), seq=seq, quantity="counts")


def test_the_process_gives_what_the_denoiser_gives_and_passes_over_what_it_cannot_read(path, qtbot):
    thread = DenoiseThread(path)
    made, refused = [], []
    thread.made.connect(made.append)
    thread.refused.connect(refused.append)
    thread.start()
    try:
        thread.want(frame(np.ones((64, 64), np.float32)))
        qtbot.waitUntil(lambda: len(refused) == 1, timeout=20_000)
        assert "every pixel has the value 1" in refused[0]
        thread.want(counts_frame(1))
        qtbot.waitUntil(lambda: len(made) == 1, timeout=20_000)
    finally:
        thread.stop()
    assert np.allclose(made[0].image, Denoiser(path)(counts_frame(1)), atol=1e-3)
    assert made[0].model == "denoise 7"


def children() -> list[psutil.Process]:
    """The denoiser's processes that this one has."""
    found = [p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE]
    return [p for p in found if "denoise_child" in " ".join(p.cmdline())]


@pytest.mark.parametrize("harm", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_is_killed_or_hangs_is_told(path, qtbot, monkeypatch, harm):
    monkeypatch.setattr(denoise_thread, "PATIENCE_S", 1.0)
    thread = DenoiseThread(path)
    made, failed = [], []
    thread.made.connect(made.append)
    thread.failed.connect(failed.append)
    thread.start()
    try:
        thread.want(counts_frame(1))
        qtbot.waitUntil(lambda: bool(made), timeout=20_000)
        (child,) = children()
        os.kill(child.pid, harm)
        thread.want(counts_frame(2))
        qtbot.waitUntil(lambda: bool(failed), timeout=10_000)
        assert "\n" not in failed[0]
    finally:
        thread.stop()


def test_damaged_weights_are_told_by_the_process(path, qtbot):
    path.write_bytes(path.read_bytes()[:-50])
    thread = DenoiseThread(path)
    with qtbot.waitSignal(thread.failed, timeout=20_000) as told:
        thread.start()
    thread.stop()
    assert "damaged" in told.args[0]


@pytest.fixture
def viewer(qtbot, path):
    made = modality("image").make("viewer")
    qtbot.addWidget(made)
    made.resize(700, 500)
    made.show()
    yield made
    made.set_denoised(False)


def box(viewer) -> QCheckBox:
    return next(b for b in viewer.findChildren(QCheckBox) if b.text() == "denoised")


def test_the_layer_is_marked_and_goes_away_again(viewer, qtbot):
    raw = counts_frame(1)
    viewer.show_frame(raw)
    assert viewer.canvas.mark == ""
    box(viewer).click()
    assert viewer.canvas.data is raw.data  # until the first is made
    qtbot.waitUntil(lambda: viewer.canvas.mark.startswith("DENOISED"), timeout=20_000)
    assert viewer.canvas.data.dtype == np.float32
    assert "frame 1" in viewer.canvas.mark
    assert viewer.frame is raw
    viewer.show_frame(counts_frame(2))
    assert "frame 1" in viewer.canvas.mark  # the old picture stays until the new one is made
    qtbot.waitUntil(lambda: "frame 2" in viewer.canvas.mark, timeout=20_000)
    box(viewer).click()
    assert viewer.canvas.mark == ""
    assert viewer.canvas.data is viewer.frame.data


def test_a_frame_of_other_axes_is_shown_as_it_is_until_it_is_denoised(viewer, qtbot):
    viewer.show_frame(counts_frame(1))
    box(viewer).click()
    qtbot.waitUntil(lambda: viewer.canvas.mark.startswith("DENOISED"), timeout=20_000)
    other = frame(np.random.default_rng(5).poisson(3, (96, 128)).astype(np.uint16), seq=9, quantity="counts")
    viewer.show_frame(other)
    assert viewer.canvas.data is other.data
    assert viewer.canvas.mark == ""
    qtbot.waitUntil(lambda: "frame 9" in viewer.canvas.mark, timeout=20_000)
    viewer.show_frame(frame(np.ones((96, 128), complex), seq=10))
    assert viewer.frame is other


def test_the_viewer_shows_the_frame_and_says_why_where_it_is_not_denoised(viewer, qtbot, path):
    path.write_bytes(b"")
    box(viewer).click()
    viewer.show_frame(counts_frame(1))
    qtbot.waitUntil(lambda: viewer.canvas.mark.startswith("NOT DENOISED"), timeout=20_000)
    viewer.show_frame(counts_frame(2))
    assert viewer.canvas.data is viewer.frame.data


def test_a_viewer_that_is_deleted_ends_its_process(qtbot, path):
    made = modality("image").make("viewer")
    made.show()
    made.set_denoised(True)
    qtbot.waitUntil(lambda: bool(children()), timeout=20_000)
    made.close()
    made.deleteLater()
    qtbot.waitUntil(lambda: not children(), timeout=10_000)


def test_without_weights_the_layer_is_not_offered(qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "MODELS", tmp_path)
    made = modality("image").make("viewer")
    qtbot.addWidget(made)
    assert box(made).isHidden()
