"""What an image would be without its noise: the mean of what it may show. Imports torch; load it where it is used."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from scipy import fft
from torch import nn

from matstudio.domain.frame import Frame
from matstudio.modalities import weights
from matstudio.modalities.image import detect
from matstudio.modalities.image.canonical import PIXEL_A, WIDTH, canonical, recorded, smooth, white_noise
from matstudio.modalities.image.network import PixelNet, fused, maps
from matstudio.modalities.image.predict import frame_of, images_of
from matstudio.modalities.image.reconstruct import checked, pixel_A
from matstudio.modalities.image.unet import PIXELS_A

ARCHITECTURE = "denoise-unet-1"
"""Name and version of what the weights fit; changes with every change of shape or meaning."""
CHANNELS = 5
SMALLEST = 48  # canonical pixels
_BAND = 0.15  # cycles per canonical pixel, 1.5 / Å: what columns may show
_STANDS_OUT = 2.6  # power over noise from which a smoothed Fourier bin holds signal
_LEVEL = 3.0  # what the logarithm of noise over signal is divided by


class DenoiseNet(PixelNet):
    """(B, 5, H, W) to (B, 2, H, W): what is added to the local mean, over `Seen.scale`, and the logit of the share of
    `Seen.filtered` that is added too."""

    def __init__(self) -> None:
        super().__init__(CHANNELS, 2, 1)
        nn.init.zeros_(self.head[0].weight)
        nn.init.zeros_(self.head[0].bias)


class Seen:
    """A canonical image as the network is given it, in the noise's and the signal's own units.

    Args:
        image: (H, W) canonical.
        variance: of its white noise per pixel; of counts, their mean.

    Attributes:
        given: (5, H, W) float32: deviation from the local mean over the noise; that filtered by what stands out of the
            power spectrum, by Wiener's filter of its ring means, and by a Gaussian, over `scale`; all compressed by
            asinh; and the logarithm of noise over `scale`.
        local: (H, W) the local mean.
        filtered: (H, W) deviation from it after Wiener's filter.
        scale: standard deviation of the noise-free image from its local mean, as the power spectrum tells it.
    """

    def __init__(self, image: np.ndarray, variance: float) -> None:
        variance = max(variance, 1e-12)
        mean = max(float(image.mean()), 0.0)
        self.local = smooth(image).astype(np.float32)
        part = np.maximum(self.local, 0.05 * mean) / mean if mean > 0 else np.ones_like(self.local)
        noise = np.sqrt(np.float32(variance) * part)
        rise = (image - self.local).astype(np.float32)
        transform = fft.rfft2(rise)
        power = np.abs(transform) ** 2 / rise.size
        fy, fx = fft.fftfreq(rise.shape[0])[:, None], fft.rfftfreq(rise.shape[1])[None]
        square = (fx**2 + fy**2).astype(np.float32)
        twice = np.where((fx > 0) & (fx < 0.5), 2.0, 1.0)
        band = square < _BAND**2
        modes = float((twice * band).sum())
        excess = float(((power - variance) * twice * band).sum()) / rise.size
        doubt = 2 * np.sqrt(2 * modes) * variance / rise.size
        self.scale = float(np.sqrt(max(excess, doubt)))
        wiener = np.maximum(0, 1 - variance / np.maximum(_rings(power, square, rise.shape), 1e-30))
        bins = detect.smoothed(power)
        pattern = np.where(bins > _STANDS_OUT * variance, 1 - variance / np.maximum(bins, 1e-30), 0)
        blur = np.exp(-2 * np.pi**2 * WIDTH**2 * square)
        kept, self.filtered, blurred = (
            fft.irfft2(transform * t.astype(np.float32), s=rise.shape).astype(np.float32)
            for t in (pattern, wiener, blur)
        )
        self.given = np.empty((CHANNELS, *rise.shape), np.float32)
        self.given[0] = np.arcsinh(rise / noise)
        for i, image_ in enumerate((kept, self.filtered, blurred)):
            self.given[1 + i] = np.arcsinh(image_ / self.scale)
        self.given[4] = np.log(noise / self.scale) / _LEVEL


def _rings(power: np.ndarray, square: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Mean power on the ring of each bin."""
    ring = np.floor(np.sqrt(square) * min(shape) / 2).astype(np.int64)
    count = np.bincount(ring.ravel())
    return np.asarray((np.bincount(ring.ravel(), power.ravel()) / np.maximum(count, 1))[ring])


class Denoiser:
    """What a frame would be without its noise, by a network trained on simulated images of every kind.

    Args:
        path: the weights; by default those in resources/models.

    Raises:
        ValueError: the weights are absent, damaged or of another architecture; one line.
    """

    name = "denoise"

    def __init__(self, path: Path | None = None) -> None:
        net, facts = load(path or weights.MODELS / "denoise.safetensors")
        self.version = facts.get("version", "0")
        self.net = fused(net)

    def __call__(self, frame: Frame) -> np.ndarray:
        """The mean of the noise-free images that the frame may be of, (rows, columns) float32 in the frame's unit.

        Raises:
            ValueError: the frame cannot be read; one line.
        """
        image = checked(frame)
        counts = frame.metadata.get("quantity") == "counts"
        pixel = min(pixel_A(frame) or guessed_A(image), PIXELS_A[1])
        shown = canonical(image, pixel)
        if min(shown.shape) < SMALLEST:
            raise ValueError(f"{frame.stream} #{frame.seq}: {image.shape[0]} x {image.shape[1]} pixels are too few")
        variance = float(shown.mean()) if counts else white_noise(image) * (PIXEL_A / pixel) ** 2
        return recorded(mean(self.net, shown, variance), (image.shape[0], image.shape[1]), pixel)


def load(path: Path) -> tuple[DenoiseNet, dict[str, str]]:
    """The network, in evaluation mode, and what is known of its weights.

    Raises:
        ValueError: the weights are absent, damaged or of another architecture; one line.
    """
    net = DenoiseNet()
    facts = weights.fill(net, path, ARCHITECTURE)
    return net.eval(), facts


def mean(net: nn.Module, image: np.ndarray, variance: float) -> np.ndarray:
    """What the network makes of a canonical image with white noise of `variance` per pixel.

    That is the mean of what it makes of the image and of the image turned by half a turn: its errors in both are not
    quite the same, and their mean is smaller.
    """
    seen = Seen(image, variance)
    added, share = (torch.stack(m).mean(0).numpy() for m in zip(*_both_ways(net, seen.given), strict=True))
    return np.asarray(seen.local + seen.scale * added + share * seen.filtered)


def _both_ways(net: nn.Module, given: np.ndarray) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    whole = torch.from_numpy(given)
    added, share = maps(net, whole, 1)
    yield added, share.sigmoid()
    added, share = maps(net, whole.flip(1, 2), 1).flip(1, 2)
    yield added, share.sigmoid()


def guessed_A(image: np.ndarray) -> float:
    """The pixel size in Å, as the width at which spots stand out most tells it, were they columns."""
    spectrum = detect.Spectrum(image)
    may_be = detect.widths(None, image.shape)
    sign = detect.polarity(image, float(may_be[len(may_be) // 2]))
    return WIDTH * PIXEL_A / detect.best_width(spectrum, sign, may_be)


def denoise_set(set_path: Path, out_path: Path, progress: Callable[[int, int], None] | None = None) -> None:
    """Denoise every image of a set, see `predict.predict_image`, into /images/ID (H, W) float32 of a new HDF5 file.

    The file appears whole or not at all; an image that cannot be read is left out.

    Raises:
        ValueError: the file is no such set, or there are no weights; one line.
    """
    import h5py

    denoiser = Denoiser(weights.denoiser())
    part = out_path.with_name(out_path.name + ".part")
    try:
        with h5py.File(set_path) as file, h5py.File(part, "w") as out:
            images = images_of(file, set_path)
            made = out.create_group("images")
            made.attrs["model"] = f"{denoiser.name} {denoiser.version}"
            for number, name in enumerate(images):
                with contextlib.suppress(ValueError):
                    made[name] = denoiser(frame_of(images[name], name, number, str(set_path)))
                if progress is not None:
                    progress(number + 1, len(images))
        part.replace(out_path)
    except OSError as error:
        raise ValueError(f"{set_path}: cannot be read as HDF5, or {out_path} not be written: {error}") from None
    finally:
        part.unlink(missing_ok=True)
